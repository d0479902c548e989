"""How long mapping an image will take, measured on one of its pixels on this machine. No Qt here."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from eelsmap.mapping.pixel_block import PropertyWork
from eelsmap.mapping.planned_image import PlannedImage
from eelsmap.models import Model
from eelsmap.napari.image.looked_at import Corrections, LookedAt, corrected, look_at
from eelsmap.recipe import Recipe

__all__ = ["duration_words", "estimate_seconds", "look_and_time"]

_PIXELS = 512


def look_and_time(signal: Any, corrections: Corrections, recipe: Recipe, model: Model) -> tuple[LookedAt, float | None]:
    """Look at a corrected signal and estimate how long mapping it takes; None where it cannot be mapped."""
    looked = look_at(corrected(signal, corrections), recipe)
    return looked, None if looked.image is None else estimate_seconds(looked.image, model)


def estimate_seconds(image: PlannedImage, model: Model) -> float:
    """Estimate how long all pixels take.

    The pixel in the middle is treated a few hundred times over, once before the clock runs, so that kernels are
    compiled by then. Reading from disk and averaging over neighbours come on top.

    Parameters
    ----------
    image
        The planned image.
    model
        The model.

    Returns
    -------
    float
        Seconds.
    """
    navigation = image.core.data.shape[:-1]
    counts, known = image.at(tuple(length // 2 for length in navigation))
    pixels = np.repeat(counts, _PIXELS, axis=0)
    around = {name: np.repeat(values, _PIXELS, axis=0) for name, values in known.items()}
    work = PropertyWork(image.plan, image.recipe, model)
    work(pixels, **around)
    start = time.perf_counter()
    work(pixels, **around)
    seconds = (time.perf_counter() - start) / _PIXELS
    return seconds * float(np.prod(navigation, dtype=np.float64)) / (os.cpu_count() or 1)


def duration_words(seconds: float) -> str:
    """Write a duration as a person would say it."""
    if seconds < 9.5:
        return f"{max(seconds, 0.1):.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
