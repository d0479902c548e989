"""Net counts of one edge of many pixels, eight side by side: the power law before it, fitted and taken off.

The same numbers as :func:`eelsmap.preprocess.fused_windows.subtract_power_law`, up to rounding. Arrays of shape
(row, 8) hold one number of eight pixels a row.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eelsmap.preprocess.fused_numba import Kernel, helper
from eelsmap.preprocess.lane_math import exponential, logarithm
from eelsmap.preprocess.lanes import (
    LANES,
    absolute,
    get_lane,
    load,
    multiply_add,
    root,
    spread,
    store,
    where,
    write_rows,
)

__all__ = ["SEGMENT", "lane_net_kernel"]

SEGMENT = 16
"""Points over which one exponential is carried on by a series."""
# Up to which exponent, counted from the middle of a segment, eight terms are right to the last digit.
_NEAR = 0.1


@helper
def _finite(value: Any) -> Any:
    """Where numbers are finite."""
    return value - value == 0.0


@helper
def _carried_on(rest: Any) -> Any:
    """Exponential of numbers no further from zero than `_NEAR`."""
    series = multiply_add(rest, spread(1.0 / 40320.0), spread(1.0 / 5040.0))
    series = multiply_add(rest, series, spread(1.0 / 720.0))
    series = multiply_add(rest, series, spread(1.0 / 120.0))
    series = multiply_add(rest, series, spread(1.0 / 24.0))
    series = multiply_add(rest, series, spread(1.0 / 6.0))
    series = multiply_add(rest, series, spread(0.5))
    series = multiply_add(rest, series, spread(1.0))
    return multiply_add(rest, series, spread(1.0))


@Kernel
def lane_net_kernel(
    counts: Any, x: Any, width: Any, x_points: Any, rule: Any, cuts: Any, inside: Any, net: Any, said: Any
) -> None:  # fmt: skip
    """Fit a power law before one edge, take it off, and sum up.

    `counts` (group, window, 8): the bins before it and then the covered points. `x` (bin,), `x_points` (point,):
    logarithms of energies. `rule`: step of the points, gain, first covered point, points that carry a cut-off edge on,
    half the width of the widest segment in `x_points`. `cuts` (part + 1,): points at which sums are cut; `inside`
    (window, part): 1 where a window holds a part. `net` (group, all points, 8) is written, and of `said` (n, 7):
    whether the fit failed, sum and its ratio to its error in the first window, ratio in the others.
    """
    step, gain = rule[0], rule[1]
    first, tail, reach = int(rule[2]), int(rule[3]), rule[4]
    number, points, every = x.size, x_points.size, net.shape[1]
    parts, windows = cuts.size - 1, inside.shape[0]
    flat, out = counts.reshape((-1, LANES)), net.reshape((-1, LANES))
    sums = np.empty((3 * parts, LANES))
    for group in range(counts.shape[0]):
        row = group * LANES
        before = group * counts.shape[1]
        under = before + number
        into = group * every + first
        fine = spread(0.0) == 0.0
        for k in range(number):
            value = load(flat, before + k)
            fine = fine & (value > 0.0) & _finite(value)
        s0, s1, s2, t0, t1 = spread(0.0), spread(0.0), spread(0.0), spread(0.0), spread(0.0)
        for k in range(number):
            value = where(fine, load(flat, before + k), spread(1.0))
            y = logarithm(value / width[k])
            weight = value / gain
            s0 = s0 + weight
            s1 = s1 + weight * x[k]
            s2 = s2 + weight * (x[k] * x[k])
            t0 = t0 + weight * y
            t1 = t1 + weight * x[k] * y
        determinant = s0 * s2 - s1 * s1
        amplitude = (s2 * t0 - s1 * t1) / determinant
        slope = (s0 * t1 - s1 * t0) / determinant
        fine = fine & _finite(amplitude + slope)
        # Pixel by pixel, so that nobody's answer changes with its neighbours.
        distance, near = absolute(slope) * reach, True
        close = distance < _NEAR
        for lane in range(LANES):
            near = near and get_lane(distance, lane) < _NEAR
        for part in range(parts):
            above, v0, v1 = spread(0.0), spread(0.0), spread(0.0)
            for start in range(cuts[part], cuts[part + 1], SEGMENT):
                stop = min(start + SEGMENT, cuts[part + 1])
                middle = x_points[(start + stop - 1) // 2]
                base = exponential(amplitude + slope * middle) * step
                for j in range(start, stop):
                    background = base * _carried_on(slope * (x_points[j] - middle))
                    if not near:
                        background = where(close, background, exponential(amplitude + slope * x_points[j]) * step)
                    gross = load(flat, under + j)
                    above = above + gross
                    v0 = v0 + background
                    v1 = multiply_add(background, spread(x_points[j]), v1)
                    store(out, into + j, gross - background)
            store(sums, 3 * part, above)
            store(sums, 3 * part + 1, v0)
            store(sums, 3 * part + 2, v1)
        write_rows(said, row, 0, where(fine, spread(0.0), spread(1.0)))
        for window in range(windows):
            above, v0, v1 = spread(0.0), spread(0.0), spread(0.0)
            for part in range(parts):
                above = above + load(sums, 3 * part) * inside[window, part]
                v0 = v0 + load(sums, 3 * part + 1) * inside[window, part]
                v1 = v1 + load(sums, 3 * part + 2) * inside[window, part]
            model = (s2 * v0 * v0 + s0 * v1 * v1 - 2.0 * s1 * v0 * v1) / determinant
            model = where(model < 0.0, spread(0.0), model)
            # One electron at least, which is `gain` counts.
            least = where(above < gain, spread(gain), above)
            ratio = where(fine, (above - v0) / root(gain * least + model), spread(0.0))
            write_rows(said, row, 1 + 2 * window, above - v0)
            write_rows(said, row, 2 + 2 * window, ratio)
        if points < every:
            # An edge that the axis cuts off goes on as it ends.
            total = spread(0.0)
            for j in range(points - tail, points):
                total = total + load(out, into + j)
            total = total / float(tail)
            for j in range(every):
                if j < first or j >= first + points:
                    store(out, group * every + j, total)
