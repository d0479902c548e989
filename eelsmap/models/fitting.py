"""Boosted trees for one property: trained with whole groups of structures held out, then calibrated and refitted.

Every fit is written to the work folder as soon as it is done, so a training that was stopped goes on where it was.
"""

from __future__ import annotations

import json
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

__all__ = [
    "ALONE",
    "ALONE_SPREAD",
    "CLASS",
    "NUMBER",
    "POINT",
    "PROBABILITY",
    "SPREAD",
    "FittedNumber",
    "FittedProbability",
    "balance",
    "fit_number",
    "fit_probability",
    "train_trees",
]

_COMMON: dict[str, Any] = {
    "tree_method": "hist",
    "max_bin": 128,
    "seed": 0,
    # Fits run side by side; threads inside a fit would wait for each other more than they work.
    "nthread": 1,
}
NUMBER: dict[str, Any] = {**_COMMON, "objective": "reg:squarederror"}
CLASS: dict[str, Any] = {**_COMMON, "objective": "binary:logistic"}
"""What is not searched: ``eelsmap tune`` found the rest, which lies beside the shipped data with how it was judged."""

_TUNED = json.loads((Path(__file__).resolve().parent.parent / "data" / "tuned_trees.json").read_text())
POINT: dict[str, Any] = {**NUMBER, **_TUNED["number"]["parameters"]}
PROBABILITY: dict[str, Any] = {**CLASS, **_TUNED["probability"]["parameters"]}
SPREAD: dict[str, Any] = {**POINT, "max_depth": 4, "eta": 0.08, "rounds": 110}
_SAMPLED: dict[str, Any] = {"subsample": 0.6, "colsample_bytree": 0.3, "min_child_weight": 15}
ALONE: dict[str, Any] = {**NUMBER, **_SAMPLED, "max_depth": 6, "eta": 0.07, "rounds": 450}
ALONE_SPREAD: dict[str, Any] = {**ALONE, "max_depth": 5, "rounds": 120}
"""Of the specialists: there are few features and any number of spectra, so that deeper trees still learn."""

_SMALLEST_ERROR = 1e-3


@dataclass(frozen=True)
class FittedNumber:
    """Trees of a numeric property and of its spread, as UBJSON, with the calibration of its interval.

    ``held_out``, ``held_out_spread`` (n,): what trees say of each labelled training spectrum that have not seen its
    group.
    """

    point: bytes
    spread: bytes
    interval: NumberInterval
    held_out: NDArray[np.float64]
    held_out_spread: NDArray[np.float64]


@dataclass(frozen=True)
class FittedProbability:
    """Trees of a class, as UBJSON, with the calibration of its probability."""

    trees: bytes
    interval: ProbabilityInterval


def fit_number(
    name: str,
    data: TrainingSpectra,
    work: Path,
    /,
    *,
    confidence: float,
    advance: Callable[[], None],
    point: dict[str, Any] = POINT,
    spread: dict[str, Any] = SPREAD,
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
    point, spread
        Parameters of the trees of the value and of its spread.

    Returns
    -------
    FittedNumber
        Trees trained on all rows; intervals calibrated on held-out groups only.
    """
    known = np.isfinite(data.labels[name])
    features, label = data.features[known], data.labels[name][known]
    group, log_snr = data.group[known], data.log_snr[known]
    held_out = _held_out(features, label, group, point, work / name, advance)
    log_error = np.log(np.abs(held_out - label) + _SMALLEST_ERROR)
    log_spread = _held_out(features, log_error, group, spread, work / f"{name}_spread", advance)
    interval = fit_number_interval(held_out - label, np.exp(log_spread), log_snr, group=group, confidence=confidence)
    return FittedNumber(
        _fit(features, label, point, work / f"{name}.ubj", advance),
        _fit(features, log_error, spread, work / f"{name}_spread.ubj", advance),
        interval,
        held_out,
        np.exp(log_spread),
    )


def fit_probability(
    name: str, data: TrainingSpectra, work: Path, /, *, advance: Callable[[], None]
) -> FittedProbability:
    """Fit a class; parameters as for :func:`fit_number`."""
    known = np.isfinite(data.labels[name])
    features, label, group = data.features[known], data.labels[name][known], data.group[known]
    balanced = {**PROBABILITY, **balance(label)}
    score = _held_out(features, label, group, balanced, work / name, advance)
    interval = fit_probability_interval(score, label > 0.5, group)
    return FittedProbability(_fit(features, label, balanced, work / f"{name}.ubj", advance), interval)


def balance(label: NDArray[np.float64], /) -> dict[str, float]:
    """Weight of the present class by which both classes weigh the same, however rare one is among the rows (n,)."""
    return {"scale_pos_weight": float((label < 0.5).sum() / max((label > 0.5).sum(), 1))}


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
            booster = train_trees(features[~inside], label[~inside], parameters)
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
            part.write_bytes(train_trees(features, label, parameters).save_raw("ubj"))
    advance()
    return path.read_bytes()


def train_trees(
    features: NDArray[np.float32], label: NDArray[np.float64], parameters: dict[str, Any]
) -> xgboost.Booster:
    """Train one boosted-tree model; ``parameters`` are XGBoost's, with the number of ``rounds``."""
    settings = dict(parameters)
    rounds = settings.pop("rounds")
    matrix = xgboost.QuantileDMatrix(features, label=label, max_bin=settings["max_bin"])
    return xgboost.train(settings, matrix, num_boost_round=rounds)
