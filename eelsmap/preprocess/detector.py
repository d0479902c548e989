"""Faults of the detector: dead, hot and saturated channels, steps of the gain. Decided once for an image.

A fault stands in every spectrum at the same channels, and is sharper than anything that a spectrum can hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import label

from eelsmap.preprocess.channel_faults import BrightPixels, find_dead_channels, find_hot_channels, find_saturation
from eelsmap.preprocess.gain_steps import GainStep, find_gain_steps, step_factor
from eelsmap.preprocess.sample_sums import row_totals

__all__ = ["DetectorFaults", "find_detector_faults", "repair_detector"]

_BRIGHT = 0.1
_SHARPEST_LINE = 0.5
_NODES = 4


@dataclass(frozen=True)
class DetectorFaults:
    """What is wrong with the detector.

    Parameters
    ----------
    dead, hot
        Masks of channels, shape (channel,).
    gain_steps
        Gain of each channel, shape (channel,), by which counts are divided; None without steps.
    steps
        First channel beyond each step, and how many times larger the gain is there.
    saturation
        Counts above which the detector does not count on; None where no plateau was seen.
    message
        All of it in words, with channels and energies.
    """

    dead: NDArray[np.bool_]
    hot: NDArray[np.bool_]
    gain_steps: NDArray[np.float64] | None
    steps: tuple[GainStep, ...]
    saturation: float | None
    message: str

    @property
    def any(self) -> bool:
        """Whether there is anything to repair or to look for."""
        return bool(self.dead.any() or self.hot.any()) or self.gain_steps is not None or self.saturation is not None


def find_detector_faults(
    counts: NDArray[np.generic],
    energy: ArrayLike,
    /,
    *,
    gain: float = 1.0,
    white_line_width: float = _SHARPEST_LINE,
    totals: NDArray[np.float64] | None = None,
) -> DetectorFaults:
    """Look for faults in a sample of an image.

    Parameters
    ----------
    counts
        Counts of some pixels as recorded, shape (n, channel).
    energy
        Recorded energies, shape (channel,), eV.
    gain
        Variance of the counts divided by their mean.
    white_line_width
        Full width at half maximum of the sharpest line that the spectra can hold, eV; more than 0.5 eV counts as
        0.5 eV, since the lines of a monochromated microscope are that sharp. Where a channel is wider than two thirds
        of it, a line may look like a hot channel and an onset like a step, and neither is looked for beyond doubt.
    totals
        Sum of each pixel where it is known already, shape (n,); those in which it is not finite are not looked at.

    Returns
    -------
    DetectorFaults
        Without any fault where nothing is wrong, or where there is too little to tell.
    """
    axis = np.asarray(energy, dtype=np.float64)
    sample = np.asarray(counts)
    channels = axis.size
    nothing = np.zeros(channels, dtype=bool)
    totals, usable = row_totals(sample) if totals is None else (totals, np.isfinite(totals))
    if usable.any():
        usable &= (totals > _BRIGHT * np.percentile(totals[usable], 95)) & (totals > 0)
    if not usable.any() or channels < 4 * _NODES:
        return DetectorFaults(nothing, nothing, None, (), None, "too few counts to look for faults of the detector")
    bright = BrightPixels.of(sample, np.flatnonzero(usable))
    step = float((axis[-1] - axis[0]) / (channels - 1))
    line_channels = min(white_line_width, _SHARPEST_LINE) / step
    dead = find_dead_channels(bright, gain)
    hot = find_hot_channels(bright, dead, gain, line_channels)
    faulty = dead | hot
    saturation = find_saturation(bright, ~faulty, gain)
    halves = np.stack([bright.robust_mean(half) for half in (0, 1)])
    electrons = np.maximum(bright.sums.sum(axis=0), 0.0) / gain
    steps = tuple(find_gain_steps(_bridged(halves, faulty), step, electrons=electrons, line_channels=line_channels))
    factor = step_factor(list(steps), channels) if steps else None
    return DetectorFaults(dead, hot, factor, steps, saturation, _in_words(dead, hot, steps, saturation, axis))


def repair_detector(block: NDArray[Any], faults: DetectorFaults, /) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Bridge faulty channels, divide gain steps out, and say what is saturated.

    Parameters
    ----------
    block
        Counts as recorded, shape (n, channel).
    faults
        Result of :func:`find_detector_faults`.

    Returns
    -------
    counts : numpy.ndarray
        Shape (n, channel), float64; the block itself, of its own type, where nothing is to repair. A faulty channel
        lies on the cubic through two good channels on either side, a run of more than two on a straight line.
    saturated : numpy.ndarray or None
        Shape (n, channel): recorded counts at the level of saturation; None where there are none in the block.
    """
    saturated = None
    if faults.saturation is not None:
        reached = np.asarray(np.greater_equal(block, faults.saturation))
        saturated = reached if reached.any() else None
    faulty = faults.dead | faults.hot
    if faults.gain_steps is None and not faulty.any():
        return block, saturated
    if faults.gain_steps is None:
        repaired = np.array(block, dtype=np.float64)
    else:
        repaired = np.asarray(block, dtype=np.float64) / faults.gain_steps
    return _bridged(repaired, faulty), saturated


def _bridged(block: NDArray[np.float64], faulty: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Fill faulty channels, in place."""
    for channels, nodes, weights in _bridges(faulty):
        block[:, channels] = block[:, nodes] @ weights
    return block


def _bridges(
    faulty: NDArray[np.bool_],
) -> list[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]]:
    """Channels of each run, the good channels beside, and weights of shape (node, channel)."""
    good = np.flatnonzero(~faulty)
    runs, number = label(faulty)
    bridges = []
    for run in range(1, number + 1):
        channels = np.flatnonzero(runs == run)
        wide = channels.size > 2
        # A cubic follows the top of a white line; over a wider gap it would multiply the noise.
        reach = 1 if wide else _NODES // 2
        first = int(np.searchsorted(good, channels[0]))
        nodes = good[max(first - reach, 0) : first + reach]
        if nodes.size == 0:
            continue
        # At the end of the axis there is one side only, and its nearest channel is carried on.
        if first < reach or first + reach > good.size:
            nodes = nodes[-1:] if first >= good.size else nodes[:1] if first == 0 else good[[first - 1, first]]
        weights = np.ones((nodes.size, channels.size))
        for index, node in enumerate(nodes):
            for other in np.delete(nodes, index):
                weights[index] *= (channels - other) / (node - other)
        bridges.append((channels, nodes, weights))
    return bridges


def _in_words(
    dead: NDArray[np.bool_],
    hot: NDArray[np.bool_],
    steps: tuple[GainStep, ...],
    saturation: float | None,
    energy: NDArray[np.float64],
) -> str:
    """List the faults with channels and energies."""
    parts = []
    for name, mask in (("dead", dead), ("hot", hot)):
        if mask.any():
            listed = ", ".join(f"{channel} ({energy[channel]:.1f} eV)" for channel in np.flatnonzero(mask))
            parts.append(f"{name} channels {listed}")
    if steps:
        listed = ", ".join(
            f"{100 * (one.ratio - 1):+.2f} % from channel {one.channel} ({energy[one.channel]:.1f} eV)" for one in steps
        )
        parts.append(f"steps of the gain: {listed}")
    if saturation is not None:
        parts.append(f"saturated at {saturation:g} counts")
    return "; ".join(parts) if parts else "no faults found"
