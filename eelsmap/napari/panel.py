"""The panel: choose an image and a model, see what was found, press Run, explore the maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QMainWindow, QWidget

from eelsmap.errors import EelsmapError
from eelsmap.mapping.pixel_view import PixelReader
from eelsmap.mapping.planned_image import PlannedImage
from eelsmap.models import Model
from eelsmap.napari.image.looked_at import LookedAt
from eelsmap.napari.image.state import ImageState, is_spectrum_image
from eelsmap.napari.panel_parts import PanelParts
from eelsmap.napari.panel_runs import PanelRuns
from eelsmap.napari.runs.estimate import duration_words, look_and_time
from eelsmap.napari.series.layers import series_of
from eelsmap.napari.series.view import SeriesView
from eelsmap.napari.spectrum.pixel_following import PixelFollower
from eelsmap.napari.spectrum.view import SpectrumView
from eelsmap.napari.window.background_task import BackgroundTask

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from eelsmap.mapping.series import MapSeries

__all__ = ["EelsmapPanel"]

_PAUSE = 400
"""Milliseconds after the last change of the recipe before the image is looked at again."""
_WIDTH = 370


class EelsmapPanel(QWidget):
    """Dock widget that turns spectrum images into maps.

    Parameters
    ----------
    napari_viewer
        The viewer that it serves; napari knows by the name what to give.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer = napari_viewer
        self.state: ImageState | None = None
        """The image that is chosen."""
        self._states: dict[int, ImageState] = {}
        self._closed = False
        self._looking: BackgroundTask | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE)
        self._timer.timeout.connect(self._look)
        self.setMinimumWidth(_WIDTH)
        self.parts = PanelParts(self)
        self.runs = PanelRuns(viewer, self.parts, self)
        self.spectra = SpectrumView()
        self.series: SeriesView | None = None
        self._spectra_dock: Any = None
        self._follower = PixelFollower(viewer, self.spectra)
        self._connect()
        self.parts.model_choice.load()
        self._show_ready()
        for layer in viewer.layers:
            self._take_layer(layer)

    def run(self) -> None:
        """Map the chosen image; goes on with a run that was cancelled."""
        state, model = self.state, self.parts.model_choice.model
        if self.runs.running:
            return
        if state is None or model is None:
            self.parts.message.complain("Open a spectrum image first, and wait until the model is loaded.")
            return
        try:
            recipe = self.parts.form.recipe()
        except EelsmapError as error:
            self.parts.message.complain(str(error))
            return
        self.parts.message.clear()
        image = _image_of(state)
        # While the image is looked at anew, what is known of it may be of another recipe or other corrections.
        known = image is not None and image.recipe == recipe and not self.looking
        self.runs.start(state, recipe, model, ready=image if known else None)

    def cancel(self) -> None:
        """Stop the run after the blocks that are under way."""
        self.runs.cancel()

    @property
    def looking(self) -> bool:
        """Whether the image is being looked at, or will be in a moment."""
        return self._looking is not None or self._timer.isActive()

    def open_series(self, series: MapSeries | None = None) -> None:
        """Open the view of time series beside this panel, and in it a series."""
        if self.series is None:
            self.series = SeriesView(self.viewer)
            self.series.set_model(self.parts.model_choice.model)
            self.series.opened.connect(self._follow_series)
            self.viewer.window.add_dock_widget(self.series, name="eelsmap series", area="right", tabify=True)
        if series is not None and (self.series.frames is None or self.series.frames.series.folder != series.folder):
            self.series.open(series)
        self.series.setFocus()

    def close_down(self) -> None:
        """Stop what is at work, since the window goes."""
        self._closed = True
        self.runs.close()
        if self._looking is not None:
            self._looking.forget()
        self._timer.stop()
        self.parts.model_choice.stop()
        self._follower.close()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - the name is Qt's
        """Hear of the end of the window that the panel is docked in."""
        super().showEvent(event)
        window = self.window()
        if isinstance(window, QMainWindow):
            # Installing a filter again puts the one that is there in front.
            window.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 - the name is Qt's
        """Close down when the window is closed; one that is minimised is hidden by the system, not by Qt."""
        hidden = event is not None and event.type() == QEvent.Type.Hide and not event.spontaneous()
        if hidden and isinstance(watched, QMainWindow):
            self.close_down()
        return False

    def _connect(self) -> None:
        """Connect the parts with each other and with the viewer."""
        parts = self.parts
        parts.images.currentIndexChanged.connect(self._choose_image)
        parts.summary.corrected.connect(self._take_corrections)
        parts.model_choice.loaded.connect(self._take_model)
        parts.model_choice.failed.connect(parts.message.complain)
        parts.form.edited.connect(self._timer.start)
        parts.run_button.clicked.connect(self.run)
        parts.cancel_button.clicked.connect(self.cancel)
        parts.export.said.connect(parts.message.say)
        parts.export.failed.connect(parts.message.complain)
        parts.series_button.clicked.connect(lambda: self.open_series())
        self.runs.shown.connect(self._show_layers)
        self.runs.ended.connect(self._offer)
        self.viewer.layers.events.inserted.connect(lambda event: self._take_layer(event.value))
        self.viewer.layers.events.removed.connect(lambda event: self._forget_layer(event.value))

    def _take_layer(self, layer: Any) -> None:
        """Take a new spectrum image, or what else of ours a new layer belongs to."""
        if is_spectrum_image(layer) and id(layer) not in self._states:
            self._states[id(layer)] = ImageState(layer)
            self.parts.images.addItem(layer.name, id(layer))
            self.parts.images.setCurrentIndex(self.parts.images.count() - 1)
        elif "eelsmap" in layer.metadata:
            # The other layers of the same file are still to come.
            QTimer.singleShot(0, lambda: self._take_results(layer))

    def _take_results(self, layer: Any) -> None:
        """Take the series or the saved maps that a layer belongs to, unless they are known."""
        if self._closed or layer not in self.viewer.layers:
            return
        series, said = series_of(layer), layer.metadata["eelsmap"]
        if series is not None:
            self.open_series(series)
        elif "maps" in said and not self.runs.shows(said["maps"]):
            self.parts.presets.set_layers(self.runs.show_maps(said["maps"], said.get("name", layer.name)))
            self.parts.export.set_maps(said["maps"])

    def _forget_layer(self, layer: Any) -> None:
        """Forget an image whose layer was removed; its maps stay."""
        if self._states.pop(id(layer), None) is not None:
            self.parts.images.removeItem(self.parts.images.findData(id(layer)))

    def _choose_image(self) -> None:
        """Show another image."""
        self.state = state = self._states.get(self.parts.images.currentData())
        self._follower.follow(None, None)
        self.parts.presets.set_layers(state.layers if state else None)
        self.parts.export.set_maps(state.maps if state else None, _image_of(state))
        if state is None:
            self.parts.summary.show_message("Open a spectrum image: drop a .dm3, .dm4, .hspy or .emd file here.")
            self.spectra.clear("No spectrum image")
        else:
            self.parts.summary.set_corrections(state.corrections)
            self._look()
        self._show_ready()

    def _take_corrections(self) -> None:
        """Look again with what the user said."""
        if self.state is not None:
            self.state.corrections = self.parts.summary.corrections()
            self._timer.start()

    def _take_model(self, model: Model) -> None:
        """Take the recipe of a model for default and look at the image with it."""
        self.parts.form.set_recipe(model.recipe)
        if self.series is not None:
            self.series.set_model(model)
        self._look()
        self._show_ready()

    def _look(self) -> None:
        """Look at the image in the background."""
        state, model = self.state, self.parts.model_choice.model
        if state is None or model is None:
            return
        try:
            recipe = self.parts.form.recipe()
        except EelsmapError as error:
            self.parts.message.complain(str(error))
            return
        if self._looking is not None:
            self._looking.forget()
        if state.looked is None:
            self.parts.summary.show_message(f"Looking at {state.layer.name}…")
        signal, corrections = state.signal, state.corrections
        self._looking = BackgroundTask(
            lambda: look_and_time(signal, corrections, recipe, model),
            lambda answer: self._show_looked(state, *answer),
            self._complain_of_looking,
            self,
        ).start()
        self._show_ready()

    def _show_looked(self, state: ImageState, looked: LookedAt, seconds: float | None) -> None:
        """Show what was found, and let the spectrum follow the pointer."""
        self._looking = None
        state.looked, state.seconds = looked, seconds
        if state is not self.state:
            return
        self.parts.summary.show_found(looked)
        self._show_spectra()
        model = self.parts.model_choice.model
        if looked.image is None:
            self._follower.follow(state.layer, None)
            self.parts.message.complain(looked.problem)
        elif model is not None:
            self._follower.follow(state.layer, PixelReader(looked.image, model))
        self._show_ready()

    def _complain_of_looking(self, words: str) -> None:
        """Say why the image cannot be looked at; what was found before stays."""
        self._looking = None
        if self.state is not None and self.state.looked is None:
            self.parts.summary.show_message(words)
        self.parts.message.complain(words)
        self._show_ready()

    def _show_layers(self, state: ImageState) -> None:
        """Let the presets serve the maps of the chosen image."""
        if state is self.state:
            self.parts.presets.set_layers(state.layers)
            self.parts.scroll.ensureWidgetVisible(self.parts.export)

    def _offer(self, state: ImageState) -> None:
        """Offer what a run has left for saving."""
        if state.maps is not None and state is self.state:
            self.parts.export.set_maps(state.maps, _image_of(state))
        self._show_ready()

    def _follow_series(self, _series: Any = None) -> None:
        """Let the spectrum follow the pointer over the frame that the slider stands on."""
        view = self.series
        if view is not None and view.active_layer is not None:
            self._show_spectra()
            self._follower.follow(view.active_layer, view.pixels, view.reader_of_step)

    def _show_ready(self) -> None:
        """Enable Run where it can do something, and say how long it will take."""
        state, running = self.state, self.runs.running
        mappable = state is not None and (state.looked is None or state.looked.image is not None)
        self.parts.run_button.setEnabled(mappable and not running and self.parts.model_choice.model is not None)
        if running or state is None:
            return
        if self._looking is not None:
            self.parts.estimate.setText("Looking at the image…")
        else:
            words = "" if state.seconds is None else f"A run will take about {duration_words(state.seconds)}."
            self.parts.estimate.setText(words)

    def _show_spectra(self) -> None:
        """Dock the spectrum view below the canvas when the first image is there."""
        if self._spectra_dock is None:
            self._spectra_dock = self.viewer.window.add_dock_widget(
                self.spectra, name="eelsmap spectrum", area="bottom"
            )


def _image_of(state: ImageState | None) -> PlannedImage | None:
    """Return the planned image, if there is one."""
    return None if state is None or state.looked is None else state.looked.image
