"""Which maps belong together, in the order in which layers and presets show them. Imports neither Qt nor napari."""

from __future__ import annotations

from collections.abc import Iterable

from eelsmap.edges import NMC_EDGES
from eelsmap.mapping.map_names import base_name, is_quality
from eelsmap.properties import PROPERTIES

__all__ = ["PRESETS", "in_group_order", "maps_of_preset"]

_GROUPS = {"Li": "lithium", "metals": "metals", "valence": "valence", "defects": "defects"}

PRESETS: dict[str, tuple[str, ...]] = {
    **{
        preset: tuple(name for name, item in PROPERTIES.items() if item.group == group)
        for preset, group in _GROUPS.items()
    },
    "quality": ("novelty", "counts", *(f"snr_{edge}" for edge in NMC_EDGES.names)),
    "all": tuple(PROPERTIES),
}
"""Names of the maps of each preset, for the shipped models; see :func:`maps_of_preset` for other maps."""


def in_group_order(names: Iterable[str]) -> list[str]:
    """Sort maps: lithium, metals, valence, defects, any other property, quality; no limits, errors or flags.

    Parameters
    ----------
    names
        Names of maps.

    Returns
    -------
    list of str
        Maps that get a layer of values.
    """
    known = [*PRESETS["all"], *PRESETS["quality"]]
    values = [name for name in names if name != "flags" and base_name(name) == name]
    return sorted(
        values, key=lambda name: (is_quality(name), known.index(name) if name in known else len(known))
    )  # sorted() keeps the order of what is unknown


def maps_of_preset(preset: str, names: Iterable[str]) -> list[str]:
    """Choose the maps of a preset among those that there are.

    Parameters
    ----------
    preset
        A key of :data:`PRESETS`.
    names
        Names of the maps at hand.

    Returns
    -------
    list of str
        Of ``quality`` all maps that tell about the data, of ``all`` every property, also those of a model that a user
        trained; empty where there are none.
    """
    ordered = in_group_order(names)
    if preset == "quality":
        return [name for name in ordered if is_quality(name)]
    if preset == "all":
        return [name for name in ordered if not is_quality(name)]
    return [name for name in ordered if name in PRESETS[preset]]
