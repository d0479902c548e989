"""From counts to the edge stack: background-subtracted near-edge structures on the model's grids, with quality."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import Edge
from eelsmap.errors import PixelFlag
from eelsmap.preprocess.background import extrapolate_power_law, fit_power_law
from eelsmap.preprocess.coverage import continue_cut_edge, covered_points
from eelsmap.preprocess.plan import Plan
from eelsmap.preprocess.spikes import remove_spikes
from eelsmap.preprocess.windows import channel_positions, counts_between, running_sum
from eelsmap.recipe import Recipe

__all__ = ["ABSENT_LEVEL", "EdgeStack", "extract_edges", "normalise"]

ABSENT_LEVEL = 0.1
"""The constant that stands for an absent element's edge (Jia et al. 2026, 10.1021/acsnano.5c16942)."""

_MINIMUM_WHOLE_SNR = 2.0


class EdgeStack(NamedTuple):
    """Edges of n pixels.

    ``net`` (n, edge, point): net counts in each grid interval, NaN for a missing edge. ``net_counts`` (n, edge):
    their sum over the covered part of the near-edge window. ``snr`` (n, edge): net counts in the signal window in
    standard deviations. ``weak`` (n, edge): the edge does not rise above noise. ``coverage`` (edge,): covered share
    of the near-edge window. ``counts`` (n,): all counts of the pixel. ``flags`` (n,) uint32:
    :class:`eelsmap.errors.PixelFlag`.
    """

    net: NDArray[np.float64]
    net_counts: NDArray[np.float64]
    snr: NDArray[np.float64]
    weak: NDArray[np.bool_]
    coverage: NDArray[np.float64]
    counts: NDArray[np.float64]
    flags: NDArray[np.uint32]

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which edges are inside the axis and rise above noise, shape (n, edge)."""
        return np.asarray(np.isfinite(self.snr) & ~self.weak)


def extract_edges(
    block: NDArray[np.generic], plan: Plan, recipe: Recipe, /, *, shift: NDArray[np.float64] | None = None
) -> EdgeStack:
    """Treat the pixels of one block: spikes, background, extraction, quality.

    Parameters
    ----------
    block
        Counts, shape (n, channel).
    plan
        What was decided for the image.
    recipe
        The road.
    shift
        Position of each pixel's zero-loss peak, shape (n,), eV; subtracted from the axis without resampling.

    Returns
    -------
    EdgeStack
        For n pixels; rows that cannot be treated carry a flag instead of values.
    """
    counts = np.asarray(block, dtype=np.float64)
    n = counts.shape[0]
    edges = recipe.edge_set
    flags = np.zeros(n, dtype=np.uint32)
    finite = np.asarray(np.isfinite(counts).all(axis=1))
    if shift is not None:
        finite &= np.isfinite(shift)
        shift = np.where(finite, shift, 0.0)
    flags[~finite] |= np.uint32(PixelFlag.NOT_FINITE)
    if not finite.all():
        counts = np.where(finite[:, None], counts, 0.0)
    if recipe.spikes.enabled:
        counts, spikes = remove_spikes(counts, plan.reference, gain=plan.gain, threshold=recipe.spikes.threshold)
        flags[spikes > 0] |= np.uint32(PixelFlag.SPIKE_REPAIRED)
    total = running_sum(counts)
    pixel_counts = total[:, -1]
    flags[finite & (pixel_counts < plan.minimum_counts)] |= np.uint32(PixelFlag.LOW_COUNTS)
    if plan.axis.absolute_scale_lost:
        flags |= np.uint32(PixelFlag.ABSOLUTE_SCALE_LOST)

    net = np.full((n, len(edges), edges.points), np.nan)
    net_counts = np.full((n, len(edges)), np.nan)
    snr = np.full((n, len(edges)), np.nan)
    weak = np.zeros((n, len(edges)), dtype=bool)
    coverage = np.zeros(len(edges))
    failed = np.zeros((n, len(edges)), dtype=bool)
    for index, edge in enumerate(edges):
        covered = covered_points(edge, index, plan.energy - plan.zero_loss, plan.axis, recipe)
        if covered is None:
            flags |= np.uint32(PixelFlag.missing(edge.name))
            continue
        coverage[index] = covered.sum() / covered.size
        if coverage[index] < 1:
            flags |= np.uint32(PixelFlag.PARTIAL_EDGE)
        net[:, index], net_counts[:, index], snr[:, index], whole, failed[:, index] = _extract(
            total, edge, index, covered, plan, recipe, shift
        )
        # The whole window must hold net counts too, or there is nothing to divide by.
        weak[:, index] = ~((snr[:, index] >= recipe.quality.minimum_snr) & (whole >= _MINIMUM_WHOLE_SNR))
        flags[weak[:, index] & finite] |= np.uint32(PixelFlag.weak(edge.name))
    _flag_unusable(flags, counts, weak, failed, coverage > 0, finite)
    return EdgeStack(net, net_counts, snr, weak, coverage, pixel_counts, flags)


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


def _extract(
    total: NDArray[np.float64],
    edge: Edge,
    index: int,
    covered: NDArray[np.bool_],
    plan: Plan,
    recipe: Recipe,
    shift: NDArray[np.float64] | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Net counts of one edge on its grid, their sum, signal-to-noise of signal and whole window, failed fits."""
    bins = recipe.background.bins
    lowest = max(edge.background[0], float(plan.axis.usual(index, plan.energy[0] - plan.zero_loss)))
    boundaries = np.linspace(lowest, edge.background[1], bins + 1)
    before = counts_between(total, _positions(boundaries, index, plan, shift))
    fit = fit_power_law(before, (boundaries[1:] + boundaries[:-1]) / 2, np.diff(boundaries), gain=plan.gain)

    grid = edge.grid(recipe.edge_set.points)
    step = grid[1] - grid[0]
    intervals = edge.intervals(recipe.edge_set.points)
    gross = counts_between(total, _positions(intervals, index, plan, shift))
    background, variance = extrapolate_power_law(fit, grid[covered], np.full(covered.sum(), step))
    net = np.empty_like(gross)
    net[:, covered] = gross[:, covered] - background
    net_counts = net[:, covered].sum(axis=1)
    whole = _signal_to_noise(net_counts, gross[:, covered].sum(axis=1), variance, fit.failed, plan.gain)
    signal = covered & (grid >= edge.signal[0]) & (grid <= edge.signal[1])
    _, variance = extrapolate_power_law(fit, grid[signal], np.full(signal.sum(), step))
    snr = _signal_to_noise(net[:, signal].sum(axis=1), gross[:, signal].sum(axis=1), variance, fit.failed, plan.gain)
    continue_cut_edge(net, grid, covered)
    return net, net_counts, snr, whole, fit.failed


def _signal_to_noise(
    net: NDArray[np.float64],
    gross: NDArray[np.float64],
    variance: NDArray[np.float64],
    failed: NDArray[np.bool_],
    gain: float,
) -> NDArray[np.float64]:
    """Net counts in standard deviations: shot noise of all counts and the error of the extrapolated background."""
    # One electron at least, which is `gain` counts.
    noise = gain * np.maximum(gross, gain) + np.maximum(variance, 0.0)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(failed, 0.0, net / np.sqrt(noise))


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
    counts: NDArray[np.float64],
    weak: NDArray[np.bool_],
    failed: NDArray[np.bool_],
    present: NDArray[np.bool_],
    finite: NDArray[np.bool_],
) -> None:
    """Set the flags that end the answer, in place; what is not finite has its flag already."""
    unusable = weak[:, present].all(axis=1) & finite
    flags[unusable] |= np.uint32(PixelFlag.NO_EDGE)
    flags[unusable & failed[:, present].any(axis=1)] |= np.uint32(PixelFlag.BACKGROUND_FAILED)
    flags[(counts < 0).mean(axis=1) > 0.25] |= np.uint32(PixelFlag.NEGATIVE_COUNTS)
