"""Corrections before the features: how far each edge is moved and how much all edges are broadened.

Both are searched on a lattice, by the errors of the predictions of the references. Moving or broadening by more costs a
little, so that nothing is moved where it does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from eelsmap.models.references import ReferenceSet
from eelsmap.models.value_corrections import Fitted
from eelsmap.properties import PROPERTIES

__all__ = ["add_broadening", "add_shift", "weighted_loss"]

_COARSE = tuple(np.arange(-3.0, 3.01, 0.5).round(2).tolist())
_FINE = tuple(np.arange(-0.4, 0.41, 0.1).round(2).tolist())
_WIDTHS = (0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5)
_COST = 2e-4
"""Of one squared eV, in squared shares of the physical range: 1 eV must improve a valence's RMSE by about 0.03."""
_DECLINED = 0.25


def weighted_loss(references: ReferenceSet, values: NDArray[np.float64], rows: NDArray[np.bool_], /) -> float:
    """Mean squared error of all known properties in squared shares of their physical range; each specimen counts alike.

    Parameters
    ----------
    references
        Known values.
    values
        Predictions, shape (n, 3 * property).
    rows
        Which rows count, shape (n,).
    """
    counts = np.bincount(references.group[rows], minlength=references.group.max() + 1)
    weight = 1.0 / np.maximum(counts[references.group], 1)
    losses = []
    for name, truth in references.truth.items():
        known = rows & np.isfinite(truth)
        if known.any():
            low, high = PROPERTIES[name].limits
            value = values[:, 3 * references.model.targets.index(name)]
            error = np.nan_to_num(((value - truth) / (high - low)) ** 2, nan=_DECLINED)
            losses.append(np.average(error[known], weights=weight[known]))
    return float(np.mean(losses)) if losses else 0.0


def add_shift(fitted: Fitted, references: ReferenceSet, rows: NDArray[np.bool_], /) -> Fitted:
    """Move the edges, one after the other, to where the references are predicted best."""
    shift = dict(fitted.corrections.shift)
    fwhm = fitted.corrections.fwhm
    for edge in references.edges:
        for offsets in (_COARSE, _FINE):
            start = shift.get(edge, 0.0)
            trials = [_with(shift, edge, start + offset) for offset in offsets]
            costs = [_loss(references, trial, fwhm, rows) for trial in trials]
            shift = trials[int(np.argmin(costs))]
    return fitted._replace(corrections=replace(fitted.corrections, shift=shift))


def add_broadening(fitted: Fitted, references: ReferenceSet, rows: NDArray[np.bool_], /) -> Fitted:
    """Broaden all edges alike, by as much as lets the references be predicted best."""
    shift = fitted.corrections.shift
    trials: list[dict[str, float]] = [{}, *(dict.fromkeys(references.edges, width) for width in _WIDTHS)]
    costs = [_loss(references, shift, trial, rows) for trial in trials]
    return fitted._replace(corrections=replace(fitted.corrections, fwhm=trials[int(np.argmin(costs))]))


def _with(shift: Mapping[str, float], edge: str, value: float) -> dict[str, float]:
    """Shifts with another one for an edge; nothing is left out but what is zero."""
    changed = {**shift, edge: round(float(value), 2)}
    return {name: number for name, number in changed.items() if number}


def _loss(
    references: ReferenceSet, shift: Mapping[str, float], fwhm: Mapping[str, float], rows: NDArray[np.bool_]
) -> float:
    """Error of the predictions with some corrections, and what the corrections cost."""
    widest = max(fwhm.values(), default=0.0)
    cost = _COST * (sum(value**2 for value in shift.values()) + widest**2)
    return weighted_loss(references, references.values(shift, fwhm), rows) + cost
