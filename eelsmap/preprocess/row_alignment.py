"""How far the spectra of scan rows lie from their mean along energy: coarsely, finely, and smoothed along the scan."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from eelsmap.preprocess.sample_sums import shifted_sum
from eelsmap.preprocess.smoothing import structure_between

__all__ = ["align_rows", "filled_rows", "row_displacements", "smooth_displacements"]

# Structure between these widths (eV) makes the coarse comparison: white lines yes, background and noise no.
_FINE, _COARSE = 0.8, 12.0
_ROUNDS = 4
_LEAST_VARIANCE = 1e-4
_OUTLYING = 6.0
_CLEAR = 6.0
_LEAST_SHARE = 0.05


def align_rows(
    rows: NDArray[np.float64], energy: NDArray[np.float64], /, *, search: float = 8.0
) -> NDArray[np.float64]:
    """Find roughly how far each row lies from the mean of all, by cross-correlation of their structure.

    Parameters
    ----------
    rows
        Counts, shape (row, channel).
    energy
        Recorded energies, shape (channel,), eV.
    search
        Largest displacement from the mean, eV.

    Returns
    -------
    numpy.ndarray
        Shape (row,), eV, in whole channels before the last parabola; zero for empty rows. Their median is zero.
    """
    step = (energy[-1] - energy[0]) / (energy.size - 1)
    level = rows.sum(axis=1, keepdims=True)
    filled = filled_rows(rows)
    displacement = np.zeros(len(rows))
    if filled.sum() < 2:
        return displacement
    reach = max(1, min(int(search / step), energy.size // 4))
    # Over the square root of the mean, noise is the same everywhere, and every edge has the say that it has earned.
    seen = rows if filled.all() else rows[filled]
    whole = gaussian_filter1d(seen.sum(axis=0) / level[filled].sum(), _COARSE / step)
    weighted = seen / level[filled]
    weighted /= np.sqrt(np.maximum(whole, whole.max() * 1e-6))
    structure = structure_between(weighted, _FINE / step, _COARSE / step)
    structure[:, : int(_COARSE / step)] = 0.0
    structure[:, -int(_COARSE / step) :] = 0.0
    power = np.einsum("ij,ij->i", structure, structure) / structure.shape[1]
    found = np.zeros(len(structure))
    for _ in range(_ROUNDS):
        mean = shifted_sum(structure, found / step) / len(structure)
        before = found
        lag, clear = _best_lag(structure, power, mean, reach)
        if not clear.any():
            return displacement
        # A row whose best lag is no better than chance moves as its neighbours do.
        places = np.flatnonzero(clear)
        found = np.interp(np.arange(lag.size), places, lag[places]) * step
        found = found - np.median(found)
        if np.abs(found - before).max() < 0.1 * step:
            break
    displacement[filled] = found
    return displacement


def filled_rows(rows: NDArray[np.float64], /) -> NDArray[np.bool_]:
    """Which rows hold enough counts to be compared: a twentieth of the median of those that hold any."""
    level = rows.sum(axis=1)
    return np.asarray(level > _LEAST_SHARE * np.median(level[level > 0])) if (level > 0).any() else level > 0


def row_displacements(
    rows: NDArray[np.float64], energy: NDArray[np.float64], /, *, gain: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure small displacements of each row from the mean of all, by its derivative.

    Parameters
    ----------
    rows
        Counts around one edge, roughly aligned, shape (row, channel).
    energy
        Energies of those channels, shape (channel,), eV.
    gain
        Variance of the counts divided by their mean.

    Returns
    -------
    displacement, sigma : numpy.ndarray
        Shape (row,), eV; NaN and infinity where a row holds nothing, or the edge has no structure.
    """
    n, channels = rows.shape
    displacement, sigma = np.full(n, np.nan), np.full(n, np.inf)
    filled = filled_rows(rows)
    if channels < 8 or filled.sum() < 2:
        return displacement, sigma
    step = (energy[-1] - energy[0]) / (energy.size - 1)
    # Most images have no empty rows, and nothing is copied then.
    seen = rows if filled.all() else rows[filled]
    mean = gaussian_filter1d(seen.mean(axis=0), max(0.5 * 0.3 / step, 1e-3))
    # In units of its maximum, so that the unit of the counts does not matter.
    unit = float(mean.max())
    mean = mean / unit
    x = np.linspace(-1.0, 1.0, channels)
    # Scaling, a bent background and the derivative: what is left over is noise. Weights of counted electrons.
    root = np.sqrt(np.maximum(mean, 1e-6))
    design = np.stack([mean, np.ones(channels), x, x * x, np.gradient(mean, energy)], axis=1) / root[:, None]
    normal = design.T @ design
    if not np.isfinite(normal).all() or np.linalg.cond(normal) > 1e14:
        return displacement, sigma
    inverse = np.linalg.inv(normal)
    solution = seen @ (design @ inverse / (unit * root)[:, None])
    level = seen.sum(axis=1) / (unit * mean.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        displacement[filled] = -solution[:, 4] / solution[:, 0]
        sigma[filled] = np.sqrt(gain / unit * level * inverse[4, 4]) / np.abs(solution[:, 0])
    lost = ~(np.isfinite(displacement) & np.isfinite(sigma)) | (sigma > 2.0)
    displacement[lost], sigma[lost] = np.nan, np.inf
    return displacement, sigma


def smooth_displacements(
    displacement: NDArray[np.float64], sigma: NDArray[np.float64], /
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Follow a drift along the rows: a random walk whose step is learned, and which lets jumps be jumps.

    A Kalman filter and its backward smoother (Rauch, Tung and Striebel, AIAA Journal 3 (1965) 1445,
    10.2514/3.3166).

    Parameters
    ----------
    displacement, sigma
        Of each row, shape (row,), eV; NaN and infinity where a row says nothing.

    Returns
    -------
    displacement, sigma : numpy.ndarray
        Shape (row,), eV, finite everywhere; rows that say nothing take what lies between their neighbours.
    """
    n = displacement.size
    told = np.isfinite(displacement) & np.isfinite(sigma)
    if not told.any():
        return np.zeros(n), np.zeros(n)
    places = np.flatnonzero(told)
    value, variance = displacement[told], sigma[told] ** 2
    steps, expected = np.diff(value), variance[1:] + variance[:-1]
    typical = max(float(np.median(steps**2) / 0.455 - np.median(expected)), _LEAST_VARIANCE) if steps.size else 0.0
    walk = np.zeros(n)
    for (first, last), step, noise in zip(pairwise(places), steps, expected, strict=True):
        # A step that typical walk and noise cannot have made is a jump, and nothing is smoothed across it.
        jump = step**2 if step**2 > _OUTLYING**2 * (typical + noise) else typical
        walk[first + 1 : last + 1] = max(jump, typical) / (last - first)
    mean, spread = np.empty(n), np.empty(n)
    state, doubt = value[0], 1e4
    for row in range(n):
        doubt += walk[row]
        if told[row]:
            share = doubt / (doubt + sigma[row] ** 2)
            state += share * (displacement[row] - state)
            doubt *= 1.0 - share
        mean[row], spread[row] = state, doubt
    for row in range(n - 2, -1, -1):
        share = spread[row] / (spread[row] + walk[row + 1]) if spread[row] + walk[row + 1] > 0 else 0.0
        spread[row] += share**2 * (spread[row + 1] - spread[row] - walk[row + 1])
        mean[row] += share * (mean[row + 1] - mean[row])
    return mean, np.sqrt(np.maximum(spread, 0.0))


def _best_lag(
    structure: NDArray[np.float64], power: NDArray[np.float64], mean: NDArray[np.float64], reach: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Lag in channels at which each row resembles the mean most, to a fraction of one; whether it is beyond chance.

    `power` (row,): mean squares of the rows' channels.
    """
    # The mean at every lag. They are few, and one product of matrices is quicker than Fourier transforms of all rows.
    moved = np.lib.stride_tricks.sliding_window_view(np.pad(mean, reach), mean.size)[::-1]
    lags = structure @ np.ascontiguousarray(moved).T
    best = lags.argmax(axis=1)
    inner = np.clip(best, 1, 2 * reach - 1)
    rows = np.arange(len(lags))
    left, middle, right = lags[rows, inner - 1], lags[rows, inner], lags[rows, inner + 1]
    curvature = left - 2.0 * middle + right
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where((curvature < 0) & (inner == best), 0.5 * (left - right) / curvature, 0.0)
    # What the correlation would be of this row's channels in any order.
    chance = np.sqrt(power * (mean**2).sum())
    clear = lags[rows, best] > _CLEAR * chance
    return best + np.clip(np.nan_to_num(part), -0.5, 0.5) - reach, clear
