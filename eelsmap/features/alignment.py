"""Spectra laid on a maximum of their own: where it is, and the counts in bins counted from it.

Spectra may lie on a GPU (:mod:`eelsmap.features.device_arrays`); grids and constants are NumPy's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eelsmap.features.device_arrays import array_module

__all__ = ["aligned_bins", "bin_centres", "highest_point", "known_mean", "within_reason"]

_LARGEST = 1e3


def bin_centres(first: float, last: float, width: float, /) -> NDArray[np.float64]:
    """Middles of the bins between two energies, eV from the maximum."""
    return np.arange(first + width / 2, last, width)


def highest_point(
    smooth: NDArray[np.float64], grid: NDArray[np.float64], near: NDArray[np.float64], reach: float, /
) -> NDArray[np.float64]:
    """Energy of the highest point of each row within reach of an energy of its own.

    Parameters
    ----------
    smooth
        Smoothed counts, shape (n, point).
    grid
        Energies, uniform, shape (point,), eV.
    near
        Where it is looked for, shape (n,), eV.
    reach
        How far from there, eV.

    Returns
    -------
    numpy.ndarray
        Shape (n,), eV; between grid points by a parabola through three of them.
    """
    xp = array_module(smooth)
    energies, step = xp.asarray(grid), float(grid[1] - grid[0])
    inside = xp.abs(energies - near[:, None]) <= reach
    middle = xp.clip(xp.argmax(xp.where(inside, smooth, -np.inf), axis=1), 1, grid.size - 2)
    rows = xp.arange(len(smooth))
    before, here, after = (smooth[rows, middle + offset] for offset in (-1, 0, 1))
    bend = before - 2 * here + after
    with np.errstate(invalid="ignore", divide="ignore"):
        offset = xp.where(bend < 0, 0.5 * (before - after) / bend, 0.0)
    highest: NDArray[np.float64] = energies[middle] + xp.clip(offset, -1, 1) * step
    return highest


def aligned_bins(
    net: NDArray[np.float64],
    grid: NDArray[np.float64],
    zero: NDArray[np.float64],
    first: float,
    last: float,
    width: float,
    /,
) -> NDArray[np.float64]:
    """Net counts in bins counted from an energy of each row's own.

    Parameters
    ----------
    net
        Shape (n, point).
    grid
        Energies, uniform, shape (point,), eV.
    zero
        Energy from which the bins count, shape (n,), eV.
    first, last, width
        Outer boundaries and width of the bins, eV.

    Returns
    -------
    numpy.ndarray
        Shape (n, bin); NaN where the grid does not reach.
    """
    xp = array_module(net)
    start, step = float(grid[0]), float(grid[1] - grid[0])
    running = xp.concatenate([xp.zeros((len(net), 1)), xp.cumsum(net, axis=1)], axis=1)
    boundary = xp.asarray(np.arange(first, last + width / 2, width))
    position = (zero[:, None] + boundary - start) / step + 0.5
    outside = (position < 0) | (position > grid.size)
    position = xp.clip(position, 0, grid.size)
    index = xp.minimum(position.astype(np.intp), grid.size - 1)
    rows = xp.arange(len(net))[:, None]
    integral = running[rows, index] + (position - index) * (running[rows, index + 1] - running[rows, index])
    bins: NDArray[np.float64] = xp.diff(integral, axis=1)
    bins[outside[:, 1:] | outside[:, :-1]] = np.nan
    return bins


def known_mean(values: NDArray[np.float64], inside: NDArray[np.bool_], /) -> NDArray[np.float64]:
    """Mean over the entries inside, (bin,) or (n, bin), that are known; shape (n,), NaN where there is none."""
    xp = array_module(values)
    known = xp.broadcast_to(xp.asarray(inside), values.shape) & xp.isfinite(values)
    count = known.sum(axis=1)
    mean: NDArray[np.float64] = xp.where(
        count > 0, xp.where(known, values, 0.0).sum(axis=1) / xp.maximum(count, 1), np.nan
    )
    return mean


def within_reason(features: NDArray[np.float64], /) -> NDArray[np.float32]:
    """Features as float32, NaN where a ratio of noise is infinite or beyond a thousand and says nothing."""
    xp = array_module(features)
    kept: NDArray[np.float32] = xp.where(xp.abs(features) < _LARGEST, features, np.nan).astype(np.float32)
    return kept
