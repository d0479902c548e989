"""X-ray spikes: one to three channels that stand far above everything around them, in energy and in the image.

Two things tell a spike from a white line. The image: a white line stands in the mean spectrum too. Its shape: one
X-ray fills a channel and perhaps the next, whereas a line is as wide as the energy resolution, which lifts the
channels on *both* sides. An inclusion's line, unlike the mean spectrum, is kept by the second.

Neighbouring pixels are not asked: the answer for a pixel would change with the block that it is read in. A hot
channel stands in every spectrum and so in the mean spectrum too; bridged there, it is found in each pixel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, ndtr

from eelsmap.preprocess.bridging import bridge_channels, bridge_hot_channels
from eelsmap.preprocess.mean_shape import MeanShape, mean_shape

__all__ = ["bridge_hot_channels", "remove_spikes"]

_SIDE = np.array([2, 3, 4])
_OFFSETS = np.concatenate([-_SIDE[::-1], _SIDE])
_MARGIN = 4
_ROWS = 32
_LOWEST_TAIL = 1e-9
_SHOULDER = 0.25
_SHOULDER_OF_LINES = 0.2
_FLANK = 0.1


def remove_spikes(
    block: NDArray[np.generic],
    reference: NDArray[np.float64],
    /,
    *,
    gain: float = 1.0,
    threshold: float = 8.0,
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Replace X-ray spikes.

    A channel is a spike when its counts stand above all neighbours two to four channels away by ``threshold - 1``
    standard deviations, *and* above their mean, in the shape of the mean spectrum, by more than the Poisson tail at
    ``threshold`` deviations allows (or one in 1e9, if that is more), *and* one of its two nearest channels is not
    lifted as the flank of a line three or more channels wide would be. Near the lines and edges of the mean spectrum
    the last must be beyond doubt: there a spike is found when it is half as high again as the line it stands on.

    Parameters
    ----------
    block
        Counts, shape (n, channel). Rows that are not finite pass unchanged.
    reference
        Mean spectrum of the image, shape (channel,).
    gain
        Variance of the counts divided by their mean.
    threshold
        Height in standard deviations.

    Returns
    -------
    cleaned : numpy.ndarray
        Shape (n, channel), float64; each spike and its two neighbours are drawn straight between the channels beside.
        The block itself, not a copy, where it is float64 and holds no spike.
    spikes : numpy.ndarray
        Number of spikes in each row, shape (n,).
    """
    counts = np.asarray(block, dtype=np.float64)
    n, channels = counts.shape
    found = np.zeros(n, dtype=np.intp)
    if channels <= 2 * _MARGIN + 1 or n == 0:
        return counts, found
    parts = [_candidates(counts[start : start + _ROWS], gain, threshold) for start in range(0, n, _ROWS)]
    rows = np.concatenate([part[0] + start for part, start in zip(parts, range(0, n, _ROWS), strict=True)])
    columns = np.concatenate([part[1] for part in parts])
    if rows.size == 0:
        return counts, found
    shape = mean_shape(reference)
    spike = _are_spikes(counts, rows, columns, shape, gain, threshold)
    spike[spike] = np.isfinite(counts[rows[spike]]).all(axis=1)
    rows, columns = rows[spike], columns[spike]
    if rows.size == 0:
        return counts, found
    found += np.bincount(rows, minlength=n)
    repaired = counts.copy() if np.may_share_memory(counts, block) else counts
    spoilt, masks = _widened(repaired, rows, columns, shape, gain, threshold)
    for row, mask in zip(spoilt, masks, strict=True):
        bridge_channels(repaired[row], mask)
    return repaired, found


def _candidates(
    counts: NDArray[np.float64], gain: float, threshold: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Peaks far above the neighbours on one side at least: necessary for a spike, quick to tell, and rare.

    Both sides would be rarer, but of two spikes close to each other neither stands above both sides.
    """
    channels = counts.shape[1]
    with np.errstate(invalid="ignore", over="ignore"):
        # Half the memory, twice the speed, in electrons, which float32 can hold in any unit of the counts; the slack
        # keeps what rounding would lose for the exact test.
        data = np.empty(counts.shape, dtype=np.float32)
        np.multiply(counts, 1.0 / gain, out=data, casting="unsafe")
        three = np.maximum(data[:, :-2], data[:, 2:])
        np.maximum(three, data[:, 1:-1], out=three)
        lowest = np.empty_like(data)
        lowest[:, :_MARGIN] = three[:, 2 : _MARGIN + 2]
        lowest[:, -_MARGIN:] = three[:, channels - 2 * _MARGIN : channels - _MARGIN]
        np.minimum(three[:, : -_MARGIN - 2], three[:, _MARGIN + 2 :], out=lowest[:, _MARGIN:-_MARGIN])
        height = np.subtract(data, lowest, out=data)
        np.maximum(lowest, 0.0, out=lowest)
        lowest += np.float32(1.0)
        lowest *= np.float32((0.999 * (threshold - 1.0)) ** 2)
        np.sqrt(lowest, out=lowest)
        rows, columns = np.nonzero(height > lowest)
    if rows.size:
        here = counts[rows, columns]
        peak = here >= np.maximum(
            counts[rows, np.maximum(columns - 1, 0)], counts[rows, np.minimum(columns + 1, channels - 1)]
        )
        rows, columns = rows[peak], columns[peak]
    return rows, columns


def _are_spikes(
    counts: NDArray[np.float64],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    shape: MeanShape,
    gain: float,
    threshold: float,
) -> NDArray[np.bool_]:
    """Which peaks are spikes, shape (peak,); what is not finite is none."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        here, around = counts[rows, columns], _take(counts, rows, columns, _OFFSETS)
        left, right = (
            _stands_out(here, around[:, part], gain, threshold)
            for part in (slice(0, _SIDE.size), slice(_SIDE.size, None))
        )
        alone = left & right
        paired = (left & _has_partner(rows, columns, right, 1)) | (right & _has_partner(rows, columns, left, -1))
        # Lines come in pairs too.
        spike = alone | (paired & ~shape.featured[columns])
        # The cheaper question first: few peaks of real spectra are left after each.
        for select in (_sharper_than_lines, _above_shape):
            rest = np.flatnonzero(spike)
            if rest.size == 0:
                break
            sides = (alone[rest], left[rest])
            spike[rest] = select(counts, rows[rest], columns[rest], sides, shape, gain, threshold)
    return spike


def _is_far_above(
    counts: NDArray[np.float64],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    offsets: NDArray[np.intp],
    gain: float,
    threshold: float,
) -> NDArray[np.bool_]:
    """Whether peaks stand far above the largest of some neighbours; those beyond the axis are not asked."""
    return _stands_out(counts[rows, columns], _take(counts, rows, columns, offsets), gain, threshold)


def _stands_out(
    here: NDArray[np.float64], around: NDArray[np.float64], gain: float, threshold: float
) -> NDArray[np.bool_]:
    """Whether counts (peak,) lie far above the largest of those around (peak, neighbour), NaN left out."""
    largest = np.where(np.isnan(around), -np.inf, around).max(axis=1)
    # Empty channels still count as one electron of uncertainty, which is `gain` counts: whatever unit the counts
    # come in, the same channels are found. The largest of six lies one deviation above their mean already.
    sigma = np.sqrt(gain * (np.maximum(largest, 0.0) + gain))
    return np.asarray(here - largest > (threshold - 1.0) * sigma)


def _above_shape(
    counts: NDArray[np.float64],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    sides: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    shape: MeanShape,
    gain: float,
    threshold: float,
) -> NDArray[np.bool_]:
    """Whether peaks stand above what the mean spectrum makes of their neighbours; of a pair, those on the clean side.

    Of all electrons here and in m neighbours, the share that falls here by chance is binomial, whatever the mean: at
    a few counts a channel its tail is much longer than that of a normal distribution.
    """
    alone, left = sides
    around = _take(counts, rows, columns, _OFFSETS)
    around[~alone & left, _SIDE.size :] = np.nan
    around[~alone & ~left, : _SIDE.size] = np.nan
    number = np.isfinite(around).sum(axis=1)
    electrons = np.maximum(counts[rows, columns] / gain, 1.0)
    others = np.maximum(np.nansum(around, axis=1), 0.0) / gain
    factor = shape.factor[np.where(alone, 2, np.where(left, 0, 1)), columns]
    by_chance = betainc(electrons, others + 1.0, factor / (factor + number))
    return np.asarray(by_chance < max(float(ndtr(-threshold)), _LOWEST_TAIL))


def _take(
    counts: NDArray[np.float64], rows: NDArray[np.intp], columns: NDArray[np.intp], offsets: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Neighbours of peaks, shape (peak, offset); NaN beyond the axis."""
    positions = columns[:, None] + offsets
    last = counts.shape[1] - 1
    around = counts[rows[:, None], np.clip(positions, 0, last)]
    around[(positions < 0) | (positions > last)] = np.nan
    return around


def _has_partner(
    rows: NDArray[np.intp], columns: NDArray[np.intp], outer: NDArray[np.bool_], direction: int
) -> NDArray[np.bool_]:
    """Whether another peak two to four channels away stands above everything on its far side."""
    partner = np.zeros(rows.size, dtype=bool)
    for step in (1, 2):
        # Peaks come sorted by row and channel, and between two of them there is at most one more.
        other = np.arange(rows.size) + direction * step
        valid = (other >= 0) & (other < rows.size)
        other = np.clip(other, 0, rows.size - 1)
        distance = direction * (columns[other] - columns)
        partner |= valid & (rows[other] == rows) & (distance >= _SIDE[0]) & (distance <= _SIDE[-1]) & outer[other]
    return partner


def _sharper_than_lines(
    counts: NDArray[np.float64],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    sides: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    shape: MeanShape,
    gain: float,
    _threshold: float,
) -> NDArray[np.bool_]:
    """Whether peaks are narrower than a line three channels wide, which lifts both nearest channels to a third.

    Where the mean spectrum is smooth, three channels do for a spike if nothing is lifted beside them.
    """
    alone, _ = sides
    last = counts.shape[1] - 1
    here = counts[rows, columns]
    certain = shape.featured[columns] | ~alone
    deviations = np.where(certain, 3.0, 1.0)
    levels = [counts[rows[:, None], np.clip(columns[:, None] + side * _SIDE, 0, last)].mean(axis=1) for side in (-1, 1)]
    clean = np.minimum(*levels)
    lowest = np.full(rows.size, np.inf)
    flank = np.full(rows.size, -np.inf)
    for side, level in zip((-1, 1), levels, strict=True):
        near, beside = (counts[rows, np.clip(columns + side * step, 0, last)] for step in (1, 2))
        error = deviations * np.sqrt(gain * (np.maximum(near, 0.0) + gain))
        # The other spike of a pair raises the level on its side.
        base = np.where(alone, level, clean)
        lifted = (near - base + error) / (here - base)
        # On a line the level falls from channel to channel, and beside it there is fine structure.
        lifted = np.where(certain & alone, np.maximum(lifted, (near - beside + error) / (here - beside)), lifted)
        exists = (columns + side >= 0) & (columns + side <= last)
        lowest = np.where(exists, np.minimum(lowest, lifted), lowest)
        flank = np.where(exists, np.maximum(flank, (beside - base) / (here - base)), flank)
    sharp = lowest < np.where(certain, _SHOULDER_OF_LINES, _SHOULDER)
    return np.asarray(sharp | (~certain & (flank < _FLANK)))


def _widened(
    counts: NDArray[np.float64],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    shape: MeanShape,
    gain: float,
    threshold: float,
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Rows that hold spikes, and masks of what the spikes reach, shape (row, channel).

    That are their nearest channels, and one more where that stands out as well.
    """
    channels = counts.shape[1]
    spoilt, place = np.unique(rows, return_inverse=True)
    mask = np.zeros((spoilt.size, channels), dtype=bool)
    for step in (-1, 0, 1):
        mask[place, np.clip(columns + step, 0, channels - 1)] = True
    for side, outward in ((-1, True), (1, False)):
        beside = columns + 2 * side
        # Beside the outermost channels there is nothing to compare with.
        asked = np.flatnonzero((beside >= _SIDE[0]) & (beside < channels - _SIDE[0]))
        asked = asked[~mask[place[asked], beside[asked]]]
        asked = asked[_is_far_above(counts, rows[asked], beside[asked], side * _SIDE, gain, threshold)]
        if asked.size:
            sides = np.zeros(asked.size, dtype=bool), np.full(asked.size, outward)
            high = _above_shape(counts, rows[asked], beside[asked], sides, shape, gain, threshold)
            mask[place[asked[high]], beside[asked[high]]] = True
    return spoilt, mask
