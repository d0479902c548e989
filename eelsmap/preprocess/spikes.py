"""X-ray spikes: single channels (or two) that stand far above everything around them, in energy and in the image.

A hot channel stands in every spectrum and so in the mean spectrum too; bridged there, it is found in each pixel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["bridge_hot_channels", "remove_spikes"]

_OFFSETS = np.array([-4, -3, -2, 2, 3, 4])
_MARGIN = 4
_ROWS = 64
_SHARPEST = 4.0


def remove_spikes(
    block: NDArray[np.floating],
    reference: NDArray[np.float64],
    /,
    *,
    gain: float = 1.0,
    threshold: float = 8.0,
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Replace X-ray spikes.

    A channel is a spike when its counts lie more than ``threshold`` standard deviations above the larger neighbours
    two to four channels away *and* above the shape of the image's mean spectrum, scaled to the same neighbourhood.
    A white line stands in the mean spectrum too, and so is kept however sharp it is.

    Parameters
    ----------
    block
        Counts, shape (n, channel). Rows that are not finite pass unchanged.
    reference
        Mean spectrum of the image, shape (channel,).
    gain
        Variance of the counts divided by their mean.
    threshold
        Height in standard deviations.

    Returns
    -------
    cleaned : numpy.ndarray
        Shape (n, channel), float64; each spike and its two neighbours are drawn straight between the channels beside.
    spikes : numpy.ndarray
        Number of spikes in each row, shape (n,).
    """
    counts = np.array(block, dtype=np.float64)
    n, channels = counts.shape
    found = np.zeros(n, dtype=np.intp)
    if channels <= 2 * _MARGIN + 1 or n == 0:
        return counts, found
    above_neighbours = _shape_above_neighbours(reference)
    for start in range(0, n, _ROWS):
        rows, columns = _candidates(counts[start : start + _ROWS], gain, threshold)
        if rows.size == 0:
            continue
        rows, columns = rows + start, columns + _MARGIN
        around = counts[rows[:, None], columns[:, None] + _OFFSETS]
        expected = np.maximum(around.mean(axis=1) * above_neighbours[columns], around.max(axis=1))
        # Six neighbours carry noise of their own, and empty channels still count as one electron of uncertainty,
        # which is `gain` counts: whatever unit the counts come in, the same channels are found.
        sigma = np.sqrt(gain * (np.maximum(expected, 0.0) * (1.0 + 1.0 / _OFFSETS.size) + gain))
        spike = counts[rows, columns] - expected > threshold * sigma
        for row, column in zip(rows[spike], columns[spike], strict=True):
            _bridge(counts[row], int(column))
            found[row] += 1
    return counts, found


def bridge_hot_channels(reference: NDArray[np.float64], lowest: int, /) -> NDArray[np.float64]:
    """Draw a straight line over the hot channels of a mean spectrum.

    No white line is so sharp that it stands four times above everything two to four channels away; a hot channel is.

    Parameters
    ----------
    reference
        Mean spectrum of the image, shape (channel,).
    lowest
        First channel to look at; a zero-loss peak lies below.

    Returns
    -------
    numpy.ndarray
        Shape (channel,); a copy.
    """
    bridged = np.array(reference, dtype=np.float64)
    first = max(lowest, _MARGIN)
    core = np.arange(first, max(first, reference.size - _MARGIN))
    highest = reference[core[:, None] + _OFFSETS].max(axis=1, initial=-np.inf)
    for channel in core[(highest > 0) & (reference[core] > _SHARPEST * highest)]:
        _bridge(bridged, int(channel))
    return bridged


def _candidates(
    counts: NDArray[np.float64], gain: float, threshold: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Channels far above their larger neighbours: necessary for a spike, quick to tell, and rare."""
    core = counts[:, _MARGIN:-_MARGIN]
    largest = counts[:, _MARGIN + _OFFSETS[0] : counts.shape[1] - _MARGIN + _OFFSETS[0]].copy()
    for offset in _OFFSETS[1:]:
        np.maximum(largest, counts[:, _MARGIN + offset : counts.shape[1] - _MARGIN + offset], out=largest)
    with np.errstate(invalid="ignore"):
        height = np.subtract(core, largest)
        np.maximum(largest, 0.0, out=largest)
        largest += gain
        largest *= gain
        np.sqrt(largest, out=largest)
        largest *= threshold
        rows, columns = np.nonzero(height > largest)
    return rows, columns


def _shape_above_neighbours(reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each channel of the mean spectrum stands above its neighbours, as a factor of at least 1."""
    factor = np.ones(reference.size)
    core = np.arange(_MARGIN, reference.size - _MARGIN)
    around = reference[core[:, None] + _OFFSETS].mean(axis=1)
    # Where the reference is empty there is no shape to compare with, and the neighbours alone decide.
    factor[core] = np.maximum(np.divide(reference[core], around, out=np.ones(core.size), where=around > 0), 1.0)
    return factor


def _bridge(spectrum: NDArray[np.float64], channel: int) -> None:
    """Draw a straight line over a spike and one channel on either side, in place."""
    start, stop = max(channel - 2, 0), min(channel + 2, spectrum.size - 1)
    inner = np.arange(start + 1, stop)
    fraction = (inner - start) / (stop - start)
    spectrum[inner] = spectrum[start] + fraction * (spectrum[stop] - spectrum[start])
