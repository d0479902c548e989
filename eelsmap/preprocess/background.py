"""Power-law background of a core-loss edge, with the error of its extrapolation.

The background before an edge follows A E^-r over a limited range (Egerton, *Electron Energy-Loss Spectroscopy in the
Electron Microscope*, 3rd ed., section 4.4). It is fitted to the logarithm of binned counts by weighted least squares;
binning first keeps the logarithm of few counts from biasing the fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["PowerLaw", "as_slice", "extrapolate_power_law", "fit_power_law"]


class PowerLaw(NamedTuple):
    """Fits of ``n`` spectra: log A at ``reference``, exponent r, their covariance, and where the fit failed.

    ``centre`` (n, 2), where a method gives it, is the mean of log(E / ``reference``) over the counts of the window and
    their variance: what :meth:`density` needs. ``shape_from`` says what the exponent was read from: ``"bins"``,
    ``"halves"`` of the window, or a ``"neighbourhood"``, so that only the amplitude follows the pixel's own noise.
    """

    log_amplitude: NDArray[np.float64]
    exponent: NDArray[np.float64]
    covariance: NDArray[np.float64]
    failed: NDArray[np.bool_]
    reference: float
    centre: NDArray[np.float64] | None = None
    shape_from: str = "bins"

    @property
    def parameters(self) -> int:
        """How many numbers were fitted to the bins of each spectrum."""
        return 1 if self.shape_from == "neighbourhood" else 2

    def density(self, energy: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Return counts per eV at `energy` (point,), shape (n, point), unbiased as far as ``centre`` tells.

        The exponential of an unbiased exponent is too high on average, by half its variance: the further from the
        window the more. Methods that give ``centre`` have that taken off, to first order in 1 / counts.
        """
        x = np.log(energy / self.reference)
        exponent = self.log_amplitude[:, None] - self.exponent[:, None] * x
        if self.centre is not None:
            middle, spread = self.centre.T
            half = 0.5 * self.covariance[:, 1]
            exponent += (half * (spread - middle**2))[:, None]
            exponent += ((2.0 * half * middle)[:, None] - half[:, None] * x) * x
        return np.exp(np.clip(exponent, -700.0, 700.0, out=exponent), out=exponent)

    def variance(
        self,
        background: NDArray[np.float64],
        energy: NDArray[np.float64],
        width: NDArray[np.float64],
        windows: Sequence[NDArray[np.bool_]],
        /,
    ) -> NDArray[np.float64]:
        """Return the variance of the sum of `background` (n, point) over each window of points, shape (n, window)."""
        moment = background * np.log(energy / self.reference)
        c00, c11, c01 = self.covariance.T
        columns = []
        for window in windows:
            part = as_slice(window)
            v0 = background[:, part].sum(axis=1)
            v1 = moment[:, part].sum(axis=1)
            columns.append(c00 * v0 * v0 + c11 * v1 * v1 + 2.0 * c01 * v0 * v1)
        return np.stack(columns, axis=1)


def fit_power_law(
    counts: NDArray[np.float64],
    energy: NDArray[np.float64],
    width: NDArray[np.float64],
    /,
    *,
    gain: float = 1.0,
) -> PowerLaw:
    """Fit A (E / E0)^-r to binned counts.

    Parameters
    ----------
    counts
        Counts in each bin, shape (n, bin).
    energy, width
        Centres and widths of the bins, shape (bin,), eV.
    gain
        Variance of the counts divided by their mean: 1 for counted electrons.

    Returns
    -------
    PowerLaw
        ``log_amplitude`` (n,), counts per eV at the mean energy of the window; ``exponent`` (n,); ``covariance``
        (n, 3): variances of log A and of the slope, and their covariance; ``failed`` (n,), true where a bin holds no
        counts or nothing finite.
    """
    reference = float(np.sqrt(energy[0] * energy[-1]))
    x = np.log(energy / reference)
    failed = np.asarray(~(np.isfinite(counts) & (counts > 0)).all(axis=1))
    safe = np.where(failed[:, None], 1.0, counts)
    y = np.log(safe / width)
    # The variance of log N is gain / N, to first order.
    weight = safe / gain
    s0 = weight.sum(axis=1)
    s1 = (weight * x).sum(axis=1)
    s2 = (weight * x * x).sum(axis=1)
    t0 = (weight * y).sum(axis=1)
    t1 = (weight * x * y).sum(axis=1)
    determinant = s0 * s2 - s1 * s1
    log_amplitude = (s2 * t0 - s1 * t1) / determinant
    slope = (s0 * t1 - s1 * t0) / determinant
    covariance = np.stack([s2 / determinant, s0 / determinant, -s1 / determinant], axis=1)
    failed |= ~np.isfinite(log_amplitude + slope)
    return PowerLaw(log_amplitude, -slope, covariance, failed, reference)


def extrapolate_power_law(
    fit: PowerLaw, energy: NDArray[np.float64], width: NDArray[np.float64], /
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Continue a fit under the edge.

    Parameters
    ----------
    fit
        Result of :func:`fit_power_law` for n spectra.
    energy, width
        Centres and widths of the bins under the edge, shape (point,), eV.

    Returns
    -------
    background : numpy.ndarray
        Counts in each bin, shape (n, point).
    variance : numpy.ndarray
        Variance of their sum that comes from the fit alone, shape (n,).
    """
    background = fit.density(energy) * width
    whole = np.ones(energy.size, dtype=bool)
    return background, fit.variance(background, energy, width, [whole])[:, 0]


def as_slice(window: NDArray[np.bool_], /) -> slice | NDArray[np.bool_]:
    """Return the slice of a mask (point,) without gaps, and the mask itself otherwise: a slice copies nothing."""
    inside = np.flatnonzero(window)
    if inside.size and inside[-1] - inside[0] + 1 == inside.size:
        return slice(int(inside[0]), int(inside[-1]) + 1)
    return window
