"""Kernels of the features of one edge for eight pixels side by side: distribution and aligned shape.

The same numbers as :mod:`eelsmap.features.fused_kernels`, up to rounding. Arrays of shape (row, 8) hold one number of
eight pixels a row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.preprocess.fused_numba import Kernel, helper
from eelsmap.preprocess.lane_math import arc_tangent
from eelsmap.preprocess.lanes import (
    LANES,
    absolute,
    aligned_rows,
    gather,
    gather_pair,
    get_lane,
    load,
    multiply_add,
    spread,
    store,
    where,
    whole_part,
    write_rows,
)  # fmt: skip

__all__ = ["lane_oxygen_kernel", "lane_room", "lane_white_line_kernel"]


# Four points are smoothed at once, beyond the last one too.
_SPARE = 3


def lane_room(points: int, weights: NDArray[np.float64], bins: int, /) -> NDArray[np.float64]:
    """Room in which a kernel works, shape (row, 8): lines of the cache are read whole if it begins at one."""
    return aligned_rows(4 * points + 2 * (weights.size - 1) + 2 * _SPARE + 1 + bins)


@helper
def _rooms(room: Any, points: int, radius: int, size: int) -> Any:
    """Take padded and smoothed net counts, their running sum, bins and energies apart."""
    padded = points + 2 * radius + _SPARE
    smooth, running = padded + points + _SPARE, padded + 2 * points + _SPARE + 1
    shape = running + size
    return room[:padded], room[padded:smooth], room[smooth:running], room[running:shape], room[shape : shape + points]


@helper
def _finite(value: Any) -> Any:
    """Where numbers are finite."""
    return value - value == 0.0


@helper
def _put(features: Any, row: int, column: int, value: Any, largest: float) -> None:
    """Write one feature; what is beyond reason says nothing."""
    write_rows(features, row, column, where(absolute(value) < largest, value, spread(np.nan)))


@helper
def _distribution(
    out: Any, base: int, points: int, running: Any, features: Any, row: int, column: int, stride: int
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
        write_rows(features, row, column + k, load(running, first + k * stride + 1) * share)


@helper
def _pad(out: Any, base: int, points: int, radius: int, padded: Any) -> None:
    """Repeat the ends for the filter."""
    for j in range(points):
        store(padded, radius + j, load(out, base + j))
    begin, end = load(out, base), load(out, base + points - 1)
    for j in range(radius):
        store(padded, j, begin)
        store(padded, radius + points + j, end)


@helper
def _highest(padded: Any, weights: Any, energies: Any, grid: Any, near: Any, reach: float, smooth: Any) -> Any:
    """Energy of the highest smoothed point within reach of an energy of each pixel's own."""
    points, radius = grid.size, weights.size - 1
    step = grid[1] - grid[0]
    lowest, highest = grid[0] - reach, grid[points - 1] + reach
    near = where(near > lowest, near, spread(lowest))
    near = where(near < highest, near, spread(highest))
    least, most = highest, lowest
    for lane in range(LANES):
        own = get_lane(near, lane)
        least, most = min(least, own), max(most, own)
    low = min(max(int((least - reach - grid[0]) / step) - 3, 0), points - 3)
    high = max(min(int((most + reach - grid[0]) / step) + 4, points), low + 3)
    for j in range(low, high, 4):
        at = radius + j
        a, b = load(padded, at) * weights[0], load(padded, at + 1) * weights[0]
        c, d = load(padded, at + 2) * weights[0], load(padded, at + 3) * weights[0]
        # The order of scipy's symmetric filter; four points at once, or one would wait for itself.
        for tap in range(radius, 0, -1):
            weight = spread(weights[tap])
            a = multiply_add(load(padded, at - tap) + load(padded, at + tap), weight, a)
            b = multiply_add(load(padded, at + 1 - tap) + load(padded, at + 1 + tap), weight, b)
            c = multiply_add(load(padded, at + 2 - tap) + load(padded, at + 2 + tap), weight, c)
            d = multiply_add(load(padded, at + 3 - tap) + load(padded, at + 3 + tap), weight, d)
        store(smooth, j, a)
        store(smooth, j + 1, b)
        store(smooth, j + 2, c)
        store(smooth, j + 3, d)
    best, middle = spread(-np.inf), spread(0.0)
    for j in range(low, high):
        value = load(smooth, j)
        better = (absolute(grid[j] - near) <= reach) & (value > best)
        best = where(better, value, best)
        middle = where(better, spread(float(j)), middle)
    middle = where(middle < float(low + 1), spread(float(low + 1)), middle)
    middle = where(middle > float(high - 2), spread(float(high - 2)), middle)
    before, here, after = gather(smooth, middle - 1.0), gather(smooth, middle), gather(smooth, middle + 1.0)
    bend = before - 2.0 * here + after
    offset = where(bend < 0.0, 0.5 * (before - after) / bend, spread(0.0))
    offset = where(offset > 1.0, spread(1.0), offset)
    offset = where(offset < -1.0, spread(-1.0), offset)
    return gather(energies, middle) + offset * step


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
    net: Any, features: Any, distribution: int, stride: int, column: int, grid: Any, weights: Any, boundary: Any,
    centres: Any, under_l3: Any, ranges: Any, rule: Any, room: Any,
) -> None:  # fmt: skip
    """Write the distribution of one L2,3 edge and the features of its shape aligned on its own L3 line.

    `net` (group, point, 8), `features` (n, feature), `distribution` and `column`: where they begin; a negative column
    leaves the aligned ones out. `room`: of :func:`lane_room`. The rest as in
    :func:`eelsmap.features.fused_kernels.white_line_kernel`.
    """
    line, distance, search, search_l2, half, continuum_from, continuum_to, width, apart, largest = rule
    points, size, radius = net.shape[1], centres.size, weights.size - 1
    out = net.reshape((-1, LANES))
    padded, smooth, running, shape, energies = _rooms(room, points, radius, size)
    none, narrow = spread(0.0), 1.0 / width
    for j in range(points):
        store(energies, j, spread(grid[j]))
    for group in range(net.shape[0]):
        row, base = group * LANES, group * points
        _distribution(out, base, points, running, features, row, distribution, stride)
        if column < 0:
            continue
        _pad(out, base, points, radius, padded)
        l3 = _highest(padded, weights, energies, grid, spread(line), search, smooth)
        _fill_bins(running, grid, l3, boundary, shape)
        baseline = _known_mean(shape, ranges[0], ranges[1])
        level = where(_finite(baseline), baseline, none)
        for k in range(size):
            store(shape, k, load(shape, k) - level)
        l2 = _highest(padded, weights, energies, grid, l3 + distance, search_l2, smooth) - l3
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
            _put(features, row, column + 10 + k, value, largest)
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
        _put(features, row, column, l3, largest)
        _put(features, row, column + 1, l2, largest)
        _put(features, row, column + 2, height2 / height3, largest)
        _put(features, row, column + 3, area2 / area3, largest)
        _put(features, row, column + 4, area3 / height3, largest)
        _put(features, row, column + 5, moment / area3, largest)
        _put(features, row, column + 6, area2 / height2, largest)
        _put(features, row, column + 7, continuum / height3, largest)
        _put(features, row, column + 8, baseline / total, largest)
        _put(features, row, column + 9, valley / height3, largest)


@Kernel
def lane_oxygen_kernel(
    net: Any, features: Any, distribution: int, stride: int, column: int, grid: Any, weights: Any, boundary: Any,
    centres: Any, ranges: Any, rule: Any, room: Any,
) -> None:  # fmt: skip
    """Write the distribution of the O K edge and the features of its shape aligned on its own main peak.

    As :func:`lane_white_line_kernel`; the rest as in :func:`eelsmap.features.fused_kernels.oxygen_edge_kernel`.
    """
    peak, distance, search, search_before, half, largest = rule
    points, size, radius = net.shape[1], centres.size, weights.size - 1
    out = net.reshape((-1, LANES))
    padded, smooth, running, shape, energies = _rooms(room, points, radius, size)
    none = spread(0.0)
    for j in range(points):
        store(energies, j, spread(grid[j]))
    for group in range(net.shape[0]):
        row, base = group * LANES, group * points
        _distribution(out, base, points, running, features, row, distribution, stride)
        if column < 0:
            continue
        _pad(out, base, points, radius, padded)
        main = _highest(padded, weights, energies, grid, spread(peak), search, smooth)
        _fill_bins(running, grid, main, boundary, shape)
        baseline = _known_mean(shape, ranges[0], ranges[1])
        before = _highest(padded, weights, energies, grid, main + distance, search_before, smooth) - main
        total = _known_sum(shape, 0, size)
        share = 1.0 / total
        area, height, top = none, none, none
        for k in range(size):
            value = load(shape, k) * share
            store(shape, k, value)
            _put(features, row, column + 8 + k, value, largest)
            known = value == value
            near = known & (absolute(centres[k] - before) < half)
            area = area + where(near, value, none)
            height = where(near & (value > height), value, height)
            if k >= ranges[2] and k < ranges[3]:
                top = where(known & (value > top), value, top)
        _put(features, row, column, main, largest)
        _put(features, row, column + 1, before, largest)
        _put(features, row, column + 2, height / top, largest)
        _put(features, row, column + 3, area, largest)
        _put(features, row, column + 4, area / height, largest)
        _put(features, row, column + 5, _known_mean(shape, ranges[4], ranges[5]) / top, largest)
        _put(features, row, column + 6, _known_mean(shape, ranges[6], ranges[7]) / top, largest)
        _put(features, row, column + 7, baseline / total, largest)
