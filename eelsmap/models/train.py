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
from eelsmap.library.assemble import DATA
from eelsmap.library.varied_ions import load_varied_ions
from eelsmap.models.aligned_novelty import fit_both_looks
from eelsmap.models.alone_training import FITS, SPECIALISTS, Specialist, fit_specialist
from eelsmap.models.bundle import refuse_existing_bundle, write_bundle
from eelsmap.models.card import write_card
from eelsmap.models.edge_spectra import EDGE_RANGES
from eelsmap.models.evaluation import evaluate_simulated
from eelsmap.models.fitting import (
    ALONE,
    ALONE_SPREAD,
    POINT,
    PROBABILITY,
    SPREAD,
    FittedNumber,
    FittedProbability,
    fit_number,
    fit_probability,
)
from eelsmap.models.model import Model
from eelsmap.models.model_loading import load_model
from eelsmap.models.training_mixtures import group_parents, sample_mixtures
from eelsmap.models.training_spectra import RANGES, TrainingSpectra, join_spectra, make_training_spectra
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
    alone_rows: int = 40000,
    test_rows: int = 6000,
    groups: int = 5,
    confidence: float = 0.9,
    seed: int = 0,
    work: Path | None = None,
    overwrite: bool = False,
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
    rows, alone_rows, test_rows
        Number of training spectra, of training spectra of each specialist of one edge alone, and of spectra of
        held-out structures for the metrics.
    groups
        Number of groups of structures for cross-validation and calibration.
    confidence
        Share of the intervals that should hold the truth.
    seed
        Seed of everything random; the same seed and library give the same bundle.
    work
        Folder for finished fits; ``out`` with ``.work`` appended when None. Training stopped at any moment goes on
        from there. Fits of other settings lie in other folders.
    overwrite
        Whether a model that lies in ``out`` may be replaced.
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
    BundleError
        Something lies in ``out`` that would be replaced.
    """
    refuse_existing_bundle(out, overwrite=overwrite)
    if min(rows, alone_rows) < _FEWEST_ROWS or test_rows < _FEWEST_TEST_ROWS or groups < 2:
        raise RecipeError(
            f"training: rows = {rows}, alone_rows = {alone_rows}, test_rows = {test_rows}, groups = {groups} cannot be "
            f"used; at least {_FEWEST_ROWS}, {_FEWEST_ROWS}, {_FEWEST_TEST_ROWS} and 2 are needed"
        )
    recipe = recipe or Recipe()
    fitted = {
        "rows": rows, "groups": groups, "confidence": confidence, "seed": seed, "ranges": RANGES, "point": POINT,
        "spread": SPREAD, "probability": PROBABILITY,
    }  # fmt: skip
    settings = {
        **fitted, "alone_rows": alone_rows, "test_rows": test_rows, "alone_ranges": EDGE_RANGES, "alone": ALONE,
        "alone_spread": ALONE_SPREAD,
    }  # fmt: skip
    identity = {"settings": fitted, "library": library.sha256, "recipe": recipe.sha256, "eelsmap": __version__}
    work = work or out.with_name(out.name + ".work")
    folder = _folder(work, identity)

    random = np.random.default_rng(seed)
    group_of = group_parents(library, groups=groups, seed=seed)
    mixtures = sample_mixtures(library, group_of, rows, random)
    data = join_spectra(make_training_spectra(library, mixtures, recipe, random))
    specialists = [name for name in SPECIALISTS if PROPERTIES[name].edge in recipe.used_edges]
    advance = _counter(groups, len(specialists), progress)
    parts, calibration = _fit_all(data, folder, confidence, advance)
    alone = _fit_specialists(
        specialists, recipe, work, parts, calibration,
        rows=alone_rows, seed=seed, confidence=confidence, advance=advance,
    )  # fmt: skip
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
    novelty, aligned = fit_both_looks(data.features, recipe, data.group)
    parts["novelty.npz"], parts["novelty_aligned.npz"] = novelty.to_bytes(), aligned.to_bytes()
    parts["calibration.json"] = json.dumps(calibration, sort_keys=True).encode()
    # Measured in the work folder first: a bundle that lies in its place is complete, metrics and card included.
    unmeasured = folder / "unmeasured"
    write_bundle(unmeasured, manifest, {**parts, "card.md": b"not measured yet"})
    measured = evaluate_simulated(load_model(unmeasured), library, rows=test_rows, seed=seed + 1)
    manifest["metrics"] = {**measured, "alone": alone}
    parts["card.md"] = write_card(manifest).encode()
    write_bundle(out, manifest, parts)
    return load_model(out)


def _folder(work: Path, identity: dict[str, Any]) -> Path:
    """Folder for the fits of these settings."""
    folder = work / hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _counter(groups: int, specialists: int, progress: Callable[[int, int], None] | None) -> Callable[[], None]:
    """Return a function to be called after each fit, which reports the finished and all of them."""
    classes = sum(item.probability for item in PROPERTIES.values())
    total = (len(PROPERTIES) - classes) * 2 * (groups + 1) + classes * (groups + 1) + specialists * FITS
    done = itertools.count(1)

    def advance() -> None:
        number = next(done)
        if progress is not None:
            progress(number, total)

    return advance


def _fit_all(
    data: TrainingSpectra, folder: Path, confidence: float, advance: Callable[[], None]
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Fit every property; return the parts of the bundle and the calibration."""

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


def _fit_specialists(
    names: Iterable[str],
    recipe: Recipe,
    work: Path,
    parts: dict[str, bytes],
    calibration: dict[str, Any],
    /,
    *,
    rows: int,
    seed: int,
    confidence: float,
    advance: Callable[[], None],
) -> dict[str, Any]:
    """Fit the specialists of single edges into parts and calibration; return what was measured of them by property."""
    # They know nothing of the library or of the other trees: a change of those leaves their fits as they are.
    settings = {"rows": rows, "seed": seed, "ranges": EDGE_RANGES, "alone": ALONE, "alone_spread": ALONE_SPREAD}
    ions = load_varied_ions(DATA / "varied_ions.npz").sha256
    folder = _folder(work, {"settings": settings, "recipe": recipe.sha256, "ions": ions, "eelsmap": __version__})

    def fit(name: str) -> Specialist:
        return fit_specialist(name, recipe, folder, rows=rows, seed=seed, confidence=confidence, advance=advance)

    metrics = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, item in zip(names, pool.map(fit, names), strict=True):
            parts[f"{name}_alone.ubj"], parts[f"{name}_alone_spread.ubj"] = item.fitted.point, item.fitted.spread
            parts[f"{name}_alone.npz"] = item.space.to_bytes()
            calibration["numbers"][f"{name}_alone"] = item.fitted.interval.to_dict()
            metrics[name] = item.metrics
    return metrics
