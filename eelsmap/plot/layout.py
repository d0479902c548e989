"""How maps of a shape are laid out: as images, as profiles along a line, or as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["along", "layout_of"]

_THIN = 3
_SLENDER = 12


def layout_of(shape: tuple[int, ...], /) -> str:
    """Say how maps of a shape are drawn.

    Parameters
    ----------
    shape
        Of the maps.

    Returns
    -------
    str
        ``"image"``, ``"profile"`` for line scans and images of up to three rows or columns, ``"number"`` for a single
        spectrum.
    """
    if int(np.prod(shape)) == 1:
        return "number"
    if len(shape) == 1 or min(shape) <= _THIN or max(shape) > _SLENDER * min(shape):
        return "profile"
    return "image"


def along(values: NDArray[Any], /) -> NDArray[Any]:
    """Bring a map to the shape (row, distance), the long axis last."""
    rows = np.atleast_2d(values)
    return rows.T if rows.shape[0] > rows.shape[1] else rows
