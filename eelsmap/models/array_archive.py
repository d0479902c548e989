"""Arrays of an npz that nobody vouches for: plain numbers only, of sizes that fit the bytes that are there."""

from __future__ import annotations

import io
import math
import zipfile
import zlib

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from eelsmap.errors import BundleError

__all__ = ["read_arrays"]

_MOST = 64
_LARGEST = 64 * 2**20
_MOST_AXES = 8


def read_arrays(content: bytes, where: str, /) -> dict[str, NDArray[np.float64]]:
    """Read all arrays of an npz.

    Parameters
    ----------
    content
        The archive.
    where
        Said in messages.

    Returns
    -------
    dict
        Name to array of float64.

    Raises
    ------
    BundleError
        No npz; objects or other things than real numbers; sizes that do not fit the bytes; too much altogether.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
            total = sum(entry.file_size for entry in entries)
            if len(set(names)) != len(names) or len(names) > _MOST or total > _LARGEST:
                raise BundleError(f"{where}: too many arrays, one that comes twice, or more than {_LARGEST >> 20} MiB")
            # The list of files says which bytes follow; zipfile gives no more of them than it states.
            return {
                entry.filename.removesuffix(".npy"): _array(archive.read(entry), f"{where}: {entry.filename!r:.80}")
                for entry in entries
            }
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error, MemoryError) as error:
        raise BundleError(f"{where}: not an archive of arrays ({error!s:.200}); get a fresh copy") from error


def _array(content: bytes, where: str) -> NDArray[np.float64]:
    """Read one array whose header fits its bytes."""
    stream = io.BytesIO(content)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    try:
        version = npy.read_magic(stream)
        shape, columns_first, kind = readers[version](stream)
    except (KeyError, ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise BundleError(f"{where}: no array ({error!s:.200})") from error
    if kind.hasobject or kind.kind not in "fiu" or len(shape) > _MOST_AXES:
        raise BundleError(f"{where}: an array of kind {kind!s:.60}; only plain numbers are read, never a pickle")
    rest = content[stream.tell() :]
    if not all(0 <= size <= _LARGEST for size in shape) or math.prod(shape) * kind.itemsize != len(rest):
        raise BundleError(f"{where}: an array of shape {shape!s:.80} does not fit {len(rest)} bytes")
    values = np.frombuffer(rest, dtype=kind).astype(np.float64)
    return values.reshape(shape, order="F" if columns_first else "C")
