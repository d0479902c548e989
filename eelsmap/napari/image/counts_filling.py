"""Sum the counts of a large spectrum image after the viewer has opened it, block by block in a thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from napari.qt.threading import thread_worker
from numpy.typing import NDArray

__all__ = ["fill_counts", "sum_blocks"]

_EVERY = 16
"""Blocks between two looks at the picture: drawing takes longer than summing a block."""


def fill_counts(signal: Any) -> NDArray[np.float64]:
    """Start to sum the counts of a spectrum image.

    Parameters
    ----------
    signal
        Lazy or not; its axes may be any.

    Returns
    -------
    numpy.ndarray
        Shape (navigation...), NaN where nothing is known yet. The layer with this array is drawn anew as it fills.
        The work ends when the layer is closed.
    """
    from napari import current_viewer

    viewer = current_viewer()
    counts = np.full(signal.data.shape[:-1], np.nan)
    missing = max(0, 2 - counts.ndim)
    shown = counts.reshape((1,) * missing + counts.shape)

    @thread_worker(start_thread=False)
    def work() -> Iterator[float]:
        """Sum, and give the GUI thread its turn now and then."""
        yield from sum_blocks(signal.data, counts)

    def layer() -> Any:
        """Layer that shows the counts; None before it was added and after it was closed."""
        layers = () if viewer is None else viewer.layers
        return next((one for one in layers if one.data is shown or np.shares_memory(one.data, shown)), None)

    def drawn(fraction: float) -> None:
        """Show what is known."""
        found = layer()
        if found is None:
            worker.quit()
            return
        known = shown[np.isfinite(shown)]
        if fraction == 1.0 and known.size:
            low, high = np.percentile(known, [0.5, 99.5])
            found.contrast_limits = (low, high if high > low else low + 1.0)
        elif known.size:
            found.contrast_limits = (0.0, max(float(known.max()), 1.0))
        found.refresh(extent=False, thumbnail=fraction == 1.0)

    worker = work()
    worker.yielded.connect(drawn)
    worker.start()
    return counts


def sum_blocks(data: Any, counts: NDArray[np.float64]) -> Iterator[float]:
    """Sum over energy block by block.

    Parameters
    ----------
    data
        Shape (navigation..., channel), NumPy or dask.
    counts
        Filled in place, shape (navigation...).

    Yields
    ------
    float
        Share of the blocks done, now and then; 1 at the end.
    """
    from eelsmap.mapping.blocks import as_blocks, places_of

    blocks = as_blocks(data)
    places = places_of(blocks.chunks[:-1])
    for number, (index, place) in enumerate(places.items(), start=1):
        block = blocks.blocks[(*index, 0)].compute(scheduler="synchronous")
        counts[place] = block.sum(axis=-1, dtype=np.float64)
        if number % _EVERY == 0 or number == len(places):
            yield number / len(places)
