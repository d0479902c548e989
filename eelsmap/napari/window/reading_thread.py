"""A thread that does the latest of many wishes: what was overtaken before it began is never done."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, Signal

from eelsmap.napari.window.window_signals import reached

__all__ = ["LatestWish"]


class LatestWish(QObject):
    """Runs functions in one thread; a newer one replaces the one that waits.

    The thread starts with the first wish and ends with :meth:`close`.

    Parameters
    ----------
    parent
        Owner.
    """

    done = Signal(object)
    """What a function returned, in the thread of the owner."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._condition = threading.Condition()
        self._wish: Callable[[], Any] | None = None
        self._thread: threading.Thread | None = None
        self._at_work = False
        self._open = True

    @property
    def idle(self) -> bool:
        """Whether nothing is done and nothing waits."""
        with self._condition:
            return self._wish is None and not self._at_work

    def ask(self, function: Callable[[], Any]) -> None:
        """Do this next, in place of what waits; the function must not raise and not touch widgets."""
        with self._condition:
            if not self._open:
                return
            self._wish = function
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="eelsmap pixels", daemon=True)
                self._thread.start()
            self._condition.notify()

    def close(self) -> None:
        """End the thread after what it is doing."""
        with self._condition:
            self._open, self._wish = False, None
            self._condition.notify()

    def _work(self) -> None:
        """Do wishes until closed; runs in the thread."""
        while True:
            with self._condition:
                while self._open and self._wish is None:
                    self._condition.wait()
                if not self._open or self._wish is None:
                    return
                function, self._wish, self._at_work = self._wish, None, True
            answer = function()
            with self._condition:
                self._at_work = False
                wanted = self._open
            if wanted and not reached(self, "done", answer):
                return
