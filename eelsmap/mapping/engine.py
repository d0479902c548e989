"""Blocks in, maps out, in one pass over the data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eelsmap.io.energy_axis import axis_name, axis_unit
from eelsmap.mapping.pixel_block import PropertyWork
from eelsmap.mapping.planned_image import PixelWork, PlannedImage, as_planned
from eelsmap.mapping.property_maps import PropertyMaps
from eelsmap.mapping.provenance import model_identity, provenance
from eelsmap.models.device_model import on_device
from eelsmap.models.model import Model
from eelsmap.models.model_loading import load_model
from eelsmap.recipe import Recipe

__all__ = ["map_properties", "maps_of"]


def map_properties(
    signal: Any,
    model: Model | str | Path = "nmc",
    *,
    recipe: Recipe | None = None,
    axis_mode: str | None = None,
    lazy: bool | None = None,
    device: str | None = None,
) -> PropertyMaps:
    """Map every property of a model over a spectrum image.

    Parameters
    ----------
    signal
        Core-loss HyperSpy signal with one energy axis, shape (navigation..., channel); any number of navigation
        axes, also none. Its ``low_loss``, when it was recorded at the same time, shifts each pixel's axis. Or an image
        that is planned already (:func:`eelsmap.mapping.plan_signal`) for the edges and features of the model.
    model
        A model, the name of a shipped one, or the path of a bundle.
    recipe
        Another road than the model's: other steps of treatment (detector, axis, noise, plural scattering, background),
        with the edges and features of the model.
    axis_mode
        Another way to treat the energy axis than the model's recipe says; see
        :class:`eelsmap.recipe.EnergyAxisStep`.
    lazy
        Whether to leave the maps to be computed when they are asked for. None follows the signal.
    device
        Where features and trees are computed: ``"cpu"``, or ``"cuda"`` for a GPU of NVIDIA (docs/engine.md). None
        leaves it to the model, which is on the CPU unless :func:`eelsmap.models.device_model.on_device` has moved it.

    Returns
    -------
    PropertyMaps
        Name to HyperSpy signal on the navigation axes of the input.

    Raises
    ------
    UnknownModelError, BundleError
        The model cannot be loaded.
    NotASpectrumImageError, EnergyAxisError, NoEdgesError, RecipeError
        The signal cannot be mapped; the message says why.
    DeviceError
        The device cannot be used; the message says what is missing.

    Notes
    -----
    What is decided once for the image is decided from a part of it that is read at once and is the same for eager and
    lazy signals (:func:`eelsmap.mapping.plan_signal`). Everything else is done in one pass over blocks of pixels.
    """
    model = model if isinstance(model, Model) else load_model(model)
    model = model if device is None else on_device(model, device)
    if isinstance(signal, PlannedImage) and recipe is None and axis_mode is None:
        recipe = signal.recipe
    road = model.recipe if recipe is None else model.recipe.with_treatment(recipe)
    road = road if axis_mode is None else road.with_axis_mode(axis_mode)
    image = as_planned(signal, road)
    return maps_of(image, PropertyWork(image.plan, road, model), {"model": model_identity(model)}, lazy=lazy)


def maps_of(
    image: PlannedImage,
    work: PixelWork,
    said: Mapping[str, Any],
    /,
    *,
    more: Mapping[str, Any] | None = None,
    lazy: bool | None = None,
) -> PropertyMaps:
    """Do a work on every pixel of an image.

    Parameters
    ----------
    image
        The image with its plan.
    work
        What is done on its pixels.
    said
        What provenance says of the work.
    more
        What the work needs to know of each pixel beside what the image knows.
    lazy
        Whether to leave the maps to be computed when they are asked for. None follows the signal.

    Returns
    -------
    PropertyMaps
        A map for each output of the work.
    """
    maps = PropertyMaps(image.map(work, more), work.names, _navigation_axes(image.core), provenance(image, said))
    stay_lazy = bool(image.core._lazy) if lazy is None else lazy
    return maps if stay_lazy else maps.compute(progress=False)


def _navigation_axes(core: Any) -> list[dict[str, Any]]:
    """Name, size, scale, offset and unit of the navigation axes, in the order of the array."""
    return [
        {
            "name": axis_name(axis),
            "size": int(axis.size),
            "scale": float(axis.scale) if axis.is_uniform else 1.0,
            "offset": float(axis.offset) if axis.is_uniform else 0.0,
            "units": axis_unit(axis) if axis.is_uniform else "",
        }
        for axis in core.axes_manager._axes
        if axis.navigate
    ]
