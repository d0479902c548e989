"""Layers of ours that mark which pixels are shown: points for kept pixels, shapes for regions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from eelsmap.napari.spectrum.colours import MARKS
from eelsmap.napari.spectrum.pixel_places import outline_of, pixel_at, shape_mask

__all__ = ["PIXELS", "REGIONS", "KeptPixels", "Regions", "is_mark", "is_ours", "step_of"]

PIXELS, REGIONS = "Pixels", "Regions"
_OPEN = ("line", "path")
_SETTLE_MS = 60


def is_ours(layer: Any) -> bool:
    """Whether a layer was made by eelsmap."""
    return layer is not None and "eelsmap" in layer.metadata


def is_mark(layer: Any) -> bool:
    """Whether a layer marks pixels."""
    return is_ours(layer) and layer.metadata["eelsmap"].get("kind") in ("pixels", "regions")


def step_of(viewer: Any, layer: Any) -> int:
    """Which step of a series is shown."""
    point = np.asarray(viewer.dims.point)[-layer.ndim :]
    return int(np.clip(np.floor(layer.world_to_data(point)[0] + 0.5), 0, layer.data.shape[0] - 1))


class _Marks(QObject):
    """A layer of marks, made when it is first needed and forgotten when the user deletes it.

    Parameters
    ----------
    viewer
        napari viewer.
    parent
        Owner.
    """

    changed = Signal()

    def __init__(self, viewer: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._below: Any = None
        self._layer: Any = None
        self._shape: tuple[int, ...] = ()
        self._own = False
        viewer.layers.events.removed.connect(self._removed)

    def close(self) -> None:
        """Listen no longer."""
        self._viewer.layers.events.removed.disconnect(self._removed)

    def lie_on(self, layer: Any, shape: tuple[int, ...]) -> None:
        """Mark the pixels of this layer, which shows an image of this shape."""
        self._below, self._shape = layer, shape
        self.lie_again()

    def lie_again(self) -> None:
        """Take the place of the layer below anew."""
        if self._layer is not None and self._below is not None:
            self._layer.affine = _affine(self._below)

    def _gone(self) -> None:
        """Forget what was marked."""

    def _removed(self, event: Any) -> None:
        """Forget a layer that the user deleted."""
        if self._layer is not None and event.value is self._layer:
            self._layer = None
            self._gone()
            self.changed.emit()

    def _add(self, add: Callable[..., Any], name: str, kind: str, **options: Any) -> Any:
        """Add a layer on top without selecting it: the user goes on with the layer that is selected."""
        selection = self._viewer.layers.selection
        active, before = selection.active, set(selection)
        made = add(
            ndim=2, name=name, metadata={"eelsmap": {"kind": kind}}, affine=_affine(self._below),
            units=tuple(self._below.units)[-2:], **options,
        )  # fmt: skip
        selection.clear()
        selection.update(before)
        selection.active = active
        return made


class KeptPixels(_Marks):
    """Pixels that were clicked, as squares in the colours of their curves."""

    def __init__(self, viewer: Any, parent: QObject) -> None:
        super().__init__(viewer, parent)
        self.places: dict[tuple[int, ...], str] = {}

    def toggle(self, place: tuple[int, ...]) -> None:
        """Keep a pixel, or drop it; of too many the oldest goes."""
        if place in self.places:
            del self.places[place]
        else:
            if len(self.places) == len(MARKS):
                del self.places[next(iter(self.places))]
            self.places[place] = next(colour for colour in MARKS if colour not in self.places.values())
        self._draw()
        self.changed.emit()

    def clear(self) -> None:
        """Drop all."""
        if self.places:
            self.places.clear()
            self._draw()

    def _draw(self) -> None:
        """Draw the squares."""
        if self._layer is None:
            if not self.places or self._below is None:
                return
            self._layer = self._add(
                self._viewer.add_points, PIXELS, "pixels", size=0.9, symbol="square", border_width=0.14,
                face_color="transparent",
            )  # fmt: skip
            self._layer.events.data.connect(self._edited)
        self._own = True
        try:
            # A line is drawn as an image of one row, a single spectrum as one of a single pixel.
            corners = [(*(0,) * max(0, 2 - len(place)), *place)[-2:] for place in self.places]
            self._layer.data = np.array(corners, dtype=float).reshape(-1, 2)
            if corners:
                self._layer.border_color = list(self.places.values())
                self._layer.face_color = "transparent"
                self._layer.size = 0.9
        finally:
            self._own = False

    def _edited(self, _event: Any = None) -> None:
        """Take over what the user did to the points."""
        if self._own or self._layer is None:
            return
        there = [pixel_at(point, self._shape) for point in self._layer.data]
        kept = {place: colour for place, colour in self.places.items() if place in there}
        for place in there:
            if place is not None and place not in kept and len(kept) < len(MARKS):
                kept[place] = next(colour for colour in MARKS if colour not in kept.values())
        if kept != self.places:
            self.places = kept
            self.changed.emit()

    def _gone(self) -> None:
        self.places.clear()


class Regions(_Marks):
    """Drawn shapes, whose pixels are averaged."""

    def __init__(self, viewer: Any, parent: QObject) -> None:
        super().__init__(viewer, parent)
        self.masks: list[tuple[NDArray[np.bool_], str]] = []
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self._read)
        viewer.layers.events.inserted.connect(self._inserted)

    @property
    def settled(self) -> bool:
        """Whether nothing was drawn since the masks were made."""
        return not self._settle.isActive()

    def close(self) -> None:
        """Listen no longer."""
        self._settle.stop()
        self._viewer.layers.events.inserted.disconnect(self._inserted)
        super().close()

    def start_drawing(self) -> None:
        """Select the layer of regions with the tool for rectangles."""
        if self._layer is None:
            self._adopt(
                self._add(
                    lambda **options: self._viewer.add_shapes(None, **options), REGIONS, "regions", edge_width=0.2,
                    face_color="transparent", edge_color=MARKS[-1],
                )
            )  # fmt: skip
        self._viewer.layers.selection.active = self._layer
        self._layer.mode = "add_rectangle"

    def clear(self) -> None:
        """Drop all."""
        if self._layer is not None and len(self._layer.data):
            self._layer.data = []
        self.masks = []

    def lie_on(self, layer: Any, shape: tuple[int, ...]) -> None:
        """Mark the pixels of this layer, which shows an image of this shape."""
        super().lie_on(layer, shape)
        self._read(quiet=True)

    def _inserted(self, event: Any) -> None:
        """Take over a layer of shapes that the user calls regions."""
        layer = event.value
        if self._layer is None and layer.name.startswith(REGIONS) and hasattr(layer, "shape_type"):
            layer.metadata.setdefault("eelsmap", {"kind": "regions"})
            self._adopt(layer)

    def _adopt(self, layer: Any) -> None:
        """Listen to a layer of shapes."""
        if self._layer is layer:
            return
        self._layer = layer
        layer.events.data.connect(self._drawn)
        layer.events.set_data.connect(self._drawn)
        self._drawn()

    def _drawn(self, _event: Any = None) -> None:
        """Wait until the hand rests for a moment."""
        if not self._own and not self._settle.isActive():
            self._settle.start()

    def _read(self, *, quiet: bool = False) -> None:
        """Find the pixels of all shapes."""
        before = [mask.tobytes() for mask, _ in self.masks]
        self.masks = []
        if self._layer is not None and self._below is not None and len(self._layer.data):
            # The last colours first, since kept pixels take the first ones.
            colours = [MARKS[-1 - number % len(MARKS)] for number in range(len(self._layer.data))]
            self._own = True
            try:
                self._layer.edge_color = colours
                self._layer.current_edge_color = MARKS[-1 - len(colours) % len(MARKS)]
            finally:
                self._own = False
            self.masks = list(zip(_masks(self._layer, self._below, self._shape), colours, strict=True))
        if not quiet and [mask.tobytes() for mask, _ in self.masks] != before:
            self.changed.emit()

    def _gone(self) -> None:
        self.masks = []


def _affine(layer: Any) -> NDArray[np.float64]:
    """Matrix that lays a layer of two axes on the pixels of another one, however that is turned or moved."""
    corners = [np.zeros(layer.ndim) for _ in range(3)]
    corners[1][-2] = corners[2][-1] = 1.0
    start, down, right = (np.asarray(layer.data_to_world(corner), dtype=np.float64)[-2:] for corner in corners)
    matrix = np.eye(3)
    matrix[:2, 0], matrix[:2, 1], matrix[:2, 2] = down - start, right - start, start
    return matrix


def _masks(shapes: Any, layer: Any, shape: tuple[int, ...]) -> list[NDArray[np.bool_]]:
    """Pixels that each shape covers, where `layer` shows the image."""
    masks = []
    lead = np.zeros(max(0, layer.ndim - 2))
    for vertices, kind in zip(shapes.data, shapes.shape_type, strict=True):
        drawn = outline_of(vertices, str(kind))
        pad = np.zeros(shapes.ndim - 2)
        world = [np.asarray(shapes.data_to_world(np.append(pad, corner)))[-2:] for corner in drawn]
        inside = np.stack([np.asarray(layer.world_to_data(np.append(lead, corner)))[-2:] for corner in world])
        masks.append(shape_mask(inside, shape[-2:], closed=str(kind) not in _OPEN))
    return masks
