"""One map as napari layer data: array, keywords, layer type. Imports neither Qt nor napari."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from eelsmap.napari.image.layers import LayerData, image_layer
from eelsmap.napari.maps.flag_pattern import hatch_vectors, line_width
from eelsmap.napari.maps.layer_plans import LayerPlan

__all__ = ["map_layer"]


def map_layer(
    plan: LayerPlan,
    values: NDArray[Any],
    axes: Sequence[dict[str, Any]],
    *,
    title: str,
    visible: bool,
    metadata: dict[str, Any],
) -> LayerData:
    """Make the layer of one map: an image, or hatching as vectors for flags.

    Parameters
    ----------
    plan
        What it shows.
    values
        Its array, at least two axes; the layer keeps this very array.
    axes
        Navigation axes in array order.
    title
        Name of the layer.
    visible
        Whether it is seen.
    metadata
        What stands in ``metadata["eelsmap"]`` beside kind and property.

    Returns
    -------
    tuple
        Layer data.
    """
    data, keywords, kind = image_layer(
        values, axes, title, colormap=plan.colormap, limits=(0.0, 1.0) if plan.kind == "flags" else plan.limits(values)
    )
    keywords["metadata"] = {"eelsmap": {"kind": plan.kind, "property": plan.name, **metadata}}
    keywords["visible"] = visible
    if plan.kind != "flags":
        return data, {**keywords, "interpolation2d": "nearest"}, kind
    for unfit in ("colormap", "contrast_limits"):
        keywords.pop(unfit)
    vectors, colours = hatch_vectors(values)
    keywords |= {"ndim": values.ndim, "vector_style": "line", "edge_width": line_width(values.shape), "opacity": 0.95}
    return vectors, {**keywords, "edge_color": colours if len(vectors) else "white"}, "vectors"
