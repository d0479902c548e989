"""Looks now and then whether a series has grown, and reads it in a thread."""

from __future__ import annotations

from qtpy.QtCore import QObject, QTimer, Signal

from eelsmap.mapping.series import MapSeries
from eelsmap.mapping.series.known_frames import stamp_of
from eelsmap.mapping.series.table import LINES
from eelsmap.napari.series.frames import SeriesFrames
from eelsmap.napari.window.background_task import BackgroundTask

__all__ = ["SeriesWatch"]

_POLL_MS = 3000


class SeriesWatch(QObject):
    """Watches the table of a series.

    :attr:`changed` gives its frames when it was written anew or was asked for; :attr:`failed` says in words why it
    cannot be read.
    """

    changed = Signal(object)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._frames: SeriesFrames | None = None
        self._stamp = (-1, -1)
        self._task: BackgroundTask | None = None
        self._again = False
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._look)

    def watch(self, frames: SeriesFrames) -> None:
        """Watch the series of these frames, which are known."""
        if self._frames is None or self._frames.series.folder != frames.series.folder:
            self.stop()
            self._stamp = stamp_of(frames.series.folder / LINES)
        self._frames = frames
        self._timer.start()

    def stop(self) -> None:
        """Watch nothing."""
        self._timer.stop()
        self._frames = None
        if self._task is not None:
            self._task.forget()
            self._task = None

    def read(self) -> None:
        """Read the table now, once more if it is being read."""
        if self._frames is None:
            return
        self._again = self._task is not None
        if self._again:
            return
        folder, cache = self._frames.series.folder, self._frames.cache
        self._stamp = stamp_of(folder / LINES)

        def read() -> SeriesFrames:
            frames = SeriesFrames(MapSeries.load(folder), cache)
            # What the window will ask for, so that it does not wait for the disk.
            _ = frames.names, frames.shape
            return frames

        self._task = BackgroundTask(read, self._done, self._failed, self).start()

    def _look(self) -> None:
        """Read the table if it has changed."""
        if self._frames is not None and stamp_of(self._frames.series.folder / LINES) != self._stamp:
            self.read()

    def _done(self, frames: SeriesFrames) -> None:
        self._task = None
        self.changed.emit(frames)
        if self._again:
            self.read()

    def _failed(self, words: str) -> None:
        self._task = None
        self.failed.emit(words)
