"""The grid of small maps on the page on quality: whole pixels above, then each edge."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import PixelFlag
from eelsmap.plot.layout import layout_of
from eelsmap.plot.quality_numbers import in_words, thousands
from eelsmap.plot.quality_page import LEFT, Page
from eelsmap.plot.quality_panel import Panel
from eelsmap.plot.quality_panels import draw_panel, draw_words
from eelsmap.plot.quality_words import answered
from eelsmap.plot.style import MUTED, ROWS

if TYPE_CHECKING:
    from eelsmap.mapping.planned_image import PlannedImage
    from eelsmap.mapping.property_maps import PropertyMaps

__all__ = ["draw_grid", "grid_height", "wished_height"]

# Left edge of the first panel, distance to the next, and width, inches: profiles have numbers to their left.
_CELLS = {"image": (LEFT, 1.9, 1.3), "profile": (0.78, 1.87, 1.45), "number": (LEFT, 1.9, 1.5)}
_ABOVE, _BETWEEN = 0.52, 0.43
_LEAST_HEIGHT = 0.4
_SAME = 0.02
_CAPTION_WIDTH = 134
_CAPTION = (
    "Signal to noise: of the signal window. Before onset: counts less background, below zero where too much was "
    "subtracted; median χ² is 1 where a power law holds."
)


def wished_height(maps: PropertyMaps, /) -> float:
    """Height that the panels would like to have, inches."""
    layout = layout_of(maps.shape)
    if layout != "image":
        return 0.78 if layout == "profile" else 0.42
    y, x = maps.axes
    aspect = (y["size"] * abs(y["scale"])) / (x["size"] * abs(x["scale"]))
    return float(np.clip(_CELLS[layout][2] * aspect, _LEAST_HEIGHT, 1.05))


def grid_height(room: float, maps: PropertyMaps, /) -> tuple[float, float]:
    """Height of the grid and of its panels, inches, if there is so much room."""
    height = float(np.clip((room - _ABOVE) / 3 - _BETWEEN, _LEAST_HEIGHT, wished_height(maps)))
    return _ABOVE + 3 * (height + _BETWEEN), height


def draw_grid(page: Page, image: PlannedImage, maps: PropertyMaps, /, top: float, height: float) -> None:
    """Draw three rows of panels.

    Parameters
    ----------
    page
        Where to draw.
    image
        The planned image.
    maps
        Its computed quality maps.
    top
        Where the grid begins, inches from the top of the page.
    height
        Of a panel, inches.
    """
    layout = layout_of(maps.shape)
    first, pitch, width = _CELLS[layout]
    page.heading(top, "In numbers" if layout == "number" else "Pixel by pixel")
    for number, line in enumerate(textwrap.wrap(_signs(layout, maps) + _CAPTION, _CAPTION_WIDTH)):
        page.text(1.78, top + 0.09 + 0.115 * number, line, 6.5, MUTED)
    good = answered(maps)
    at = top + _ABOVE
    for column, (name, panel, instead) in enumerate(_of_pixels(image, maps, good)):
        left = first + column * pitch
        page.text(left, at - 0.1, name, 8)
        axes = page.axes(left, at, width, height)
        if panel is None:
            draw_words(axes, *instead)
        else:
            draw_panel(axes, panel, maps)
    for kind, words in (("snr", "signal to noise"), ("background_residual", "before onset (σ)")):
        at += height + _BETWEEN
        for column, edge in enumerate(image.recipe.edge_set.names):
            left = first + column * pitch
            page.text(left, at - 0.1, edge.replace("_", " "), 8, bold=True)
            page.text(left + 0.42, at - 0.1, words, 8, MUTED)
            axes = page.axes(left, at, width, height)
            if np.isfinite(maps.array(f"{kind}_{edge}")).any():
                draw_panel(axes, _of_edge(image, maps, kind, edge, good), maps, last=kind != "snr")
            else:
                draw_words(axes, "not on the axis")


def _signs(layout: str, maps: PropertyMaps) -> str:
    """Say what colours, hatching and dots mean."""
    if layout == "image":
        return "Grey: no answer. Hatched: the edge is lost there. "
    if layout == "number":
        return "Mark on the scale: least that is used. "
    rows = 1 if len(maps.shape) == 1 else min(maps.shape)
    lines = ("", "", "Blue, orange: rows 1, 2. ", "Blue, orange, green: rows 1, 2, 3. ")
    said = lines[rows] if rows <= len(ROWS) else f"Lines: the middle one of {rows} rows. "
    return f"{said}Open dots: the edge is lost there. Dotted: least that is used. "


def _of_pixels(image: PlannedImage, maps: PropertyMaps, good: NDArray[np.bool_]) -> list[_Titled]:
    """Panels of what is known of whole pixels."""
    single = layout_of(maps.shape) == "number"
    factor, unit = thousands(maps.array("counts"))
    counts = Panel(maps.array("counts") / factor, "gray", unit=unit)
    thickness = None
    if "t_over_lambda" in maps:
        values = np.where(good, maps.array("t_over_lambda"), np.nan)
        thickness = Panel(values, least=1.0, scale=(0.0, 1.0), note=_median_note(values))
    shift, error = (np.where(good, maps.array(name), np.nan) for name in ("energy_shift", "axis_uncertainty"))
    of_peak = image.shifting is not None
    everywhere = "" if single else "for every pixel"
    return [
        _Titled(f"counts ({unit})" if unit and not single else "counts", counts, ("", "")),
        _Titled("thickness (t/λ)", thickness, ("unknown", "no low loss")),
        _Titled("zero-loss position (eV)" if of_peak else "drift taken out (eV)", _varying(shift),
                (_in_volts(shift) if of_peak else "none", "")),
        _Titled("energies good to (eV)", _varying(error), (f"± {_in_volts(error)}", everywhere)),
    ]  # fmt: skip


class _Titled(NamedTuple):
    """A panel with its title and the words that stand in its place where it is None."""

    title: str
    panel: Panel | None
    instead: tuple[str, str]


def _varying(values: NDArray[np.floating]) -> Panel | None:
    """Panel of a map; None if it is the same everywhere."""
    some = values[np.isfinite(values)]
    if not some.size or np.ptp(some) < _SAME:
        return None
    return Panel(values, floor=False)


def _in_volts(values: NDArray[np.floating]) -> str:
    """Median of what is the same everywhere."""
    some = values[np.isfinite(values)]
    return in_words(float(np.median(some)), "eV") if some.size else "unknown"


def _of_edge(image: PlannedImage, maps: PropertyMaps, kind: str, edge: str, good: NDArray[np.bool_]) -> Panel:
    """Panel of one quality of one edge."""
    values = np.where(good, maps.array(f"{kind}_{edge}"), np.nan)
    if kind == "snr":
        least = image.recipe.quality.minimum_snr
        lost = good & ((maps.array("flags") & int(PixelFlag.weak(edge))) != 0)
        return Panel(values, least=2 * least, lost=lost, note=_median_note(values), threshold=least, scale=(1.0, 1e3))
    chi = np.where(good, maps.array(f"background_chi2_{edge}"), np.nan)
    return Panel(
        values, "RdBu_r", centre=True, least=5.0, note=_median_note(chi, "χ²"), unit="σ", scale=(-5.0, 5.0)
    )  # fmt: skip


def _median_note(values: NDArray[np.floating], of: str = "median") -> str:
    """Say the median of a map; nothing of a single value that is seen anyway."""
    some = values[np.isfinite(values)]
    if not some.size or (values.size == 1 and of == "median"):
        return ""
    return f"{of} {in_words(float(np.median(some)))}"
