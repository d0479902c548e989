"""Features of one edge written straight into the feature matrix by compiled kernels.

Drop-ins for :func:`eelsmap.features.cumulative_distribution` of a normalised stack,
:func:`eelsmap.features.white_line_features` and :func:`eelsmap.features.oxygen_edge_features`, with the same rules.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import Edge
from eelsmap.features import alignment, oxygen_edge, white_lines
from eelsmap.features.fused_kernels import distribution_kernel, oxygen_edge_kernel, white_line_kernel
from eelsmap.preprocess.fused_numba import as_input
from eelsmap.preprocess.smoothing import half_gaussian

__all__ = ["EdgeRules", "aligned_width", "oxygen_rules", "white_line_rules", "write_aligned", "write_distribution"]


class EdgeRules(NamedTuple):
    """What a kernel needs to know of an edge."""

    grid: NDArray[np.float64]
    weights: NDArray[np.float64]
    boundary: NDArray[np.float64]
    centres: NDArray[np.float64]
    ranges: NDArray[np.intp]
    rule: tuple[float, ...]
    under_l3: NDArray[np.float64] | None


def write_distribution(
    features: NDArray[np.float32],
    column: int,
    net: NDArray[np.float64],
    weak: NDArray[np.bool_],
    index: int,
    /,
    *,
    stride: int = 1,
) -> int:
    """Write the cumulative distribution of one edge of n pixels.

    Parameters
    ----------
    features
        The feature matrix, shape (n, feature), C-contiguous, written in place.
    column
        Its first column to write.
    net
        Net counts, shape (n, edge, point).
    weak
        Edges that count as absent, shape (n, edge).
    index
        Which edge.
    stride
        Every how many-th point is kept, counted from the last.

    Returns
    -------
    int
        The first column after those that were written. NaN where net counts are missing or sum to zero.
    """
    distribution_kernel(as_input(net), _mask(weak), index, stride, features, column)
    return column + (net.shape[2] - 1) // stride


def write_aligned(
    features: NDArray[np.float32],
    column: int,
    net: NDArray[np.float64],
    seen: NDArray[np.bool_],
    index: int,
    edge: Edge,
    /,
) -> int:
    """Write the features of one edge laid on its own maximum.

    Parameters
    ----------
    features
        The feature matrix, shape (n, feature), C-contiguous, written in place.
    column
        Its first column to write.
    net
        Net counts, shape (n, edge, point).
    seen
        Edges that rise above noise, shape (n, edge); NaN is written for the others.
    index, edge
        Which edge.

    Returns
    -------
    int
        The first column after those that were written.
    """
    known = (as_input(net), _mask(seen), index, features, column)
    if edge.subshell == "K":
        rules = oxygen_rules(edge, net.shape[2])
        oxygen_edge_kernel(*known, rules.grid, rules.weights, rules.boundary, rules.centres, rules.ranges, rules.rule)
        return column + aligned_width(edge)
    rules = white_line_rules(edge, net.shape[2])
    white_line_kernel(
        *known, rules.grid, rules.weights, rules.boundary, rules.centres, rules.under_l3, rules.ranges, rules.rule
    )
    return column + aligned_width(edge)


@lru_cache(maxsize=64)
def aligned_width(edge: Edge, /) -> int:
    """Say how many features an edge has that is laid on its own maximum."""
    names = oxygen_edge.oxygen_edge_names if edge.subshell == "K" else white_lines.white_line_names
    return len(names(edge))


def _mask(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mask in the form that the kernels were compiled for."""
    view = np.ascontiguousarray(mask).view()
    view.flags.writeable = False
    return view


@lru_cache(maxsize=64)
def white_line_rules(edge: Edge, points: int) -> EdgeRules:
    """Rules of :mod:`eelsmap.features.white_lines` for one edge."""
    bins = (white_lines._FIRST, white_lines._LAST, white_lines._BIN)
    centres = alignment.bin_centres(*bins)
    distance = edge.lines[1].energy - edge.lines[0].energy
    ranges = [
        *_between(centres, *white_lines._BASELINE), *_between(centres, -4.0, distance + 4.5),
        *_between(centres, -white_lines._HALF_LINE, white_lines._HALF_LINE), *_between(centres, 2.0, np.inf),
    ]  # fmt: skip
    rule = (
        edge.lines[0].energy, distance, white_lines._SEARCH, white_lines._SPIN_ORBIT_SEARCH, white_lines._HALF_LINE,
        *white_lines._CONTINUUM, white_lines._STEP_WIDTH, 2.0, alignment._LARGEST,
    )  # fmt: skip
    grid = edge.grid(points)
    return _rules(grid, white_lines._SMOOTHING, bins, centres, ranges, rule, 2 / 3 * white_lines._step(centres))


@lru_cache(maxsize=64)
def oxygen_rules(edge: Edge, points: int) -> EdgeRules:
    """Rules of :mod:`eelsmap.features.oxygen_edge` for one edge."""
    bins = (oxygen_edge._FIRST, oxygen_edge._LAST, oxygen_edge._BIN)
    centres = alignment.bin_centres(*bins)
    windows = (oxygen_edge._BASELINE, (-2.0, 2.0), oxygen_edge._GAP, oxygen_edge._TAIL)
    ranges = [bound for window in windows for bound in _between(centres, *window)]
    pre_edge, peak = (line.energy for line in edge.lines)
    rule = (
        peak, pre_edge - peak, oxygen_edge._SEARCH, oxygen_edge._PRE_EDGE_SEARCH, oxygen_edge._HALF_PRE_EDGE,
        alignment._LARGEST,
    )  # fmt: skip
    return _rules(edge.grid(points), oxygen_edge._SMOOTHING, bins, centres, ranges, rule, None)


def _rules(
    grid: NDArray[np.float64],
    smoothing: float,
    bins: tuple[float, float, float],
    centres: NDArray[np.float64],
    ranges: list[int],
    rule: tuple[float, ...],
    under_l3: NDArray[np.float64] | None,
) -> EdgeRules:
    """Put the rules of an edge together, of one type each."""
    first, last, width = bins
    boundary = np.arange(first, last + width / 2, width)
    numbers: Any = tuple(float(value) for value in rule)
    return EdgeRules(
        grid, half_gaussian(smoothing / (grid[1] - grid[0])), boundary, centres, np.array(ranges), numbers, under_l3
    )


def _between(centres: NDArray[np.float64], low: float, high: float) -> tuple[int, int]:
    """First and last (exclusive) bin whose middle lies between two energies."""
    inside = np.flatnonzero((centres > low) & (centres < high))
    return (int(inside[0]), int(inside[-1]) + 1) if inside.size else (0, 0)
