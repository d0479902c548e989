"""One run over an image in a thread of its own: plan, blocks as they finish, cancel, and go on where it was left."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from eelsmap.errors import RunCancelledError
from eelsmap.mapping import PropertyMaps
from eelsmap.napari.window.error_words import error_words
from eelsmap.napari.window.window_signals import reached

__all__ = ["MapRun"]

_HAND_MS, _HAND_SECONDS = 60, 0.02


class MapRun(QObject):
    """Compute maps block by block without holding up the window.

    Parameters
    ----------
    make_maps
        Returns the lazy maps; called in the thread, since planning reads from disk. Maps of an earlier run that was
        cancelled go on with the blocks that are missing.
    parent
        Owner.
    """

    made = Signal(object)
    """The lazy maps, before their first block."""
    block = Signal(object, object, float)
    """Place (navigation slices), values (block navigation..., map), fraction done."""
    done = Signal(object)
    """The computed maps."""
    cancelled = Signal(object)
    """The maps as far as they were computed, or None."""
    failed = Signal(str, object)
    """The error in words, and the maps as far as they were computed, or None."""
    _ended = Signal(str, str, object)

    def __init__(self, make_maps: Callable[[], PropertyMaps], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._make_maps = make_maps
        self._stop = Event()
        self._fraction = 0.0
        self._started = self._began = 0.0
        # Blocks wait here for the window: as events of their own they would come before its paint and input events.
        self._finished: deque[tuple[tuple[slice, ...], NDArray[np.float32], float]] = deque()
        self._handing = QTimer(self)
        self._handing.setInterval(_HAND_MS)
        self._handing.timeout.connect(lambda: self._hand_over(_HAND_SECONDS))
        self._ended.connect(self._end)
        self._thread = Thread(target=self._work, name="eelsmap run", daemon=True)

    def start(self) -> MapRun:
        """Start; returns the run."""
        self._started = time.monotonic()
        self._handing.start()
        self._thread.start()
        return self

    def cancel(self) -> None:
        """Stop after the blocks that are under way; what is finished is kept."""
        self._stop.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the thread to end; whether it did."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def running(self) -> bool:
        """Whether it is still at work."""
        return self._thread.is_alive()

    @property
    def seconds(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._started

    def seconds_left(self) -> float | None:
        """Estimate the seconds that are left from the blocks so far; None before there are any."""
        if self._began == 0 or not 0 < self._fraction < 1:
            return None
        return (time.monotonic() - self._began) * (1 - self._fraction) / self._fraction

    def _work(self) -> None:
        """Plan and compute; runs in the thread."""
        maps: PropertyMaps | None = None
        try:
            maps = self._make_maps()
            self._send("made", maps)
            self._began = time.monotonic()
            maps.compute(progress=False, on_block=self._on_block, cancelled=self._stop.is_set)
        except RunCancelledError:
            self._send("_ended", "cancelled", "", maps)
        except Exception as error:
            self._send("_ended", "failed", error_words(error), maps)
        else:
            self._send("_ended", "done", "", maps)

    def _on_block(self, place: tuple[slice, ...], values: NDArray[np.float32], fraction: float) -> None:
        """Keep a block for the window; runs in the thread."""
        self._fraction = fraction
        self._finished.append((place, values, fraction))

    def _hand_over(self, seconds: float) -> None:
        """Hand blocks to the window for some time."""
        end = time.monotonic() + seconds
        while self._finished and time.monotonic() < end:
            self.block.emit(*self._finished.popleft())

    def _end(self, how: str, words: str, maps: PropertyMaps | None) -> None:
        """Hand the last blocks over and say how the run ended."""
        self._handing.stop()
        self._hand_over(float("inf"))
        if how == "failed":
            self.failed.emit(words, maps)
        else:
            (self.done if how == "done" else self.cancelled).emit(maps)

    def _send(self, signal: str, *content: Any) -> None:
        """Emit a signal unless the window was closed meanwhile, which deletes the signal with it."""
        if not reached(self, signal, *content):
            self._stop.set()
