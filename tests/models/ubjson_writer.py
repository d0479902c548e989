"""Write UBJSON as XGBoost does, to make trees for tests that XGBoost would never write."""

import struct

import numpy as np

_MARKERS = {"i1": b"i", "u1": b"U", "i2": b"I", "i4": b"l", "i8": b"L", "f4": b"d", "f8": b"D"}


def write_ubjson(value):
    """Bytes of a value as :func:`eelsmap.models.ubjson.read_ubjson` gives it."""
    if isinstance(value, dict):
        return b"{" + b"".join(_text(key) + write_ubjson(item) for key, item in value.items()) + b"}"
    if isinstance(value, np.ndarray):
        kind = _MARKERS[value.dtype.str[1:]]
        return b"[$" + kind + b"#" + _length(value.size) + value.astype(value.dtype.newbyteorder(">")).tobytes()
    if isinstance(value, list):
        return b"[#" + _length(len(value)) + b"".join(write_ubjson(item) for item in value)
    if isinstance(value, str):
        return b"S" + _text(value)
    if isinstance(value, int) and -128 <= value < 128:
        return b"i" + struct.pack(">b", value)
    return b"L" + struct.pack(">q", value)


def _length(size):
    return b"L" + struct.pack(">q", size)


def _text(text):
    return _length(len(text.encode())) + text.encode()
