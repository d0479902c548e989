"""Drift of the energy axis along a scan that has no simultaneous low loss: row by row, from the edges themselves.

The mean spectrum of each scan row is compared with that of the whole image, edge by edge. Drift moves every edge of a
row by the same distance; a valence that changes along the scan moves one edge and not another (Mn2+ to Mn4+ spans 640
to 644 eV), and must not be taken out. So a drift is applied only where the edges agree on it, or where it is larger
than any valence makes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import Edge, EdgeSet
from eelsmap.preprocess.energy_axis import AxisCorrection
from eelsmap.preprocess.row_alignment import filled_rows, row_displacements, smooth_displacements
from eelsmap.preprocess.windows import shift_counts

__all__ = ["Drift", "drift_of_edges", "measure_drift"]

# A drift that is smaller than this, or than some multiples of its own error, is left alone; the first number holds
# where three edges or more agree on it.
_SMALLEST_AGREED, _SMALLEST = 0.3, 0.8
_ENOUGH_EDGES = 3
_SIGNIFICANT = 4.0
# Beyond this no valence explains a movement, even if a single edge tells of it.
_LARGER_THAN_CHEMISTRY = 3.0
# What chemistry may add to the movement of a single edge, eV.
_EDGE_SPREAD = 0.3
_AGREEMENT = (0.5, 1.6)
_LEAST_ROWS = 4
_BEFORE = 8.0


@dataclass(frozen=True)
class Drift:
    """Displacement of each scan row against the mean of all rows.

    Parameters
    ----------
    shift
        Recorded energy of each row less that of the mean, shape (row,), eV; zero everywhere if none is applied.
    uncertainty
        Standard deviation of `shift`, shape (row,), eV.
    applied
        Whether `shift` is to be taken out.
    message
        What was found and done, in words.
    """

    shift: NDArray[np.float64]
    uncertainty: NDArray[np.float64]
    applied: bool
    message: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values for provenance."""
        return {
            "applied": self.applied,
            "range_eV": float(np.ptp(self.shift)) if self.applied else 0.0,
            "uncertainty_eV": float(np.median(self.uncertainty)) if self.applied else 0.0,
            "message": self.message,
        }


def measure_drift(
    rows: NDArray[np.float64],
    energy: NDArray[np.float64],
    axis: AxisCorrection,
    edges: EdgeSet,
    /,
    *,
    located: Collection[str],
    coarse: NDArray[np.float64],
    gain: float = 1.0,
) -> Drift:
    """Decide whether the rows of a scan drift, and by how much.

    Parameters
    ----------
    rows
        Sum of the counts of the bright pixels of each row, shape (row, channel); rows of vacuum hold zeros.
    energy
        Recorded energies, shape (channel,), eV.
    axis
        The correction of the energy axis, which says where the edges are on it.
    edges, located
        The edge set, and the names of those that stand out in the mean spectrum.
    coarse
        Result of :func:`eelsmap.preprocess.row_alignment.align_rows`, shape (row,), eV.
    gain
        Variance of the counts divided by their mean.

    Returns
    -------
    Drift
        Its ``applied`` is False where nothing significant was found, where the edges move differently, or where there
        are too few rows to tell.
    """
    none = np.zeros(len(rows))
    filled = filled_rows(rows)
    if filled.sum() < _LEAST_ROWS or not located:
        return Drift(none, none, False, "too few rows to look for drift along the scan")
    by_edge, sigma = drift_of_edges(rows, energy, axis, edges, located=located, coarse=coarse, gain=gain)
    weight = 1.0 / (sigma**2 + _EDGE_SPREAD**2)
    weight[~np.isfinite(by_edge)] = 0.0
    total = weight.sum(axis=1)
    seen = filled & (total > 0)
    if seen.sum() < _LEAST_ROWS:
        return Drift(none, none, False, "the rows are too noisy to look for drift along the scan")
    common = np.full(len(rows), np.nan)
    common[seen] = (weight * np.nan_to_num(by_edge)).sum(axis=1)[seen] / total[seen]
    # The edges' common chemistry stays in every row alike; only noise tells one row from the next.
    noise = np.full(len(rows), np.inf)
    counted = np.where(np.isfinite(sigma), sigma, 0.0)
    noise[seen] = np.sqrt((weight**2 * counted**2).sum(axis=1)[seen]) / total[seen]
    smooth, error = smooth_displacements(common, noise)
    error = np.sqrt(error**2 + _disagreement(by_edge, sigma, common) ** 2)
    smooth -= np.average(smooth[seen])
    span = float(np.ptp(smooth))
    slopes = _slopes(by_edge, sigma, common, edges, located)
    agree = len(slopes) >= 2 and all(_AGREEMENT[0] <= slope <= _AGREEMENT[1] for slope in slopes.values())
    smallest = _SMALLEST_AGREED if agree and len(slopes) >= _ENOUGH_EDGES else _SMALLEST
    if span < max(smallest, _SIGNIFICANT * float(np.median(error))):
        return Drift(none, none, False, "no drift along the scan beyond what valence and noise make")
    said = _in_words(slopes, agree)
    if not agree and span < _LARGER_THAN_CHEMISTRY:
        return Drift(none, none, False, f"{said}: that is chemistry, not drift; left as recorded")
    message = f"the scan drifts by {span:.1f} eV from row to row ({said}); taken out, good to {np.median(error):.2f} eV"
    return Drift(smooth, error, True, message)


def drift_of_edges(
    rows: NDArray[np.float64],
    energy: NDArray[np.float64],
    axis: AxisCorrection,
    edges: EdgeSet,
    /,
    *,
    located: Collection[str],
    coarse: NDArray[np.float64],
    gain: float = 1.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure the displacement of every edge in every row.

    Parameters
    ----------
    rows, energy, axis, edges, located, coarse, gain
        As for :func:`measure_drift`.

    Returns
    -------
    displacement, sigma : numpy.ndarray
        Shape (row, edge), eV; NaN and infinity where a row does not tell.
    """
    names = [name for name in edges.names if name in located]
    step = (energy[-1] - energy[0]) / (energy.size - 1)
    displacement = np.tile(coarse[:, None], (1, len(names)))
    sigma = np.full((len(rows), len(names)), np.inf)
    for column, name in enumerate(names):
        part = _window(edges[name], edges.index(name), energy, axis)
        for _ in range(3):
            aligned = _moved(rows, displacement[:, column] / step, part)
            more, sigma[:, column] = row_displacements(aligned, energy[part], gain=gain)
            displacement[:, column] += np.clip(np.nan_to_num(more), -2.0, 2.0)
    displacement[~np.isfinite(sigma)] = np.nan
    return displacement, sigma


def _moved(rows: NDArray[np.float64], channels: NDArray[np.float64], part: slice) -> NDArray[np.float64]:
    """Part of moved spectra, as :func:`shift_counts` gives it, which copies all that it is given."""
    first = max(0, part.start + int(np.floor(channels.min())) - 1)
    last = max(first + 1, part.stop + int(np.ceil(channels.max())) + 1)
    return shift_counts(rows[:, first:last], channels, part=slice(part.start - first, part.stop - first))


def _disagreement(
    by_edge: NDArray[np.float64], sigma: NDArray[np.float64], common: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Error of the common movement that the edges' own chemistry makes: their scatter beyond noise, shape ()."""
    apart = by_edge - common[:, None]
    told = np.isfinite(apart) & np.isfinite(sigma) & (sigma < 1.0)
    edges = max(1.0, float(told.sum() / max(1, told.any(axis=1).sum())))
    if edges <= 1.0 or not told.any():
        return np.asarray(_EDGE_SPREAD)
    beyond = float(np.mean(apart[told] ** 2)) * edges / (edges - 1.0) - float(np.mean(sigma[told] ** 2))
    return np.asarray(np.sqrt(max(beyond, 0.0) / edges))


def _window(edge: Edge, index: int, energy: NDArray[np.float64], axis: AxisCorrection) -> slice:
    """Channels from a little before the onset to where the edge must be held."""
    low, high = axis.recorded(index, [edge.near_edge[0] - _BEFORE, edge.minimum_end])
    return slice(int(np.searchsorted(energy, low)), int(np.searchsorted(energy, high, side="right")))


def _slopes(
    by_edge: NDArray[np.float64],
    sigma: NDArray[np.float64],
    common: NDArray[np.float64],
    edges: EdgeSet,
    located: Collection[str],
) -> dict[str, float]:
    """How far each edge that tells anything follows the common movement: 1 where it is drift."""
    slopes = {}
    for column, name in enumerate(name for name in edges.names if name in located):
        told = np.isfinite(by_edge[:, column]) & np.isfinite(sigma[:, column]) & np.isfinite(common)
        if told.sum() < _LEAST_ROWS:
            continue
        weight = 1.0 / sigma[told, column] ** 2
        x = common[told] - np.average(common[told], weights=weight)
        spread = float((weight * x * x).sum())
        # An edge whose own slope is not known to a fifth says nothing for or against.
        if spread > 0 and 1.0 / np.sqrt(spread) < 0.2:
            slopes[name] = float((weight * x * by_edge[told, column]).sum() / spread)
    return slopes


def _in_words(slopes: dict[str, float], agree: bool) -> str:
    """Say whether the edges move together."""
    listed = ", ".join(f"{name} {slope:.1f}" for name, slope in slopes.items())
    if agree:
        return f"the edges move together: {listed} times the common movement"
    if not slopes:
        return "no single edge is clear enough to tell drift from chemistry"
    if len(slopes) == 1:
        return f"only {next(iter(slopes))} tells of a movement along the scan"
    return f"the edges move differently along the scan ({listed} times the mean)"
