"""Where the smoothed counts of eight pixels side by side are highest, for :mod:`eelsmap.features.lane_kernels`.

Smoothing every point near a line is most of the work. Here every fourth point comes first: the points between two of
them cannot lie higher than these by more than a share of the range of the counts, so that few are left to be smoothed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.preprocess.fused_numba import helper
from eelsmap.preprocess.lanes import (
    LANES,
    absolute,
    add_taps,
    anywhere,
    gather,
    get_lane,
    load,
    set_lane,
    spread,
    store,
    where,
)  # fmt: skip

__all__ = ["SPARE", "highest_point", "least_slack", "pad_ends"]

# So many points are smoothed at once, beyond the last one too; at first only every so many-th.
_AT_ONCE = 4
SPARE = _AT_ONCE * _AT_ONCE
"""Points beyond the last one that are smoothed along."""


def least_slack(weights: NDArray[np.float64], /) -> float:
    """How far a filtered point can lie above those two of every fourth that it lies between.

    Parameters
    ----------
    weights
        Half of a symmetric filter, shape (tap,), its middle first.

    Returns
    -------
    float
        In shares of the range of what is filtered: what the filter says of a point less what lies on the straight line
        between the two is a sum whose weights add up to zero.
    """
    radius = weights.size - 1
    filters = np.zeros((_AT_ONCE + 1, 2 * radius + 1 + _AT_ONCE))
    for place in range(_AT_ONCE + 1):
        filters[place, place : place + 2 * radius + 1] = np.concatenate([weights[:0:-1], weights])
    share = np.arange(_AT_ONCE + 1)[:, None] / _AT_ONCE
    rest = filters - (1.0 - share) * filters[0] - share * filters[-1]
    return float(0.5 * np.abs(rest).sum(axis=1).max()) * (1.0 + 1e-6)


@helper
def _finite(value: Any) -> Any:
    """Where numbers are finite."""
    return value - value == 0.0


@helper
def pad_ends(out: Any, base: int, points: int, radius: int, padded: Any) -> None:
    """Repeat the ends for the filter, and for the points beyond the last one that are smoothed along."""
    for j in range(points):
        store(padded, radius + j, load(out, base + j))
    begin, end = load(out, base), load(out, base + points - 1)
    for j in range(radius):
        store(padded, j, begin)
    for j in range(radius + SPARE):
        store(padded, radius + points + j, end)


@helper
def _smooth(padded: Any, weights: Any, first: int, last: int, step: int, smooth: Any) -> None:
    """Filter every `step`-th point from a first one on, at least to the last, exclusive."""
    radius = weights.size - 1
    for j in range(first, last, _AT_ONCE * step):
        at = radius + j
        a, b = load(padded, at) * weights[0], load(padded, at + step) * weights[0]
        c, d = load(padded, at + 2 * step) * weights[0], load(padded, at + 3 * step) * weights[0]
        # The order of scipy's symmetric filter; four points at once, or one would wait for itself.
        for tap in range(radius, 0, -1):
            a, b, c, d = add_taps(padded, at, step, tap, weights[tap], (a, b, c, d))
        store(smooth, j, a)
        store(smooth, j + step, b)
        store(smooth, j + 2 * step, c)
        store(smooth, j + 3 * step, d)


@helper
def _promising(
    padded: Any, weights: Any, grid: Any, near: Any, reach: float, low: int, high: int, slack: float, smooth: Any
) -> Any:  # fmt: skip
    """First and last (exclusive) point beyond which no pixel's smoothed counts can be highest."""
    # Every cell between two of them needs both.
    _smooth(padded, weights, low, high + _AT_ONCE, _AT_ONCE, smooth)
    least, most = load(padded, low), load(padded, low)
    for j in range(low + 1, high + 2 * (weights.size - 1) + _AT_ONCE):
        value = load(padded, j)
        least, most = where(value < least, value, least), where(value > most, value, most)
    known = spread(-np.inf)
    for j in range(low, high, _AT_ONCE):
        value = load(smooth, j)
        known = where((absolute(grid[j] - near) <= reach) & (value > known), value, known)
    # What is rounded off counts too.
    known = known - slack * (most - least + 1e-9 * (absolute(most) + absolute(least)))
    if anywhere(~_finite(known)):
        return low, high
    first, last = high, low
    width = reach + (_AT_ONCE + 1) * (grid[1] - grid[0])
    for j in range(low, high, _AT_ONCE):
        lower = (load(smooth, j) < known) & (load(smooth, j + _AT_ONCE) < known)
        if anywhere(~lower & (absolute(grid[j] - near) < width)):
            first, last = min(first, j), j + _AT_ONCE + 1
    first = max(min(first - 1, high - 3), low)
    return first, max(min(last + 1, high), first + 3)


@helper
def highest_point(padded: Any, weights: Any, grid: Any, near: Any, reach: float, slack: float, smooth: Any) -> Any:
    """Energy of the highest smoothed point within reach of an energy of each pixel's own."""
    points = grid.size
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
    first, last = _promising(padded, weights, grid, near, reach, low, high, slack, smooth)
    _smooth(padded, weights, first, last, 1, smooth)
    best, middle = spread(-np.inf), spread(0.0)
    for j in range(first, last):
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
    energy = spread(0.0)
    for lane in range(LANES):
        energy = set_lane(energy, lane, grid[int(get_lane(middle, lane))])
    return energy + offset * step
