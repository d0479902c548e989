"""X-ray spikes by one pass over each row in the number type of the detector; only rows that may hold one are copied."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.preprocess.fused_numba import Kernel, as_input, helper
from eelsmap.preprocess.lanes import LANES, begin_tally, end_tally, fetch, get_lane, standing_out, tally
from eelsmap.preprocess.mean_shape import mean_shape
from eelsmap.preprocess.spikes import _FLANK, _SHOULDER, _SHOULDER_OF_LINES, remove_spikes

__all__ = ["RowScan", "repair_spikes", "scan_rows"]

_MARGIN = 4
# Of the exact test's threshold, so that rounding loses nothing; as `spikes` has it.
_SLACK = 0.999
_ROUNDED = 1.000001
_CHUNK = 2 * LANES
_UNITS = 1e-25, 1e25


class RowScan(NamedTuple):
    """What one pass says of n rows.

    ``finite`` (n,): whether all counts are. ``total`` (n,): their sum. ``negative`` (n,): how many are below zero.
    ``suspicious`` (n,): whether a channel stands far above the neighbours on both sides, or two close to each other
    above those on their outer sides. ``largest`` (n,): the greatest count of the finite rows.
    """

    finite: NDArray[np.bool_]
    total: NDArray[np.float64]
    negative: NDArray[np.intp]
    suspicious: NDArray[np.bool_]
    largest: NDArray[np.float64]


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
    scan = RowScan(
        np.empty(n, dtype=bool), np.empty(n), np.empty(n, dtype=np.intp), np.empty(n, dtype=bool), np.empty(n)
    )
    # In such units float32 holds counts, but not what becomes of them.
    extreme = block.dtype == np.float32 and not _UNITS[0] < gain < _UNITS[1]
    given = as_input(block.astype(np.float64) if extreme else block)
    channels = block.shape[1]
    featured = mean_shape(reference).featured if channels > 2 * _MARGIN + 1 else np.zeros(channels, dtype=bool)
    featured = np.array(featured)
    _scan_kernel(given, 1.0 / gain, gain, np.float32((_SLACK * (threshold - 1.0)) ** 2), featured, *scan)
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
def _is_blunt(row: Any, here: int, last: int, gain: float, line: bool) -> bool:
    """Whether a channel above both sides is no spike beyond doubt: what `_sharper_than_lines` says of a single one."""
    height = np.float64(row[here])
    lowest, flank = np.inf, -np.inf
    for side in (-1, 1):
        if here + side < 0 or here + side > last:
            continue
        level = 0.0
        for distance in range(2, _MARGIN + 1):
            level += row[min(max(here + side * distance, 0), last)]
        level /= 3.0
        near, beside = np.float64(row[here + side]), np.float64(row[min(max(here + 2 * side, 0), last)])
        error = (3.0 if line else 1.0) * math.sqrt(gain) * math.sqrt(max(near, 0.0) + gain)
        lifted = (near - level + error) / (height - level)
        if line:
            lifted = max(lifted, (near - beside + error) / (height - beside))
        lowest, flank = min(lowest, lifted), max(flank, (beside - level) / (height - level))
    if line:
        return lowest > _ROUNDED * _SHOULDER_OF_LINES
    return lowest > _ROUNDED * _SHOULDER and flank > _ROUNDED * _FLANK


@Kernel
def _scan_kernel(
    counts: Any, scale: float, gain: float, squared: float, featured: Any, finite: Any, total: Any, negative: Any,
    suspicious: Any, largest: Any,
) -> None:  # fmt: skip
    """Fill the arrays of a RowScan.

    `squared` (float32): square of the height in standard deviations. `featured` (channel,): lines are near, and pairs
    of peaks are none of spikes.
    """
    channels = counts.shape[1]
    whole = channels - channels % _CHUNK
    size = (channels // _CHUNK + 5) * _CHUNK
    room = np.full(size + _CHUNK, -np.inf, dtype=np.float32)
    # Where a line of the cache begins; vectors across two lines take twice as long.
    begin = (-room.ctypes.data % (4 * _CHUNK)) // 4
    # Beyond either end nothing is ever larger.
    data = room[begin : begin + size]
    words = channels // _CHUNK + 2
    # Four words of sixteen channels are asked at once whether there is anything.
    left = np.zeros(words + 4 - words % 4, dtype=np.uint16)
    fours, lines = left.view(np.uint64), np.zeros(words, np.uint64)
    for j in range(channels):
        lines[j // _CHUNK] |= np.uint64(featured[j]) << np.uint64(j % _CHUNK)
    for i in range(counts.shape[0]):
        state = begin_tally(counts)
        for j in range(0, whole, _CHUNK):
            state = tally(counts, i, j, scale, data, j + _CHUNK, state)
        sums, more = state[0], state[1]
        rest = 0.0
        less, most = end_tally(state)
        for j in range(whole, channels):
            value = np.float64(counts[i, j])
            rest += value
            less += 1.0 if value < 0.0 else 0.0
            most = value if value > most else most
            data[j + _CHUNK] = np.float32(value * scale)
        for lane in range(LANES):
            rest += get_lane(sums, lane) + get_lane(more, lane)
        fine = rest - rest == 0
        if not fine:
            # The sum of counts that are finite may not be.
            fine = True
            for j in range(channels):
                fine &= counts[i, j] - counts[i, j] == 0
        finite[i], total[i], negative[i], largest[i], suspicious[i] = fine, rest, int(less), most, False
        if not fine or channels <= 2 * _MARGIN + 1:
            continue
        for word in range(words - 1):
            at = (word + 1) * _CHUNK
            # The next row comes from memory while this one is looked at.
            fetch(counts, min(i + 1, counts.shape[0] - 1), min(word * _CHUNK, channels - 1))
            left[word] = standing_out(data, at, -1, squared)
        for four in range(fours.size):
            if fours[four] == 0:
                continue
            for word in range(4 * four, min(4 * four + 4, words - 1)):
                own = np.uint64(left[word])
                if own == 0:
                    continue
                # Of a pair the left peak stands above its left side, the right one above its right; near lines a pair
                # is none of spikes.
                at = (word + 1) * _CHUNK
                right = standing_out(data, at, 1, squared)
                others = right | (standing_out(data, at + _CHUNK, 1, squared) << np.uint64(_CHUNK))
                near = lines[word] | (lines[word + 1] << np.uint64(_CHUNK))
                for distance in range(2, _MARGIN + 1):
                    pair = own & (others >> np.uint64(distance)) & ~(near & (near >> np.uint64(distance)))
                    suspicious[i] |= pair != 0
                alone = own & right
                for bit in range(_CHUNK):
                    if (alone >> np.uint64(bit)) & np.uint64(1) and not suspicious[i]:
                        at = word * _CHUNK + bit
                        suspicious[i] = not _is_blunt(counts[i], at, channels - 1, gain, featured[at])
