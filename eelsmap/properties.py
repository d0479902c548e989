"""The properties that models predict and maps show: name, unit, physical range, group, and what they rest on."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PROPERTIES", "Property"]


@dataclass(frozen=True, slots=True)
class Property:
    """One property.

    Parameters
    ----------
    name
        Public name, the key in ``PropertyMaps``.
    label
        Readable name.
    unit
        Unit, or what the number is counted in.
    limits
        Physical range; predictions and intervals are cut to it, maps are drawn over it.
    colormap
        Perceptually uniform matplotlib colour map, the same for every specimen.
    group
        ``"lithium"``, ``"metals"``, ``"valence"`` or ``"defects"``.
    edge
        Edge without which there is no answer, or None.
    probability
        True for the calibrated probability of a class.
    """

    name: str
    label: str
    unit: str
    limits: tuple[float, float]
    colormap: str
    group: str
    edge: str | None = None
    probability: bool = False


PROPERTIES: dict[str, Property] = {
    item.name: item
    for item in (
        Property("li_content", "Li content", "Li per metal", (0.0, 1.0), "viridis", "lithium"),
        Property("li_count", "Li count", "atoms in 0.3 nm", (0.0, 3.0), "viridis", "lithium"),
        Property("ni_count", "Ni count", "atoms in 0.3 nm", (0.0, 3.0), "cividis", "metals"),
        Property("mn_count", "Mn count", "atoms in 0.3 nm", (0.0, 3.0), "cividis", "metals"),
        Property("co_count", "Co count", "atoms in 0.3 nm", (0.0, 3.0), "cividis", "metals"),
        Property("ni_valence", "Ni oxidation state", "formal charge", (2.0, 4.0), "plasma", "valence", edge="Ni_L"),
        Property("mn_valence", "Mn oxidation state", "formal charge", (2.0, 4.0), "plasma", "valence", edge="Mn_L"),
        Property("co_valence", "Co oxidation state", "formal charge", (2.0, 4.0), "plasma", "valence", edge="Co_L"),
        Property("vacancy_probability", "O vacancy", "probability", (0.0, 1.0), "magma", "defects", probability=True),
        Property(
            "antisite_probability", "Ni/Li antisite", "probability", (0.0, 1.0), "magma", "defects", probability=True
        ),
    )
}
"""Every property by name, in the order in which maps show them."""
