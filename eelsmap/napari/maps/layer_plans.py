"""What each layer of a set of maps shows: its array, title, colours and limits. Imports neither Qt nor napari."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.mapping.map_names import ERROR, LOWER, UPPER, MapInfo, is_quality, map_info
from eelsmap.napari.maps.presets import in_group_order

__all__ = ["WIDTH", "LayerPlan", "MapValues", "plan_layers"]

WIDTH = "_width"
"""What the key of an interval-width layer ends with."""

_WIDTH_COLOURS = "inferno"


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """One layer to be.

    Parameters
    ----------
    key
        Name of the map; of an interval width, that of its map with ``_width``.
    kind
        ``"map"``, ``"quality"``, ``"interval"`` or ``"flags"``.
    name
        Name of the map that it tells about.
    title
        What the layer is called.
    info
        How that map is drawn.
    """

    key: str
    kind: str
    name: str
    title: str
    info: MapInfo

    @property
    def colormap(self) -> str:
        """Perceptually uniform colour map, the same for every specimen."""
        return _WIDTH_COLOURS if self.kind == "interval" else self.info.colormap

    def limits(self, values: NDArray[Any]) -> tuple[float, float]:
        """Physical range of the map, of a width from zero on; where there is none, that of the values."""
        if self.info.limits is not None:
            low, high = self.info.limits
            return (0.0, high - low) if self.kind == "interval" else (low, high)
        some = values[np.isfinite(values)]
        if not some.size:
            return 0.0, 1.0
        low, high = (float(limit) for limit in np.percentile(some, [0.5, 99.5]))
        if self.info.colormap == "RdBu_r" and self.kind != "interval":
            low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
        if self.kind == "interval":
            low = 0.0
        # What differs by rounding alone is one value.
        different = high - low > 1e-5 * max(abs(low), abs(high))
        return (low, high) if different else (low - 0.5, low + 0.5)


def plan_layers(names: Iterable[str]) -> list[LayerPlan]:
    """Plan the layers of a set of maps.

    Parameters
    ----------
    names
        Names of all maps.

    Returns
    -------
    list of LayerPlan
        From the top of the layer list down: flags, properties by group, quality, interval widths.
    """
    known = list(names)
    values = in_group_order(known)
    plans = [LayerPlan("flags", "flags", "flags", "Flags", map_info("flags"))] if "flags" in known else []
    for name in values:
        info = map_info(name)
        title = info.label if info.unit == info.label.lower() else info.title
        plans.append(LayerPlan(name, "quality" if is_quality(name) else "map", name, title, info))
    for name in values:
        if _has_interval(name, known):
            info = map_info(name)
            title = f"Interval width: {info.title}"
            plans.append(LayerPlan(name + WIDTH, "interval", name, title, info))
    return plans


class MapValues:
    """The numbers behind the layers, known in part while maps are being computed.

    Parameters
    ----------
    maps
        The maps; lazy ones stay lazy, and what is known of them is taken.
    """

    def __init__(self, maps: Any) -> None:
        self.names: tuple[str, ...] = tuple(maps)
        self.shape: tuple[int, ...] = tuple(maps.shape)
        missing = max(0, 2 - len(self.shape))
        self.shown_shape = (1,) * missing + self.shape
        """Shape of the layers: a line is an image of one row, a single spectrum one pixel."""
        self._known = {name: np.array(maps.partial(name)).reshape(self.shape) for name in self.names}
        self._widths = {
            name: np.full(self.shape, np.nan, dtype=np.float32)
            for name in self.names
            if _has_interval(name, self.names)
        }
        self._measure_widths((slice(None),) * len(self.shape))
        self.complete = not maps.is_lazy

    def update(self, place: tuple[slice, ...], values: NDArray[Any]) -> None:
        """Take a finished block.

        Parameters
        ----------
        place
            Its navigation slices.
        values
            Shape (block navigation..., map).
        """
        for number, name in enumerate(self.names):
            self._known[name][place] = values[..., number]
        self._measure_widths(place)

    def take(self, maps: Any) -> None:
        """Take computed maps as a whole."""
        for name in self.names:
            # Not as signals, which take a hundredth of a second each to make.
            self._known[name][...] = maps.partial(name).reshape(self.shape)
        self._measure_widths((slice(None),) * len(self.shape))
        self.complete = True

    def shown(self, plan: LayerPlan) -> NDArray[Any]:
        """Array of a layer: a view that later blocks appear in."""
        values = self._widths[plan.name] if plan.kind == "interval" else self._known[plan.name]
        return values.reshape(self.shown_shape)

    @property
    def flags(self) -> NDArray[Any] | None:
        """Flags in the shape of the layers; None where there are none."""
        return self._known["flags"].reshape(self.shown_shape) if "flags" in self._known else None

    def at(self, index: tuple[int, ...], name: str) -> tuple[float, float, float]:
        """Value, lower and upper limit of a map at a pixel; NaN where there is none."""
        value = float(self._known[name][index])
        limits = self._limits(name, index)
        return (value, float("nan"), float("nan")) if limits is None else (value, float(limits[0]), float(limits[1]))

    def flags_at(self, index: tuple[int, ...]) -> int:
        """Return the flags of a pixel; 0 without any."""
        return int(self._known["flags"][index]) if "flags" in self._known else 0

    def known_at(self, index: tuple[int, ...]) -> bool:
        """Whether any map has a value at a pixel."""
        return any(np.isfinite(self._known[name][index]) for name in self.names if name != "flags")

    def indices(self, index: Iterable[int]) -> tuple[int, ...] | None:
        """Pixel of the maps from an index into a layer; None outside."""
        whole = tuple(index)
        inside = len(whole) == len(self.shown_shape) and all(
            0 <= place < size for place, size in zip(whole, self.shown_shape, strict=True)
        )
        return whole[len(whole) - len(self.shape) :] if inside else None

    def _measure_widths(self, place: tuple[slice, ...]) -> None:
        """Compute the width of every interval of some pixels."""
        for name, width in self._widths.items():
            limits = self._limits(name, place)
            if limits is not None:
                width[place] = limits[1] - limits[0]

    def _limits(self, name: str, place: tuple[Any, ...]) -> tuple[Any, Any] | None:
        """Interval of some pixels, or one standard deviation on either side."""
        known = self._known
        if {name + LOWER, name + UPPER} <= set(known):
            return known[name + LOWER][place], known[name + UPPER][place]
        if name + ERROR in known:
            return known[name][place] - known[name + ERROR][place], known[name][place] + known[name + ERROR][place]
        return None

    def __iter__(self) -> Iterator[str]:
        """Names of all maps."""
        return iter(self.names)


def _has_interval(name: str, names: Iterable[str]) -> bool:
    """Whether there are limits or an error beside a map."""
    known = set(names)
    return {name + LOWER, name + UPPER} <= known or name + ERROR in known
