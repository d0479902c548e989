"""Hatching of flagged pixels as lines between pixel corners, sharp at any zoom. Imports neither Qt nor napari."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import NO_ANSWER, PixelFlag

__all__ = ["DARK", "HATCHED", "LIGHT", "hatch_lines", "hatch_vectors", "hatched_pixels", "line_width", "period_of"]

HATCHED = NO_ANSWER | int(
    PixelFlag.SPIKE_REPAIRED
    | PixelFlag.NOVEL
    | PixelFlag.SATURATED
    | PixelFlag.OVER_SUBTRACTED
    | PixelFlag.AXIS_UNCERTAIN
    | PixelFlag.EDGE_BACKGROUND_FAILED
)
"""Flags that are drawn. What an axis lacks is the same for all pixels, and a weak or missing edge shows by itself: the
properties that rest on it are transparent there."""

LIGHT, DARK = (1.0, 1.0, 1.0, 0.95), (0.0, 0.0, 0.0, 0.95)
"""A light line beside a dark one shows on every colour map and in both themes."""

_LINES_ACROSS = 45
_MOST_OUTLINES = 20_000


def hatched_pixels(flags: NDArray[np.integer], /) -> NDArray[np.bool_]:
    """Find the pixels that get hatching.

    Parameters
    ----------
    flags
        The ``flags`` map, any shape.

    Returns
    -------
    numpy.ndarray of bool
        The same shape.
    """
    return (flags & np.uint32(HATCHED)) != 0


def period_of(shape: tuple[int, ...], /) -> int:
    """Distance of hatching lines in pixels, so that a whole image shows about 45 of them along its longer side."""
    return max(1, round(max(shape) / _LINES_ACROSS))


def hatch_lines(mask: NDArray[np.bool_], /, *, period: int) -> NDArray[np.float32]:
    """Draw a mask as diagonal lines inside an outline.

    Parameters
    ----------
    mask
        Shape (y, x).
    period
        Every how many pixels there is a diagonal.

    Returns
    -------
    numpy.ndarray
        Start and end of each line, shape (n, 2, 2), as (y, x) in pixels; pixel (0, 0) is centred at the origin. Lines
        that meet end to end are one. Without an outline where most flagged pixels stand alone in a large image: that
        would be thousands of squares.
    """
    lines = [_diagonals(mask, period)]
    borders = _borders(mask)
    # A pixel between two diagonals would be lost without its outline.
    lines += [borders] if len(borders) <= _MOST_OUTLINES or period == 1 else [_diagonals(mask, 1)]
    return np.concatenate(lines).astype(np.float32)


def line_width(shape: tuple[int, ...], /) -> float:
    """Width of a hatching line, in pixels of maps of that shape."""
    return 0.14 * period_of(shape[-2:])


def hatch_vectors(flags: NDArray[np.integer], /) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Hatch flagged pixels as napari vectors.

    Parameters
    ----------
    flags
        Shape (..., y, x).

    Returns
    -------
    vectors : numpy.ndarray
        Start and direction of each line, shape (n, 2, flags.ndim).
    colours : numpy.ndarray
        RGBA of each, shape (n, 4).
    """
    light = _all_lines(flags)
    dark = light.copy()
    dark[..., -1] += line_width(flags.shape)
    vectors = np.concatenate([dark, light])
    vectors[:, 1] -= vectors[:, 0]
    colours = np.repeat(np.array([DARK, LIGHT], dtype=np.float32), len(light), axis=0)
    return vectors, colours


def _all_lines(flags: NDArray[np.integer]) -> NDArray[np.float32]:
    """Lines of every slice, shape (n, 2, flags.ndim)."""
    period, found = period_of(flags.shape[-2:]), []
    for index in np.ndindex(flags.shape[:-2]):
        lines = hatch_lines(hatched_pixels(flags[index]), period=period)
        full = np.zeros((len(lines), 2, flags.ndim), dtype=np.float32)
        full[..., :-2], full[..., -2:] = index, lines
        found.append(full)
    return np.concatenate(found)


def _diagonals(mask: NDArray[np.bool_], period: int) -> NDArray[np.float64]:
    """Lines from lower left to upper right through flagged pixels, as long as these follow each other."""
    rows, columns = np.nonzero(mask)
    kept = (rows + columns) % period == 0
    diagonals, columns = (rows + columns)[kept], columns[kept]
    order = np.lexsort((columns, diagonals))
    diagonal, first, last = _runs(diagonals[order], columns[order])
    start = np.stack([diagonal - first + 0.5, first - 0.5], axis=1)
    end = np.stack([diagonal - last - 0.5, last + 0.5], axis=1)
    return np.stack([start, end], axis=1)


def _borders(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Lines between a flagged pixel and one that is not."""
    padded = np.pad(mask, 1)
    y, x = np.nonzero(padded[1:, 1:-1] != padded[:-1, 1:-1])
    row, first, last = _runs(y, x)
    along = np.stack([np.stack([row - 0.5, first - 0.5], 1), np.stack([row - 0.5, last + 0.5], 1)], axis=1)
    x, y = np.nonzero((padded[1:-1, 1:] != padded[1:-1, :-1]).T)
    column, first, last = _runs(x, y)
    down = np.stack([np.stack([first - 0.5, column - 0.5], 1), np.stack([last + 0.5, column - 0.5], 1)], axis=1)
    return np.concatenate([along, down])


def _runs(
    line: NDArray[np.intp], place: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Line, first and last place of each run; places are sorted within sorted lines."""
    if not len(line):
        return line, place, place
    new = np.flatnonzero((np.diff(line) != 0) | (np.diff(place) != 1))
    first, last = np.concatenate([[0], new + 1]), np.concatenate([new, [len(line) - 1]])
    return line[first], place[first], place[last]
