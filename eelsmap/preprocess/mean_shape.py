"""What an image's mean spectrum says about single channels: where lines stand, and how far above their neighbours."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

__all__ = ["MeanShape", "mean_shape"]

_OFFSETS = np.array([-4, -3, -2, 2, 3, 4])
_MARGIN = 4
_FEATURE = 1.03
_REACH = 12
_NARROW = 0.6
_STRONGER = 4.0


class MeanShape(NamedTuple):
    """What the mean spectrum says of each channel.

    ``factor`` (3, channel): how far it stands above its left, right and both neighbours two to four channels away, at
    least 1. ``featured`` (channel,): edges or lines are near. ``narrow`` (channel,): a line hardly wider than a
    channel or two is near.
    """

    factor: NDArray[np.float64]
    featured: NDArray[np.bool_]
    narrow: NDArray[np.bool_]


def mean_shape(reference: NDArray[np.float64], /) -> MeanShape:
    """Describe how far each channel stands above its neighbours, and where edges and lines are.

    Parameters
    ----------
    reference
        Mean spectrum of the image, shape (channel,), at least nine channels.

    Returns
    -------
    MeanShape
        The three arrays, not to be written to: block after block of an image asks for the same.
    """
    return _mean_shape(np.asarray(reference, dtype=np.float64).tobytes())


@lru_cache(maxsize=8)
def _mean_shape(content: bytes) -> MeanShape:
    """Describe a reference that is given as the bytes of its float64."""
    reference = np.frombuffer(content)
    channels = reference.size
    positions = np.arange(channels)[:, None] + _OFFSETS
    inside = (positions >= 0) & (positions < channels)
    around = np.where(inside, reference[np.clip(positions, 0, channels - 1)], 0.0)
    factor = np.ones((3, channels))
    for index, part in enumerate((slice(0, 3), slice(3, 6), slice(0, 6))):
        number = inside[:, part].sum(axis=1)
        mean = around[:, part].sum(axis=1) / np.maximum(number, 1)
        # Where the reference is empty there is no shape to compare with, and the neighbours alone decide.
        ratio = np.divide(reference, mean, out=np.ones(channels), where=(number > 0) & (mean > 0))
        factor[index] = np.maximum(ratio, 1.0)
    line = factor[2] > _FEATURE
    line[:_MARGIN] = line[-_MARGIN:] = False
    rising = np.zeros(channels, dtype=bool)
    rising[_MARGIN:-_MARGIN] = reference[2 * _MARGIN :] > _FEATURE * reference[: -2 * _MARGIN]
    featured = maximum_filter1d(line | rising, 2 * _REACH + 1)
    # A line that the mean spectrum shows hardly wider than a channel has no flanks to be told by, and another
    # valence may hold more of it: its height alone is compared, with room for one some times as strong.
    inner = np.arange(1, channels - 1)
    height = reference[inner] - np.where(inside.all(axis=1)[inner], around[inner].mean(axis=1), np.inf)
    shoulder = np.minimum(reference[inner - 1], reference[inner + 1]) - (reference[inner] - height)
    narrow = np.zeros(channels, dtype=bool)
    peak = reference[inner] >= np.maximum(reference[inner - 1], reference[inner + 1])
    narrow[inner] = line[inner] & peak & (shoulder < _NARROW * height)
    narrow = maximum_filter1d(narrow, 7)
    stronger = 1.0 + _STRONGER * (maximum_filter1d(factor, 7, axis=1) - 1.0)
    shape = MeanShape(np.where(narrow, stronger, factor), featured, narrow)
    for array in shape:
        array.flags.writeable = False
    return shape
