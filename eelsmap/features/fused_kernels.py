"""Kernels of the features of one edge: everything that is read from a row of net counts, in one pass over it.

The same numbers as :mod:`eelsmap.features.cdf`, :mod:`eelsmap.features.white_lines` and
:mod:`eelsmap.features.oxygen_edge`; sums in another order apart. A spectrum is smoothed only where a maximum is looked
for, and rows that are not asked for cost nothing.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from eelsmap.preprocess.fused_numba import Kernel, helper

__all__ = ["distribution_kernel", "oxygen_edge_kernel", "white_line_kernel"]


@helper
def _put(features: Any, column: int, value: float, largest: float) -> None:
    """Write one feature of a row; what is beyond reason says nothing."""
    features[column] = np.float32(value) if abs(value) < largest else np.float32(np.nan)


@helper
def _pad(row: Any, padded: Any, radius: int) -> None:
    """Repeat the ends of a row for the filter."""
    points = row.size
    middle = padded[radius : radius + points]
    for j in range(points):
        middle[j] = row[j]
    for j in range(radius):
        padded[j] = row[0]
        padded[radius + points + j] = row[points - 1]


@helper
def _run(row: Any, running: Any) -> None:
    """Sum up a row from zero."""
    total = 0.0
    running[0] = 0.0
    for j in range(row.size):
        total += row[j]
        running[np.uint64(j) + np.uint64(1)] = total


@helper
def _smooth(padded: Any, weights: Any, first: int, last: int, smooth: Any) -> None:
    """Filter the points from `first` to `last`, exclusive, of a padded row."""
    # Slices that start at zero are what becomes vector instructions: three times the speed.
    radius = weights.size - 1
    out = smooth[first:last]
    for j in range(out.size):
        out[j] = padded[first + radius + j] * weights[0]
    # The order of scipy's symmetric filter, so that nothing is rounded differently.
    for tap in range(radius, 0, -1):
        weight = weights[tap]
        left = padded[first + radius - tap : last + radius - tap]
        right = padded[first + radius + tap : last + radius + tap]
        for j in range(out.size):
            out[j] += (left[j] + right[j]) * weight


@helper
def _highest(padded: Any, weights: Any, grid: Any, near: float, reach: float, smooth: Any) -> float:
    """Energy of the highest smoothed point within reach of an energy."""
    points = grid.size
    step = grid[1] - grid[0]
    first, last = 0, 0
    if abs(near - grid[0]) <= reach + points * step:
        first = min(max(int((near - reach - grid[0]) / step) - 1, 0), points)
        while first < points and grid[first] < near and not abs(grid[first] - near) <= reach:
            first += 1
        last = first
        while last < points and abs(grid[last] - near) <= reach:
            last += 1
    low, high = max(min(first - 1, points - 3), 0), max(min(last + 1, points), 3)
    _smooth(padded, weights, low, high, smooth)
    middle = first if last > first else 0
    for j in range(first, last):
        if math.isnan(smooth[j]):
            middle = j
            break
        if smooth[j] > smooth[middle]:
            middle = j
    middle = min(max(middle, 1), points - 2)
    before, here, after = smooth[middle - 1], smooth[middle], smooth[middle + 1]
    bend = before - 2 * here + after
    offset = 0.5 * (before - after) / bend if bend < 0 else 0.0
    if offset > 1.0:
        offset = 1.0
    elif offset < -1.0:
        offset = -1.0
    return grid[middle] + offset * step


@helper
def _fill_bins(running: Any, grid: Any, zero: float, boundary: Any, bins: Any) -> None:
    """Count what lies in bins from an energy on; NaN where the grid does not reach."""
    points = grid.size
    step = grid[1] - grid[0]
    previous = np.nan
    for k in range(boundary.size):
        position = (zero + boundary[k] - grid[0]) / step + 0.5
        value = np.nan
        if position >= 0 and position <= points:
            index = min(int(position), points - 1)
            value = running[index] + (position - index) * (running[index + 1] - running[index])
        if k > 0:
            bins[k - 1] = value - previous
        previous = value


@helper
def _known_mean(values: Any, first: int, last: int) -> float:
    """Mean of the finite values of a range; NaN where there is none."""
    total, number = 0.0, 0
    for k in range(first, last):
        if math.isfinite(values[k]):
            total += values[k]
            number += 1
    return total / number if number > 0 else np.nan


@helper
def _known_sum(values: Any, first: int, last: int) -> float:
    """Sum of the values of a range, NaN left out; NaN where it is not positive."""
    total = 0.0
    for k in range(first, last):
        if not math.isnan(values[k]):
            total += values[k]
    return total if total > 0 else np.nan


@Kernel
def distribution_kernel(net: Any, weak: Any, edge: int, stride: int, features: Any, column: int) -> None:
    """Write the cumulative distribution of one edge.

    `net` (n, edge, point), `weak` (n, edge); every `stride`-th point counted from the last goes into `features`
    (n, feature) from `column` on.
    """
    points = net.shape[2]
    kept = (points - 1) // stride
    first = points - 1 - kept * stride
    running = np.empty(points + 1)
    for i in range(net.shape[0]):
        out = features[i]
        if weak[i, edge]:
            for k in range(kept):
                out[column + k] = np.float32((first + k * stride + 1) / points)
            continue
        _run(net[i, edge], running)
        total = running[points]
        known = math.isfinite(total) and total != 0.0
        for k in range(kept):
            out[column + k] = np.float32(running[first + k * stride + 1] / total) if known else np.float32(np.nan)


@Kernel
def white_line_kernel(
    net: Any, seen: Any, edge: int, features: Any, column: int, grid: Any, weights: Any, boundary: Any, centres: Any,
    under_l3: Any, ranges: Any, rule: Any,
) -> None:  # fmt: skip
    """Write the features of one L2,3 edge, aligned on its own L3 line.

    `net` (n, edge, point), `seen` (n, edge): rows to read, the others become NaN. `ranges`: first and last bin of
    baseline, lines, L3 line and what is above it. `rule`: energy of L3, its distance to L2, reach of either search,
    half a line, start and end of the continuum, width of a step, distance of the valley, largest feature.
    """
    line, distance, search, search_l2, half, continuum_from, continuum_to, width, apart, largest = rule
    points, size = net.shape[2], centres.size
    radius = weights.size - 1
    padded, smooth = np.empty(points + 2 * radius), np.empty(points)
    running, shape = np.empty(points + 1), np.empty(size)
    for i in range(net.shape[0]):
        out = features[i]
        if not seen[i, edge]:
            for k in range(10 + size):
                out[column + k] = np.float32(np.nan)
            continue
        row = net[i, edge]
        _pad(row, padded, radius)
        _run(row, running)
        l3 = _highest(padded, weights, grid, line, search, smooth)
        _fill_bins(running, grid, l3, boundary, shape)
        baseline = _known_mean(shape, ranges[0], ranges[1])
        if not math.isnan(baseline):
            for k in range(size):
                shape[k] -= baseline
        l2 = _highest(padded, weights, grid, l3 + distance, search_l2, smooth) - l3
        total = _known_sum(shape, ranges[2], ranges[3])
        for k in range(size):
            shape[k] /= total
        between, between_number, beyond, beyond_number = 0.0, 0, 0.0, 0
        for k in range(ranges[6], size):
            from_l2 = centres[k] - l2
            value = shape[k]
            if math.isfinite(value):
                if from_l2 < -apart:
                    between += value
                    between_number += 1
                elif from_l2 > continuum_from and from_l2 < continuum_to:
                    beyond += value
                    beyond_number += 1
        for k in range(ranges[6]):
            from_l2 = centres[k] - l2
            if from_l2 > continuum_from and from_l2 < continuum_to and math.isfinite(shape[k]):
                beyond += shape[k]
                beyond_number += 1
        valley = between / between_number if between_number > 0 else np.nan
        continuum = beyond / beyond_number if beyond_number > 0 else np.nan
        level = 0.0 if math.isnan(continuum) else continuum
        area3, area2, height3, height2, moment = 0.0, 0.0, 0.0, 0.0, 0.0
        for k in range(size):
            value = shape[k]
            near3 = k >= ranges[4] and k < ranges[5]
            near2 = abs(centres[k] - l2) < half
            if (near3 or near2) and not math.isnan(value):
                step = under_l3[k] + (0.5 + math.atan((centres[k] - l2) / width) / math.pi) / 3
                left = value - level * step
                if near3:
                    area3 += left
                    moment += left * centres[k]
                    height3 = max(height3, value)
                if near2:
                    area2 += left
                    height2 = max(height2, value)
        _put(out, column, l3, largest)
        _put(out, column + 1, l2, largest)
        _put(out, column + 2, height2 / height3, largest)
        _put(out, column + 3, area2 / area3, largest)
        _put(out, column + 4, area3 / height3, largest)
        _put(out, column + 5, moment / area3, largest)
        _put(out, column + 6, area2 / height2, largest)
        _put(out, column + 7, continuum / height3, largest)
        _put(out, column + 8, baseline / total, largest)
        _put(out, column + 9, valley / height3, largest)
        for k in range(size):
            _put(out, column + 10 + k, shape[k], largest)


@Kernel
def oxygen_edge_kernel(
    net: Any, seen: Any, edge: int, features: Any, column: int, grid: Any, weights: Any, boundary: Any, centres: Any,
    ranges: Any, rule: Any,
) -> None:  # fmt: skip
    """Write the features of the O K edge, aligned on its own main peak.

    As :func:`white_line_kernel`; `ranges`: first and last bin of baseline, main peak, gap and tail. `rule`: energy of
    the main peak, its distance from the pre-edge (negative), reach of either search, half a pre-edge, largest feature.
    """
    peak, distance, search, search_before, half, largest = rule
    points, size = net.shape[2], centres.size
    radius = weights.size - 1
    padded, smooth = np.empty(points + 2 * radius), np.empty(points)
    running, shape = np.empty(points + 1), np.empty(size)
    for i in range(net.shape[0]):
        out = features[i]
        if not seen[i, edge]:
            for k in range(8 + size):
                out[column + k] = np.float32(np.nan)
            continue
        row = net[i, edge]
        _pad(row, padded, radius)
        _run(row, running)
        main = _highest(padded, weights, grid, peak, search, smooth)
        _fill_bins(running, grid, main, boundary, shape)
        baseline = _known_mean(shape, ranges[0], ranges[1])
        before = _highest(padded, weights, grid, main + distance, search_before, smooth) - main
        total = _known_sum(shape, 0, size)
        for k in range(size):
            shape[k] /= total
        area, height, top = 0.0, 0.0, 0.0
        for k in range(size):
            value = shape[k]
            if not math.isnan(value):
                if abs(centres[k] - before) < half:
                    area += value
                    height = max(height, value)
                if k >= ranges[2] and k < ranges[3]:
                    top = max(top, value)
        _put(out, column, main, largest)
        _put(out, column + 1, before, largest)
        _put(out, column + 2, height / top, largest)
        _put(out, column + 3, area, largest)
        _put(out, column + 4, area / height, largest)
        _put(out, column + 5, _known_mean(shape, ranges[4], ranges[5]) / top, largest)
        _put(out, column + 6, _known_mean(shape, ranges[6], ranges[7]) / top, largest)
        _put(out, column + 7, baseline / total, largest)
        for k in range(size):
            _put(out, column + 8 + k, shape[k], largest)
