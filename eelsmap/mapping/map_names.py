"""Names of maps: a property, its interval limits, or a quality map; with label, unit, range and colours."""

from __future__ import annotations

from dataclasses import dataclass

from eelsmap.properties import PROPERTIES

__all__ = ["LOWER", "UPPER", "MapInfo", "base_name", "is_quality", "map_info"]

LOWER, UPPER = "_lower", "_upper"
"""What the name of a property's interval limits ends with."""


@dataclass(frozen=True, slots=True)
class MapInfo:
    """How a map is named and drawn.

    Parameters
    ----------
    label
        Readable name.
    unit
        Unit; empty for pure numbers.
    limits
        Range over which it is drawn, or None to take that of the values.
    colormap
        Perceptually uniform matplotlib colour map.
    quality
        True for novelty, counts, signal-to-noise ratios and flags.
    """

    label: str
    unit: str
    limits: tuple[float, float] | None
    colormap: str
    quality: bool = False

    @property
    def title(self) -> str:
        """Label with unit, for instance ``Li content (Li per metal)``."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


_QUALITY = {
    "novelty": MapInfo("Novelty", "1: as far as usual", (0.0, 2.0), "gray", quality=True),
    "counts": MapInfo("Counts", "counts", None, "gray", quality=True),
    "flags": MapInfo("Flags", "bits", None, "gray", quality=True),
}


def base_name(name: str) -> str:
    """Name of the property that an interval limit belongs to; any other name as it is."""
    for ending in (LOWER, UPPER):
        if name.endswith(ending):
            return name.removesuffix(ending)
    return name


def is_quality(name: str) -> bool:
    """Whether a map tells about the data instead of the specimen."""
    return name in _QUALITY or name.startswith("snr_")


def map_info(name: str) -> MapInfo:
    """How a map is named and drawn.

    Parameters
    ----------
    name
        Name of a map: a property of :data:`eelsmap.properties.PROPERTIES`, one with ``_lower`` or ``_upper``,
        ``novelty``, ``counts``, ``flags``, ``snr_<edge>``, or any other property of a model trained by a user.

    Returns
    -------
    MapInfo
        Unknown names keep their name as label.
    """
    if name in _QUALITY:
        return _QUALITY[name]
    if name.startswith("snr_"):
        edge = name.removeprefix("snr_").replace("_", " ")
        return MapInfo(f"Signal to noise, {edge}", "", None, "gray", quality=True)
    base = base_name(name)
    part = ", lower limit" if name.endswith(LOWER) else ", upper limit" if name.endswith(UPPER) else ""
    known = PROPERTIES.get(base)
    if known is None:
        return MapInfo(base.replace("_", " ") + part, "", None, "viridis")
    return MapInfo(known.label + part, known.unit, known.limits, known.colormap)
