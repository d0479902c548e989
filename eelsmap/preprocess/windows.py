"""Counts in energy windows with fractional ends: the one primitive on which every extraction rests.

A spectrum is summed up once along energy; the counts between any two energies are then the difference of two
interpolated values of that running sum. Nothing is resampled twice, and counts are conserved whatever the shift.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

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


def shift_counts(block: NDArray[np.floating], channels: NDArray[np.float64], /) -> NDArray[np.float64]:
    """Move spectra along their axis by their own, fractional number of channels.

    Parameters
    ----------
    block
        Counts, shape (n, channel).
    channels
        How far each spectrum lies too high, in channels, shape (n,).

    Returns
    -------
    numpy.ndarray
        Shape (n, channel): what lay at channel i + `channels` now lies at i; what comes from outside the axis is
        zero.
    """
    boundaries = np.arange(block.shape[1] + 1) + np.asarray(channels, dtype=np.float64)[:, None]
    return counts_between(running_sum(block), boundaries)
