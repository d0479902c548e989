"""Pixels by blocks: the only file that knows of dask.

Threads by default; an active ``distributed`` client is used where there is one, with the same results.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["as_blocks", "by_block", "pixel_sample", "row_numbers", "rows_of_sample", "sum_rows", "with_neighbours"]

_SAMPLE = 4096
_BLOCK_PIXELS = 2048
_ROW_PIXELS = 64


def pixel_sample(data: Any, /, *, pixels: int = _SAMPLE) -> NDArray[np.generic]:
    """Pixels on a regular lattice, read into memory.

    Parameters
    ----------
    data
        NumPy or dask array, shape (navigation..., channel).
    pixels
        How many pixels at most.

    Returns
    -------
    numpy.ndarray
        Shape (n, channel); the same for an array and its lazy twin.
    """
    return np.asarray(data[_lattice(data.shape[:-1], pixels)]).reshape(-1, data.shape[-1])


def rows_of_sample(navigation: tuple[int, ...], /, *, pixels: int = _SAMPLE) -> NDArray[np.intp]:
    """Scan row of each pixel that :func:`pixel_sample` takes.

    Parameters
    ----------
    navigation
        Shape of the image. A row is what the last axis runs along; of a single axis every pixel is a row.
    pixels
        As for :func:`pixel_sample`.

    Returns
    -------
    numpy.ndarray
        Shape (n,).
    """
    return row_numbers(navigation)[_lattice(navigation, pixels)].ravel()


def row_numbers(navigation: tuple[int, ...], /) -> NDArray[np.intp]:
    """Scan row of every pixel, by number, shape `navigation`."""
    rows = navigation[:-1] if len(navigation) > 1 else navigation
    numbers = np.arange(int(np.prod(rows)), dtype=np.intp).reshape(rows)
    return np.broadcast_to(numbers[..., None], navigation) if len(navigation) > 1 else numbers


def sum_rows(data: Any, /, *, above: float) -> NDArray[np.float64]:
    """Sum of the bright pixels of each scan row; lazy data are read once, in blocks.

    Parameters
    ----------
    data
        NumPy or dask array, shape (navigation..., channel). Of long rows some evenly spaced pixels are enough.
    above
        Pixels with no more counts than this in all are left out, and those that are not finite.

    Returns
    -------
    numpy.ndarray
        Shape (row, channel).
    """
    if data.ndim == 2:
        data = data[:, None]
    part = data[..., :: max(1, data.shape[-2] // _ROW_PIXELS), :]
    sums = (
        _row_sums(part, above)
        if isinstance(part, np.ndarray)
        else (
            as_blocks(part)
            .rechunk({part.ndim - 2: -1})
            .map_blocks(
                _row_sums, above, drop_axis=part.ndim - 2, dtype=np.float64, meta=np.empty((0,) * (part.ndim - 1))
            )
        )
    )
    return np.asarray(sums).reshape(-1, data.shape[-1])


def _row_sums(block: NDArray[np.generic], above: float) -> NDArray[np.float64]:
    """Sum of the bright pixels over the last navigation axis, shape (..., channel)."""
    # Row by row, so that no copy of the whole is made.
    flat = block.reshape(-1, *block.shape[-2:])
    result = np.zeros((len(flat), block.shape[-1]))
    for place, row in enumerate(flat):
        total = row.sum(axis=-1, dtype=np.float64)
        bright = np.isfinite(total) & (total > above)
        result[place] = row[bright].sum(axis=0, dtype=np.float64)
    return result.reshape(*block.shape[:-2], block.shape[-1])


def _lattice(navigation: tuple[int, ...], pixels: int) -> tuple[slice, ...]:
    """Evenly spaced pixels along each axis, so that at most `pixels` are taken."""
    total = int(np.prod(navigation))
    stride = max(1, int(np.ceil((total / pixels) ** (1 / max(1, len(navigation))))))
    return tuple(slice(None, None, stride) for _ in navigation)


def as_blocks(data: Any, /) -> da.Array:
    """Dask array in blocks of some thousand pixels, the energy axis in one piece."""
    import dask.array as da

    if not isinstance(data, da.Array):
        # Without a name dask would hash all of the data.
        return da.from_array(data, chunks=_block_shape(data.shape), name=False)
    whole = data.rechunk({data.ndim - 1: -1})
    largest = int(np.prod([max(sizes) for sizes in whole.chunks[:-1]])) if whole.ndim > 1 else 1
    return whole if largest <= 4 * _BLOCK_PIXELS else whole.rechunk(_block_shape(whole.shape))


def by_block(
    function: Callable[..., NDArray[Any]],
    data: Any,
    /,
    *others: Any,
    last: int,
    dtype: DTypeLike = np.float32,
    **options: Any,
) -> da.Array:
    """Apply a kernel to the pixels of one or more images, block by block.

    Parameters
    ----------
    function
        ``function(block, *other_blocks, **options)``; every block has shape (n, its own channels), the result
        (n, last).
    data, others
        Arrays of shape (navigation..., channel), NumPy or dask, with one navigation shape; the blocks are those of
        `data`.
    last
        Length of the last axis of the result.
    dtype
        Of the result.
    options
        Handed to `function`.

    Returns
    -------
    dask.array.Array
        Shape (navigation..., last).
    """
    blocks = as_blocks(data)
    rest = [_like(other, blocks) for other in others]
    pixels: Any = _on_pixels
    return blocks.map_blocks(
        pixels, *rest, function=function, options=options, dtype=dtype, chunks=(*blocks.chunks[:-1], (last,)),
        meta=np.empty((0,) * blocks.ndim, dtype=dtype),
    )  # fmt: skip


def with_neighbours(
    function: Callable[..., NDArray[Any]], data: Any, /, *, depth: int, dtype: DTypeLike = np.float32, **options: Any
) -> da.Array:
    """Apply a kernel that looks at neighbouring pixels.

    Parameters
    ----------
    function
        ``function(block, **options)``: shape (navigation..., channel) in and out; what it makes of the outermost
        `depth` pixels inside the image is thrown away. At the image's border there is nothing beyond.
    data
        Array of shape (navigation..., channel), NumPy or dask.
    depth
        How many pixels away it looks.
    dtype
        Of the result.
    options
        Handed to `function`.

    Returns
    -------
    dask.array.Array
        Shape of `data`.
    """
    blocks = as_blocks(data)
    # An axis that is no longer than twice the reach stays in one piece, and then nothing overlaps along it.
    short = [axis for axis in range(blocks.ndim - 1) if blocks.shape[axis] <= 2 * depth]
    blocks = blocks.rechunk(dict.fromkeys(short, -1))
    depths = {axis: 0 if axis in short or axis == blocks.ndim - 1 else depth for axis in range(blocks.ndim)}
    # Blocks thinner than the reach would ask for neighbours of neighbours.
    return blocks.map_overlap(
        function, depth=depths, boundary="none", dtype=dtype, meta=np.empty((0,) * blocks.ndim, dtype=dtype),
        allow_rechunk=True, **options,
    )  # fmt: skip


def _on_pixels(
    block: NDArray[np.generic],
    *others: NDArray[np.generic],
    function: Callable[..., NDArray[Any]],
    options: dict[str, Any],
) -> NDArray[Any]:
    """Call a kernel with the pixels of one block in a row."""
    navigation = block.shape[:-1]
    result = function(*(part.reshape(-1, part.shape[-1]) for part in (block, *others)), **options)
    return result.reshape(*navigation, -1)


def _like(other: Any, blocks: da.Array) -> da.Array:
    """Another image of the same pixels, in the same blocks."""
    import dask.array as da

    chunks = (*blocks.chunks[:-1], (other.shape[-1],))
    return other.rechunk(chunks) if isinstance(other, da.Array) else da.from_array(other, chunks=chunks, name=False)


def _block_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Whole rows of the last navigation axes, as many as make a block."""
    sizes: list[int] = []
    room = _BLOCK_PIXELS
    for length in reversed(shape[:-1]):
        sizes.append(max(1, min(length, room)))
        room = max(1, room // max(1, length))
    return (*reversed(sizes), shape[-1])
