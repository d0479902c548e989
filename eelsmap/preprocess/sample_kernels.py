"""Kernels of :mod:`eelsmap.preprocess.sample_sums`: one pass over a sample in its own number type."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from eelsmap.preprocess.fused_numba import Kernel

__all__ = [
    "bright_kernel", "maybe_kernel", "scatter_kernel", "shifted_kernel", "shot_kernel", "sum_kernel", "top_kernel",
    "total_kernel",
]  # fmt: skip


@Kernel
def total_kernel(sample: Any, total: Any, finite: Any) -> None:
    """Fill totals and whether rows are finite."""
    strands = np.zeros(64)
    channels = sample.shape[1]
    for i in range(sample.shape[0]):
        row = sample[i]
        strands[:] = 0.0
        for start in range(0, channels - channels % 64, 64):
            at = np.uint64(start)
            for lane in range(64):
                strands[lane] += row[at + np.uint64(lane)]
        rest = 0.0
        for j in range(channels - channels % 64, channels):
            rest += row[j]
        for lane in range(64):
            rest += strands[lane]
        fine = rest - rest == 0
        if not fine:
            # The sum of counts that are finite may not be.
            fine = True
            for j in range(channels):
                fine &= row[j] - row[j] == 0
        total[i], finite[i] = rest, fine


@Kernel
def bright_kernel(rows: Any, stride: int, above: float, result: Any) -> None:
    """Add the bright ones of every `stride`-th pixel of each row."""
    strands = np.zeros(64)
    channels = rows.shape[2]
    for i in range(rows.shape[0]):
        sums = result[i]
        for k in range(0, rows.shape[1], stride):
            pixel = rows[i, k]
            strands[:] = 0.0
            for start in range(0, channels - channels % 64, 64):
                at = np.uint64(start)
                for lane in range(64):
                    strands[lane] += pixel[at + np.uint64(lane)]
            total = 0.0
            for j in range(channels - channels % 64, channels):
                total += pixel[j]
            for lane in range(64):
                total += strands[lane]
            if total - total == 0 and total > above:
                for j in range(pixel.size):
                    sums[j] += pixel[j]


@Kernel
def shifted_kernel(rows: Any, moved: Any, result: Any) -> None:
    """Add rows that lie some channels too high, each moved back by its own fractional number of them."""
    channels = rows.shape[1]
    for i in range(rows.shape[0]):
        whole = math.floor(moved[i])
        share = moved[i] - whole
        first, last = max(0, -whole), min(channels, channels - whole)
        if first < last:
            out, row = result[first:last], rows[i, first + whole : last + whole]
            for j in range(out.size):
                out[j] += (1.0 - share) * row[j]
        # What lies one channel further on is the other part of each.
        first, last = max(0, -whole - 1), min(channels, channels - whole - 1)
        if first < last:
            out, row = result[first:last], rows[i, first + whole + 1 : last + whole + 1]
            for j in range(out.size):
                out[j] += share * row[j]


@Kernel
def sum_kernel(sample: Any, group: Any, sums: Any, lowest: Any, highest: Any) -> None:
    """Add rows to the sums of their groups, and keep the extremes of each channel."""
    for i in range(sample.shape[0]):
        if group[i] < 0:
            continue
        row, into = sample[i], sums[group[i]]
        for j in range(row.size):
            into[j] += row[j]
        for j in range(lowest.size):
            value = np.float64(row[j])
            lowest[j] = value if value < lowest[j] else lowest[j]
            highest[j] = value if value > highest[j] else highest[j]


@Kernel
def top_kernel(sample: Any, rows: Any, channels: Any, largest: float, least: float) -> tuple[int, int]:
    """Count values at the top and near it."""
    full, below = 0, 0
    for i in range(sample.shape[0]):
        if not rows[i]:
            continue
        row = sample[i]
        for j in range(row.size):
            value = np.float64(row[j])
            full += channels[j] * (value == largest)
            below += channels[j] * ((value < largest) & (value > least))
    return full, below


@Kernel
def shot_kernel(counts: Any, lag: int, scaled: Any) -> None:
    """Write the scaled second differences of each row, NaN where there is nothing to scale by."""
    for i in range(counts.shape[0]):
        out = scaled[i]
        low, middle, high = counts[i], counts[i, lag:], counts[i, 2 * lag :]
        for j in range(out.size):
            a, b, c = np.float64(low[j]), np.float64(middle[j]), np.float64(high[j])
            level = (c + b + a) / 3.0
            out[j] = abs(c - 2.0 * b + a) / math.sqrt(6.0 * level) if level > 0 else np.nan


@Kernel
def scatter_kernel(few: Any, gain: float, height: Any, shot: Any) -> None:
    """Write how far each inner channel stands above its neighbours, and their shot noise, shape (channel - 2, n)."""
    pixels, block = few.shape[0], 8
    for start in range(0, height.shape[0], block):
        for i in range(pixels):
            for j in range(start, min(start + block, height.shape[0])):
                left, here, right = np.float64(few[i, j]), np.float64(few[i, j + 1]), np.float64(few[i, j + 2])
                height[j, i] = here - (left + right) / 2.0
                level = (left + here + right) / 3.0
                shot[j, i] = math.sqrt(1.5 * gain * (level if level > gain else gain))


@Kernel
def maybe_kernel(few: Any, gain: float, least: float, maybe: Any) -> None:
    """Bracket the median height of each channel, and count the pixels that lie far from wherever it is."""
    pixels, channels = few.shape[0], maybe.size
    mean, spread = np.zeros(channels), np.zeros(channels)
    low, high, far = np.zeros(channels), np.zeros(channels), np.zeros(channels)
    # Row by row, so that neighbouring channels are treated at once; where the bracket lies need not be exact.
    for i in range(pixels):
        lefts, heres, rights = few[i, :channels], few[i, 1 : channels + 1], few[i, 2 : channels + 2]
        for j in range(mean.size):
            height = np.float64(heres[j]) - (np.float64(lefts[j]) + np.float64(rights[j])) / 2.0
            mean[j] += height
            spread[j] += height * height
    for j in range(channels):
        mean[j] /= pixels
        # Rounding may make it less than nothing.
        spread[j] = 0.25 * math.sqrt(abs(spread[j] / pixels - mean[j] * mean[j]))
    squared = least * least * 1.5 * gain
    for i in range(pixels):
        lefts, heres, rights = few[i, :channels], few[i, 1 : channels + 1], few[i, 2 : channels + 2]
        for j in range(mean.size):
            beside, here = np.float64(lefts[j]) + np.float64(rights[j]), np.float64(heres[j])
            away = here - beside / 2.0 - mean[j]
            level: float = (beside + here) / 3.0
            level = level if level > gain else gain
            reach = spread[j]
            low[j] += 1.0 if away < -reach else 0.0
            high[j] += 1.0 if away > reach else 0.0
            furthest = abs(away) + reach
            far[j] += 1.0 if furthest * furthest > squared * level else 0.0
    for j in range(channels):
        bracketed = 2.0 * low[j] < pixels and 2.0 * high[j] < pixels
        maybe[j] = not bracketed or 2.0 * far[j] >= pixels
