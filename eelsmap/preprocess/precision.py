"""The best precision that counts allow: Cramér-Rao bounds of the net counts of an edge.

Counts are Poisson counts times a gain; their mean is a power law with free amplitude and exponent plus an edge. No
unbiased estimate of the edge's counts can scatter less than the bound: it is what a measured scatter is held against.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import RecipeError

__all__ = ["net_counts_bound"]


def net_counts_bound(
    background: NDArray[np.float64],
    edge: NDArray[np.float64],
    energy: NDArray[np.float64],
    /,
    *,
    gain: float = 1.0,
    shape: str = "known",
    window: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Least standard deviation of the net counts of an edge.

    Parameters
    ----------
    background, edge
        Expected counts of the power law and of the edge in each bin, before the edge and under it, shape (n, bin). The
        edge is zero where the background alone is seen.
    energy
        Centres of the bins, shape (bin,), eV.
    gain
        Variance of the counts divided by their mean.
    shape
        ``"known"``: one free height of an edge whose shape is known, as in a fit of models; ``"free"``: every bin
        that holds some of the edge is free, so that the background is known from the bins without it alone, as in
        subtracting an extrapolated background.
    window
        Bins whose net counts are summed, shape (bin,); all by default.

    Returns
    -------
    numpy.ndarray
        Shape (n,), counts; infinite where the bins cannot tell background from edge.

    Raises
    ------
    RecipeError
        `shape` is neither of the two.
    """
    if shape not in ("known", "free"):
        raise RecipeError(f"precision: shape = {shape!r} cannot be used; it must be 'known' or 'free'")
    summed = np.ones(energy.size, dtype=bool) if window is None else window
    x = np.log(energy / np.sqrt(energy[0] * energy[-1]))
    variance = gain * (background + edge)
    with np.errstate(all="ignore"):
        weight = np.where(variance > 0, 1.0 / variance, 0.0)
        if shape == "known":
            # Derivatives by log A, by -r and by the logarithm of the edge's height.
            slopes = np.stack([background, background * x, edge], axis=1)
            wanted = np.zeros((len(background), 3))
            wanted[:, 2] = edge[:, summed].sum(axis=1)
            return np.sqrt(_least_variance(slopes, weight, wanted))
        alone = edge == 0
        slopes = np.stack([background, background * x], axis=1)
        wanted = (slopes * (summed & ~alone)[:, None, :]).sum(axis=2)
        own = (variance * (summed & ~alone)).sum(axis=1)
        return np.sqrt(own + _least_variance(slopes, np.where(alone, weight, 0.0), wanted))


def _least_variance(
    slopes: NDArray[np.float64], weight: NDArray[np.float64], wanted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Least variance of a linear function `wanted` (n, k) of the parameters, by the inverse Fisher information."""
    information = (slopes * weight[:, None, :]) @ slopes.transpose(0, 2, 1)
    # Amplitudes of background and edge differ by orders of magnitude; scaled, the matrix is inverted safely.
    scale = np.sqrt(np.einsum("nkk->nk", information))
    usable = np.isfinite(scale).all(axis=1) & (scale > 0).all(axis=1)
    safe = np.where(usable[:, None], scale, 1.0)
    unit = np.where(usable[:, None, None], information / (safe[:, :, None] * safe[:, None, :]), np.eye(scale.shape[1]))
    usable &= np.linalg.cond(unit) < 1e12
    unit = np.where(usable[:, None, None], unit, np.eye(scale.shape[1]))
    direction = np.where(usable[:, None], wanted / safe, 0.0)
    least = np.einsum("nk,nk->n", direction, np.linalg.solve(unit, direction[..., None])[..., 0])
    return np.where(usable, least, np.inf)
