"""What a plan asks of all pixels of its sample: totals, sums of groups, extremes, medians.

A sample holds some thousand spectra as they were recorded. Compiled, each question is one pass over it in its own
number type; without numba the same is done by NumPy, which copies it as float64 on the way.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.preprocess.fused_numba import AVAILABLE, as_input
from eelsmap.preprocess.sample_kernels import (
    bright_kernel,
    maybe_kernel,
    scatter_kernel,
    shifted_kernel,
    shot_kernel,
    sum_kernel,
    top_kernel,
    total_kernel,
)
from eelsmap.preprocess.windows import shift_counts

__all__ = [
    "ChannelSums", "bright_sums", "channel_sums", "count_near_top", "group_sums", "may_be_noisier", "noise_medians",
    "noise_over_shot", "row_totals", "shifted_sum",
]  # fmt: skip


class ChannelSums(NamedTuple):
    """``sums`` (group, channel) of the rows of each group; ``lowest``, ``highest`` (channel,) of all of them."""

    sums: NDArray[np.float64]
    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]


def row_totals(sample: NDArray[Any], /) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Sum up each row.

    Parameters
    ----------
    sample
        Counts, shape (n, channel), any number type.

    Returns
    -------
    total, finite : numpy.ndarray
        Each of shape (n,): the sum, and whether all counts of the row are finite.
    """
    if not AVAILABLE:
        with np.errstate(invalid="ignore", over="ignore"):
            return sample.sum(axis=1, dtype=np.float64), np.asarray(np.isfinite(sample).all(axis=1))
    total, finite = np.empty(len(sample)), np.empty(len(sample), dtype=bool)
    total_kernel(as_input(sample), total, finite)
    return total, finite


def bright_sums(rows: NDArray[Any], above: float, /, *, stride: int = 1) -> NDArray[np.float64]:
    """Sum up those pixels of each row that hold more than some counts in all and are finite.

    Parameters
    ----------
    rows
        Counts, shape (row, pixel, channel), any number type.
    above
        How many.
    stride
        Every how many pixels of a row are looked at.

    Returns
    -------
    numpy.ndarray
        Shape (row, channel).
    """
    result = np.zeros((len(rows), rows.shape[2]))
    # What a kernel does not take as it is would be copied as a whole.
    if AVAILABLE and rows.flags.c_contiguous and as_input(rows[:1]).dtype == rows.dtype:
        bright_kernel(as_input(rows), stride, float(above), result)
        return result
    # Row by row, so that no copy of the whole is made.
    for row, sums in zip(rows, result, strict=True):
        pixels = row[::stride]
        if AVAILABLE:
            bright_kernel(as_input(pixels[None]), 1, float(above), sums[None])
            continue
        total, finite = row_totals(pixels)
        sums[:] = pixels[finite & np.isfinite(total) & (total > above)].sum(axis=0, dtype=np.float64)
    return result


def shifted_sum(rows: NDArray[np.float64], channels: NDArray[np.float64], /) -> NDArray[np.float64]:
    """Sum up spectra, each moved along its axis by its own, fractional number of channels.

    Parameters
    ----------
    rows
        Counts, shape (n, channel).
    channels
        How far each spectrum lies too high, in channels, shape (n,).

    Returns
    -------
    numpy.ndarray
        Shape (channel,): the sum over what :func:`eelsmap.preprocess.windows.shift_counts` gives.
    """
    if not AVAILABLE:
        return np.asarray(shift_counts(rows, channels).sum(axis=0))
    result = np.zeros(rows.shape[1])
    shifted_kernel(as_input(rows), np.array(channels, dtype=np.float64), result)
    return result


def group_sums(sample: NDArray[Any], group: NDArray[np.intp], number: int, /) -> NDArray[np.float64]:
    """As :func:`channel_sums`, the sums alone: shape (group, channel)."""
    if not AVAILABLE:
        return channel_sums(sample, group, number).sums
    sums = np.zeros((number, sample.shape[1]))
    sum_kernel(as_input(sample), np.array(group, dtype=np.int64), sums, np.empty(0), np.empty(0))
    return sums


def channel_sums(sample: NDArray[Any], group: NDArray[np.intp], number: int, /) -> ChannelSums:
    """Sum up the rows of each group, in the order of the rows.

    Parameters
    ----------
    sample
        Counts, shape (n, channel), any number type.
    group
        Group of each row, shape (n,); rows with a negative one are left out.
    number
        How many groups there are.
    """
    if not AVAILABLE:
        members = [np.asarray(sample[group == index], dtype=np.float64) for index in range(number)]
        filled = [rows for rows in members if len(rows)] or [np.full((1, sample.shape[1]), np.nan)]
        return ChannelSums(
            np.stack([rows.sum(axis=0) for rows in members]),
            np.min([rows.min(axis=0) for rows in filled], axis=0),
            np.max([rows.max(axis=0) for rows in filled], axis=0),
        )
    channels = sample.shape[1]
    found = ChannelSums(np.zeros((number, channels)), np.full(channels, np.inf), np.full(channels, -np.inf))
    sum_kernel(as_input(sample), np.array(group, dtype=np.int64), *found)
    return found


def count_near_top(
    sample: NDArray[Any], rows: NDArray[np.bool_], channels: NDArray[np.bool_], largest: float, least: float, /
) -> tuple[int, int]:
    """Count the values of some rows and channels that equal the largest, and those between another and it."""
    if not AVAILABLE:
        asked = np.asarray(sample[rows][:, channels], dtype=np.float64)
        return int((asked == largest).sum()), int(((asked < largest) & (asked > least)).sum())
    # A Boolean mask is a whole number to the compiler, so that there is no branch in the innermost loop.
    full, below = top_kernel(as_input(sample), rows, channels.astype(np.uint8), float(largest), float(least))
    return int(full), int(below)


def noise_over_shot(counts: NDArray[Any], /, *, lag: int) -> NDArray[np.float64]:
    """Median of |a - 2 b + c| / sqrt(6 mean) of each spectrum, over channels that lie `lag` apart.

    Parameters
    ----------
    counts
        Shape (n, channel), all finite.
    lag
        Distance of the three channels.

    Returns
    -------
    numpy.ndarray
        Shape (n,); NaN where half of the spectrum or more is empty.
    """
    size = counts.shape[1] - 2 * lag
    result = np.full(len(counts), np.nan)
    if AVAILABLE:
        scaled = np.empty((len(counts), size))
        shot_kernel(as_input(counts), lag, scaled)
    else:
        counts = np.asarray(counts, dtype=np.float64)
        low, middle, high = counts[:, : -2 * lag], counts[:, lag:-lag], counts[:, 2 * lag :]
        level = (high + middle + low) / 3.0
        usable = level > 0
        scaled = np.abs(high - 2.0 * middle + low) / np.sqrt(6.0 * np.where(usable, level, 1.0))
        scaled[~usable] = np.nan
    usable = np.isfinite(scaled)
    number = usable.sum(axis=1)
    whole = number == size
    result[whole] = _row_medians(scaled if whole.all() else scaled[whole])
    for row in np.flatnonzero(~whole & (2 * number > size)):
        result[row] = np.median(scaled[row, usable[row]])
    return result


def noise_medians(few: NDArray[Any], gain: float, /) -> NDArray[np.float64]:
    """Median over the pixels of how far each channel lies from its neighbours, in units of shot noise.

    Parameters
    ----------
    few
        Counts, shape (n, channel), all finite.
    gain
        Variance of the counts divided by their mean.

    Returns
    -------
    numpy.ndarray
        Shape (channel - 2,), of the inner channels. What a channel stands above its neighbours in every pixel is
        taken off first: it is no noise.
    """
    if AVAILABLE:
        height, shot = np.empty((2, few.shape[1] - 2, len(few)))
        scatter_kernel(as_input(few), float(gain), height, shot)
    else:
        turned = np.asarray(few, dtype=np.float64).T
        height = turned[1:-1] - (turned[:-2] + turned[2:]) / 2.0
        shot = np.sqrt(1.5 * gain * np.maximum((turned[:-2] + turned[1:-1] + turned[2:]) / 3.0, gain))
    height -= _row_medians(height.copy())[:, None]
    np.abs(height, out=height)
    height /= shot
    return _row_medians(height)


def may_be_noisier(few: NDArray[Any], gain: float, least: float, /) -> NDArray[np.bool_]:
    """Say which inner channels :func:`noise_medians` may find above a level, at a tenth of its price.

    Parameters
    ----------
    few, gain
        As for :func:`noise_medians`.
    least
        The level.

    Returns
    -------
    numpy.ndarray
        Shape (channel - 2,): true wherever the median is above the level, and in few other channels. All are without
        numba.
    """
    maybe = np.ones(few.shape[1] - 2, dtype=bool)
    if AVAILABLE:
        maybe_kernel(as_input(few), float(gain), float(least), maybe)
    return maybe


def _row_medians(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of each row, shape (n,), all finite; four times as fast as ``np.median``. The table is put in disorder."""
    half = table.shape[1] // 2
    table.partition(half, axis=1)
    upper = table[:, half]
    return upper if table.shape[1] % 2 else (table[:, :half].max(axis=1) + upper) / 2.0
