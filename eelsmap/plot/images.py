"""Maps of two axes as images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from eelsmap.mapping.map_names import map_info
from eelsmap.plot.gaps import draw_gaps, gap_legend, no_answer, novel_pixels, novel_text
from eelsmap.plot.scale_bar import BELOW, add_scale_bar
from eelsmap.plot.style import INK, LINE, MUTED, footer_text, new_figure

if TYPE_CHECKING:
    from eelsmap.mapping.property_maps import PropertyMaps

__all__ = ["add_colour_bar", "draw_image", "draw_images", "limits_of", "mean_half_width"]

_PANEL = 2.55
_FLAT = 0.45
_DRAWN = 512
"""Of longer axes every second pixel is drawn, or every third, and so on."""
_MOST_NOVEL = 0.5
"""Above this share of pixels dots would cover the map: the legend says it instead."""


def draw_images(maps: PropertyMaps, names: list[str], title: str, columns: int) -> Figure:
    """Draw one panel a map.

    Parameters
    ----------
    maps
        Computed maps with two axes.
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
    y, x = maps.axes
    aspect = (y["size"] * abs(y["scale"])) / (x["size"] * abs(x["scale"]))
    # Flat images get wide panels, so that their colour bars stay legible.
    panel = _PANEL if aspect > _FLAT else 1.7 * _PANEL
    columns = max(1, min(columns, len(names), int(5.2 * _PANEL / panel)))
    rows = -(-len(names) // columns)
    height = (panel - 0.8) * aspect + 0.62
    width = max(panel * columns + 0.2, 5.2)
    novel = novel_pixels(maps)
    legend = gap_legend(maps, names)
    if novel.any():
        legend.append((Text(0, 0, "•"), novel_text(novel, marked=novel.mean() <= _MOST_NOVEL)))
    if any(mean_half_width(maps, name) is not None for name in names):
        legend.append((Text(0, 0, "±"), "mean half width of the interval over the answered pixels"))
    figure, body = new_figure(width, rows * height, footer_text(maps.provenance), legend, title)
    panels = body.subplots(rows, columns, squeeze=False).ravel()
    for axes, name in zip(panels, names, strict=False):
        draw_image(axes, maps, name)
        if 0 < novel.mean() <= _MOST_NOVEL:
            _dots(axes, novel & np.isfinite(maps.array(name)), abs(x["scale"]), abs(y["scale"]))
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    return figure


def draw_image(axes: Axes, maps: PropertyMaps, name: str) -> None:
    """Draw one map with colour bar, scale bar and gaps into axes.

    Parameters
    ----------
    axes
        Where to draw.
    maps
        Computed maps with two axes.
    name
        The map.
    """
    info = map_info(name)
    values = maps.array(name).astype(np.float64)
    y, x = maps.axes
    dx, dy = abs(x["scale"]), abs(y["scale"])
    low, high = limits_of(values, info.limits)
    # More pixels than a panel can show cost memory without being seen: every gap is an outline of its own.
    step = -(-max(values.shape) // _DRAWN)
    values = values[::step, ::step].copy()
    image = axes.imshow(
        values, cmap=info.colormap, vmin=low, vmax=high, origin="upper", interpolation="nearest",
        extent=(0, values.shape[1] * step * dx, values.shape[0] * step * dy, 0),
    )  # fmt: skip
    nothing, not_here = no_answer(maps, name)
    draw_gaps(axes, nothing[::step, ::step], not_here[::step, ::step], step * dx, step * dy)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=LINE, linewidth=0.6)
    axes.set_title(info.label, loc="left", fontsize=9.5, fontweight="bold", color=INK, pad=5)
    flat = y["size"] * dy < _FLAT * x["size"] * dx
    add_colour_bar(axes, image, "" if flat else info.unit, ticks=3 if flat else 5)
    if flat:
        axes.annotate(
            info.unit, (1, 1), xycoords="axes fraction", xytext=(0, 5), textcoords="offset points", ha="right",
            va="bottom", fontsize=7.5, color=MUTED,
        )  # fmt: skip
    add_scale_bar(axes, x["size"] * dx, x["units"])
    width = mean_half_width(maps, name)
    if width is not None:
        axes.annotate(
            f"±{width:.2g}", (1, 0), xycoords="axes fraction", xytext=(0, -BELOW), textcoords="offset points",
            ha="right", va="center", fontsize=7.5, color=MUTED,
        )  # fmt: skip


def add_colour_bar(axes: Axes, image: AxesImage, unit: str, *, ticks: int) -> None:
    """Draw a colour bar of the height of an image beside it.

    Parameters
    ----------
    axes, image
        The image and its axes.
    unit
        Written along the bar.
    ticks
        Largest number of ticks.
    """
    figure = axes.get_figure(root=False)
    if figure is None:
        return
    locator = MaxNLocator(ticks, steps=[1, 2, 5, 10], min_n_ticks=2)
    bar = figure.colorbar(image, cax=axes.inset_axes((1.03, 0.0, 0.045, 1.0)), ticks=locator)
    bar.set_label(unit, fontsize=7.5, color=MUTED)
    bar.ax.tick_params(labelsize=7, color=LINE, labelcolor=MUTED, length=2)
    bar.outline.set(color=LINE, linewidth=0.6)


def mean_half_width(maps: PropertyMaps, name: str) -> float | None:
    """Mean half width of the interval over the answered pixels; None without intervals or answers."""
    limits = maps.interval(name)
    if limits is None:
        return None
    half = (limits[1] - limits[0])[np.isfinite(maps.array(name))] / 2
    half = half[np.isfinite(half)]
    return float(half.mean()) if half.size else None


def limits_of(values: np.ndarray, limits: tuple[float, float] | None) -> tuple[float, float]:
    """Range of a colour bar: the physical one, or that of the values without their most extreme hundredth."""
    if limits is not None:
        return limits
    some = values[np.isfinite(values)]
    if not some.size:
        return 0.0, 1.0
    low, high = np.percentile(some, [1, 99])
    # What differs by rounding alone is one value.
    different = high - low > 1e-5 * max(abs(low), abs(high))
    return (float(low), float(high)) if different else (float(low) - 0.5, float(high) + 0.5)


def _dots(axes: Axes, mask: np.ndarray, dx: float, dy: float) -> None:
    """Mark pixels by small dots."""
    rows, columns = np.nonzero(mask)
    axes.plot(
        (columns + 0.5) * dx, (rows + 0.5) * dy, linestyle="none", marker="o", markersize=1.6, color="white",
        markeredgecolor="black", markeredgewidth=0.3, scalex=False, scaley=False,
    )  # fmt: skip
