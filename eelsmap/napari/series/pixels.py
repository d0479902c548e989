"""Spectra of all frames of a series: a reader for each frame, opened when it is needed, the last few kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import FileReadError
from eelsmap.mapping.nearest_spectra import LibraryInBackground
from eelsmap.mapping.pixel_view import PixelView
from eelsmap.models.model import Model
from eelsmap.napari.series.frame_spectra import FrameReader, model_of, open_frame
from eelsmap.napari.series.frames import SeriesFrames
from eelsmap.napari.series.words import why_empty
from eelsmap.recipe import Recipe

__all__ = ["SeriesPixels"]

_KEPT = 4


class SeriesPixels:
    """Looks at pixels of a series, frame by frame; any thread may ask, and should, since files are opened.

    Parameters
    ----------
    frames
        The series.
    model
        A model that may be the one that made it.
    """

    def __init__(self, frames: SeriesFrames, model: Model | None = None) -> None:
        self.frames = frames
        self.at_hand = model
        self._model: Model | None = None
        self._kept: OrderedDict[str, FrameReader] = OrderedDict()
        self._lock = RLock()

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the maps in array order."""
        return self.frames.shape

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of the properties that can be explained."""
        return tuple(self.frames.properties)

    @cached_property
    def library(self) -> LibraryInBackground:
        """Simulated spectra that all frames are compared with."""
        return LibraryInBackground(Recipe.from_dict(self.frames.series.settings["recipe"]).edge_set)

    def at(self, index: Sequence[int], *, explain: str | None = None) -> PixelView:
        """Look at a pixel of the first frame that has maps."""
        return self.of_step(self._first()).at(index, explain=explain)

    def mean(self, mask: NDArray[np.bool_], *, explain: str | None = None) -> PixelView:
        """Look at the mean over pixels of the first frame that has maps."""
        return self.of_step(self._first()).mean(mask, explain=explain)

    def of_step(self, step: int) -> FrameReader:
        """Open a frame, or return the reader that is open.

        Parameters
        ----------
        step
            Number of the frame from 0 on.

        Raises
        ------
        FileReadError
            The frame has no maps, or its file is gone; the message says which and why.
        UnknownModelError
            The model that made the series is not at hand.
        """
        with self._lock:
            frames = self.frames
            if not 0 <= step < len(frames):
                raise FileReadError(f"the series has no frame {step + 1}")
            reason = why_empty(frames.rows[step])
            if reason:
                raise FileReadError(f"{frames.rows[step]['file']}: {reason}")
            chain = str(frames.rows[step]["_chain"])
            reader = self._kept.get(chain)
            if reader is None:
                reader = open_frame(frames, step, self._made_with(), library=self.library)
                self._kept[chain] = reader
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(chain)
            return reader

    def _made_with(self) -> Model:
        """Find the model once."""
        made = self.frames.series.settings["model"]["sha256"]
        if self._model is None or self._model.sha256 != made:
            self._model = model_of(self.frames.series, self.at_hand)
        return self._model

    def _first(self) -> int:
        """First frame that has maps."""
        steps = (step for step in range(len(self.frames)) if self.frames.has_maps(step))
        found = next(steps, None)
        if found is None:
            raise FileReadError("no frame of the series is mapped yet")
        return found
