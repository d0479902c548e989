"""Train a model from a spectral library: ``python -m eelsmap.models.train --out DIR`` or ``eelsmap train``.

Library records are blended, seen through the synthetic microscope, extracted like measured spectra and learned by
boosted trees. Structures marked ``test`` in the library are never used here; they measure the result.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap._version import __version__
from eelsmap.errors import RecipeError
from eelsmap.features import seen_distributions
from eelsmap.models.bundle import write_bundle
from eelsmap.models.card import write_card
from eelsmap.models.evaluation import evaluate_simulated
from eelsmap.models.fitting import (
    POINT,
    PROBABILITY,
    SPREAD,
    FittedNumber,
    FittedProbability,
    fit_number,
    fit_probability,
)
from eelsmap.models.model import Model, load_model
from eelsmap.models.novelty import fit_novelty
from eelsmap.models.training_mixtures import group_parents, sample_mixtures
from eelsmap.models.training_spectra import RANGES, TrainingSpectra, make_training_spectra
from eelsmap.properties import PROPERTIES
from eelsmap.recipe import Recipe

if TYPE_CHECKING:
    from eelsmap.library import Library

__all__ = ["train_model"]

_FEWEST_ROWS, _FEWEST_TEST_ROWS = 400, 100
_LIMITS = (
    "Trained on simulated spectra only; for method development and relative maps until calibrated with references of "
    "your own. Lithium is inferred from charge balance and O 2p-metal 3d covalency, not seen: surface rock salt, "
    "oxygen vacancies and lithium content can imitate each other. No measured Ni or Co L2,3 set of known valence "
    "stood behind the Ni- and Co-driven numbers."
)


def train_model(
    library: Library,
    out: Path,
    /,
    *,
    name: str = "nmc",
    version: str = __version__,
    recipe: Recipe | None = None,
    rows: int = 30000,
    test_rows: int = 6000,
    groups: int = 5,
    confidence: float = 0.9,
    seed: int = 0,
    work: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Model:
    """Train, calibrate, evaluate and write a model bundle.

    Parameters
    ----------
    library
        The spectral library.
    out
        Folder of the bundle.
    name, version
        Written into the bundle.
    recipe
        The road; the default recipe when None.
    rows, test_rows
        Number of training spectra, and of spectra of held-out structures for the metrics.
    groups
        Number of groups of structures for cross-validation and calibration.
    confidence
        Share of the intervals that should hold the truth.
    seed
        Seed of everything random; the same seed and library give the same bundle.
    work
        Folder for finished fits; ``out`` with ``.work`` appended when None. Training stopped at any moment goes on
        from there. Fits of other settings lie in other folders.
    progress
        Called with the number of finished fits and of all fits.

    Returns
    -------
    Model
        Loaded from the bundle that was written.

    Raises
    ------
    RecipeError
        Too few rows or groups to hold structures out.
    """
    if rows < _FEWEST_ROWS or test_rows < _FEWEST_TEST_ROWS or groups < 2:
        raise RecipeError(
            f"training: rows = {rows}, test_rows = {test_rows}, groups = {groups} cannot be used; at least "
            f"{_FEWEST_ROWS}, {_FEWEST_TEST_ROWS} and 2 are needed"
        )
    recipe = recipe or Recipe()
    settings = {
        "rows": rows, "test_rows": test_rows, "groups": groups, "confidence": confidence, "seed": seed,
        "ranges": RANGES, "point": POINT, "spread": SPREAD, "probability": PROBABILITY,
    }  # fmt: skip
    identity = {"settings": settings, "library": library.sha256, "recipe": recipe.sha256, "eelsmap": __version__}
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    folder = (work or out.with_name(out.name + ".work")) / key
    folder.mkdir(parents=True, exist_ok=True)

    random = np.random.default_rng(seed)
    group_of = group_parents(library, groups=groups, seed=seed)
    data = _gather(make_training_spectra(library, sample_mixtures(library, group_of, rows, random), recipe, random))
    parts, calibration = _fit_all(data, folder, groups, confidence, progress)
    manifest = {
        "name": name,
        "version": version,
        "eelsmap_version": __version__,
        "licence": "GPL-3.0-or-later",
        "recipe": recipe.to_dict(),
        "targets": list(PROPERTIES),
        "confidence": confidence,
        "trained_on": f"simulated spectra of library {library.name} {library.version}",
        "library": {"name": library.name, "version": library.version, "sha256": library.sha256},
        "training": {**settings, "spectra": int(data.group.size), "parents": len(group_of)},
        "limits": _LIMITS,
    }
    parts["novelty.npz"] = fit_novelty(*seen_distributions(data.features, recipe), data.group).to_bytes()
    parts["calibration.json"] = json.dumps(calibration, sort_keys=True).encode()
    # Measured in the work folder first: a bundle that lies in its place is complete, metrics and card included.
    unmeasured = folder / "unmeasured"
    write_bundle(unmeasured, manifest, {**parts, "card.md": b"not measured yet"})
    manifest["metrics"] = evaluate_simulated(load_model(unmeasured), library, rows=test_rows, seed=seed + 1)
    parts["card.md"] = write_card(manifest).encode()
    write_bundle(out, manifest, parts)
    return load_model(out)


def _gather(chunks: Iterable[TrainingSpectra]) -> TrainingSpectra:
    """Join chunks to one table."""
    pieces = list(chunks)
    return TrainingSpectra(
        np.concatenate([piece.features for piece in pieces]),
        {name: np.concatenate([piece.labels[name] for piece in pieces]) for name in pieces[0].labels},
        np.concatenate([piece.log_snr for piece in pieces]),
        np.concatenate([piece.group for piece in pieces]),
    )


def _fit_all(
    data: TrainingSpectra, folder: Path, groups: int, confidence: float, progress: Callable[[int, int], None] | None
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Fit every property; return the parts of the bundle and the calibration."""
    classes = sum(item.probability for item in PROPERTIES.values())
    total = (len(PROPERTIES) - classes) * 2 * (groups + 1) + classes * (groups + 1)
    done = itertools.count(1)

    def advance() -> None:
        number = next(done)
        if progress is not None:
            progress(number, total)

    def fit(name: str) -> FittedNumber | FittedProbability:
        if PROPERTIES[name].probability:
            return fit_probability(name, data, folder, advance=advance)
        return fit_number(name, data, folder, confidence=confidence, advance=advance)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        fitted = dict(zip(PROPERTIES, pool.map(fit, PROPERTIES), strict=True))
    parts: dict[str, bytes] = {}
    calibration: dict[str, Any] = {"numbers": {}, "probabilities": {}}
    for name, item in fitted.items():
        if isinstance(item, FittedProbability):
            parts[f"{name}.ubj"] = item.trees
            calibration["probabilities"][name] = item.interval.to_dict()
        else:
            parts[f"{name}.ubj"], parts[f"{name}_spread.ubj"] = item.point, item.spread
            calibration["numbers"][name] = item.interval.to_dict()
    return parts, calibration
