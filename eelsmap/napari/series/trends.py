"""Trends of a series: a property's mean over regions against time, of the table or of what a user draws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.mapping.map_names import LOWER, UPPER
from eelsmap.napari.series.frames import SeriesFrames

__all__ = ["Trend", "drawn_trend", "finite_runs", "table_trends"]

_PARTS = {"mean": "_mean", "error": "_standard_error", "lower": LOWER, "upper": UPPER, "pixels": "_pixels"}


@dataclass(frozen=True)
class Trend:
    """A property of a region over all frames, NaN where a frame has no answer.

    Parameters
    ----------
    region
        Name of the region.
    text
        How it was asked for.
    mean, error, lower, upper
        Shape (frame,): mean, its standard error by the scatter of pixels, and the means of the interval's limits.
    pixels
        Shape (frame,): pixels that have an answer.
    """

    region: str
    text: str
    mean: NDArray[np.float64]
    error: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    pixels: NDArray[np.float64]

    def words(self, step: int) -> str:
        """Say the values of a frame."""
        if not np.isfinite(self.mean[step]):
            return f"{self.region}: no answer"
        words = f"{self.region}: {self.mean[step]:.3g}"
        if np.isfinite(self.error[step]):
            words += f" ± {self.error[step]:.2g} (standard error)"
        if np.isfinite(self.lower[step]):
            words += f", interval {self.lower[step]:.3g} to {self.upper[step]:.3g}"
        return f"{words}, {self.pixels[step]:.0f} pixels"


def table_trends(frames: SeriesFrames, name: str, /) -> list[Trend]:
    """Trends of the regions that the series was made with.

    Parameters
    ----------
    frames
        The series.
    name
        Property.
    """
    return [
        _trend(region["name"], region["region"], name, [_of_region(row, region["name"]) for row in frames.rows])
        for region in frames.series.settings["regions"]
    ]


def drawn_trend(
    frames: SeriesFrames, name: str, region: str, inside: NDArray[np.bool_], known: dict[Any, dict[str, float]], /
) -> Iterator[Trend]:
    """Sum up a property over pixels that a user chose, frame by frame.

    Parameters
    ----------
    frames
        The series.
    name
        Property.
    region
        Name of the region.
    inside
        Pixels of the first frame; they follow the specimen.
    known
        What was summed up before, by frame; filled.

    Yields
    ------
    Trend
        After each frame that was not known; the last one is whole. At least one.
    """
    made: list[dict[str, float]] = [{} for _ in frames.rows]
    text = f"drawn, {int(inside.sum())} pixels"
    for step, row in enumerate(frames.rows):
        key = (name, row.get("_chain"))
        fresh = key not in known
        if fresh:
            known[key] = frames.statistics(step, [name], inside)
        made[step] = known[key]
        if fresh:
            yield _trend(region, text, name, made)
    yield _trend(region, text, name, made)


def finite_runs(values: NDArray[np.float64], /) -> list[slice]:
    """Stretches of frames that follow each other and have an answer."""
    known = np.concatenate([[False], np.isfinite(values), [False]])
    edges = np.flatnonzero(np.diff(known.astype(np.int8)))
    return [slice(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _of_region(row: dict[str, Any], region: str) -> dict[str, float]:
    """Take from a row what it says of a region, without the region's name."""
    start = f"{region}_"
    return {key.removeprefix(start): value for key, value in row.items() if key.startswith(start)}


def _trend(region: str, text: str, name: str, rows: list[dict[str, float]]) -> Trend:
    """Put together what frames say."""
    values = {part: np.array([row.get(name + end, np.nan) for row in rows], dtype=np.float64)
              for part, end in _PARTS.items()}  # fmt: skip
    return Trend(region, text, **values)
