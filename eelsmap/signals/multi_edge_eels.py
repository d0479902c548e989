"""A core-loss spectrum image of several edges that carries its low loss with it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from dask.base import is_dask_collection
from exspy.signals.eels import EELSSpectrum, LazyEELSSpectrum

if TYPE_CHECKING:
    from eelsmap.mapping import PropertyMaps

__all__ = ["LazyMultiEdgeEELS", "MultiEdgeEELS"]

_IN_METADATA = "EELSMap.low_loss"


class MultiEdgeEELS(EELSSpectrum):
    """Core-loss spectrum image of several edges, signal type ``"MultiEdgeEELS"``.

    Everything that an exspy ``EELSSpectrum`` can do, and the low loss of the same pixels as :attr:`low_loss`, which
    follows ``inav``, ``as_lazy``, ``compute``, ``deepcopy`` and saving as .hspy.

    Examples
    --------
    >>> s = hs.load("nmc.dm4")  # doctest: +SKIP
    >>> s.set_signal_type("MultiEdgeEELS")  # doctest: +SKIP
    >>> maps = s.map_properties("nmc")  # doctest: +SKIP
    """

    _signal_type = "MultiEdgeEELS"
    _alias_signal_types: list[str] = []  # noqa: RUF012 - HyperSpy's convention
    _low_loss: EELSSpectrum | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A file keeps the low loss in the metadata. In memory it is an attribute, since HyperSpy copies
        # metadata, data and all, at every slicing.
        if self.metadata.has_item(_IN_METADATA):
            low_loss = self.metadata.get_item(_IN_METADATA)
            del self.metadata.EELSMap.low_loss
            # HyperSpy revives signals in metadata as its most general class.
            low_loss._lazy = is_dask_collection(low_loss.data)
            low_loss._assign_subclass()
            self._low_loss = low_loss

    @property
    def low_loss(self) -> EELSSpectrum | None:
        """Low loss of the same pixels, or None. One whose pixels no longer fit is dropped with a warning."""
        low_loss = self._low_loss
        if low_loss is None:
            return None
        wanted, found = self.axes_manager.navigation_shape, low_loss.axes_manager.navigation_shape
        if wanted != found:
            warnings.warn(
                f"the low loss has pixels {found}, the core loss {wanted}: it no longer fits and is dropped",
                UserWarning,
                stacklevel=2,
            )
            self._low_loss = None
        return self._low_loss

    @low_loss.setter
    def low_loss(self, signal: EELSSpectrum | None) -> None:
        if signal is not None and signal.axes_manager.navigation_shape != self.axes_manager.navigation_shape:
            raise ValueError(
                f"a low loss with pixels {signal.axes_manager.navigation_shape} does not fit a core loss with pixels "
                f"{self.axes_manager.navigation_shape}"
            )
        self._low_loss = signal

    def map_properties(self, model: Any = "nmc", **options: Any) -> PropertyMaps:
        """Map lithium content, metal counts, valences and defects.

        Parameters
        ----------
        model
            Name of a shipped model, path of a bundle, or a loaded model.
        **options
            As for :func:`eelsmap.map_properties`.

        Returns
        -------
        PropertyMaps
            A mapping of property name to map, lazy until computed.
        """
        import eelsmap

        return eelsmap.map_properties(self, model, **options)

    def map_classical(self, **options: Any) -> PropertyMaps:
        """Map white-line ratios, onsets and composition with their errors; see :func:`eelsmap.map_classical`."""
        import eelsmap

        return eelsmap.map_classical(self, **options)

    def map_quality(self, **options: Any) -> PropertyMaps:
        """Map how far each pixel can be trusted; see :func:`eelsmap.map_quality`."""
        import eelsmap

        return eelsmap.map_quality(self, **options)

    def describe(self) -> dict[str, Any]:
        """Say what this spectrum image is and which edges it covers; see :func:`eelsmap.io.describe`."""
        from eelsmap.io import describe

        return describe(self)

    def _slicer(self, slices: Any, isNavigation: bool | None = None, out: Any = None) -> Any:
        """Slice the low loss along with the navigation axes."""
        sliced = super()._slicer(slices, isNavigation, out)
        target = self if out is not None else sliced
        if isNavigation and out is None and self._low_loss is not None:
            target._low_loss = self._low_loss._slicer(slices, True)
        return sliced

    def _deepcopy_with_new_data(self, data: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Copy without the data, and hand the low loss on by reference."""
        low_loss, self._low_loss = self._low_loss, None
        try:
            copy = super()._deepcopy_with_new_data(data, *args, **kwargs)
        finally:
            self._low_loss = low_loss
        copy._low_loss = low_loss
        return copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """Copy the low loss too."""
        copy = super().__deepcopy__(memo)
        copy._low_loss = None if self._low_loss is None else self._low_loss.deepcopy()
        return copy

    def _to_dictionary(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Put the low loss back into the metadata, from where it is written to files."""
        content = super()._to_dictionary(*args, **kwargs)
        if self._low_loss is not None and self.low_loss is not None:
            # The prefix by which HyperSpy recognises a signal inside metadata.
            content["metadata"].setdefault("EELSMap", {})["_sig_low_loss"] = self._low_loss._to_dictionary()
        return content


class LazyMultiEdgeEELS(LazyEELSSpectrum, MultiEdgeEELS):
    """Lazy twin of :class:`MultiEdgeEELS`: the data stay on disk until they are used."""

    def compute(self, *args: Any, **kwargs: Any) -> None:
        """Load the core loss and its low loss into memory; arguments as in HyperSpy."""
        if self._low_loss is not None and self._low_loss._lazy:
            self._low_loss.compute(*args, **kwargs)
        super().compute(*args, **kwargs)
