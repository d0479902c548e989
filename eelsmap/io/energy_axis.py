"""Whether the energy axis is one: in eV, rising, uniform and finite."""

from __future__ import annotations

import math
from typing import Any

from eelsmap.errors import EnergyAxisError, NotASpectrumImageError

__all__ = ["axis_name", "axis_unit", "check_energy_axis", "energy_range"]

_FEWEST_CHANNELS = 16
_TO_EV = {"ev": 1.0, "kev": 1000.0}


def axis_unit(axis: Any) -> str:
    """Return the unit of a HyperSpy axis; an empty string where it has none."""
    units = axis.units
    text = units.strip() if isinstance(units, str) else ""
    return "" if text == "<undefined>" else text


def axis_name(axis: Any) -> str:
    """Return the name of a HyperSpy axis; an empty string where it has none."""
    return axis.name if isinstance(axis.name, str) else ""


def energy_range(signal: Any) -> tuple[float, float]:
    """First and last energy of a spectrum, eV."""
    axis = signal.axes_manager.signal_axes[0]
    return float(axis.low_value), float(axis.high_value)


def check_energy_axis(signal: Any, where: str) -> list[str]:
    """Check the energy axis, and convert it in place to eV.

    Parameters
    ----------
    signal
        HyperSpy signal with one signal axis.
    where
        Name of the file or signal, for messages.

    Returns
    -------
    list of str
        What was assumed or converted.

    Raises
    ------
    NotASpectrumImageError
        If there is not exactly one signal axis.
    EnergyAxisError
        If the axis is not in eV or keV, descending, not uniform, not finite or too short.
    """
    axes = signal.axes_manager.signal_axes
    if len(axes) != 1:
        raise NotASpectrumImageError(
            f"{where}: has {len(axes)} signal axes instead of one energy axis. If energy is one of its axes, "
            "bring it to the end with signal.transpose(signal_axes=[...])"
        )
    axis = axes[0]
    if not axis.is_uniform:
        raise EnergyAxisError(
            f"{where}: the energy axis is not uniform; interpolate it first, "
            "for instance with signal.interpolate_on_axis"
        )
    if not (math.isfinite(axis.scale) and math.isfinite(axis.offset)) or axis.scale == 0:
        raise EnergyAxisError(
            f"{where}: the energy axis has offset {axis.offset} and dispersion {axis.scale}, which is no axis; "
            "calibrate it"
        )
    unit = axis_unit(axis)
    notes = []
    if not unit:
        notes.append("the energy axis has no unit: taken as eV")
        if axis.scale == 1 and axis.offset == 0:
            notes.append("the energy axis starts at 0 with 1 eV per channel: it looks uncalibrated")
    elif unit.lower() not in _TO_EV:
        raise EnergyAxisError(
            f"{where}: the spectrum axis is in {unit!r}, not in eV; if it is an energy axis, "
            "set signal.axes_manager.signal_axes[0].units"
        )
    elif unit.lower() == "kev":
        notes.append("the energy axis was in keV: converted to eV")
    if axis.size < _FEWEST_CHANNELS:
        raise EnergyAxisError(
            f"{where}: has {axis.size} channels along the energy axis; a spectrum needs at least {_FEWEST_CHANNELS}"
        )
    if axis.scale < 0:
        raise EnergyAxisError(
            f"{where}: the energy axis falls from {axis.offset:g} by {-axis.scale:g} a channel; reverse it first "
            "(signal.isig[::-1])"
        )
    factor = _TO_EV.get(unit.lower(), 1.0)
    if factor != 1.0:
        axis.scale, axis.offset = axis.scale * factor, axis.offset * factor
    axis.units = "eV"
    return notes
