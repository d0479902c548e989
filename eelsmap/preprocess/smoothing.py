"""Gaussian filters along energy with wide kernels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, idct

__all__ = ["half_gaussian", "structure_between"]

# scipy's gaussian_filter1d cuts its kernel off there.
_TRUNCATE = 4.0


def half_gaussian(sigma: float, /) -> NDArray[np.float64]:
    """Gaussian from its middle outwards, shape (radius + 1,), as scipy has it; `sigma` in channels."""
    radius = int(_TRUNCATE * sigma + 0.5)
    shape = np.exp(-0.5 / (sigma * sigma) * np.arange(-radius, radius + 1) ** 2)
    return np.asarray((shape / shape.sum())[radius:])


def structure_between(rows: NDArray[np.float64], fine: float, coarse: float, /) -> NDArray[np.float64]:
    """Keep what is wider than one width and narrower than another.

    Parameters
    ----------
    rows
        Shape (n, channel).
    fine, coarse
        Standard deviations, channels.

    Returns
    -------
    numpy.ndarray
        Shape (n, channel): what scipy's ``gaussian_filter1d`` leaves of each row with the one width, less what it
        leaves with the other; mirrored at the ends, and the same up to rounding.
    """
    if rows.size == 0:
        return np.zeros(rows.shape)
    # Spectra mirrored at their ends are sums of cosines, which a symmetric kernel only makes smaller or larger.
    transformed = dct(rows, axis=1)
    transformed *= _transfer(fine, rows.shape[1]) - _transfer(coarse, rows.shape[1])
    return np.asarray(idct(transformed, axis=1, overwrite_x=True))


def _transfer(sigma: float, channels: int) -> NDArray[np.float64]:
    """Say what a Gaussian filter makes of each cosine of a mirrored spectrum, shape (channel,)."""
    weights = half_gaussian(sigma)
    around = np.zeros(2 * channels)
    taps = np.arange(weights.size)
    np.add.at(around, taps % around.size, weights)
    np.add.at(around, -taps[1:] % around.size, weights[1:])
    return np.asarray(np.fft.rfft(around).real[:channels])
