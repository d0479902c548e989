"""Properties of regions over the time of a series, with what is uncertain about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from eelsmap.mapping.map_names import map_info
from eelsmap.plot.style import BAND, INK, ROWS, footer_text, new_figure, titled_axes

if TYPE_CHECKING:
    from pandas import DataFrame

    from eelsmap.mapping.series import MapSeries

__all__ = ["plot_series", "series_provenance", "time_scale"]

_COLOURS = (*ROWS, "#6f4fa0", "#8a6d00", "#00798c")
_WIDTH, _HEIGHT, _COLUMNS = 3.1, 2.1, 4


def plot_series(
    series: MapSeries, /, names: Sequence[str] | None = None, *, title: str = "", columns: int = _COLUMNS
) -> Figure:
    """Draw the mean of each property in each region over time.

    Parameters
    ----------
    series
        The series.
    names
        Properties to draw; all by default.
    title
        Above the panels.
    columns
        Panels in a row.

    Returns
    -------
    matplotlib.figure.Figure
        A panel a property: bars are standard errors by the scatter of pixels, bands the mean intervals.

    Raises
    ------
    KeyError
        There is no property of that name.
    ValueError
        There is nothing to draw.
    """
    shown = list(series.properties if names is None else names)
    unknown = [name for name in shown if name not in series.properties]
    if unknown:
        raise KeyError(f"no property {unknown[0]!r}; there are {', '.join(series.properties)}")
    trends = series.trends()
    if not shown or trends.empty:
        raise ValueError("no frame of the series is mapped; there is nothing to draw")
    factor, words = time_scale(trends["seconds"].to_numpy())
    trends["at"] = trends["seconds"] / factor if factor else trends["number"]
    regions = series.regions
    legend: list[Any] = []
    for place, region in enumerate(series.settings["regions"]):
        seen = np.isfinite(trends.loc[trends["region"] == region["name"], "mean"]).any()
        words_of = f"{region['name']}: {region['region']}" + ("" if seen else " (no pixel with an answer)")
        legend.append((Rectangle((0, 0), 1, 1, facecolor=_COLOURS[place % len(_COLOURS)]), words_of))
    footer = [
        "Dots: mean of the pixels that have an answer; bars: standard error by their scatter; bands: mean of "
        "their intervals, within which all pixels may err alike.",
        *footer_text(series_provenance(series)),
    ]
    columns = min(columns, len(shown))
    rows = -(-len(shown) // columns)
    figure, body = new_figure(_WIDTH * columns + 0.4, _HEIGHT * rows, footer, legend, title)
    panels = body.subplots(rows, columns, squeeze=False).ravel()
    for panel, name in zip(panels, shown, strict=False):
        _draw(panel, trends[trends["property"] == name], regions)
        info = map_info(name)
        titled_axes(panel, info.label, words, info.unit)
        if not factor:
            # There is no frame two and a half.
            panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    for panel in panels[len(shown) :]:
        panel.set_visible(False)
    return figure


def time_scale(seconds: np.ndarray, /) -> tuple[float, str]:
    """Seconds in the unit of a time axis, and its words; 0 where the times are not known."""
    if not np.isfinite(seconds).all() or np.ptp(seconds) <= 0:
        return 0.0, "frame"
    for factor, unit in ((3600.0, "h"), (60.0, "min")):
        if np.ptp(seconds) >= 2 * factor:
            return factor, f"time ({unit})"
    return 1.0, "time (s)"


def series_provenance(series: MapSeries) -> dict[str, Any]:
    """Say which model made the maps, as the footers of figures want it."""
    made = series.settings["made_with"]
    return {"model": series.settings["model"], "eelsmap_version": made["version of eelsmap"]}


def _draw(panel: Axes, trends: DataFrame, regions: Sequence[str]) -> None:
    """Draw one property."""
    for place, region in enumerate(regions):
        part = trends[trends["region"] == region]
        colour = _COLOURS[place % len(_COLOURS)]
        at, mean = part["at"].to_numpy(), part["mean"].to_numpy()
        panel.fill_between(at, part["lower"], part["upper"], color=colour, alpha=BAND, linewidth=0)
        panel.errorbar(
            at, mean, part["standard_error"], color=colour, marker="o", markersize=3, linewidth=1.2, elinewidth=1.0,
            capsize=2,
        )  # fmt: skip
    if not np.isfinite(trends["mean"]).any():
        panel.text(0.5, 0.5, "no answer", transform=panel.transAxes, ha="center", va="center", fontsize=8.5, color=INK)
