"""From counts to the edge stack: cleaning, background, extraction, quality and flags of a block of pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import Edge
from eelsmap.preprocess.background_fit import extrapolate_background, fit_background
from eelsmap.preprocess.cleaning import TreatedPixels, treated
from eelsmap.preprocess.coverage import continue_cut_edge
from eelsmap.preprocess.edge_stack import EdgeDetails, EdgeStack
from eelsmap.preprocess.fused_extraction import FewCleaned, can_be_fused, clean_few, net_edge
from eelsmap.preprocess.judgement import KnownEdge, OfEdge, judged, split_shift, sum_windows
from eelsmap.preprocess.local_average import averaging_gain
from eelsmap.preprocess.plan import Plan
from eelsmap.preprocess.windows import channel_positions, counts_between, running_sum
from eelsmap.recipe import Recipe

__all__ = ["extract_edges"]


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
    edges = recipe.edge_set
    position, error = split_shift(shift, len(block))
    # Averages and low losses may be given without being asked for; details are for few pixels.
    fused = can_be_fused(plan, recipe) and not details and averaged is None and around is None and low_loss is None
    pixels = (
        clean_few(block, plan, recipe) if fused else treated(block, plan, recipe, averaged=averaged, low_loss=low_loss)
    )
    finite = pixels.finite & np.isfinite(position)
    by_pixel = None if shift is None else np.where(finite, position, 0.0)
    net = np.full((len(block), len(edges), edges.points), np.nan)
    kept: dict[str, EdgeDetails] | None = {} if details else None
    if isinstance(pixels, TreatedPixels):
        total = running_sum(pixels.counts)
        shot = total if pixels.recorded is None else running_sum(pixels.recorded)
        neighbourhood = None if around is None else running_sum(np.nan_to_num(around))

    def of_edge(known: KnownEdge) -> OfEdge:
        index, edge, boundaries, covered, windows = known
        if isinstance(pixels, FewCleaned):
            found = net_edge(net, index, edge, pixels, boundaries, covered, list(windows), plan, shift=by_pixel)
            return OfEdge(found.failed, found.sums[:, 0], *found.ratios.T)
        part = _background(
            total, shot, neighbourhood, edge, index, boundaries, covered, plan, recipe, by_pixel, pixels.gain
        )
        net[:, index], *sums = _extract(part, edge, covered, recipe)
        if kept is not None:
            kept[edge.name] = part
        return OfEdge(part.fit.failed, *sums)

    return judged(pixels, finite, error, plan, recipe, of_edge)._replace(net=net, details=kept)


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
    """Net counts of one edge on its grid, their sum; signal-to-noise of whole window, signal and end of the window."""
    net = np.empty((len(part.gross), covered.size))
    net[:, covered] = part.gross - part.background
    sums, variance = part.net_sums(list(sum_windows(part.grid, edge)))
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        ratio = np.where(part.fit.failed[:, None], 0.0, sums / np.sqrt(variance))
    continue_cut_edge(net, edge.grid(recipe.edge_set.points), covered)
    return net, sums[:, 0], ratio[:, 0], ratio[:, 1], ratio[:, 2]


def _positions(
    usual: NDArray[np.float64], index: int, plan: Plan, shift: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Window boundaries in channels: shape (window + 1,), or (n, window + 1) where every pixel has its own shift."""
    recorded = plan.axis.recorded(index, usual)
    if shift is not None:
        recorded = recorded + shift[:, None]
    return channel_positions(recorded, plan.energy)
