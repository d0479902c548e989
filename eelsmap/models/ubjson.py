"""A strict reader of the UBJSON that XGBoost writes (https://ubjson.org): nothing else is understood, or guessed at.

Trees of an untrusted bundle are read here first, because XGBoost's own reader believes what a file says about itself.
Every length is checked against the bytes that are there, nesting and the number of values are limited, and a key that
comes twice is refused, so that both readers see the same.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

__all__ = ["UbjsonError", "read_ubjson"]

_DEPTH = 12
_VALUES = 400_000
_TEXT = 65536
_INT64 = struct.Struct(">q")
_SCALARS = {
    marker: struct.Struct(form)
    for marker, form in (
        (b"i", ">b"),
        (b"U", ">B"),
        (b"I", ">h"),
        (b"l", ">i"),
        (b"L", ">q"),
        (b"d", ">f"),
        (b"D", ">d"),
    )
}
_ARRAYS = {
    marker: np.dtype(form)
    for marker, form in (
        (b"i", ">i1"), (b"U", ">u1"), (b"I", ">i2"), (b"l", ">i4"), (b"L", ">i8"), (b"d", ">f4"), (b"D", ">f8")
    )
}  # fmt: skip
_LENGTHS = {b"i", b"U", b"I", b"l", b"L"}


class UbjsonError(ValueError):
    """These bytes are not what XGBoost writes."""


def read_ubjson(content: bytes, /) -> Any:
    """Read one value that fills all of the bytes.

    Parameters
    ----------
    content
        UBJSON.

    Returns
    -------
    dict, list, str, int, float, bool or numpy.ndarray
        Arrays of one stated type come as arrays, others as lists.

    Raises
    ------
    UbjsonError
        Truncated, nested too deeply, of too many values, with a key twice, or of a kind that XGBoost does not write.
    """
    reader = _Reader(content)
    value = reader.value(0)
    if reader.at != len(content):
        raise UbjsonError(f"{len(content) - reader.at} bytes follow the end")
    return value


class _Reader:
    """Bytes and the place in them."""

    def __init__(self, content: bytes):
        self.content, self.at, self.left = content, 0, _VALUES

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        if size < 0 or size > len(self.content) - self.at:
            raise UbjsonError(f"ends early at byte {self.at}")
        self.at += size
        return self.content[self.at - size : self.at]

    def scalar(self, marker: bytes) -> Any:
        """Read one number."""
        form = _SCALARS[marker]
        return form.unpack(self.take(form.size))[0]

    def length(self) -> int:
        """Read a length."""
        at = self.at
        if self.content[at : at + 1] == b"L" and at + 9 <= len(self.content):
            # What XGBoost always writes, and half of all that there is to read.
            self.at = at + 9
            return int(_INT64.unpack_from(self.content, at + 1)[0])
        marker = self.take(1)
        if marker not in _LENGTHS:
            raise UbjsonError(f"no length at byte {at}")
        return int(self.scalar(marker))

    def text(self) -> str:
        """Read a length and as many bytes of text."""
        size = self.length()
        if size > _TEXT:
            raise UbjsonError(f"a text of {size} bytes at byte {self.at}")
        try:
            return self.take(size).decode()
        except UnicodeDecodeError as error:
            raise UbjsonError(f"no text at byte {self.at}") from error

    def value(self, depth: int) -> Any:
        """Read any value."""
        self.left -= 1
        if self.left < 0:
            raise UbjsonError(f"more than {_VALUES} values")
        if depth > _DEPTH:
            raise UbjsonError(f"nested deeper than {_DEPTH}")
        marker = self.take(1)
        if marker == b"{":
            return self.mapping(depth)
        if marker == b"[":
            return self.array(depth)
        if marker == b"S":
            return self.text()
        if marker in _SCALARS:
            return self.scalar(marker)
        if marker in (b"T", b"F"):
            return marker == b"T"
        raise UbjsonError(f"unknown marker {marker!r} at byte {self.at - 1}")

    def mapping(self, depth: int) -> dict[str, Any]:
        """Read keys and values up to the closing bracket."""
        result: dict[str, Any] = {}
        while self.content[self.at : self.at + 1] != b"}":
            key = self.text()
            if key in result:
                raise UbjsonError(f"{key!r} comes twice")
            result[key] = self.value(depth + 1)
        self.at += 1
        return result

    def array(self, depth: int) -> Any:
        """Read an array whose number of values is stated, with or without their type."""
        marker = self.take(1)
        kind = self.take(1) if marker == b"$" else b""
        if kind:
            marker = self.take(1)
        if marker != b"#":
            raise UbjsonError(f"an array without a stated length at byte {self.at - 1}")
        count = self.length()
        if not kind:
            if count < 0 or count > self.left:
                raise UbjsonError(f"an array of {count} values at byte {self.at}")
            return [self.value(depth + 1) for _ in range(count)]
        if kind not in _ARRAYS:
            raise UbjsonError(f"an array of unknown kind {kind!r} at byte {self.at}")
        form = _ARRAYS[kind]
        return np.frombuffer(self.take(count * form.itemsize), dtype=form)
