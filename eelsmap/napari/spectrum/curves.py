"""Curves that get new data instead of being made anew, which is what makes a redraw fast; axes in napari's colours."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray

from eelsmap.napari.spectrum.colours import SpectrumColours

__all__ = ["SMALL", "Curves", "colour_axes"]

SMALL = {"font-size": "8pt"}
"""Style of labels."""


class Curves:
    """Curves that are shown as far as they are needed and kept for the next time."""

    def __init__(self, plot: pg.PlotItem, z: float) -> None:
        self._plot, self._z = plot, z
        self.items: list[pg.PlotCurveItem] = []

    def show(self, number: int, x: NDArray[np.floating], y: NDArray[np.floating], pen: pg.QtGui.QPen) -> None:
        """Give one curve its data."""
        while len(self.items) <= number:
            item = pg.PlotCurveItem(antialias=False)
            item.setZValue(self._z)
            self._plot.addItem(item)
            self.items.append(item)
        self.items[number].setData(x, y, pen=pen, connect="finite")
        self.items[number].setVisible(True)

    def hide_from(self, number: int) -> None:
        """Hide what is not needed now."""
        for item in self.items[number:]:
            item.setVisible(False)


def colour_axes(plot: pg.PlotItem, colours: SpectrumColours) -> None:
    """Colour axes and their numbers."""
    for side in ("left", "bottom"):
        axis = plot.getAxis(side)
        axis.setPen(pg.mkPen(colours.muted))
        axis.setTextPen(pg.mkPen(colours.ink))
        font = pg.QtGui.QFont()
        font.setPointSizeF(7.5)
        axis.setStyle(tickFont=font)
