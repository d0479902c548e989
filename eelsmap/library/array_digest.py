"""Identity of an array, as the files of library and surrogate carry it for each of their parts."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["array_digest"]


def array_digest(array: NDArray) -> str:
    """Return the sha256 of an array's type, shape and bytes."""
    plain = np.ascontiguousarray(array)
    return hashlib.sha256(f"{plain.dtype.str}{plain.shape}".encode() + plain.tobytes()).hexdigest()
