"""What is made of the edges of pixels, however they were extracted: which are weak, and what flags say."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import Edge
from eelsmap.errors import PixelFlag
from eelsmap.preprocess.cleaning import TreatedPixels
from eelsmap.preprocess.coverage import covered_points
from eelsmap.preprocess.edge_stack import EdgeStack
from eelsmap.preprocess.fused_extraction import FewCleaned
from eelsmap.preprocess.plan import Plan
from eelsmap.recipe import Recipe

__all__ = ["OfEdge", "judged", "window_boundaries"]

_MINIMUM_WHOLE_SNR = 2.0
# Net counts in the last eV of an edge that lie this far below zero were over-subtracted.
_OVER_SUBTRACTED = 5.0
_UNCERTAIN_AXIS = 1.6


class OfEdge(NamedTuple):
    """One edge of n pixels: whether its background failed, net counts, and the ratios to their error in three windows.

    Each of shape (n,); the windows are the whole near-edge structure, the strongest part, and the end.
    """

    failed: NDArray[np.bool_]
    counts: NDArray[np.float64]
    whole: NDArray[np.float64]
    signal: NDArray[np.float64]
    tail: NDArray[np.float64]


def judged(
    pixels: FewCleaned | TreatedPixels,
    finite: NDArray[np.bool_],
    error: NDArray[np.float64],
    plan: Plan,
    recipe: Recipe,
    of_edge: Callable[[int, NDArray[np.float64], NDArray[np.bool_]], OfEdge],
) -> EdgeStack:
    """Extract edge after edge and judge the pixels by what is found; ``net`` is left empty."""
    n, edges = len(finite), recipe.edge_set
    flags = np.zeros(n, dtype=np.uint32)
    flags[~finite] |= np.uint32(PixelFlag.NOT_FINITE)
    repaired = plan.faults is not None and (plan.faults.dead.any() or plan.faults.hot.any())
    flags[(pixels.spikes > 0) | repaired] |= np.uint32(PixelFlag.SPIKE_REPAIRED)
    full, saturated = pixels.full
    if saturated is not None:
        flags[full[saturated.any(axis=1)]] |= np.uint32(PixelFlag.SATURATED)
    flags[finite & (pixels.own < plan.minimum_counts)] |= np.uint32(PixelFlag.LOW_COUNTS)
    material = finite & (pixels.own >= plan.minimum_counts)
    if plan.axis.absolute_scale_lost:
        flags |= np.uint32(PixelFlag.ABSOLUTE_SCALE_LOST)
    uncertainty = np.hypot(plan.axis.uncertainty, error)
    flags[uncertainty > _UNCERTAIN_AXIS] |= np.uint32(PixelFlag.AXIS_UNCERTAIN)

    net_counts, snr = np.full((2, n, len(edges)), np.nan)
    weak, failed = np.zeros((2, n, len(edges)), dtype=bool)
    coverage = np.zeros(len(edges))
    for index, edge in enumerate(edges):
        covered = covered_points(edge, index, plan.energy - plan.zero_loss, plan.axis, recipe)
        if covered is None:
            flags |= np.uint32(PixelFlag.missing(edge.name))
            continue
        coverage[index] = covered.sum() / covered.size
        if coverage[index] < 1:
            flags |= np.uint32(PixelFlag.PARTIAL_EDGE)
        boundaries = window_boundaries(edge, index, plan, recipe)
        found = of_edge(index, boundaries, covered)
        failed[:, index], net_counts[:, index], snr[:, index] = found.failed, found.counts, found.signal
        # The whole window must hold net counts too, or there is nothing to divide by.
        weak[:, index] = ~((found.signal >= recipe.quality.minimum_snr) & (found.whole >= _MINIMUM_WHOLE_SNR))
        if saturated is not None:
            weak[full, index] |= _spoilt(saturated, boundaries[0], edge, index, plan)
        flags[weak[:, index] & finite] |= np.uint32(PixelFlag.weak(edge.name))
        flags[(found.tail < -_OVER_SUBTRACTED) & material] |= np.uint32(PixelFlag.OVER_SUBTRACTED)
    flags[failed.any(axis=1) & material] |= np.uint32(PixelFlag.EDGE_BACKGROUND_FAILED)
    flags[pixels.negative] |= np.uint32(PixelFlag.NEGATIVE_COUNTS)
    _flag_unusable(flags, weak, failed, coverage > 0, finite)
    empty = np.empty((n, len(edges), 0))
    return EdgeStack(empty, net_counts, snr, weak, coverage, pixels.own, flags, uncertainty)


def _spoilt(saturated: NDArray[np.bool_], lowest: float, edge: Edge, index: int, plan: Plan) -> NDArray[np.bool_]:
    """Which pixels are saturated in the windows of an edge, shape (n,)."""
    low, high = plan.axis.recorded(index, [lowest, edge.near_edge[1]]) + plan.zero_loss
    inside = (plan.energy >= low) & (plan.energy <= high)
    return np.asarray(saturated[:, inside].any(axis=1))


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


def window_boundaries(edge: Edge, index: int, plan: Plan, recipe: Recipe) -> NDArray[np.float64]:
    """Boundaries of the bins of the background window, shape (bin + 1,), eV."""
    window = plan.window(edge)
    lowest = max(window[0], float(plan.axis.usual(index, plan.energy[0] - plan.zero_loss)))
    return np.linspace(lowest, window[1], recipe.background.bins + 1)
