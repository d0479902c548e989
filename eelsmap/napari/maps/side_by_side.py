"""Maps side by side in the viewer's grid, with names and colour bars that fit its cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.components._viewer_constants import CanvasPosition
from napari.layers import Layer

__all__ = ["SideBySide", "best_columns"]

_LETTER = 0.86
"""Width of a letter in the canvas, pixels a point of its font."""
_FONT = (5.5, 10.0)
_BAR = (24.0, 150.0)


def best_columns(cells: int, canvas: tuple[float, float], image: tuple[float, float]) -> int:
    """Find the number of columns with which images of one shape are drawn largest.

    Parameters
    ----------
    cells
        How many images there are.
    canvas
        Height and width of the canvas.
    image
        Height and width of an image, in any unit.
    """

    def size(columns: int) -> float:
        rows = -(-cells // columns)
        return min(canvas[0] / rows / image[0], canvas[1] / columns / image[1])

    return max(range(1, max(1, cells) + 1), key=lambda columns: (size(columns), -columns))


class SideBySide:
    """The grid of a viewer while maps stand side by side, and afterwards as it was.

    Parameters
    ----------
    viewer
        The napari viewer.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._before: tuple[bool, int, tuple[int, int]] | None = None

    @property
    def shown(self) -> bool:
        """Whether layers stand side by side, whoever wanted it."""
        return bool(self._viewer.canvas.grid.enabled)

    @property
    def ours(self) -> bool:
        """Whether the grid is one that was set up here."""
        return self._before is not None

    def arrange(self, cells: int, image: tuple[float, float]) -> None:
        """Set up a grid.

        Parameters
        ----------
        cells
            How many layers will be visible; one or none needs no grid.
        image
            Height and width of a map.
        """
        grid = self._viewer.canvas.grid
        if cells < 2:
            self.restore()
            return
        if self._before is None:
            self._before = grid.enabled, grid.stride, tuple(grid.shape)
        shape = (-1, best_columns(cells, self._canvas(), image))
        if not grid.enabled or tuple(grid.shape) != shape:
            # The top of the layer list goes to the top left.
            grid.stride, grid.shape = -1, shape
            grid.enabled = True

    def restore(self) -> None:
        """Leave the grid as it was."""
        if self._before is not None:
            grid = self._viewer.canvas.grid
            grid.enabled, grid.stride, grid.shape = self._before
            self._before = None

    def fit(self, layers: Sequence[Layer]) -> None:
        """Size names and colour bars after the cells.

        Parameters
        ----------
        layers
            Layers with a name and a colour bar of ours.
        """
        rows, columns = self._viewer.canvas.grid.actual_shape(self._viewer.layers)
        height, width = np.array(self._canvas()) / (rows, columns)
        longest = max((len(layer.name) for layer in layers), default=1)
        font = float(np.clip((width - 24) / (_LETTER * longest), *_FONT))
        bar = float(np.clip(0.45 * height, *_BAR))
        for layer in layers:
            # The name runs along the top of its cell.
            layer.name_overlay.font_size = font
            layer.colorbar.position = CanvasPosition.BOTTOM_RIGHT
            layer.colorbar.size = (float(np.clip(bar / 7, 6, 20)), bar)
            layer.colorbar.font_size = float(np.clip(bar / 12, *_FONT))

    def _canvas(self) -> tuple[float, float]:
        """Height and width of the canvas, pixels."""
        height, width = self._viewer.canvas.size
        return max(1.0, float(height)), max(1.0, float(width))
