"""Which pixels of a report have an answer, and why the others have none, in a small map and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eelsmap.plot.layout import layout_of
from eelsmap.plot.quality_page import LEFT, LINE_HEIGHT, RIGHT, Page, wrapped
from eelsmap.plot.quality_panels import draw_categories
from eelsmap.plot.quality_words import Kind, kinds_of, reasons_of, sorted_pixels
from eelsmap.plot.report_table import TABLE_WIDTH, known_of

if TYPE_CHECKING:
    from eelsmap.mapping.property_maps import PropertyMaps

__all__ = ["answers_height", "draw_answers"]

_LEFT = LEFT + TABLE_WIDTH + 0.3
_SWATCH, _DIGIT, _GAP = 0.22, 0.068, 0.04
_KINDS = 0.8
_MOST_LINES = 16
_UNKNOWN = "#ffffff"


def answers_height(maps: PropertyMaps, /) -> float:
    """Height that :func:`draw_answers` needs, inches."""
    if "flags" not in maps:
        return 0.0
    lines = sum(len(words) for _pixels, words, _colour in _reasons(maps))
    kinds = LINE_HEIGHT * sum(len(_wrapped_kind(kind.label, maps)) for kind in _kinds(maps))
    if layout_of(maps.shape) == "image":
        kinds = max(kinds, _kinds_size(maps)[1] + 0.2)
    return 0.36 + kinds + LINE_HEIGHT * lines + 3 * _GAP


def _number(maps: PropertyMaps) -> float:
    """Right edge of the numbers of pixels, inches from the swatches."""
    return _SWATCH + _DIGIT * max(3, len(str(known_of(maps).size)))


def _reasons(maps: PropertyMaps) -> list[tuple[str, list[str], str]]:
    """List pixels, lines and colour of each reason; where there are too many, the last are only counted."""
    reasons = reasons_of(_computed(maps)) if known_of(maps).any() else []
    result: list[tuple[str, list[str], str]] = []
    used = 0
    for number, (pixels, words, colour) in enumerate(reasons):
        lines = wrapped(words, RIGHT - _LEFT - _number(maps) - 0.06, most=3)
        if used + len(lines) >= _MOST_LINES and number < len(reasons) - 1:
            return [*result, ("…", [f"and {len(reasons) - number} more reasons"], "")]
        result.append((str(pixels) if colour else "all", lines, colour))
        used += len(lines)
    return result


def _wrapped_kind(label: str, maps: PropertyMaps) -> list[str]:
    """Lines of the name of a kind of pixel, which stands beside the map where there is one."""
    beside = _kinds_size(maps)[0] + 0.12 if layout_of(maps.shape) == "image" else 0.0
    return wrapped(label, RIGHT - _LEFT - beside - _number(maps) - 0.05)


def _kinds_size(maps: PropertyMaps) -> tuple[float, float]:
    """Width and height of the map of the kinds of pixels, inches."""
    y, x = maps.axes
    aspect = (y["size"] * abs(y["scale"])) / (x["size"] * abs(x["scale"]))
    return min(_KINDS, _KINDS / aspect), min(_KINDS, _KINDS * aspect)


def draw_answers(page: Page, maps: PropertyMaps, /, top: float) -> None:
    """Draw the kind of every pixel, and write why pixels have no answer, or what to know of it.

    Parameters
    ----------
    page
        Where to draw.
    maps
        Computed maps; without flags there is nothing to say.
    top
        Where the part begins, inches from the top of the page.
    """
    if "flags" not in maps:
        return
    page.heading(top, "Answers", left=_LEFT)
    at, left = top + 0.36, _LEFT
    kinds = _kinds(maps)
    if layout_of(maps.shape) == "image":
        width, height = _kinds_size(maps)
        draw_categories(
            page.axes(left, top + 0.3, width, height), np.ma.masked_array(sorted_pixels(maps), ~known_of(maps)), maps
        )
        left += width + 0.12
    for kind in kinds:
        page.swatch(left, at, kind.colour)
        page.text(left + _number(maps), at, str(kind.pixels), bold=True, right=True)
        for line in _wrapped_kind(kind.label, maps):
            page.text(left + _number(maps) + 0.05, at, line)
            at += LINE_HEIGHT
    if layout_of(maps.shape) == "image":
        at = max(at, top + 0.3 + _kinds_size(maps)[1] + 0.2)
    at += 2 * _GAP
    for pixels, lines, colour in _reasons(maps):
        if colour:
            page.swatch(_LEFT, at, colour)
        page.text(_LEFT + _number(maps), at, pixels, right=True)
        for line in lines:
            page.text(_LEFT + _number(maps) + 0.06, at, line)
            at += LINE_HEIGHT


def _computed(maps: PropertyMaps) -> PropertyMaps:
    """Take the maps of the pixels that were computed, in a row; all of them where the run went to its end."""
    known = known_of(maps)
    if known.all():
        return maps
    stack = np.stack([maps.array(name)[known].astype(np.float32) for name in maps], axis=-1)
    row = {"name": "pixel", "size": int(known.sum()), "scale": 1.0, "offset": 0.0, "units": ""}
    return type(maps)(stack, list(maps), [row], maps.provenance)


def _kinds(maps: PropertyMaps) -> list[Kind]:
    """Count the pixels of each kind, and those that were not computed."""
    missing = int((~known_of(maps)).sum())
    kinds = kinds_of(_computed(maps)) if missing < known_of(maps).size else []
    return kinds + ([Kind(missing, "not computed", _UNKNOWN)] if missing else [])
