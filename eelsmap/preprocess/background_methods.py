"""Power laws by two areas, by maximum likelihood, and with the exponent of a neighbourhood.

The two-area method is Egerton's (*Electron Energy-Loss Spectroscopy in the Electron Microscope*, 3rd ed., section
4.4.2), with the weighting of the two amplitudes that HyperSpy has. Maximum likelihood needs no logarithm of counts, so
bins may be empty. Local background averaging (Cueva et al., *Microsc. Microanal.* 18 (2012) 667,
10.1017/S1431927612000244) takes the exponent from the mean of a neighbourhood and the amplitude from the pixel itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eelsmap.preprocess.background import PowerLaw

__all__ = ["fit_likelihood", "fit_two_areas", "with_own_amplitude"]

# Slopes over half the window, in nepers, between which the likelihood is searched; beyond, the counts lie in one bin.
_STEEPEST = 12.0
_TABLE = 481
_NEWTON_STEPS = 3


def fit_two_areas(
    counts: NDArray[np.float64],
    energy: NDArray[np.float64],
    width: NDArray[np.float64],
    /,
    *,
    gain: float = 1.0,
) -> PowerLaw:
    """Fit A (E / E0)^-r to the counts in the two halves of a window.

    Parameters
    ----------
    counts
        Counts in each bin, shape (n, bin), at least two bins.
    energy, width
        Centres and widths of the adjoining bins, shape (bin,), eV.
    gain
        Variance of the counts divided by their mean.

    Returns
    -------
    PowerLaw
        As :func:`eelsmap.preprocess.background.fit_power_law`; failed where a half holds no counts.
    """
    half = energy.size // 2
    reference = float(np.sqrt(energy[0] * energy[-1]))
    lower = (energy - width / 2) / reference
    start, middle, stop = float(lower[0]), float(lower[half]), float((energy[-1] + width[-1] / 2) / reference)
    with np.errstate(invalid="ignore", over="ignore"):
        areas = np.stack([counts[:, :half].sum(axis=1), counts[:, half:].sum(axis=1)], axis=1)
    failed = np.asarray(~(np.isfinite(areas) & (areas > 0)).all(axis=1))
    areas = np.where(failed[:, None], 1.0, areas)
    first, second = areas.T
    lever = 2.0 / np.log(stop / start)
    exponent = lever * np.log(first / second * (stop - middle) / (middle - start))
    k = 1.0 - exponent
    amplitudes = areas / np.stack([_integral(start, middle, k), _integral(middle, stop, k)], axis=1) / reference
    share = areas / areas.sum(axis=1, keepdims=True)
    log_amplitude = np.log((share * amplitudes).sum(axis=1))
    # Derivatives by the logarithms of the two areas, whose variance is gain / counts: an amplitude follows its own
    # area, and both follow the exponent with the mean logarithm of the energy.
    places = np.array([np.log(start * middle) / 2, np.log(middle * stop) / 2])
    mean_place = share @ places
    by_area = share + np.array([lever, -lever]) * mean_place[:, None]
    noise = gain / areas
    covariance = np.stack(
        [
            (by_area**2 * noise).sum(axis=1),
            lever**2 * noise.sum(axis=1),
            -lever * (by_area[:, 0] * noise[:, 0] - by_area[:, 1] * noise[:, 1]),
        ],
        axis=1,
    )
    failed |= ~np.isfinite(log_amplitude + exponent)
    return PowerLaw(log_amplitude, exponent, covariance, failed, reference, shape_from="halves")


def fit_likelihood(
    counts: NDArray[np.float64],
    energy: NDArray[np.float64],
    width: NDArray[np.float64],
    /,
    *,
    gain: float = 1.0,
) -> PowerLaw:
    """Fit A (E / E0)^-r to binned counts by Poisson maximum likelihood.

    The likelihood depends on a spectrum only through its counts and their mean logarithmic energy. The exponent that
    has this mean is looked up in a table made once for all spectra, then polished by a fixed number of Newton steps.

    Parameters
    ----------
    counts
        Counts in each bin, shape (n, bin); some may be zero.
    energy, width
        Centres and widths of the bins, shape (bin,), eV.
    gain
        Variance of the counts divided by their mean.

    Returns
    -------
    PowerLaw
        As :func:`eelsmap.preprocess.background.fit_power_law`, with ``centre``; failed where the counts do not sum to
        more than zero or no exponent explains where they lie.
    """
    reference = float(np.sqrt(energy[0] * energy[-1]))
    x = np.log(energy / reference)
    scale = float(np.abs(x).max())
    u = x / scale
    with np.errstate(invalid="ignore", over="ignore"):
        total = counts.sum(axis=1)
        failed = np.asarray(~(np.isfinite(total) & (total > 0)))
        total = np.where(failed, 1.0, total)
        mean = np.where(failed, 0.0, counts @ u) / total
    slopes = np.linspace(-_STEEPEST, _STEEPEST, _TABLE)
    _, means, _ = _moments(slopes, u, width)
    failed |= ~((mean > means[0]) & (mean < means[-1]))
    mean = np.where(failed, means[_TABLE // 2], mean)
    slope = np.interp(mean, means, slopes)
    for _ in range(_NEWTON_STEPS):
        _, centre, spread = _moments(slope, u, width)
        slope = np.clip(slope + (mean - centre) / spread, -_STEEPEST, _STEEPEST)
    whole, centre, spread = _moments(slope, u, width)
    failed |= np.abs(mean - centre) > 1e-8
    middle, spread = scale * centre, scale**2 * spread
    slope_variance = gain / (total * spread)
    covariance = np.stack([gain / total + middle**2 * slope_variance, slope_variance, -middle * slope_variance], axis=1)
    return PowerLaw(
        np.log(total / whole), -slope / scale, covariance, failed, reference, np.stack([middle, spread], axis=1)
    )


def with_own_amplitude(
    fit: PowerLaw,
    counts: NDArray[np.float64],
    energy: NDArray[np.float64],
    width: NDArray[np.float64],
    /,
    *,
    gain: float = 1.0,
) -> PowerLaw:
    """Keep the exponents of neighbourhoods and take the amplitudes from the pixels' own counts.

    Parameters
    ----------
    fit
        Fits of the averaged counts of n neighbourhoods, in the same bins.
    counts
        The n pixels' own counts, shape (n, bin).
    energy, width
        Centres and widths of the bins, shape (bin,), eV.
    gain
        Variance of a pixel's own counts divided by their mean.

    Returns
    -------
    PowerLaw
        Its error is the shot noise of the own counts and the error of the neighbourhood's exponent. A pixel that is
        part of its neighbourhood makes no difference: the noise of an exponent is independent of that of the sum.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        total = counts.sum(axis=1)
        failed = np.asarray(fit.failed | ~(np.isfinite(total) & (total > 0)))
    total = np.where(failed, 1.0, total)
    slope = np.where(failed, 0.0, -fit.exponent)
    whole, middle, spread = _moments(slope, np.log(energy / fit.reference), width)
    slope_variance = fit.covariance[:, 1]
    covariance = np.stack([gain / total + middle**2 * slope_variance, slope_variance, -middle * slope_variance], axis=1)
    centre = np.stack([middle, spread], axis=1)
    return PowerLaw(np.log(total / whole), -slope, covariance, failed, fit.reference, centre, "neighbourhood")


def _integral(lower: float, upper: float, k: NDArray[np.float64]) -> NDArray[np.float64]:
    """Integral of E^(k - 1), also where k vanishes."""
    log_ratio = np.log(upper / lower)
    small = np.abs(k) < 1e-9
    safe = np.where(small, 1.0, k)
    return np.where(small, log_ratio, lower**safe * np.expm1(safe * log_ratio) / safe)


def _moments(
    slope: NDArray[np.float64], x: NDArray[np.float64], width: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Sum, mean x and variance of x of width e^(slope x) over the bins, each shape (n,)."""
    density = np.exp(slope[:, None] * x) * width
    whole = density.sum(axis=1)
    mean = (density @ x) / whole
    return whole, mean, (density @ (x * x)) / whole - mean * mean
