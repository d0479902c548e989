"""Boosted trees for one property: trained with whole groups of structures held out, then calibrated and refitted.

Every fit is written to the work folder as soon as it is done, so a training that was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from eelsmap.models.intervals import (
    NumberInterval,
    ProbabilityInterval,
    fit_number_interval,
    fit_probability_interval,
)
from eelsmap.models.training_spectra import TrainingSpectra
from eelsmap.whole_file import whole_file

__all__ = ["POINT", "PROBABILITY", "SPREAD", "FittedNumber", "FittedProbability", "fit_number", "fit_probability"]

_COMMON: dict[str, Any] = {
    "tree_method": "hist",
    "max_bin": 128,
    "subsample": 0.6,
    "colsample_bytree": 0.3,
    "min_child_weight": 20,
    "seed": 0,
    # Fits run side by side; threads inside a fit would wait for each other more than they work.
    "nthread": 1,
}
POINT: dict[str, Any] = {**_COMMON, "objective": "reg:squarederror", "max_depth": 5, "eta": 0.08, "rounds": 260}
SPREAD: dict[str, Any] = {**_COMMON, "objective": "reg:squarederror", "max_depth": 4, "eta": 0.08, "rounds": 110}
PROBABILITY: dict[str, Any] = {**_COMMON, "objective": "binary:logistic", "max_depth": 4, "eta": 0.08, "rounds": 220}

_SMALLEST_ERROR = 1e-3


@dataclass(frozen=True)
class FittedNumber:
    """Trees of a numeric property and of its spread, as UBJSON, with the calibration of its interval."""

    point: bytes
    spread: bytes
    interval: NumberInterval


@dataclass(frozen=True)
class FittedProbability:
    """Trees of a class, as UBJSON, with the calibration of its probability."""

    trees: bytes
    interval: ProbabilityInterval


def fit_number(
    name: str, data: TrainingSpectra, work: Path, /, *, confidence: float, advance: Callable[[], None]
) -> FittedNumber:
    """Fit a numeric property.

    Parameters
    ----------
    name
        Name of the property.
    data
        Training spectra; rows without a label are left out.
    work
        Folder for finished fits.
    confidence
        Share of the intervals that should hold the truth.
    advance
        Called after each fit.

    Returns
    -------
    FittedNumber
        Trees trained on all rows; intervals calibrated on held-out groups only.
    """
    known = np.isfinite(data.labels[name])
    features, label = data.features[known], data.labels[name][known]
    group, log_snr = data.group[known], data.log_snr[known]
    held_out = _held_out(features, label, group, POINT, work / name, advance)
    log_error = np.log(np.abs(held_out - label) + _SMALLEST_ERROR)
    log_spread = _held_out(features, log_error, group, SPREAD, work / f"{name}_spread", advance)
    interval = fit_number_interval(held_out - label, np.exp(log_spread), log_snr, confidence=confidence)
    point = _fit(features, label, POINT, work / f"{name}.ubj", advance)
    spread = _fit(features, log_error, SPREAD, work / f"{name}_spread.ubj", advance)
    return FittedNumber(point, spread, interval)


def fit_probability(
    name: str, data: TrainingSpectra, work: Path, /, *, advance: Callable[[], None]
) -> FittedProbability:
    """Fit a class; parameters as for :func:`fit_number`."""
    known = np.isfinite(data.labels[name])
    features, label, group = data.features[known], data.labels[name][known], data.group[known]
    # Both classes weigh the same, however rare one is among the rows.
    balanced = {**PROBABILITY, "scale_pos_weight": float((label < 0.5).sum() / max((label > 0.5).sum(), 1))}
    score = _held_out(features, label, group, balanced, work / name, advance)
    interval = fit_probability_interval(score, label > 0.5, group)
    return FittedProbability(_fit(features, label, balanced, work / f"{name}.ubj", advance), interval)


def _held_out(
    features: NDArray[np.float32],
    label: NDArray[np.float64],
    group: NDArray[np.intp],
    parameters: dict[str, Any],
    stem: Path,
    advance: Callable[[], None],
) -> NDArray[np.float64]:
    """Predict every group by trees that have not seen it (raw scores for classes)."""
    result = np.empty(label.size)
    for index in np.unique(group):
        path = stem.parent / f"{stem.name}_without_{index}.npy"
        inside = group == index
        if not path.exists():
            booster = _train(features[~inside], label[~inside], parameters)
            with whole_file(path) as part:
                np.save(part, booster.inplace_predict(features[inside], predict_type="margin"))
        result[inside] = np.load(path)
        advance()
    return result


def _fit(
    features: NDArray[np.float32],
    label: NDArray[np.float64],
    parameters: dict[str, Any],
    path: Path,
    advance: Callable[[], None],
) -> bytes:
    """Train on all rows; the trees as UBJSON."""
    if not path.exists():
        with whole_file(path) as part:
            part.write_bytes(_train(features, label, parameters).save_raw("ubj"))
    advance()
    return path.read_bytes()


def _train(features: NDArray[np.float32], label: NDArray[np.float64], parameters: dict[str, Any]) -> xgboost.Booster:
    """One boosted-tree model."""
    settings = dict(parameters)
    rounds = settings.pop("rounds")
    matrix = xgboost.QuantileDMatrix(features, label=label, max_bin=settings["max_bin"])
    return xgboost.train(settings, matrix, num_boost_round=rounds)
