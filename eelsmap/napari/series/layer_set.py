"""The layers of a series in the viewer, and the step of time that the viewer stands on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eelsmap.napari.series.frames import SeriesFrames
from eelsmap.napari.series.layers import series_layers, series_of, series_plans, stack_of, time_axis
from eelsmap.napari.window.one_by_one import OneByOne

__all__ = ["SeriesLayerSet"]

_ADD_EVERY = 20
"""Milliseconds before a layer is added, in which the viewer answers to its user."""


class SeriesLayerSet:
    """Layers of one series, by the key of their map.

    napari takes about a tenth of a second to add a layer, so that all but the first appear one after another; those of
    other maps than properties are added when they are first shown.

    Parameters
    ----------
    viewer
        napari's viewer.
    frames
        The series; layers of it that a reader has added are taken over.
    """

    def __init__(self, viewer: Any, frames: SeriesFrames) -> None:
        self.viewer = viewer
        self.frames = frames
        self.layers: dict[str, Any] = {}
        self.adding = False
        """Whether a layer is being added that nobody has chosen."""
        self._adding = OneByOne(self._add_hidden, pause=_ADD_EVERY)
        for layer in viewer.layers:
            series = series_of(layer)
            if series is not None and series.folder.resolve() == frames.series.folder.resolve():
                self.layers[layer.metadata["eelsmap"]["name"]] = layer
        if self.layers:
            self.update(frames)
        else:
            first = [*frames.properties[:1], "flags"]
            self._add(first)
            self._go_to_first()
            self._adding.want(name for name in frames.properties if name not in first)

    @property
    def reference(self) -> Any:
        """One of the layers that are still in the viewer; all lie on the same pixels. None without any."""
        return next((layer for layer in self.layers.values() if layer in self.viewer.layers), None)

    @property
    def step(self) -> int | None:
        """Frame that the viewer stands on; None without layers, and where time is looked along."""
        layer, axis = self.reference, self._axis
        if layer is None or axis < 0 or axis in self.viewer.dims.displayed:
            return None
        step = round((self.viewer.dims.point[axis] - layer.translate[0]) / layer.scale[0])
        return int(np.clip(step, 0, len(self.frames) - 1))

    @step.setter
    def step(self, step: int) -> None:
        layer = self.reference
        if layer is not None:
            self.viewer.dims.set_point(self._axis, float(layer.translate[0] + step * layer.scale[0]))

    def update(self, frames: SeriesFrames) -> None:
        """Show other frames of the same series: those that were added, and what became of the others."""
        step, at_end = self.step, self.step == len(self.frames) - 1
        self.frames = frames
        scale, offset, unit = time_axis(frames.rows)
        for name, layer in self.layers.items():
            layer.metadata["eelsmap"]["series"] = frames.series
            if layer.scale[0] != scale or layer.translate[0] != offset or str(layer.units[0]) != _whole(unit):
                layer.scale = [scale, *layer.scale[1:]]
                layer.translate = [offset, *layer.translate[1:]]
                layer.units = [unit, *layer.units[1:]]
            layer.data = stack_of(frames, name)
        if step is not None and self.reference is not None:
            # Who stands on the latest frame wants to see the next one as it comes.
            self.step = len(frames) - 1 if at_end else step

    def show(self, name: str) -> None:
        """Show a map alone, besides the flags; its layer is added, or added again, where it is missing."""
        if self.layers.get(name) not in self.viewer.layers:
            self._add([name])
        for key, layer in self.layers.items():
            if key != "flags" and layer in self.viewer.layers:
                layer.visible = key == name
        self.viewer.layers.selection.active = self.layers[name]

    def name_of(self, layer: Any) -> str:
        """Key of the map that a layer of this series shows; empty for any other layer."""
        return next((name for name, one in self.layers.items() if one is layer), "")

    def place(self, position: Any) -> tuple[int, ...] | None:
        """Pixel of the maps at a position in the viewer's world; None outside."""
        layer = self.reference
        if layer is None or len(position) < layer.ndim:
            return None
        index = np.rint(np.asarray(layer.world_to_data(position)))[1:].astype(int)
        inside = (index >= 0).all() and (index < self.frames.image_shape).all()
        return tuple(int(number) for number in index) if inside else None

    def complete(self) -> None:
        """Add at once what waits for its turn."""
        self._adding.now()

    def stop(self) -> None:
        """Add nothing more."""
        self._adding.stop()

    def remove(self) -> None:
        """Take the layers out of the viewer."""
        self.stop()
        for layer in self.layers.values():
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)
        self.layers.clear()

    @property
    def _axis(self) -> int:
        """Axis of time among those of the viewer."""
        layer = self.reference
        return -1 if layer is None else int(self.viewer.dims.ndim - layer.ndim)

    def _add_hidden(self, name: str) -> None:
        """Add the layer of a map behind the scenes: what is chosen and where time stands remain."""
        if name in self.layers:
            return
        chosen = self.viewer.layers.selection.active
        self.adding = True
        try:
            self._add([name], visible=False)
            self.viewer.layers.selection.active = chosen
        finally:
            self.adding = False

    def _add(self, names: Sequence[str], *, visible: bool = True) -> None:
        """Add layers, each at its place among those that are there."""
        from napari.layers import Image

        order = [plan.key for plan in series_plans(self.frames)]
        for data, keywords, _kind in series_layers(self.frames, names):
            name = keywords["metadata"]["eelsmap"]["name"]
            layer = Image(data, **{**keywords, "visible": visible})
            layer.colorbar.visible = name != "flags"
            above = [one for key, one in self.layers.items() if order.index(key) < order.index(name)]
            places = [self.viewer.layers.index(one) for one in above if one in self.viewer.layers]
            self.layers[name] = layer
            self.viewer.layers.insert(min(places, default=len(self.viewer.layers)), layer)

    def _go_to_first(self) -> None:
        """Begin with the first frame, of which napari itself would not."""
        if self.layers:
            axis = self._axis
            self.viewer.dims.set_axis_label(axis, "time" if time_axis(self.frames.rows)[2] == "s" else "frame")
            self.step = 0


def _whole(unit: str) -> str:
    """Name of a unit of time as napari gives it back."""
    return {"s": "second"}.get(unit, unit)
