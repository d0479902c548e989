"""Signals as napari layer data: array, keywords, layer type. Imports neither Qt nor napari."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LayerData", "PathOrPaths", "axes_of", "counts_layer", "image_layer"]

LayerData = tuple[NDArray[Any], dict[str, Any], str]
PathOrPaths = str | Sequence[str]
"""What a reader is given by napari."""


def counts_layer(signal: Any, name: str, *, counts: NDArray[Any] | None = None) -> LayerData:
    """Make an image layer of the counts of a spectrum image, summed over energy.

    Parameters
    ----------
    signal
        Spectrum image; a lazy one is read once, block by block.
    name
        Name of the layer.
    counts
        Its counts, where they are known or will be, shape (navigation...).

    Returns
    -------
    tuple
        Layer data. The signal itself, lazy or not, stands in the layer's ``metadata["eelsmap"]["signal"]``.
    """
    if counts is None:
        counts = np.asarray(signal.data.sum(axis=-1, dtype=np.float64))
    data, keywords, kind = image_layer(counts, axes_of(signal), name, colormap="gray")
    keywords["metadata"] = {"eelsmap": {"kind": "spectrum_image", "name": name, "signal": signal}}
    return data, keywords, kind


def axes_of(signal: Any) -> list[dict[str, Any]]:
    """Navigation axes of a signal in array order: dicts with size, scale, offset, units."""
    # navigation_axes runs x, y; the array is indexed y, x.
    return [
        {"size": axis.size, "scale": axis.scale, "offset": axis.offset, "units": axis.units}
        for axis in signal.axes_manager.navigation_axes[::-1]
    ]


def image_layer(
    values: NDArray[Any],
    axes: Sequence[dict[str, Any]],
    name: str,
    *,
    colormap: str,
    limits: tuple[float, float] | None = None,
) -> LayerData:
    """Make an image layer with scale, units and contrast limits.

    Parameters
    ----------
    values
        Any number of axes; a line becomes an image of one row, a single value one of one pixel.
    axes
        Axes in array order: dicts with scale, offset, units.
    name
        Name of the layer.
    colormap
        Colour map.
    limits
        Contrast limits; by default all values but the most extreme hundredth.

    Returns
    -------
    tuple
        Layer data.
    """
    scale = [abs(float(axis["scale"])) or 1.0 for axis in axes]
    offset = [float(axis["offset"]) for axis in axes]
    units = [_unit(axis["units"]) for axis in axes]
    missing = max(0, 2 - len(scale))
    image = np.asarray(values).reshape((1,) * max(0, 2 - np.ndim(values)) + np.shape(values))
    # Lengths and pixels cannot be mixed in one layer.
    known = units and "pixel" not in units
    return (
        image,
        {
            "name": name,
            "colormap": colormap,
            "scale": [scale[0] if scale else 1.0] * missing + scale,
            "translate": [0.0] * missing + offset,
            "units": [units[0]] * missing + units if known else ["pixel"] * image.ndim,
            "contrast_limits": list(_limits(image) if limits is None else limits),
        },
        "image",
    )


def _unit(unit: Any) -> str:
    """Return the unit of an axis as napari knows it; ``pixel`` where there is none."""
    return unit if isinstance(unit, str) and unit in ("m", "mm", "µm", "um", "nm", "pm", "s") else "pixel"


def _limits(values: NDArray[Any]) -> tuple[float, float]:
    """Contrast limits without the most extreme hundredth of the values, never empty."""
    some = values[np.isfinite(values)]
    if not some.size:
        return 0.0, 1.0
    low, high = np.percentile(some, [0.5, 99.5])
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1.0)
