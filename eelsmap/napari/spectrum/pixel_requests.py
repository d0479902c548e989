"""Views that were asked for and have been read: kept for a while, read in a thread, the latest wishes first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from eelsmap.mapping.pixel_view import AnyReader, PixelView
from eelsmap.napari.window.error_words import error_words
from eelsmap.napari.window.reading_thread import LatestWish

__all__ = ["ViewRequests", "Wanted"]

_KEPT = 64
_LIBRARY_MS = 300


@dataclass(frozen=True)
class Wanted:
    """One spectrum that is to be shown.

    Parameters
    ----------
    place
        A pixel in array order; None for the mean of a mask.
    mask
        Mask of the pixels as bytes; empty for a pixel.
    step
        Step of a series.
    explain
        Property whose pushes are wanted; empty for none.
    """

    place: tuple[int, ...] | None
    mask: bytes = b""
    step: int = 0
    explain: str = ""

    def read(self, reader: AnyReader) -> PixelView:
        """Ask a reader; what goes wrong becomes a view that says so."""
        explain = self.explain if self.explain in reader.properties else None
        try:
            if self.place is not None:
                return reader.at(self.place, explain=explain)
            mask = np.frombuffer(self.mask, dtype=bool).reshape(reader.shape)
            return reader.mean(mask, explain=explain)
        except Exception as error:
            label = "region" if self.place is None else f"pixel {', '.join(map(str, self.place))}"
            return PixelView(label, np.empty(0), np.empty(0), flags=(error_words(error),))


class ViewRequests(QObject):
    """Reads views in a thread and keeps the last ones.

    Parameters
    ----------
    parent
        Owner.
    """

    changed = Signal()
    """Views that were wanted have come, or were made anew."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reader: AnyReader | None = None
        self._of_step: Callable[[int], AnyReader] | None = None
        self._generation = 0
        self._known: dict[Wanted, PixelView] = {}
        self._missing: list[Wanted] = []
        self._at_work: tuple[int, Wanted] | None = None
        self._wish = LatestWish(self)
        self._wish.done.connect(self._arrived)
        self._library = QTimer(self)
        self._library.setInterval(_LIBRARY_MS)
        self._library.timeout.connect(self._look_for_library)

    @property
    def idle(self) -> bool:
        """Whether all that was wanted has been read."""
        return self._wish.idle and not self._missing

    def set_reader(self, reader: AnyReader | None, of_step: Callable[[int], AnyReader] | None) -> None:
        """Read from now on with this reader, or with one for each step; views of others are forgotten."""
        self._reader, self._of_step = reader, of_step
        self._forget()

    def want(self, wanted: Sequence[Wanted]) -> None:
        """Read what is not known of this; what was wanted before and has not begun is dropped."""
        self._missing = [one for one in wanted if one not in self._known]
        if self._missing and self._reader is not None and self._at_work != (self._generation, self._missing[0]):
            self._wish.ask(self._reading(self._missing[0]))

    def view(self, wanted: Wanted) -> PixelView | None:
        """Return a view that has come."""
        found = self._known.get(wanted)
        if found is not None:
            # Moves it to the end, so that what is looked at is not the first to be forgotten.
            self._known[wanted] = self._known.pop(wanted)
        return found

    def close(self) -> None:
        """End the thread."""
        self._library.stop()
        self._wish.close()

    def _reading(self, wanted: Wanted) -> Callable[[], Any]:
        """Make the function that reads one view; it runs in the thread."""
        generation, reader, of_step = self._generation, self._reader, self._of_step

        def read() -> tuple[int, Wanted, PixelView] | None:
            if reader is None:
                return None
            self._at_work = (generation, wanted)
            try:
                source = reader if of_step is None else of_step(wanted.step)
            except Exception as error:
                view = PixelView("no spectrum", np.empty(0), np.empty(0), flags=(error_words(error),))
            else:
                view = wanted.read(source)
            return generation, wanted, view

        return read

    def _arrived(self, answer: tuple[int, Wanted, PixelView] | None) -> None:
        """Keep what was read, and go on with what is still missing."""
        self._at_work = None
        if answer is None or answer[0] != self._generation:
            return
        _, wanted, view = answer
        self._known[wanted] = view
        for old in list(self._known)[: max(0, len(self._known) - _KEPT)]:
            del self._known[old]
        self._missing = [one for one in self._missing if one != wanted]
        if self._missing and self._wish.idle:
            self._wish.ask(self._reading(self._missing[0]))
        self.changed.emit()
        library = getattr(self._reader, "library", None)
        if library is not None and not library.settled and not self._library.isActive():
            self._library.start()

    def _look_for_library(self) -> None:
        """Read anew what is shown when the library has come, since nearest spectra were missing."""
        library = getattr(self._reader, "library", None)
        if library is not None and not library.settled:
            return
        self._library.stop()
        if library is not None and library.ask() is not None:
            self._forget()
            self.changed.emit()

    def _forget(self) -> None:
        """Forget all views, and those that are under way."""
        self._generation += 1
        self._known.clear()
        self._missing = []
