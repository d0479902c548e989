"""All that is known of one pixel of a spectrum image, or of the mean of several: what a spectrum view shows.

The numbers are those of the maps, made on the same road (:func:`eelsmap.map_properties`); what is the same for a whole
image (its plan, the model's tables, the library) is made once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import NO_ANSWER, describe_flags
from eelsmap.mapping.map_names import LOWER, UPPER
from eelsmap.mapping.nearest_spectra import LibraryInBackground
from eelsmap.mapping.pixel_counts import (
    PixelCounts,
    checked_mask,
    checked_place,
    counts_at,
    mean_in_words,
    place_in_words,
    summed_counts,
    treated_counts,
)
from eelsmap.mapping.pixel_edges import EdgeView, edge_views
from eelsmap.models.explanation import Explanation, explain_stack
from eelsmap.preprocess.extraction import extract_edges

if TYPE_CHECKING:
    from eelsmap.mapping.planned_image import PlannedImage
    from eelsmap.models.model import Model

__all__ = ["AnyReader", "EdgeView", "PixelReader", "PixelView", "PropertyValue"]


class PropertyValue(NamedTuple):
    """What a model says of one property: the value and the ends of its interval."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True)
class PixelView:
    """One pixel, or the mean of several.

    Parameters
    ----------
    label
        Which pixel, in words.
    energy
        Recorded energies, shape (channel,), eV.
    counts
        Counts as recorded, shape (channel,); of several pixels their mean.
    edges
        The edges that the axis covers, by name.
    values
        The properties that have an answer, by name.
    flags
        Sentences: why there is no answer, or what to know about the one there is.
    pushes
        What pushed one property, and where along energy; None where it was not asked for or there is no answer.
    pixels
        How many pixels it is the mean of.
    flag_bits
        The same as `flags` as a value of the ``flags`` map.
    novelty
        How far the spectrum is from all training spectra, over what is usual; NaN without an answer.
    """

    label: str
    energy: NDArray[np.float64]
    counts: NDArray[np.float64]
    edges: Mapping[str, EdgeView] = field(default_factory=dict)
    values: Mapping[str, PropertyValue] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    pushes: Explanation | None = None
    pixels: int = 1
    flag_bits: int = 0
    novelty: float = float("nan")


class AnyReader(Protocol):
    """What gives views of the pixels of an image."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the image in array order."""

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of the properties that can be explained."""

    def at(self, index: Sequence[int], *, explain: str | None = None) -> PixelView:
        """Look at one pixel."""

    def mean(self, mask: NDArray[np.bool_], *, explain: str | None = None) -> PixelView:
        """Look at the mean of several pixels."""


class PixelReader:
    """Looks at pixels of an image with a model.

    Parameters
    ----------
    image
        The planned image, from :func:`eelsmap.mapping.plan_signal` with the recipe of the maps.
    model
        The model.
    library
        Simulated spectra to compare with; by default the shipped library, which is read in the background when the
        first pixel is looked at, so that the first views are without it.

    Notes
    -----
    Safe to use from any thread, one call at a time.
    """

    def __init__(self, image: PlannedImage, model: Model, *, library: LibraryInBackground | None = None) -> None:
        self.image = image
        self.model = model
        self._library = LibraryInBackground(image.recipe.edge_set) if library is None else library

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the image in array order."""
        return tuple(self.image.core.data.shape[:-1])

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of the properties of the model."""
        return tuple(self.model.targets)

    @property
    def library(self) -> LibraryInBackground:
        """The simulated spectra, for readers of other images with the same edges."""
        return self._library

    def at(self, index: Sequence[int], *, explain: str | None = None) -> PixelView:
        """Look at one pixel.

        Parameters
        ----------
        index
            Place in the order of the array: (row, column) of an image, (place,) of a line, () of a single spectrum.
            Negative places count from the end.
        explain
            Name of the property whose tree SHAP is wanted.

        Returns
        -------
        PixelView
            With the values that the maps have there.

        Raises
        ------
        RecipeError
            There is no such pixel, or the model has no such property.
        """
        place = checked_place(index, self.shape)
        return self._view(counts_at(self.image, place), place_in_words(place), explain)

    def mean(self, mask: NDArray[np.bool_], *, explain: str | None = None) -> PixelView:
        """Look at the mean of several pixels: the answer for their mean spectrum, not the mean of their answers.

        Parameters
        ----------
        mask
            Shape of the image; True for the pixels that are wanted. Of lazy data only their blocks are read.
        explain
            As for :meth:`at`.

        Returns
        -------
        PixelView
            Counts and backgrounds are those of the mean; intervals are those of the model for a spectrum with the
            counts of all these pixels.

        Raises
        ------
        RecipeError
            The mask has another shape, marks no pixel, or none that is usable.
        """
        marked = checked_mask(mask, self.shape)
        if marked.sum() == 1:
            return self.at(np.argwhere(marked)[0], explain=explain)
        pixel = summed_counts(self.image, marked)
        return self._view(pixel, mean_in_words(pixel.pixels, pixel.left_out), explain)

    def _view(self, pixel: PixelCounts, label: str, explain: str | None) -> PixelView:
        """Send counts down the road and gather what is shown."""
        stack = extract_edges(pixel.counts, pixel.plan, pixel.recipe, **pixel.known, details=True)
        stack.flags[:] |= np.uint32(pixel.flags)
        predicted = self.model.predict_stack(stack, axis_uncertainty=stack.axis_uncertainty)[0]
        bits = int(stack.flags[0])
        counts = np.asarray(pixel.counts[0], dtype=np.float64) / pixel.pixels
        seen = self.model.corrections.on_stack(stack, pixel.recipe)
        pushes = None
        if explain is not None and not bits & NO_ANSWER:
            pushes = explain_stack(
                self.model, stack, explain, axis_uncertainty=float(np.ravel(stack.axis_uncertainty)[0])
            )
            pushes = pushes if np.isfinite(pushes.value[0]) else None
        return PixelView(
            label,
            pixel.plan.energy,
            counts,
            edge_views(pixel, (counts, treated_counts(pixel)), stack, seen, self._library.ask()),
            self._values(predicted),
            tuple(describe_flags(bits)),
            pushes,
            pixel.pixels,
            bits,
            float(predicted[-1]),
        )

    def _values(self, predicted: NDArray[np.float32]) -> dict[str, PropertyValue]:
        """Properties that have an answer."""
        of = dict(zip(self.model.outputs, predicted.tolist(), strict=True))
        return {
            target: PropertyValue(of[target], of[target + LOWER], of[target + UPPER])
            for target in self.model.targets
            if np.isfinite(of[target])
        }
