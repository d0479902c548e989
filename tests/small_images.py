"""Small spectrum images whose axis, unit, data and type are as asked for."""

from functools import cache
from typing import Any

import hyperspy.api as hs
import numpy as np

import eelsmap
from eelsmap.phantom import Microscope

OFFSET, STEP, CHANNELS = 460.0, 0.4, 1200
ENERGY = OFFSET + STEP * np.arange(CHANNELS)
SHAPE = (6, 8)


@cache
def _recorded() -> np.ndarray:
    microscope = Microscope(counts=1e6, channels=CHANNELS, offset=OFFSET, dispersion=STEP, spike_rate=0.0)
    return np.clip(np.round(eelsmap.make_phantom(SHAPE, microscope=microscope).core_loss), 0, 60000)


def phantom_counts() -> np.ndarray:
    """Counts of a small particle in vacuum: whole numbers that fit into 16 bits, as float64."""
    return _recorded().astype(np.float64)


def image(
    data: Any = None,
    *,
    offset: float = OFFSET,
    scale: float = STEP,
    units: str = "eV",
    kind: str = "EELS",
    lazy: bool = False,
) -> Any:
    """Spectrum image with one energy axis."""
    signal = hs.signals.Signal1D(phantom_counts() if data is None else data)
    energy = signal.axes_manager.signal_axes[0]
    energy.offset, energy.scale, energy.units = offset, scale, units
    signal.set_signal_type(kind)
    return signal.as_lazy() if lazy else signal


def window(low: float, high: float, **options: Any) -> Any:
    """Spectrum image of the energies between two ends."""
    inside = (low <= ENERGY) & (high >= ENERGY)
    return image(phantom_counts()[..., inside], offset=ENERGY[inside][0], **options)
