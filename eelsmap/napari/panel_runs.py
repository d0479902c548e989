"""Runs of the panel: from the button to the layers, with progress, cancelling, and what is left when one fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from eelsmap.mapping import PropertyMaps
from eelsmap.mapping.engine import maps_of
from eelsmap.mapping.pixel_block import PropertyWork
from eelsmap.mapping.planned_image import PlannedImage, plan_signal
from eelsmap.mapping.provenance import model_identity
from eelsmap.models import Model
from eelsmap.napari.image.looked_at import Corrections, corrected
from eelsmap.napari.image.state import ImageState
from eelsmap.napari.maps.map_layers import MapLayers
from eelsmap.napari.panel_parts import PanelParts
from eelsmap.napari.runs.estimate import duration_words
from eelsmap.napari.runs.map_run import MapRun
from eelsmap.recipe import Recipe

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["PanelRuns"]

_TELL_MS = 250


class PanelRuns(QObject):
    """One run at a time.

    Parameters
    ----------
    viewer
        Where the layers of the maps appear.
    parts
        The parts of the panel that show how the run goes.
    parent
        Owner.
    """

    shown = Signal(object)
    """The state of an image whose maps have got layers."""
    ended = Signal(object)
    """The state of an image whose run has come to its end, one way or another."""

    def __init__(self, viewer: Viewer, parts: PanelParts, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._parts = viewer, parts
        self._run: MapRun | None = None
        self._closed = False
        self._fraction = 0.0
        # A progress bar paints the whole window at once, the canvas too: not for every block.
        self._telling = QTimer(self)
        self._telling.setSingleShot(True)
        self._telling.setInterval(_TELL_MS)
        self._telling.timeout.connect(self._tell_progress)
        self.shown_layers: list[MapLayers] = []
        """Layers of all maps that are shown, also of images whose own layer was removed."""

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self._run is not None

    def start(self, state: ImageState, recipe: Recipe, model: Model, *, ready: PlannedImage | None) -> None:
        """Start a run, or go on with the one of the same recipe and model that was cancelled.

        Parameters
        ----------
        state
            The image.
        recipe
            The road.
        model
            The model.
        ready
            The image with its plan if that is made already.
        """
        unfinished = state.unfinished(recipe, model)
        if unfinished is None:
            state.made_with = state.identity(recipe, model)
            signal, corrections = state.signal, state.corrections
            run = MapRun(lambda: _lazy_maps(ready, signal, corrections, recipe, model), self)
        else:
            run = MapRun(lambda: unfinished, self)
        run.made.connect(lambda maps: self._show_maps(state, maps))
        run.block.connect(lambda place, values, fraction: self._take_block(state, place, values, fraction))
        run.done.connect(lambda maps: self._finish(state, maps))
        run.cancelled.connect(lambda _: self._end(state, "Cancelled. What is finished stays, and Run goes on."))
        run.failed.connect(lambda words, _: self._fail(state, words))
        self._run, self._fraction = run, 0.0
        parts = self._parts
        parts.progress.setValue(0)
        parts.progress.setVisible(True)
        parts.estimate.setText("Planning…" if unfinished is None and ready is None else "Running…")
        parts.run_button.setEnabled(False)
        parts.cancel_button.setEnabled(True)
        run.start()

    def cancel(self) -> None:
        """Stop after the blocks that are under way."""
        if self._run is not None:
            self._run.cancel()
            self._parts.cancel_button.setEnabled(False)
            self._parts.estimate.setText("Stopping after the blocks that are under way…")

    def show_maps(self, maps: PropertyMaps, name: str) -> MapLayers:
        """Give maps their layers, or take over those that a reader made."""
        self.shown_layers.append(MapLayers(self._viewer, maps, name=name))
        return self.shown_layers[-1]

    def shows(self, maps: PropertyMaps) -> bool:
        """Whether maps have their layers."""
        return any(layers.maps is maps for layers in self.shown_layers)

    def close(self) -> None:
        """Stop for good, since the window goes: what still arrives from the thread is not shown."""
        self._closed = True
        for layers in self.shown_layers:
            layers.stop()
        if self._run is not None:
            self._run.cancel()

    def wait(self, seconds: float) -> bool:
        """Wait for a run to end; whether there is none any more."""
        return self._run is None or self._run.wait(seconds)

    def _show_maps(self, state: ImageState, maps: PropertyMaps) -> None:
        """Add layers for maps that are still empty; maps of the same run keep theirs."""
        if self._closed or (maps is state.maps and state.layers is not None):
            return
        if state.layers is not None:
            state.layers.remove()
            self.shown_layers.remove(state.layers)
        state.maps = maps
        state.layers = self.show_maps(maps, state.layer.name)
        # The counts would stand among the maps; their eye brings them back.
        state.layer.visible = False
        self.shown.emit(state)

    def _take_block(self, state: ImageState, place: tuple[slice, ...], values: Any, fraction: float) -> None:
        """Take a finished block, which is shown in a moment together with others."""
        if not self._closed and state.layers is not None:
            state.layers.update_block(place, values)
            self._fraction = fraction
            if not self._telling.isActive():
                self._telling.start()

    def _tell_progress(self) -> None:
        """Show how far the run is and how long the rest will take."""
        if self._run is None or self._closed:
            return
        self._parts.progress.setValue(int(1000 * self._fraction))
        left = self._run.seconds_left()
        if left is not None and self._parts.cancel_button.isEnabled():
            self._parts.estimate.setText(f"About {duration_words(left)} left")

    def _finish(self, state: ImageState, maps: PropertyMaps) -> None:
        """Show the whole maps."""
        if state.layers is not None and not self._closed:
            state.layers.finish()
        pixels = 1
        for length in maps.shape:
            pixels *= length
        seconds = 0.0 if self._run is None else self._run.seconds
        self._end(state, f"{pixels} pixels in {duration_words(seconds)}.")

    def _fail(self, state: ImageState, words: str) -> None:
        """Say why a run failed; what it has finished is kept."""
        self._parts.message.complain(words)
        self._end(state, "")

    def _end(self, state: ImageState, words: str) -> None:
        """Make ready for the next run."""
        self._run = None
        if self._closed:
            return
        self._parts.progress.setVisible(False)
        self._parts.cancel_button.setEnabled(False)
        self.ended.emit(state)
        self._parts.estimate.setText(words)


def _lazy_maps(
    ready: PlannedImage | None, signal: Any, corrections: Corrections, recipe: Recipe, model: Model
) -> PropertyMaps:
    """Plan where that is still to be done, and return the lazy maps; runs in a thread."""
    image = plan_signal(corrected(signal, corrections), recipe) if ready is None else ready
    return maps_of(image, PropertyWork(image.plan, recipe, model), {"model": model_identity(model)}, lazy=True)
