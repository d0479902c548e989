"""Pixels by blocks: the only file that knows of dask.

Threads by default; an active ``distributed`` client is used where there is one, with the same results.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import DTypeLike, NDArray

from eelsmap.mapping.counts_files import file_of
from eelsmap.mapping.reading_tasks import reading_tasks
from eelsmap.preprocess.sample_sums import bright_sums

if TYPE_CHECKING:
    import dask.array as da

__all__ = [
    "as_blocks",
    "block_shape",
    "by_block",
    "lattice",
    "places_of",
    "row_numbers",
    "row_stride",
    "rows_of_sample",
    "sum_bright",
    "sum_rows",
    "with_neighbours",
]

_SAMPLE = 4096
_BLOCK_PIXELS = 4096
_MOST_PIXELS = 2 * _BLOCK_PIXELS
_ROW_PIXELS = 64


def rows_of_sample(navigation: tuple[int, ...], /, *, pixels: int = _SAMPLE) -> NDArray[np.intp]:
    """Scan row of each pixel of :func:`lattice`.

    Parameters
    ----------
    navigation
        Shape of the image. A row is what the last axis runs along; of a single axis every pixel is a row.
    pixels
        How many pixels at most.

    Returns
    -------
    numpy.ndarray
        Shape (n,).
    """
    return row_numbers(navigation)[lattice(navigation, pixels)].ravel()


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
    stride = row_stride(data.shape)
    if isinstance(data, np.ndarray):
        return sum_bright(data, above, stride).reshape(-1, data.shape[-1])
    part = data[..., ::stride, :]
    sums = (
        as_blocks(part)
        .rechunk({part.ndim - 2: -1})
        .map_blocks(sum_bright, above, drop_axis=part.ndim - 2, dtype=np.float64, meta=np.empty((0,) * (part.ndim - 1)))
    )
    return np.asarray(sums).reshape(-1, data.shape[-1])


def row_stride(shape: tuple[int, ...], /) -> int:
    """Return which pixels of a row are looked at for its sum: every how many, of an image of this shape."""
    return max(1, shape[-2] // _ROW_PIXELS)


def sum_bright(block: NDArray[np.generic], above: float, stride: int = 1) -> NDArray[np.float64]:
    """Sum of the bright ones of every `stride`-th pixel over the last navigation axis, shape (..., channel)."""
    if block.ndim == 3:
        return bright_sums(block, above, stride=stride)
    # One axis after the other: the whole, in another order in memory, is not to be copied.
    sums = [sum_bright(part, above, stride) for part in (block if block.ndim > 3 else block[None])]
    result = np.stack(sums) if sums else np.zeros((0, *block.shape[1:-2], block.shape[-1]))
    return result if block.ndim > 3 else result[0]


def lattice(navigation: tuple[int, ...], pixels: int = _SAMPLE) -> tuple[slice, ...]:
    """Evenly spaced pixels along each axis, so that at most `pixels` are taken."""
    total = int(np.prod(navigation))
    stride = max(1, int(np.ceil((total / pixels) ** (1 / max(1, len(navigation))))))
    return tuple(slice(None, None, stride) for _ in navigation)


def as_blocks(data: Any, /) -> da.Array:
    """Dask array in blocks of some thousand pixels, the energy axis in one piece.

    Arrays in memory are not copied, and counts that lie in a file are read from there block by block
    (:mod:`eelsmap.mapping.counts_files`).
    """
    import dask.array as da

    if not isinstance(data, da.Array):
        return _block_array(data, block_shape(data.shape))
    file = file_of(data)
    if file is not None:
        return _block_array(file, block_shape(data.shape, file.chunks))
    whole = data.rechunk({data.ndim - 1: -1})
    if whole.ndim == 1:
        return whole
    sizes = tuple(max(axis) for axis in whole.chunks)
    largest = int(np.prod(sizes[:-1]))
    if largest > _MOST_PIXELS:
        return whole.rechunk(block_shape(whole.shape))
    return whole if 2 * largest > _BLOCK_PIXELS else whole.rechunk(block_shape(whole.shape, sizes))


def _block_array(source: Any, shape: tuple[int, ...]) -> da.Array:
    """Blocks of an array in memory, each a view of it, or in a file, each read by the task that wants it."""
    import dask.array as da
    from dask.array.core import normalize_chunks

    name = f"counts-{uuid4().hex}"
    chunks = normalize_chunks(shape, source.shape)
    places = {(name, *number): place for number, place in places_of(chunks).items()}
    graph = (
        {key: source[place] for key, place in places.items()}
        if isinstance(source, np.ndarray)
        else reading_tasks(source, name, places)
    )
    return da.Array(graph, name, chunks, meta=np.empty((0,) * len(shape), dtype=source.dtype))


def places_of(chunks: tuple[tuple[int, ...], ...], /) -> dict[tuple[int, ...], tuple[slice, ...]]:
    """Where each block lies, by its number along each axis, in the order of the array."""
    axes = []
    for sizes in chunks:
        ends = np.cumsum(sizes)
        axes.append([slice(int(end) - size, int(end)) for end, size in zip(ends, sizes, strict=True)])
    numbers = product(*(range(len(axis)) for axis in axes))
    return dict(zip(numbers, product(*axes), strict=True))


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
    from dask.base import tokenize
    from dask.delayed import delayed

    blocks = as_blocks(data)
    rest = [_like(other, blocks) for other in others]
    # A key of its own in the graph: a model inside every task would travel to a cluster with each of them.
    shared = delayed(options, name=f"options-{tokenize(function, options)}", traverse=False)
    pixels: Any = _on_pixels
    return blocks.map_blocks(
        pixels, *rest, function=function, options=shared, dtype=dtype, chunks=(*blocks.chunks[:-1], (last,)),
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
    return other.rechunk(chunks) if isinstance(other, da.Array) else _block_array(other, chunks)


def block_shape(
    shape: tuple[int, ...], unit: tuple[int, ...] | None = None, *, pixels: int | None = None
) -> tuple[int, ...]:
    """Whole rows of the last navigation axes, as many as make a block; in multiples of a unit that is read whole."""
    pixels = _BLOCK_PIXELS if pixels is None else pixels
    pieces = [1] * len(shape) if unit is None or int(np.prod(unit[:-1])) > _MOST_PIXELS else list(unit)
    sizes = [min(piece, length) for piece, length in zip(pieces, shape, strict=True)]
    sizes[-1] = shape[-1]
    for axis in reversed(range(len(shape) - 1)):
        more = max(1, pixels // int(np.prod(sizes[:-1])))
        sizes[axis] = min(shape[axis], sizes[axis] * more)
    return tuple(sizes)
