"""Background as a non-negative combination of power laws with fixed exponents.

LCPL of Cueva et al., *Microsc. Microanal.* 18 (2012) 667, 10.1017/S1431927612000244: the exponents are chosen once for
an image, so that the background of a pixel is a linear function of its counts and can be neither steeper nor flatter
than the image shows backgrounds to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import RecipeError
from eelsmap.preprocess.background_methods import fit_likelihood

__all__ = ["Combination", "choose_exponents", "fit_combination", "with_own_sum"]

_MOST_EXPONENTS = 4
_LEAST_APART = 0.1
# Egerton, 3rd ed., section 4.4: exponents of core-loss backgrounds lie between these.
_USUAL_EXPONENTS = (2.0, 6.0)


class Combination(NamedTuple):
    """Fits of ``n`` spectra by ``k`` power laws.

    ``coefficients`` (n, k): counts per eV at ``reference``, none negative; ``exponents`` (k,); ``covariance`` (n, k, k)
    of the coefficients as if they were free, which overstates the error where one was held at zero; ``failed`` (n,);
    ``shape_from``: ``"bins"``, or ``"neighbourhood"`` where the shares are not the spectrum's own.
    """

    coefficients: NDArray[np.float64]
    exponents: NDArray[np.float64]
    covariance: NDArray[np.float64]
    failed: NDArray[np.bool_]
    reference: float
    shape_from: str = "bins"

    @property
    def parameters(self) -> int:
        """How many numbers were fitted to the bins of each spectrum."""
        return 1 if self.shape_from == "neighbourhood" else len(self.exponents)

    def density(self, energy: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Return counts per eV at `energy` (point,), shape (n, point)."""
        return self.coefficients @ _shapes(energy, self.exponents, self.reference)

    def variance(
        self,
        background: NDArray[np.float64],
        energy: NDArray[np.float64],
        width: NDArray[np.float64],
        windows: Sequence[NDArray[np.bool_]],
        /,
    ) -> NDArray[np.float64]:
        """Return the variance of the sum of the background over each window (mask of points), shape (n, window)."""
        shapes = _shapes(energy, self.exponents, self.reference) * width
        sums = np.stack([shapes[:, window].sum(axis=1) for window in windows])
        k = len(self.exponents)
        products = (sums[:, :, None] * sums[:, None, :]).reshape(len(windows), k * k)
        return self.covariance.reshape(-1, k * k) @ products.T


def choose_exponents(
    before: NDArray[np.float64],
    energy: NDArray[np.float64],
    width: NDArray[np.float64],
    /,
    *,
    gain: float = 1.0,
    percentiles: tuple[float, float] = (2.5, 97.5),
) -> tuple[float, ...]:
    """Choose the exponents of an image from a sample of its pixels.

    Parameters
    ----------
    before
        Counts of the sample in the bins of the background window, shape (n, bin). Of few counts, means over
        neighbours are the better sample: a combination of exponents that only noise keeps apart lies above every power
        law far from the window.
    energy, width
        Centres and widths of the bins, shape (bin,), eV.
    gain
        Variance of the counts divided by their mean.
    percentiles
        Of the exponents fitted to the single spectra. Where these differ by noise alone, the default holds one spectrum
        in twenty at a limit; narrower ones hold more, and the error that a fit states is then too large.

    Returns
    -------
    tuple of float
        The lower and the higher exponent, at least 0.1 apart; 2 and 6 when no spectrum of the sample can be fitted.
    """
    fit = fit_likelihood(before, energy, width, gain=gain)
    found = fit.exponent[~fit.failed]
    if not found.size:
        return _USUAL_EXPONENTS
    lower, higher = np.percentile(found, percentiles).tolist()
    apart = max(higher - lower, _LEAST_APART)
    middle = (lower + higher) / 2
    return middle - apart / 2, middle + apart / 2


def fit_combination(
    counts: NDArray[np.float64],
    energy: NDArray[np.float64],
    width: NDArray[np.float64],
    /,
    *,
    exponents: Sequence[float],
    gain: float = 1.0,
) -> Combination:
    """Fit a non-negative combination of E^-r by least squares, weighted as shot noise asks for.

    The weights are those of the mean exponent for every spectrum: weights from a spectrum's own counts would favour the
    bins that happen to be low, and the fit would no longer be linear in the counts.

    Parameters
    ----------
    counts
        Counts in each bin, shape (n, bin); some may be zero.
    energy, width
        Centres and widths of the bins, shape (bin,), eV.
    exponents
        One to four different exponents.
    gain
        Variance of the counts divided by their mean.

    Returns
    -------
    Combination
        ``failed`` where the counts are not finite or no combination is above zero.

    Raises
    ------
    RecipeError
        No, too many or equal exponents.
    """
    r = np.asarray(exponents, dtype=np.float64)
    if not 1 <= r.size <= _MOST_EXPONENTS or np.unique(r).size != r.size or not np.isfinite(r).all():
        raise RecipeError(
            f"background: exponents = {tuple(exponents)!r} cannot be used; give one to {_MOST_EXPONENTS} different "
            "numbers, for instance those of choose_exponents"
        )
    reference = float(np.sqrt(energy[0] * energy[-1]))
    shapes = _shapes(energy, r, reference) * width
    weight = 1.0 / (_shapes(energy, r.mean(keepdims=True), reference)[0] * width)
    failed = np.asarray(~np.isfinite(counts).all(axis=1))
    safe = np.where(failed[:, None], weight.size / weight, counts) if failed.any() else counts
    coefficients = np.zeros((len(counts), r.size))
    best = np.zeros(len(counts))
    # With so few exponents every choice of those that are held at zero can be tried for all spectra at once.
    for number in range(r.size, 0, -1):
        for chosen in combinations(range(r.size), number):
            some = shapes[list(chosen)]
            normal = some * weight @ some.T
            solution = safe @ np.linalg.solve(normal, some * weight).T
            explained = np.einsum("nk,kl,nl->n", solution, normal, solution)
            better = (solution >= 0).all(axis=1) & (explained > best)
            best = np.where(better, explained, best)
            filled = np.zeros_like(coefficients)
            filled[:, list(chosen)] = solution
            coefficients = np.where(better[:, None], filled, coefficients)
    failed |= best <= 0
    project = np.linalg.solve(shapes * weight @ shapes.T, shapes * weight)
    covariance = gain * np.einsum("nm,mi,ki,li->nkl", coefficients, shapes, project, project, optimize=True)
    return Combination(coefficients, r, covariance, failed, reference)


def with_own_sum(
    fit: Combination,
    counts: NDArray[np.float64],
    energy: NDArray[np.float64],
    width: NDArray[np.float64],
    /,
    *,
    gain: float = 1.0,
) -> Combination:
    """Keep the shares of neighbourhoods and take the sums from the pixels' own counts.

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
    Combination
        Its error is the shot noise of the own counts and the error of the neighbourhood's shares.
    """
    sums = (_shapes(energy, fit.exponents, fit.reference) * width).sum(axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
        total = counts.sum(axis=1)
        failed = np.asarray(fit.failed | ~(np.isfinite(total) & (total > 0)))
    total = np.where(failed, 1.0, total)
    averaged_total = np.where(failed, 1.0, fit.coefficients @ sums)
    shares = np.where(failed[:, None], 1.0 / sums.sum(), fit.coefficients / averaged_total[:, None])
    # Derivative of the shares by the coefficients: what changes the sum alone changes no share.
    change = (np.eye(sums.size) - shares[:, :, None] * sums) / averaged_total[:, None, None]
    of_shares = change @ fit.covariance @ change.transpose(0, 2, 1)
    covariance = total[:, None, None] ** 2 * of_shares + gain * total[:, None, None] * (
        shares[:, :, None] * shares[:, None, :]
    )
    return Combination(total[:, None] * shares, fit.exponents, covariance, failed, fit.reference, "neighbourhood")


def _shapes(energy: NDArray[np.float64], exponents: NDArray[np.float64], reference: float) -> NDArray[np.float64]:
    """(E / reference)^-r, shape (k, point)."""
    return (energy / reference) ** -exponents[:, None]
