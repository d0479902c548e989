"""Views of pixels without a model: their counts alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.mapping.pixel_counts import checked_mask, checked_place, masked_blocks, mean_in_words, place_in_words
from eelsmap.mapping.pixel_view import PixelView

__all__ = ["CountsReader"]


class CountsReader:
    """Looks at the counts of pixels, where no model was chosen or the image cannot be mapped.

    Parameters
    ----------
    signal
        Core-loss HyperSpy signal.
    """

    properties: tuple[str, ...] = ()

    def __init__(self, signal: Any) -> None:
        self._data = signal.data
        self._energy = np.asarray(signal.axes_manager.signal_axes[0].axis, dtype=np.float64)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the image in array order."""
        return tuple(self._data.shape[:-1])

    def at(self, index: Sequence[int], *, explain: str | None = None) -> PixelView:
        """Look at one pixel; nothing is explained without a model."""
        place = checked_place(index, self.shape)
        return PixelView(place_in_words(place), self._energy, np.asarray(self._data[place], dtype=np.float64))

    def mean(self, mask: NDArray[np.bool_], *, explain: str | None = None) -> PixelView:
        """Look at the mean of several pixels; those that are not finite are left out."""
        marked = checked_mask(mask, self.shape)
        if marked.sum() == 1:
            return self.at(np.argwhere(marked)[0])
        total, used = np.zeros(self._energy.size), 0
        for box, inside in masked_blocks(self._data, marked):
            counts = np.asarray(self._data[box])[inside].astype(np.float64)
            finite = np.isfinite(counts).all(axis=1)
            total += counts[finite].sum(axis=0)
            used += int(finite.sum())
        mean = total / used if used else np.full(self._energy.size, np.nan)
        return PixelView(mean_in_words(used, int(marked.sum()) - used), self._energy, mean, pixels=max(used, 1))
