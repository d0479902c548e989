"""The low loss of a dual-EELS measurement: zero-loss peak and plural scattering of the same thickness and drift."""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.special
from numpy.typing import ArrayLike, NDArray

from eelsmap.phantom.rows import per_row, uniform_axis
from eelsmap.phantom.scattering import SINGLE_SCATTERING_REACH, plural_scattering_transfer, tail_transfer

__all__ = ["expected_low_loss"]


def expected_low_loss(
    energy: ArrayLike,
    *,
    counts: ArrayLike,
    t_over_lambda: ArrayLike = 0.5,
    fwhm_eV: ArrayLike = 1.0,
    zero_loss_eV: ArrayLike = 0.0,
    psf_tail_fraction: ArrayLike = 0.0,
    psf_tail_eV: float = 8.0,
) -> NDArray[np.float64]:
    """Compute the expected counts of low-loss spectra.

    Parameters
    ----------
    energy
        Shape (E,): centre of each channel, eV; uniform. Should start well below zero.
    counts
        Number of electrons that enter the spectrometer; those that lose more than the axis holds are not seen.
        A number or shape (n,).
    t_over_lambda
        Thickness in inelastic mean free paths.
    fwhm_eV
        Gaussian resolution, eV.
    zero_loss_eV
        Where the zero-loss peak lies on this axis, eV: the drift.
    psf_tail_fraction, psf_tail_eV
        Share and decay length (eV) of the detector's point-spread tail.

    Returns
    -------
    numpy.ndarray
        Shape (n, E), n the longest of the settings.
    """
    axis, dispersion = uniform_axis(energy, name="low-loss energy")
    rows = max(np.size(value) for value in (counts, t_over_lambda, fwhm_eV, zero_loss_eV, psf_tail_fraction))
    electrons = per_row(counts, rows, "counts", lowest=0.0)
    thickness = per_row(t_over_lambda, rows, "t_over_lambda", lowest=0.0)
    fwhm = per_row(fwhm_eV, rows, "fwhm_eV", lowest=0.0)
    position = per_row(zero_loss_eV, rows, "zero_loss_eV")
    tail = per_row(psf_tail_fraction, rows, "psf_tail_fraction", lowest=0.0)

    # The Gaussian integrated over each channel; a vanishing width puts all electrons into one channel.
    sigma = np.maximum(fwhm / (2.0 * np.sqrt(2.0 * np.log(2.0))), 1e-6 * dispersion)[:, None]
    boundary = axis[0] + dispersion * (np.arange(axis.size + 1) - 0.5)
    below = scipy.special.ndtr((boundary - position[:, None]) / sigma)
    zero_loss = np.diff(below, axis=1)

    length = int(scipy.fft.next_fast_len(axis.size + int(np.ceil(2 * SINGLE_SCATTERING_REACH / dispersion)), real=True))
    transfer = plural_scattering_transfer(thickness, length, dispersion)
    if tail.any():
        transfer *= tail_transfer(tail, psf_tail_eV, length, dispersion)
    transform = scipy.fft.rfft(zero_loss, n=length, axis=1) * transfer
    spectra = scipy.fft.irfft(transform, n=length, axis=1)[:, : axis.size]
    return np.maximum(spectra, 0.0) * electrons[:, None]
