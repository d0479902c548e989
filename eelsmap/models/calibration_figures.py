"""Figures of a correction: errors before and after on held-out references, with the standard error of the gain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.models.corrections import floored_half
from eelsmap.models.references import ReferenceSet
from eelsmap.models.spectrum_corrections import weighted_loss
from eelsmap.properties import PROPERTIES

__all__ = ["compared", "loss_difference", "with_factors"]

_BOOTSTRAPS = 1000
_SLACK = 1e-6


def with_factors(
    values: NDArray[np.float64], factors: Mapping[str, float], targets: Sequence[str]
) -> NDArray[np.float64]:
    """Values with their intervals multiplied."""
    result = values.copy()
    for name, factor in factors.items():
        column = 3 * list(targets).index(name)
        value, lower, upper = values[:, column : column + 3].T
        half = factor * floored_half(name, np.maximum(value - lower, upper - value))
        result[:, column : column + 3] = np.stack([value, value - half, value + half], axis=1)
    return result


def compared(
    name: str, references: ReferenceSet, before: NDArray[np.float64], after: NDArray[np.float64], seed: int
) -> dict[str, Any]:
    """Figures of one property before and after, with the gain of its main error.

    Every specimen counts the same, however often it was measured. The main error is the RMSE (``rmse``), of classes the
    Brier score (``brier``).
    """
    column = 3 * references.model.targets.index(name)
    known = np.isfinite(references.truth[name]) & np.isfinite(before[:, column]) & np.isfinite(after[:, column])
    truth, group = references.truth[name][known], references.group[known]
    parts = [values[known, column : column + 3] for values in (before, after)]
    specimens = int(np.unique(group).size)
    if not specimens:
        return {"before": {}, "after": {}, "gain": np.nan, "gain_error": np.nan, "better": np.nan, "specimens": 0}
    weight = 1.0 / np.bincount(group)[group]
    result: dict[str, Any] = {
        when: _figures(name, truth, part, weight) for when, part in zip(("before", "after"), parts, strict=True)
    }
    key = "brier" if PROPERTIES[name].probability else "rmse"
    gains = []
    for times in _bootstrap(group, seed):
        errors = [_figures(name, truth, part, weight * times)[key] for part in parts]
        gains.append(errors[0] - errors[1])
    spread = float(np.std(gains)) if gains else float("nan")
    better = float(np.mean(np.array(gains) > 0)) if gains else float("nan")
    gain = result["before"][key] - result["after"][key]
    return {**result, "gain": gain, "gain_error": spread, "better": better, "specimens": specimens}


def _figures(
    name: str, truth: NDArray[np.float64], values: NDArray[np.float64], weight: NDArray[np.float64]
) -> dict[str, float]:
    """Weighted error, and for numbers the share in interval and its mean width."""
    square = float(np.average((values[:, 0] - truth) ** 2, weights=weight))
    if PROPERTIES[name].probability:
        return {"brier": square}
    inside = (truth >= values[:, 1] - _SLACK) & (truth <= values[:, 2] + _SLACK)
    return {
        "rmse": square**0.5,
        "coverage": float(np.average(inside, weights=weight)),
        "mean_width": float(np.average(values[:, 2] - values[:, 1], weights=weight)),
    }


def loss_difference(
    references: ReferenceSet, before: NDArray[np.float64], after: NDArray[np.float64], seed: int
) -> float:
    """Give the standard error of the difference of the mean losses, from a bootstrap over specimens."""
    each = np.array(
        [
            weighted_loss(references, before, references.group == group)
            - weighted_loss(references, after, references.group == group)
            for group in range(len(references.group_names))
        ]
    )
    random = np.random.default_rng(seed)
    drawn = random.integers(0, each.size, (_BOOTSTRAPS, each.size))
    return float(each[drawn].mean(axis=1).std())


def _bootstrap(group: NDArray[np.intp], seed: int) -> list[NDArray[np.float64]]:
    """Weights of rows when whole specimens are drawn with replacement; none where there is a single one."""
    names, place = np.unique(group, return_inverse=True)
    if names.size < 2:
        return []
    random = np.random.default_rng(seed)
    drawn = random.multinomial(names.size, np.full(names.size, 1 / names.size), size=_BOOTSTRAPS)
    return [times[place].astype(float) for times in drawn]
