"""What is done to the counts of a pixel before its edges are extracted, in the order in which it must be done."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.preprocess.denoising import project
from eelsmap.preprocess.detector import repair_detector
from eelsmap.preprocess.local_average import averaging_gain
from eelsmap.preprocess.plan import Plan
from eelsmap.preprocess.plural_scattering import fourier_ratio
from eelsmap.preprocess.spikes import remove_spikes
from eelsmap.recipe import Recipe

__all__ = ["TreatedPixels", "cleaned", "treated"]

# How much before the first edge shows the background that is set apart from deconvolution, eV.
_LONGEST_FIT = 30.0
_MOST_NEGATIVE = 0.25


class TreatedPixels(NamedTuple):
    """Counts (n, channel) and what became of them.

    ``finite`` (n,): whether the recorded counts were. ``negative`` (n,): whether more than a quarter of them were below
    zero. ``own`` (n,): all counts of the pixel itself, before neighbours lent theirs. ``spikes`` (n,): how many were
    replaced. ``saturated`` (n, channel), or None where nothing can be. ``gain``: variance of the counts over their
    mean, for each pixel (n,) or for all. ``recorded`` (n, channel): the counts whose shot noise is carried, where they
    are others than `counts`.
    """

    counts: NDArray[np.float64]
    finite: NDArray[np.bool_]
    negative: NDArray[np.bool_]
    own: NDArray[np.float64]
    spikes: NDArray[np.intp]
    saturated: NDArray[np.bool_] | None
    gain: NDArray[np.float64] | float
    recorded: NDArray[np.float64] | None = None

    @property
    def full(self) -> tuple[NDArray[np.intp], NDArray[np.bool_] | None]:
        """Which pixels may hold saturated channels, shape (pixel,), and their masks, shape (pixel, channel)."""
        return np.arange(len(self.finite)), self.saturated


def cleaned(block: NDArray[np.generic], plan: Plan, recipe: Recipe, /) -> TreatedPixels:
    """Repair what the detector and X-rays did.

    Parameters
    ----------
    block
        Counts, shape (n, channel).
    plan
        What was decided for the image.
    recipe
        The road.

    Returns
    -------
    TreatedPixels
        Counts that are not finite become zero.
    """
    finite = np.asarray(np.isfinite(block).all(axis=1))
    counts = np.asarray(block, dtype=np.float64)
    if not finite.all():
        counts = np.where(finite[:, None], counts, 0.0)
    negative = (counts < 0).mean(axis=1) > _MOST_NEGATIVE
    saturated = None
    if plan.faults is not None:
        counts, saturated = repair_detector(counts, plan.faults)
    spikes = np.zeros(len(counts), dtype=np.intp)
    if recipe.spikes.enabled:
        counts, spikes = remove_spikes(counts, plan.reference, gain=plan.gain, threshold=recipe.spikes.threshold)
    return TreatedPixels(counts, finite, negative, counts.sum(axis=1), spikes, saturated, plan.gain)


def treated(
    block: NDArray[np.generic],
    plan: Plan,
    recipe: Recipe,
    /,
    *,
    averaged: NDArray[np.floating] | None = None,
    low_loss: NDArray[np.generic] | None = None,
) -> TreatedPixels:
    """Clean the pixels, and take noise and plural scattering away if the recipe says so.

    Parameters
    ----------
    block
        Counts, shape (n, channel).
    plan
        What was decided for the image.
    recipe
        The road.
    averaged
        Average over each pixel's cleaned neighbourhood, shape (n, channel), which takes the place of its counts.
    low_loss
        Counts of each pixel's low loss on ``plan.low_loss_energy``, shape (n, low-loss channel).

    Returns
    -------
    TreatedPixels
        With the gain that is left.
    """
    pixels = cleaned(block, plan, recipe)
    if averaged is not None:
        shared = averaging_gain(recipe.noise.average, plan.navigation)
        pixels = pixels._replace(counts=np.asarray(averaged, dtype=np.float64), gain=plan.gain * shared)
    if plan.components is not None:
        pixels = pixels._replace(counts=project(pixels.counts, plan.components).counts)
    if low_loss is not None and plan.low_loss_energy is not None:
        single = fourier_ratio(
            pixels.counts,
            plan.energy,
            low_loss,
            plan.low_loss_energy,
            fwhm=recipe.plural_scattering.fwhm or None,
            fit_width=min(_LONGEST_FIT, plan.first_edge(recipe.edge_set) - float(plan.energy[0])),
            fit_end=plan.first_edge(recipe.edge_set),
        )
        # Without a zero-loss peak there is nothing to remove plural scattering with.
        known = np.isfinite(single.variance_factor)
        pixels = pixels._replace(
            counts=np.where(known[:, None], single.counts, 0.0),
            finite=pixels.finite & known,
            recorded=pixels.counts,
            gain=pixels.gain * np.where(known, single.variance_factor, 1.0),
        )
    return pixels
