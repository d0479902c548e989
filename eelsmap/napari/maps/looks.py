"""How visible maps stand in the canvas: alone or side by side, flagged pixels hatched, names and bars that fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Layer

from eelsmap.napari.maps.hatching import CellHatching
from eelsmap.napari.maps.layer_plans import MapValues
from eelsmap.napari.maps.side_by_side import SideBySide

__all__ = ["MapLooks", "show_scale_bar"]


class MapLooks:
    """Arrangement and marks of one set of maps.

    Parameters
    ----------
    viewer
        The napari viewer.
    values
        The numbers of the maps.
    axes
        Navigation axes in array order.
    """

    def __init__(self, viewer: Any, values: MapValues, axes: Sequence[Mapping[str, Any]]) -> None:
        self._viewer = viewer
        self._values = values
        sizes = [1.0, 1.0, *(abs(float(axis["scale"])) or 1.0 for axis in axes)]
        self._image = tuple(np.multiply(sizes[-2:], values.shown_shape[-2:]))
        self._grid, self._cells = SideBySide(viewer), CellHatching(viewer)
        self._shape_before = (1, 1)

    def arrange(self, layers: Mapping[str, Layer], number: int) -> None:
        """Set several maps side by side, with what else is visible; the view is fitted when that changes the cells.

        Parameters
        ----------
        layers
            The layers of these maps.
        number
            How many of them are shown, or will be.
        """
        if number > 1 and self._cells.possible and "flags" in layers:
            # Lines in the cells take its place: left visible, it would have a cell of its own.
            layers["flags"].visible = False
        ours = set(layers.values())
        others = sum(layer.visible and layer not in ours for layer in self._viewer.layers)
        self._grid.arrange(number + others if number > 1 else 1, (self._image[0], self._image[1]))
        shape = tuple(self._viewer.canvas.grid.actual_shape(self._viewer.layers))
        if shape != self._shape_before:
            self._shape_before = shape
            # Lines that hung in the cells before are not always drawn in the new ones.
            self._cells.forget()
            self._viewer.reset_view()

    def pause(self) -> None:
        """Leave the grid until maps are arranged again, since napari builds it anew with every change in it."""
        if self._grid.shown and self._grid.ours:
            self._cells.clear()
            self._viewer.canvas.grid.enabled = False

    def look(self, layers: Mapping[str, Layer], *, hatched: bool) -> None:
        """Hatch flagged pixels, over all maps or in every cell, and fit what is written.

        Parameters
        ----------
        layers
            The layers of these maps.
        hatched
            Whether flagged pixels are to be hatched.
        """
        seen = [layer for layer in layers.values() if isinstance(layer, Image) and layer.visible]
        self._grid.fit(seen)
        in_cells = hatched and self._grid.shown and self._cells.possible
        flags = self._values.flags
        if in_cells and flags is not None and seen:
            here = seen[0].world_to_data(self._viewer.dims.point[-flags.ndim :])[:-2]
            index = (int(np.clip(round(place), 0, size - 1)) for place, size in zip(here, flags.shape, strict=False))
            self._cells.draw(seen, flags[tuple(index)])
        else:
            self._cells.clear()
        if "flags" in layers:
            layers["flags"].visible = hatched and not in_cells

    def leave(self) -> None:
        """Take the marks away and leave the grid as it was."""
        self._cells.clear()
        self._grid.restore()


def show_scale_bar(viewer: Any, axes: Sequence[Mapping[str, Any]]) -> None:
    """Show how long a nanometre is, where the size of a pixel is known; on the left, since colour bars are right."""
    bar = viewer.canvas.overlays.scale_bar
    if axes and all(axis["units"] for axis in axes) and not bar.visible:
        bar.position, bar.visible = "bottom_left", True
