"""Draw property maps: images, profiles for line scans and thin images, dots for a single spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from eelsmap.plot.images import draw_images
from eelsmap.plot.layout import layout_of
from eelsmap.plot.profiles import draw_profiles
from eelsmap.plot.single import draw_single

if TYPE_CHECKING:
    from eelsmap.mapping.property_maps import PropertyMaps

__all__ = ["plot_maps"]


def plot_maps(
    maps: PropertyMaps, /, names: Sequence[str] | None = None, *, title: str | None = None, columns: int = 5
) -> Figure:
    """Draw maps, each over the physical range of its property, with what has no answer and why.

    Images get a panel a property. Line scans, and images of up to three rows or columns, are drawn as profiles with
    their intervals above a strip of the map. A single spectrum is drawn as dots with their intervals.

    Parameters
    ----------
    maps
        The maps; lazy ones are computed.
    names
        Maps to draw; by default all properties, or all maps of quality where there are no others.
    title
        Title of the figure; by default that of the spectrum image.
    columns
        Panels in a row.

    Returns
    -------
    matplotlib.figure.Figure
        Needs no screen.

    Raises
    ------
    KeyError
        If there is no map of that name.
    ValueError
        If there is nothing to draw, or if the maps have more than two axes.
    """
    shown = list(maps.main if names is None else names)
    for name in shown:
        maps.unit(name)
    if not shown:
        raise ValueError("there is no map to draw")
    if len(maps.shape) > 2:
        raise ValueError(
            f"the maps have {len(maps.shape)} axes; draw a slice of one, such as maps['li_content'].inav[..., 0]"
        )
    maps.compute(progress=False)
    heading = str(maps.provenance.get("title", "")) if title is None else title
    if not maps.shape:
        return draw_single(maps, shown, heading)
    draw = draw_images if layout_of(maps.shape) == "image" else draw_profiles
    return draw(maps, shown, heading, columns)
