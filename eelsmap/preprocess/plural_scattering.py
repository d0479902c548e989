"""Remove plural scattering from a core loss with the low loss of the same pixels: Fourier ratio.

The recorded core loss is the core loss of single events convolved with the low loss; dividing their Fourier transforms
undoes it (Egerton, *Electron Energy-Loss Spectroscopy in the Electron Microscope*, 3rd ed., section 4.3.2). The
regularisation is stated and twofold. The quotient is multiplied by a Gaussian zero-loss peak, as wide as that of the
low loss itself unless said otherwise, so that the resolution stays what it was. And where the transform of the low
loss is lost in its own counting noise, the quotient is damped as by Wiener: ``conj(P) / (|P|^2 + damping gain N)``, N
the counts of the low loss, whose product with the gain is the variance of every coefficient of P. The denominator
cannot vanish.

The whole recorded spectrum goes through, all edges at once. The power law of the first eV of the axis is set apart
and put back afterwards, see :mod:`eelsmap.preprocess.smooth_ends`: the edges come out as single-scattering edges on
that background, ready for a background fit before each of them. An error of the power law itself does little, for
what is smooth is changed little by the deconvolution, and it is subtracted before and added after.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from eelsmap.errors import RecipeError
from eelsmap.preprocess.fourier_low_loss import LowLossFilter
from eelsmap.preprocess.smooth_ends import leading_background, write_with_smooth_end
from eelsmap.preprocess.thickness import zero_loss_counts
from eelsmap.preprocess.zero_loss import measure_zero_loss

__all__ = ["SingleScattering", "fourier_ratio"]

FloatArray = NDArray[np.float64]

_INTENSITIES = ("all", "elastic")
_FALL = 10.0
"""The spectrum falls to zero over so many eV behind its end: losses go upwards, so that this touches its end only."""
_BATCH = 64
"""Spectra transformed at a time: they stay in the cache of the processor."""


class SingleScattering(NamedTuple):
    """Core losses without plural scattering, (n, channel), and the growth of the variance of sums in it, (n,)."""

    counts: FloatArray
    variance_factor: FloatArray


def fourier_ratio(
    counts: NDArray[np.generic],
    energy: FloatArray,
    low_loss: NDArray[np.generic],
    low_energy: FloatArray,
    /,
    *,
    position: FloatArray | float | None = None,
    fwhm: FloatArray | float | None = None,
    threshold: FloatArray | float | None = None,
    intensity: str = "all",
    damping: float = 1.0,
    gain: float = 1.0,
    background: bool = True,
    fit_width: float = 30.0,
    fit_end: float | None = None,
    tail: float = 200.0,
    window: float = 10.0,
) -> SingleScattering:
    """Remove plural scattering from core losses.

    Parameters
    ----------
    counts
        Core-loss counts, background and edges, shape (n, channel).
    energy
        Energies of its channels, shape (channel,), ascending and uniform, eV.
    low_loss
        Low loss of the same pixels, shape (n, low channel), or of one for all, shape (1, low channel).
    low_energy
        Energies of its channels, shape (low channel,), eV; another channel width than that of `energy` is allowed.
    position
        Where the zero-loss peak lies on `low_energy`, eV; None measures it by centroid. The result stays on `energy`:
        what shifts the zero-loss peak does not shift the edges.
    fwhm
        Width of the Gaussian zero-loss peak with which the result is convolved, eV; None takes that of each low loss.
    threshold
        Where the zero-loss peak ends, eV above its position; wanted by ``intensity="elastic"`` only.
    intensity
        ``"all"`` keeps the number of core-loss electrons, as if each had been scattered once; ``"elastic"`` leaves
        those that really were, as Egerton and exspy have it: the result is smaller by exp(-t/lambda).
    damping
        Strength of the Wiener damping in units of the noise of the low loss; 0 switches it off.
    gain
        Variance of the low-loss counts divided by their mean.
    background
        Whether the power law before the first edge is set apart and put back; False deconvolves the spectrum as
        it stands, which suits spectra that begin and end at zero.
    fit_width
        How many eV decide that power law; they should lie before the first edge.
    fit_end
        Where they end, eV; None begins them where the axis begins. What lies below them is left as recorded.
    tail
        How far the low loss is continued beyond the end of its axis, eV; 0 takes it as recorded.
    window
        Width of the sums for which the variance factor holds, eV.

    Returns
    -------
    SingleScattering
        ``counts`` is NaN for pixels with counts that are not finite or with a low loss without zero-loss peak;
        finite for all others. ``variance_factor``: by how much the variance of sums over `window` has grown relative
        to those of the recorded counts, for noise that is the same in all channels.

    Raises
    ------
    RecipeError
        Low loss and core loss have different pixels, an option is unknown, or the threshold is missing.
    """
    if intensity not in _INTENSITIES:
        raise RecipeError(f"Fourier ratio: intensity {intensity!r} is unknown; use one of {', '.join(_INTENSITIES)}")
    if intensity == "elastic" and threshold is None:
        raise RecipeError('Fourier ratio: intensity "elastic" wants the threshold at which the zero-loss peak ends')
    pixels, losses = len(counts), len(low_loss)
    if losses not in (1, pixels):
        raise RecipeError(f"Fourier ratio: {pixels} core losses and {losses} low losses; give as many, or one for all")
    low = np.asarray(low_loss, dtype=np.float64)
    usable, centre, width = _zero_loss(low, low_energy, position, fwhm)
    kept = None
    if threshold is not None and intensity == "elastic":
        kept = zero_loss_counts(np.where(usable[:, None], low, 0.0), low_energy, threshold=threshold, position=centre)
        usable &= kept > 0
    step = (energy[-1] - energy[0]) / (energy.size - 1)
    apart = background and energy[0] > 0
    fall = round(_FALL / step) if background else 0
    transform = LowLossFilter.of(energy, low_energy, fall, tail)
    weights = transform.sum_weights(window)
    result = np.empty((pixels, energy.size))
    factor = np.full(pixels, np.nan)
    finite = np.isfinite(np.asarray(counts).sum(axis=1, dtype=np.float64))
    rows = np.flatnonzero(finite & (usable if losses > 1 else usable[0]))
    result[np.isin(np.arange(pixels), rows, invert=True)] = np.nan
    shared: tuple[NDArray[np.complex128], FloatArray] | None = None
    buffer = np.empty((_BATCH, transform.length))
    for start in range(0, rows.size, _BATCH):
        batch = rows[start : start + _BATCH]
        chosen = batch if losses > 1 else np.zeros(1, dtype=np.intp)
        if losses > 1 or shared is None:
            shared = transform.inverse(
                low[chosen], centre[chosen], width[chosen], scale=None if kept is None else kept[chosen],
                noise=damping * gain, weights=weights,
            )  # fmt: skip
        inverse, growth = shared
        spectra, padded = np.asarray(counts[batch], dtype=np.float64), buffer[: batch.size]
        power_law = leading_background(spectra, energy, fit_width=fit_width, fit_end=fit_end) if apart else None
        write_with_smooth_end(spectra if power_law is None else spectra - power_law, fall, out=padded)
        spectrum = scipy.fft.rfft(padded, axis=1)
        spectrum *= inverse
        single = scipy.fft.irfft(spectrum, n=transform.length, axis=1, overwrite_x=True)[:, : energy.size]
        result[batch] = single if power_law is None else single + power_law
        factor[batch] = growth
    return SingleScattering(result, factor)


def _zero_loss(
    low: FloatArray, low_energy: FloatArray, position: FloatArray | float | None, fwhm: FloatArray | float | None
) -> tuple[NDArray[np.bool_], FloatArray, FloatArray]:
    """Which low losses can be used, where their zero-loss peaks lie and how wide they are."""
    usable = np.isfinite(low).all(axis=1) & (low.sum(axis=1, where=np.isfinite(low)) > 0)
    if position is None or fwhm is None:
        found = measure_zero_loss(low, low_energy)
        position = found.position if position is None else position
        fwhm = found.fwhm if fwhm is None else fwhm
    centre = np.array(np.broadcast_to(np.asarray(position, dtype=np.float64), len(low)))
    width = np.array(np.broadcast_to(np.asarray(fwhm, dtype=np.float64), len(low)))
    usable &= np.isfinite(centre) & np.isfinite(width)
    centre[~usable], width[~usable] = 0.0, 1.0
    return usable, centre, width
