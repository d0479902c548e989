"""Counts in windows of many pixels, eight pixels side by side, in one pass over the channels.

The same numbers as :mod:`eelsmap.preprocess.fused_windows`, laid out for :mod:`eelsmap.features.lane_kernels`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.preprocess.fused_numba import Kernel, as_input, helper
from eelsmap.preprocess.fused_windows import split_positions
from eelsmap.preprocess.lanes import (
    LANES,
    add_square,
    aligned_rows,
    gather_pair,
    get_lane,
    load,
    read_rows,
    set_lane,
    spread,
    store,
    where,
    whole_part,
)

__all__ = ["Stretches", "lane_windows"]


class Stretches(NamedTuple):
    """Boundaries of consecutive windows in stretches of the axis.

    ``positions`` (boundary,): of all stretches, in units of channels, ascending in each; what lies outside the axis
    counts as empty. ``ends`` (stretch + 1,): where each begins. ``windows``: how many there are in all.
    """

    positions: NDArray[np.float64]
    ends: NDArray[np.int64]
    windows: int

    @classmethod
    def of(cls, positions: Sequence[NDArray[np.float64]], /) -> Stretches:
        """Put the boundaries of several stretches together."""
        ends = np.cumsum([0, *(one.size for one in positions)])
        return cls(np.concatenate(positions), ends, int(ends[-1]) - len(positions))

    def room(self, pixels: int, channels: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Room for the windows of so many pixels, shape (group, window, 8), and for a sum over channels."""
        groups = -(-pixels // LANES)
        windows = aligned_rows(groups * self.windows).reshape(groups, self.windows, LANES)
        return windows, aligned_rows(channels + 1 + LANES)


_UNMOVED = np.empty(0)


def lane_windows(
    counts: NDArray[Any],
    stretches: Stretches,
    /,
    *,
    moved: NDArray[np.float64] | None = None,
    room: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> NDArray[np.float64]:
    """Count what lies in consecutive windows of several stretches of the axis.

    Parameters
    ----------
    counts
        Counts, shape (n, channel), finite, any number type.
    stretches
        The windows.
    moved
        How many channels higher the boundaries lie in each row, shape (n,).
    room
        From :meth:`Stretches.room`, for at least as many pixels; it is written over.

    Returns
    -------
    numpy.ndarray
        Shape (group, window, 8): the windows of all stretches, of eight rows side by side; in the last group the last
        row is repeated.
    """
    windows, running = stretches.room(*counts.shape) if room is None else room
    result = windows[: -(-len(counts) // LANES)]
    if len(counts):
        _lane_window_kernel(
            as_input(counts), stretches.positions, stretches.ends, _UNMOVED if moved is None else moved, running, result
        )
    return result


@helper
def _clipped(position: Any, channels: int) -> Any:
    """Positions inside the axis."""
    position = where(position > 0.0, position, spread(0.0))
    return where(position < float(channels), position, spread(float(channels)))


@helper
def _run(counts: Any, row: int, first: int, last: int, running: Any) -> None:
    """Sum up channels of eight rows from zero."""
    total, place = spread(0.0), first
    store(running, 0, total)
    while place < last and place + LANES <= counts.shape[1]:
        total = add_square(counts, row, place, running, place - first + 1, total)
        place += LANES
    for j in range(place, last):
        total = total + read_rows(counts, row, j)
        store(running, j - first + 1, total)


@Kernel
def _lane_window_kernel(counts: Any, positions: Any, ends: Any, moved: Any, running: Any, result: Any) -> None:
    """Write counts between positions; `running` (channel + 9, 8): room for sums."""
    n, channels = counts.shape
    lower, fraction = np.empty(positions.size, dtype=np.int64), np.empty(positions.size)
    flat = result.reshape((-1, LANES))
    placed, shift, out = np.nan, 0.0, 0
    for row in range(0, n, LANES):
        alike = True
        shifts = spread(0.0)
        if moved.size > 0:
            shift = moved[row]
            for lane in range(LANES):
                own = moved[min(row + lane, n - 1)]
                alike = alike and own == shift
                shifts = set_lane(shifts, lane, own)
        if alike and placed != shift:
            split_positions(positions, shift, channels, lower, fraction)
            placed = shift
        for part in range(ends.size - 1):
            begin, end = ends[part], ends[part + 1]
            if alike:
                first = lower[begin]
                _run(counts, row, first, lower[end - 1] + 1, running)
                at = lower[begin] - first
                previous = load(running, at) + fraction[begin] * (load(running, at + 1) - load(running, at))
                for j in range(begin + 1, end):
                    at = lower[j] - first
                    below = load(running, at)
                    value = below + fraction[j] * (load(running, at + 1) - below)
                    store(flat, out, value - previous)
                    previous = value
                    out += 1
                continue
            # Every row has its own shift.
            low, high = _clipped(positions[begin] + shifts, channels), _clipped(positions[end - 1] + shifts, channels)
            first, last = channels - 1, 0
            for lane in range(LANES):
                first = min(first, int(get_lane(low, lane)))
                last = max(last, min(int(get_lane(high, lane)), channels - 1) + 1)
            _run(counts, row, first, last, running)
            previous = spread(0.0)
            for j in range(begin, end):
                position = _clipped(positions[j] + shifts, channels)
                whole = whole_part(position)
                whole = where(whole < float(channels - 1), whole, spread(float(channels - 1)))
                below, above = gather_pair(running, whole - float(first))
                value = below + (position - whole) * (above - below)
                if j > begin:
                    store(flat, out, value - previous)
                    out += 1
                previous = value
