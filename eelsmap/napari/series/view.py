"""A time series in napari: maps that follow the time slider, trends of regions, and the spectra of each frame."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QFileDialog, QWidget

from eelsmap.errors import EelsmapError, FileReadError
from eelsmap.mapping.series import MapSeries
from eelsmap.mapping.series.table import LINES
from eelsmap.models.model import Model
from eelsmap.napari.series.frame_spectra import FrameReader
from eelsmap.napari.series.frames import SeriesFrames
from eelsmap.napari.series.layer_set import SeriesLayerSet
from eelsmap.napari.series.layers import series_plans
from eelsmap.napari.series.mapping import SeriesMapping
from eelsmap.napari.series.parts import SeriesParts
from eelsmap.napari.series.pixels import SeriesPixels
from eelsmap.napari.series.shown_trends import ShownTrends
from eelsmap.napari.series.watch import SeriesWatch
from eelsmap.napari.series.words import counted_words, frame_words, pixel_words, why_empty
from eelsmap.napari.window.error_words import error_words
from eelsmap.napari.window.viewer_text import ViewerText

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["SeriesView"]


class SeriesView(QWidget):
    """Look at a series of maps, finished or still running, and make one.

    :attr:`step_changed` gives the number of the frame that the time slider stands on, from 0 on. :attr:`opened` tells
    that a series is shown, or that its frames have another order than before: then :attr:`active_layer` and
    :attr:`pixels` are what a spectrum view follows, with :meth:`reader_of_step` for each frame.

    Parameters
    ----------
    viewer
        napari's viewer.
    """

    step_changed = Signal(int)
    opened = Signal(object)

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.frames: SeriesFrames | None = None
        self.layers: SeriesLayerSet | None = None
        self.pixels: SeriesPixels | None = None
        self._model: Model | None = None
        self._step: int | None = None
        self._place: tuple[int, ...] | None = None
        self.parts = SeriesParts(self)
        self.trends = ShownTrends(viewer, self.parts, self)
        self.text = ViewerText(viewer, self)
        self.watch = SeriesWatch(self)
        self.mapping = SeriesMapping(self, self.parts)
        self._connect()
        self._tell_step(None)

    # What others use ------------------------------------------------------------------------------------------------

    def open(self, series: MapSeries, viewer: Viewer | None = None, model: Model | None = None) -> None:
        """Show a series in the viewer, also one that is still running.

        Parameters
        ----------
        series
            The series.
        viewer
            The viewer of this widget; another one is refused.
        model
            A model that may be the one that made it; else that of its name among the shipped ones.
        """
        if viewer is not None and viewer is not self.viewer:
            raise ValueError("this view belongs to another viewer")
        self._model = model or self._model
        if self.layers is not None:
            self.layers.stop()
        self.frames, self.layers, self.pixels, self._step, self._place = None, None, None, None, None
        self._take(SeriesFrames(series))

    def open_folder(self, folder: str | Path) -> None:
        """Show the series in a folder; what is wrong with it is said."""
        try:
            self.open(MapSeries.load(folder))
        except (EelsmapError, OSError) as error:
            self.parts.message.complain(error_words(error))

    def set_model(self, model: Model | None) -> None:
        """Take a model that may be the one that made the series."""
        self._model = self.mapping.model = model
        if self.pixels is not None:
            self.pixels.at_hand = model

    @property
    def step(self) -> int | None:
        """Frame that the time slider stands on, from 0 on; None without a series."""
        return self.layers.step if self.layers is not None else None

    @property
    def active_layer(self) -> Any:
        """Layer of the map that is chosen; None without a series."""
        return self.layers.layers.get(self.parts.map_name) if self.layers is not None else None

    def reader_of_step(self, step: int) -> FrameReader:
        """Open the spectra of a frame for pixels of the maps; to be called in a thread. See :class:`SeriesPixels`."""
        if self.pixels is None:
            raise FileReadError("no series is open")
        return self.pixels.of_step(step)

    def refresh(self) -> None:
        """Read the table again, in a thread; frames that were added appear."""
        self.watch.read()

    def close_series(self) -> None:
        """Let go of the series and the viewer; layers stay."""
        self.text.hide()
        self.watch.stop()
        self.mapping.run.stop()
        self.trends.close()
        self.viewer.dims.events.point.disconnect(self._dims_changed)
        self.viewer.dims.events.order.disconnect(self._dims_changed)
        self.viewer.layers.selection.events.active.disconnect(self._layer_chosen)
        with suppress(ValueError):
            self.viewer.mouse_move_callbacks.remove(self._pointed)
        if self.layers is not None:
            self.layers.stop()
        self.frames, self.layers = None, None

    # Series ---------------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        """Connect the parts with each other and with the viewer."""
        parts = self.parts
        parts.map_chosen.connect(self._map_chosen)
        parts.refresh.clicked.connect(self.refresh)
        parts.open_button.clicked.connect(self._choose_folder)
        parts.plot.step_asked.connect(self._go_to)
        self.mapping.grown.connect(self._grown)
        self.watch.changed.connect(self._refreshed)
        self.watch.failed.connect(parts.message.complain)
        self.viewer.dims.events.point.connect(self._dims_changed)
        self.viewer.dims.events.order.connect(self._dims_changed)
        self.viewer.layers.selection.events.active.connect(self._layer_chosen)
        self.viewer.mouse_move_callbacks.append(self._pointed)

    def _take(self, frames: SeriesFrames) -> None:
        """Show a series, or more frames of the one that is shown."""
        before = self.frames
        self.frames = frames
        same = before is not None and before.names == frames.names and before.image_shape == frames.image_shape
        if self.layers is not None and same:
            self.layers.update(frames)
        else:
            if self.layers is not None:
                self.layers.remove()
            self.layers = SeriesLayerSet(self.viewer, frames) if frames.names else None
            self._fill_maps(frames)
        self.parts.show_counted(str(frames.series.folder), counted_words(frames.rows))
        self.parts.set_enabled(bool(frames.names))
        self.trends.set_frames(frames, self.layers.reference if self.layers is not None else None)
        self._tell_step(self.step)
        kept = before is not None and _chains(frames)[: len(before)] == _chains(before)
        if self.pixels is None or not (same and kept):
            self.pixels = SeriesPixels(frames, self._model)
            if frames.names:
                self.opened.emit(frames.series)
        self.pixels.frames = frames
        self.watch.watch(frames)

    def _fill_maps(self, frames: SeriesFrames) -> None:
        """Offer the maps that there are: properties first."""
        plans = {plan.key: plan.title for plan in series_plans(frames) if plan.kind != "flags"}
        self.parts.set_maps(plans, len(frames.properties))

    def _refreshed(self, frames: SeriesFrames) -> None:
        """Show what was read."""
        if self.frames is not None and frames.series.folder == self.frames.series.folder:
            self._take(frames)

    def _grown(self, folder: Path) -> None:
        """Show a series that is being mapped: open it with its first frame."""
        if self.frames is not None and self.frames.series.folder == folder:
            self.refresh()
        elif (folder / LINES).is_file():
            self.open_folder(folder)

    def _choose_folder(self) -> None:
        """Ask for the folder of a series."""
        chosen = QFileDialog.getExistingDirectory(self, "Folder of a series")
        if chosen:
            self.open_folder(chosen)

    # Time -----------------------------------------------------------------------------------------------------------

    def _dims_changed(self, _event: Any = None) -> None:
        """Follow the time slider."""
        step = self.step
        if step != self._step:
            self._tell_step(step)

    def _tell_step(self, step: int | None) -> None:
        """Show which frame the slider stands on, everywhere."""
        self._step = step
        if step is None or self.frames is None:
            self._show_nothing()
            return
        self.parts.plot.set_step(step)
        words = frame_words(self.frames.rows, step)
        self.parts.show_frame(words)
        self._tell_pixel()
        self.text.show(words)
        self.step_changed.emit(step)

    def _go_to(self, step: int) -> None:
        """Move the time slider."""
        if self.layers is not None:
            self.layers.step = step

    def _show_nothing(self) -> None:
        """Say that there is no series, or nothing of it to see yet."""
        self.text.hide()
        if self.frames is None:
            self.parts.show_frame("Open the folder of a series, or map one.")
        elif not self.frames.names:
            reasons = [f"{row['file']}: {why_empty(row)}" for row in self.frames.rows]
            self.parts.show_frame("\n".join(["No frame of the series is mapped yet.", *reasons[:1]]))

    # Maps and trends ------------------------------------------------------------------------------------------------

    def _map_chosen(self, name: str) -> None:
        """Show a map and its trend."""
        if self.layers is not None:
            with QSignalBlocker(self.parts):
                self.layers.show(name)
            self.trends.follow_map()

    def _layer_chosen(self, _event: Any = None) -> None:
        """Follow the layer that was chosen in the list of layers."""
        if self.layers is None or self.layers.adding:
            return
        name = self.layers.name_of(self.viewer.layers.selection.active)
        if name and name != "flags" and name != self.parts.map_name:
            self.parts.set_map(name)
            self.trends.follow_map()

    def _pointed(self, _viewer: Any, event: Any) -> None:
        """Say what the map holds under the pointer."""
        if self.layers is None or self.frames is None or self._step is None:
            return
        self._place = self.layers.place(event.position)
        self._tell_pixel()

    def _tell_pixel(self) -> None:
        """Say what the pixel that was pointed at last holds now."""
        if self.frames is not None and self._step is not None and self._place is not None:
            self.parts.show_pixel(pixel_words(self.frames, self.trends.map_name, self._step, self._place))
        else:
            self.parts.show_pixel("")


def _chains(frames: SeriesFrames) -> list[Any]:
    """Names of the content of all frames."""
    return [row.get("_chain") for row in frames.rows]
