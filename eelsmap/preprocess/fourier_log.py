"""Remove plural scattering from the low loss itself: Fourier log.

With z and j the transforms of the zero-loss peak and of the whole low loss, ``z ln(j / z)`` is the transform of the
losses of single events, at the resolution of the zero-loss peak (Johnson and Spence, J. Phys. D 7 (1974) 771; Egerton,
*Electron Energy-Loss Spectroscopy in the Electron Microscope*, 3rd ed., section 4.1.1). Where z is lost in the
counting noise the logarithm is damped by ``|z|^2 / (|z|^2 + damping gain N)``, N the counts of the low loss.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from eelsmap.errors import RecipeError
from eelsmap.preprocess.windows import channel_positions
from eelsmap.preprocess.zero_loss import measure_zero_loss

__all__ = ["fourier_log"]

FloatArray = NDArray[np.float64]

_BATCH = 16
_TAPER = 0.02
_SHORTEST_TAPER = 20


def fourier_log(
    low_loss: NDArray[np.generic],
    energy: FloatArray,
    /,
    *,
    threshold: FloatArray | float | None = None,
    position: FloatArray | float | None = None,
    zero_loss: NDArray[np.generic] | None = None,
    damping: float = 1.0,
    gain: float = 1.0,
) -> FloatArray:
    """Single-scattering distributions of low losses.

    Parameters
    ----------
    low_loss
        Low-loss counts, shape (n, channel).
    energy
        Energies of the channels, shape (channel,), ascending and uniform, eV.
    threshold
        Where the zero-loss peak ends, eV above its position; the peak is what lies below. Not used with `zero_loss`.
    position
        Of the zero-loss peak, eV; None measures it in each pixel.
    zero_loss
        Zero-loss peaks on the same axis, shape (n, channel) or (1, channel).
    damping
        Strength of the damping in units of the noise; 0 switches it off.
    gain
        Variance of the counts divided by their mean.

    Returns
    -------
    numpy.ndarray
        Shape (n, channel), on `energy`; its sum is I_0 t/lambda. NaN for pixels that are not finite, empty, or
        without a zero-loss peak. Half a Hann window over the outer 2 % of the channels (20 at least) brings both ends
        of the low loss to zero. t/lambda must be below about 3: beyond, the phase of the logarithm is not unique.

    Raises
    ------
    RecipeError
        Neither a threshold nor a zero-loss peak was given, or the peaks have another shape.
    """
    counts = np.asarray(low_loss, dtype=np.float64)
    usable: NDArray[np.bool_] = np.asarray(np.isfinite(counts).all(axis=1))
    peaks = _peaks(counts, energy, usable, threshold, position) if zero_loss is None else np.asarray(zero_loss)
    if peaks.shape not in (counts.shape, (1, energy.size)):
        raise RecipeError(f"Fourier log: zero-loss peaks of shape {peaks.shape} for low losses of {counts.shape}")
    usable &= np.isfinite(peaks).all(axis=1) & (peaks.sum(axis=1) > 0) & (counts.sum(axis=1) > 0)
    channels = min(max(_SHORTEST_TAPER, round(_TAPER * energy.size)), energy.size // 2)
    taper = np.ones(energy.size)
    rise = np.hanning(2 * channels)[:channels]
    taper[:channels], taper[energy.size - channels :] = rise, rise[::-1]
    length = int(scipy.fft.next_fast_len(2 * energy.size - 1, real=True))
    result = np.full(counts.shape, np.nan)
    rows = np.flatnonzero(usable)
    for start in range(0, rows.size, _BATCH):
        batch = rows[start : start + _BATCH]
        peak = np.asarray(peaks[batch] if len(peaks) > 1 else peaks, dtype=np.float64)
        z = scipy.fft.rfft(peak, n=length, axis=1)
        j = scipy.fft.rfft(counts[batch] * taper, n=length, axis=1)
        power = np.square(z.real) + np.square(z.imag)
        noise = damping * gain * np.abs(counts[batch]).sum(axis=1, keepdims=True)
        tiny = 1e-24 * power[:, :1]
        quotient = j * np.conjugate(z)
        quotient /= power + tiny
        # A coefficient of the low loss that vanishes has no logarithm; it carries nothing.
        quotient[np.abs(quotient) < 1e-12] = 1.0
        single = scipy.fft.irfft(z * np.log(quotient) * (power / (power + noise + tiny)), n=length, axis=1)
        result[batch] = single[:, : energy.size]
    return result


def _peaks(
    counts: FloatArray,
    energy: FloatArray,
    usable: NDArray[np.bool_],
    threshold: FloatArray | float | None,
    position: FloatArray | float | None,
) -> FloatArray:
    """Zero-loss peaks cut off at the threshold, in fractions of a channel; zeros where there is none."""
    if threshold is None:
        raise RecipeError("Fourier log: give the threshold at which the zero-loss peak ends, or the peak itself")
    if position is None:
        position = measure_zero_loss(np.where(usable[:, None], counts, 0.0), energy).position
    end = channel_positions(np.asarray(position) + np.asarray(threshold), energy)
    end = np.nan_to_num(np.broadcast_to(end, len(counts)), nan=0.0)
    share = np.clip(end[:, None] - np.arange(energy.size), 0.0, 1.0)
    return np.where(usable[:, None], counts, 0.0) * share
