"""Spectra of one frame of a series, asked for by the pixels of its maps: drift is taken out of those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import BundleError, FileReadError, RecipeError, UnknownModelError
from eelsmap.io import load, prepare
from eelsmap.mapping.nearest_spectra import LibraryInBackground
from eelsmap.mapping.pixel_counts import place_in_words
from eelsmap.mapping.pixel_view import PixelReader, PixelView
from eelsmap.mapping.planned_image import PlannedImage, plan_signal
from eelsmap.mapping.series import MapSeries
from eelsmap.mapping.series.mapped_frame import plan_of, with_shared_plan
from eelsmap.models.model import Model
from eelsmap.models.model_loading import load_model
from eelsmap.napari.series.frames import SeriesFrames
from eelsmap.recipe import Recipe

__all__ = ["FrameReader", "model_of", "open_frame", "planned_frame"]


class FrameReader:
    """A reader of the pixels of one frame that takes pixels of the series' maps.

    Parameters
    ----------
    reader
        Of the frame as it was recorded.
    frames
        The series.
    step
        Number of the frame from 0 on.
    """

    def __init__(self, reader: PixelReader, frames: SeriesFrames, step: int) -> None:
        self.reader = reader
        self.step = step
        self._frames = frames

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the maps in array order."""
        return self._frames.shape

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of the properties that can be explained."""
        return self.reader.properties

    def recorded(self, index: Sequence[int]) -> tuple[int, ...]:
        """Tell where in the frame's file a pixel of the maps was recorded.

        Parameters
        ----------
        index
            Pixel of the maps in array order; numbers before those of the image (time) are left out.

        Raises
        ------
        RecipeError
            The specimen had drifted so far that the frame does not show the pixel.
        """
        shape = self._frames.shape
        asked = [int(number) for number in index][len(index) - len(shape) :] if shape else []
        moved = np.rint(self._frames.drift(self.step)).astype(int)
        place = tuple(int(number + shift) for number, shift in zip(asked, moved, strict=True))
        if not all(0 <= number < size for number, size in zip(place, shape, strict=True)):
            row = self._frames.rows[self.step]
            raise RecipeError(
                f"{row['file']} does not show pixel {tuple(asked)}: the specimen lies "
                f"{' and '.join(f'{one:+d}' for one in moved)} pixels (y, x) from where it was in the first frame"
            )
        return place

    def at(self, index: Sequence[int], *, explain: str | None = None) -> PixelView:
        """Look at a pixel of the maps; see :meth:`eelsmap.mapping.pixel_view.PixelReader.at`."""
        place = self.recorded(index)
        view = self.reader.at(place, explain=explain)
        shown = place_in_words(tuple(int(number) for number in index)[len(index) - len(place) :])
        return view if shown == view.label else replace(view, label=f"{shown} (recorded at {view.label})")

    def mean(self, mask: NDArray[np.bool_], *, explain: str | None = None) -> PixelView:
        """Look at the mean over pixels of the maps, which follow the specimen.

        Raises
        ------
        RecipeError
            The frame shows none of them.
        """
        inside = self._frames.recorded_pixels(self.step, np.asarray(mask, dtype=bool))
        if not inside.any():
            raise RecipeError(f"{self._frames.rows[self.step]['file']} shows no pixel of this shape")
        return self.reader.mean(inside, explain=explain)


def open_frame(
    frames: SeriesFrames, step: int, model: Model, /, *, library: LibraryInBackground | None = None
) -> FrameReader:
    """Open the file of a frame for its spectra.

    Parameters
    ----------
    frames
        The series.
    step
        Number of the frame from 0 on.
    model
        The model that made the maps.
    library
        Simulated spectra to compare with, of the reader of another frame.

    Raises
    ------
    FileReadError
        Its file is gone; the message names it.
    EelsmapError
        The file cannot be used any more.
    """
    return FrameReader(PixelReader(planned_frame(frames, step), model, library=library), frames, step)


def planned_frame(frames: SeriesFrames, step: int, /) -> PlannedImage:
    """Plan a frame as the series did; raises as :func:`open_frame`."""
    settings, path = frames.series.settings, Path(frames.rows[step]["path"])
    recipe = Recipe.from_dict(settings["recipe"])
    image = plan_signal(prepare(load(_there(path), lazy=True)), recipe)
    leader = next(place for place in range(len(frames)) if frames.has_maps(place))
    if settings["axis"] == "per_frame" or leader == step:
        return image
    shared = plan_of(_there(Path(frames.rows[leader]["path"])), recipe)
    return with_shared_plan(image, shared, track=settings["axis"] == "tracked")


def model_of(series: MapSeries, at_hand: Model | None = None, /) -> Model:
    """Find the model that made a series.

    Parameters
    ----------
    series
        The series.
    at_hand
        A model that may be it.

    Raises
    ------
    UnknownModelError
        It is neither at hand nor one of the shipped ones; the message says which it is.
    """
    made: dict[str, Any] = series.settings["model"]
    if at_hand is not None and at_hand.sha256 == made["sha256"]:
        return at_hand
    try:
        found = load_model(made["name"])
    except (UnknownModelError, BundleError):
        found = None
    if found is None or found.sha256 != made["sha256"]:
        raise UnknownModelError(
            f"the spectra need the model that made this series, {made['name']} {made['version']} "
            f"({made['sha256'][:12]}), which is not at hand; choose its bundle as the model"
        )
    return found


def _there(path: Path) -> Path:
    """Return a path, or say that the file is gone."""
    if not path.exists():
        raise FileReadError(f"{path}: the file of this frame is gone; put it back there to see its spectra")
    return path
