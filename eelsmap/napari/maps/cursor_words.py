"""What maps say of one pixel, in words. Imports neither Qt nor napari."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from eelsmap.errors import NO_ANSWER, describe_flags
from eelsmap.mapping.map_names import MapInfo, map_info
from eelsmap.napari.maps.layer_plans import MapValues

__all__ = ["pixel_words", "value_words", "words_inside"]

_APART = "  ·  "


def pixel_words(values: MapValues, index: Sequence[int], names: Iterable[str]) -> str:
    """Say what maps hold at a pixel.

    Parameters
    ----------
    values
        The numbers.
    index
        The pixel, in array order.
    names
        Maps to tell about.

    Returns
    -------
    str
        Where, why an answer is missing or doubtful, then each value with its interval and unit.
    """
    place = tuple(index)
    where = f"pixel ({', '.join(str(number) for number in reversed(place))})" if place else "spectrum"
    flags = values.flags_at(place)
    found = [value_words(map_info(name), *values.at(place, name)) for name in names]
    if not values.complete and not flags and not values.known_at(place):
        return f"{where}: not computed yet"
    # What ends the answer is the reason; that its edges are weak, too, would only push it out of the status bar.
    reasons = describe_flags(flags & NO_ANSWER or flags)
    flagged = [f"flagged: {'; '.join(reasons)}"] if reasons else []
    return f"{where}: {_APART.join([*flagged, *found]) or 'no map is shown'}"


def words_inside(values: MapValues, place: Iterable[float], names: Iterable[str]) -> str:
    """Say what maps hold at a place between pixel centres; empty outside.

    Parameters
    ----------
    values
        The numbers.
    place
        In pixels, in array order of the layers; the first pixel is centred at zero.
    names
        Maps to tell about.
    """
    index = values.indices(math.floor(one + 0.5) for one in place)
    return "" if index is None else pixel_words(values, index, names)


def value_words(info: MapInfo, value: float, lower: float, upper: float) -> str:
    """Say one value with its interval and unit, such as ``Li content 0.62 (0.51 to 0.70) Li per metal``."""
    if math.isnan(value):
        return f"{info.label}: no answer"
    interval = "" if math.isnan(lower) or math.isnan(upper) else f" ({_number(lower)} to {_number(upper)})"
    unit = f" {info.unit}" if info.unit and not info.unit.startswith("1:") else ""
    return f"{info.label} {_number(value)}{interval}{unit}"


def _number(value: float) -> str:
    """Write a number with what can be told apart: two decimals, or whole and in groups of three."""
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.3g}" if abs(value) >= 10 else f"{value:.2f}"
