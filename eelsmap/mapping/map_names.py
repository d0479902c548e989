"""Names of maps: a property, its interval limits, or a quality map; with label, unit, range and colours."""

from __future__ import annotations

from dataclasses import dataclass

from eelsmap.properties import PROPERTIES

__all__ = ["ERROR", "LOWER", "UPPER", "MapInfo", "base_name", "is_quality", "map_info"]

LOWER, UPPER = "_lower", "_upper"
"""What the name of a property's interval limits ends with."""

ERROR = "_error"
"""What the name of the standard deviation of a classical answer ends with."""


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
    "t_over_lambda": MapInfo("Thickness", "t/λ", (0.0, 2.0), "gray", quality=True),
    "components_chi2": MapInfo("Not in the components", "χ² per channel", None, "gray", quality=True),
    "axis_uncertainty": MapInfo("Axis uncertainty", "eV", None, "gray", quality=True),
    "energy_shift": MapInfo("Axis shift", "eV", None, "RdBu_r", quality=True),
}

# What the name of a map begins with, before the name of an edge: label, unit, colours.
_OF_EDGES = {
    "snr_": ("Signal to noise", "", "gray"),
    "counts_": ("Net counts", "counts", "gray"),
    "background_chi2_": ("Background χ²", "per degree of freedom", "gray"),
    "background_residual_": ("Left before onset", "standard deviations", "RdBu_r"),
    "negative_fraction_": ("Points below zero", "share", "gray"),
}

_CLASSICAL = {
    "l3_l2_ratio_": ("L3 / L2 white-line ratio", "", None),
    "pre_edge_ratio_": ("Pre-edge / main peak", "", None),
    "onset_": ("Onset", "eV", None),
    "share_": ("Share of the metals", "atoms", (0.0, 1.0)),
    "metals_per_oxygen": ("Metals per oxygen", "atoms", None),
}


def base_name(name: str) -> str:
    """Name of the property that an interval limit or an error belongs to; any other name as it is."""
    for ending in (LOWER, UPPER, ERROR):
        if name.endswith(ending):
            return name.removesuffix(ending)
    return name


def is_quality(name: str) -> bool:
    """Whether a map tells about the data instead of the specimen."""
    return name in _QUALITY or name.startswith(tuple(_OF_EDGES))


def map_info(name: str) -> MapInfo:
    """How a map is named and drawn.

    Parameters
    ----------
    name
        Name of a map: a property of :data:`eelsmap.properties.PROPERTIES`, one with ``_lower`` or ``_upper``,
        ``novelty``, ``counts``, ``flags``, a quality or classical answer of an edge (``snr_<edge>``), or any other
        property of a model trained by a user.

    Returns
    -------
    MapInfo
        Unknown names keep their name as label.
    """
    if name in _QUALITY:
        return _QUALITY[name]
    for beginning, (label, unit, colours) in _OF_EDGES.items():
        if name.startswith(beginning):
            edge = name.removeprefix(beginning).replace("_", " ")
            return MapInfo(f"{label}, {edge}", unit, None, colours, quality=True)
    base = base_name(name)
    endings = {LOWER: ", lower limit", UPPER: ", upper limit", ERROR: ", standard deviation"}
    part = next((said for ending, said in endings.items() if name.endswith(ending)), "")
    for beginning, (label, unit, limits) in _CLASSICAL.items():
        if base.startswith(beginning):
            edge = base.removeprefix(beginning).replace("_", " ")
            of = edge.capitalize() if beginning == "share_" else edge
            return MapInfo(f"{label}{', ' if of else ''}{of}{part}", unit, None if part else limits, "viridis")
    known = PROPERTIES.get(base)
    if known is None:
        return MapInfo(base.replace("_", " ") + part, "", None, "viridis")
    return MapInfo(known.label + part, known.unit, known.limits, known.colormap)
