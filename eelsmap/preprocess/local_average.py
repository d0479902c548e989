"""Averaging over neighbouring pixels: less noise for less resolution in space, and how much of each.

Every pixel becomes the mean of its neighbourhood with Gaussian weights. Weights are normalised over the pixels that are
there: nothing is made up beyond the border, and a pixel without finite counts neither gives nor takes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

__all__ = ["averaging_depth", "averaging_fwhm", "averaging_gain", "local_average"]

_REACH = 3.0
_SIGMA_TO_FWHM = float(np.sqrt(8.0 * np.log(2.0)))


def local_average(block: NDArray[np.generic], /, *, sigma: float) -> NDArray[np.float64]:
    """Average spectra over neighbouring pixels.

    Parameters
    ----------
    block
        Counts, shape (navigation..., channel), any number of navigation axes.
    sigma
        Standard deviation of the Gaussian weights, pixels; 0 leaves the counts as they are. Weights end at three
        standard deviations, so :func:`averaging_depth` pixels around the block are needed.

    Returns
    -------
    numpy.ndarray
        Shape of `block`. Pixels that hold what is not finite are NaN throughout.
    """
    counts = np.asarray(block, dtype=np.float64)
    usable = np.asarray(np.isfinite(counts).all(axis=-1))
    weights = _weights(sigma)
    total = np.where(usable[..., None], counts, 0.0)
    share = usable.astype(np.float64)
    if weights.size > 1:
        for axis in range(counts.ndim - 1):
            total = convolve1d(total, weights, axis=axis, mode="constant")
            share = convolve1d(share, weights, axis=axis, mode="constant")
    # Where nothing is usable the share is zero, and the answer NaN anyway.
    total /= np.where(usable, share, 1.0)[..., None]
    total[~usable] = np.nan
    return total


def averaging_depth(sigma: float, /) -> int:
    """How many pixels away the average reaches."""
    return int(np.ceil(_REACH * sigma))


def averaging_gain(sigma: float, ndim: int, /) -> float:
    """By what factor the variance of the counts goes down where all neighbours are there.

    Parameters
    ----------
    sigma
        Standard deviation of the weights, pixels.
    ndim
        Number of navigation axes.

    Returns
    -------
    float
        Sum of the squared weights, at most 1; about 1 / (4 pi sigma^2) for two axes and a sigma above one pixel. It is
        up to 2^ndim times larger at borders and corners. Neighbours share noise afterwards, and are not independent.
    """
    return float((_weights(sigma) ** 2).sum() ** ndim)


def averaging_fwhm(sigma: float, /) -> float:
    """Width to which a single pixel is spread, pixels: full width at half maximum, with the pixel's own width of 1."""
    return float(np.sqrt(1.0 + (_SIGMA_TO_FWHM * sigma) ** 2))


def _weights(sigma: float) -> NDArray[np.float64]:
    """Normalised weights along one axis, shape (2 depth + 1,)."""
    if sigma <= 0:
        return np.ones(1)
    depth = averaging_depth(sigma)
    weights = np.exp(-0.5 * (np.arange(-depth, depth + 1) / sigma) ** 2)
    return np.asarray(weights / weights.sum())
