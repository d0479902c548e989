"""From counts to the edge stack: cleaning, background, extraction, quality and flags of a block of pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import Edge
from eelsmap.errors import PixelFlag
from eelsmap.preprocess.background_fit import extrapolate_background, fit_background
from eelsmap.preprocess.cleaning import TreatedPixels, treated
from eelsmap.preprocess.coverage import continue_cut_edge, covered_points
from eelsmap.preprocess.edge_stack import EdgeDetails, EdgeStack
from eelsmap.preprocess.fused_extraction import FewCleaned, can_be_fused, clean_few, net_edge
from eelsmap.preprocess.local_average import averaging_gain
from eelsmap.preprocess.plan import Plan
from eelsmap.preprocess.windows import channel_positions, counts_between, running_sum
from eelsmap.recipe import Recipe

__all__ = ["extract_edges"]

_MINIMUM_WHOLE_SNR = 2.0
# Net counts in the last eV of an edge that lie this far below zero were over-subtracted.
_TAIL = 8.0
_OVER_SUBTRACTED = 5.0
_UNCERTAIN_AXIS = 1.6


def extract_edges(
    block: NDArray[np.generic],
    plan: Plan,
    recipe: Recipe,
    /,
    *,
    shift: NDArray[np.float64] | None = None,
    low_loss: NDArray[np.generic] | None = None,
    averaged: NDArray[np.floating] | None = None,
    around: NDArray[np.floating] | None = None,
    details: bool = False,
) -> EdgeStack:
    """Treat the pixels of one block: detector, spikes, plural scattering, background, extraction, quality.

    Parameters
    ----------
    block
        Counts, shape (n, channel).
    plan
        What was decided for the image.
    recipe
        The road.
    shift
        Displacement of each pixel, shape (n,), eV: the position of its zero-loss peak, or the drift of its row;
        subtracted from the axis without resampling. Of shape (n, 2) its standard deviation comes with it.
    low_loss
        Counts of each pixel's low loss on ``plan.low_loss_energy``, shape (n, low-loss channel), with which plural
        scattering is removed.
    averaged
        Average over each pixel's neighbourhood, which takes the place of its own counts, shape (n, channel).
    around
        Average over each pixel's neighbourhood that lends the exponent of its background, shape (n, channel).
    details
        Whether to keep how each background was modelled.

    Returns
    -------
    EdgeStack
        For n pixels; rows that cannot be treated carry a flag instead of values.
    """
    n = block.shape[0]
    edges = recipe.edge_set
    flags = np.zeros(n, dtype=np.uint32)
    position, error = _split(shift, n)
    # Averages and low losses may be given without being asked for; details are for few pixels.
    fused = can_be_fused(plan, recipe) and not details and averaged is None and around is None and low_loss is None
    pixels = (
        clean_few(block, plan, recipe) if fused else treated(block, plan, recipe, averaged=averaged, low_loss=low_loss)
    )
    finite = pixels.finite & np.isfinite(position)
    position = np.where(finite, position, 0.0)
    flags[~finite] |= np.uint32(PixelFlag.NOT_FINITE)
    repaired = plan.faults is not None and (plan.faults.dead.any() or plan.faults.hot.any())
    flags[(pixels.spikes > 0) | repaired] |= np.uint32(PixelFlag.SPIKE_REPAIRED)
    if pixels.saturated is not None:
        flags[pixels.saturated.any(axis=1)] |= np.uint32(PixelFlag.SATURATED)
    pixel_counts = pixels.own
    if isinstance(pixels, TreatedPixels):
        total = running_sum(pixels.counts)
        shot = total if pixels.recorded is None else running_sum(pixels.recorded)
        neighbourhood = None if around is None else running_sum(np.nan_to_num(around))
    flags[finite & (pixel_counts < plan.minimum_counts)] |= np.uint32(PixelFlag.LOW_COUNTS)
    material = finite & (pixel_counts >= plan.minimum_counts)
    if plan.axis.absolute_scale_lost:
        flags |= np.uint32(PixelFlag.ABSOLUTE_SCALE_LOST)
    uncertainty = np.hypot(plan.axis.uncertainty, error)
    flags[uncertainty > _UNCERTAIN_AXIS] |= np.uint32(PixelFlag.AXIS_UNCERTAIN)

    net = np.full((n, len(edges), edges.points), np.nan)
    net_counts = np.full((n, len(edges)), np.nan)
    snr = np.full((n, len(edges)), np.nan)
    weak = np.zeros((n, len(edges)), dtype=bool)
    coverage = np.zeros(len(edges))
    failed = np.zeros((n, len(edges)), dtype=bool)
    kept: dict[str, EdgeDetails] | None = {} if details else None
    by_pixel = None if shift is None else position
    for index, edge in enumerate(edges):
        covered = covered_points(edge, index, plan.energy - plan.zero_loss, plan.axis, recipe)
        if covered is None:
            flags |= np.uint32(PixelFlag.missing(edge.name))
            continue
        coverage[index] = covered.sum() / covered.size
        if coverage[index] < 1:
            flags |= np.uint32(PixelFlag.PARTIAL_EDGE)
        boundaries = _boundaries(edge, index, plan, recipe)
        if isinstance(pixels, FewCleaned):
            windows = _windows(edge.grid(edges.points)[covered], edge)
            found = net_edge(net, index, edge, pixels, boundaries, covered, windows, plan, shift=by_pixel)
            failed[:, index], net_counts[:, index] = found.failed, found.sums[:, 0]
            whole, snr[:, index], tail = found.ratios.T
        else:
            part = _background(
                total, shot, neighbourhood, edge, index, boundaries, covered, plan, recipe, by_pixel, pixels.gain
            )
            failed[:, index] = part.fit.failed
            net[:, index], net_counts[:, index], snr[:, index], whole, tail = _extract(part, edge, covered, recipe)
            if kept is not None:
                kept[edge.name] = part
        # The whole window must hold net counts too, or there is nothing to divide by.
        weak[:, index] = ~((snr[:, index] >= recipe.quality.minimum_snr) & (whole >= _MINIMUM_WHOLE_SNR))
        if pixels.saturated is not None:
            weak[:, index] |= _spoilt(pixels.saturated, boundaries[0], edge, index, plan)
        flags[weak[:, index] & finite] |= np.uint32(PixelFlag.weak(edge.name))
        flags[(tail < -_OVER_SUBTRACTED) & material] |= np.uint32(PixelFlag.OVER_SUBTRACTED)
    flags[failed.any(axis=1) & material] |= np.uint32(PixelFlag.EDGE_BACKGROUND_FAILED)
    flags[pixels.negative] |= np.uint32(PixelFlag.NEGATIVE_COUNTS)
    _flag_unusable(flags, weak, failed, coverage > 0, finite)
    return EdgeStack(net, net_counts, snr, weak, coverage, pixel_counts, flags, uncertainty, kept)


def _split(shift: NDArray[np.float64] | None, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Displacement of each pixel and its standard deviation, each of shape (n,), eV; zero without."""
    if shift is None:
        return np.zeros(n), np.zeros(n)
    both = np.asarray(shift, dtype=np.float64)
    if both.ndim == 1:
        return both, np.zeros(n)
    return both[:, 0], np.nan_to_num(both[:, 1])


def _boundaries(edge: Edge, index: int, plan: Plan, recipe: Recipe) -> NDArray[np.float64]:
    """Boundaries of the bins of the background window, shape (bin + 1,), eV."""
    window = plan.window(edge)
    lowest = max(window[0], float(plan.axis.usual(index, plan.energy[0] - plan.zero_loss)))
    return np.linspace(lowest, window[1], recipe.background.bins + 1)


def _windows(grid: NDArray[np.float64], edge: Edge) -> list[NDArray[np.bool_]]:
    """Masks of the covered points: all, the strongest structure, and the end of the window."""
    signal = (grid >= edge.signal[0]) & (grid <= edge.signal[1])
    return [np.ones(grid.size, dtype=bool), signal, grid >= grid[-1] - _TAIL]


def _background(
    total: NDArray[np.float64],
    shot: NDArray[np.float64],
    neighbourhood: NDArray[np.float64] | None,
    edge: Edge,
    index: int,
    boundaries: NDArray[np.float64],
    covered: NDArray[np.bool_],
    plan: Plan,
    recipe: Recipe,
    shift: NDArray[np.float64] | None,
    gain: NDArray[np.float64] | float,
) -> EdgeDetails:
    """Sum the counts under one edge and model its background."""
    places = _positions(boundaries, index, plan, shift)
    before = counts_between(total, places)
    options: dict[str, Any] = {}
    if neighbourhood is not None:
        shared = averaging_gain(recipe.background.neighbours, plan.navigation)
        options = {"averaged": counts_between(neighbourhood, places), "averaged_gain": plan.gain * shared}
    middle, width = (boundaries[1:] + boundaries[:-1]) / 2, np.diff(boundaries)
    # One gain for all pixels: a factor on it changes no estimate, and the covariance only by that factor.
    fit = fit_background(
        before, middle, width, gain=plan.gain, method=recipe.background.method,
        exponents=plan.exponents.get(edge.name, ()), **options,
    )  # fmt: skip
    grid = edge.grid(recipe.edge_set.points)
    step = grid[1] - grid[0]
    intervals = edge.intervals(recipe.edge_set.points)
    positions = _positions(intervals, index, plan, shift)
    gross = counts_between(total, positions)[:, covered]
    noisy = gross if shot is total else counts_between(shot, positions)[:, covered]
    inside = grid[covered]
    background, _ = extrapolate_background(fit, inside, np.full(inside.size, step))
    return EdgeDetails(inside, gross, noisy, background, boundaries, before, fit, gain, plan.gain)


def _extract(
    part: EdgeDetails, edge: Edge, covered: NDArray[np.bool_], recipe: Recipe
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Net counts of one edge on its grid, their sum; signal-to-noise of signal, whole window and end of the window."""
    net = np.empty((len(part.gross), covered.size))
    net[:, covered] = part.gross - part.background
    sums, variance = part.net_sums(_windows(part.grid, edge))
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        ratio = np.where(part.fit.failed[:, None], 0.0, sums / np.sqrt(variance))
    continue_cut_edge(net, edge.grid(recipe.edge_set.points), covered)
    return net, sums[:, 0], ratio[:, 1], ratio[:, 0], ratio[:, 2]


def _spoilt(saturated: NDArray[np.bool_], lowest: float, edge: Edge, index: int, plan: Plan) -> NDArray[np.bool_]:
    """Which pixels are saturated in the windows of an edge, shape (n,)."""
    low, high = plan.axis.recorded(index, [lowest, edge.near_edge[1]]) + plan.zero_loss
    inside = (plan.energy >= low) & (plan.energy <= high)
    return np.asarray(saturated[:, inside].any(axis=1))


def _positions(
    usual: NDArray[np.float64], index: int, plan: Plan, shift: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Window boundaries in channels: shape (window + 1,), or (n, window + 1) where every pixel has its own shift."""
    recorded = plan.axis.recorded(index, usual)
    if shift is not None:
        recorded = recorded + shift[:, None]
    return channel_positions(recorded, plan.energy)


def _flag_unusable(
    flags: NDArray[np.uint32],
    weak: NDArray[np.bool_],
    failed: NDArray[np.bool_],
    present: NDArray[np.bool_],
    finite: NDArray[np.bool_],
) -> None:
    """Set the flags that end the answer, in place; what is not finite has its flag already."""
    unusable = weak[:, present].all(axis=1) & finite
    flags[unusable] |= np.uint32(PixelFlag.NO_EDGE)
    flags[unusable & failed[:, present].any(axis=1)] |= np.uint32(PixelFlag.BACKGROUND_FAILED)
