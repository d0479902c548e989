"""A series mapped from the window: in a thread, frame by frame, and it may be stopped at any moment."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

from qtpy.QtCore import QObject, Signal

from eelsmap.errors import RunCancelledError
from eelsmap.mapping.series import MapSeries, map_series
from eelsmap.napari.window.background_task import BackgroundTask
from eelsmap.napari.window.window_signals import reached

__all__ = ["SeriesRun"]

_COUNTED = re.compile(r"(\d+)/(\d+) ")


class SeriesRun(QObject):
    """One run of :func:`eelsmap.map_series` in a thread.

    :attr:`progress` says what became of a frame, its number and how many there are (0 while they are looked for);
    :attr:`finished` gives the series; :attr:`failed` says in words why there is none.

    Parameters
    ----------
    parent
        Owner.
    """

    progress = Signal(str, int, int)
    finished = Signal(object)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._task: BackgroundTask | None = None
        self._stopping = Event()

    @property
    def running(self) -> bool:
        """Whether frames are being mapped."""
        return self._task is not None

    def start(self, frames: str, model: Any, out: Path, **options: Any) -> None:
        """Begin, unless a run is under way.

        Parameters
        ----------
        frames
            Folder or pattern.
        model
            A model, the name of a shipped one, or the path of a bundle.
        out
            Folder of the results; what lies there is kept, only what is missing is made.
        **options
            For :func:`eelsmap.map_series`.
        """
        if self.running:
            return
        stopping = self._stopping = Event()
        self.progress.emit("Looking for frames, and reading their headers", 0, 0)

        def mapped() -> MapSeries:
            return map_series(frames, model, out=out, say=self._say, cancelled=stopping.is_set, **options)

        self._task = BackgroundTask(mapped, self._done, self._end, self).start()

    def stop(self) -> None:
        """Stop after the blocks of pixels that are being computed; finished frames are kept."""
        self._stopping.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the thread to end; whether it did."""
        return self._task is None or self._task.wait(seconds)

    def _say(self, sentence: str) -> None:
        """Hand a sentence over; runs in the thread."""
        counted = _COUNTED.match(sentence)
        number, total = (int(counted[1]), int(counted[2])) if counted else (0, 0)
        if not reached(self, "progress", sentence, number, total):
            # End with the frame that is done.
            raise RunCancelledError("the window was closed")

    def _done(self, series: MapSeries) -> None:
        self._over(lambda: self.finished.emit(series))

    def _end(self, words: str) -> None:
        self._over(lambda: self.failed.emit(words))

    def _over(self, tell: Callable[[], None]) -> None:
        """Tidy up after the thread, and tell."""
        task, self._task = self._task, None
        if task is not None:
            task.deleteLater()
        tell()
