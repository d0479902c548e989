"""Regions that a user draws on a Shapes layer, summed up over all frames in a thread."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from eelsmap.napari.series.frames import SeriesFrames
from eelsmap.napari.series.trends import Trend, drawn_trend
from eelsmap.napari.spectrum.colours import MARKS
from eelsmap.napari.spectrum.pixel_marks import REGIONS
from eelsmap.napari.spectrum.pixel_places import outline_of, shape_mask
from eelsmap.napari.window.background_task import BackgroundTask

__all__ = ["Drawn", "DrawnRegions", "draw_on", "drawn_shapes"]

_SETTLE_MS, _SHOW_EVERY = 200, 0.3


class Drawn(NamedTuple):
    """A drawn shape: the pixels that it covers, and its colour."""

    pixels: NDArray[np.bool_]
    colour: str


def drawn_shapes(viewer: Any, reference: Any, shape: tuple[int, ...]) -> dict[str, Drawn]:
    """Find what is drawn on the maps, in any Shapes layer.

    Parameters
    ----------
    viewer
        napari's viewer.
    reference
        A layer of the maps, whose last axes are y and x.
    shape
        Of the maps.

    Returns
    -------
    dict
        By name of layer and number. A shape counts for all frames, on whichever it was drawn; the pixels are those
        whose mean spectrum a spectrum view shows.
    """
    scale, offset = np.asarray(reference.scale)[-2:], np.asarray(reference.translate)[-2:]
    found = {}
    for layer in _shape_layers(viewer):
        _tell_apart(layer)
        for number, (vertices, kind) in enumerate(zip(layer.data, layer.shape_type, strict=True)):
            # Corners in the world, of which time is left out.
            lead = np.zeros(layer.ndim - 2)
            corners = [layer.data_to_world(np.append(lead, corner)) for corner in outline_of(vertices, str(kind))]
            outline = (np.array(corners)[:, -2:] - offset) / scale
            pixels = shape_mask(outline, shape, closed=str(kind) not in ("line", "path"))
            if pixels.any():
                colour = "#{:02x}{:02x}{:02x}".format(*(round(255 * part) for part in layer.edge_color[number][:3]))
                found[f"{layer.name} {number + 1}"] = Drawn(pixels, colour)
    return found


def draw_on(viewer: Any, reference: Any, width: float) -> Any:
    """Let the user draw a polygon on the maps; returns the layer, the one that a spectrum view averages over.

    Parameters
    ----------
    viewer
        napari's viewer.
    reference
        A layer of the maps.
    width
        Of the lines, in pixels.
    """
    layer = next((one for one in _shape_layers(viewer) if one.name.startswith(REGIONS)), None)
    if layer is None:
        layer = viewer.add_shapes(
            ndim=2, name=REGIONS, scale=reference.scale[-2:], translate=reference.translate[-2:],
            units=reference.units[-2:], edge_width=width, face_color="transparent", edge_color=MARKS[-1],
            metadata={"eelsmap": {"kind": "regions"}},
        )  # fmt: skip
    viewer.layers.selection.active = layer
    layer.mode = "add_polygon"
    return layer


def _shape_layers(viewer: Any) -> list[Any]:
    """Layers of shapes."""
    return [layer for layer in viewer.layers if hasattr(layer, "shape_type")]


def _tell_apart(layer: Any) -> None:
    """Give shapes that all look alike colours of their own, as a spectrum view does."""
    if len(layer.data) > 1 and len(np.unique(np.asarray(layer.edge_color), axis=0)) < min(len(layer.data), len(MARKS)):
        layer.edge_color = [MARKS[-1 - number % len(MARKS)] for number in range(len(layer.data))]


class DrawnRegions(QObject):
    """Follows the Shapes layers of a viewer; :attr:`changed` is emitted as their trends become known.

    Parameters
    ----------
    viewer
        napari's viewer.
    parent
        Owner.
    """

    changed = Signal()
    _partly = Signal(object)

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.trends: dict[str, Trend] = {}
        self.colours: dict[str, str] = {}
        self._viewer = viewer
        self._frames: SeriesFrames | None = None
        self._reference: Any = None
        self._name = ""
        self._known: dict[bytes, dict[Any, dict[str, float]]] = {}
        self._task: BackgroundTask | None = None
        self._turn = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLE_MS)
        self._timer.timeout.connect(self._start)
        self._partly.connect(self._take)
        self._listening: list[Any] = []
        viewer.layers.events.inserted.connect(self._listen)
        viewer.layers.events.removed.connect(self._listen)

    def set_frames(self, frames: SeriesFrames | None, reference: Any, name: str) -> None:
        """Take a series, a layer of its maps and the property that is summed up."""
        self._frames, self._reference, self._name = frames, reference, name
        self._listen()

    def close(self) -> None:
        """Stop following."""
        self._timer.stop()
        self._turn += 1
        self._viewer.layers.events.inserted.disconnect(self._listen)
        self._viewer.layers.events.removed.disconnect(self._listen)
        for layer in self._listening:
            layer.events.data.disconnect(self._soon)
        self._listening = []

    def wait(self, seconds: float) -> bool:
        """Wait for the thread to end; whether it did."""
        return self._task is None or self._task.wait(seconds)

    def _listen(self, _event: Any = None) -> None:
        """Follow all Shapes layers that there are."""
        shapes = _shape_layers(self._viewer)
        for layer in shapes:
            if layer not in self._listening:
                layer.events.data.connect(self._soon)
        gone = len(self._listening) != len(shapes)
        self._listening = shapes
        if shapes or gone:
            self._soon()

    def _soon(self, _event: Any = None) -> None:
        """Begin once the user has paused."""
        self._timer.start()

    def _start(self) -> None:
        """Sum up all shapes; a run before is forgotten."""
        self._turn += 1
        frames, name, turn = self._frames, self._name, self._turn
        if frames is None or self._reference is None or len(frames.image_shape) != 2 or name not in frames.names:
            drawn: dict[str, Drawn] = {}
        else:
            drawn = drawn_shapes(self._viewer, self._reference, frames.image_shape)
        masks = {region: one.pixels for region, one in drawn.items()}
        self.colours = {region: one.colour for region, one in drawn.items()}
        kept = {np.packbits(mask).tobytes() for mask in masks.values()}
        self._known = {key: self._known.get(key, {}) for key in kept}
        if frames is None or not masks:
            self._take((turn, {}))
            return
        known = self._known

        def summed() -> tuple[int, dict[str, Trend]]:
            found: dict[str, Trend] = {}
            shown = time.monotonic()
            for region, mask in masks.items():
                for trend in drawn_trend(frames, name, region, mask, known[np.packbits(mask).tobytes()]):
                    found[region] = trend
                    if self._turn != turn:
                        return turn, found
                    if time.monotonic() - shown > _SHOW_EVERY:
                        shown = time.monotonic()
                        self._partly.emit((turn, dict(found)))
            return turn, found

        if self._task is not None:
            self._task.forget()
        self._task = BackgroundTask(summed, self._take, lambda _words: self._take((turn, {})), self).start()

    def _take(self, found: tuple[int, dict[str, Trend]]) -> None:
        """Show what is known, unless shapes or frames have changed since."""
        turn, trends = found
        if turn == self._turn and (trends or self.trends):
            self.trends = trends
            self.changed.emit()
