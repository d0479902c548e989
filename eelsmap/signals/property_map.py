"""A map of one property on the navigation axes of the spectrum image that it was made from."""

from __future__ import annotations

from typing import Any

from hyperspy.signals import BaseSignal, LazySignal

__all__ = ["LazyPropertyMap", "PropertyMap"]


class PropertyMap(BaseSignal):
    """One number a pixel, signal type ``"PropertyMap"``.

    The axes are navigation axes, the same as those of the spectrum image: ``inav`` cuts both alike, a map serves as
    ``navigator`` of the image, and ``plot`` shows an image, or a profile for a line scan. ``.T`` gives a HyperSpy
    ``Signal2D`` (``Signal1D``) for whatever wants an image. The map of a single spectrum has one axis of one pixel.
    """

    _signal_type = "PropertyMap"
    _signal_dimension = 0
    _alias_signal_types: list[str] = []  # noqa: RUF012 - HyperSpy's convention

    @property
    def unit(self) -> str:
        """Unit of the property; empty for pure numbers."""
        return str(self.metadata.get_item("EELSMap.unit") or "")


class LazyPropertyMap(PropertyMap, LazySignal):
    """Lazy twin of :class:`PropertyMap`."""

    def plot(self, *args: Any, **kwargs: Any) -> None:
        """Compute and show the map; it is small, and HyperSpy has no lazy plot of navigation axes."""
        computed = self.deepcopy()
        computed.compute(show_progressbar=False)
        computed.plot(*args, **kwargs)
