"""How far to trust a background: goodness of its fit, over-subtraction just before the edge, negative net counts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.preprocess.background_fit import BackgroundFit, extrapolate_background

__all__ = ["BackgroundQuality", "background_quality"]


class BackgroundQuality(NamedTuple):
    """Quality of the background of one edge in n pixels, each of shape (n,); NaN where there is no fit.

    ``chi_square``: reduced chi-square of the fit, 1 on average where the model holds. ``residual``: counts left just
    before the onset in standard deviations; below zero where too much was subtracted. ``negative``: share of the net
    edge that is below zero, 0 for a clean edge, one half for noise alone, 1 for an edge that was subtracted away.
    """

    chi_square: NDArray[np.float64]
    residual: NDArray[np.float64]
    negative: NDArray[np.float64]


def background_quality(
    before: NDArray[np.float64],
    energy: NDArray[np.float64],
    width: NDArray[np.float64],
    fit: BackgroundFit,
    net: NDArray[np.float64],
    /,
    *,
    gain: float = 1.0,
    last: float = 6.0,
) -> BackgroundQuality:
    """Judge the background of one edge.

    Parameters
    ----------
    before
        Counts in the bins of the background window, shape (n, bin).
    energy, width
        Centres and widths of the bins, shape (bin,), eV.
    fit
        What :func:`eelsmap.preprocess.background_fit.fit_background` made of them.
    net
        Net counts of the edge, shape (n, point).
    gain
        Variance of the counts divided by their mean.
    last
        How much of the end of the window is "just before the onset", eV: the bins that begin there, at least one.

    Returns
    -------
    BackgroundQuality
        For n pixels.
    """
    ending = energy - width / 2 >= energy[-1] + width[-1] / 2 - last - 1e-9
    ending[-1] = True
    with np.errstate(all="ignore"):
        expected, of_sums = extrapolate_background(fit, energy, width, windows=[ending])
        difference = np.where(fit.failed[:, None], np.nan, before - expected)
        freedom = max(energy.size - fit.parameters, 1)
        chi_square = (difference**2 / (gain * expected)).sum(axis=1) / freedom
        share = expected[:, ending].sum(axis=1) / expected.sum(axis=1)
        shot = gain * expected[:, ending].sum(axis=1)
        # The height of the background follows the sum of all bins, and its slope is drawn to the last ones.
        of_height = share * shot
        of_slope = np.maximum(of_sums[:, 0] - of_height, 0.0)
        scatter = shot - of_height + _scatter_of_slope(of_slope, of_height, fit.shape_from)
        residual = difference[:, ending].sum(axis=1) / np.sqrt(np.maximum(scatter, 1e-3 * shot))
        below = np.minimum(net, 0.0).sum(axis=1)
        negative = -below / np.abs(net).sum(axis=1)
    return BackgroundQuality(chi_square, np.where(fit.failed, np.nan, residual), np.where(fit.failed, np.nan, negative))


def _scatter_of_slope(
    of_slope: NDArray[np.float64], of_height: NDArray[np.float64], shape_from: str
) -> NDArray[np.float64]:
    """Return what the slope's noise adds to the variance of the residual, from its part of the background's variance.

    A slope from elsewhere adds all of it. One from all bins as their noise asks for takes it away, since residuals do
    not correlate with what was fitted. One from two halves is drawn to the last bins as to their whole half.
    """
    if shape_from == "neighbourhood":
        return of_slope
    return of_slope - 2.0 * np.sqrt(of_slope * of_height) if shape_from == "halves" else -of_slope
