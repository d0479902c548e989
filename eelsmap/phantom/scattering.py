"""What happens to an electron besides the core loss: plural inelastic scattering and the spread of the instrument.

Both are convolutions along energy, so both are kept as transfer functions: the Fourier transform of a kernel of unit
area, one row a spectrum. Unit area means that no electron is lost, only moved.

The single-scattering distribution is a sum of two Drude terms fitted to the low loss of a measured Li-rich NMC (file
``nmc_si_doped/zero_loss.dm3``, data of Jia et al. 2026, 10.1021/acsnano.5c16942; 300 kV; Fourier-log over 6-250 eV): a
plasmon at 24.8 eV, 20 eV wide, with 46 % of the losses, and a wide hump at 63 eV (the M2,3 edges of the metals, Li K
and the tail of the valence losses), 84 eV wide, with 54 %. Single interband transitions below 10 eV are not modelled.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

__all__ = [
    "LOSS_TERMS",
    "gaussian_transfer",
    "plural_scattering_transfer",
    "scatter",
    "single_scattering",
    "tail_transfer",
]

FloatArray = NDArray[np.float64]

LOSS_TERMS = ((0.46, 24.8, 19.9), (0.54, 63.2, 84.5))
"""Share of the losses, energy (eV) and width (eV) of each Drude term."""

SINGLE_SCATTERING_REACH = 250.0
"""Largest loss of one event, eV: the range of the fit. The two terms would put 2 % of the losses beyond it."""

_FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))


def single_scattering(channels: int, dispersion: float) -> FloatArray:
    """Probability of each energy loss in one inelastic event.

    Parameters
    ----------
    channels
        Number of channels returned; channel j is the loss j x dispersion.
    dispersion
        Width of a channel, eV.

    Returns
    -------
    numpy.ndarray
        Shape (channels,), sum 1.
    """
    loss = np.arange(channels) * dispersion
    distribution = np.zeros(channels)
    for share, energy, width in LOSS_TERMS:
        term = loss * width / ((loss**2 - energy**2) ** 2 + (loss * width) ** 2)
        term[loss > SINGLE_SCATTERING_REACH] = 0.0
        distribution += share * term / term.sum()
    return distribution


def plural_scattering_transfer(t_over_lambda: FloatArray, length: int, dispersion: float) -> NDArray[np.complex128]:
    """Transfer function of the Poisson series of inelastic events.

    ``exp(t/lambda (S - 1))`` with S the transform of the single-scattering distribution: zero, one, two ... events
    with Poisson probabilities of mean t/lambda.

    Parameters
    ----------
    t_over_lambda
        Shape (n,): thickness in inelastic mean free paths.
    length
        Number of channels of the periodic axis.
    dispersion
        Width of a channel, eV.

    Returns
    -------
    numpy.ndarray
        Shape (n, length // 2 + 1), complex; its value at frequency zero is 1.
    """
    reach = min(length, int(np.ceil(SINGLE_SCATTERING_REACH / dispersion)) + 1)
    once = np.fft.rfft(single_scattering(reach, dispersion), n=length) - 1.0
    exponent = t_over_lambda[:, None] * once
    # Polar form: twice as fast as the complex exponential.
    size = np.exp(exponent.real)
    transfer = np.empty(exponent.shape, dtype=np.complex128)
    np.multiply(size, np.cos(exponent.imag), out=transfer.real)
    np.multiply(size, np.sin(exponent.imag), out=transfer.imag)
    return transfer


def gaussian_transfer(fwhm: FloatArray, length: int, dispersion: float) -> FloatArray:
    """Transfer function of a Gaussian resolution.

    The transform of the *sampled* Gaussian, aliases included: its kernel has no negative lobes, however narrow it is
    beside the channels.

    Parameters
    ----------
    fwhm
        Shape (n,): full width at half maximum, eV; 0 leaves the spectrum as it is.
    length
        Number of channels of the periodic axis.
    dispersion
        Width of a channel, eV.

    Returns
    -------
    numpy.ndarray
        Shape (n, length // 2 + 1), 1 at frequency zero.
    """
    sigma = np.maximum(fwhm / _FWHM_PER_SIGMA / dispersion, 1e-3)[:, None]
    frequency = np.fft.rfftfreq(length)
    narrow = sigma[:, 0] < 1.0
    transfer = np.empty((len(sigma), len(frequency)))
    if not narrow.all():
        wide = sigma[~narrow]
        images = [np.exp(-2.0 * (np.pi * wide * (frequency + image)) ** 2) for image in (0, -1, 1)]
        total = np.sum(images, axis=0)
        transfer[~narrow] = total / total[:, :1]
    if narrow.any():
        lags = np.arange(1, 9)
        taps = np.exp(-0.5 * (lags / sigma[narrow]) ** 2)
        total = 1.0 + 2.0 * taps @ np.cos(2.0 * np.pi * lags[:, None] * frequency)
        transfer[narrow] = total / total[:, :1]
    return transfer


def tail_transfer(fraction: FloatArray, decay: float, length: int, dispersion: float) -> FloatArray:
    """Transfer function of the detector's point-spread tail.

    Part of the electrons is spread as ``exp(-|E| / decay)`` to both sides: light scattered in the scintillator.

    Parameters
    ----------
    fraction
        Shape (n,): share of the electrons in the tail.
    decay
        Decay length, eV.
    length
        Number of channels of the periodic axis.
    dispersion
        Width of a channel, eV.

    Returns
    -------
    numpy.ndarray
        Shape (n, length // 2 + 1), 1 at frequency zero.
    """
    ratio = np.exp(-dispersion / decay)
    # Transform of ratio^|j|, j the lag in channels: as for the Gaussian, a kernel without negative lobes.
    tail = (1.0 - ratio) ** 2 / (1.0 - 2.0 * ratio * np.cos(2.0 * np.pi * np.fft.rfftfreq(length)) + ratio**2)
    return 1.0 - fraction[:, None] * (1.0 - tail)


def scatter(
    spectra: FloatArray,
    dispersion: float,
    *,
    t_over_lambda: FloatArray,
    fwhm_eV: FloatArray,
    tail_fraction: FloatArray,
    tail_eV: float,
) -> FloatArray:
    """Convolve spectra with plural scattering, resolution and point-spread tail.

    The axis is padded by the reach of two events, so that what leaves the end of the axis is lost there and does not
    come back at its start.

    Parameters
    ----------
    spectra
        Shape (n, E), not negative.
    dispersion
        Width of a channel, eV.
    t_over_lambda, fwhm_eV, tail_fraction
        Shape (n,): see the transfer functions above.
    tail_eV
        Decay length of the tail, eV.

    Returns
    -------
    numpy.ndarray
        Shape (n, E), not negative.
    """
    channels = spectra.shape[1]
    padding = int(np.ceil(2 * SINGLE_SCATTERING_REACH / dispersion))
    length = int(scipy.fft.next_fast_len(channels + padding, real=True))
    transfer = gaussian_transfer(fwhm_eV, length, dispersion)
    if tail_fraction.any():
        transfer *= tail_transfer(tail_fraction, tail_eV, length, dispersion)
    transform = scipy.fft.rfft(spectra, n=length, axis=1)
    transform *= transfer
    if t_over_lambda.any():
        transform *= plural_scattering_transfer(t_over_lambda, length, dispersion)
    result = scipy.fft.irfft(transform, n=length, axis=1)[:, :channels]
    # Rounding of the transform, never physics: the kernels have no negative lobes.
    return np.maximum(result, 0.0)
