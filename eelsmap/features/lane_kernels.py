"""Kernels of the features of one edge for eight pixels side by side: distribution and aligned shape.

The same numbers as :mod:`eelsmap.features.fused_kernels`, up to rounding. Arrays of shape (row, 8) hold one number of
eight pixels a row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.features.lane_peaks import SPARE, highest_point, pad_ends
from eelsmap.preprocess.fused_numba import Kernel, helper
from eelsmap.preprocess.lane_math import arc_tangent
from eelsmap.preprocess.lanes import (
    LANES,
    absolute,
    aligned_rows,
    gather_pair,
    get_lane,
    load,
    spread,
    store,
    where,
    whole_part,
    write_rows,
    write_square,
)  # fmt: skip

__all__ = ["lane_oxygen_kernel", "lane_room", "lane_white_line_kernel"]


def lane_room(points: int, weights: NDArray[np.float64], bins: int, kept: int, /) -> NDArray[np.float64]:
    """Room in which a kernel works, shape (row, 8): lines of the cache are read whole if it begins at one."""
    return aligned_rows(3 * points + 2 * weights.size + 2 * SPARE + 2 * bins + 16 + kept)


@helper
def _rooms(room: Any, points: int, radius: int, size: int) -> Any:
    """Take padded and smoothed net counts, their running sum, bins, and what is to be written apart."""
    padded = points + 2 * radius + SPARE
    smooth, running = padded + points + SPARE, padded + 2 * points + SPARE + 1
    shape = running + size
    return room[:padded], room[padded:smooth], room[smooth:running], room[running:shape], room[shape:]


@helper
def _finite(value: Any) -> Any:
    """Where numbers are finite."""
    return value - value == 0.0


@helper
def _put(written: Any, place: int, value: Any, largest: float) -> None:
    """Keep one feature; what is beyond reason says nothing."""
    store(written, place, where(absolute(value) < largest, value, spread(np.nan)))


@helper
def _write(written: Any, number: int, features: Any, row: int, column: int) -> None:
    """Write features that were kept into the rows that they belong to."""
    whole = number - number % LANES
    for k in range(0, whole, LANES):
        write_square(features, row, column + k, written, k)
    for k in range(whole, number):
        write_rows(features, row, column + k, load(written, k))


@helper
def _distribution(
    out: Any, base: int, points: int, running: Any, written: Any, features: Any, row: int, column: int, stride: int
) -> None:  # fmt: skip
    """Sum net counts up from zero, and write every `stride`-th share of the total, counted from the last."""
    total = spread(0.0)
    store(running, 0, total)
    for j in range(points):
        total = total + load(out, base + j)
        store(running, j + 1, total)
    share = 1.0 / where(_finite(total) & ~(total == 0.0), total, spread(np.nan))
    kept = (points - 1) // stride
    first = points - 1 - kept * stride
    for k in range(kept):
        store(written, k, load(running, first + k * stride + 1) * share)
    _write(written, kept, features, row, column)


@helper
def _fill_bins(running: Any, grid: Any, zero: Any, boundary: Any, shape: Any) -> None:
    """Count what lies in bins from an energy on; NaN where the grid does not reach."""
    points = grid.size
    steps = 1.0 / (grid[1] - grid[0])
    previous = spread(np.nan)
    for k in range(boundary.size):
        position = (zero + (boundary[k] - grid[0])) * steps + 0.5
        inside = (position >= 0.0) & (position <= float(points))
        position = where(inside, position, spread(0.0))
        index = whole_part(position)
        index = where(index < float(points - 1), index, spread(float(points - 1)))
        below, above = gather_pair(running, index)
        value = where(inside, below + (position - index) * (above - below), spread(np.nan))
        if k > 0:
            store(shape, k - 1, value - previous)
        previous = value


@helper
def _known_mean(shape: Any, first: int, last: int) -> Any:
    """Mean of the finite values of a range of bins; NaN where there is none."""
    total, number = spread(0.0), spread(0.0)
    for k in range(first, last):
        value = load(shape, k)
        known = _finite(value)
        total = total + where(known, value, spread(0.0))
        number = number + where(known, spread(1.0), spread(0.0))
    return total / number


@helper
def _known_sum(shape: Any, first: int, last: int) -> Any:
    """Sum of the values of a range of bins, NaN left out; NaN where it is not positive."""
    total = spread(0.0)
    for k in range(first, last):
        value = load(shape, k)
        total = total + where(value == value, value, spread(0.0))
    return where(total > 0.0, total, spread(np.nan))


@Kernel
def lane_white_line_kernel(
    net: Any, asked: Any, features: Any, distribution: int, stride: int, column: int, grid: Any, weights: Any,
    boundary: Any, centres: Any, under_l3: Any, ranges: Any, rule: Any, slack: float, room: Any,
) -> None:  # fmt: skip
    """Write the distribution of one L2,3 edge and the features of its shape aligned on its own L3 line.

    `net` (group, point, 8), `asked` (group,): whether its rows are wanted, `features` (n, feature), `distribution` and
    `column`: where they begin; a negative column leaves the aligned ones out. `slack`: of
    :func:`eelsmap.features.lane_peaks.least_slack`; `room`:
    of :func:`lane_room`. The rest as in :func:`eelsmap.features.fused_kernels.white_line_kernel`.
    """
    line, distance, search, search_l2, half, continuum_from, continuum_to, width, apart, largest = rule
    points, size, radius = net.shape[1], centres.size, weights.size - 1
    out = net.reshape((-1, LANES))
    padded, smooth, running, shape, written = _rooms(room, points, radius, size)
    none, narrow = spread(0.0), 1.0 / width
    for group in range(net.shape[0]):
        if not asked[group]:
            continue
        row, base = group * LANES, group * points
        _distribution(out, base, points, running, written, features, row, distribution, stride)
        if column < 0:
            continue
        pad_ends(out, base, points, radius, padded)
        l3 = highest_point(padded, weights, grid, spread(line), search, slack, smooth)
        _fill_bins(running, grid, l3, boundary, shape)
        baseline = _known_mean(shape, ranges[0], ranges[1])
        level = where(_finite(baseline), baseline, none)
        for k in range(size):
            store(shape, k, load(shape, k) - level)
        l2 = highest_point(padded, weights, grid, l3 + distance, search_l2, slack, smooth) - l3
        total = _known_sum(shape, ranges[2], ranges[3])
        share = 1.0 / total
        between, between_number, beyond, beyond_number = none, none, none, none
        for k in range(size):
            value = load(shape, k) * share
            store(shape, k, value)
            from_l2 = centres[k] - l2
            known = _finite(value)
            if k >= ranges[6]:
                chosen = known & (from_l2 < -apart)
                between = between + where(chosen, value, none)
                between_number = between_number + where(chosen, spread(1.0), none)
            chosen = known & (from_l2 > continuum_from) & (from_l2 < continuum_to)
            beyond = beyond + where(chosen, value, none)
            beyond_number = beyond_number + where(chosen, spread(1.0), none)
        valley, continuum = between / between_number, beyond / beyond_number
        level = where(_finite(continuum), continuum, none)
        area3, area2, height3, height2, moment = none, none, none, none, none
        least, most = get_lane(l2, 0), get_lane(l2, 0)
        for lane in range(1, LANES):
            least, most = min(least, get_lane(l2, lane)), max(most, get_lane(l2, lane))
        for k in range(size):
            value = load(shape, k)
            from_l2 = centres[k] - l2
            known = value == value
            near2 = known & (absolute(from_l2) < half)
            near3 = k >= ranges[4] and k < ranges[5]
            _put(written, 10 + k, value, largest)
            if not near3 and (centres[k] < least - half or centres[k] > most + half):
                continue
            step = under_l3[k] + (0.5 + arc_tangent(from_l2 * narrow) * (1.0 / np.pi)) * (1.0 / 3.0)
            left = value - level * step
            if near3:
                area3 = area3 + where(known, left, none)
                moment = moment + where(known, left * centres[k], none)
                height3 = where(known & (value > height3), value, height3)
            area2 = area2 + where(near2, left, none)
            height2 = where(near2 & (value > height2), value, height2)
        _put(written, 0, l3, largest)
        _put(written, 1, l2, largest)
        _put(written, 2, height2 / height3, largest)
        _put(written, 3, area2 / area3, largest)
        _put(written, 4, area3 / height3, largest)
        _put(written, 5, moment / area3, largest)
        _put(written, 6, area2 / height2, largest)
        _put(written, 7, continuum / height3, largest)
        _put(written, 8, baseline / total, largest)
        _put(written, 9, valley / height3, largest)
        _write(written, 10 + size, features, row, column)


@Kernel
def lane_oxygen_kernel(
    net: Any, asked: Any, features: Any, distribution: int, stride: int, column: int, grid: Any, weights: Any,
    boundary: Any, centres: Any, ranges: Any, rule: Any, slack: float, room: Any,
) -> None:  # fmt: skip
    """Write the distribution of the O K edge and the features of its shape aligned on its own main peak.

    As :func:`lane_white_line_kernel`; the rest as in :func:`eelsmap.features.fused_kernels.oxygen_edge_kernel`.
    """
    peak, distance, search, search_before, half, largest = rule
    points, size, radius = net.shape[1], centres.size, weights.size - 1
    out = net.reshape((-1, LANES))
    padded, smooth, running, shape, written = _rooms(room, points, radius, size)
    none = spread(0.0)
    for group in range(net.shape[0]):
        if not asked[group]:
            continue
        row, base = group * LANES, group * points
        _distribution(out, base, points, running, written, features, row, distribution, stride)
        if column < 0:
            continue
        pad_ends(out, base, points, radius, padded)
        main = highest_point(padded, weights, grid, spread(peak), search, slack, smooth)
        _fill_bins(running, grid, main, boundary, shape)
        baseline = _known_mean(shape, ranges[0], ranges[1])
        before = highest_point(padded, weights, grid, main + distance, search_before, slack, smooth) - main
        total = _known_sum(shape, 0, size)
        share = 1.0 / total
        area, height, top = none, none, none
        for k in range(size):
            value = load(shape, k) * share
            store(shape, k, value)
            _put(written, 8 + k, value, largest)
            known = value == value
            near = known & (absolute(centres[k] - before) < half)
            area = area + where(near, value, none)
            height = where(near & (value > height), value, height)
            if k >= ranges[2] and k < ranges[3]:
                top = where(known & (value > top), value, top)
        _put(written, 0, main, largest)
        _put(written, 1, before, largest)
        _put(written, 2, height / top, largest)
        _put(written, 3, area, largest)
        _put(written, 4, area / height, largest)
        _put(written, 5, _known_mean(shape, ranges[4], ranges[5]) / top, largest)
        _put(written, 6, _known_mean(shape, ranges[6], ranges[7]) / top, largest)
        _put(written, 7, baseline / total, largest)
        _write(written, 8 + size, features, row, column)
