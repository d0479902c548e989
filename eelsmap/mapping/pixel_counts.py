"""The counts of one pixel, or the sum of several, with what the road needs to know of them.

One pixel takes exactly what a map takes for it. Several pixels are summed after each was cleaned of spikes and detector
faults and laid on one energy axis; their sum has the noise of all of their electrons, so the road treats it like one
pixel that was recorded for longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import PixelFlag, RecipeError
from eelsmap.mapping.blocks import as_blocks, row_numbers
from eelsmap.mapping.planned_image import PlannedImage
from eelsmap.preprocess.cleaning import cleaned, treated
from eelsmap.preprocess.local_average import averaging_depth, local_average
from eelsmap.preprocess.plan import Plan
from eelsmap.preprocess.windows import shift_counts
from eelsmap.preprocess.zero_loss import measure_zero_loss
from eelsmap.recipe import Recipe

__all__ = [
    "PixelCounts",
    "checked_mask",
    "checked_place",
    "counts_at",
    "masked_blocks",
    "mean_in_words",
    "place_in_words",
    "summed_counts",
    "treated_counts",
]


@dataclass(frozen=True)
class PixelCounts:
    """Counts of one spectrum and its road.

    Parameters
    ----------
    counts
        Shape (1, channel): of one pixel, or the sum of `pixels`.
    known
        What else is known, by argument of :func:`eelsmap.preprocess.extract_edges`.
    plan, recipe
        The road for these counts.
    pixels
        How many pixels they are the sum of.
    left_out
        How many of the marked pixels hold nothing usable and are not in the sum.
    flags
        :class:`eelsmap.errors.PixelFlag` of what was done to the pixels before they were summed.
    """

    counts: NDArray[np.generic]
    known: dict[str, Any]
    plan: Plan
    recipe: Recipe
    pixels: int = 1
    left_out: int = 0
    flags: int = 0


def counts_at(image: PlannedImage, place: tuple[int, ...], /) -> PixelCounts:
    """Take one pixel as the maps take it.

    Parameters
    ----------
    image
        The planned image.
    place
        A pixel, as :func:`checked_place` returns it.

    Returns
    -------
    PixelCounts
        Of a lazy image the block of the pixel is read; with averaging recipes also what lies around it.
    """
    counts, known = _alone(image).at(place)
    recipe = image.recipe
    for name, sigma in (("averaged", recipe.noise.average), ("around", recipe.background.neighbours)):
        if sigma > 0 and place:
            known[name] = _average_around(image, place, sigma)
    return PixelCounts(counts, known, image.plan, recipe)


def summed_counts(image: PlannedImage, mask: NDArray[np.bool_], /) -> PixelCounts:
    """Sum the marked pixels of an image, block by block.

    Parameters
    ----------
    image
        The planned image.
    mask
        Shape (navigation...), as :func:`checked_mask` returns it.

    Returns
    -------
    PixelCounts
        Averaging and components of the recipe are left out: the sum takes their place. Pixels that are not finite, are
        saturated or lack a zero-loss peak where it is needed are left out and counted.

    Raises
    ------
    RecipeError
        No marked pixel holds anything usable.

    Notes
    -----
    Where every pixel has its own axis, counts are moved by fractions of channels, which spreads a count over two
    neighbouring channels and does not change sums over windows.
    """
    total = np.zeros(image.core.data.shape[-1])
    low_total = None if image.deconvolving is None else np.zeros(image.deconvolving.data.shape[-1])
    used = marked = 0
    flags = 0
    errors = 0.0
    for box, inside in masked_blocks(image.core.data, mask):
        pixels = cleaned(np.asarray(image.core.data[box])[inside], image.plan, image.recipe)
        shift, error = _shifts(image, box, inside)
        keep = pixels.finite & np.isfinite(shift)
        if pixels.saturated is not None:
            keep &= ~pixels.saturated.any(axis=1)
        marked += keep.size
        used += int(keep.sum())
        if (pixels.spikes[keep] > 0).any():
            flags |= int(PixelFlag.SPIKE_REPAIRED)
        total += _on_one_axis(pixels.counts[keep], image.plan.energy, shift[keep] - image.plan.zero_loss)
        errors += float(error[keep].sum())
        if low_total is not None:
            low = np.asarray(image.deconvolving.data[box])[inside][keep].astype(np.float64)
            moved = shift[keep] - image.plan.zero_loss if image.shifting is not None else np.zeros(len(low))
            low_total += _on_one_axis(low, image.deconvolving.axes_manager.signal_axes[0].axis, moved)
    if not used:
        raise RecipeError("no pixel of this region holds anything usable; mark another place")
    faults = image.plan.faults
    if faults is not None and (faults.dead.any() or faults.hot.any()):
        flags |= int(PixelFlag.SPIKE_REPAIRED)
    known: dict[str, Any] = {}
    if image.shifting is not None or (image.plan.drift is not None and image.plan.drift.applied):
        # An error of the shift that all pixels share does not fall with their number.
        known["shift"] = np.array([[image.plan.zero_loss, errors / used]])
    if low_total is not None:
        known["low_loss"] = low_total[None]
    plan = replace(image.plan, faults=None, components=None, minimum_counts=used * image.plan.minimum_counts)
    recipe = replace(_alone(image).recipe, spikes=replace(image.recipe.spikes, enabled=False))
    return PixelCounts(total[None], known, plan, recipe, used, marked - used, flags)


def treated_counts(pixel: PixelCounts, /) -> NDArray[np.float64] | None:
    """Return the counts (channel,) to which backgrounds are fitted, for one pixel; None for the recorded ones."""
    recipe, known = pixel.recipe, pixel.known
    if "averaged" not in known and "low_loss" not in known and pixel.plan.components is None:
        return None
    found = treated(pixel.counts, pixel.plan, recipe, averaged=known.get("averaged"), low_loss=known.get("low_loss"))
    return found.counts[0] / pixel.pixels


def masked_blocks(
    data: Any, mask: NDArray[np.bool_], /
) -> Iterator[tuple[tuple[slice, ...], tuple[NDArray[np.intp], ...]]]:
    """Smallest boxes that hold the marked pixels of each block, and the places of those pixels in the box."""
    limits = [np.concatenate([[0], np.cumsum(sizes)]) for sizes in as_blocks(data).chunks[:-1]]
    for block in product(*(list(pairwise(edges.tolist())) for edges in limits)):
        part = mask[tuple(slice(*ends) for ends in block)]
        if not part.any():
            continue
        marked = np.nonzero(part) if part.ndim else ()
        low = [int(axis.min()) for axis in marked]
        high = [int(axis.max()) + 1 for axis in marked]
        box = tuple(
            slice(start + first, start + last) for (start, _), first, last in zip(block, low, high, strict=True)
        )
        yield box, tuple(axis - first for axis, first in zip(marked, low, strict=True))


def checked_place(index: Any, shape: tuple[int, ...], /) -> tuple[int, ...]:
    """Return the place of a pixel counted from the start, or refuse one that is not in the image."""
    place = tuple(int(number) for number in index)
    inside = len(place) == len(shape) and all(-size <= number < size for number, size in zip(place, shape, strict=True))
    if not inside:
        raise RecipeError(
            f"there is no pixel {place}: the image has the shape {shape} and pixels are given by {len(shape)} "
            f"numbers, in the order of the shape, from 0 on"
        )
    return tuple(number % size for number, size in zip(place, shape, strict=True))


def checked_mask(mask: Any, shape: tuple[int, ...], /) -> NDArray[np.bool_]:
    """Return a mask of pixels, or refuse one that does not belong to the image or marks nothing."""
    marked = np.asarray(mask, dtype=bool)
    if marked.shape != shape:
        raise RecipeError(f"the mask has the shape {marked.shape}, the image {shape}")
    if not marked.any():
        raise RecipeError("no pixel is marked; draw a region that covers the middle of at least one pixel")
    return marked


def _alone(image: PlannedImage) -> PlannedImage:
    """Return the image whose pixels ask nothing of their neighbours."""
    recipe = image.recipe
    if recipe.noise.average == 0 and recipe.background.neighbours == 0:
        return image
    alone = replace(
        recipe, noise=replace(recipe.noise, average=0.0), background=replace(recipe.background, neighbours=0.0)
    )
    return replace(image, recipe=alone)


def _average_around(image: PlannedImage, place: tuple[int, ...], sigma: float) -> NDArray[np.float32]:
    """Average over the cleaned neighbourhood of one pixel, shape (1, channel): only what it reaches is read."""
    depth = averaging_depth(sigma)
    box = tuple(slice(max(0, number - depth), number + depth + 1) for number in place)
    patch = np.asarray(image.core.data[box])
    pixels = cleaned(patch.reshape(-1, patch.shape[-1]), image.plan, image.recipe)
    flat = np.where(pixels.finite[:, None], pixels.counts, np.nan).reshape(patch.shape)
    centre = tuple(number - part.start for number, part in zip(place, box, strict=True))
    return local_average(flat, sigma=sigma)[centre][None].astype(np.float32)


def _shifts(
    image: PlannedImage, box: tuple[slice, ...], inside: tuple[NDArray[np.intp], ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the axis of each pixel lies, and its standard deviation, shape (n,) each, eV."""
    drift = image.plan.drift
    if image.shifting is not None:
        low = np.asarray(image.shifting.data[box])[inside].reshape(-1, image.shifting.data.shape[-1])
        found = measure_zero_loss(low, image.shifting.axes_manager.signal_axes[0].axis)
        return found.position, np.nan_to_num(found.uncertainty)
    if drift is not None and drift.applied:
        rows = row_numbers(image.core.data.shape[:-1])[box][inside]
        return drift.shift[rows], drift.uncertainty[rows]
    n = inside[0].size if inside else 1
    return np.zeros(n), np.zeros(n)


def _on_one_axis(
    counts: NDArray[np.float64], energy: NDArray[np.float64], moved: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sum of spectra (n, channel), each moved back by its displacement (n,), eV."""
    if np.any(moved != 0):
        counts = shift_counts(counts, moved / ((energy[-1] - energy[0]) / (energy.size - 1)))
    return np.asarray(counts.sum(axis=0))


def place_in_words(place: tuple[int, ...]) -> str:
    """Say which pixel it is, counted from 0 as in the array."""
    if not place:
        return "the spectrum"
    if len(place) == 1:
        return f"pixel {place[0]}"
    if len(place) == 2:
        return f"row {place[0]}, column {place[1]}"
    return "pixel " + ", ".join(map(str, place))


def mean_in_words(used: int, left_out: int) -> str:
    """Say what a mean is the mean of."""
    said = f"mean of {used} pixel{'s' if used != 1 else ''}"
    return f"{said}, {left_out} left out" if left_out else said
