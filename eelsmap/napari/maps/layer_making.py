"""Napari layers of maps: made, found, put in their place in the list, selected and drawn anew."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Layer, Vectors
from numpy.typing import NDArray

from eelsmap.napari.image.layers import LayerData
from eelsmap.napari.maps.flag_pattern import hatch_vectors
from eelsmap.napari.maps.layer_plans import WIDTH, LayerPlan

if TYPE_CHECKING:
    from eelsmap.mapping.property_maps import PropertyMaps

__all__ = ["dress", "layers_of", "list_position", "make_layer", "redraw", "select_shown"]


def make_layer(content: LayerData) -> Layer:
    """Make the layer that :func:`eelsmap.napari.maps.layer_data.map_layer` describes, with colour bar and name."""
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


def redraw(layer: Layer, plan: LayerPlan, values: NDArray[Any]) -> None:
    """Draw a layer anew after its values have changed.

    Parameters
    ----------
    layer
        The layer.
    plan
        What it shows.
    values
        Its array.
    """
    if isinstance(layer, Vectors):
        vectors, colours = hatch_vectors(values)
        layer.data = vectors
        if len(vectors):
            layer.edge_color = colours
        return
    if plan.info.limits is None:
        layer.contrast_limits = plan.limits(values)
    layer.refresh(extent=False)


def layers_of(layers: Iterable[Layer], maps: PropertyMaps, keys: Container[str]) -> Iterator[tuple[str, Layer]]:
    """Find the layers of these very maps, such as the reader made.

    Parameters
    ----------
    layers
        The viewer's layers.
    maps
        The maps.
    keys
        Keys that their layers may have.

    Yields
    ------
    tuple
        Key and layer.
    """
    for layer in layers:
        said = layer.metadata.get("eelsmap", {})
        key = said.get("property", "") + (WIDTH if said.get("kind") == "interval" else "")
        if said.get("maps") is maps and key in keys:
            yield key, layer
