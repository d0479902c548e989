"""What is said of a frame of a series, and where it stands on the axis of time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import describe_flags
from eelsmap.mapping.map_names import LOWER, UPPER, map_info
from eelsmap.mapping.series.rows import MAPPED
from eelsmap.napari.maps.cursor_words import value_words
from eelsmap.napari.series.frames import SeriesFrames
from eelsmap.plot.series import time_scale

__all__ = ["counted_words", "frame_words", "pixel_words", "time_positions", "time_words", "why_empty"]


def frame_words(rows: Sequence[dict[str, Any]], step: int, /) -> str:
    """Say which frame a step of time is, and why it is empty where it is."""
    row = rows[step]
    words = f"Frame {row['number']} of {len(rows)}"
    when = time_words(float(row["seconds"]))
    if when:
        words += f", {when}"
    words += f": {row['file']}"
    reason = why_empty(row)
    return f"{words}\n{reason}" if reason else words


def why_empty(row: dict[str, Any], /) -> str:
    """Say why a frame has no maps; empty where it has."""
    return "" if row["status"] == MAPPED else f"No maps ({row['status']}): {row['reason']}"


def time_words(seconds: float, /) -> str:
    """Time since the first frame; empty where it is not known."""
    if not math.isfinite(seconds):
        return ""
    if abs(seconds) < 120:
        return f"{seconds:g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def counted_words(rows: Sequence[dict[str, Any]], /) -> str:
    """How many frames are mapped, and what became of the others."""
    if not rows:
        return "no frame yet"
    statuses = [row["status"] for row in rows]
    words = [f"{statuses.count(MAPPED)} of {len(rows)} frames mapped"]
    words += [f"{statuses.count(one)} {one}" for one in dict.fromkeys(statuses) if one != MAPPED]
    return ", ".join(words)


def pixel_words(frames: SeriesFrames, name: str, step: int, place: tuple[int, ...], /) -> str:
    """Value of a property in a pixel of a frame with its interval, and what flags say about it."""
    if name not in frames.names or not frames.has_maps(step):
        return ""
    value = float(frames.map(name, step)[place])
    lower, upper = (
        float(frames.map(name + ending, step)[place]) if name + ending in frames.names else math.nan
        for ending in (LOWER, UPPER)
    )
    flags = int(np.nan_to_num(frames.map("flags", step)[place])) if "flags" in frames.names else 0
    return "; ".join([value_words(map_info(name), value, lower, upper), *describe_flags(flags)])


def time_positions(rows: Sequence[dict[str, Any]], /) -> tuple[NDArray[np.float64], str]:
    """Tell where each frame stands on the axis of time.

    Parameters
    ----------
    rows
        One a frame.

    Returns
    -------
    positions : numpy.ndarray
        Shape (frame,), ascending: time where that of every mapped frame is known, else the number of the frame. Frames
        whose time is not known stand between their neighbours.
    words : str
        What the axis shows.
    """
    numbers = np.array([row["number"] for row in rows], dtype=np.float64)
    seconds = np.array([row["seconds"] for row in rows], dtype=np.float64)
    mapped = np.array([row["status"] == MAPPED for row in rows], dtype=bool)
    factor, words = time_scale(seconds[mapped]) if mapped.any() else (0.0, "frame")
    if not factor:
        return numbers, "frame"
    # A copy has the time of its original: what has no maps stands at its own time only where that keeps the order.
    for known in (np.isfinite(seconds), mapped):
        placed = _between(numbers, numbers[known], seconds[known])
        if (np.diff(placed) > 0).all():
            return placed / factor, words
    return numbers, "frame"


def _between(at: NDArray[np.float64], known: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate linearly, and beyond the ends go on in the usual step."""
    step = float(np.median(np.diff(values) / np.diff(known)))
    inside = np.interp(at, known, values)
    return inside + step * (np.minimum(at - known[0], 0) + np.maximum(at - known[-1], 0))
