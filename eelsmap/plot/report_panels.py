"""The maps on the report: how they are laid out in the room that the words leave, and drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, MaxNLocator

from eelsmap.mapping.map_names import ERROR, map_info
from eelsmap.plot.gaps import novel_pixels
from eelsmap.plot.images import draw_image
from eelsmap.plot.layout import along, layout_of
from eelsmap.plot.profiles import draw_profile
from eelsmap.plot.quality_page import LEFT, RIGHT, Page
from eelsmap.plot.single import draw_row
from eelsmap.plot.style import INK, MUTED, ROWS

if TYPE_CHECKING:
    from eelsmap.mapping.property_maps import PropertyMaps

__all__ = ["MOST_MAPS", "Grid", "draw_panels", "grid_in", "signs_of"]

MOST_MAPS = 12
"""More maps than these are not drawn: they would be too small to be read."""

# What a panel needs beside the map itself, inches: colour bar and its numbers, title, scale bar.
_BESIDE, _ABOVE, _BELOW = 0.56, 0.24, 0.24
_MORE_BESIDE = 0.1
_PROFILE_LEFT, _PROFILE_BESIDE, _PROFILE_ABOVE, _PROFILE_BELOW = 0.34, 0.12, 0.4, 0.12
_AXIS_LABEL = 0.3
_HIGHEST, _HIGHEST_PROFILE = 1.9, 1.35
_ROW, _NAMES, _NUMBERS = 0.42, 2.2, 1.5
_FLAT, _NARROW = 0.45, 0.85
# Size of a title, points; widths of its characters and of those of a unit, inches.
_TITLE, _CHARACTER, _UNIT = 8.5, 0.076, 0.062
_LARGE = 1e4


class Grid(NamedTuple):
    """How panels lie: columns, rows, width and height of a map, height of the whole; inches."""

    columns: int
    rows: int
    width: float
    height: float
    total: float


def grid_in(maps: PropertyMaps, number: int, room: float, /) -> Grid:
    """Lay out panels as large as they can be.

    Parameters
    ----------
    maps
        The maps, which know their shape.
    number
        Of panels.
    room
        Height that there is, inches.

    Returns
    -------
    Grid
        May be higher than `room` where that is less than the panels need to be read.
    """
    layout = layout_of(maps.shape)
    if layout == "number":
        height = float(np.clip(room / number, 0.2, _ROW))
        return Grid(1, number, RIGHT - LEFT - _NAMES - _NUMBERS, height, number * height)
    candidates = [_grid(maps, number, room, columns) for columns in range(1, 5 if layout == "profile" else 7)]
    fitting = [grid for grid in candidates if grid.total <= room + 1e-6] or candidates[-1:]
    # A profile is read best when it is not much wider than high, a map when it is large.
    size = {"image": lambda grid: grid.width * grid.height, "profile": lambda grid: min(grid.width, 1.6 * grid.height)}
    return max(fitting, key=lambda grid: (round(size[layout](grid), 3), -grid.total))


def _grid(maps: PropertyMaps, number: int, room: float, columns: int) -> Grid:
    """Lay out panels in so many columns."""
    rows = -(-number // columns)
    if layout_of(maps.shape) == "profile":
        width = (RIGHT - LEFT) / columns - _PROFILE_LEFT - _PROFILE_BESIDE
        each = (room - _AXIS_LABEL) / rows - _PROFILE_ABOVE - _PROFILE_BELOW
        height = float(np.clip(each, 0.3, min(_HIGHEST_PROFILE, 0.75 * width)))
        return Grid(columns, rows, width, height, rows * (height + _PROFILE_ABOVE + _PROFILE_BELOW) + _AXIS_LABEL)
    y, x = maps.axes
    aspect = (y["size"] * abs(y["scale"])) / (x["size"] * abs(x["scale"]))
    # Numbers on the colour bars of maps without a range of their own are longer.
    free = any(map_info(name).limits is None for name in maps.main)
    widest = (RIGHT - LEFT) / columns - _BESIDE - (_MORE_BESIDE if free else 0.0)
    highest = min(_HIGHEST, room / rows - _ABOVE - _BELOW)
    width = max(min(widest, highest / aspect), 0.2)
    return Grid(columns, rows, width, width * aspect, rows * (width * aspect + _ABOVE + _BELOW))


def signs_of(maps: PropertyMaps, /) -> str:
    """Say what the signs on the panels mean."""
    layout = layout_of(maps.shape)
    between = "one standard deviation" if any(name + ERROR in maps for name in maps.main) else "interval"
    known = any(maps.interval(name) is not None for name in maps.main)
    if layout == "number":
        return f"dot: value; bar: {between}" if known else ""
    gaps = ["grey: no answer", "hatched: this map has none"] if "flags" in maps else []
    if layout == "image":
        return "; ".join(gaps + ([f"±: mean half width of the {between}"] if known else []))
    rows = along(maps.array(maps.main[0])).shape[0]
    several = "blue, orange, green: rows" if rows <= len(ROWS) else "line: middle row"
    line = ["line: value" if rows == 1 else several]
    novel = ["○: novel"] if novel_pixels(maps).any() else []
    return "; ".join(line + ([f"band: {between}"] if known else []) + ["strip: the map"] + gaps + novel)


def draw_panels(page: Page, maps: PropertyMaps, names: list[str], grid: Grid, /, top: float) -> None:
    """Draw maps.

    Parameters
    ----------
    page
        Where to draw.
    maps
        Computed maps with up to two axes.
    names
        Maps to draw.
    grid
        How they lie.
    top
        Where they begin, inches from the top of the page.
    """
    layout = layout_of(maps.shape)
    pitch, step = (RIGHT - LEFT) / grid.columns, grid.total / grid.rows
    for number, name in enumerate(names):
        row, column = divmod(number, grid.columns)
        left, at = LEFT + column * pitch, top + row * step
        if layout == "number":
            axes = page.axes(LEFT + _NAMES, at, grid.width, 0.55 * grid.height)
            draw_row(axes, maps, name)
        elif layout == "profile":
            at = top + row * (grid.total - _AXIS_LABEL) / grid.rows
            last = number + grid.columns >= len(names)
            _profile(page, maps, name, (left + _PROFILE_LEFT, at + _PROFILE_ABOVE, grid.width, grid.height), last)
        else:
            axes = page.axes(left, at + _ABOVE, grid.width, grid.height)
            draw_image(axes, maps, name)
            flat = grid.height < _FLAT * grid.width
            info = map_info(name)
            _title(axes, info.label, grid.width - _UNIT * len(info.unit) if flat else pitch - 0.08)
            axes.set_anchor("NW")
            for text in axes.texts:
                # Below narrow maps there is room for the scale bar only; the table has the interval.
                text.set_visible(grid.width >= _NARROW or not text.get_text().startswith("±"))
            if info.limits is None and maps.array(name).dtype.kind == "f":
                _short_numbers(axes.child_axes[-1], maps, name)


def _profile(
    page: Page, maps: PropertyMaps, name: str, box: tuple[float, float, float, float], last: bool
) -> None:  # fmt: skip
    """Draw one map along its long axis, and as a strip."""
    left, top, width, height = box
    strip = min(0.07 + 0.03 * along(maps.array(name)).shape[0], 0.3 * height)
    above = page.axes(left, top, width, height - strip - 0.05)
    below = page.axes(left, top + height - strip, width, strip)
    below.sharex(above)
    axis = maps.axes[int(np.argmax(maps.shape))]
    draw_profile(above, below, maps, name, axis)
    above.set_ylabel("")
    info = map_info(name)
    _title(above, info.label, width, pad=14)
    above.annotate(info.unit, (0, 1), xycoords="axes fraction", xytext=(0, 4), textcoords="offset points", ha="left",
                   va="bottom", fontsize=7, color=MUTED)  # fmt: skip
    above.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    above.tick_params(labelsize=7, pad=1.5)
    _short_numbers(above, maps, name)
    below.tick_params(labelbottom=last, labelsize=7, pad=1.5)
    if last:
        below.set_xlabel(
            f"distance ({axis['units']})" if axis["units"] else "pixel", fontsize=7, color=MUTED, labelpad=1
        )


def _title(axes: Axes, words: str, room: float, pad: float = 4) -> None:
    """Write a title smaller than on a slide, and smaller still where it is long."""
    size = float(np.clip(_TITLE * room / (_CHARACTER * len(words)), 5.5, _TITLE))
    axes.set_title(words, loc="left", fontsize=size, fontweight="bold", color=INK, pad=pad)


def _short_numbers(axes: Any, maps: PropertyMaps, name: str) -> None:
    """Write thousands and millions of the vertical axis as k and M."""
    if np.nanmax(maps.array(name), initial=0.0) >= _LARGE:
        axes.yaxis.set_major_formatter(EngFormatter(sep=""))
