"""Many windows of one spectrum fitted at once: power laws by Poisson maximum likelihood, and what they leave.

The same numbers as :func:`eelsmap.preprocess.background_methods.fit_likelihood` window by window, up to rounding.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.preprocess.fused_numba import Kernel, helper

__all__ = ["FITTED", "fit_windows"]

FITTED = 6
"""Chi-square, mean inverse and sum of the expected counts, their mean and variance of ln E, and ln of the background at
an energy."""

_STEEPEST = 12.0
_ROUNDS = 60
_CONVERGED = 1e-8


def fit_windows(
    counts: NDArray[np.float64],
    boundaries: NDArray[np.float64],
    windows: NDArray[np.intp],
    target: float,
    /,
    *,
    noise: float,
) -> NDArray[np.float64]:
    """Fit a power law in each window.

    Parameters
    ----------
    counts
        Counts in adjoining bins, shape (bin,).
    boundaries
        Of the bins, shape (bin + 1,), eV.
    windows
        First and last (exclusive) bin of each window, shape (window, 2).
    target
        Logarithm of an energy (eV) to which the background is extrapolated.
    noise
        Variance of the counts divided by their mean.

    Returns
    -------
    numpy.ndarray
        Shape (window, :data:`FITTED`); NaN where no exponent explains where the counts lie.
    """
    result = np.empty((len(windows), FITTED))
    _window_fit_kernel(
        np.array(counts, dtype=np.float64), np.array(boundaries, dtype=np.float64), np.array(windows, dtype=np.int64),
        float(target), float(noise), result,
    )  # fmt: skip
    return result


@helper
def _moments(slope: float, u: Any, width: Any, size: int) -> tuple[float, float, float]:
    """Sum, mean and variance of u over bins whose density is the exponential of slope times u."""
    whole, first, second = 0.0, 0.0, 0.0
    for k in range(size):
        density = math.exp(slope * u[k]) * width[k]
        whole += density
        first += density * u[k]
        second += density * (u[k] * u[k])
    first /= whole
    return whole, first, second / whole - first * first


@Kernel
def _window_fit_kernel(
    counts: Any, boundaries: Any, windows: Any, target: float, noise: float, result: Any
) -> None:  # fmt: skip
    """Fit every window."""
    u, width, x, expected = np.empty(counts.size), np.empty(counts.size), np.empty(counts.size), np.empty(counts.size)
    for window in range(windows.shape[0]):
        result[window, :] = np.nan
        begin, size = windows[window, 0], windows[window, 1] - windows[window, 0]
        for k in range(size):
            low, high = boundaries[begin + k], boundaries[begin + k + 1]
            x[k], width[k] = math.log((low + high) / 2.0), high - low
        reference, scale = (x[0] + x[size - 1]) / 2.0, 0.0
        for k in range(size):
            scale = max(scale, abs(x[k] - reference))
        total, mean = 0.0, 0.0
        for k in range(size):
            u[k] = (x[k] - reference) / scale
            total += counts[begin + k]
            mean += counts[begin + k] * u[k]
        mean /= total
        lower, upper = -_STEEPEST, _STEEPEST
        if not (total > 0 and mean > _moments(lower, u, width, size)[1] and mean < _moments(upper, u, width, size)[1]):
            continue
        slope = 0.0
        whole, centre, spread = _moments(slope, u, width, size)
        for _ in range(_ROUNDS):
            # The mean rises with the slope: what Newton's step overshoots, halving mends.
            if centre < mean:
                lower = slope
            else:
                upper = slope
            step = slope + (mean - centre) / spread
            after = step if step > lower and step < upper else (lower + upper) / 2.0
            done = abs(after - slope) <= 1e-15 * max(abs(slope), 1.0)
            slope = after
            whole, centre, spread = _moments(slope, u, width, size)
            if done:
                break
        if not abs(mean - centre) <= _CONVERGED:
            continue
        middle, spread = scale * centre, scale * scale * spread
        # Half the variance of the exponent, by which its exponential is too high on average.
        half = 0.5 * noise / (total * spread)
        level, rise = math.log(total / whole) + half * (spread - middle * middle), slope / scale + 2.0 * half * middle
        chi_square, inverse, sum_, first, second = 0.0, 0.0, 0.0, 0.0, 0.0
        for k in range(size):
            away = x[k] - reference
            expected[k] = math.exp(min(max(level + (rise - half * away) * away, -700.0), 700.0)) * width[k]
            apart = counts[begin + k] - expected[k]
            chi_square += apart * apart / (noise * expected[k])
            inverse += 1.0 / expected[k]
            sum_ += expected[k]
            first += expected[k] * x[k]
        first /= sum_
        for k in range(size):
            second += expected[k] * (x[k] - first) ** 2
        away = target - reference
        at_target = min(max(level + (rise - half * away) * away, -700.0), 700.0)
        result[window, 0], result[window, 1], result[window, 2] = chi_square, inverse / size, sum_
        result[window, 3], result[window, 4], result[window, 5] = first, second / sum_, at_target
