"""One function in a thread of its own, its answer back in the thread of the window."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any

from qtpy.QtCore import QObject, Signal

from eelsmap.napari.window.error_words import error_words
from eelsmap.napari.window.window_signals import reached

__all__ = ["BackgroundTask"]

_AT_WORK: set[BackgroundTask] = set()
"""Tasks whose answer is under way: one that nobody holds any more would be deleted with its answer undelivered."""


class BackgroundTask(QObject):
    """Run a function in a thread and hand its answer to the window's thread.

    The window stays responsive, a newer task makes an older one forgotten (:meth:`forget`), and a task whose window has
    gone ends without a word.

    Parameters
    ----------
    function
        What is done; it may not touch widgets.
    done
        Called with its answer in the thread that made the task.
    failed
        Called with the error in words.
    parent
        Owner of the task.
    """

    _done = Signal(object)
    _failed = Signal(str)

    def __init__(
        self,
        function: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[str], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._function = function
        self._wanted = True
        self._on_done, self._on_failed = done, failed
        self._done.connect(self._answer)
        self._failed.connect(self._complain)
        self._thread = Thread(target=self._work, name="eelsmap background task", daemon=True)

    def start(self) -> BackgroundTask:
        """Start; returns the task."""
        _AT_WORK.add(self)
        self._thread.start()
        return self

    def forget(self) -> None:
        """Drop the answer when it comes."""
        self._wanted = False

    def wait(self, seconds: float) -> bool:
        """Wait for the thread to end; whether it did."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def running(self) -> bool:
        """Whether the function is still at work."""
        return self._thread.is_alive()

    def _work(self) -> None:
        """Do the work; runs in the thread."""
        try:
            answer = self._function()
        except Exception as error:
            self._send("_failed", error_words(error))
        else:
            self._send("_done", answer)

    def _send(self, signal: str, content: Any) -> None:
        """Emit a signal unless the window was closed meanwhile, which deletes the signal with it."""
        if not self._wanted:
            _AT_WORK.discard(self)
            return
        if not reached(self, signal, content):
            self._wanted = False
            _AT_WORK.discard(self)

    def _answer(self, answer: Any) -> None:
        _AT_WORK.discard(self)
        if self._wanted:
            self._on_done(answer)

    def _complain(self, words: str) -> None:
        _AT_WORK.discard(self)
        if self._wanted:
            self._on_failed(words)
