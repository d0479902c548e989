"""The wide plot of the spectrum view: counts over the whole axis, with backgrounds, windows and onsets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray

from eelsmap.mapping.pixel_edges import EdgeView
from eelsmap.mapping.pixel_view import PixelView
from eelsmap.napari.spectrum.colours import SpectrumColours
from eelsmap.napari.spectrum.curves import SMALL, Curves, colour_axes

__all__ = ["CountsPlot"]

_LEAST_FILLED = 0.5
"""Share of the height that spectra fill at least before the range is made smaller."""


class CountsPlot:
    """Counts of all views over the recorded axis, with backgrounds, windows and onsets of the first.

    Parameters
    ----------
    plot
        Where it is drawn.
    """

    def __init__(self, plot: pg.PlotItem) -> None:
        self.plot = plot
        self._logarithmic = True
        self._extent: tuple[float, float] | None = None
        self._height: tuple[float, float] | None = None
        self._free = True
        self._marked: tuple[Any, ...] = ()
        self._windows = [pg.BarGraphItem(x0=[], x1=[], y0=[], y1=[], pen=None) for _ in range(2)]
        for item in self._windows:
            item.setZValue(-20)
            plot.addItem(item, ignoreBounds=True)
        self._onsets: list[pg.InfiniteLine] = []
        self._backgrounds = Curves(plot, 8)
        self._treated = Curves(plot, 3)
        self._counts = Curves(plot, 5)
        plot.setMenuEnabled(False)
        plot.hideButtons()
        plot.showAxes((True, False, False, True), size=None)
        plot.disableAutoRange()
        plot.getViewBox().sigRangeChangedManually.connect(self._held)
        plot.getAxis("left").setStyle(autoReduceTextSpace=False)
        self.set_logarithmic(True)

    def set_logarithmic(self, logarithmic: bool) -> None:
        """Draw counts on a logarithmic scale, or a linear one; the next views are drawn so."""
        self._logarithmic = logarithmic
        self._height, self._marked = None, ()
        self.plot.getAxis("left").setLogMode(y=logarithmic)

    def set_colours(self, colours: SpectrumColours) -> None:
        """Colour axes and windows; curves get theirs with their data."""
        colour_axes(self.plot, colours)
        self.plot.setLabel("left", "counts", color=colours.ink, **SMALL)
        self.plot.setLabel("bottom", "energy loss (eV)", color=colours.ink, **SMALL)
        for item, colour in zip(self._windows, (colours.background_window, colours.edge_window), strict=True):
            item.setOpts(brush=colour)
        for line in self._onsets:
            line.setPen(pg.mkPen(colours.muted))
            line.label.setColor(colours.ink)

    def show_views(self, views: Sequence[PixelView], pens: Sequence[str], colours: SpectrumColours) -> None:
        """Draw the counts of views, each in its colour."""
        drawn = treated = 0
        for number, (view, colour) in enumerate(zip(views, pens, strict=True)):
            self._counts.show(number, view.energy, self._scaled(view.counts), pg.mkPen(colour))
            edges = list(view.edges.values())
            if edges:
                x = np.concatenate([np.append(edge.energy, edge.energy[-1:]) for edge in edges])
                y = np.concatenate([np.append(edge.background, np.nan) for edge in edges])
                pen = pg.mkPen(colours.raises if number == 0 else colour)
                self._backgrounds.show(drawn, x, self._scaled(y), pen)
                drawn += 1
            for edge in edges:
                if edge.treated is not None and number == 0:
                    self._treated.show(treated, edge.energy, self._scaled(edge.treated), pg.mkPen(colours.lowers))
                    treated += 1
        self._counts.hide_from(len(views))
        self._backgrounds.hide_from(drawn)
        self._treated.hide_from(treated)
        self._mark(list(views[0].edges.values()) if views else [], colours)
        if views:
            self._fit(views)

    def full_range(self) -> None:
        """Show the whole axis again."""
        self._free, self._height = True, None
        if self._extent is not None:
            self.plot.setXRange(*self._extent, padding=0.01)

    def _held(self, *_: Any) -> None:
        """Leave a range alone that the user chose."""
        self._free = False

    def _scaled(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return counts as the axis wants them."""
        if not self._logarithmic:
            return counts
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log10(np.where(counts > 0, counts, np.nan))

    def _fit(self, views: Sequence[PixelView]) -> None:
        """Show the whole axis of a new image, and heights that hold all views; a range that the user chose stays.

        Heights move only when they have to: a range that follows every pixel hides which of two is brighter, and has
        its axis drawn anew each time.
        """
        energy = next((view.energy for view in views if view.energy.size), None)
        if energy is None:
            return
        extent = (float(energy[0]), float(energy[-1]))
        if extent != self._extent:
            self._extent = extent
            self.full_range()
        if not self._free:
            return
        drawn = [item.yData for item in self._counts.items[: len(views)]]
        parts = [counts[np.isfinite(counts)] for counts in drawn]
        some = np.concatenate(parts)
        if not some.size:
            return
        low, high = (float(np.percentile(some, 0.5)) if self._logarithmic else 0.0), float(some.max())
        room = max(high - low, 0.1 if self._logarithmic else 1.0)
        if self._height is not None:
            bottom, top = self._height
            if bottom <= low and high <= top and room > _LEAST_FILLED * (top - bottom):
                return
        self._height = (low - 0.08 * room, high + 0.25 * room)
        self.plot.setYRange(*self._height, padding=0)

    def _mark(self, edges: Sequence[EdgeView], colours: SpectrumColours) -> None:
        """Shade the windows and mark the onsets, if they are others than before."""
        marked = tuple((edge.name, edge.background_window, edge.window, edge.onset) for edge in edges)
        if marked == self._marked:
            return
        self._marked = marked
        below, above = (-20.0, 20.0) if self._logarithmic else (-1e12, 1e12)
        for item, spans in zip(
            self._windows, ([edge.background_window for edge in edges], [edge.window for edge in edges]), strict=True
        ):
            starts, stops = [low for low, _ in spans], [high for _, high in spans]
            item.setOpts(x0=starts, x1=stops, y0=[below] * len(spans), y1=[above] * len(spans))
        while len(self._onsets) < len(edges):
            line = pg.InfiniteLine(
                pen=pg.mkPen(colours.muted),
                label="",
                labelOpts={"position": 0.93, "color": colours.ink, "movable": False, "anchors": [(0, 0.5), (0, 0.5)]},
            )
            line.setZValue(-10)
            self.plot.addItem(line, ignoreBounds=True)
            self._onsets.append(line)
        for number, line in enumerate(self._onsets):
            line.setVisible(number < len(edges))
            if number < len(edges):
                line.setValue(edges[number].onset)
                line.label.setFormat(edges[number].name.replace("_", " "))
