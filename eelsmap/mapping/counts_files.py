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

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["CountsFile", "file_of"]

Region = tuple[slice, ...]


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
        Of the data set; a chunk is read whole whatever part of it is asked for.
    """

    path: str
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None

    def read(self, region: Region, /) -> NDArray[Any]:
        """Read a region."""
        import h5py

        # Opened for each block: a file that stays open cannot be moved or written to by others.
        with h5py.File(self.path, "r") as file:
            return np.asarray(file[self.name][region])


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

    def read(self, region: Region, /) -> NDArray[Any]:
        """Read a region, piece by piece as it lies in the file; a memory map would touch much around each piece."""
        stored = [self.shape[axis] for axis in self.order]
        wanted = [region[axis] for axis in self.order]
        sizes = [part.stop - part.start for part in wanted]
        # Behind this axis all is wanted, so that along it the file is read in one go.
        last = max((axis for axis, size in enumerate(sizes) if size != stored[axis]), default=0)
        steps = [int(np.prod(stored[axis + 1 :])) for axis in range(len(stored))]
        result = np.empty(sizes, dtype=self.dtype)
        with Path(self.path).open("rb", buffering=0) as file:
            for outer in product(*(range(size) for size in sizes[:last])):
                element = sum((wanted[axis].start + number) * steps[axis] for axis, number in enumerate(outer))
                file.seek(self.offset + (element + wanted[last].start * steps[last]) * self.dtype.itemsize)
                _fill(file, result[outer], self.path)
        # Not copied into order: whoever looks at a few pixels only takes those.
        return result.transpose(np.argsort(self.order))


CountsFile = HDF5Counts | RawCounts
"""An array in a file: small, so that it travels with a task."""


def _fill(file: Any, part: NDArray[Any], path: str) -> None:
    """Read until a piece of an array is full."""
    memory = part.reshape(-1).view(np.uint8).data
    while memory:
        read = file.readinto(memory)
        if not read:
            raise OSError(f"{path}: ends before its counts do; it is truncated, copy it again")
        memory = memory[read:]


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


def _hdf5(data: da.Array, layers: dict[str, Any]) -> HDF5Counts | None:
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
    return HDF5Counts(path, str(dataset.name), dataset.shape, dataset.dtype, dataset.chunks)


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
    """Whether a pixel of both is alike."""
    if file.shape != data.shape or file.dtype != data.dtype or 0 in data.shape:
        return False
    place = tuple(int(0.37 * size) for size in data.shape[:-1])
    region = (*(slice(number, number + 1) for number in place), slice(0, data.shape[-1]))
    return np.array_equal(np.asarray(data[place]).ravel(), file.read(region).ravel(), equal_nan=True)
