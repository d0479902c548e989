"""The answer for a single spectrum: a dot with its interval for each property."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eelsmap.errors import describe_flags
from eelsmap.mapping.map_names import map_info
from eelsmap.plot.images import limits_of
from eelsmap.plot.style import INK, LINE, MUTED, ROWS, footer_text, new_figure, quiet_axes

if TYPE_CHECKING:
    from eelsmap.mapping.property_maps import PropertyMaps

__all__ = ["draw_row", "draw_single"]

_ROW = 0.44
_WIDTH = 7.2


def draw_single(maps: PropertyMaps, names: list[str], title: str) -> Figure:
    """Draw a row a property: its range, the predicted value, its interval, and both as numbers.

    Parameters
    ----------
    maps
        Computed maps of a single spectrum.
    names
        Properties to draw.
    title
        Title of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    flags = int(maps.array("flags")) if "flags" in maps else 0
    reasons = describe_flags(flags)
    footer = [*([f"Flags: {'; '.join(reasons)}."] if reasons else []), *footer_text(maps.provenance)]
    figure, body = new_figure(_WIDTH, _ROW * len(names) + 0.1, footer, (), title)
    rows = body.subplots(len(names), 1, squeeze=False).ravel()
    for axes, name in zip(rows, names, strict=True):
        draw_row(axes, maps, name)
    return figure


def draw_row(axes: Axes, maps: PropertyMaps, name: str) -> None:
    """Draw one property."""
    info = map_info(name)
    value = float(maps.array(name))
    low, high = (float(limit) for limit in maps.interval(name) or (np.nan, np.nan))
    limits = limits_of(np.array([value]), info.limits)
    pad = 0.03 * (limits[1] - limits[0])
    axes.axhline(0, color=LINE, linewidth=0.8, zorder=0)
    text = "no answer"
    if np.isfinite(value):
        axes.plot([low, high], [0, 0], color=ROWS[0], linewidth=5, alpha=0.3, solid_capstyle="round")
        axes.plot([value], [0], marker="o", markersize=6, color=ROWS[0])
        text = f"{value:.2f}" + (f"   {low:.2f} to {high:.2f}" if np.isfinite(low + high) else "")
    axes.set(xlim=(limits[0] - pad, limits[1] + pad), ylim=(-1, 1), yticks=[0], xticks=np.linspace(*limits, 3))
    axes.set_yticklabels([info.title])
    quiet_axes(axes)
    axes.tick_params(axis="y", length=0, labelsize=8.5, labelcolor=INK)
    axes.tick_params(axis="x", pad=1)
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.annotate(
        text, (1, 0.5), xycoords="axes fraction", xytext=(8, 0), textcoords="offset points", va="center", fontsize=8.5,
        color=INK if np.isfinite(value) else MUTED,
    )  # fmt: skip
