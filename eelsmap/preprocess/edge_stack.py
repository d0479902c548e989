"""From counts to the edge stack: background-subtracted near-edge structures on the model's grids, with quality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import Edge
from eelsmap.errors import PixelFlag
from eelsmap.preprocess.background_fit import BackgroundFit, extrapolate_background, fit_background
from eelsmap.preprocess.cleaning import TreatedPixels, treated
from eelsmap.preprocess.coverage import continue_cut_edge, covered_points
from eelsmap.preprocess.fused_extraction import FewCleaned, can_be_fused, clean_few, net_edge
from eelsmap.preprocess.local_average import averaging_gain
from eelsmap.preprocess.plan import Plan
from eelsmap.preprocess.windows import channel_positions, counts_between, running_sum
from eelsmap.recipe import Recipe

__all__ = ["ABSENT_LEVEL", "EdgeDetails", "EdgeStack", "extract_edges", "normalise"]

ABSENT_LEVEL = 0.1
"""The constant that stands for an absent element's edge (Jia et al. 2026, 10.1021/acsnano.5c16942)."""

_MINIMUM_WHOLE_SNR = 2.0
# Net counts in the last eV of an edge that lie this far below zero were over-subtracted.
_TAIL = 8.0
_OVER_SUBTRACTED = 5.0
_UNCERTAIN_AXIS = 1.6
_BY_PIXEL = ("net", "net_counts", "snr", "weak", "counts", "flags")


class EdgeDetails(NamedTuple):
    """How the background of one edge was modelled in n pixels.

    ``grid`` (point,): energies, eV, of the covered points. ``gross`` and ``background`` (n, point): counts in each
    interval. ``shot`` (n, point): the counts whose shot noise `gross` carries, which are other ones after plural
    scattering was removed. ``boundaries`` (bin + 1,): of the background window, eV. ``before`` (n, bin): counts in it.
    ``fit``: the background's model. ``gain``: variance of the counts over their mean, for each pixel (n,) or for all;
    ``fitted_gain``: the same as the fit was told.
    """

    grid: NDArray[np.float64]
    gross: NDArray[np.float64]
    shot: NDArray[np.float64]
    background: NDArray[np.float64]
    boundaries: NDArray[np.float64]
    before: NDArray[np.float64]
    fit: BackgroundFit
    gain: NDArray[np.float64] | float
    fitted_gain: float

    def net_sums(self, windows: list[NDArray[np.bool_]], /) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Net counts in windows (masks of points) and their variance, each of shape (n, window)."""
        step = np.full(self.grid.size, self.grid[1] - self.grid[0])
        gross = np.stack([self.gross[:, window].sum(axis=1) for window in windows], axis=1)
        below = np.stack([self.background[:, window].sum(axis=1) for window in windows], axis=1)
        model = np.maximum(self.fit.variance(self.background, self.grid, step, windows), 0.0)
        gain = np.reshape(self.gain, (-1, 1))
        shot = gross
        if self.shot is not self.gross:
            shot = np.stack([self.shot[:, window].sum(axis=1) for window in windows], axis=1)
        # One electron at least, which is `gain` counts.
        return gross - below, gain * np.maximum(shot, gain) + model * (gain / self.fitted_gain)


class EdgeStack(NamedTuple):
    """Edges of n pixels.

    ``net`` (n, edge, point): net counts in each grid interval, NaN for a missing edge. ``net_counts`` (n, edge):
    their sum over the covered part of the near-edge window. ``snr`` (n, edge): net counts in the signal window in
    standard deviations. ``weak`` (n, edge): the edge does not rise above noise, or is spoilt. ``coverage`` (edge,):
    covered share of the near-edge window. ``counts`` (n,): all counts of the pixel. ``flags`` (n,) uint32:
    :class:`eelsmap.errors.PixelFlag`. ``axis_uncertainty`` (n,): what may remain wrong of the energies, eV; NaN where
    nobody knows. ``details``: by name of the covered edges, if asked for.
    """

    net: NDArray[np.float64]
    net_counts: NDArray[np.float64]
    snr: NDArray[np.float64]
    weak: NDArray[np.bool_]
    coverage: NDArray[np.float64]
    counts: NDArray[np.float64]
    flags: NDArray[np.uint32]
    axis_uncertainty: NDArray[np.float64] | float = np.nan
    details: dict[str, EdgeDetails] | None = None

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which edges are inside the axis and rise above noise, shape (n, edge)."""
        return np.asarray(np.isfinite(self.snr) & ~self.weak)

    def rows(self, chosen: NDArray[np.intp] | slice) -> EdgeStack:
        """Take some of the pixels; details are left behind."""
        parts: dict[str, Any] = {name: getattr(self, name)[chosen] for name in _BY_PIXEL}
        return EdgeStack(
            **parts, coverage=self.coverage, axis_uncertainty=_each(self.axis_uncertainty, len(self.flags))[chosen]
        )

    @staticmethod
    def joined(stacks: Sequence[EdgeStack]) -> EdgeStack:
        """Put the pixels of several stacks into one, which covers what all of them cover; details are left behind."""
        parts: dict[str, Any] = {name: np.concatenate([getattr(stack, name) for stack in stacks]) for name in _BY_PIXEL}
        return EdgeStack(
            **parts,
            coverage=np.min([stack.coverage for stack in stacks], axis=0),
            axis_uncertainty=np.concatenate([_each(stack.axis_uncertainty, len(stack.flags)) for stack in stacks]),
        )


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


def normalise(stack: EdgeStack, /) -> NDArray[np.float64]:
    """Bring every edge to unit sum; weak edges become the constant of an absent element.

    Parameters
    ----------
    stack
        Result of :func:`extract_edges`.

    Returns
    -------
    numpy.ndarray
        Shape (n, edge, point); NaN for edges that the axis does not cover.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        shape = stack.net / stack.net.sum(axis=-1, keepdims=True)
    shape[stack.weak] = ABSENT_LEVEL
    return shape


def _each(value: NDArray[np.float64] | float, pixels: int) -> NDArray[np.float64]:
    """One value for each pixel, shape (n,)."""
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (pixels,))


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
