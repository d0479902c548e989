"""The numbers on the report: those read at a glance, and a line a map with its mean, interval and the model's error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.mapping.known_pixels import known_pixels
from eelsmap.mapping.map_names import ERROR, MapInfo, map_info
from eelsmap.plot.gaps import novel_pixels
from eelsmap.plot.quality_numbers import KeyFigure, in_words, thousands
from eelsmap.plot.quality_page import LEFT, LINE_HEIGHT, Page
from eelsmap.plot.quality_words import answered
from eelsmap.plot.style import INK, MUTED

if TYPE_CHECKING:
    from eelsmap.mapping.property_maps import PropertyMaps

__all__ = ["TABLE_WIDTH", "TableRow", "draw_table", "known_of", "report_figures", "table_height", "table_of"]

TABLE_WIDTH = 4.7
"""Inches."""

# Right edges of the columns, inches from the left of the table.
_MEAN, _INTERVAL, _SPREAD, _SHARE, _ERROR = 2.05, 2.97, 3.42, 3.92, TABLE_WIDTH
_HEADING = 0.36
_LABEL = 30
_LARGE = 1e4
_POWERS = ((1e3, "k"), (1e6, "M"), (1e9, "G"))


class TableRow(NamedTuple):
    """A line of the table, as text."""

    label: str
    mean: str
    interval: str
    spread: str
    share: str
    error: str


def table_of(maps: PropertyMaps, /) -> list[TableRow]:
    """Sum up each main map over the pixels that have an answer.

    Parameters
    ----------
    maps
        Computed maps.

    Returns
    -------
    list of TableRow
        Mean; mean of the lower and of the upper limits; standard deviation over the pixels; share of pixels with an
        answer; the error that was measured of the model, empty where none was.
    """
    measured = (maps.provenance.get("model") or {}).get("measured") or {}
    known = known_of(maps)
    rows = []
    for name in maps.main:
        info, values = map_info(name), maps.array(name)[known].astype(np.float64)
        finite = np.isfinite(values)
        some = values[finite]
        limits = maps.interval(name)
        interval = ""
        if some.size and limits is not None:
            low, high = (_mean(limit[known][finite]) for limit in limits)
            if low is not None and high is not None:
                interval = f"{_number(low, info)} to {_number(high, info)}"
        label = f"{info.label}, {info.unit}"
        if not info.unit or info.unit in info.label.lower() or len(label) > _LABEL:
            label = info.label
        rows.append(
            TableRow(
                label,
                _number(float(some.mean()), info) if some.size else "–",
                interval or ("–" if limits is not None else ""),
                _number(float(some.std()), info) if some.size > 1 else "–" if maps.shape else "",
                f"{100 * finite.mean():.0f} %" if maps.shape and finite.size else "",
                _measured(measured.get(name) or {}),
            )
        )
    return rows


def known_of(maps: PropertyMaps, /) -> NDArray[np.bool_]:
    """Find the pixels that were computed; all of them unless provenance says that the run was stopped."""
    if not maps.provenance.get("partial"):
        return np.ones(maps.shape, dtype=bool)
    return known_pixels({name: maps.array(name) for name in maps})


def table_height(maps: PropertyMaps, /) -> float:
    """Height of the table with its heading and notes, inches."""
    return _HEADING + LINE_HEIGHT * (len(maps.main) + 2) + 0.12


def draw_table(page: Page, maps: PropertyMaps, /, top: float) -> None:
    """Draw the table.

    Parameters
    ----------
    page
        Where to draw.
    maps
        Computed maps.
    top
        Where it begins, inches from the top of the page.
    """
    page.heading(top, "Means over the pixels with an answer" if maps.shape else "Values", right=LEFT + TABLE_WIDTH)
    at = top + _HEADING
    rows = table_of(maps)
    image = bool(maps.shape)
    between = "mean ± error" if any(name + ERROR in maps for name in maps.main) else "mean interval"
    heads = TableRow(
        "",
        "mean" if image else "value",
        (between if image else between.removeprefix("mean ")) if any(row.interval for row in rows) else "",
        "spread" if image else "",
        "answers" if image else "",
        "error *" if any(row.error for row in rows) else "",
    )
    for row, colour in [(heads, MUTED), *((row, INK) for row in rows)]:
        page.text(LEFT, at, row.label, 7.5, colour)
        for words, right in zip(row[1:], (_MEAN, _INTERVAL, _SPREAD, _SHARE, _ERROR), strict=True):
            page.text(LEFT + right, at, words, 7.5, colour, right=True)
        at += LINE_HEIGHT
    notes = ["spread: standard deviation over the pixels"] if maps.shape else []
    notes += ["* of the model, RMSE or AUROC (0.5 is guessing), see below"] if heads.error else []
    page.text(LEFT, at + 0.03, "; ".join(notes), 6.5, MUTED)


def report_figures(maps: PropertyMaps, /) -> list[KeyFigure]:
    """Numbers that are read at a glance.

    Parameters
    ----------
    maps
        Computed maps.

    Returns
    -------
    list of KeyFigure
        Answers, energies, counts, weakest edge, novelty; what is not known is left out.
    """
    axis: dict[str, Any] = maps.provenance.get("axis") or {}
    result = []
    known = known_of(maps)
    good = known & (answered(maps) if "flags" in maps else True)
    if "flags" in maps:
        one = good.size == 1
        pixels = int(known.sum())
        said = ("yes" if good.all() else "no") if one else f"{100 * good.sum() / max(pixels, 1):.0f} %"
        of = f"of {pixels} {'' if pixels == good.size else 'computed '}pixels have an answer"
        label = "the spectrum has an answer" if one else of
        result.append(KeyFigure(said, label))
    if "uncertainty_eV" in axis:
        lost = axis.get("absolute_scale_lost")
        said = "energies within an edge are good to" if lost else "energies are good to"
        result.append(KeyFigure(f"± {axis['uncertainty_eV']:.1f} eV", said))
    if "counts" in maps and (counts := _median(maps.array("counts")[good])) is not None:
        power, name = thousands(np.array([counts]))
        words = f"{name} counts in a pixel, median" if good.size > 1 else f"{name} counts"
        result.append(KeyFigure(f"{counts / power:.3g}", words.strip()))
    ratios = {name: _median(maps.array(name)[good]) for name in maps if name.startswith("snr_")}
    found = {name: ratio for name, ratio in ratios.items() if ratio is not None}
    if found:
        weakest = min(found, key=found.__getitem__)
        edge = weakest.removeprefix("snr_").replace("_", " ")
        result.append(KeyFigure(f"{edge}: {in_words(found[weakest])}", "signal to noise of the weakest edge"))
    if "novelty" in maps and good.any():
        novel = novel_pixels(maps)[good]
        said = f"{100 * novel.mean():.0f} %" if novel.size > 1 else ("yes" if novel.all() else "no")
        result.append(KeyFigure(said, "unlike every spectrum that the model has seen"))
    return result


def _number(value: float, info: MapInfo) -> str:
    """Write a value with the digits that its range asks for."""
    if info.limits is not None:
        digits = f"{value:.2f}"
    elif abs(value) >= _LARGE:
        power, sign = max((item for item in _POWERS if item[0] <= abs(value)), default=_POWERS[0])
        digits = f"{value / power:.3g} {sign}"
    else:
        digits = f"{value:.3g}" if abs(value) < 100 else f"{value:.1f}"
    return digits.replace("-", "\N{MINUS SIGN}")


def _measured(figures: dict[str, float]) -> str:
    """Error of the model as it was measured."""
    if "rmse" in figures:
        return f"{figures['rmse']:.2f}"
    return f"AUROC {figures['auroc']:.2f}" if "auroc" in figures else ""


def _mean(values: np.ndarray) -> float | None:
    """Mean of the finite values."""
    some = values[np.isfinite(values)].astype(np.float64)
    return float(some.mean()) if some.size else None


def _median(values: np.ndarray) -> float | None:
    """Median of the finite values."""
    some = values[np.isfinite(values)]
    return float(np.median(some)) if some.size else None
