"""Map a series from the window: the form, the run, how far it is, and what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from eelsmap.mapping.series import MapSeries
from eelsmap.models.model import Model
from eelsmap.napari.series.folder_form import SeriesFolderForm
from eelsmap.napari.series.parts import SeriesParts
from eelsmap.napari.series.run import SeriesRun
from eelsmap.napari.series.words import counted_words

__all__ = ["SeriesMapping"]

_WATCH_EVERY = 5.0


class SeriesMapping(QObject):
    """Asks what to map and maps it; :attr:`grown` gives the folder of the results whenever a frame is done.

    Parameters
    ----------
    owner
        Widget that the form belongs to.
    parts
        Where progress and messages are shown.
    """

    grown = Signal(object)

    def __init__(self, owner: QWidget, parts: SeriesParts) -> None:
        super().__init__(owner)
        self.model: Model | None = None
        self.run = SeriesRun(self)
        self._owner, self._parts = owner, parts
        self._out = Path()
        parts.map_button.clicked.connect(self.ask)
        parts.stop_button.clicked.connect(self._stop)
        self.run.progress.connect(self._said)
        self.run.finished.connect(self._done)
        self.run.failed.connect(self._failed)

    def ask(self) -> SeriesFolderForm:
        """Ask what to map; returns the form."""
        form = SeriesFolderForm(self._owner)
        form.asked.connect(self.start)
        form.open()
        return form

    def start(self, frames: str, model: str, out: str, regions: dict[str, str], axis: str, watch: bool = False) -> None:
        """Map a series in a thread; with `watch`, wait for further frames until it is stopped."""
        chosen: Any = self.model if self.model is not None and self.model.name == model else model
        self._out = Path(out)
        self._parts.message.clear()
        self._parts.show_running(True)
        self.run.start(frames, chosen, self._out, regions=regions or None, axis=axis,
                       watch=_WATCH_EVERY if watch else None)  # fmt: skip

    def _said(self, sentence: str, number: int, total: int) -> None:
        """Show how far the run is."""
        self._parts.show_progress(sentence, number, total)
        if number:
            self.grown.emit(self._out)

    def _done(self, series: MapSeries) -> None:
        """Show what became of all frames."""
        self._parts.show_running(False)
        self._parts.message.say(f"{series.folder}: {counted_words(series.frames.to_dict('records'))}")
        self.grown.emit(self._out)

    def _failed(self, words: str) -> None:
        """Say why the run has ended; what is mapped stays."""
        self._parts.show_running(False)
        self._parts.message.complain(words)
        self.grown.emit(self._out)

    def _stop(self) -> None:
        """Stop; finished frames are kept."""
        self.run.stop()
        self._parts.show_stopping()
