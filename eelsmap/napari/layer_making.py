"""Make the napari layer of one map."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from napari.layers import Image, Layer, Vectors
from numpy.typing import NDArray

from eelsmap.napari.flag_pattern import hatch_vectors
from eelsmap.napari.layers import LayerData

__all__ = ["dress", "list_position", "make_layer", "redraw_hatching", "select_shown", "tell_pixels"]


def make_layer(content: LayerData) -> Layer:
    """Make the layer that :func:`eelsmap.napari.layers.map_layer` describes, with colour bar and name."""
    layer = Layer.create(*content)
    dress(layer)
    return layer


def dress(layer: Layer) -> None:
    """Give a map its colour bar and its name in the canvas."""
    if isinstance(layer, Image):
        layer.colorbar.visible = layer.name_overlay.visible = True


def list_position(layers: Any, ours: Mapping[str, Layer], order: Sequence[str], key: str) -> int:
    """Find the place of a new layer in the layer list.

    Parameters
    ----------
    layers
        The viewer's layers, from the bottom up.
    ours
        Those of the same maps that are among them.
    order
        Keys of all layers of these maps, from the top down.
    key
        Key of the new one.
    """
    place = order.index(key)
    listed = {one: layers.index(layer) for one, layer in ours.items() if layer in layers}
    higher = [listed[one] for one in order[:place] if one in listed]
    lower = [listed[one] for one in order[place + 1 :] if one in listed]
    return min(higher) if higher else max(lower) + 1 if lower else len(layers)


def select_shown(layers: Any, ours: Mapping[str, Layer], shown: Sequence[str]) -> None:
    """Select the first map that is shown, if one was selected that is not shown any more.

    Parameters
    ----------
    layers
        The viewer's layers.
    ours
        Those of the same maps that are among them.
    shown
        Keys of the maps that are shown.
    """
    seen = [ours[key] for key in shown if key in ours]
    active = layers.selection.active
    if seen and active in ours.values() and active not in seen:
        layers.selection = {seen[0]}


def redraw_hatching(layer: Vectors, flags: NDArray[Any]) -> None:
    """Hatch the pixels that are flagged now."""
    vectors, colours = hatch_vectors(flags)
    layer.data = vectors
    if len(vectors):
        layer.edge_color = colours


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
