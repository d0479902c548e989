"""What napari's status bar says of maps: the values of those that are visible, under the cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from napari.layers import Image, Layer

from eelsmap.napari.maps.cursor_words import words_inside
from eelsmap.napari.maps.layer_plans import LayerPlan, MapValues

__all__ = ["tell_pixels", "visible_words"]


def visible_words(
    values: MapValues, plans: Mapping[str, LayerPlan], layers: Mapping[str, Layer], position: Iterable[float]
) -> str:
    """Say what the visible maps hold at a position; empty outside.

    Parameters
    ----------
    values
        The numbers.
    plans
        What each layer shows, by key.
    layers
        Those in the viewer, by key.
    position
        World coordinates, as ``viewer.cursor.position``.
    """
    shown = [plan.name for key, plan in plans.items() if key in layers and layers[key].visible]
    layer = next((one for one in list(layers.values()) if isinstance(one, Image)), None)
    if layer is None:
        return ""
    inside = layer.world_to_data(tuple(position)[-layer.ndim :])
    return words_inside(values, inside, [name for name in dict.fromkeys(shown) if name != "flags"])


def tell_pixels(layer: Layer, words_at: Callable[[Any], str]) -> None:
    """Have the status bar say what the maps hold under the cursor while this layer is selected.

    Parameters
    ----------
    layer
        The layer.
    words_at
        Words of a position in world coordinates; none outside the maps.
    """
    usual = layer.get_status

    def status(position: Any = None, **options: Any) -> dict[str, str]:
        """Say what napari says of a layer, with our words for its value."""
        said = usual(position, **options)
        words = "" if position is None else words_at(position)
        return {**said, "layer_base": "", "coordinates": words, "value": words} if words else said

    layer.get_status = status
