"""Thickness of each pixel in inelastic mean free paths: the logarithm of all electrons over those without loss.

``t / lambda = ln(I_total / I_0)`` (Egerton, *Electron Energy-Loss Spectroscopy in the Electron Microscope*, 3rd ed.,
section 5.1). The zero-loss part ends at a threshold above the zero-loss peak of *each pixel*, in fractions of a
channel, so that drift changes nothing. A low loss that ends early has lost electrons; they are put back by the power
law of its end, as far as one is asked for. What the collection aperture cuts off is not corrected.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.preprocess.smooth_ends import low_loss_tail
from eelsmap.preprocess.windows import channel_positions, counts_between, running_sum
from eelsmap.preprocess.zero_loss import measure_zero_loss

__all__ = ["Thickness", "elastic_threshold", "estimate_thickness", "zero_loss_counts"]

FloatArray = NDArray[np.float64]

_SEARCH = 10.0
"""The minimum between the zero-loss peak and the first losses lies within this distance of the peak, eV."""
_BEHIND = 2.0
"""A minimum is the lowest value over so many eV behind it."""
_SMOOTHING = 1.0
_MOSTLY_LOSSES = 2.0


class Thickness(NamedTuple):
    """t/lambda of n pixels with its standard error, and the counts without loss and in all; shape (n,) each."""

    t_over_lambda: FloatArray
    error: FloatArray
    zero_loss: FloatArray
    total: FloatArray


def estimate_thickness(
    low_loss: NDArray[np.generic],
    energy: FloatArray,
    /,
    *,
    threshold: float,
    position: FloatArray | float | None = None,
    gain: float = 1.0,
    tail: float = 200.0,
) -> Thickness:
    """Estimate the thickness in inelastic mean free paths.

    Parameters
    ----------
    low_loss
        Low-loss counts with the zero-loss peak, shape (n, channel).
    energy
        Energies of the channels, shape (channel,), ascending and uniform, eV.
    threshold
        Where the zero-loss peak ends, eV above its position; see :func:`elastic_threshold`.
    position
        Of the zero-loss peak, eV; None measures it in each pixel.
    gain
        Variance of the counts divided by their mean.
    tail
        How far the losses beyond the end of the axis are put back, eV; 0 counts what was recorded.

    Returns
    -------
    Thickness
        NaN for pixels that are empty, not finite or without a zero-loss peak. The error is that of counting
        statistics: ``gain (1 / I_0 - 1 / I_total)`` is the variance of the logarithm, since I_0 is a part of I_total.
    """
    counts = np.asarray(low_loss, dtype=np.float64)
    usable: NDArray[np.bool_] = np.asarray(np.isfinite(counts).all(axis=1))
    counts = np.where(usable[:, None], counts, 0.0)
    peak = measure_zero_loss(counts, energy).position if position is None else position
    peak = np.array(np.broadcast_to(np.asarray(peak, dtype=np.float64), len(counts)))
    usable &= np.isfinite(peak)
    zero_loss = zero_loss_counts(counts, energy, threshold=threshold, position=np.where(usable, peak, energy[0]))
    total = counts.sum(axis=1) + low_loss_tail(counts, energy, tail).sum(axis=1)
    usable &= (zero_loss > 0) & (total > 0)
    lost, all_of_it = (np.where(usable, value, np.nan) for value in (zero_loss, total))
    variance = gain * (1.0 / lost - 1.0 / all_of_it)
    return Thickness(np.log(all_of_it / lost), np.sqrt(np.maximum(variance, 0.0)), lost, all_of_it)


def zero_loss_counts(
    low_loss: FloatArray, energy: FloatArray, /, *, threshold: FloatArray | float, position: FloatArray | float
) -> FloatArray:
    """Count the electrons below a threshold above the zero-loss peak, in fractions of a channel.

    Parameters
    ----------
    low_loss
        Counts, shape (n, channel).
    energy
        Energies of the channels, shape (channel,), eV.
    threshold
        A number or shape (n,), eV above `position`.
    position
        Of the zero-loss peak, a number or shape (n,), eV.

    Returns
    -------
    numpy.ndarray
        Shape (n,).
    """
    end = channel_positions(np.asarray(position) + np.asarray(threshold), energy)
    end = np.broadcast_to(end, len(low_loss))
    windows = np.stack([np.zeros(len(low_loss)), end], axis=1)
    return counts_between(running_sum(low_loss), windows)[:, 0]


def elastic_threshold(sample: NDArray[np.generic], energy: FloatArray, /) -> float:
    """Find where the zero-loss peak ends and the losses begin, once for an image.

    Parameters
    ----------
    sample
        Low-loss counts of some pixels, shape (n, channel).
    energy
        Energies of the channels, shape (channel,), eV.

    Returns
    -------
    float
        eV above the position of the zero-loss peak: the first minimum of the mean spectrum behind the peak, all pixels
        shifted to their zero-loss peaks. Where the losses hide it, the energy from which the spectrum is twice as high
        as at the same distance on the other side of the peak, so that half of the counts are losses. NaN where no
        pixel has a zero-loss peak or the axis ends before.
    """
    counts = np.asarray(sample, dtype=np.float64)
    found = measure_zero_loss(counts, energy)
    usable = np.isfinite(found.position) & np.isfinite(found.fwhm)
    if not usable.any():
        return np.nan
    position, start = found.position[usable], float(np.median(found.fwhm[usable]))
    step = (energy[-1] - energy[0]) / (energy.size - 1)
    total = running_sum(counts[usable])
    distance, behind = _mean_beside(total, energy, position, step, start)
    lookahead = max(1, round(_BEHIND / step))
    for index in range(behind.size - lookahead):
        if behind[index] <= behind[index : index + lookahead + 1].min():
            return float(distance[index])
    _, before = _mean_beside(total, energy, position, -step, start)
    common = min(before.size, behind.size)
    losses = behind[:common] > _MOSTLY_LOSSES * np.maximum(before[:common], 0.0)
    if losses.any():
        return float(distance[losses.argmax()])
    return float(distance[behind.argmin()]) if behind.size else np.nan


def _mean_beside(
    total: FloatArray, energy: FloatArray, position: FloatArray, step: float, start: float
) -> tuple[FloatArray, FloatArray]:
    """Smoothed sum of all pixels against the distance from the zero-loss peak, on the side of the sign of `step`."""
    side = np.sign(step)
    room = (energy[-1] - position.max()) if side > 0 else (position.min() - energy[0])
    boundary = np.arange(start, min(_SEARCH + _BEHIND, room), abs(step))
    width = max(1, round(_SMOOTHING / abs(step)))
    if boundary.size < width + 2:
        return np.zeros(0), np.zeros(0)
    ordered = side * boundary if side > 0 else -boundary[::-1]
    summed = counts_between(total, channel_positions(position[:, None] + ordered, energy)).sum(axis=0)
    smooth = np.convolve(summed if side > 0 else summed[::-1], np.full(width, 1.0 / width), mode="valid")
    return boundary[: smooth.size] + 0.5 * width * abs(step), smooth
