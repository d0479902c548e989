"""The result: a mapping of property name to map, lazy until it is computed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from eelsmap.mapping.growing_stack import GrowingStack, OnBlock
from eelsmap.mapping.map_names import ERROR, LOWER, UPPER, base_name, is_quality, map_info

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from eelsmap.signals import PropertyMap

__all__ = ["PropertyMaps"]


class PropertyMaps(Mapping[str, "PropertyMap"]):
    """Maps of all properties of one spectrum image, by name.

    Each map is a HyperSpy signal of type ``PropertyMap`` on the navigation axes of the image. Beside each property
    stand its interval limits (``li_content_lower``, ``li_content_upper``); ``flags`` says why a pixel has no answer;
    ``counts`` and ``snr_<edge>`` tell what the data can support.

    Parameters
    ----------
    stack
        Shape (navigation..., map), float32; NumPy or dask array. Shape (map,) for a single spectrum.
    names
        Name of each map.
    axes
        The navigation axes in array order, each a dict with name, size, scale, offset and units.
    provenance
        Plain strings, numbers, lists and dicts, which go with every map and into files.

    Examples
    --------
    >>> maps = eelsmap.map_properties(signal, "nmc")  # doctest: +SKIP
    >>> maps["li_content"].plot()  # doctest: +SKIP
    >>> maps.compute().summary()  # doctest: +SKIP
    """

    def __init__(
        self, stack: Any, names: Sequence[str], axes: Sequence[Mapping[str, Any]], provenance: Mapping[str, Any]
    ) -> None:
        shape = tuple(int(axis["size"]) for axis in axes)
        if stack.shape != (*shape, len(names)):
            raise ValueError(f"stack has shape {stack.shape}; the axes and names ask for {(*shape, len(names))}")
        if len(set(names)) != len(names):
            raise ValueError(f"a map is named twice: {sorted(names)}")
        self._stack = stack
        self._growing: GrowingStack | None = None
        self._names = tuple(names)
        self._axes = tuple({**axis} for axis in axes)
        self._provenance = deepcopy(dict(provenance))
        self._made: dict[str, PropertyMap] = {}

    def __getitem__(self, name: str) -> PropertyMap:
        """Return the map of that name: a PropertyMap, or a LazyPropertyMap until computed."""
        if name not in self._names:
            raise KeyError(f"no map {name!r}; there are {', '.join(self._names)}")
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        """Names of all maps."""
        return iter(self._names)

    def __len__(self) -> int:
        """Return the number of maps."""
        return len(self._names)

    def __repr__(self) -> str:
        """Say what there is, without computing it."""
        size = " x ".join(map(str, self.shape)) or "one spectrum"
        return f"<PropertyMaps{', lazy' if self.is_lazy else ''}: {size}; {', '.join(self.properties)}>"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all maps, in the order in which a block holds them."""
        return self._names

    @property
    def properties(self) -> list[str]:
        """Names of the properties: no interval limits, no quality maps."""
        return [name for name in self._names if not is_quality(name) and base_name(name) == name]

    @property
    def main(self) -> list[str]:
        """Names of what these maps are for: the properties, or the quality maps where there are no others."""
        return self.properties or [name for name in self._names if name != "flags"]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of every map in array order; empty for a single spectrum."""
        return tuple(axis["size"] for axis in self._axes)

    @property
    def axes(self) -> list[dict[str, Any]]:
        """The navigation axes in array order: name, size, scale, offset, units."""
        return [dict(axis) for axis in self._axes]

    @property
    def provenance(self) -> dict[str, Any]:
        """How the maps were made: plain strings, numbers, lists and dicts. A copy."""
        return deepcopy(self._provenance)

    @property
    def is_lazy(self) -> bool:
        """Whether the maps still have to be computed."""
        return hasattr(self._stack, "dask")

    def unit(self, name: str) -> str:
        """Return the unit of a map; empty for pure numbers."""
        if name not in self._names:
            raise KeyError(f"no map {name!r}; there are {', '.join(self._names)}")
        return map_info(name).unit

    def array(self, name: str) -> NDArray[Any]:
        """Values of a map as a NumPy array; lazy maps are computed, all in one pass.

        Parameters
        ----------
        name
            Name of the map.

        Returns
        -------
        numpy.ndarray
            Shape of the image, () for a single spectrum; float32, or uint32 for ``flags``. NaN where there is no
            answer.
        """
        self.compute(progress=False)
        return np.asarray(self[name].data).reshape(self.shape)

    @property
    def stack(self) -> NDArray[np.float32]:
        """All maps in one array, shape (map, navigation...), in the order of :attr:`names`; computes lazy maps."""
        self.compute(progress=False)
        return np.moveaxis(self._stack, -1, 0)

    def interval(self, name: str) -> tuple[NDArray[Any], NDArray[Any]] | None:
        """Lower and upper limit of a map: its interval, or one standard deviation on either side.

        Parameters
        ----------
        name
            Name of the map.

        Returns
        -------
        tuple of numpy.ndarray or None
            Each of the shape of the image; None where the map has neither.
        """
        if {name + LOWER, name + UPPER} <= set(self):
            return self.array(name + LOWER), self.array(name + UPPER)
        if name + ERROR in self:
            return self.array(name) - self.array(name + ERROR), self.array(name) + self.array(name + ERROR)
        return None

    def compute(
        self,
        *,
        progress: bool = True,
        on_block: OnBlock | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Self:
        """Compute all maps in one pass over the data, in place.

        Parameters
        ----------
        progress
            Show a progress bar.
        on_block
            Called as ``on_block(place, values, fraction)`` for each block of pixels as soon as it is finished, one at a
            time, in the thread that called this method: the slices of the block along the navigation axes, its values
            (block navigation..., map) in the order of :attr:`names`, and the share of all pixels done, 0 to 1. Blocks
            come in any order.
        cancelled
            Asked after each block; the run ends when it says True.

        Returns
        -------
        PropertyMaps
            These maps; nothing happens if they are computed already.

        Raises
        ------
        eelsmap.errors.RunCancelledError
            When `cancelled` says so. The maps stay lazy, but the blocks finished before are kept, here as with any
            other error: the next call does what is missing.
        """
        if self.is_lazy:
            from dask.diagnostics import ProgressBar

            growing = self._grow()
            with ProgressBar() if progress else nullcontext():
                self._stack = growing.compute(on_block=on_block, cancelled=cancelled)
            self._growing = None
            self._made.clear()
        return self

    def partial(self, name: str) -> NDArray[Any]:
        """Values of a map as far as they are computed; computes nothing.

        Parameters
        ----------
        name
            Name of the map.

        Returns
        -------
        numpy.ndarray
            A copy, as :meth:`array` gives it. Where a pixel is not computed yet, NaN, and 0 in ``flags``.
        """
        if name not in self._names:
            raise KeyError(f"no map {name!r}; there are {', '.join(self._names)}")
        stack = self._grow().values if self.is_lazy else self._stack
        return np.array(stack[..., self._names.index(name)], dtype=np.uint32 if name == "flags" else None)

    def _grow(self) -> GrowingStack:
        """Return what is known of lazy maps."""
        if self._growing is None:
            self._growing = GrowingStack(self._stack, [0.0 if name == "flags" else np.nan for name in self._names])
        return self._growing

    def summary(self) -> DataFrame:
        """One row a property: mean, median, spread, interval width, answered fraction; computes lazy maps."""
        from eelsmap.mapping.map_statistics import summarise

        return summarise(self)

    def flag_counts(self) -> dict[str, int]:
        """Count the pixels for each reason why an answer is missing or doubtful; computes lazy maps."""
        from eelsmap.mapping.map_statistics import count_flags

        return count_flags(self.array("flags")) if "flags" in self else {}

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write all maps with their provenance to one file, all or nothing; computes lazy maps.

        Parameters
        ----------
        path
            A .hspy, .ome.tif or .ome.tiff file; .hspy is added where there is no extension.
        overwrite
            Replace an existing file.

        Returns
        -------
        pathlib.Path
            The file; :meth:`load` opens it, and plain HyperSpy a .hspy file.

        Raises
        ------
        FileExistsError
            If the file exists and `overwrite` is False.
        ValueError
            If the extension is another one.
        """
        from eelsmap.io.maps import save_maps

        self.compute(progress=False)
        return save_maps(self, path, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read maps that :meth:`save` has written.

        Parameters
        ----------
        path
            The .hspy file.

        Raises
        ------
        eelsmap.errors.FileReadError
            If the file cannot be read or holds no property maps.
        """
        from eelsmap.io.maps import read_maps

        return cls(*read_maps(path))

    def plot(self, names: Sequence[str] | None = None, **options: Any) -> Figure:
        """Draw the maps; see :func:`eelsmap.plot.plot_maps`."""
        from eelsmap.plot import plot_maps

        return plot_maps(self, names, **options)

    def _make(self, name: str) -> PropertyMap:
        """Make the signal of one map."""
        from eelsmap.signals import LazyPropertyMap, PropertyMap

        info = map_info(name)
        values = self._stack[..., self._names.index(name)]
        if name == "flags":
            values = values.astype(np.uint32)
        # HyperSpy has no map without an axis: a single spectrum gets one of a single pixel.
        axes = self.axes or [{"name": "spectrum", "size": 1, "scale": 1.0, "offset": 0.0, "units": ""}]
        metadata = {
            "General": {"title": info.title},
            "Signal": {"quantity": info.title},
            "EELSMap": {**self.provenance, "name": name, "unit": info.unit},
        }
        return (LazyPropertyMap if self.is_lazy else PropertyMap)(
            values.reshape(values.shape or (1,)), axes=[{**axis, "navigate": True} for axis in axes], metadata=metadata
        )
