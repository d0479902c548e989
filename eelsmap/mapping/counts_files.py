"""Counts read from their file by the task that needs them: a path and a region, whatever opened the file.

Lazy signals of rosettasciio hold an open HDF5 file, or memory maps of 128 MB at a time whose pages count as memory of
the process. Where a lazy array turns out to be nothing but a data set of an HDF5 file or an uncompressed stretch of a
file (.dm3, .dm4 and others), blocks are read from there instead. What was sliced, cast or computed is left to dask.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.mapping.counts_reading import Region, inflated, read_part, read_turned, size_of

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["CountsFile", "file_of"]


@dataclass(frozen=True)
class HDF5Counts:
    """A data set of an HDF5 file.

    Parameters
    ----------
    path
        Absolute path of the file.
    name
        Of the data set.
    shape, dtype, chunks
        Of the data set; a chunk is read whole whatever part of it is asked for, unless it is not compressed.
    places
        Where each chunk begins in the file, bytes, and how many it holds there, in the order of the array; empty where
        only the library knows how to read them.
    packing
        What was done to each chunk: ``""``, ``"deflate"`` or ``"shuffle, deflate"``.
    stamp
        Number and size of the file for which ``places`` hold; in any other the library finds the chunks.
    """

    path: str
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None
    places: tuple[tuple[int, int], ...] = ()
    packing: str = ""
    stamp: tuple[int, int] = (0, 0)

    @property
    def skips(self) -> bool:
        """Whether pixels that are not asked for need not be read."""
        return bool(self.places) and not self.packing

    def read(self, region: Region, /) -> NDArray[Any]:
        """Read a region."""
        # Opened for each block: a file that stays open cannot be moved or written to by others.
        if self.chunks is None or not self.places or _stamp(self.path) != self.stamp:
            import h5py

            with h5py.File(self.path, "r") as library:
                return np.asarray(library[self.name][region])
        # Past the library, which lets one thread in at a time.
        result = np.empty(size_of(region), dtype=self.dtype)
        numbers = [range(-(-length // size)) for length, size in zip(self.shape, self.chunks, strict=True)]
        wanted = [
            range(part.start // size, -(-part.stop // size)) for part, size in zip(region, self.chunks, strict=True)
        ]
        with Path(self.path).open("rb", buffering=0) as file:
            for chunk in product(*wanted):
                inside, target = _overlap(chunk, self.chunks, region)
                place = self.places[int(np.ravel_multi_index(chunk, [len(axis) for axis in numbers]))]
                if not self.packing:
                    read_part(file, place[0], self.chunks, inside, result[target])
                elif result[target].size:
                    shuffled = self.packing.startswith("shuffle")
                    result[target] = inflated(file, *place, self.chunks, self.dtype, shuffled=shuffled)[inside]
        return result


def _overlap(chunk: tuple[int, ...], sizes: tuple[int, ...], region: Region) -> tuple[Region, Region]:
    """Find what of a chunk lies in a region, by its own places and by those of the region."""
    inside, target = [], []
    for number, size, part in zip(chunk, sizes, region, strict=True):
        step = part.step or 1
        before = max(0, -(-(number * size - part.start) // step))
        first, stop = part.start + before * step - number * size, min(size, part.stop - number * size)
        inside.append(slice(first, max(first, stop), step))
        target.append(slice(before, before + len(range(first, stop, step))))
    return tuple(inside), tuple(target)


@dataclass(frozen=True)
class RawCounts:
    """An uncompressed array at some place of a file, its axes in any order.

    Parameters
    ----------
    path
        Absolute path of the file.
    offset
        Where the array begins, bytes.
    shape, dtype
        Of the array.
    order
        The axes as they lie in the file, the slowest first.
    """

    path: str
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    order: tuple[int, ...]
    chunks: None = field(default=None, init=False)

    @property
    def skips(self) -> bool:
        """Whether pixels that are not asked for need not be read."""
        return True

    def read(self, region: Region, /) -> NDArray[Any]:
        """Read a region, piece by piece as it lies in the file; a memory map would touch much around each piece."""
        stored = [self.shape[axis] for axis in self.order]
        wanted = tuple(region[axis] for axis in self.order)
        result = np.empty(size_of(region), dtype=self.dtype)
        with Path(self.path).open("rb", buffering=0) as file:
            if len(stored) > 1 and self.order == (len(stored) - 1, *range(len(stored) - 1)):
                read_turned(file, self.offset, stored, wanted, result)
            else:
                read_part(file, self.offset, stored, wanted, result.transpose(self.order))
        return result


CountsFile = HDF5Counts | RawCounts
"""An array in a file: small, so that it travels with a task."""


def file_of(data: Any, /) -> CountsFile | None:
    """Find the file that a lazy array comes from.

    Parameters
    ----------
    data
        Dask array.

    Returns
    -------
    CountsFile or None
        None where the array is more than what lies in a file, or of a kind that is not known here.
    """
    # An image is asked for several times over; names of lazy arrays stand for what they hold.
    known = data.name, os.getcwd()
    if known not in _FOUND:
        while len(_FOUND) >= _REMEMBERED:
            _FOUND.pop(next(iter(_FOUND)))
        _FOUND[known] = _found(data)
    return _FOUND[known]


_REMEMBERED = 64
_FOUND: dict[tuple[str, str], CountsFile | None] = {}


def _found(data: da.Array) -> CountsFile | None:
    """Look into the graph of an array."""
    # Layers are dask's own matter: whatever is not as expected goes the usual way.
    with suppress(AttributeError, KeyError, TypeError, ValueError, IndexError, OSError):
        # Other blocks of the same array are the same array.
        layers = {name: layer for name, layer in data.dask.layers.items() if not name.startswith("rechunk-")}
        found = _hdf5(data, layers) or _raw(data, layers)
        if found is not None and _same(data, found):
            return found
    return None


def _hdf5(data: da.Array, layers: dict[str, Any]) -> CountsFile | None:
    """Recognise ``da.from_array`` of a data set."""
    import h5py

    original = [name for name in layers if name.startswith("original-array")]
    if len(layers) != 2 or len(original) != 1:
        return None
    (dataset,) = (getattr(value, "value", value) for value in dict(layers[original[0]]).values())
    if not isinstance(dataset, h5py.Dataset) or dataset.shape != data.shape or dataset.dtype != data.dtype:
        return None
    if dataset.file.driver not in ("sec2", "stdio", "windows"):
        return None
    path = os.path.abspath(dataset.file.filename)
    begins = dataset.id.get_offset() if _is_plain(dataset) and dataset.chunks is None else None
    if begins is not None:
        return RawCounts(path, begins, dataset.shape, dataset.dtype, tuple(range(dataset.ndim)))
    places, packing = _chunks(dataset)
    return HDF5Counts(
        path, str(dataset.name), dataset.shape, dataset.dtype, dataset.chunks, places, packing, _stamp(path)
    )


def _stamp(path: str) -> tuple[int, int]:
    """Tell a file from another of the same name: its number in the file system, and its size in bytes."""
    status = os.stat(path)
    return status.st_ino, status.st_size


def _is_plain(dataset: Any) -> bool:
    """Whether the bytes of a data set are the numbers that the library would give, where it says that they lie."""
    import h5py

    # Another driver, a block before the file proper, other files: places then count from elsewhere.
    alone = dataset.file.userblock_size == 0 and not dataset.is_virtual and dataset.external is None
    return bool(
        alone
        and dataset.file.mode == "r"
        and dataset.dtype.kind in "iuf"
        and dataset.id.get_type() == h5py.h5t.py_create(dataset.dtype)
    )


def _chunks(dataset: Any) -> tuple[tuple[tuple[int, int], ...], str]:
    """Where the chunks of a data set lie and how they are packed; nothing where only the library can say."""
    import h5py

    created = dataset.id.get_create_plist()
    filters = [created.get_filter(number)[0] for number in range(created.get_nfilters())]
    known = {(): "", (h5py.h5z.FILTER_DEFLATE,): "deflate"}
    known[h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE] = "shuffle, deflate"
    if dataset.chunks is None or tuple(filters) not in known or not _is_plain(dataset):
        return (), ""
    grid = [-(-length // size) for length, size in zip(dataset.shape, dataset.chunks, strict=True)]
    found: dict[int, tuple[int, int]] = {}

    def keep(chunk: Any) -> None:
        # A chunk that a filter did not make smaller may be left out by it.
        if chunk.filter_mask == 0 and chunk.byte_offset is not None:
            number = [start // size for start, size in zip(chunk.chunk_offset, dataset.chunks, strict=True)]
            found[int(np.ravel_multi_index(number, grid))] = (chunk.byte_offset, chunk.size)

    if not hasattr(dataset.id, "chunk_iter"):
        return (), ""
    dataset.id.chunk_iter(keep)
    # Chunks that nobody wrote hold a value of their own.
    whole = len(found) == int(np.prod(grid))
    return (tuple(found[number] for number in range(len(found))), known[tuple(filters)]) if whole else ((), "")


def _raw(data: da.Array, layers: dict[str, Any]) -> RawCounts | None:
    """Recognise a memory map of rosettasciio, perhaps with its axes in another order."""
    maps = [layer for name, layer in layers.items() if name.startswith("slice_memmap")]
    turned = [layer for name, layer in layers.items() if name.startswith("transpose")]
    if len(maps) != 1 or len(layers) != 2 + len(turned) or len(turned) > 1:
        return None
    said = maps[0].task.kwargs
    if said.get("key") is not None or said.get("positions") or said["dtypes"].names is not None:
        return None
    axes = list(range(data.ndim))
    place = tuple(turned[0].task.kwargs["axes"]) if turned else tuple(axes)
    stored = axes if said["order"] == "C" else axes[::-1]
    # Axis `place[i]` of the memory map is axis i of the array.
    order = tuple(place.index(axis) for axis in stored)
    return RawCounts(os.path.abspath(said["file"]), int(said["offset"]), data.shape, np.dtype(said["dtypes"]), order)


def _same(data: da.Array, file: CountsFile) -> bool:
    """Whether two pixels of both are alike."""
    if file.shape != data.shape or file.dtype != data.dtype or 0 in data.shape:
        return False
    for share in (0.37, 1.0):
        place = tuple(int(share * (size - 1)) for size in data.shape[:-1])
        region = (*(slice(number, number + 1) for number in place), slice(0, data.shape[-1]))
        # In this process whatever scheduler is chosen: open files cannot travel to another.
        seen = data[place].compute(scheduler="synchronous")
        if not np.array_equal(np.ravel(seen), file.read(region).ravel(), equal_nan=True):
            return False
    return True
