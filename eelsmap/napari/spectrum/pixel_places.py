"""From places in a picture to pixels of a spectrum image: one pixel, or all that a drawn shape covers. No Qt here."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["outline_of", "pixel_at", "shape_mask"]

_ROUND = 64
_STEP = 0.25


def pixel_at(coordinates: ArrayLike, shape: tuple[int, ...], /) -> tuple[int, ...] | None:
    """Find the pixel below a place.

    Parameters
    ----------
    coordinates
        Place in a layer that shows the image, in units of its array. A line is shown as an image of one row, a single
        spectrum as one of a single pixel, and a series has a leading axis of steps: only the last ones are read.
    shape
        Shape of the spectrum image in array order.

    Returns
    -------
    tuple of int or None
        Place in the order of the array; None outside the picture.
    """
    given = np.asarray(coordinates, dtype=np.float64)
    if not np.isfinite(given).all():
        return None
    # The row of a line and both axes of a single spectrum have one pixel, which may be missed as well.
    sizes = (1,) * max(0, 2 - len(shape)) + tuple(shape)
    numbers = np.floor(given[-len(sizes) :] + 0.5).astype(int)
    if len(numbers) < len(sizes) or not all(0 <= n < size for n, size in zip(numbers, sizes, strict=True)):
        return None
    return tuple(int(number) for number in numbers[len(sizes) - len(shape) :])


def outline_of(vertices: ArrayLike, kind: str, /) -> NDArray[np.float64]:
    """Corners of what was drawn, shape (corner, 2): an ellipse is given by the corners of its box."""
    corners = np.asarray(vertices, dtype=np.float64)[:, -2:]
    if kind != "ellipse" or len(corners) != 4:
        return corners
    centre = corners.mean(axis=0)
    first, second = 0.5 * (corners[1] - corners[0]), 0.5 * (corners[2] - corners[1])
    angle = np.linspace(0.0, 2.0 * np.pi, _ROUND, endpoint=False)[:, None]
    return np.asarray(centre + np.cos(angle) * first + np.sin(angle) * second)


def shape_mask(outline: NDArray[np.floating], shape: tuple[int, ...], /, *, closed: bool = True) -> NDArray[np.bool_]:
    """Mark the pixels that a shape covers.

    Parameters
    ----------
    outline
        Corners in units of the array (row, column), shape (corner, 2).
    shape
        Shape of the spectrum image: two, one or no axes.
    closed
        Whether the inside counts; of a line the pixels that it crosses.

    Returns
    -------
    numpy.ndarray
        Shape `shape`: pixels whose centre is inside. A shape between centres covers the pixel of its own centre.
    """
    sizes = (1,) * max(0, 2 - len(shape)) + tuple(shape[-2:])
    mask = np.zeros(sizes, dtype=bool)
    if closed and len(outline) > 2:
        mask |= _inside(outline, sizes)
    elif len(outline) > 1:
        _mark(mask, _along(outline))
    if not mask.any():
        _mark(mask, outline.mean(axis=0, keepdims=True))
    return mask.reshape(shape)


def _inside(outline: NDArray[np.floating], sizes: Sequence[int]) -> NDArray[np.bool_]:
    """Mark the pixel centres inside a polygon by the even-odd rule."""
    rows, columns = np.arange(sizes[0])[:, None], np.arange(sizes[1])[None, :]
    inside = np.zeros(tuple(sizes), dtype=bool)
    for (row, column), (next_row, next_column) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if row == next_row:
            continue
        crosses = (rows >= min(row, next_row)) & (rows < max(row, next_row))
        at = column + (rows - row) * (next_column - column) / (next_row - row)
        inside ^= crosses & (columns < at)
    return inside


def _along(outline: NDArray[np.floating]) -> NDArray[np.float64]:
    """Places along a line, several in each pixel, shape (place, 2)."""
    parts = [
        np.linspace(start, stop, 1 + int(np.ceil(np.linalg.norm(stop - start) / _STEP)))
        for start, stop in pairwise(outline)
    ]
    return np.concatenate(parts)


def _mark(mask: NDArray[np.bool_], places: NDArray[np.floating]) -> None:
    """Mark the pixels at places, in place; those outside are left out."""
    numbers = np.floor(places + 0.5).astype(int)
    inside = ((numbers >= 0) & (numbers < mask.shape)).all(axis=1)
    mask[tuple(numbers[inside].T)] = True
