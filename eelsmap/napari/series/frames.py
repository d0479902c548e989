"""The frames of a series as a viewer wants them: one map of one frame at a time, also while the series still runs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.mapping.map_names import LOWER, UPPER
from eelsmap.mapping.series import MapSeries
from eelsmap.mapping.series.frame_by_frame import FRAMES
from eelsmap.mapping.series.mapped_frame import MappedFrame, read_mapped_frame
from eelsmap.mapping.series.regions import region_statistics
from eelsmap.mapping.series.rows import MAPPED, properties_of
from eelsmap.mapping.series.shifting import on_first_frame, source_pixels
from eelsmap.mapping.series.table import read_rows
from eelsmap.napari.maps.layer_plans import WIDTH

__all__ = ["MapCache", "SeriesFrames"]

_CACHED_BYTES = 64 << 20


class MapCache:
    """The maps that were looked at last, up to a number of bytes; any thread may ask.

    Parameters
    ----------
    most
        Bytes that are kept.
    """

    def __init__(self, most: int = _CACHED_BYTES) -> None:
        self._most = most
        self._kept: OrderedDict[Any, NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()
        self.size = 0

    def get(self, key: Any) -> NDArray[np.float32] | None:
        """Return what is kept under a key."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: Any, values: NDArray[np.float32]) -> None:
        """Keep a map; the oldest go."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = values
                self.size += values.nbytes
            while self.size > self._most and self._kept:
                self.size -= self._kept.popitem(last=False)[1].nbytes


class SeriesFrames:
    """All frames of a series in order, one step of time each, also those that have no maps.

    Maps come from the files of single frames, which are there as soon as a frame is mapped, else from the stack of all;
    no file stays open, so that a run that goes on can replace them.

    Parameters
    ----------
    series
        The series; its table is read anew.
    cache
        Maps that were read before.
    """

    def __init__(self, series: MapSeries, cache: MapCache | None = None) -> None:
        self.series = series
        self.rows = read_rows(series.folder)
        self.cache = MapCache() if cache is None else cache

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.rows)

    @cached_property
    def first(self) -> MappedFrame | None:
        """Maps of the first frame that has some and whose file is there."""
        return next((maps for maps in map(self.recorded, range(len(self))) if maps is not None), None)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all maps; empty while no frame is mapped."""
        return tuple(self.series) if self.first is None else self.first.names

    @property
    def properties(self) -> list[str]:
        """Names of the properties."""
        return properties_of(self.names)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Shape of a frame as it was recorded."""
        if self.first is not None:
            return self.first.shape
        return tuple(self.series[self.names[0]].data.shape[1:]) if self.names else ()

    @cached_property
    def axes(self) -> tuple[dict[str, Any], ...]:
        """Axes of a frame in array order: scale, offset, units."""
        if self.first is not None:
            return self.first.axes
        found = self.series[self.names[0]].axes_manager.signal_axes[::-1] if self.names else ()
        return tuple({"scale": axis.scale, "offset": axis.offset, "units": axis.units} for axis in found)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of what is shown: a line becomes an image of one row."""
        return (1,) * max(0, 2 - len(self.shape)) + self.shape

    def has_maps(self, step: int) -> bool:
        """Whether a frame is mapped."""
        return bool(self.rows[step]["status"] == MAPPED)

    def drift(self, step: int) -> tuple[float, ...]:
        """Where the specimen lies in a frame, pixels along each axis from where it lies in the first; zeros unknown."""
        row = self.rows[step]
        moved = tuple(float(row.get(f"drift_{axis}_px", np.nan)) for axis in "yx")
        return moved if len(self.shape) == 2 and np.isfinite(moved).all() else (0.0,) * len(self.shape)

    def recorded(self, step: int) -> MappedFrame | None:
        """Open the maps of a frame on its own pixels; None where there are none, or only in the stack."""
        key = self.rows[step].get("_key", "")
        return read_mapped_frame(self.series.folder / FRAMES, key) if key and self.has_maps(step) else None

    def map(self, name: str, step: int) -> NDArray[np.float32]:
        """Read a map of a frame on the pixels of the first frame.

        Parameters
        ----------
        name
            Of the map; with ``_width`` behind it the width of a property's interval.
        step
            Number of the frame from 0 on.

        Returns
        -------
        numpy.ndarray
            Shape :attr:`image_shape`; all NaN for a frame without maps, whose flags are 0.
        """
        if not self.has_maps(step):
            return np.full(self.image_shape, 0 if name == "flags" else np.nan, dtype=np.float32)
        row = self.rows[step]
        key = (row.get("_key"), row.get("_chain"), name)
        values = self.cache.get(key)
        if values is None:
            values = self._read(name, step).reshape(self.image_shape)
            self.cache.put(key, values)
        return values

    def statistics(self, step: int, names: Sequence[str], inside: NDArray[np.bool_], /) -> dict[str, float]:
        """Sum up properties over some pixels, as :func:`~eelsmap.mapping.series.regions.region_statistics` does.

        Parameters
        ----------
        step
            Number of the frame from 0 on.
        names
            The properties.
        inside
            Pixels of the first frame, shape :attr:`image_shape`; they follow the specimen.

        Returns
        -------
        dict
            Empty for a frame without maps.
        """
        if not self.has_maps(step):
            return {}
        maps = self.recorded(step)
        if maps is not None:
            # As the series itself sums up its regions: on the pixels as they were recorded.
            return region_statistics(maps, names, self.recorded_pixels(step, inside))
        known = [one for name in names for one in (name, name + LOWER, name + UPPER) if one in self.names]
        return region_statistics({one: self.map(one, step) for one in known}, names, inside)

    def recorded_pixels(self, step: int, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Pixels of a frame as it was recorded that show some pixels of the first frame."""
        fixed = inside.reshape(self.shape)
        moved = self.drift(step)
        if not any(moved):
            return fixed
        place = source_pixels(self.shape, moved)
        return np.asarray(fixed[place] & (place[0] >= 0))

    def _read(self, name: str, step: int) -> NDArray[np.float32]:
        """Read a map from disk."""
        if name.endswith(WIDTH):
            of = name.removesuffix(WIDTH)
            return self.map(of + UPPER, step) - self.map(of + LOWER, step)
        maps = self.recorded(step)
        if maps is None:
            mapped = [place for place in range(len(self)) if self.has_maps(place)]
            return np.asarray(self.series[name].data[mapped.index(step)], dtype=np.float32)
        values, moved = maps[name], self.drift(step)
        return on_first_frame(values, name, (moved[0], moved[1])) if any(moved) else values
