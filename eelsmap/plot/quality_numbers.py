"""Numbers on the page on quality: how they are written, and those that are read at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.plot.quality_words import answered

if TYPE_CHECKING:
    from eelsmap.mapping.planned_image import PlannedImage
    from eelsmap.mapping.property_maps import PropertyMaps

__all__ = ["KeyFigure", "in_words", "key_figures", "thousands"]

_THOUSANDS = ("", "thousand", "million", "billion", "trillion")


class KeyFigure(NamedTuple):
    """A number that is read at a glance, and what it is."""

    value: str
    label: str


def in_words(value: float, unit: str = "", /) -> str:
    """Write a number with two or three digits, as they matter, and a true minus."""
    digits = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) >= 10 else f"{value:.2g}"
    return f"{digits} {unit}".strip().replace("-", "\N{MINUS SIGN}")


def thousands(values: NDArray[np.floating], /) -> tuple[float, str]:
    """Find the power of a thousand in which values are written, and its name."""
    largest = float(np.nanmax(values, initial=1.0))
    power = min(int(np.log10(largest) // 3), len(_THOUSANDS) - 1)
    return 1000.0**power, _THOUSANDS[power]


def key_figures(image: PlannedImage, maps: PropertyMaps, /) -> list[KeyFigure]:
    """Numbers for the head of the page.

    Parameters
    ----------
    image
        The planned image.
    maps
        Its computed quality maps.

    Returns
    -------
    list of KeyFigure
        Answers, energies, thickness, weakest edge, faults of the detector.
    """
    good = answered(maps)
    said = f"{100 * good.mean():.0f} %" if good.size > 1 else ("yes" if good.all() else "no")
    label = f"of {_number(good.size)} pixels have an answer" if good.size > 1 else "the spectrum has an answer"
    lost = image.plan.axis.absolute_scale_lost
    error = _median(maps.array("axis_uncertainty"), good)
    energies = "energies within an edge are good to" if lost else "energies are good to"
    result = [KeyFigure(said, label), KeyFigure("–" if error is None else f"± {error:.1f} eV", energies)]
    thickness = _median(maps.array("t_over_lambda"), good) if "t_over_lambda" in maps else None
    result.append(
        KeyFigure("–", "thickness unknown: no low loss")
        if thickness is None
        else KeyFigure(f"{thickness:.2f} t/λ", "thickness" if good.size == 1 else "median thickness")
    )
    ratios = {edge: _median(maps.array(f"snr_{edge}"), good) for edge in image.plan.located}
    known = {edge: ratio for edge, ratio in ratios.items() if ratio is not None}
    weakest = min(known, key=known.__getitem__, default="")
    value = f"{weakest.replace('_', ' ')}: {_short(known[weakest])}" if weakest else "–"
    result.append(KeyFigure(value, "signal to noise of the weakest edge found" if good.size == 1 else
                            "weakest edge found, median signal to noise"))  # fmt: skip
    return [*result, _fault_figure(image)]


def _fault_figure(image: PlannedImage) -> KeyFigure:
    """Count the faulty channels, or name the gravest fault that is none of a channel."""
    faults = image.plan.faults
    if faults is None:
        return KeyFigure("–", "detector not looked at")
    if faults.saturation is not None:
        return KeyFigure("saturated", f"detector, at {_number(int(faults.saturation))} counts")
    channels = int((faults.dead | faults.hot).sum())
    if channels or not faults.steps:
        return KeyFigure(str(channels or "none"), "dead or hot channels")
    return KeyFigure(str(len(faults.steps)), "steps of the detector's gain")


def _median(values: NDArray[np.floating], where: NDArray[np.bool_]) -> float | None:
    """Median over pixels; None where there is no value."""
    some = values[where & np.isfinite(values)]
    return float(np.median(some)) if some.size else None


def _short(value: float) -> str:
    """Two significant digits for small numbers, whole numbers for the others."""
    return f"{value:.1f}" if abs(value) < 10 else f"{value:.0f}"


def _number(value: int) -> str:
    """Group the digits of a number by thin spaces."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
