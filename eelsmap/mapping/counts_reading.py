"""Parts of an array that lies uncompressed in a file, or of compressed chunks of one, brought into memory.

Whether pixels that lie apart are read one by one or together with what lies between is a matter of price: a call costs
as much as some fifty kilobytes do, and other threads wait for calls, not for bytes.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from eelsmap.preprocess.fused_numba import AVAILABLE, Kernel

__all__ = ["Region", "inflated", "read_part", "read_turned", "size_of"]

Region = tuple[slice, ...]
"""Start, stop and perhaps a step along each axis, none of them negative or left out but the step."""

# A call and a byte, in the same unit of time.
_CALL, _BYTE = 8000.0, 0.15
_LARGEST_SPAN = 8 << 20
_TILE = 64
# Rows of a power of two share the same few places of a processor's cache.
_APART = 40


def size_of(region: Region, /) -> list[int]:
    """How many places a region holds along each axis."""
    return [len(range(part.start, part.stop, part.step or 1)) for part in region]


def read_part(file: BinaryIO, offset: int, shape: Sequence[int], wanted: Region, target: NDArray[Any], /) -> None:
    """Read part of an array that lies in one piece in a file, its last axis the fastest.

    Parameters
    ----------
    file
        Opened without a buffer.
    offset
        Where the array begins, bytes.
    shape
        Of the array.
    wanted
        What of it.
    target
        What to fill, of the size of `wanted` and the type of the array, in any order in memory.
    """
    if target.size == 0:
        return
    spans = _Spans(shape, wanted, target.dtype.itemsize)
    direct = spans.dense and target[spans.pieces[0]].flags.c_contiguous
    room = np.empty(0 if direct else spans.length, dtype=target.dtype)
    of_room, memory = (None, None) if direct else (spans.of(room), _bytes(room))
    for outer, position in zip(spans.pieces, spans.positions, strict=True):
        part = target[outer]
        _fill(file, offset + position, _bytes(part) if memory is None else memory)
        if of_room is not None:
            part[...] = of_room


def read_turned(file: BinaryIO, offset: int, shape: Sequence[int], wanted: Region, target: NDArray[Any], /) -> None:
    """Read part of an array whose slowest axis in the file becomes the fastest one in memory.

    Parameters
    ----------
    file, offset, shape, wanted
        As for :func:`read_part`; the first axis is the slowest.
    target
        What to fill, C-contiguous, the axes of `wanted` with the first one last.
    """
    if target.size == 0:
        return
    spans = _Spans(shape[1:], wanted[1:], target.dtype.itemsize)
    first, step = wanted[0].start, wanted[0].step or 1
    whole = int(np.prod(shape[1:])) * target.dtype.itemsize
    # Numbers are moved, not read, whatever they mean.
    flat = target.reshape(-1, target.shape[-1]).view(f"u{target.dtype.itemsize}")
    tile = np.empty((min(_TILE, flat.shape[1]), len(flat) + _APART), dtype=flat.dtype)
    inner = tile[:, : len(flat)]
    room = np.empty(0 if spans.dense else spans.length, dtype=flat.dtype)
    of_room, memory = (None, None) if spans.dense else (spans.of(room), _bytes(room))
    for begin in range(0, flat.shape[1], len(tile)):
        end = min(begin + len(tile), flat.shape[1])
        for number in range(begin, end):
            start = offset + (first + number * step) * whole
            row = inner[number - begin].reshape(spans.sizes)
            for outer, position in zip(spans.pieces, spans.positions, strict=True):
                _fill(file, start + position, _bytes(row[outer]) if memory is None else memory)
                if of_room is not None:
                    row[outer] = of_room
        if AVAILABLE:
            _turn_kernel(tile, end - begin, begin, flat)
        else:
            flat[:, begin:end] = inner[: end - begin].T


def inflated(
    file: BinaryIO, offset: int, stored: int, shape: Sequence[int], dtype: np.dtype[Any], /, *, shuffled: bool
) -> NDArray[Any]:
    """Read a chunk that was compressed by deflate.

    Parameters
    ----------
    file
        Opened without a buffer.
    offset, stored
        Where its bytes begin and how many there are.
    shape, dtype
        Of the chunk.
    shuffled
        Whether first all first bytes of the numbers stand in it, then all second ones and so on.

    Returns
    -------
    numpy.ndarray
        Shape `shape`.

    Raises
    ------
    OSError
        The file holds something else there.
    """
    packed = np.empty(stored, dtype=np.uint8)
    _fill(file, offset, _bytes(packed))
    size = int(np.prod(shape)) * dtype.itemsize
    try:
        content = np.frombuffer(zlib.decompress(packed.data, bufsize=size), dtype=np.uint8)
    except zlib.error as error:
        raise OSError(f"{file.name}: is damaged ({error}), copy it again") from error
    if content.size != size:
        raise OSError(f"{file.name}: is damaged, a chunk holds {content.size} bytes instead of {size}; copy it again")
    return (_together(content, dtype.itemsize) if shuffled else content).view(dtype).reshape(shape)


def _together(content: NDArray[np.uint8], itemsize: int) -> NDArray[np.generic]:
    """Put the bytes of each number side by side again."""
    # Shifted as whole numbers, which is many times as fast as one byte after the other.
    planes = content.reshape(itemsize, -1)
    highest, *others = planes[::-1] if sys.byteorder == "little" else planes
    numbers = highest.astype(f"u{itemsize}")
    for plane in others:
        numbers <<= 8
        numbers |= plane
    return numbers


class _Spans:
    """How part of an array is read: piece by piece along its outer axes, each from its first place to its last.

    ``pieces`` are their places along the outer axes, ``positions`` where they begin, in bytes from the beginning of the
    array; ``length`` is how much each of them spans, and ``dense`` whether all of that is wanted.
    """

    def __init__(self, shape: Sequence[int], wanted: Region, itemsize: int) -> None:
        self.sizes = size_of(wanted)
        strides = [int(np.prod(shape[axis + 1 :])) * itemsize for axis in range(len(shape))]
        steps = [stride * (part.step or 1) for stride, part in zip(strides, wanted, strict=True)]
        reach = [(size - 1) * step for size, step in zip(self.sizes, steps, strict=True)]
        best = (np.inf, 0)
        for axis in range(max(1, len(shape))):
            length, reads = itemsize + sum(reach[axis:]), int(np.prod(self.sizes[:axis]))
            if length <= _LARGEST_SPAN or axis >= len(shape) - 1:
                best = min(best, (reads * (_CALL + _BYTE * length), axis))
        axis = best[1]
        self.pieces = list(np.ndindex(*self.sizes[:axis]))
        starts = [part.start * stride for part, stride in zip(wanted, strides, strict=True)]
        positions = np.full(self.sizes[:axis], sum(starts))
        for outer in range(axis):
            along = steps[outer] * np.arange(self.sizes[outer])
            positions += along.reshape(-1, *(1 for _ in range(axis - outer - 1)))
        self.positions = positions.ravel().tolist()
        self.length = 1 + sum(reach[axis:]) // itemsize
        self.dense = self.length == int(np.prod(self.sizes[axis:]))
        self._inner, self._steps = self.sizes[axis:], steps[axis:]

    def of(self, room: NDArray[Any]) -> NDArray[Any]:
        """Look at what is wanted of a piece, where it was read to."""
        return np.lib.stride_tricks.as_strided(room, self._inner, self._steps, writeable=False)


def _bytes(room: NDArray[Any]) -> memoryview:
    """Look at the bytes of a contiguous array."""
    return room.reshape(-1).view(np.uint8).data


def _fill(file: BinaryIO, position: int, memory: memoryview) -> None:
    """Read as many bytes as there is room for."""
    file.seek(position)
    done = 0
    while done < len(memory):
        more = file.readinto(memory[done:])  # type: ignore[attr-defined]
        if not more:
            raise OSError(f"{file.name}: ends before its counts do; it is truncated, copy it again")
        done += more


@Kernel
def _turn_kernel(tile: Any, number: int, first: int, result: Any) -> None:
    """Write the first rows of a tile as columns of the result."""
    for i in range(result.shape[0]):
        # Places that cannot be negative are quicker.
        for j in range(number):
            result[np.uint64(i), np.uint64(first + j)] = tile[np.uint64(j), np.uint64(i)]
