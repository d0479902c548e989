"""Small panels of the page on quality: one map each, as image, as profile, or as a number on a scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import NDArray

from eelsmap.plot.gaps import draw_gaps
from eelsmap.plot.images import add_colour_bar
from eelsmap.plot.layout import along, layout_of
from eelsmap.plot.quality_numbers import in_words
from eelsmap.plot.quality_panel import Panel
from eelsmap.plot.quality_words import COLOURS
from eelsmap.plot.scale_bar import BELOW, add_scale_bar
from eelsmap.plot.style import INK, LINE, MUTED, ROWS, quiet_axes

if TYPE_CHECKING:
    from eelsmap.mapping.property_maps import PropertyMaps

__all__ = ["draw_categories", "draw_panel", "draw_words"]

_TICKS = 4
_BELOW_TICKS = 16
_FLAT = 0.45


def draw_panel(axes: Axes, panel: Panel, maps: PropertyMaps, /, *, last: bool = False) -> None:
    """Draw one map.

    Parameters
    ----------
    axes
        Where to draw.
    panel
        What to draw.
    maps
        The maps it belongs to, which know their axes.
    last
        Whether this is the lowest profile of its column, which names the distance.
    """
    draw = {"image": _draw_image, "profile": _draw_profile, "number": _draw_number}[layout_of(maps.shape)]
    draw(axes, panel, maps, last)


def draw_words(axes: Axes, words: str, below: str = "") -> None:
    """Say in an empty frame why there is no map."""
    axes.set(xticks=[], yticks=[])
    axes.set_facecolor("#f7f8f9")
    for spine in axes.spines.values():
        spine.set(color=LINE, linewidth=0.6)
    middle, size = (0.64, 10) if below else (0.5, 8)
    axes.text(0.5, middle, words, transform=axes.transAxes, ha="center", va="center", fontsize=size, color=INK)
    axes.text(0.5, 0.27, below, transform=axes.transAxes, ha="center", va="center", fontsize=7.5, color=MUTED)


def draw_categories(axes: Axes, kinds: NDArray[np.intp], maps: PropertyMaps, /) -> None:
    """Draw the kind of every pixel.

    Parameters
    ----------
    axes
        Where to draw.
    kinds
        Place in :data:`eelsmap.plot.quality_words.COLOURS`, shape of the image.
    maps
        The maps, which know their axes.
    """
    rows = np.atleast_2d(kinds) if kinds.ndim else kinds.reshape(1, 1)
    profile = layout_of(maps.shape) == "profile"
    rows = along(rows) if profile else rows
    dx, dy, width, unit = _pixel(maps, profile)
    axes.imshow(
        rows, cmap=ListedColormap(COLOURS), vmin=-0.5, vmax=len(COLOURS) - 0.5,
        interpolation="nearest", extent=(0, width, rows.shape[0] * dy, 0), aspect="auto" if profile else "equal",
    )  # fmt: skip
    _frame(axes)
    if layout_of(maps.shape) == "image":
        add_scale_bar(axes, rows.shape[1] * dx, unit)


def _draw_image(axes: Axes, panel: Panel, maps: PropertyMaps, _last: bool) -> None:
    """Draw a map of two axes."""
    dx, dy, width, _unit = _pixel(maps, False)
    low, high = panel.limits
    image = axes.imshow(
        panel.values, cmap=panel.colormap, vmin=low, vmax=high, interpolation="nearest",
        extent=(0, width, panel.values.shape[0] * dy, 0),
    )  # fmt: skip
    lost = np.zeros(panel.values.shape, dtype=bool) if panel.lost is None else panel.lost
    draw_gaps(axes, ~np.isfinite(panel.values) & ~lost, lost, dx, dy)
    _frame(axes)
    height = panel.values.shape[0] * dy
    host = _beside(axes, width, height)
    add_colour_bar(host, image, "", ticks=_TICKS)
    if height < _FLAT * width:
        host.child_axes[-1].set_yticks([low, high], [in_words(low), in_words(high)])
    _note(axes, panel.note)


def _beside(axes: Axes, width: float, height: float) -> Axes:
    """Return axes that nobody sees, as wide as the box of an image and as high as the image, ending where it ends.

    Colour bars are a part of the width of the axes beside which they stand; those of narrow images would be a hair.
    """
    figure = axes.get_figure(root=True)
    if figure is None:
        return axes
    across, down = figure.get_size_inches()
    box = axes.get_position(original=True)
    scale = min(box.width * across / width, box.height * down / height)
    right, shown = box.x0 + scale * width / across, scale * height / down
    host = figure.add_axes((right - box.width, box.y1 - shown, box.width, shown))
    host.set_axis_off()
    return host


def _draw_profile(axes: Axes, panel: Panel, maps: PropertyMaps, last: bool) -> None:
    """Draw a map along its long axis."""
    values = along(panel.values)
    step, _height, width, unit = _pixel(maps, True)
    distance = step * (np.arange(values.shape[1]) + 0.5)
    drawn = range(len(values)) if len(values) <= len(ROWS) else [len(values) // 2]
    low, high = panel.limits
    if panel.centre:
        axes.axhline(0, color=LINE, linewidth=0.8, zorder=0)
    if panel.threshold is not None:
        axes.axhline(panel.threshold, color=MUTED, linewidth=0.7, linestyle=":", zorder=0)
    lost = None if panel.lost is None else along(panel.lost)
    for colour, row in zip(ROWS, drawn, strict=False):
        axes.plot(distance, values[row], color=colour, linewidth=1.0, marker="o", markersize=1.8)
        if lost is not None and lost[row].any():
            axes.plot(distance[lost[row]], values[row][lost[row]], "o", color=colour, mfc="white", ms=2.8, mew=0.8)
    pad = 0.06 * (high - low)
    axes.set(xlim=(0, width), ylim=(low - pad, high + pad))
    quiet_axes(axes)
    axes.tick_params(labelsize=7, pad=1.5, labelbottom=last)
    axes.yaxis.set_major_locator(MaxNLocator(_TICKS, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_locator(MaxNLocator(_TICKS, steps=[1, 2, 5, 10]))
    axes.ticklabel_format(axis="y", scilimits=(-2, 4), useMathText=True)
    axes.yaxis.get_offset_text().set(fontsize=6.5, color=MUTED)
    if last:
        axes.set_xlabel(f"distance ({unit})" if unit else "pixel", fontsize=7, color=MUTED, labelpad=1, loc="right")
    _note(axes, panel.note, below=_BELOW_TICKS if last else BELOW + 2)


def _draw_number(axes: Axes, panel: Panel, _maps: PropertyMaps, _last: bool) -> None:
    """Draw the value of a single spectrum as a dot on its range, with the number above."""
    value = float(panel.values.ravel()[0])
    if not np.isfinite(value):
        draw_words(axes, "no answer")
        return
    axes.text(0.0, 1.02, in_words(value, panel.unit), transform=axes.transAxes, fontsize=11, color=INK, va="top")
    quiet_axes(axes)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set(xticks=[], yticks=[], ylim=(-0.35, 1.6))
    if panel.scale is not None:
        low, high = min(panel.scale[0], value), max(panel.scale[1], value)
        if low > 0:
            axes.set_xscale("log")
            axes.xaxis.set_minor_locator(NullLocator())
        axes.plot([low, high], [0, 0], color=LINE, linewidth=1.2, zorder=0, clip_on=False)
        axes.plot([value], [0], "o", color=ROWS[0], ms=5.5, clip_on=False)
        if panel.threshold is not None:
            axes.plot([panel.threshold] * 2, [-0.2, 0.2], color=MUTED, linewidth=1.0)
        ticks = [panel.scale[0], *([0.0] if panel.centre else []), panel.scale[1]]
        axes.set_xlim(low, high)
        axes.set_xticks(ticks, [f"{tick:g}".replace("-", "\N{MINUS SIGN}") for tick in ticks])
        axes.tick_params(labelsize=7, pad=1.5, length=0)
    _note(axes, panel.note, below=_BELOW_TICKS)


def _pixel(maps: PropertyMaps, profile: bool) -> tuple[float, float, float, str]:
    """Width and height of a pixel, width of the image, unit; a profile runs along the long axis, its rows count 1."""
    if not maps.shape:
        return 1.0, 1.0, 1.0, ""
    axes: list[dict[str, Any]] = maps.axes
    if profile:
        axis = axes[int(np.argmax(maps.shape))]
        step = abs(axis["scale"]) if axis["units"] else 1.0
        return step, 1.0, step * axis["size"], axis["units"]
    x = axes[-1]
    dy = abs(axes[-2]["scale"]) if len(axes) > 1 else abs(x["scale"])
    return abs(x["scale"]), dy, abs(x["scale"]) * x["size"], x["units"]


def _frame(axes: Axes) -> None:
    """Thin frame without ticks; what is smaller than its box stands in its upper left corner."""
    axes.set(xticks=[], yticks=[], anchor="NW")
    for spine in axes.spines.values():
        spine.set(color=LINE, linewidth=0.6)


def _note(axes: Axes, words: str, *, below: float = BELOW + 2) -> None:
    """Write small words below the left corner."""
    axes.annotate(words, (0, 0), xycoords="axes fraction", xytext=(0, -below), textcoords="offset points", ha="left",
                  va="center", fontsize=7, color=MUTED)  # fmt: skip
