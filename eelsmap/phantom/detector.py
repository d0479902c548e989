"""From expected counts to what a detector writes: shot noise, gain pattern, X-ray spikes, readout noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from eelsmap.errors import RecipeError

__all__ = ["detect", "gain_pattern"]

SPIKE_COUNTS = (300.0, 5000.0)
"""Range of the counts that one X-ray leaves; drawn evenly in the logarithm."""


def gain_pattern(channels: int, variation: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw the gain of each channel: what a gain reference has left over, the same for every spectrum of an image.

    Parameters
    ----------
    channels
        Number of channels.
    variation
        Standard deviation of the gain, as a share of 1. About 0.002 in the measured NMC line scan.
    rng
        Source of random numbers.

    Returns
    -------
    numpy.ndarray
        Shape (channels,), mean exactly 1, never negative.
    """
    if not 0 <= variation < 0.3:
        raise RecipeError(f"gain_variation = {variation!r} cannot be used; it must be in [0, 0.3)")
    pattern = np.maximum(1.0 + variation * rng.standard_normal(channels), 0.0)
    return pattern / pattern.mean()


def detect(
    expected: ArrayLike,
    rng: np.random.Generator,
    *,
    gain_variation: float = 0.0,
    gain: ArrayLike | None = None,
    spike_rate: float = 0.0,
    readout_noise: float = 0.0,
    dtype: DTypeLike = np.float32,
) -> NDArray[np.generic]:
    """Record a block of spectra.

    Parameters
    ----------
    expected
        Shape (..., E): expected counts, finite and not negative.
    rng
        Source of random numbers.
    gain_variation
        Standard deviation of a gain pattern drawn for this block; all its spectra share it.
    gain
        Shape (E,): gain pattern to use instead, for an image that is recorded in several blocks.
    spike_rate
        Mean number of X-ray spikes a spectrum. A spike is one or two channels wide.
    readout_noise
        Standard deviation of the readout noise, counts a channel.
    dtype
        Type of the result. Integers are rounded, and cut at the largest value of the type.

    Returns
    -------
    numpy.ndarray
        Shape of ``expected``, never below zero.

    Raises
    ------
    RecipeError
        Expected counts are negative or not finite, or a setting is impossible.
    """
    expected = np.asarray(expected, dtype=np.float64)
    if not np.isfinite(expected).all() or (expected < 0).any():
        raise RecipeError("expected counts must be finite and not negative")
    for name, value in (("spike_rate", spike_rate), ("readout_noise", readout_noise)):
        if not (np.isfinite(value) and value >= 0):
            raise RecipeError(f"{name} = {value!r} cannot be used; it must be zero or more")
    channels = expected.shape[-1]
    if gain is None:
        gain = gain_pattern(channels, gain_variation, rng)
    gain = np.asarray(gain, dtype=np.float64)
    if gain.shape != (channels,):
        raise RecipeError(f"gain has shape {gain.shape}; one number a channel is wanted: ({channels},)")
    counts = rng.poisson(expected).astype(np.float64) * gain
    if spike_rate:
        _add_spikes(counts.reshape(-1, channels), rng, spike_rate)
    if readout_noise:
        counts += readout_noise * rng.standard_normal(counts.shape)
    np.maximum(counts, 0.0, out=counts)
    kind = np.dtype(dtype)
    if np.issubdtype(kind, np.integer):
        np.minimum(np.rint(counts, out=counts), float(np.iinfo(kind).max), out=counts)
    return counts.astype(kind)


def _add_spikes(counts: NDArray[np.float64], rng: np.random.Generator, rate: float) -> None:
    """Add X-ray spikes to rows (n, E), in place."""
    rows, channels = counts.shape
    row = np.repeat(np.arange(rows), rng.poisson(rate, rows))
    channel = rng.integers(0, channels, row.size)
    height = np.exp(rng.uniform(np.log(SPIKE_COUNTS[0]), np.log(SPIKE_COUNTS[1]), row.size))
    # Part of the charge may fall into the next channel.
    shared = np.where(rng.random(row.size) < 0.5, rng.uniform(0.1, 0.5, row.size), 0.0)
    np.add.at(counts, (row, channel), height * (1.0 - shared))
    np.add.at(counts, (row, np.minimum(channel + 1, channels - 1)), height * shared)
