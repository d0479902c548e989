"""Continuous wavelet transform, Ricker wavelet, widths 1 to 10 (Chen et al. 2024, 10.1021/acs.chemmater.3c02584)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eelsmap.features.transformer import EdgeTransformer

__all__ = ["WaveletFeatures", "ricker"]


def ricker(width: float, reach: int, /) -> NDArray[np.float64]:
    """Ricker wavelet ("Mexican hat"), the negative second derivative of a Gaussian, of unit norm.

    Parameters
    ----------
    width
        Standard deviation of the Gaussian, channels.
    reach
        Channels on each side of the centre.

    Returns
    -------
    numpy.ndarray
        Shape (2 * reach + 1,).
    """
    position = np.arange(-reach, reach + 1) / width
    norm = 2.0 / (np.sqrt(3.0 * width) * np.pi**0.25)
    return norm * (1.0 - position**2) * np.exp(-0.5 * position**2)


@dataclass(eq=False)
class WaveletFeatures(EdgeTransformer):
    """Wavelet coefficients of each edge; beyond its ends an edge is continued by its end values.

    Parameters
    ----------
    widths
        Widths of the wavelet, channels.
    stride
        Every how many-th position is kept: neighbours say nearly the same.
    """

    widths: tuple[float, ...] = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
    stride: int = 4

    def _features(self, windows: NDArray[np.float64]) -> NDArray[np.float64]:
        channels = windows.shape[-1]
        matrix = np.concatenate([_matrix(width, channels)[:, :: self.stride] for width in self.widths], axis=1)
        return windows @ matrix


def _matrix(width: float, channels: int) -> NDArray[np.float64]:
    """Convolution with one wavelet as a matrix (channel, position), the end values continued."""
    reach = int(np.ceil(5.0 * width))
    wavelet = ricker(width, reach)
    source = np.clip(np.arange(channels)[:, None] + np.arange(-reach, reach + 1), 0, channels - 1)
    matrix = np.zeros((channels, channels))
    np.add.at(matrix, (source, np.broadcast_to(np.arange(channels)[:, None], source.shape)), wavelet)
    return matrix
