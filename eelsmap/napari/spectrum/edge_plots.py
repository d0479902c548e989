"""The small plots of the spectrum view, one an edge: as the model sees it, what is nearest, what pushed the answer.

Colours under an edge are one small image instead of a bar for each energy: it is drawn several times as fast.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QRectF

from eelsmap.mapping.pixel_edges import EdgeView
from eelsmap.mapping.pixel_view import PixelView
from eelsmap.napari.spectrum.colours import SpectrumColours
from eelsmap.napari.spectrum.curves import Curves, colour_axes
from eelsmap.napari.spectrum.text import nearest_words

__all__ = ["EdgePlot", "push_strengths"]

_NEAR = 3
_LEVELS = 64
_HEIGHTS = (np.arange(_LEVELS) + 0.5) / _LEVELS
_OPAQUE = 230
_STRONG = 97.0
_TOP = 1.15
_BOTTOM = 0.02
_KEY = "Line: the edge as the model sees it. Rising line: its cumulative distribution. Grey: nearest simulated spectra."


class EdgePlot:
    """One edge of all views as the model sees it: its shape, its cumulative distribution, what is nearest, what pushed.

    Parameters
    ----------
    plot
        Where it is drawn.
    name
        Name of the edge.
    """

    def __init__(self, plot: pg.PlotItem, name: str) -> None:
        self.plot, self.name = plot, name
        self._pushes = pg.ImageItem(axisOrder="row-major")
        self._pushes.setZValue(-20)
        plot.addItem(self._pushes, ignoreBounds=True)
        self._near, self._cdf, self._shapes = Curves(plot, -5), Curves(plot, 0), Curves(plot, 5)
        self._words = pg.TextItem(anchor=(0.5, 0.5))
        plot.addItem(self._words, ignoreBounds=True)
        self._extent: tuple[float, float] | None = None
        plot.setMenuEnabled(False)
        plot.setMouseEnabled(x=False, y=False)
        plot.hideButtons()
        plot.showAxes((False, False, False, True), size=None)
        plot.setYRange(-_BOTTOM, _TOP, padding=0)
        plot.disableAutoRange()

    def set_colours(self, colours: SpectrumColours) -> None:
        """Colour the axes, the title and the words."""
        colour_axes(self.plot, colours)
        self.plot.setTitle(self.name.replace("_", " "), color=colours.ink, size="8pt")
        self._words.setColor(colours.muted)

    def show_views(
        self,
        views: Sequence[PixelView],
        pens: Sequence[str],
        colours: SpectrumColours,
        strength: NDArray[np.float64] | None,
    ) -> None:
        """Draw this edge of the views.

        Parameters
        ----------
        views, pens
            The views and their colours; nearest spectra and pushes are those of the first.
        colours
            All other colours.
        strength
            How strongly each energy pushed the answer, between -1 and 1, shape (point,); None for nothing.
        """
        edges = [view.edges.get(self.name) for view in views]
        seen = [(edge, pen) for edge, pen in zip(edges, pens, strict=True) if edge is not None and edge.seen]
        first = edges[0] if edges else None
        nearest = first.nearest[:_NEAR] if first is not None and first.seen else ()
        highest = max(
            [float(edge.spectrum.max()) for edge, _ in seen] + [float(n.spectrum.max()) for n in nearest] + [0.0]
        )
        scale = 1.0 / highest if highest > 0 else 1.0
        grid = np.empty(0) if first is None else first.grid
        for number, near in enumerate(nearest):
            # The nearest of them is drawn wider, or a spectrum without noise would hide it.
            self._near.show(number, grid, near.spectrum * scale, pg.mkPen(colours.faint, width=1 if number else 3))
        self._near.hide_from(len(nearest))
        for number, (edge, pen) in enumerate(seen):
            self._shapes.show(number, edge.grid, edge.spectrum * scale, pg.mkPen(pen))
            self._cdf.show(number, edge.grid, edge.cdf, pg.mkPen(_with_alpha(pen, 150), width=1))
        self._shapes.hide_from(len(seen))
        self._cdf.hide_from(len(seen))
        known = next((edge for edge in edges if edge is not None), None)
        if known is not None:
            self._fit(known.grid)
        self._say(first, bool(views), bool(seen))
        self.plot.setToolTip("" if first is None else f"{_KEY}\n{nearest_words(first)}")
        self._colour(first if first is not None and first.seen else None, scale, strength, colours)

    def _fit(self, grid: NDArray[np.float64]) -> None:
        """Show the whole window of the edge."""
        extent = (float(grid[0]), float(grid[-1]))
        if extent != self._extent:
            self._extent = extent
            self.plot.setXRange(*extent, padding=0)
            self._words.setPos(0.5 * (extent[0] + extent[1]), 0.5)

    def _say(self, first: EdgeView | None, any_view: bool, drawn: bool) -> None:
        """Write why nothing is drawn."""
        words = "" if drawn or not any_view else ("not on the axis" if first is None else first.words)
        self._words.setVisible(bool(words))
        if words:
            self._words.setText(words.replace(" or ", "\nor "))

    def _colour(
        self, edge: EdgeView | None, scale: float, strength: NDArray[np.float64] | None, colours: SpectrumColours
    ) -> None:
        """Fill the area below the spectrum by what its energies pushed."""
        shown = edge is not None and strength is not None
        self._pushes.setVisible(shown)
        if edge is None or strength is None:
            return
        self._pushes.setImage(_push_image(edge.spectrum * scale, strength, colours), autoLevels=False, levels=(0, 255))
        half = 0.5 * float(edge.grid[1] - edge.grid[0])
        low, high = float(edge.grid[0]) - half, float(edge.grid[-1]) + half
        self._pushes.setRect(QRectF(low, 0.0, high - low, 1.0))


def push_strengths(view: PixelView) -> dict[str, NDArray[np.float64]]:
    """How strongly each energy of each edge pushed the answer, between -1 and 1, on one scale for all edges."""
    pushes = view.pushes
    if pushes is None:
        return {}
    density = {name: values[0] / np.diff(pushes.boundaries[name]) for name, values in pushes.contributions.items()}
    strong = np.percentile(np.abs(np.concatenate(list(density.values()))), _STRONG)
    if not strong > 0:
        return {}
    return {name: np.clip(values / strong, -1.0, 1.0) for name, values in density.items()}


def _push_image(
    shape: NDArray[np.float64], strength: NDArray[np.float64], colours: SpectrumColours
) -> NDArray[np.uint8]:
    """Picture (level, point, RGBA) that is coloured below a shape and clear above it."""
    both = np.array([_rgb(colours.lowers), _rgb(colours.raises)], dtype=np.uint8)
    image = np.empty((_LEVELS, shape.size, 4), dtype=np.uint8)
    image[..., :3] = both[(strength > 0).astype(int)]
    below = _HEIGHTS[:, None] < shape
    image[..., 3] = below * np.asarray(np.abs(strength) * _OPAQUE, dtype=np.uint8)
    return image


def _rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _with_alpha(colour: str, alpha: int) -> pg.QtGui.QColor:
    """Return a colour that lets through."""
    made = pg.mkColor(colour)
    made.setAlpha(alpha)
    return made
