"""Channels that hold no counts of the specimen, drawn over from those beside them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["bridge_channels", "bridge_hot_channels", "with_nearest"]

_OFFSETS = np.array([-4, -3, -2, 2, 3, 4])
_MARGIN = 4
_SHARPEST = 4.0


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
        bridge_channels(bridged, with_nearest([int(channel)], bridged.size))
    return bridged


def with_nearest(channels: list[int], size: int) -> NDArray[np.bool_]:
    """Mask of channels and their two nearest."""
    mask = np.zeros(size, dtype=bool)
    for channel in channels:
        mask[max(channel - 1, 0) : channel + 2] = True
    return mask


def bridge_channels(spectrum: NDArray[np.float64], mask: NDArray[np.bool_]) -> None:
    """Draw straight lines over the masked channels, in place; beyond the last good channel stays its level."""
    good = np.flatnonzero(~mask)
    spectrum[mask] = np.interp(np.flatnonzero(mask), good, spectrum[good])
