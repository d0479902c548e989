"""A stack of maps that is lazy at first and grows block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.mapping.block_runs import run_blocks
from eelsmap.mapping.blocks import places_of
from eelsmap.mapping.memory import return_memory

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["GrowingStack", "OnBlock"]

OnBlock = Callable[[tuple[slice, ...], NDArray[Any], float], None]
"""Called with the place of a block in the image, its values (block navigation..., map) and the share done, 0 to 1."""


class GrowingStack:
    """Lazy maps, and what is known of them so far.

    Parameters
    ----------
    blocks
        Shape (navigation..., map).
    unknown
        What stands in each map where nothing is known yet, shape (map,).
    """

    def __init__(self, blocks: da.Array, unknown: Sequence[float]) -> None:
        self.blocks = blocks.rechunk({blocks.ndim - 1: -1})
        self._unknown = np.asarray(unknown, dtype=blocks.dtype)
        self._values: NDArray[Any] | None = None
        self._done = np.zeros(self.blocks.numblocks[:-1], dtype=bool)
        self._running = RLock()

    @property
    def values(self) -> NDArray[Any]:
        """What is known so far, shape (navigation..., map). Each map lies in one piece of memory."""
        if self._values is None:
            *navigation, maps = self.blocks.shape
            memory = np.empty((maps, *navigation), dtype=self.blocks.dtype)
            memory[...] = self._unknown.reshape(-1, *(1 for _ in navigation))
            self._values = np.moveaxis(memory, 0, -1)
        return self._values

    @property
    def complete(self) -> bool:
        """Whether every block is known."""
        return bool(self._done.all())

    def compute(self, *, on_block: OnBlock | None = None, cancelled: Callable[[], bool] | None = None) -> NDArray[Any]:
        """Compute the blocks that are missing.

        Parameters
        ----------
        on_block
            Told of every finished block.
        cancelled
            Asked after every block.

        Returns
        -------
        numpy.ndarray
            :attr:`values`, complete.

        Raises
        ------
        RunCancelledError
            When `cancelled` says so. As with any other error, the blocks finished before stay.
        """
        with self._running:
            places = places_of(self.blocks.chunks[:-1])
            pixels = max(1, int(np.prod(self.blocks.shape[:-1])))

            def finished(index: tuple[int, ...], block: NDArray[Any]) -> None:
                index = index[:-1]
                self.values[places[index]] = block
                self._done[index] = True
                self._pixels += block.size // block.shape[-1]
                if on_block is not None:
                    on_block(places[index], block, self._pixels / pixels)

            self._pixels = sum(_size(places[index], self.values) for index in places if self._done[index])
            missing = [(*index, 0) for index in places if not self._done[index]]
            try:
                run_blocks(self.blocks, missing, finished, cancelled=cancelled)
            finally:
                return_memory()
            return self.values


def _size(place: tuple[slice, ...], values: NDArray[Any]) -> int:
    """Count the pixels of a block."""
    return int(np.prod(values[place].shape[:-1]))
