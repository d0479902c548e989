"""How many labelled spectra a model needs for a phase that it never saw; everything simulated.

A small model is trained on the shipped library without one kind of structure (lithium-rich ones by default). Then it is
taken to that kind by 5, 10, 20 and 40 labelled spectra, as ``eelsmap transfer`` does, and judged on spectra of other
families of the kind. Each finished trial is written at once; a program that was stopped goes on where it was.

    python benchmarks/transfer_learning.py --work transfer_work --figure docs/images/calibration_transfer.png
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from eelsmap._version import __version__
from eelsmap.features import seen_distributions
from eelsmap.library import Library, load_library
from eelsmap.models import Model, load_model
from eelsmap.models.bundle import write_bundle
from eelsmap.models.calibration import calibrate_model
from eelsmap.models.fitting import fit_number
from eelsmap.models.metrics import number_metrics
from eelsmap.models.novelty import fit_novelty
from eelsmap.models.references import ReferenceSet, Rows
from eelsmap.models.training_mixtures import group_parents, sample_mixtures
from eelsmap.models.training_spectra import join_spectra, make_training_spectra
from eelsmap.models.transfer import TRANSFER_WAYS, as_seen, simulated_features
from eelsmap.models.value_corrections import corrected_values
from eelsmap.recipe import Recipe
from eelsmap.whole_file import whole_file

SIZES = (5, 10, 20, 40)
TARGETS = ("li_content", "mn_valence")
SPECTRA = 1200


@dataclass(frozen=True)
class FeatureReferences(ReferenceSet):
    """References that are features already: they cannot be moved or broadened, only what follows the trees applies."""

    table: Rows | None = None

    def _predicted(self, corrections: Any) -> Rows:
        """Rows as they are."""
        assert self.table is not None  # noqa: S101 - always given here
        return self.table


def without(library: Library, prefix: str) -> Library:
    """Library in which the structures of some families neither train nor test."""
    held = held_out(library, prefix)
    return replace(library, split=np.where(held, "reference", library.split))


def held_out(library: Library, prefix: str) -> NDArray[np.bool_]:
    """Find the records of families that begin with a word."""
    return np.array([library.families[int(parent)].startswith(prefix) for parent in library.parent])


def small_model(library: Library, folder: Path, rows: int) -> Model:
    """Train a model of two properties, as ``eelsmap train`` trains all."""
    random = np.random.default_rng(0)
    recipe = Recipe()
    group_of = group_parents(library, groups=3, seed=0)
    mixtures = sample_mixtures(library, group_of, rows, random)
    chunks = make_training_spectra(library, mixtures, recipe, random)
    data = join_spectra(tqdm(chunks, desc="spectra", unit="chunk"))
    parts = {"card.md": b"# A small model for a trial of transfer"}
    parts["novelty.npz"] = fit_novelty(*seen_distributions(data.features, recipe), data.group).to_bytes()
    work = folder / f"fits_{hashlib.sha256(data.features.tobytes()).hexdigest()[:12]}"
    work.mkdir(parents=True, exist_ok=True)
    numbers = {}
    with tqdm(desc="training", unit="fit", total=8 * len(TARGETS)) as bar:
        for name in TARGETS:
            fitted = fit_number(name, data, work, confidence=0.9, advance=bar.update)
            parts[f"{name}.ubj"], parts[f"{name}_spread.ubj"] = fitted.point, fitted.spread
            numbers[name] = fitted.interval.to_dict()
    parts["calibration.json"] = json.dumps({"numbers": numbers, "probabilities": {}}).encode()
    manifest = {
        "name": "small", "version": "1.0.0", "eelsmap_version": __version__, "licence": "GPL-3.0-or-later",
        "recipe": recipe.to_dict(), "targets": list(TARGETS), "confidence": 0.9, "limits": "For one trial.",
        "trained_on": f"{rows} simulated spectra of library {library.name} {library.version}",
        "library": {"name": library.name, "version": library.version, "sha256": library.sha256},
    }  # fmt: skip
    write_bundle(folder / "model", manifest, parts)
    return load_model(folder / "model")


def spectra_of(library: Library, prefix: str, model: Model, seed: int) -> Rows:
    """Make simulated spectra of the held-out kind through the synthetic microscope; their group is their family."""
    random = np.random.default_rng(seed)
    parents = np.unique(library.parent[held_out(library, prefix)])
    families = sorted({library.families[int(parent)] for parent in parents})
    # A spectrum blends structures of one group only: with families as groups none is on both sides.
    group_of = {int(parent): families.index(library.families[int(parent)]) for parent in parents}
    mixtures = sample_mixtures(library, group_of, SPECTRA, random)
    data = join_spectra(make_training_spectra(library, mixtures, model.recipe, random))
    truth = {name: data.labels[name] for name in TARGETS}
    values = model.predict_features(data.features, data.log_snr).astype(np.float64)
    seen = seen_distributions(data.features, model.recipe)[2]
    return Rows(data.features, values, truth, data.group, seen)


def references_of(model: Model, rows: Rows) -> FeatureReferences:
    """Make references of rows, families numbered anew."""
    names, group = np.unique(rows.group, return_inverse=True)
    table = replace(rows, group=group)
    return FeatureReferences(model, [], rows.truth, group, [str(name) for name in names], float("nan"), {}, table=table)


def trial(model: Model, rows: Rows, simulated: NDArray[np.float32], size: int, repeat: int) -> dict[str, Any]:
    """Learn from some labelled spectra, judge on spectra of families that none of them is of."""
    random = np.random.default_rng([size, repeat])
    families = random.permutation(np.unique(rows.group))
    learned, judged = families[: families.size // 2], families[families.size // 2 :]
    candidates = np.flatnonzero(np.isin(rows.group, learned))
    # As many families as there are spectra, while there are enough.
    order = random.permutation(candidates)
    rank = np.array([np.sum(rows.group[order[:place]] == rows.group[order[place]]) for place in range(order.size)])
    chosen = order[np.argsort(rank, kind="stable")][:size]
    references = references_of(model, rows.take(chosen))
    outside = rows.take(np.isin(rows.group, judged))
    gaps = as_seen(simulated, references.rows().features, repeat)
    result = calibrate_model(references, ways=TRANSFER_WAYS, simulated=gaps, seed=repeat)
    errors: dict[str, Any] = {"none": _errors(model, outside, outside.values)}
    for attempt in result.attempts:
        if not attempt.refusal:
            values = corrected_values(attempt.fitted, outside, model.targets, model.recipe)
            errors[attempt.way.name] = _errors(model, outside, values)
    best = result.best
    errors["chosen"] = errors["none" if best is None else best.way.name]
    return {"size": size, "repeat": repeat, "families": int(np.unique(rows.group[chosen]).size),
            "chosen": None if best is None else best.way.name, "errors": errors}  # fmt: skip


def _errors(model: Model, rows: Rows, values: NDArray[np.float64]) -> dict[str, dict[str, float]]:
    """RMSE and coverage of each property."""
    found = {}
    for name in TARGETS:
        column = 3 * model.targets.index(name)
        metrics = number_metrics(rows.truth[name], *values[:, column : column + 3].T)
        found[name] = {key: metrics[key] for key in ("n", "rmse", "coverage")}
    return found


def table(trials: list[dict[str, Any]]) -> list[str]:
    """Mean and standard deviation over repeats, a line for each property, size and way."""
    lines = [f"{'property':12s} {'spectra':>7s} {'way':10s} {'repeats':>7s} {'RMSE':>16s} {'in interval':>12s}"]
    for name in TARGETS:
        for size in SIZES:
            part = [item for item in trials if item["size"] == size]
            for way in ("none", *TRANSFER_WAYS, "chosen"):
                found = [item["errors"][way][name] for item in part if way in item["errors"]]
                if found:
                    errors = [item["rmse"] for item in found]
                    share = 100 * np.mean([item["coverage"] for item in found])
                    lines.append(f"{name:12s} {size:7d} {way:10s} {len(found):7d} {np.mean(errors):8.3f} ± "
                                 f"{np.std(errors):5.3f} {share:10.1f} %")  # fmt: skip
    return lines


def main() -> None:
    """Train, transfer, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for the model and the finished trials")
    parser.add_argument("--held-out", default="lithium-rich", help="beginning of the families that are held out")
    parser.add_argument("--rows", type=int, default=6000, help="training spectra of the small model")
    parser.add_argument("--repeats", type=int, default=8)
    parser.add_argument("--figure", type=Path)
    arguments = parser.parse_args()
    folder = arguments.work / arguments.held_out
    library = load_library("nmc")
    reduced = without(library, arguments.held_out)
    model = small_model(reduced, folder, arguments.rows)
    rows = spectra_of(library, arguments.held_out, model, seed=5)
    simulated = simulated_features(model, reduced, seed=6)
    trials = []
    for size, repeat in tqdm([(size, repeat) for size in SIZES for repeat in range(arguments.repeats)], unit="trial"):
        path = folder / f"trial_{size}_{repeat}_{model.sha256[:8]}.json"
        if not path.exists():
            found = trial(model, rows, simulated, size, repeat)
            with whole_file(path) as part:
                part.write_text(json.dumps(found))
        trials.append(json.loads(path.read_text()))
    families = np.unique(rows.group).size
    words = (
        f"Simulated: model of {arguments.rows} spectra without {arguments.held_out} structures; {len(rows)} spectra of "
        f"{families} such families, half of the families to learn from, the others to be judged on."
    )
    print(words)
    print("\n".join(table(trials)))
    if arguments.figure:
        from eelsmap.plot.calibration import plot_transfer

        figure = plot_transfer(trials, TARGETS, SIZES, ("affine", "ridge", "trees", "chosen"), words)
        figure.savefig(arguments.figure, dpi=150)


if __name__ == "__main__":
    main()
