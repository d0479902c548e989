"""Hatching of flagged pixels in every cell of the viewer's grid."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Layer
from numpy.typing import NDArray

from eelsmap.napari.maps.flag_pattern import DARK, LIGHT, hatch_lines, hatched_pixels, period_of

__all__ = ["CellHatching"]


class CellHatching:
    """The same hatching in every cell of the viewer's grid.

    In a grid each layer has a cell for itself, and so has the layer of flags. Lines hang below the picture of each map
    instead, which napari offers no public way to do: where its inner names are others, there are none, and
    :attr:`possible` says so.

    Parameters
    ----------
    viewer
        The napari viewer.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._drawn: WeakKeyDictionary[Layer, list[Any]] = WeakKeyDictionary()

    @property
    def possible(self) -> bool:
        """Whether pictures of layers can be reached."""
        return self._pictures() is not None

    def draw(self, layers: Iterable[Layer], flags: NDArray[np.integer]) -> None:
        """Draw the lines of the slice that is shown over some layers.

        Parameters
        ----------
        layers
            Image layers on the pixels of `flags`.
        flags
            Shape (y, x).
        """
        pictures = self._pictures()
        lines = hatch_lines(hatched_pixels(flags), period=period_of(flags.shape))
        if pictures is None or not len(lines):
            self.clear()
            return
        # The picture's corner is its origin, and x comes first.
        points = lines.reshape(-1, 2)[:, ::-1] + 0.5
        for layer in layers:
            if layer not in pictures:
                continue
            # Making a line takes some 20 ms, moving one next to nothing.
            if layer not in self._drawn:
                self._drawn[layer] = [_line(points, LIGHT, 1), _line(points, DARK, 3)]
            for order, line in enumerate(reversed(self._drawn[layer]), start=1):
                line.set_data(pos=points)
                line.parent, line.order = pictures[layer].node, order

    def clear(self) -> None:
        """Take all lines away."""
        for lines in self._drawn.values():
            for line in lines:
                line.parent = None

    def forget(self) -> None:
        """Take all lines away for good; the next ones are made anew."""
        self.clear()
        self._drawn.clear()

    def _pictures(self) -> Any:
        """Layers and what draws them; None where napari keeps them elsewhere."""
        try:
            return self._viewer.window._qt_viewer.canvas.layer_to_visual
        except AttributeError:
            return None


def _line(points: NDArray[Any], colour: tuple[float, float, float, float], width: int) -> Any:
    """Make a set of lines that lie over the picture below which they hang."""
    from vispy.scene.visuals import Line

    line = Line(pos=points, color=colour, width=width, connect="segments", method="gl")
    line.set_gl_state("translucent", depth_test=False)
    return line
