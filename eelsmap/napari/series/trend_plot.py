"""Trends of regions against time, with a marker at the frame that is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent
from qtpy.QtWidgets import QVBoxLayout, QWidget

from eelsmap.napari.series.plot_colours import PlotColours
from eelsmap.napari.series.trends import Trend, finite_runs

__all__ = ["TrendPlot"]

_BAND, _MARGIN, _STRIP, _AXIS = 60, 0.06, 66, 56


class TimeBox(pg.ViewBox):
    """A plot in which a click or a drag chooses a time, and the wheel zooms the time only."""

    sigTime = Signal(float)  # noqa: N815 - pyqtgraph names its signals so

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.setMouseEnabled(x=True, y=False)

    def mouseClickEvent(self, ev: Any) -> None:  # noqa: N802 - overrides
        """Choose the time of a click; a double click shows all of it again."""
        if ev.double():
            self.enableAutoRange(axis=pg.ViewBox.XAxis)
        self._chosen(ev)

    def mouseDragEvent(self, ev: Any, axis: int | None = None) -> None:  # noqa: N802 - overrides
        """Follow a drag."""
        self._chosen(ev)

    def _chosen(self, ev: Any) -> None:
        """Say which time the pointer is at."""
        if ev.button() == Qt.MouseButton.LeftButton:
            ev.accept()
            self.sigTime.emit(float(self.mapSceneToView(ev.scenePos()).x()))


class TrendPlot(QWidget):
    """Means of regions with their intervals, the share of flagged pixels below, and marks of frames without maps.

    :attr:`step_asked` is emitted when the user chooses a frame: by a click, by dragging, or with the arrow keys.
    """

    step_asked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Trend of regions over time")
        self.setToolTip("Click or drag to choose a frame; arrow keys step; the wheel zooms, a double click shows all")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._positions: NDArray[np.float64] = np.empty(0)
        self._step = 0
        self._colours: PlotColours | None = None
        self._view = pg.GraphicsLayoutWidget(self)
        self._view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._view.ci.setContentsMargins(2, 4, 8, 2)
        self._view.ci.setSpacing(3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._view)
        self._view.setMinimumSize(1, 1)
        self.main = self._view.addPlot(row=0, col=0, viewBox=TimeBox())
        self.strip = self._view.addPlot(row=1, col=0, viewBox=TimeBox())
        self.strip.setXLink(self.main)
        self.strip.setYRange(-0.2, 1.2, padding=0)
        self.strip.setFixedHeight(_STRIP)
        self.main.getAxis("bottom").setStyle(showValues=False, tickLength=0)
        for plot in (self.main, self.strip):
            # The two must stand above each other, and buttons of pyqtgraph are in the way.
            plot.getAxis("left").setWidth(_AXIS)
            plot.hideButtons()
            plot.vb.sigTime.connect(self._ask)
        self.strip.getAxis("left").setTicks([[(0, "0 %"), (1, "100 %")]])
        self.words = pg.LabelItem("flagged pixels", size="8pt", justify="left")
        self.words.setParentItem(self.strip.vb)
        self.words.anchor(itemPos=(0, 0), parentPos=(0, 0), offset=(4, -4))
        self.flagged = pg.PlotDataItem(stepMode=None, connect="finite", symbol="o", symbolSize=4)
        self.failed = pg.ScatterPlotItem(symbol="x", size=11, hoverable=True, tip=_tip)
        self.strip.addItem(self.flagged)
        self.strip.addItem(self.failed)
        self.markers = [pg.InfiniteLine(angle=90) for _ in range(2)]
        for plot, marker in zip((self.main, self.strip), self.markers, strict=True):
            marker.setZValue(20)
            plot.addItem(marker, ignoreBounds=True)
        self.curves: list[pg.PlotDataItem] = []
        self._drawn: list[Any] = []

    def set_colours(self, colours: PlotColours) -> None:
        """Take the colours of a theme; trends must be set again after."""
        self._colours = colours
        self._view.setBackground(colours.background)
        for plot in (self.main, self.strip):
            for side in ("left", "bottom"):
                plot.getAxis(side).setPen(colours.muted)
                plot.getAxis(side).setTextPen(colours.text)
        self.flagged.setPen(pg.mkPen(colours.text, width=1))
        self.flagged.setSymbolPen(None)
        self.flagged.setSymbolBrush(colours.text)
        self.words.setText(self.words.text, color=colours.text)
        self.failed.setPen(pg.mkPen(colours.bad, width=2))
        for marker in self.markers:
            marker.setPen(pg.mkPen(colours.text, width=1.5, style=Qt.PenStyle.DashLine))

    def set_time(self, positions: NDArray[np.float64], words: str) -> None:
        """Say where frames stand on the axis of time, and what the axis shows."""
        same = len(positions) == len(self._positions)
        self._positions = positions
        self.strip.setLabel("bottom", words)
        axis = self.strip.getAxis("bottom")
        # There is no frame two and a half.
        axis.setTickSpacing(*_whole_steps(len(positions))) if words == "frame" else axis.setTickSpacing()
        if not same and len(positions):
            margin = 0.03 * max(float(np.ptp(positions)), 1e-9) or 0.5
            self.main.setXRange(float(positions[0]) - margin, float(positions[-1]) + margin, padding=0)
        self.set_step(min(self._step, max(0, len(positions) - 1)))

    def set_flags(self, share: NDArray[np.float64], failed: Sequence[tuple[int, str]]) -> None:
        """Show the share of flagged pixels of each frame, and which frames have no maps and why."""
        self.flagged.setData(self._positions, share)
        steps = [step for step, _reason in failed]
        self.failed.setData(x=self._positions[steps], y=np.full(len(steps), 0.5), data=[why for _step, why in failed])

    def set_trends(self, trends: Sequence[tuple[Trend, str]], label: str) -> None:
        """Draw trends, each in its colour.

        Parameters
        ----------
        trends
            Trends with colours.
        label
            Of the axis.
        """
        for item in self._drawn:
            self.main.removeItem(item)
        self._drawn, self.curves = [], []
        self.main.setLabel("left", label)
        ends = [values[np.isfinite(values)] for trend, _colour in trends
                for values in (trend.mean, trend.lower, trend.upper)]  # fmt: skip
        for trend, colour in trends:
            self._draw(trend, colour)
        known = np.concatenate(ends) if ends else np.empty(0)
        if known.size:
            low, high = float(known.min()), float(known.max())
            margin = _MARGIN * (high - low) or 0.5 * abs(high) or 0.5
            self.main.setYRange(low - margin, high + margin, padding=0)

    def set_step(self, step: int) -> None:
        """Put the marker on a frame."""
        self._step = step
        if step < len(self._positions):
            for marker in self.markers:
                marker.setValue(float(self._positions[step]))

    def sizeHint(self) -> QSize:  # noqa: N802 - overrides
        """Ask for little: docks are small, and pyqtgraph would ask for 640 x 480."""
        return QSize(320, 190)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - overrides
        """Ask for what axes need."""
        return QSize(200, 150)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 - overrides
        """Step through the frames."""
        last = len(self._positions) - 1
        keys = {
            Qt.Key.Key_Left: self._step - 1, Qt.Key.Key_Right: self._step + 1, Qt.Key.Key_Home: 0, Qt.Key.Key_End: last,
        }  # fmt: skip
        if event is not None and event.key() in keys and last >= 0:
            self.step_asked.emit(min(max(keys[Qt.Key(event.key())], 0), last))
        else:
            super().keyPressEvent(event)

    def _draw(self, trend: Trend, colour: str) -> None:
        """Draw one region: interval, mean, and a point a frame."""
        at = self._positions
        fill = QColor(colour)
        fill.setAlpha(_BAND)
        for run in finite_runs(trend.lower + trend.upper):
            alone = run.stop - run.start == 1
            # A band needs two frames.
            ends = at[run] + np.array([-0.5, 0.5]) * self._width() if alone else at[run]
            edges = [
                pg.PlotCurveItem(ends, np.repeat(values[run], 2) if alone else values[run])
                for values in (trend.lower, trend.upper)
            ]
            self._add(pg.FillBetweenItem(*edges, brush=fill))
        curve = pg.PlotDataItem(at, trend.mean, pen=pg.mkPen(colour, width=2), connect="finite")
        self._add(curve)
        self.curves.append(curve)
        known = np.flatnonzero(np.isfinite(trend.mean))
        dots = pg.ScatterPlotItem(
            x=at[known], y=trend.mean[known], data=[trend.words(int(step)) for step in known], size=7, pen=None,
            brush=colour, hoverable=True, hoverSize=10, tip=_tip,
        )  # fmt: skip
        self._add(dots)

    def _add(self, item: Any) -> None:
        """Add what belongs to a trend."""
        self.main.addItem(item)
        self._drawn.append(item)

    def _width(self) -> float:
        """Width of a band that stands alone."""
        return 0.3 * float(np.diff(self._positions).min()) if len(self._positions) > 1 else 0.3

    def _ask(self, time: float) -> None:
        """Ask for the frame that is closest to a time."""
        if len(self._positions):
            step = int(np.abs(self._positions - time).argmin())
            if step != self._step:
                self.step_asked.emit(step)


def _tip(x: float, y: float, data: str) -> str:
    """Tooltip of a point."""
    return data


def _whole_steps(frames: int) -> tuple[float, float]:
    """Distances of large and small ticks of an axis of frames."""
    step = next(one for one in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000) if frames <= 12 * one or one == 5000)
    return float(step), float(step)
