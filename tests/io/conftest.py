"""Synthetic spectrum images."""

from collections.abc import Callable
from typing import Any

import hyperspy.api as hs
import numpy as np
import pytest


@pytest.fixture
def make_image() -> Callable[..., Any]:
    """Function that makes an EELS signal with the axis, the unit and the metadata asked for."""

    def make(
        shape: tuple[int, ...] = (3, 4),
        *,
        offset: float = 440.0,
        scale: float = 0.5,
        channels: int = 1200,
        units: str = "eV",
        signal_type: str = "EELS",
        metadata: dict[str, Any] | None = None,
    ) -> Any:
        counts = np.random.default_rng(1).poisson(50, (*shape, channels)).astype(np.float32)
        signal = hs.signals.Signal1D(counts)
        axis = signal.axes_manager.signal_axes[0]
        axis.name, axis.offset, axis.scale, axis.units = "Energy loss", offset, scale, units
        for navigation, name in zip(signal.axes_manager.navigation_axes, "xyz", strict=False):
            navigation.name, navigation.scale, navigation.units = name, 0.002, "µm"
        signal.set_signal_type(signal_type)
        for key, value in (metadata or {}).items():
            signal.metadata.set_item(key, value)
        return signal

    return make
