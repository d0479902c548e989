"""Work in small pieces between which the viewer answers to its user."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from qtpy.QtCore import QTimer

__all__ = ["OneByOne"]


class OneByOne:
    """Call a function with one key after another, each in a turn of its own; GUI thread only.

    Parameters
    ----------
    work
        What is done with a key.
    pause
        Milliseconds before each turn.
    """

    def __init__(self, work: Callable[[str], None], *, pause: int) -> None:
        self._work = work
        self._waiting: dict[str, None] = {}
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(pause)
        self._timer.timeout.connect(self._turn)

    @property
    def waiting(self) -> list[str]:
        """Keys that wait for their turn."""
        return list(self._waiting)

    def want(self, keys: Iterable[str]) -> None:
        """Put keys in line; one that waits already keeps its place."""
        self._waiting.update(dict.fromkeys(keys))
        if self._waiting and not self._timer.isActive():
            self._timer.start()

    def want_first(self, keys: Iterable[str]) -> None:
        """Put keys at the head of the line."""
        wanted = dict.fromkeys(keys)
        rest = [key for key in self._waiting if key not in wanted]
        self._waiting = {**wanted, **dict.fromkeys(rest)}
        self.want(())

    def now(self) -> None:
        """Do what waits, at once."""
        while self._waiting:
            self._turn()

    def stop(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self._timer.stop()

    def _turn(self) -> None:
        """Do one piece."""
        if not self._waiting:
            return
        key = next(iter(self._waiting))
        del self._waiting[key]
        self._work(key)
        self.want(())
