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

__all__ = [
    "MINIMUM_WHOLE_SNR", "OVER_SUBTRACTED", "UNCERTAIN_AXIS", "KnownEdge", "OfEdge", "judged", "known_edges",
    "missing_edges", "split_shift", "spoilt", "sum_windows",
]  # fmt: skip

MINIMUM_WHOLE_SNR = 2.0
"""Signal-to-noise ratio of the whole near-edge window below which there is nothing to divide by."""
OVER_SUBTRACTED = 5.0
"""Net counts in the last eV of an edge that lie so many standard deviations below zero were over-subtracted."""
UNCERTAIN_AXIS = 1.6
"""Standard deviation of energies, eV, above which pixels say so."""
_TAIL = 8.0


class KnownEdge(NamedTuple):
    """An edge that the axis covers.

    ``place`` and ``edge``: which of the set. ``boundaries`` (bin + 1,): of the background's bins, eV. ``covered``
    (point,): which points the axis holds, without gaps. ``windows``: masks of covered points, in which net counts are
    summed up: all, the strongest structure, and the end.
    """

    place: int
    edge: Edge
    boundaries: NDArray[np.float64]
    covered: NDArray[np.bool_]
    windows: tuple[NDArray[np.bool_], ...]


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
    of_edge: Callable[[KnownEdge], OfEdge],
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
    flags[uncertainty > UNCERTAIN_AXIS] |= np.uint32(PixelFlag.AXIS_UNCERTAIN)

    net_counts, snr = np.full((2, n, len(edges)), np.nan)
    weak, failed = np.zeros((2, n, len(edges)), dtype=bool)
    coverage = np.zeros(len(edges))
    known = known_edges(plan, recipe)
    for name in missing_edges(known, recipe):
        flags |= np.uint32(PixelFlag.missing(name))
    for one in known:
        index, edge = one.place, one.edge
        coverage[index] = one.covered.sum() / one.covered.size
        if coverage[index] < 1:
            flags |= np.uint32(PixelFlag.PARTIAL_EDGE)
        found = of_edge(one)
        failed[:, index], net_counts[:, index], snr[:, index] = found.failed, found.counts, found.signal
        # The whole window must hold net counts too, or there is nothing to divide by.
        weak[:, index] = ~((found.signal >= recipe.quality.minimum_snr) & (found.whole >= MINIMUM_WHOLE_SNR))
        if saturated is not None:
            weak[full, index] |= spoilt(saturated, one, plan)
        flags[weak[:, index] & finite] |= np.uint32(PixelFlag.weak(edge.name))
        flags[(found.tail < -OVER_SUBTRACTED) & material] |= np.uint32(PixelFlag.OVER_SUBTRACTED)
    flags[failed.any(axis=1) & material] |= np.uint32(PixelFlag.EDGE_BACKGROUND_FAILED)
    flags[pixels.negative] |= np.uint32(PixelFlag.NEGATIVE_COUNTS)
    _flag_unusable(flags, weak, failed, coverage > 0, finite)
    empty = np.empty((n, len(edges), 0))
    return EdgeStack(empty, net_counts, snr, weak, coverage, pixels.own, flags, uncertainty)


def spoilt(saturated: NDArray[np.bool_], known: KnownEdge, plan: Plan, /) -> NDArray[np.bool_]:
    """Which pixels are saturated (n, channel) in the windows of an edge, shape (n,)."""
    energies = [known.boundaries[0], known.edge.near_edge[1]]
    low, high = plan.axis.recorded(known.place, energies) + plan.zero_loss
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


def known_edges(plan: Plan, recipe: Recipe, /) -> list[KnownEdge]:
    """Edges that the axis covers, with their windows."""
    found = []
    for index, edge in enumerate(recipe.edge_set):
        covered = covered_points(edge, index, plan.energy - plan.zero_loss, plan.axis, recipe)
        if covered is None:
            continue
        window = plan.window(edge)
        lowest = max(window[0], float(plan.axis.usual(index, plan.energy[0] - plan.zero_loss)))
        boundaries = np.linspace(lowest, window[1], recipe.background.bins + 1)
        windows = sum_windows(edge.grid(recipe.edge_set.points)[covered], edge)
        found.append(KnownEdge(index, edge, boundaries, covered, windows))
    return found


def missing_edges(known: list[KnownEdge], recipe: Recipe, /) -> list[str]:
    """Names of the edges of the set that are not known."""
    held = {one.place for one in known}
    return [edge.name for index, edge in enumerate(recipe.edge_set) if index not in held]


def sum_windows(grid: NDArray[np.float64], edge: Edge, /) -> tuple[NDArray[np.bool_], ...]:
    """Masks of covered points at energies (point,): all, the strongest structure, and the end of the window."""
    signal = (grid >= edge.signal[0]) & (grid <= edge.signal[1])
    return np.ones(grid.size, dtype=bool), signal, grid >= grid[-1] - _TAIL


def split_shift(shift: NDArray[np.float64] | None, n: int, /) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Displacement of each pixel and its standard deviation, each of shape (n,), eV; zero without."""
    if shift is None:
        return np.zeros(n), np.zeros(n)
    both = np.asarray(shift, dtype=np.float64)
    if both.ndim == 1:
        return both, np.zeros(n)
    return both[:, 0], np.nan_to_num(both[:, 1])
