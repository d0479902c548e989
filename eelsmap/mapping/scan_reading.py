"""What a plan needs of the pixels of an image, taken from it in one reading.

A sample on a lattice decides what counts as bright; then the bright pixels of each scan row are summed up. Both look at
the same few pixels of each row. Where they can be read by themselves they are read when they are wanted; else they are
kept beside: in memory, or in a nameless temporary file where they are many.
"""

from __future__ import annotations

import tempfile
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.mapping.block_runs import run_blocks
from eelsmap.mapping.blocks import (
    as_blocks,
    block_shape,
    lattice,
    places_of,
    row_stride,
    sum_bright,
    sum_rows,
)
from eelsmap.mapping.counts_files import CountsFile, file_of
from eelsmap.mapping.reading_tasks import read_in_parts

__all__ = ["ScanReading"]

_PART_PIXELS = 4096
_IN_MEMORY = 32e6
_IN_FILE = 2e9


class ScanReading:
    """Pixels of an image, NumPy or dask, shape (navigation..., channel).

    Parameters
    ----------
    data
        The image.
    rows
        Whether :meth:`sum_rows` will be asked for.
    """

    def __init__(self, data: Any, /, *, rows: bool) -> None:
        self._data = data
        self._kept: _Kept | None = None
        self._file: CountsFile | None = None
        self.sample: NDArray[np.generic]
        """Pixels on a lattice, shape (n, channel); the same for an array and its lazy twin."""
        steps = [part.step for part in lattice(data.shape[:-1])]
        if isinstance(data, np.ndarray) or data.ndim == 1:
            self.sample = np.asarray(data[lattice(data.shape[:-1])]).reshape(-1, data.shape[-1])
            return
        file = file_of(data)
        self._file = file if file is not None and file.skips else None
        if rows and data.ndim > 2 and self._file is None:
            self._kept = _keep(data)
        self.sample = self._read(steps) if self._file is None else self._read_few(self._file, steps)

    def _read(self, steps: list[int]) -> NDArray[np.generic]:
        """Read the blocks that hold pixels of the sample, or all of them if rows are kept."""
        data, kept = self._data, self._kept
        sizes = [-(-length // step) for length, step in zip(data.shape[:-1], steps, strict=True)]
        sample = np.empty((*sizes, data.shape[-1]), dtype=data.dtype)
        blocks: Any = as_blocks(data)
        places = places_of(blocks.chunks[:-1])
        stride = row_stride(data.shape)

        def finished(index: tuple[int, ...], parts: Any) -> None:
            place = places[index[:-1]]
            sample[_thinned(place, steps)] = parts[0]
            if kept is not None:
                kept.put(_thinned(place, [*(1 for _ in steps[:-1]), stride]), parts[1])

        few = blocks.map_blocks(
            _pick, steps=steps, stride=stride if kept is not None else 0, dtype=object,
            meta=np.empty((0,) * blocks.ndim, dtype=object),
        )  # fmt: skip
        wanted = [
            (*index, 0)
            for index, place in places.items()
            if kept is not None or all(part.stop > part.start for part in _thinned(place, steps))
        ]
        run_blocks(few, wanted, finished)
        return sample.reshape(-1, data.shape[-1])

    def _read_few(self, file: CountsFile, steps: list[int]) -> NDArray[np.generic]:
        """Read the pixels of the sample and no others."""
        sizes = [-(-length // step) for length, step in zip(file.shape[:-1], steps, strict=True)]
        sample = np.empty((*sizes, file.shape[-1]), dtype=file.dtype)
        places = _parts(file, steps)
        regions = [_spread(place, steps, file.shape) for place in places]

        def finished(index: tuple[int, ...], counts: NDArray[Any]) -> None:
            sample[places[index[0]]] = counts

        run_blocks(read_in_parts(file, regions), [(number,) for number in range(len(places))], finished)
        return sample.reshape(-1, file.shape[-1])

    def _sum_few(self, file: CountsFile, above: float) -> NDArray[np.float64]:
        """Read some pixels of each row, many rows at a time, and sum them up at once."""
        steps = [1] * (len(file.shape) - 2) + [row_stride(file.shape)]
        places = _parts(file, steps)
        regions = [_spread(place, steps, file.shape) for place in places]
        result = np.empty((*file.shape[:-2], file.shape[-1]))

        def finished(index: tuple[int, ...], sums: NDArray[np.float64]) -> None:
            result[places[index[0]][:-1]] = sums

        parts = read_in_parts(file, regions, sum_bright, above=above)
        run_blocks(parts, [(number,) for number in range(len(places))], finished)
        return result.reshape(-1, file.shape[-1])

    def sum_rows(self, *, above: float) -> NDArray[np.float64]:
        """Sum up the bright pixels of each scan row; see :func:`eelsmap.mapping.blocks.sum_rows`."""
        if self._file is not None and self._data.ndim > 2:
            return self._sum_few(self._file, above)
        if self._kept is None:
            return sum_rows(self._data, above=above)
        return np.concatenate([sum_bright(row, above) for row in self._kept.rows()])


class _Kept:
    """Some pixels of each row, shape (row, pixel, channel), written by blocks and read back by rows."""

    def __init__(self, navigation: tuple[int, ...], channels: int, dtype: np.dtype[Any]) -> None:
        self._rows, self._shape = navigation[:-1], (navigation[-1], channels)
        self._dtype = dtype
        self._file = tempfile.SpooledTemporaryFile(max_size=int(_IN_MEMORY))  # noqa: SIM115 - lives as long as this

    def put(self, place: tuple[slice, ...], pixels: NDArray[Any]) -> None:
        """Write pixels of a block, shape (navigation..., channel)."""
        pixel = self._shape[1] * self._dtype.itemsize
        starts = [part.start for part in place[:-1]]
        for inner in np.ndindex(*pixels.shape[:-2]):
            row = np.ravel_multi_index([first + more for first, more in zip(starts, inner, strict=True)], self._rows)
            self._file.seek((int(row) * self._shape[0] + place[-1].start) * pixel)
            self._file.write(np.ascontiguousarray(pixels[inner]).data)

    def rows(self) -> Any:
        """Yield the pixels of one row after the other, shape (1, pixel, channel)."""
        size = int(np.prod(self._shape)) * self._dtype.itemsize
        self._file.seek(0)
        for _ in range(int(np.prod(self._rows))):
            yield np.frombuffer(self._file.read(size), dtype=self._dtype).reshape(1, *self._shape)


def _keep(data: Any) -> _Kept | None:
    """Make room for some pixels of each row; none where they would be too many."""
    thinned = (*data.shape[:-2], -(-data.shape[-2] // row_stride(data.shape)))
    if int(np.prod(thinned)) * data.shape[-1] * data.dtype.itemsize > _IN_FILE:
        return None
    return _Kept(thinned, data.shape[-1], data.dtype)


def _parts(file: CountsFile, steps: list[int]) -> list[tuple[slice, ...]]:
    """Cut what is left of an image, of which every so many pixels are taken, into parts of whole rows."""
    few = [-(-length // step) for length, step in zip(file.shape[:-1], steps, strict=True)]
    chunks = (file.chunks or (1,) * len(file.shape))[:-1]
    unit = [max(1, size // step) for size, step in zip(chunks, steps, strict=True)]
    unit[-1] = few[-1]
    channels = file.shape[-1]
    shape = block_shape((*few, channels), (*unit, channels), pixels=_PART_PIXELS)
    axes = [[slice(at, min(at + size, n)) for at in range(0, n, size)] for size, n in zip(shape, few, strict=False)]
    return list(product(*axes))


def _spread(place: tuple[slice, ...], steps: list[int], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Where pixels that stand somewhere among every so many pixels lie in the image."""
    parts = [
        slice(part.start * step, min((part.stop - 1) * step + 1, length), step)
        for part, step, length in zip(place, steps, shape, strict=False)
    ]
    return (*parts, slice(0, shape[-1]))


def _thinned(place: tuple[slice, ...], steps: list[int]) -> tuple[slice, ...]:
    """Where every `steps`-th pixel of a block stands among all such pixels."""
    return tuple(slice(-(-part.start // step), -(-part.stop // step)) for part, step in zip(place, steps, strict=True))


def _pick(
    block: NDArray[np.generic], *, steps: list[int], stride: int, block_info: Any = None
) -> tuple[NDArray[np.generic], NDArray[np.generic] | None]:
    """Take pixels of the sample, and of each row, from a block."""
    starts = [first for first, _ in block_info[0]["array-location"][:-1]]
    lattice_part = tuple(slice(-start % step, None, step) for start, step in zip(starts, steps, strict=True))
    row_part = (..., slice(-starts[-1] % stride, None, stride), slice(None)) if stride else None
    # Copies, so that the block itself can go.
    return block[lattice_part].copy(), None if row_part is None else block[row_part].copy()
