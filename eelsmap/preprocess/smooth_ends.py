"""Smooth ends for spectra that are cut off: what a Fourier transform must not take for a step.

Plural scattering brings electrons to every channel of a core loss from channels at lower loss, also from those below
the start of the axis, which were not recorded. Where a spectrum begins with a step, its deconvolution puts the missing
electrons into the first edges. What rises above the power law of the first eV of the axis begins at nothing: it can be
deconvolved alone, and the power law put back. The low loss, in turn, ends before the losses do; its tail follows a
power law too (Egerton, *Electron Energy-Loss Spectroscopy in the Electron Microscope*, 3rd ed., sections 4.1 and 4.4).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from eelsmap.preprocess.background import fit_power_law

__all__ = ["leading_background", "low_loss_tail", "write_with_smooth_end"]

FloatArray = NDArray[np.float64]

_BINS = 6
_CORE_EXPONENTS = (-2.0, 8.0)
_TAIL_EXPONENTS = (2.0, 8.0)
"""A low-loss tail that falls more slowly than E^-2 would have no end; what looks like it is the dark level."""
_TAIL_SHARE = 0.2
"""Share of the low-loss axis, at its end, that decides the tail."""


def leading_background(
    counts: FloatArray, energy: FloatArray, /, *, fit_width: float, fit_end: float | None = None
) -> FloatArray:
    """Power law before the first edge, over the whole axis; below its window the counts themselves.

    Parameters
    ----------
    counts
        Finite counts, shape (n, channel).
    energy
        Energies of the channels, shape (channel,), ascending, uniform and above zero, eV.
    fit_width
        Width of the window, eV.
    fit_end
        Where the window ends, eV; None begins it where the axis begins.

    Returns
    -------
    numpy.ndarray
        Shape (n, channel); the mean of the window where no power law fits. Detectors often fall off at the start of
        the axis, where nothing follows a power law: what lies below the window is left out of the deconvolution.
    """
    step = (energy[-1] - energy[0]) / (energy.size - 1)
    channels = min(energy.size, max(_BINS, round(fit_width / step)))
    last = channels if fit_end is None else int(np.searchsorted(energy, fit_end))
    last = min(max(last, channels), energy.size)
    first = last - channels
    background = _power_law(counts[:, first:last], energy[first:last], energy, _CORE_EXPONENTS)[0]
    background[:, :first] = counts[:, :first]
    return background


def low_loss_tail(low_loss: FloatArray, energy: FloatArray, reach: float, /) -> FloatArray:
    """Continue low losses beyond the end of their axis.

    Parameters
    ----------
    low_loss
        Finite counts, shape (n, channel).
    energy
        Energies of the channels, shape (channel,), ascending and uniform, eV.
    reach
        How far, eV. The tail falls from the power law to zero along half a cosine over all of it, so that it ends
        without a step: about half of the electrons of the power law in that range are counted.

    Returns
    -------
    numpy.ndarray
        Shape (n, channels within `reach`); zero where no power law fits: the end of the axis holds no counts, or those
        of a dark level below zero. Without channels where the axis does not reach losses above zero.
    """
    step = (energy[-1] - energy[0]) / (energy.size - 1)
    channels = min(energy.size, max(_BINS, round(_TAIL_SHARE * energy.size)))
    added = round(reach / step)
    if added < 1 or energy[-channels] <= 0:
        return np.zeros((len(low_loss), 0))
    beyond = energy[-1] + step * np.arange(1, added + 1)
    tail, failed = _power_law(low_loss[:, -channels:], energy[-channels:], beyond, _TAIL_EXPONENTS)
    tail *= _fall(added)
    tail[failed] = 0.0
    return tail


def write_with_smooth_end(spectra: FloatArray, channels: int, /, *, out: FloatArray) -> None:
    """Write spectra into longer rows and let them fall smoothly to zero behind their end.

    Parameters
    ----------
    spectra
        Shape (n, channel).
    channels
        Length of the fall; its level is the mean of as many channels, at most a tenth of all, at the end.
    out
        Shape (n, length), length at least channel + channels; written in full.
    """
    last = spectra.shape[1]
    out[:, :last] = spectra
    out[:, last + channels :] = 0.0
    if channels:
        level = spectra[:, -min(channels, max(1, last // 10)) :].mean(axis=1)
        np.multiply(level[:, None], _fall(channels), out=out[:, last : last + channels])


def _power_law(
    window: FloatArray, energy: FloatArray, elsewhere: FloatArray, exponents: tuple[float, float]
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Fit a power law to a window and give it at other energies; the mean of the window where that failed."""
    size = max(1, energy.size // _BINS)
    bins = energy.size // size
    centre = energy[: bins * size].reshape(bins, size).mean(axis=1)
    binned = window[:, : bins * size].reshape(-1, bins, size).sum(axis=2)
    fit = fit_power_law(binned, centre, np.full(bins, float(size)))
    level = np.where(fit.failed, window.mean(axis=1), np.exp(np.clip(fit.log_amplitude, -300.0, 300.0)))
    exponent = np.where(fit.failed, 0.0, np.clip(fit.exponent, *exponents))
    result = -exponent[:, None] * np.log(elsewhere / fit.reference)
    np.exp(result, out=result)
    result *= level[:, None]
    return result, fit.failed


@lru_cache(maxsize=16)
def _fall(channels: int) -> FloatArray:
    """Half a cosine from one to zero."""
    return 0.5 + 0.5 * np.cos(np.pi * (np.arange(channels) + 0.5) / channels)
