"""Saved maps as napari layer data, from the bottom of the layer list up. Imports neither Qt nor napari."""

from __future__ import annotations

from eelsmap.mapping import PropertyMaps
from eelsmap.napari.image.layers import LayerData
from eelsmap.napari.maps.layer_data import map_layer
from eelsmap.napari.maps.layer_plans import MapValues, plan_layers

__all__ = ["saved_map_layers"]


def saved_map_layers(maps: PropertyMaps, name: str) -> list[LayerData]:
    """Make a layer for each property, each map of quality and the flags; the first property and flags are visible.

    Parameters
    ----------
    maps
        The maps.
    name
        Name of the file, for the layers' metadata.

    Returns
    -------
    list of tuple
        Layer data. Interval widths come with the panel, which serves these very layers.
    """
    values = MapValues(maps)
    plans = [plan for plan in plan_layers(values) if plan.kind != "interval"]
    first = next((plan.key for plan in plans if plan.kind != "flags"), "")
    return [
        map_layer(
            plan, values.shown(plan), maps.axes, title=plan.title, visible=plan.key in (first, "flags"),
            metadata={"name": name, "maps": maps},
        )
        for plan in reversed(plans)
    ]  # fmt: skip
