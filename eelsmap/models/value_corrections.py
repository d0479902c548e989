"""Corrections after the trees, learned from few references: an offset, a line, a ridge, or further boosted trees.

All of them are pulled towards changing nothing, by an amount that few references cannot overcome and many can. The
ridge is linear in the cumulative distributions, solved in its dual form, with its strength chosen by holding specimens
out once more. The trees go on boosting where the model stopped (fine-tuning): they learn what references lack, beside
simulated spectra on which they are to change nothing, so that what the model knew is not forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.models.corrections import NO_CORRECTIONS, Corrections, Ridge, distribution_columns, tree_name
from eelsmap.models.references import Rows, whole_groups
from eelsmap.properties import PROPERTIES
from eelsmap.recipe import Recipe

if TYPE_CHECKING:
    from xgboost import Booster

__all__ = ["Fitted", "add_affine", "add_offset", "add_ridge", "add_trees", "corrected_values", "numeric_targets"]

_PRIOR_SPREAD = 0.15
"""Of predictions about their mean, in shares of the physical range, below which a slope cannot be told from one."""
_SLOPES = (0.2, 5.0)
_STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, np.inf)
"""Of the ridge, in units of the mean squared length of a centred distribution; infinity changes nothing."""
_MOST_RIDGE_ROWS = 300
TREES: dict[str, Any] = {
    "tree_method": "hist", "objective": "reg:squarederror", "max_depth": 3, "eta": 0.1, "rounds": 60,
    "min_child_weight": 3.0, "lambda": 1.0, "colsample_bytree": 0.3, "max_bin": 64, "base_score": 0.0, "seed": 0,
    "nthread": 1,
}  # fmt: skip
"""A leaf holds three references at least; simulated spectra weigh as much as all references together."""


class Fitted(NamedTuple):
    """Corrections and the further trees that they name."""

    corrections: Corrections = NO_CORRECTIONS
    boosters: dict[str, Booster] = {}  # noqa: RUF012 - never changed


def numeric_targets(rows: Rows, targets: Sequence[str], fewest: int, /) -> list[str]:
    """Numeric properties that are known, and predicted, of enough specimens."""
    found = []
    for name in targets:
        if name in rows.truth and not PROPERTIES[name].probability:
            known = _known(rows, targets, name)
            if np.unique(rows.group[known]).size >= fewest:
                found.append(name)
    return found


def corrected_values(fitted: Fitted, rows: Rows, targets: Sequence[str], recipe: Recipe, /) -> NDArray[np.float64]:
    """Predictions of rows (n, 3 * property) after the corrections that follow the trees."""
    result: NDArray[np.float64] = fitted.corrections.on_values(
        rows.values.astype(np.float32), rows.features, rows.seen, targets, recipe, fitted.boosters
    ).astype(np.float64)
    return result


def add_offset(fitted: Fitted, rows: Rows, targets: Sequence[str], /) -> Fitted:
    """Add the mean of what is lacking, a little less where specimens are few."""
    affine = dict(fitted.corrections.affine)
    for name in numeric_targets(rows, targets, 1):
        truth, value, weight, number = _columns(rows, targets, name)
        affine[name] = float(np.average(truth - value, weights=weight) * number / (number + 1)), 1.0
    return fitted._replace(corrections=replace(fitted.corrections, affine=affine))


def add_affine(fitted: Fitted, rows: Rows, targets: Sequence[str], /) -> Fitted:
    """Add a line by least squares, its slope pulled towards one as if by one more specimen."""
    affine = dict(fitted.corrections.affine)
    for name in numeric_targets(rows, targets, 2):
        truth, value, weight, number = _columns(rows, targets, name)
        low, high = PROPERTIES[name].limits
        prior = (_PRIOR_SPREAD * (high - low)) ** 2
        x, y = value - np.average(value, weights=weight), truth - np.average(truth, weights=weight)
        slope = float((np.sum(weight * x * y) + prior) / (np.sum(weight * x * x) + prior))
        slope = float(np.clip(slope, *_SLOPES))
        offset = float(np.average(truth - slope * value, weights=weight))
        shrunk = number / (number + 1)
        affine[name] = shrunk * offset + (1 - shrunk) * float(np.average((1 - slope) * value, weights=weight)), slope
    return fitted._replace(corrections=replace(fitted.corrections, affine=affine))


def add_ridge(fitted: Fitted, rows: Rows, targets: Sequence[str], recipe: Recipe, /, *, seed: int = 0) -> Fitted:
    """Add an offset and, on top, a linear function of the distributions."""
    fitted = add_offset(fitted, rows, targets)
    ridge = dict(fitted.corrections.ridge)
    columns = distribution_columns(recipe)
    for name in numeric_targets(rows, targets, 3):
        known = np.flatnonzero(_known(rows, targets, name))
        chosen = rows.take(known[:: max(1, -(-known.size // _MOST_RIDGE_ROWS))])
        truth, value, weight, _ = _columns(chosen, targets, name)
        offset, slope = fitted.corrections.affine[name]
        lacking = truth - (offset + slope * value)
        points = chosen.features[:, columns].astype(np.float64)
        strength = _best_strength(points, lacking, weight, chosen.group, seed)
        if np.isfinite(strength):
            ridge[name] = _ridge(points, lacking, weight, strength)
    return fitted._replace(corrections=replace(fitted.corrections, ridge=ridge))


def add_trees(
    fitted: Fitted, rows: Rows, targets: Sequence[str], recipe: Recipe, simulated: NDArray[np.float32], /
) -> Fitted:
    """Add boosted trees for what is lacking after the earlier corrections, which change nothing on simulated spectra.

    Parameters
    ----------
    fitted
        Earlier corrections.
    rows
        References.
    targets
        The model's properties.
    recipe
        The road.
    simulated
        Features of spectra that the model learned from, shape (m, feature).
    """
    import xgboost

    boosters = dict(fitted.boosters)
    corrected = replace(rows, values=corrected_values(fitted, rows, targets, recipe))
    columns = distribution_columns(recipe)
    for name in numeric_targets(rows, targets, 3):
        known = _known(corrected, targets, name)
        truth, value, weight, number = _columns(corrected, targets, name)
        features = np.concatenate([rows.features[known], simulated])
        # Noise, coverage and axis of references are alike by chance; they must not be what tells them apart.
        features[:, ~columns] = 0.0
        label = np.concatenate([truth - value, np.zeros(len(simulated))])
        each = np.concatenate([weight, np.full(len(simulated), number / max(len(simulated), 1))])
        settings = dict(TREES)
        rounds = settings.pop("rounds")
        matrix = xgboost.QuantileDMatrix(features, label=label, weight=each, max_bin=settings["max_bin"], nthread=1)
        boosters[tree_name(name)] = xgboost.train(settings, matrix, num_boost_round=rounds)
    trees = tuple(sorted(name.removesuffix("_correction") for name in boosters))
    return Fitted(replace(fitted.corrections, trees=trees), boosters)


def _known(rows: Rows, targets: Sequence[str], name: str) -> NDArray[np.bool_]:
    """Rows of which a property is known and predicted."""
    known: NDArray[np.bool_] = np.isfinite(rows.truth[name]) & np.isfinite(
        rows.values[:, 3 * list(targets).index(name)]
    )
    return known


def _columns(
    rows: Rows, targets: Sequence[str], name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], int]:
    """Truth, prediction and weight of the rows that have both, and the number of their specimens."""
    known = _known(rows, targets, name)
    part = rows.take(known)
    value = part.values[:, 3 * list(targets).index(name)]
    return part.truth[name], value, part.weights(), np.unique(part.group).size


def _best_strength(
    points: NDArray[np.float64],
    lacking: NDArray[np.float64],
    weight: NDArray[np.float64],
    group: NDArray[np.intp],
    seed: int,
) -> float:
    """Strength of the ridge that predicts held-out specimens best."""
    loss = np.zeros(len(_STRENGTHS))
    for outside in whole_groups(group, 10, seed):
        if outside.all():
            return float("inf")
        for index, strength in enumerate(_STRENGTHS):
            error = lacking[outside]
            if np.isfinite(strength):
                fitted = _ridge(points[~outside], lacking[~outside], weight[~outside], strength)
                error = error - fitted(points[outside])
            loss[index] += float(np.sum(weight[outside] * error**2))
    return float(_STRENGTHS[int(loss.argmin())])


def _ridge(
    points: NDArray[np.float64], lacking: NDArray[np.float64], weight: NDArray[np.float64], strength: float
) -> Ridge:
    """Weighted ridge regression in its dual form."""
    with np.errstate(invalid="ignore"):
        present = np.isfinite(points)
        total = (present * weight[:, None]).sum(axis=0)
        mean = np.nan_to_num((np.nan_to_num(points) * weight[:, None]).sum(axis=0) / np.maximum(total, 1e-12))
    centred = np.where(present, points - mean, 0.0)
    scaled = centred * np.sqrt(weight)[:, None]
    kernel = scaled @ scaled.T
    penalty = strength * max(float(np.trace(kernel)) / max(float(weight.sum()), 1e-12), 1e-12)
    dual = np.linalg.solve(kernel + penalty * np.eye(len(kernel)), lacking * np.sqrt(weight))
    weights = scaled.T @ dual
    largest = float(np.abs(centred @ weights).max())
    return Ridge(tuple(mean.tolist()), tuple(weights.tolist()), largest)
