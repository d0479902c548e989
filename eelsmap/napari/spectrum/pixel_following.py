"""Which spectra are shown: the pixel under the pointer, pixels that were clicked, and the mean of drawn regions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject

from eelsmap.mapping.counts_reader import CountsReader
from eelsmap.mapping.pixel_view import AnyReader
from eelsmap.napari.spectrum.pixel_marks import KeptPixels, Regions, is_mark, is_ours, step_of
from eelsmap.napari.spectrum.pixel_places import pixel_at
from eelsmap.napari.spectrum.pixel_requests import ViewRequests, Wanted
from eelsmap.napari.spectrum.view import SpectrumView

__all__ = ["UNPIN_KEY", "PixelFollower"]

UNPIN_KEY = "Shift-U"
_STILL = 4.0
"""How many screen pixels the pointer may move between press and release of a click."""


class PixelFollower(QObject):
    """Follows the pointer over an image and shows spectra of its pixels.

    Parameters
    ----------
    viewer
        napari viewer.
    view
        Where the spectra are shown.
    """

    def __init__(self, viewer: Any, view: SpectrumView) -> None:
        super().__init__(view)
        self._viewer, self._view = viewer, view
        self._layer: Any = None
        self._reader: AnyReader | None = None
        self._stepped_reader = False
        self._pointer: tuple[int, ...] | None = None
        self._open = True
        self._requests = ViewRequests(self)
        self._requests.changed.connect(self.refresh)
        self._pixels = KeptPixels(viewer, self)
        self._pixels.changed.connect(self.refresh)
        self._regions = Regions(viewer, self)
        self._regions.changed.connect(self.refresh)
        view.follow_theme(viewer)
        view.explained_changed.connect(self.refresh)
        view.unpin_requested.connect(self.unpin)
        view.region_requested.connect(self.draw_region)
        viewer.mouse_move_callbacks.append(self._moved)
        viewer.mouse_drag_callbacks.append(self._dragged)
        viewer.dims.events.current_step.connect(self._new_step)
        viewer.layers.events.removed.connect(self._removed)
        viewer.bind_key(UNPIN_KEY, self._unpin_by_key, overwrite=True)
        view.destroyed.connect(self._requests.close)

    @property
    def idle(self) -> bool:
        """Whether everything that is to be shown has been read."""
        return self._requests.idle and self._regions.settled

    @property
    def layer(self) -> Any:
        """The layer whose pixels are followed; None without."""
        return self._layer

    @property
    def pinned(self) -> tuple[tuple[int, ...], ...]:
        """Pixels that were clicked, oldest first."""
        return tuple(self._pixels.places)

    def follow(
        self,
        layer: Any,
        reader: AnyReader | None,
        reader_of_step: Callable[[int], AnyReader] | None = None,
    ) -> None:
        """Follow the pointer over a layer.

        Parameters
        ----------
        layer
            The counts of a spectrum image, or any map on the same pixels; None to follow nothing.
        reader
            Reads its pixels; None for counts alone, from the signal that the layer carries.
        reader_of_step
            For a series, whose layers have a leading axis of steps: the reader of each step; it is called in a thread.
            Its images have the shape of `reader`'s.
        """
        if reader is None and layer is not None:
            signal = layer.metadata.get("eelsmap", {}).get("signal")
            reader = None if signal is None else CountsReader(signal)
        moved = self._reader is None or reader is None or self._reader.shape != reader.shape
        if self._layer is not layer:
            self._forget_layer()
            self._layer = layer
            if layer is not None:
                for name in ("scale", "translate", "rotate", "shear", "affine"):
                    getattr(layer.events, name).connect(self._placed_anew)
        self._reader, self._stepped_reader = reader, reader_of_step is not None
        self._requests.set_reader(reader, reader_of_step)
        if moved:
            self._pointer = None
            self._pixels.clear()
        shape = () if reader is None else reader.shape
        self._pixels.lie_on(layer, shape)
        self._regions.lie_on(layer, shape)
        if reader is None:
            self._view.clear("Open a spectrum image to see its spectra." if layer is None else _NO_SPECTRA)
            return
        self._view.set_properties(reader.properties)
        self.refresh()

    def pin(self, place: tuple[int, ...]) -> None:
        """Keep a pixel, or drop it if it is kept already."""
        if self._layer is not None and self._reader is not None:
            self._pixels.toggle(place)

    def unpin(self) -> None:
        """Drop all kept pixels and regions."""
        self._pixels.clear()
        self._regions.clear()
        self.refresh()

    def draw_region(self) -> None:
        """Let the user draw a rectangle whose mean spectrum is shown; other shapes are a tool of the layer."""
        if self._layer is not None and self._reader is not None:
            self._regions.start_drawing()

    def close(self) -> None:
        """Stop following; layers stay."""
        if not self._open:
            return
        self._open = False
        self._requests.close()
        self._forget_layer()
        self._viewer.mouse_move_callbacks.remove(self._moved)
        self._viewer.mouse_drag_callbacks.remove(self._dragged)
        self._viewer.dims.events.current_step.disconnect(self._new_step)
        self._viewer.layers.events.removed.disconnect(self._removed)
        self._pixels.close()
        self._regions.close()

    def refresh(self, *_: Any) -> None:
        """Show what is known of the wanted spectra, and read the rest."""
        if self._reader is None or not self._open:
            return
        wanted = self._wanted()
        self._requests.want([one for one, _ in wanted])
        shown = [(self._requests.view(one), colour) for one, colour in wanted]
        views = [(view, colour) for view, colour in shown if view is not None]
        # While the pixel under the pointer is read, what was shown stays: a flicker tells nothing, and takes time.
        reading = bool(wanted) and shown[0][0] is None
        if views and not (reading and self._view.views):
            self._view.show_views([view for view, _ in views], [colour for _, colour in views])
        elif not wanted:
            self._view.show_views((), ())

    def _wanted(self) -> list[tuple[Wanted, str]]:
        """All that is to be shown with its colour, the pixel under the pointer first."""
        step = step_of(self._viewer, self._layer) if self._stepped_reader else 0
        places: list[tuple[tuple[int, ...] | None, bytes, str]] = []
        if self._pointer is not None:
            places.append((self._pointer, b"", ""))
        places += [(place, b"", colour) for place, colour in self._pixels.places.items()]
        places += [(None, self._whole(mask), colour) for mask, colour in self._regions.masks if mask.any()]
        return [
            (Wanted(place, mask, step, self._view.explained if number == 0 else ""), colour)
            for number, (place, mask, colour) in enumerate(places)
        ]

    def _whole(self, mask: NDArray[np.bool_]) -> bytes:
        """Mask of the whole image: what was drawn on a slice of a stack marks pixels of that slice."""
        shape = () if self._reader is None else self._reader.shape
        if mask.ndim == len(shape):
            return mask.tobytes()
        whole = np.zeros(shape, dtype=bool)
        point = self._layer.world_to_data(np.asarray(self._viewer.dims.point)[-self._layer.ndim :])
        place = np.clip(np.floor(np.asarray(point[: len(shape) - 2]) + 0.5).astype(int), 0, np.array(shape[:-2]) - 1)
        whole[tuple(place)] = mask
        return whole.tobytes()

    def _under(self, event: Any) -> tuple[int, ...] | None:
        """Find the pixel under the pointer."""
        if self._layer is None or self._reader is None or self._viewer.dims.ndisplay != 2:
            return None
        return pixel_at(self._layer.world_to_data(event.position), self._reader.shape)

    def _moved(self, _viewer: Any, event: Any) -> None:
        """Show the pixel under the pointer; beside the image the last one stays."""
        place = self._under(event)
        if place is not None and place != self._pointer:
            self._pointer = place
            self.refresh()

    def _dragged(self, viewer: Any, event: Any) -> Iterator[None]:
        """Keep a pixel that was clicked, unless the click belongs to a tool or to somebody else's layer."""
        active = viewer.layers.selection.active
        mine = active is None or is_ours(active)
        panning = str(getattr(active, "mode", "pan_zoom")) == "pan_zoom"
        if not (mine and panning and event.button == 1) or event.modifiers:
            return
        start, place = np.asarray(event.pos, dtype=float), self._under(event)
        yield
        while event.type == "mouse_move":
            if np.abs(np.asarray(event.pos, dtype=float) - start).max() > _STILL:
                place = None
            yield
        if place is not None:
            self.pin(place)

    def _new_step(self, _event: Any = None) -> None:
        """Show the same places at another step of a series."""
        if self._stepped_reader or (self._reader is not None and len(self._reader.shape) > 2):
            self.refresh()

    def _placed_anew(self, _event: Any = None) -> None:
        """Move the marks with the image."""
        self._pixels.lie_again()
        self._regions.lie_again()

    def _removed(self, event: Any) -> None:
        """Follow nothing when the layer is taken away."""
        if event.value is self._layer and not is_mark(event.value):
            self.follow(None, None)

    def _forget_layer(self) -> None:
        """Listen to the layer no longer."""
        if self._layer is not None:
            for name in ("scale", "translate", "rotate", "shear", "affine"):
                getattr(self._layer.events, name).disconnect(self._placed_anew)

    def _unpin_by_key(self, _viewer: Any) -> None:
        """Drop all marks; bound to a key of the viewer."""
        self.unpin()


_NO_SPECTRA = "This layer holds no spectra: select the counts of a spectrum image or one of its maps."
