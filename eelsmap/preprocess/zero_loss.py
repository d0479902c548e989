"""Where the zero-loss peak lies in each pixel of a low loss that was recorded together with the core loss."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["zero_loss_positions"]


def zero_loss_positions(
    block: NDArray[np.generic], energy: NDArray[np.float64], /, *, half_width: float = 2.0
) -> NDArray[np.float64]:
    """Sub-channel position of the zero-loss peak: centroid of the counts around the maximum.

    Parameters
    ----------
    block
        Low-loss counts, shape (n, channel).
    energy
        Energies of the channels, shape (channel,), eV.
    half_width
        The centroid takes the channels within this distance of the maximum, eV (at least two on either side).

    Returns
    -------
    numpy.ndarray
        Shape (n,), eV; NaN for empty or non-finite spectra.
    """
    counts = np.asarray(block, dtype=np.float64)
    position = np.full(counts.shape[0], np.nan)
    valid = np.isfinite(counts).all(axis=1) & (counts.max(axis=1, initial=0.0) > 0)
    if not valid.any():
        return position
    counts = counts[valid]
    peak = counts.argmax(axis=1)
    step = (energy[-1] - energy[0]) / (energy.size - 1)
    reach = max(2, round(half_width / step))
    index = peak[:, None] + np.arange(-reach, reach + 1)
    inside = (index >= 0) & (index < energy.size)
    index = np.clip(index, 0, energy.size - 1)
    weight = np.where(inside, np.maximum(np.take_along_axis(counts, index, axis=1), 0.0), 0.0)
    # The tails of a low loss never reach zero; what both ends share is no part of the peak.
    weight = np.maximum(weight - weight.min(axis=1, keepdims=True), 0.0)
    total = weight.sum(axis=1)
    position[valid] = np.where(
        total > 0, (weight * energy[index]).sum(axis=1) / np.maximum(total, 1e-300), energy[peak]
    )
    return position
