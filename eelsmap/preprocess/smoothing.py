"""Gaussian filter along energy with wide kernels: the numbers of scipy's, several times as fast where compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from eelsmap.preprocess.fused_numba import AVAILABLE, Kernel

__all__ = ["half_gaussian", "smoothed"]

# scipy's gaussian_filter1d cuts its kernel off there.
_TRUNCATE = 4.0


def half_gaussian(sigma: float, /) -> NDArray[np.float64]:
    """Gaussian from its middle outwards, shape (radius + 1,), as scipy has it; `sigma` in channels."""
    radius = int(_TRUNCATE * sigma + 0.5)
    shape = np.exp(-0.5 / (sigma * sigma) * np.arange(-radius, radius + 1) ** 2)
    return np.asarray((shape / shape.sum())[radius:])


def smoothed(rows: NDArray[np.float64], sigma: float, /) -> NDArray[np.float64]:
    """Filter each row as ``gaussian_filter1d(rows, sigma, axis=1)`` does, mirrored at its ends.

    Parameters
    ----------
    rows
        Shape (n, channel).
    sigma
        Standard deviation, channels.

    Returns
    -------
    numpy.ndarray
        Shape (n, channel).
    """
    if not AVAILABLE or rows.size == 0:
        return np.asarray(gaussian_filter1d(rows, sigma, axis=1))
    weights = half_gaussian(sigma)
    radius = weights.size - 1
    padded = np.pad(np.asarray(rows, dtype=np.float64), ((0, 0), (radius, radius)), mode="symmetric")
    result = np.empty(rows.shape)
    _smooth_kernel(padded, weights, result)
    return result


@Kernel
def _smooth_kernel(padded: Any, weights: Any, result: Any) -> None:
    """Filter padded rows; slices that start at zero become vector instructions."""
    radius, channels = weights.size - 1, result.shape[1]
    for i in range(result.shape[0]):
        row, out = padded[i], result[i]
        middle = row[radius : radius + channels]
        for j in range(out.size):
            out[j] = middle[j] * weights[0]
        # The order of scipy's symmetric filter, so that nothing is rounded differently.
        for tap in range(radius, 0, -1):
            weight = weights[tap]
            left, right = row[radius - tap : radius - tap + channels], row[radius + tap : radius + tap + channels]
            for j in range(out.size):
                out[j] += (left[j] + right[j]) * weight
