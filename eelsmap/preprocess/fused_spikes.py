"""X-ray spikes by one pass over each row in the number type of the detector; only rows that may hold one are copied."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.preprocess.fused_numba import Kernel, as_input, helper
from eelsmap.preprocess.mean_shape import mean_shape
from eelsmap.preprocess.spikes import remove_spikes

__all__ = ["RowScan", "repair_spikes", "scan_rows"]

_MARGIN = 4
# Of the exact test's threshold, so that rounding loses nothing; as `spikes` has it.
_SLACK = 0.999
_CHUNK = 64
# Electrons in a channel, in the units of the counts, are scaled as float64 where float32 would round or overflow.
_WIDE = ("f8", "u4", "i4")


class RowScan(NamedTuple):
    """What one pass says of n rows.

    ``finite`` (n,): whether all counts are. ``total`` (n,): their sum. ``negative`` (n,): how many are below zero.
    ``suspicious`` (n,): whether a channel stands far above the neighbours on both sides, or two close to each other
    above those on their outer sides.
    """

    finite: NDArray[np.bool_]
    total: NDArray[np.float64]
    negative: NDArray[np.intp]
    suspicious: NDArray[np.bool_]


def scan_rows(
    block: NDArray[Any], reference: NDArray[np.float64], /, *, gain: float = 1.0, threshold: float = 8.0
) -> RowScan:
    """Look at every channel once.

    Parameters
    ----------
    block
        Counts, shape (n, channel), any number type.
    reference
        Mean spectrum of the image, shape (channel,).
    gain
        Variance of the counts divided by their mean.
    threshold
        Height of a spike in standard deviations.

    Returns
    -------
    RowScan
        No spike that :func:`eelsmap.preprocess.remove_spikes` replaces lies in a row that is not suspicious.
    """
    n = len(block)
    scan = RowScan(np.empty(n, dtype=bool), np.empty(n), np.empty(n, dtype=np.intp), np.empty(n, dtype=bool))
    given = as_input(block)
    channels = block.shape[1]
    featured = mean_shape(reference).featured if channels > 2 * _MARGIN + 1 else np.zeros(channels, dtype=bool)
    wide = given.dtype.str[1:] in _WIDE
    _scan_kernel(given, wide, 1.0 / gain, np.float32((_SLACK * (threshold - 1.0)) ** 2), featured, *scan)
    return scan


def repair_spikes(
    block: NDArray[Any],
    reference: NDArray[np.float64],
    scan: RowScan,
    /,
    *,
    gain: float = 1.0,
    threshold: float = 8.0,
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.intp]]:
    """Replace X-ray spikes in the few rows that hold some.

    Parameters
    ----------
    block
        Counts, shape (n, channel), any number type.
    reference
        Mean spectrum of the image, shape (channel,).
    scan
        Result of :func:`scan_rows` with the same reference, gain and threshold.
    gain, threshold
        As for :func:`eelsmap.preprocess.remove_spikes`.

    Returns
    -------
    rows : numpy.ndarray
        Which rows hold spikes, shape (row,), ascending.
    repaired : numpy.ndarray
        What becomes of them, shape (row, channel), float64.
    spikes : numpy.ndarray
        Number of spikes in every row of the block, shape (n,).
    """
    spikes = np.zeros(len(block), dtype=np.intp)
    rows = np.flatnonzero(scan.suspicious & scan.finite)
    few = np.asarray(block[rows], dtype=np.float64)
    cleaned, found = remove_spikes(few, reference, gain=gain, threshold=threshold)
    spikes[rows] = found
    return rows[found > 0], cleaned[found > 0], spikes


@helper
def _far_above(data: Any, here: int, side: int, last: int, squared: float) -> bool:
    """Whether a channel stands far above all neighbours two to four channels away on one side; true without any."""
    largest, found = np.float32(0.0), False
    for distance in range(2, _MARGIN + 1):
        other = here + side * distance
        if other >= 0 and other <= last and (not found or data[other] > largest):
            largest, found = data[other], True
    if not found:
        return True
    height = data[here] - largest
    level = largest if largest > 0 else np.float32(0.0)
    return height > 0 and height * height > squared * (level + np.float32(1.0))


@helper
def _is_peak(data: Any, here: int, last: int) -> bool:
    """Whether neither nearest channel is higher."""
    return data[here] >= data[max(here - 1, 0)] and data[here] >= data[min(here + 1, last)]


@helper
def _may_be_spike(data: Any, here: int, last: int, featured: Any, squared: float) -> bool:
    """Whether a channel stands far above both sides, or with another close to it above the outer sides of the two."""
    if not (_is_peak(data, here, last) and _far_above(data, here, -1, last, squared)):
        return False
    for distance in (0, 2, 3, _MARGIN):
        other = here + distance
        # A pair near lines is none of spikes.
        asked = other <= last and (distance == 0 or not (featured[here] and featured[other]))
        if asked and _is_peak(data, other, last) and _far_above(data, other, 1, last, squared):
            return True
    return False


@Kernel
def _scan_kernel(
    counts: Any, wide: bool, scale: float, squared: float, featured: Any, finite: Any, total: Any, negative: Any,
    suspicious: Any,
) -> None:  # fmt: skip
    """Fill the arrays of a RowScan.

    `wide`: counts that float32 may not hold before they are scaled to electrons. `squared` (float32): square of the
    height in standard deviations. `featured` (channel,): lines are near, and pairs of peaks are none of spikes.
    """
    channels = counts.shape[1]
    data, highest = np.zeros(channels + _CHUNK, dtype=np.float32), np.zeros(channels + _CHUNK, dtype=np.float32)
    sums = np.zeros(_CHUNK)
    # The outermost channels have less than three neighbours on one side, or none, and are always looked at.
    ranges = np.empty((channels // _CHUNK + 3, 2), dtype=np.int64)
    ranges[0, 0], ranges[0, 1], ranges[1, 0], ranges[1, 1] = 0, _MARGIN, channels - _MARGIN, channels
    narrow = np.float32(scale)
    for i in range(counts.shape[0]):
        row = counts[i]
        below = 0
        for j in range(channels):
            below += row[j] < 0
        for lane in range(_CHUNK):
            sums[lane] = 0.0
        for start in range(0, channels - channels % _CHUNK, _CHUNK):
            at = np.uint64(start)
            for lane in range(_CHUNK):
                sums[lane] += row[at + np.uint64(lane)]
        rest = 0.0
        for j in range(channels - channels % _CHUNK, channels):
            rest += row[j]
        for lane in range(_CHUNK):
            rest += sums[lane]
        fine = rest - rest == 0
        if not fine:
            # The sum of counts that are finite may not be.
            fine = True
            for j in range(channels):
                fine &= row[j] - row[j] == 0
        finite[i], total[i], negative[i], suspicious[i] = fine, rest, below, False
        if not fine or channels <= 2 * _MARGIN + 1:
            continue
        if wide:
            for j in range(channels):
                data[j] = np.float32(row[j] * scale)
        else:
            for j in range(channels):
                data[j] = np.float32(row[j]) * narrow
        # Of channel k to k + 2; the channel in question stands three beyond, and three before the next such group.
        first, second, third = data[: channels - 2], data[1 : channels - 1], data[2:channels]
        for k in range(channels - 2):
            side = first[k] if first[k] > third[k] else third[k]
            highest[k] = side if side > second[k] else second[k]
        looks = 2
        for start in range(0, channels - 2 * _MARGIN, _CHUNK):
            number = min(_CHUNK, channels - 2 * _MARGIN - start)
            at = np.uint64(start)
            hits = 0
            for k in range(number):
                here = at + np.uint64(k)
                # A peak that stands above one side at least: all that is asked of the lower of a pair.
                level = highest[here]
                level = level if level > 0 else np.float32(0.0)
                height = data[here + np.uint64(4)] - highest[here]
                peak = highest[here + np.uint64(3)] <= data[here + np.uint64(4)]
                hits += peak & (height > 0) & (height * height > squared * (level + np.float32(1.0)))
            if hits > 0:
                ranges[looks, 0], ranges[looks, 1] = start + _MARGIN, start + _MARGIN + number
                looks += 1
        for look in range(looks):
            for channel in range(ranges[look, 0], ranges[look, 1]):
                suspicious[i] = suspicious[i] or _may_be_spike(data, channel, channels - 1, featured, squared)
