"""Which of the signals of a file is the core loss, and which one is its low loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from eelsmap.edges import EdgeSet
from eelsmap.errors import NotASpectrumImageError
from eelsmap.io.coverage import count_edges
from eelsmap.io.energy_axis import axis_unit, energy_range

__all__ = ["EELS_TYPES", "choose", "is_low_loss", "name_signal"]

EELS_TYPES = ("EELS", "TEM EELS", "MultiEdgeEELS")
"""Signal types of HyperSpy that hold EELS spectra."""


def choose(signals: list[Any], edges: EdgeSet, path: Path) -> tuple[int, int | None]:
    """Choose the core loss and the low loss among the signals of one file.

    The core loss is the EELS spectrum image that covers most edges, and of several the one with most pixels. The low
    loss is one that holds zero energy loss on the same pixels.

    Parameters
    ----------
    signals
        Signals of the file, as HyperSpy opened them.
    edges
        Edges by which a core loss is recognised.
    path
        The file, for messages.

    Returns
    -------
    core : int
        Index of the core loss.
    low : int or None
        Index of its low loss.

    Raises
    ------
    NotASpectrumImageError
        If no signal is an EELS spectrum.
    """
    spectra = [index for index, signal in enumerate(signals) if _is_spectrum(signal, alone=len(signals) == 1)]
    if not spectra:
        held = "; ".join(dict.fromkeys(name_signal(signal) for signal in signals))
        raise NotASpectrumImageError(
            f"{path}: holds no EELS spectrum. It holds: {held}. Choose the file of the spectrum image itself, "
            "not of its survey image or detector signal"
        )
    core = max(spectra, key=lambda index: _rank(signals[index], edges))
    shape = signals[core].axes_manager.navigation_shape
    low = [
        index
        for index in spectra
        if index != core and is_low_loss(signals[index]) and signals[index].axes_manager.navigation_shape == shape
    ]
    return core, (low[0] if low else None)


def is_low_loss(signal: Any) -> bool:
    """Whether the axis of a spectrum holds zero energy loss with some room on both sides."""
    low, high = energy_range(signal)
    return low < -1.0 and high > 1.0


def name_signal(signal: Any) -> str:
    """One line on a signal for messages, such as ``EELS spectrum, 20 x 16 pixels, 480 to 826.4 eV``."""
    manager = signal.axes_manager
    if manager.signal_dimension == 1:
        low, high = energy_range(signal)
        pixels = f"{' x '.join(map(str, manager.navigation_shape))} pixels, " if manager.navigation_shape else ""
        kind = signal.metadata.get_item("Signal.signal_type") or "one-dimensional"
        return f"{kind} spectrum, {pixels}{low:g} to {high:g} {axis_unit(manager.signal_axes[0])}".rstrip()
    size = " x ".join(str(size) for size in (*manager.navigation_shape, *manager.signal_shape))
    return f"{'image' if manager.signal_dimension == 2 else 'data'} of {size}"


def _is_spectrum(signal: Any, *, alone: bool) -> bool:
    """Whether a signal can be an EELS spectrum; one without a type counts if alone or if its axis is in eV."""
    if signal.axes_manager.signal_dimension != 1 or signal.data.dtype.kind not in "iuf":
        return False
    kind = signal.metadata.get_item("Signal.signal_type") or ""
    unit = axis_unit(signal.axes_manager.signal_axes[0])
    return kind in EELS_TYPES or (kind == "" and (alone or unit in ("eV", "keV")))


def _rank(signal: Any, edges: EdgeSet) -> tuple[bool, bool, int, int, float]:
    """Sort key: covers edges, is an image, how many edges, how many pixels, how high it starts."""
    low, high = energy_range(signal)
    count = count_edges(low, high, edges)
    pixels = int(np.prod(signal.axes_manager.navigation_shape))
    return count > 0, pixels > 1, count, pixels, low
