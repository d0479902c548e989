"""Dead and hot channels, and the level at which a detector is full, seen in a sample of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label, median_filter

from eelsmap.preprocess.sample_sums import channel_sums, count_near_top, may_be_noisier, noise_medians

__all__ = ["BrightPixels", "find_dead_channels", "find_hot_channels", "find_saturation"]

_SIDE = 9
_LONGEST = 5
_DEAD = 0.25
_ELECTRONS = 30.0
_ENOUGH = 8
_NEAR = np.array([2, 3, 4])
_SHARPEST = 4.0
_HOT = 0.05
_LIFTED = 0.12
_SIGNIFICANT = 8.0
_NOISIER = 2.5
_SAMPLED = 1.5
_MEDIAN_OF_NORMAL = 0.6745
_MAD_TO_SIGMA = 1.4826
_SCATTER_CHANNELS = 65
_SCATTER_PIXELS = 512
_GROUPS = 8
_PLATEAU = 3
_CEILINGS = tuple(float(2**bits - 1) for bits in (8, 12, 14, 15, 16))


@dataclass(frozen=True)
class BrightPixels:
    """The bright pixels of a sample, with what is asked of them again and again.

    Parameters
    ----------
    sample
        Counts as recorded, shape (n, channel).
    chosen
        Which rows are bright, all finite, shape (pixel,), at least one.
    sums
        Their sums by place in `chosen` modulo 16, shape (16, channel).
    lowest, highest
        Their extremes in each channel, shape (channel,).
    """

    sample: NDArray[np.generic]
    chosen: NDArray[np.intp]
    sums: NDArray[np.float64]
    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]

    @classmethod
    def of(cls, sample: NDArray[np.generic], chosen: NDArray[np.intp], /) -> BrightPixels:
        """Read the chosen rows of a sample once."""
        group = np.full(len(sample), -1, dtype=np.intp)
        group[chosen] = np.arange(chosen.size) % (2 * _GROUPS)
        return cls(sample, chosen, *channel_sums(sample, group, 2 * _GROUPS))

    @property
    def pixels(self) -> int:
        """How many there are."""
        return self.chosen.size

    def robust_mean(self, half: int | None = None, /) -> NDArray[np.float64]:
        """Mean spectrum without the spikes of single pixels: the median over the means of eight groups of pixels.

        Parameters
        ----------
        half
            0 or 1: of every other pixel only; of all without. A single pixel is either half.

        Returns
        -------
        numpy.ndarray
            Shape (channel,); the plain mean of fewer than sixteen pixels.
        """
        number = np.bincount(np.arange(self.pixels) % (2 * _GROUPS), minlength=2 * _GROUPS)
        if half is not None and self.pixels > 1:
            sums, number = self.sums[half::2], number[half::2]
        else:
            # The place in groups of eight, of which there are two to a group of sixteen.
            sums, number = self.sums[:_GROUPS] + self.sums[_GROUPS:], number[:_GROUPS] + number[_GROUPS:]
        whole = sums.sum(axis=0) / number.sum()
        if number.sum() < 2 * _GROUPS:
            return np.asarray(whole)
        groups = sums / number[:, None]
        # Groups differ in thickness: each is brought to the brightness of all, or the median would jump between them.
        levels = groups.sum(axis=1, keepdims=True)
        return np.asarray(np.median(groups / levels, axis=0) * whole.sum())

    def every(self, most: int, /) -> NDArray[np.generic]:
        """Evenly spaced pixels, not much more than `most`, shape (pixel, channel)."""
        return np.asarray(self.sample[self.chosen[:: max(1, self.pixels // most)]])


def find_dead_channels(bright: BrightPixels, gain: float, /) -> NDArray[np.bool_]:
    """Find channels that count (nearly) nothing, or always the same, while their neighbours count.

    Parameters
    ----------
    bright
        The bright pixels.
    gain
        Variance of the counts divided by their mean.

    Returns
    -------
    numpy.ndarray
        Mask, shape (channel,); runs of more than five channels are no dead channels but the end of the detector.
    """
    pixels = bright.pixels
    mean = bright.robust_mean()
    left, right = _side_levels(mean)
    scatter = _scatter(mean)
    # A step of the spectrum has one low side, a dead channel none.
    level = np.minimum(left, right)
    with np.errstate(invalid="ignore"):
        counted = (level * pixels / gain > _ELECTRONS) & (level > _SIGNIFICANT * scatter)
        dead = (mean < _DEAD * level) & counted
    if pixels >= _ENOUGH:
        constant = bright.highest == bright.lowest
        spread = np.sqrt(gain * np.maximum(np.fmin(left, right), 0.0))
        # At the ends there is one side only; a channel that never moves is dead there too.
        either = np.fmin(left, right) * pixels / gain > _ELECTRONS
        # One that stands at the largest value of all is full, not dead.
        dead |= constant & either & (spread > 0.5 * gain) & (mean < bright.highest.max())
    runs, number = label(dead)
    sizes = np.bincount(runs.ravel(), minlength=number + 1)
    return np.asarray(dead & (sizes[runs] <= _LONGEST))


def find_hot_channels(
    bright: BrightPixels, dead: NDArray[np.bool_], gain: float, line_channels: float, /
) -> NDArray[np.bool_]:
    """Find single channels that stand above their neighbours in all pixels, or scatter far more than counts do.

    Parameters
    ----------
    bright
        The bright pixels.
    dead
        Mask of dead channels, shape (channel,), which are no neighbours to compare with.
    gain
        Variance of the counts divided by their mean.
    line_channels
        Width of the sharpest line, channels. Below 1.5 only what stands four times above everything is called hot.

    Returns
    -------
    numpy.ndarray
        Mask, shape (channel,); none in a sample of few pixels, where a spike would be one too.
    """
    pixels, channels = bright.pixels, dead.size
    core = np.arange(_NEAR[-1], channels - _NEAR[-1])
    hot = np.zeros(channels, dtype=bool)
    # What a dead channel leaves is a hole, beside which every channel looks hot.
    if pixels < _ENOUGH:
        return hot
    alive = ~np.convolve(dead, np.ones(2 * _NEAR[-1] + 1), mode="same").astype(bool)[core]
    mean = bright.robust_mean()
    around = mean[core[:, None] + np.concatenate([-_NEAR, _NEAR])]
    highest = around.max(axis=1)
    height = mean[core] - highest
    shoulder = np.maximum(mean[core - 1], mean[core + 1]) - around.mean(axis=1)
    error = np.maximum(np.sqrt(gain * np.maximum(mean[core], gain) / pixels), _scatter(mean)[core])
    certain = (height > _SIGNIFICANT * error) & (highest > 0)
    # A line as wide as a channel and a half lifts both nearest channels by more than a quarter.
    single = shoulder + 2.0 * error < _LIFTED * (mean[core] - around.mean(axis=1))
    found = certain & single & (mean[core] > _SHARPEST * highest)
    if line_channels >= _SAMPLED:
        found |= certain & single & (height > _HOT * highest)
        found |= _noisier(bright, core, gain)
    hot[core] = found & alive
    return hot


def find_saturation(bright: BrightPixels, channels: NDArray[np.bool_], gain: float, /) -> float | None:
    """Find the level above which the detector does not count on.

    Parameters
    ----------
    bright
        The bright pixels.
    channels
        Which channels are asked, shape (channel,).
    gain
        Variance of the counts divided by their mean.

    Returns
    -------
    float or None
        The largest value, if more values share it than lie within one standard deviation of the counts below it:
        noise never piles up at its end.
    """
    if not channels.any():
        return None
    largest = float(bright.highest[channels].max())
    kind: np.dtype[Any] = bright.sample.dtype
    if np.issubdtype(kind, np.integer) and kind.itemsize <= 2 and largest == float(np.iinfo(kind).max):
        return largest
    scatter = float(np.sqrt(gain * max(largest, 0.0)))
    rows = np.zeros(len(bright.sample), dtype=bool)
    rows[bright.chosen] = True
    # Most channels never come near.
    near = np.flatnonzero(channels & (bright.highest > largest - scatter))
    part = slice(int(near[0]), int(near[-1]) + 1)
    full, below = count_near_top(bright.sample[:, part], rows, channels[part], largest, largest - scatter)
    # Whole numbers of few counts share their largest value by chance.
    if scatter > _PLATEAU and full >= _PLATEAU and full > below:
        return largest
    return largest if largest in _CEILINGS[1:] and full >= _PLATEAU and scatter > _PLATEAU else None


def _noisier(bright: BrightPixels, core: NDArray[np.intp], gain: float) -> NDArray[np.bool_]:
    """Channels whose distance from their neighbours is far larger than shot noise, in most pixels and in them alone."""
    if bright.pixels < 2 * _ENOUGH:
        return np.zeros(core.size, dtype=bool)
    # Some hundred pixels tell a scatter.
    few = bright.every(_SCATTER_PIXELS)
    if not may_be_noisier(few, gain, 0.999 * _NOISIER * _MEDIAN_OF_NORMAL).any():
        return np.zeros(core.size, dtype=bool)
    away = np.full(bright.sample.shape[1], np.inf)
    away[1:-1] = noise_medians(few, gain) / _MEDIAN_OF_NORMAL
    # Lines that differ between pixels scatter over their whole width.
    others = np.maximum(away[core[:, None] + np.array([-3, -2, 2, 3])].max(axis=1), 1.0)
    near = np.maximum(away[core - 1], away[core + 1])
    return np.asarray((away[core] > _NOISIER * others) & (near < 0.8 * away[core]))


def _scatter(mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scatter of single channels, shape (channel,): whatever noise there is, readout and pattern too."""
    third = np.abs(np.diff(mean, 3))
    # Var of (1, -3, 3, -1) = 20, and nothing smooth is left of the spectrum.
    local = median_filter(third, size=min(_SCATTER_CHANNELS, third.size), mode="nearest")
    return np.asarray(_MAD_TO_SIGMA / np.sqrt(20.0) * np.pad(local, (1, 2), mode="edge"))


def _side_levels(mean: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median of the channels on either side, each of shape (channel,); NaN at the ends."""
    left = np.full(mean.size, np.nan)
    right = np.full(mean.size, np.nan)
    medians = np.median(np.lib.stride_tricks.sliding_window_view(mean, _SIDE), axis=1)
    left[_SIDE:] = medians[:-1]
    right[:-_SIDE] = medians[1:]
    return left, right
