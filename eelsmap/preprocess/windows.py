"""Counts in energy windows with fractional ends: the one primitive on which every extraction rests.

A spectrum is summed up once along energy; the counts between any two energies are then the difference of two
interpolated values of that running sum. Nothing is resampled twice, and counts are conserved whatever the shift.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eelsmap.preprocess.fused_numba import AVAILABLE, Kernel

__all__ = ["channel_positions", "counts_between", "running_sum", "shift_counts"]


def running_sum(block: NDArray[np.floating], /) -> NDArray[np.float64]:
    """Sum up the counts below each channel boundary.

    Parameters
    ----------
    block
        Counts, shape (n, channel).

    Returns
    -------
    numpy.ndarray
        Shape (n, channel + 1): zero at the lower boundary of the first channel, the total at the last.
    """
    total = np.zeros((block.shape[0], block.shape[1] + 1))
    np.cumsum(block, axis=1, dtype=np.float64, out=total[:, 1:])
    return total


def channel_positions(recorded: ArrayLike, energy: NDArray[np.float64], /) -> NDArray[np.float64]:
    """Position of energies in units of channel boundaries.

    Parameters
    ----------
    recorded
        Energies on the recorded axis, eV.
    energy
        Channel centres of the recorded axis, ascending and uniform, shape (channel,), eV.

    Returns
    -------
    numpy.ndarray
        0 at the lower boundary of the first channel; not clipped to the axis.
    """
    step = (energy[-1] - energy[0]) / (energy.size - 1)
    return (np.asarray(recorded, dtype=np.float64) - energy[0]) / step + 0.5


def counts_between(total: NDArray[np.float64], positions: NDArray[np.float64], /) -> NDArray[np.float64]:
    """Count what lies in consecutive windows.

    Parameters
    ----------
    total
        Running sums, shape (n, channel + 1).
    positions
        Boundaries of the windows in units of channels, shape (window + 1,) for all rows alike or (n, window + 1);
        what lies outside the axis counts as empty.

    Returns
    -------
    numpy.ndarray
        Shape (n, window).
    """
    last = total.shape[1] - 1
    clipped = np.clip(positions, 0.0, last)
    lower = np.minimum(clipped.astype(np.intp), last - 1)
    fraction = clipped - lower
    if positions.ndim == 1:
        below, above = total[:, lower], total[:, lower + 1]
    else:
        below = np.take_along_axis(total, lower, axis=1)
        above = np.take_along_axis(total, lower + 1, axis=1)
    value = below + fraction * (above - below)
    return np.diff(value, axis=1)


def shift_counts(
    block: NDArray[np.floating], channels: NDArray[np.float64], /, *, part: slice = slice(None)
) -> NDArray[np.float64]:
    """Move spectra along their axis by their own, fractional number of channels.

    Parameters
    ----------
    block
        Counts, shape (n, channel).
    channels
        How far each spectrum lies too high, in channels, shape (n,).
    part
        Which of the moved channels are wanted; all of them without.

    Returns
    -------
    numpy.ndarray
        Shape (n, channel of the part): what lay at channel i + `channels` now lies at i; what comes from outside the
        axis is zero.
    """
    first, last, _ = part.indices(block.shape[1])
    moved = np.asarray(channels, dtype=np.float64)
    if AVAILABLE:
        result = np.empty((len(block), max(last - first, 0)))
        _shift_kernel(np.array(block, dtype=np.float64, order="C"), np.array(moved), first, result)
        return result
    boundaries = np.arange(first, max(last, first) + 1) + moved[:, None]
    return counts_between(running_sum(block), boundaries)


@Kernel
def _shift_kernel(block: Any, moved: Any, first: int, result: Any) -> None:
    """Write what :func:`counts_between` says of boundaries that all lie one channel apart."""
    last, size = block.shape[1], result.shape[1]
    running = np.zeros(last + 1)
    for i in range(result.shape[0]):
        # Nothing below the part is asked for, nor above it.
        begin = int(min(max(float(first) + moved[i], 0.0), float(last)))
        end = int(min(max(float(first + size) + moved[i], 0.0), float(last)))
        total = 0.0
        running[begin] = total
        for j in range(begin, min(end + 1, last)):
            total += block[i, j]
            running[j + 1] = total
        if begin == last:
            running[last - 1] = 0.0
        previous = 0.0
        for j in range(size + 1):
            position = float(first + j) + moved[i]
            position = position if position > 0.0 else 0.0
            position = position if position < last else float(last)
            lower = min(int(position), last - 1)
            value = running[lower] + (position - lower) * (running[lower + 1] - running[lower])
            if j > 0:
                result[i, j - 1] = value - previous
            previous = value
