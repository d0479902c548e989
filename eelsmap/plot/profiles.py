"""Maps of line scans and of thin images as profiles with their intervals, above a strip of the map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from eelsmap.mapping.map_names import ERROR, LOWER, map_info
from eelsmap.plot.gaps import draw_gaps, gap_legend, no_answer, novel_pixels, novel_text
from eelsmap.plot.images import limits_of
from eelsmap.plot.layout import along
from eelsmap.plot.style import BAND, INK, LINE, MUTED, ROWS, footer_text, new_figure, quiet_axes

if TYPE_CHECKING:
    from eelsmap.mapping.property_maps import PropertyMaps

__all__ = ["draw_profile", "draw_profiles"]

_PANEL = (2.9, 2.35)
_MOST_ROWS = len(ROWS)


def draw_profiles(maps: PropertyMaps, names: list[str], title: str, columns: int) -> Figure:
    """Draw one panel a map: profiles along the long axis, and the map itself as a strip.

    Parameters
    ----------
    maps
        Computed maps with one axis, or with two of which one is short.
    names
        Maps to draw.
    title
        Title of the figure.
    columns
        Panels in a row.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    columns = max(1, min(columns, 4 if len(names) == 4 else columns, len(names)))
    rows = -(-len(names) // columns)
    long_axis = maps.axes[int(np.argmax(maps.shape))]
    lines = along(maps.array(names[0])).shape[0]
    novel = novel_pixels(maps)
    legend = _row_legend(lines, _band_means(maps, names)) + gap_legend(maps, names)
    if novel.any():
        legend.append((Text(0, 0, "○"), novel_text(novel)))
    width = max(_PANEL[0] * columns, 5.2)
    figure, body = new_figure(width, _PANEL[1] * rows, footer_text(maps.provenance), legend, title)
    strip = 0.16 + 0.06 * min(lines, 6)
    ratios = [part for _row in range(rows) for part in (1.0, strip)]
    grid = body.add_gridspec(2 * rows, columns, height_ratios=ratios)
    for index, name in enumerate(names):
        row, column = divmod(index, columns)
        above = body.add_subplot(grid[2 * row, column])
        below = body.add_subplot(grid[2 * row + 1, column], sharex=above)
        last = index + columns >= len(names)
        draw_profile(above, below, maps, name, long_axis)
        if last:
            unit = long_axis["units"]
            below.set_xlabel(f"distance ({unit})" if unit else "pixel", fontsize=7.5, color=MUTED)
    return figure


def draw_profile(above: Axes, below: Axes, maps: PropertyMaps, name: str, axis: dict) -> None:
    """Draw the profiles of one map and its strip."""
    info = map_info(name)
    values = along(maps.array(name)).astype(np.float64)
    low, high = limits_of(values, info.limits)
    step = abs(axis["scale"]) if axis["units"] else 1.0
    distance = step * (np.arange(values.shape[1]) + 0.5)
    nothing, not_here = (along(mask) for mask in no_answer(maps, name))
    novel = along(novel_pixels(maps))
    interval = maps.interval(name)
    limits = None if interval is None else [along(part) for part in interval]
    drawn = range(len(values)) if len(values) <= _MOST_ROWS else [len(values) // 2]
    for colour, row in zip(ROWS, drawn, strict=False):
        if limits is not None:
            _band(above, distance, limits[0][row], limits[1][row], colour)
        above.plot(distance, values[row], color=colour, linewidth=1.3, marker="o", markersize=2.2)
        above.plot(
            distance[novel[row]], values[row][novel[row]], color=colour, linestyle="none", marker="o", markersize=3.4,
            markerfacecolor="white", markeredgewidth=0.8,
        )  # fmt: skip
    pad = 0.04 * (high - low)
    above.set(xlim=(0, step * values.shape[1]), ylim=(low - pad, high + pad))
    above.set_title(info.label, loc="left", fontsize=9.5, fontweight="bold", color=INK, pad=5)
    above.set_ylabel(info.unit, fontsize=7.5, color=MUTED)
    quiet_axes(above)
    above.tick_params(labelbottom=False)
    above.grid(axis="y", color=LINE, linewidth=0.4, alpha=0.6)
    _colour_axis(above, info.colormap, (low - pad, high + pad), (low, high))
    below.imshow(
        values, cmap=info.colormap, vmin=low, vmax=high, aspect="auto", interpolation="nearest",
        extent=(0, step * values.shape[1], len(values), 0),
    )  # fmt: skip
    draw_gaps(below, nothing, not_here, step, 1.0)
    below.set_yticks([])
    quiet_axes(below)
    below.spines["left"].set_visible(False)


def _band(axes: Axes, x: np.ndarray, low: np.ndarray, high: np.ndarray, colour: str) -> None:
    """Draw an interval band; a point between two gaps, which has no area, as an error bar."""
    axes.fill_between(x, low, high, color=colour, alpha=BAND, linewidth=0)
    finite = np.isfinite(low) & np.isfinite(high)
    padded = np.pad(finite, 1)
    lonely = finite & ~padded[:-2] & ~padded[2:]
    if lonely.any():
        axes.vlines(x[lonely], low[lonely], high[lonely], color=colour, alpha=2 * BAND, linewidth=2)


def _colour_axis(axes: Axes, colormap: str, span: tuple[float, float], limits: tuple[float, float]) -> None:
    """Draw the colours of the strip along the value axis, which makes it the colour bar."""
    inset = axes.inset_axes((1.015, 0.0, 0.03, 1.0))
    ramp = np.clip(np.linspace(span[1], span[0], 256), *limits)[:, None]
    inset.imshow(ramp, cmap=colormap, vmin=limits[0], vmax=limits[1], aspect="auto")
    inset.set_axis_off()


def _band_means(maps: PropertyMaps, names: list[str]) -> str:
    """Say what the bands stand for; empty without any."""
    if any(name + LOWER in maps for name in names):
        return "band: its interval; "
    return "band: one standard deviation; " if any(name + ERROR in maps for name in names) else ""


def _row_legend(rows: int, band: str) -> list[tuple[Artist, str]]:
    """Legend of the rows; a single row needs none but for its interval."""
    text = f"line: value; {band}strip below: the map"
    if rows > _MOST_ROWS:
        text += f" of all {rows} rows; the line is that of the middle row"
    if not 1 < rows <= _MOST_ROWS:
        return [(Rectangle((0, 0), 1, 1, facecolor=ROWS[0], alpha=0.5, linewidth=0), text)]
    names = [f"row {number + 1} of the image" for number in range(rows)]
    names[0] += f" ({text})"
    return [
        (Rectangle((0, 0), 1, 1, facecolor=colour, alpha=0.5, linewidth=0), name)
        for colour, name in zip(ROWS, names, strict=False)
    ]
