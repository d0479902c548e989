"""Counts in windows and the power law under an edge, straight from the channels in the detector's own number type.

The same numbers as :func:`eelsmap.preprocess.windows.counts_between` on a running sum, and as
:func:`eelsmap.preprocess.background.fit_power_law` with its extrapolation, up to rounding: the running sum starts at
the window instead of the first channel, and sums are in another order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.preprocess.fused_numba import Kernel, as_input, helper

__all__ = ["NetSums", "split_positions", "subtract_power_law", "write_window_counts"]

# Adding it rounds to an integer, which then stands in the lowest bits.
_ROUND = 6755399441055744.0
_LOG2_E = 1.4426950408889634
_LN2_HIGH = 6.93145751953125e-1
_LN2_LOW = 1.42860682030941723212e-6
_TAYLOR = tuple(1.0 / math.factorial(order) for order in range(12))


class NetSums(NamedTuple):
    """Net counts of one edge in n pixels.

    ``failed`` (n,): no background could be fitted. ``sums`` (n, window): net counts in each window. ``ratios``
    (n, window): the same in standard deviations, zero where the fit failed.
    """

    failed: NDArray[np.bool_]
    sums: NDArray[np.float64]
    ratios: NDArray[np.float64]


def write_window_counts(
    result: NDArray[np.float64],
    index: int,
    first: int,
    counts: NDArray[Any],
    positions: NDArray[np.float64],
    /,
    *,
    moved: NDArray[np.float64] | None = None,
) -> None:
    """Count what lies in consecutive windows.

    Parameters
    ----------
    result
        Shape (n, edge, point), C-contiguous; ``result[:, index, first : first + window]`` is written.
    index, first
        Where the windows go.
    counts
        Counts, shape (n, channel), finite, any number type.
    positions
        Boundaries of the windows in units of channels, ascending, shape (window + 1,); what lies outside the axis
        counts as empty.
    moved
        How many channels higher the boundaries lie in each row, shape (n,).
    """
    given = as_input(counts)
    # Integers are summed exactly, and faster.
    running = np.zeros(counts.shape[1] + 1, dtype=np.float64 if given.dtype.kind == "f" else np.int64)
    shift = np.empty(0) if moved is None else np.array(moved, dtype=np.float64)
    _window_kernel(given, np.array(positions, dtype=np.float64), shift, running, result, index, first)


def subtract_power_law(
    net: NDArray[np.float64],
    index: int,
    first: int,
    before: NDArray[np.float64],
    bins: tuple[NDArray[np.float64], NDArray[np.float64]],
    points: NDArray[np.float64],
    windows: Sequence[NDArray[np.bool_]],
    /,
    *,
    gain: float = 1.0,
) -> NetSums:
    """Fit A E^-r to the counts before an edge and take it off those under the edge, in place.

    Parameters
    ----------
    net
        Shape (n, edge, point), C-contiguous; ``net[:, index, first : first + points.size]`` holds the counts under the
        edge and, in the end, the net counts.
    index, first
        Where the edge is.
    before
        Counts in each bin of the background window, shape (n, bin).
    bins
        Centres and widths of the bins, each of shape (bin,), eV.
    points
        Centres of the intervals under the edge, uniform, shape (point,), eV.
    windows
        Masks of points without gaps, each of shape (point,), in which net counts are summed up.
    gain
        Variance of the counts divided by their mean.

    Returns
    -------
    NetSums
        Of the windows.
    """
    n = len(before)
    energy, width = bins
    reference = float(np.sqrt(energy[0] * energy[-1]))
    spans = np.zeros((len(windows), 2), dtype=np.intp)
    for span, window in zip(spans, windows, strict=True):
        inside = np.flatnonzero(window)
        if inside.size:
            span[:] = inside[0], inside[-1] + 1
    found = NetSums(np.empty(n, dtype=bool), np.empty((n, len(windows))), np.empty((n, len(windows))))
    step = float(points[1] - points[0])
    _power_law_kernel(
        np.array(before, dtype=np.float64), np.log(energy / reference), np.array(width, dtype=np.float64),
        np.log(points / reference), step, float(gain), spans, net, index, first, *found,
    )  # fmt: skip
    return found


@helper
def split_positions(positions: Any, shift: float, channels: int, lower: Any, fraction: Any) -> None:
    """Split positions, all moved by a shift and held inside the spectrum, into whole channels and the rest."""
    for j in range(positions.size):
        position = positions[j] + shift
        position = position if position > 0.0 else 0.0
        position = position if position < channels else float(channels)
        whole = min(int(position), channels - 1)
        lower[j] = whole
        fraction[j] = position - whole


@Kernel
def _window_kernel(
    counts: Any, positions: Any, shift: Any, running: Any, result: Any, index: int, first: int
) -> None:  # fmt: skip
    """Write counts between positions; `running` (channel + 1,): room for a sum, of the type in which it is exact."""
    channels, size = counts.shape[1], positions.size
    lower, fraction = np.empty(size, dtype=np.int64), np.empty(size)
    one = np.uint64(1)
    for i in range(counts.shape[0]):
        if shift.size > 0 or i == 0:
            split_positions(positions, shift[i] if shift.size > 0 else 0.0, channels, lower, fraction)
        start, stop = lower[0], lower[size - 1] + 1
        part = counts[i, start:stop]
        total = running[0]
        for j in range(part.size):
            total += part[j]
            running[np.uint64(j) + one] = total
        out = result[i, index, first : first + size - 1]
        at = np.uint64(lower[0] - start)
        previous = running[at] + fraction[0] * (running[at + one] - running[at])
        for j in range(out.size):
            after = np.uint64(j) + one
            at = np.uint64(lower[after] - start)
            value = running[at] + fraction[after] * (running[at + one] - running[at])
            out[j] = value - previous
            previous = value


@helper
def _exponential(exponent: Any, power: Any, bits: Any, result: Any) -> None:
    """Exponential of each entry between -700 and 700, to 1e-14 of itself; `bits` is `power` seen as integers.

    Loops without a branch, which the compiler turns into vector instructions.
    """
    for j in range(exponent.size):
        value = exponent[j]
        value = 700.0 if value > 700.0 else value
        value = -700.0 if value < -700.0 else value
        exponent[j] = value
        power[j] = value * _LOG2_E + _ROUND
    for j in range(exponent.size):
        twos = power[j] - _ROUND
        rest = (exponent[j] - twos * _LN2_HIGH) - twos * _LN2_LOW
        series = _TAYLOR[10] + _TAYLOR[11] * rest
        series = _TAYLOR[8] + rest * (_TAYLOR[9] + rest * series)
        series = _TAYLOR[6] + rest * (_TAYLOR[7] + rest * series)
        series = _TAYLOR[4] + rest * (_TAYLOR[5] + rest * series)
        series = _TAYLOR[2] + rest * (_TAYLOR[3] + rest * series)
        result[j] = 1.0 + rest * (1.0 + rest * series)
    for j in range(bits.size):
        bits[j] = (bits[j] + 1023) << 52
    for j in range(exponent.size):
        result[j] *= power[j]


@helper
def _sum(values: Any, start: int, stop: int) -> float:
    """Sum of a range in four strands."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    for j in range(start, stop - 3, 4):
        at = np.uint64(j)
        a += values[at]
        b += values[at + np.uint64(1)]
        c += values[at + np.uint64(2)]
        d += values[at + np.uint64(3)]
    for j in range(stop - (stop - start) % 4, stop):
        a += values[np.uint64(j)]
    return (a + b) + (c + d)


@Kernel
def _power_law_kernel(
    before: Any, x: Any, width: Any, x_points: Any, step: float, gain: float, spans: Any, net: Any,
    index: int, first: int, failed: Any, sums: Any, ratios: Any,
) -> None:  # fmt: skip
    """Fit, extrapolate, subtract and sum up; `spans` (window, 2): first and last point of each window."""
    bins, points = x.size, x_points.size
    exponent, power, background, moment = np.empty(points), np.empty(points), np.empty(points), np.empty(points)
    bits = power.view(np.int64)
    for i in range(before.shape[0]):
        fails = False
        for k in range(bins):
            if not (before[i, k] > 0 and math.isfinite(before[i, k])):
                fails = True
        s0, s1, s2, t0, t1 = 0.0, 0.0, 0.0, 0.0, 0.0
        for k in range(bins):
            counts = 1.0 if fails else before[i, k]
            y = math.log(counts / width[k])
            weight = counts / gain
            s0 += weight
            s1 += weight * x[k]
            s2 += weight * x[k] * x[k]
            t0 += weight * y
            t1 += weight * x[k] * y
        determinant = s0 * s2 - s1 * s1
        amplitude = (s2 * t0 - s1 * t1) / determinant
        slope = (s0 * t1 - s1 * t0) / determinant
        fails = fails or not math.isfinite(amplitude + slope)
        failed[i] = fails
        for j in range(points):
            exponent[j] = amplitude + slope * x_points[j]
        _exponential(exponent, power, bits, background)
        gross = net[i, index, first : first + points]
        for j in range(points):
            background[j] *= step
            moment[j] = background[j] * x_points[j]
        for window in range(spans.shape[0]):
            start, stop = spans[window, 0], spans[window, 1]
            above, v0, v1 = _sum(gross, start, stop), _sum(background, start, stop), _sum(moment, start, stop)
            model = (s2 * v0 * v0 + s0 * v1 * v1 - 2.0 * s1 * v0 * v1) / determinant
            model = 0.0 if model < 0.0 else model
            # One electron at least, which is `gain` counts.
            least = gain if above < gain else above
            sums[i, window] = above - v0
            ratios[i, window] = 0.0 if fails else (above - v0) / math.sqrt(gain * least + model)
        for j in range(points):
            gross[j] -= background[j]
