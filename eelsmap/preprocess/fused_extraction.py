"""The default road from counts to net edges without a copy of the block: compiled, in the detector's number type.

What is rare (rows with spikes, rows that are not finite, a detector that needs repair) goes through the NumPy
functions, and its rows are put in place of those of the block.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import Edge
from eelsmap.preprocess.cleaning import _MOST_NEGATIVE
from eelsmap.preprocess.coverage import continue_cut_edge
from eelsmap.preprocess.detector import repair_detector
from eelsmap.preprocess.fused_numba import AVAILABLE
from eelsmap.preprocess.fused_spikes import RowScan, repair_spikes, scan_rows
from eelsmap.preprocess.fused_windows import NetSums, subtract_power_law, write_window_counts
from eelsmap.preprocess.plan import Plan
from eelsmap.preprocess.windows import channel_positions
from eelsmap.recipe import Recipe

__all__ = ["FewCleaned", "can_be_fused", "clean_few", "net_edge"]


class FewCleaned(NamedTuple):
    """Counts (n, channel) as recorded, and the few rows that had to be changed.

    ``rows`` (row,) and ``replaced`` (row, channel): what takes the place of these rows of ``block``. ``finite`` (n,):
    whether the recorded counts were. ``spikes`` (n,): how many were replaced. ``full``: which pixels hold saturated
    channels, shape (pixel,), and their masks, shape (pixel, channel), or None where there are none. ``own`` (n,): all
    counts of the cleaned pixel. ``negative`` (n,): whether more than a quarter of the recorded counts were below zero.
    """

    block: NDArray[Any]
    rows: NDArray[np.intp]
    replaced: NDArray[np.float64]
    finite: NDArray[np.bool_]
    spikes: NDArray[np.intp]
    full: tuple[NDArray[np.intp], NDArray[np.bool_] | None]
    own: NDArray[np.float64]
    negative: NDArray[np.bool_]


def can_be_fused(plan: Plan, recipe: Recipe, /) -> bool:
    """Whether the compiled road knows all steps: a power law by weighted least squares, no denoising."""
    return (
        AVAILABLE
        and recipe.background.method == "weighted"
        and recipe.background.neighbours == 0
        and recipe.noise.average == 0
        and recipe.plural_scattering.method == "none"
        and plan.components is None
    )


def clean_few(block: NDArray[Any], plan: Plan, recipe: Recipe, /) -> FewCleaned:
    """Repair what the detector and X-rays did, as :func:`eelsmap.preprocess.cleaning.cleaned`.

    Parameters
    ----------
    block
        Counts, shape (n, channel).
    plan
        What was decided for the image.
    recipe
        The road.

    Returns
    -------
    FewCleaned
        Rows that are not finite become zero.
    """
    options: dict[str, float] = {"gain": plan.gain, "threshold": recipe.spikes.threshold}
    finite, negative = None, None
    full: tuple[NDArray[np.intp], NDArray[np.bool_] | None] = np.empty(0, dtype=np.intp), None
    faults = plan.faults
    if faults is not None and (faults.gain_steps is not None or (faults.dead | faults.hot).any()):
        finite = np.asarray(np.isfinite(block).all(axis=1))
        block = np.where(finite[:, None], block, 0.0)
        negative = (block < 0).mean(axis=1) > _MOST_NEGATIVE
        block, saturated = repair_detector(block, faults)
        if saturated is not None:
            reached = np.flatnonzero(saturated.any(axis=1))
            full = reached, saturated[reached]
    scan = scan_rows(block, plan.reference, **options)
    if finite is None:
        finite = scan.finite
        if faults is not None and faults.saturation is not None:
            reached = np.flatnonzero(finite & (scan.largest >= faults.saturation))
            if reached.size:
                full = reached, np.asarray(np.greater_equal(block[reached], faults.saturation))
    rows, replaced, spikes = _without_spikes(block, plan, recipe, scan, options)
    lost = np.flatnonzero(~scan.finite)
    if lost.size:
        rows = np.concatenate([rows, lost])
        replaced = np.concatenate([replaced, np.zeros((lost.size, block.shape[1]))])
    if negative is None:
        negative = scan.finite & (scan.negative > _MOST_NEGATIVE * block.shape[1])
    total = scan.total
    total[rows] = replaced.sum(axis=1)
    return FewCleaned(block, rows, replaced, finite, spikes, full, total, negative)


def net_edge(
    net: NDArray[np.float64],
    index: int,
    edge: Edge,
    pixels: FewCleaned,
    boundaries: NDArray[np.float64],
    covered: NDArray[np.bool_],
    windows: list[NDArray[np.bool_]],
    plan: Plan,
    /,
    *,
    shift: NDArray[np.float64] | None = None,
) -> NetSums:
    """Extract one edge of n pixels and take its background off.

    Parameters
    ----------
    net
        Shape (n, edge, point), C-contiguous; ``net[:, index]`` is written.
    index, edge
        Which edge.
    pixels
        Result of :func:`clean_few`.
    boundaries
        Of the bins before the edge, shape (bin + 1,), eV.
    covered
        Which points the axis holds, without gaps, shape (point,).
    windows
        Masks of covered points, in which net counts are summed up.
    plan
        What was decided for the image.
    shift
        Displacement of each pixel, shape (n,), eV.

    Returns
    -------
    NetSums
        Of the windows.
    """
    n, points = len(pixels.block), covered.size
    first, number = int(np.flatnonzero(covered)[0]), int(covered.sum())
    step = (plan.energy[-1] - plan.energy[0]) / (plan.energy.size - 1)
    moved = None if shift is None else shift / step
    intervals = edge.intervals(points)[first : first + number + 1]
    before = np.empty((n, 1, boundaries.size - 1))
    for usual, result, place, start in ((boundaries, before, 0, 0), (intervals, net, index, first)):
        positions = channel_positions(plan.axis.recorded(index, usual), plan.energy)
        write_window_counts(result, place, start, pixels.block, positions, moved=moved)
        if pixels.rows.size:
            few = np.empty((pixels.rows.size, 1, usual.size - 1))
            own = None if moved is None else moved[pixels.rows]
            write_window_counts(few, 0, 0, pixels.replaced, positions, moved=own)
            result[pixels.rows, place, start : start + usual.size - 1] = few[:, 0]
    bins = (boundaries[1:] + boundaries[:-1]) / 2, np.diff(boundaries)
    grid = edge.grid(points)
    sums = subtract_power_law(net, index, first, before[:, 0], bins, grid[covered], windows, gain=plan.gain)
    continue_cut_edge(net[:, index], grid, covered)
    return sums


def _without_spikes(
    block: NDArray[Any], plan: Plan, recipe: Recipe, scan: RowScan, options: dict[str, float]
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.intp]]:
    """Rows with spikes, what becomes of them, and how many spikes each row of the block holds."""
    if recipe.spikes.enabled:
        return repair_spikes(block, plan.reference, scan, **options)
    return np.empty(0, dtype=np.intp), np.empty((0, block.shape[1])), np.zeros(len(block), dtype=np.intp)
