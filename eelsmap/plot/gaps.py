"""Pixels without an answer: where they are, why, and how they are drawn."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from numpy.typing import NDArray

from eelsmap.errors import NO_ANSWER as NO_ANSWER_MASK
from eelsmap.errors import PixelFlag, describe_flags
from eelsmap.plot.style import NO_ANSWER, NO_ANSWER_HERE

if TYPE_CHECKING:
    from eelsmap.mapping.property_maps import PropertyMaps

__all__ = ["draw_gaps", "gap_legend", "no_answer", "novel_pixels", "novel_text", "runs"]

_HATCH = "//////"
_HATCH_COLOUR = "#a3aab4"
_MOST_RUNS = 20_000
_UNKNOWN = "no reason recorded"


def no_answer(maps: PropertyMaps, name: str, /) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Find the pixels of a map without an answer.

    Parameters
    ----------
    maps
        All maps.
    name
        Name of the map.

    Returns
    -------
    nothing : numpy.ndarray of bool
        Pixels without any answer (vacuum, a failed background, ...).
    not_here : numpy.ndarray of bool
        Pixels that lack only this property and others that rest on the same edge.
    """
    gap = ~np.isfinite(maps.array(name).astype(np.float64))
    if "flags" not in maps:
        return gap, np.zeros_like(gap)
    ended = (maps.array("flags") & NO_ANSWER_MASK) != 0
    return gap & ended, gap & ~ended


def runs(mask: NDArray[np.bool_], /) -> list[tuple[int, int, int]]:
    """Horizontal runs of a mask.

    Parameters
    ----------
    mask
        Shape (y, x).

    Returns
    -------
    list of tuple of int
        Row, first column, column after the last.
    """
    padded = np.pad(mask.astype(np.int8), ((0, 0), (1, 1)))
    rows, starts = np.nonzero(np.diff(padded, axis=1) == 1)
    _rows, ends = np.nonzero(np.diff(padded, axis=1) == -1)
    return list(zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True))


def draw_gaps(
    axes: Axes, nothing: NDArray[np.bool_], not_here: NDArray[np.bool_], dx: float = 1.0, dy: float = 1.0
) -> None:
    """Draw pixels without an answer: plain grey, or hatched where only this property is missing.

    Parameters
    ----------
    axes
        Axes of the image, whose first pixel begins at (0, 0).
    nothing, not_here
        Shape (y, x), from :func:`no_answer`.
    dx, dy
        Size of a pixel in data coordinates.
    """
    for mask, colour, hatch in ((nothing, NO_ANSWER, None), (not_here, NO_ANSWER_HERE, _HATCH)):
        found = runs(mask)
        if not found:
            continue
        hatched = hatch if len(found) <= _MOST_RUNS else None
        # One path for all: a hatching is drawn once a patch, and neighbours of one path have no seam between them.
        # As an artist and not as a patch: the image has set the limits, and looking at every corner would take seconds.
        axes.add_artist(
            PathPatch(_outline(found, dx, dy), facecolor=colour, edgecolor=_HATCH_COLOUR, hatch=hatched, linewidth=0)
        )


def _outline(found: list[tuple[int, int, int]], dx: float, dy: float) -> Path:
    """Outline runs of pixels, each with a rectangle of its own."""
    rows, starts, ends = np.array(found).T
    across = np.stack([starts, ends, ends, starts, starts], axis=1) * dx
    down = np.stack([rows, rows, rows + 1, rows + 1, rows], axis=1) * dy
    corners = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    return Path(np.stack([across, down], axis=-1).reshape(-1, 2), np.tile(corners, len(found)))


def gap_legend(maps: PropertyMaps, names: list[str], /) -> list[tuple[Artist, str]]:
    """Legend entries that say why pixels of the maps shown have no answer.

    Parameters
    ----------
    maps
        All maps.
    names
        Names of the maps shown.

    Returns
    -------
    list
        Artist and text; empty if every pixel has its answers.
    """
    gaps = [no_answer(maps, name) for name in names]
    nothing = np.any([first for first, _second in gaps], axis=0)
    not_here = np.any([second for _first, second in gaps], axis=0)
    flags = maps.array("flags") if "flags" in maps else np.zeros(maps.shape, dtype=np.uint32)
    entries: list[tuple[Artist, str]] = []
    if nothing.any():
        patch = Rectangle((0, 0), 1, 1, facecolor=NO_ANSWER, edgecolor="#b9bec6", linewidth=0.6)
        entries.append((patch, f"no answer: {_reasons(flags[nothing], NO_ANSWER_MASK)}"))
    if not_here.any():
        patch = Rectangle((0, 0), 1, 1, facecolor=NO_ANSWER_HERE, edgecolor=_HATCH_COLOUR, hatch=_HATCH, linewidth=0)
        lost = sum(PixelFlag.weak(edge) | PixelFlag.missing(edge) for edge in ("O_K", "Mn_L", "Co_L", "Ni_L"))
        entries.append((patch, f"this property not answered: {_reasons(flags[not_here], int(lost))}"))
    return entries


def novel_pixels(maps: PropertyMaps, /) -> NDArray[np.bool_]:
    """Find the pixels whose spectrum is unlike every one that the model has seen; none without flags."""
    if "flags" not in maps:
        return np.zeros(maps.shape, dtype=bool)
    return (maps.array("flags") & int(PixelFlag.NOVEL)) != 0


def novel_text(novel: NDArray[np.bool_], *, marked: bool = True) -> str:
    """Word the legend entry of the novel pixels."""
    number = int(novel.sum())
    text = f"unlike every spectrum that the model has seen, trust less: {number} {'pixel' if number == 1 else 'pixels'}"
    return text if marked else f"{text}, not marked since they are most"


def _reasons(flags: NDArray[np.integer], mask: int) -> str:
    """Reasons with the number of pixels, the most frequent first; a pixel with two reasons counts for both."""
    counts: Counter[str] = Counter()
    for value, number in zip(*np.unique(flags & mask, return_counts=True), strict=True):
        for reason in describe_flags(int(value)) or [_UNKNOWN]:
            counts[reason] += int(number)
    return "; ".join(
        f"{reason}: {number} {'pixel' if number == 1 else 'pixels'}" for reason, number in counts.most_common()
    )
