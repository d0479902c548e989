"""One door to all ways of modelling the background before an edge and continuing it under the edge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import RecipeError
from eelsmap.preprocess.background import PowerLaw, fit_power_law
from eelsmap.preprocess.background_combination import Combination, fit_combination, with_own_sum
from eelsmap.preprocess.background_methods import fit_likelihood, fit_two_areas, with_own_amplitude

__all__ = ["BACKGROUND_METHODS", "BackgroundFit", "extrapolate_background", "fit_background"]

_POWER_LAWS = {"weighted": fit_power_law, "two_area": fit_two_areas, "likelihood": fit_likelihood}

BACKGROUND_METHODS = (*_POWER_LAWS, "fixed_exponents")
"""What `method` may be."""

BackgroundFit = PowerLaw | Combination
"""Fits of n spectra: ``failed`` (n,), ``density(energy)``, ``variance(...)``."""


def fit_background(
    before: NDArray[np.float64],
    energy: NDArray[np.float64],
    width: NDArray[np.float64],
    /,
    *,
    gain: float = 1.0,
    method: str = "weighted",
    exponents: Sequence[float] = (),
    averaged: NDArray[np.float64] | None = None,
    averaged_gain: float | None = None,
) -> BackgroundFit:
    """Fit the background of many spectra.

    Parameters
    ----------
    before
        Counts in each bin of the background window, shape (n, bin).
    energy, width
        Centres and widths of the adjoining bins, shape (bin,), eV.
    gain
        Variance of the counts divided by their mean: 1 for counted electrons.
    method
        ``"weighted"``: logarithms of the counts by weighted least squares; ``"two_area"``: two halves of the window;
        ``"likelihood"``: Poisson maximum likelihood; ``"fixed_exponents"``: non-negative combination of power laws
        with `exponents`.
    exponents
        Of ``"fixed_exponents"``; see :func:`eelsmap.preprocess.background_combination.choose_exponents`.
    averaged
        Mean counts of each pixel's neighbourhood in the same bins, shape (n, bin): the shape of the background is
        taken from there and its height from `before` (local background averaging).
    averaged_gain
        Variance of `averaged` divided by its mean: `gain` / m for the plain mean of m pixels. Needed with `averaged`.

    Returns
    -------
    PowerLaw or Combination
        For :func:`extrapolate_background`; ``failed`` (n,) tells where there is no fit.

    Raises
    ------
    RecipeError
        The method is unknown, or lacks its exponents or the gain of the average.
    """
    if method not in BACKGROUND_METHODS:
        raise RecipeError(
            f"background: method = {method!r} cannot be used; it must be one of {', '.join(BACKGROUND_METHODS)}"
        )
    if averaged is not None and averaged_gain is None:
        raise RecipeError("background: averaged counts need averaged_gain, the variance of their noise over their mean")
    counts = before if averaged is None else averaged
    noise = gain if averaged_gain is None else averaged_gain
    if method == "fixed_exponents":
        combination = fit_combination(counts, energy, width, exponents=exponents, gain=noise)
        return combination if averaged is None else with_own_sum(combination, before, energy, width, gain=gain)
    fit = _POWER_LAWS[method](counts, energy, width, gain=noise)
    return fit if averaged is None else with_own_amplitude(fit, before, energy, width, gain=gain)


def extrapolate_background(
    fit: BackgroundFit,
    energy: NDArray[np.float64],
    width: NDArray[np.float64],
    /,
    *,
    windows: Sequence[NDArray[np.bool_]] = (),
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Continue a fit under the edge, with the error of its sums.

    Parameters
    ----------
    fit
        Result of :func:`fit_background` for n spectra.
    energy, width
        Centres and widths of the points under the edge, shape (point,), eV.
    windows
        Masks of points, each of shape (point,).

    Returns
    -------
    background : numpy.ndarray
        Counts at each point, shape (n, point).
    variance : numpy.ndarray
        Variance of their sum over each window that comes from the fit alone, shape (n, window).
    """
    background = fit.density(energy)
    background *= width
    if not len(windows):
        return background, np.empty((len(background), 0))
    return background, fit.variance(background, energy, width, windows)
