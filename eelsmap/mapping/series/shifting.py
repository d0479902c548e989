"""Maps of a frame laid on the pixels of the first one. Plain functions on arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eelsmap.errors import PixelFlag

__all__ = ["on_first_frame", "shifted", "shifted_flags", "source_pixels"]

_WHOLE = 1e-6


def source_pixels(shape: tuple[int, ...], displacement: tuple[float, ...], /) -> tuple[NDArray[np.intp], ...]:
    """Tell which pixel of the first frame each pixel of a displaced frame shows.

    Parameters
    ----------
    shape
        Of a frame.
    displacement
        Where the specimen has moved since the first frame, pixels along each axis.

    Returns
    -------
    tuple of numpy.ndarray
        Index along each axis, shape `shape` each; -1 along every axis where the first frame ends before.
    """
    places = np.indices(shape)
    whole = [np.rint(place - moved).astype(np.intp) for place, moved in zip(places, displacement, strict=True)]
    inside = np.ones(shape, dtype=bool)
    for place, size in zip(whole, shape, strict=True):
        inside &= (place >= 0) & (place < size)
    return tuple(np.where(inside, place, -1) for place in whole)


def on_first_frame(values: NDArray[np.float32], name: str, displacement: tuple[float, float], /) -> NDArray[np.float32]:
    """Lay any map on the pixels of the first frame; lines and frames of unknown displacement stay as they are.

    Parameters
    ----------
    values
        Shape of the image.
    name
        Name of the map: the bits of ``flags`` are not interpolated.
    displacement
        Where the specimen has moved since the first frame, pixels down and right.

    Returns
    -------
    numpy.ndarray
        Shape of `values`.
    """
    if values.ndim != 2 or not np.isfinite(displacement).all():
        return values
    if name == "flags":
        return shifted_flags(values, displacement, int(PixelFlag.NOT_FINITE))
    return shifted(values, displacement)


def shifted(values: ArrayLike, displacement: tuple[float, float], /) -> NDArray[np.float32]:
    """Lay a map on the pixels of the first frame.

    Parameters
    ----------
    values
        Map of the frame, shape (y, x); NaN where there is no answer.
    displacement
        Where the specimen has moved since the first frame, pixels along y and x.

    Returns
    -------
    numpy.ndarray
        Shape (y, x). Between pixels bilinear over those that have an answer; NaN where the nearest pixel has none or
        nothing was seen.
    """
    given = np.asarray(values, dtype=np.float32)
    base = [int(np.floor(moved + _WHOLE)) for moved in displacement]
    fraction = [max(0.0, moved - start) for moved, start in zip(displacement, base, strict=True)]
    fraction = [0.0 if part < 2 * _WHOLE else part for part in fraction]
    if not any(fraction):
        return _moved(given, base[0], base[1], np.nan)
    total, weights = np.zeros(given.shape), np.zeros(given.shape)
    for down in (0, 1):
        for right in (0, 1):
            weight = (fraction[0] if down else 1.0 - fraction[0]) * (fraction[1] if right else 1.0 - fraction[1])
            if weight > 0:
                part = _moved(given, base[0] + down, base[1] + right, np.nan)
                known = np.isfinite(part)
                total[known] += weight * part[known]
                weights[known] += weight
    nearest = np.isfinite(_nearest(given, displacement, np.nan))
    result = np.full(given.shape, np.nan, dtype=np.float32)
    result[nearest] = (total[nearest] / weights[nearest]).astype(np.float32)
    return result


def shifted_flags(flags: ArrayLike, displacement: tuple[float, float], unseen: int, /) -> NDArray[np.float32]:
    """Lay a map of flags on the pixels of the first frame.

    Parameters
    ----------
    flags
        Shape (y, x), whole numbers.
    displacement
        As for :func:`shifted`.
    unseen
        Flag of pixels that the frame does not show.

    Returns
    -------
    numpy.ndarray
        Shape (y, x): the flags of the nearest pixel.
    """
    return _nearest(np.asarray(flags, dtype=np.float32), displacement, float(unseen))


def _nearest(values: NDArray[np.float32], displacement: tuple[float, float], unseen: float) -> NDArray[np.float32]:
    """Move by whole pixels, to the nearest."""
    return _moved(values, int(np.rint(displacement[0])), int(np.rint(displacement[1])), unseen)


def _moved(values: NDArray[np.float32], down: int, right: int, unseen: float) -> NDArray[np.float32]:
    """Take each pixel from `down` rows below and `right` columns beside it."""
    rows, columns = values.shape
    result = np.full(values.shape, unseen, dtype=np.float32)
    top, left = max(0, -down), max(0, -right)
    bottom, end = min(rows, rows - down), min(columns, columns - right)
    if top < bottom and left < end:
        result[top:bottom, left:end] = values[top + down : bottom + down, left + right : end + right]
    return result
