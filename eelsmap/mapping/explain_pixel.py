"""Why a model says what it says of one pixel of a spectrum image, on the same road as the maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eelsmap.io import prepare
from eelsmap.mapping.pixel_counts import checked_place, counts_at
from eelsmap.mapping.planned_image import PlannedImage, plan_signal
from eelsmap.models.explanation import Explanation, explain_stack
from eelsmap.models.model import Model
from eelsmap.models.model_loading import load_model
from eelsmap.preprocess.extraction import extract_edges

__all__ = ["explain_pixel"]


def explain_pixel(
    signal: Any,
    index: Sequence[int],
    target: str,
    /,
    model: Model | str | Path = "nmc",
    *,
    axis_mode: str | None = None,
    planned: PlannedImage | None = None,
) -> Explanation:
    """Explain one property of one pixel.

    Parameters
    ----------
    signal
        Core-loss HyperSpy signal as for :func:`eelsmap.map_properties`.
    index
        Place of the pixel in the order of the array: (row, column) of an image, (place,) of a line, () of a single
        spectrum. Negative places count from the end.
    target
        Name of the property, for instance ``"li_content"``.
    model, axis_mode
        As for :func:`eelsmap.map_properties`.
    planned
        Result of :func:`eelsmap.mapping.plan_signal` for this signal with the recipe of the model, to save its time
        when several pixels are explained.

    Returns
    -------
    Explanation
        Of one spectrum. Where its flags end the answer, the value is NaN and the contributions are zero.

    Raises
    ------
    RecipeError
        There is no such pixel, or the model has no such property.
    UnknownModelError, BundleError, NotASpectrumImageError, EnergyAxisError, NoEdgesError
        As for :func:`eelsmap.map_properties`.
    """
    model = model if isinstance(model, Model) else load_model(model)
    if planned is None:
        recipe = model.recipe if axis_mode is None else model.recipe.with_axis_mode(axis_mode)
        core = prepare(signal)
        place = checked_place(index, core.data.shape[:-1])
        planned = plan_signal(core, recipe)
    else:
        place = checked_place(index, planned.core.data.shape[:-1])
    pixel = counts_at(planned, place)
    stack = extract_edges(pixel.counts, pixel.plan, pixel.recipe, **pixel.known)
    return explain_stack(model, stack, target, axis_uncertainty=float(np.ravel(stack.axis_uncertainty)[0]))
