"""Steps of the gain along the energy axis: detectors are read in halves or quadrants, each with its own amplifier.

A step multiplies everything beyond one channel boundary by a constant. No spectrum does that: the sharpest onset is as
wide as the energy resolution and carries its fine structure with it. What could be an onset is left alone, so a step
inside the fine structure of an edge is not found.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

__all__ = ["GainStep", "find_gain_steps", "step_factor"]

_RANGES = (10.0, 4.0)
_LEAST, _MOST = 12, 40
_SMALLEST, _LARGEST = 0.003, 0.25
_SIGNIFICANT = 7.0
_ROUGH = 2.0
_SHARPER = 9.0
_AGREE = 4.0
_SAMPLED = 1.5
_STEPS = 8
_MAD_TO_SIGMA = 1.4826


class GainStep(NamedTuple):
    """A step: the first channel beyond it, and how many times larger the gain is there."""

    channel: int
    ratio: float


def find_gain_steps(
    halves: NDArray[np.float64], step: float, /, *, electrons: NDArray[np.float64], line_channels: float
) -> list[GainStep]:
    """Find steps in the mean spectrum.

    Parameters
    ----------
    halves
        Mean spectra of two halves of the pixels, shape (2, channel); faulty channels bridged.
    step
        Width of a channel, eV.
    electrons
        Electrons in each channel of all pixels together, shape (channel,): the shot noise of the mean.
    line_channels
        Width of the sharpest line or onset that the spectra can hold, channels. Below 1.5 a rising step cannot be told
        from an onset, and only falling ones are looked for.

    Returns
    -------
    list of GainStep
        In the order of the axis.
    """
    # The wide range sees small steps, the narrow one those close to an edge.
    widths = [int(np.clip(np.ceil(one / step), _LEAST, _MOST)) for one in _RANGES]
    found: list[GainStep] = []
    # Sides that reach to a second step hide the first, and so the strongest is divided out before the next is sought.
    for _ in range(_STEPS):
        corrected = halves / step_factor(found, halves.shape[1])
        tried = (_strongest(corrected, width, electrons, line_channels) for width in widths)
        best = next((one for one in tried if one is not None), None)
        if best is None:
            break
        found = _merged([*found, best])
    return [one for one in found if abs(np.log(one.ratio)) > _SMALLEST / 2]


def step_factor(steps: list[GainStep], channels: int, /) -> NDArray[np.float64]:
    """Gain of each channel, shape (channel,); 1 over the longest stretch between two steps."""
    factor = np.ones(channels)
    for one in steps:
        factor[one.channel :] *= one.ratio
    if steps:
        ends = [0, *sorted(one.channel for one in steps), channels]
        factor /= factor[ends[int(np.argmax(np.diff(ends)))]]
    return factor


def _strongest(
    halves: NDArray[np.float64], width: int, electrons: NDArray[np.float64], line_channels: float
) -> GainStep | None:
    """Find the most significant boundary that only a step explains."""
    channels = halves.shape[1]
    mean = halves.mean(axis=0)
    if channels < 4 * width or not (mean > 0).any():
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        logarithm = np.log(np.where(halves > 0, halves, np.nan))
        shot = 1.0 / np.sqrt(np.maximum(electrons, 1.0))
    logarithm_of_mean = np.log(np.where(mean > 0, mean, np.nan))
    windows = np.lib.stride_tricks.sliding_window_view(logarithm_of_mean, 2 * width)
    abrupt, smooth = _model(width, 0.0), _model(width, max(line_channels, _SAMPLED))
    # Beside shot noise every detector keeps some pattern of its channels' gains; third differences hold nothing else.
    pattern = _scatter(logarithm_of_mean)
    noise = np.maximum(pattern, shot)
    centre = np.arange(width, width + len(windows))
    # The last parameter of the fit in every window, which needs no other.
    weights = np.linalg.pinv(abrupt)[-1]
    height, *by_half = (np.correlate(one, weights, "valid") for one in (logarithm_of_mean, *logarithm))
    local = np.sqrt(np.correlate(noise**2, np.full(2 * width, 0.5 / width), "valid"))
    relative = np.sqrt(np.linalg.inv(abrupt.T @ abrupt)[-1, -1])
    # Each half has twice the shot noise of both; the pattern is the same in them and cancels.
    spread = 2.0 * relative * shot[centre]
    with np.errstate(invalid="ignore"):
        possible = np.flatnonzero(
            (np.abs(height) > _SIGNIFICANT * relative * local)
            & (np.abs(height) > _SMALLEST)
            & (np.abs(height) < _LARGEST)
            # On a coarse axis, where an onset has no width, only a fall cannot be one.
            & ((height < 0) | (line_channels >= _SAMPLED))
            & (np.abs(by_half[0] - by_half[1]) < _AGREE * spread + 0.1 * np.abs(height))
        )
    left, other = (_left_over(windows[possible], model) for model in (abrupt, smooth))
    variance = local[possible] ** 2
    with np.errstate(invalid="ignore"):
        # What spectra hold has a width.
        kept = (left / (variance * (2 * width - abrupt.shape[1])) < _ROUGH) & ((other - left) / variance > _SHARPER)
    if not kept.any():
        return None
    possible = possible[kept]
    best = possible[int(np.argmax(np.abs(height[possible]) / local[possible]))]
    return GainStep(int(centre[best]), float(np.exp(height[best])))


def _model(width: int, line_channels: float) -> NDArray[np.float64]:
    """Smooth course and a step, shape (2 width, 4); the step is as wide as a line of that many channels."""
    x = np.arange(2 * width) - width + 0.5
    rise = np.sign(x) / 2 if line_channels == 0 else erf(2 * np.sqrt(np.log(2)) * x / line_channels) / 2
    return np.column_stack([np.ones(2 * width), x / width, (x / width) ** 2, rise])


def _left_over(windows: NDArray[np.float64], model: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of squares that a linear fit leaves of every window, shape (window,)."""
    residual = windows - windows @ np.linalg.pinv(model).T @ model.T
    return np.asarray((residual**2).sum(axis=1))


def _scatter(logarithm: NDArray[np.float64]) -> float:
    """Estimate the scatter of single channels, robustly, from third differences."""
    third = np.diff(logarithm, 3)
    third = third[np.isfinite(third)]
    if third.size == 0:
        return np.inf
    # Var of (1, -3, 3, -1) = 20.
    return float(_MAD_TO_SIGMA * np.median(np.abs(third)) / np.sqrt(20.0))


def _merged(steps: list[GainStep]) -> list[GainStep]:
    """In the order of the axis, with what was found twice at one boundary multiplied."""
    ratios: dict[int, float] = {}
    for one in steps:
        ratios[one.channel] = ratios.get(one.channel, 1.0) * one.ratio
    return [GainStep(channel, ratios[channel]) for channel in sorted(ratios)]
