"""Complete and correct the metadata on which the physics rests; what stays unknown is listed as missing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from eelsmap.io.energy_axis import axis_name, axis_unit

__all__ = ["ACQUISITION", "acquisition", "add_notes", "complete_metadata", "convert_navigation_units", "notes_of"]

ACQUISITION = {
    "beam_energy": ("Acquisition_instrument.TEM.beam_energy", "keV"),
    "convergence_angle": ("Acquisition_instrument.TEM.convergence_angle", "mrad"),
    "collection_angle": ("Acquisition_instrument.TEM.Detector.EELS.collection_angle", "mrad"),
    "dwell_time": ("Acquisition_instrument.TEM.Detector.EELS.dwell_time", "s"),
}
"""Where HyperSpy keeps each acquisition value, and its unit."""

_TO_NM = {"m": 1e9, "mm": 1e6, "um": 1e3, "pm": 1e-3, "angstrom": 0.1}
# Micro sign and Greek mu, letter and unit sign: they look alike, and files have both.
_TO_NM |= {"\u00b5m": 1e3, "\u03bcm": 1e3, "\u00c5": 0.1, "\u212b": 0.1}

_VOLTS = 5000.0
"""No electron microscope has a beam of 5 GeV: a larger "keV" is volts."""


def acquisition(signal: Any) -> dict[str, float]:
    """Acquisition values that the signal really has: finite and above zero.

    Parameters
    ----------
    signal
        HyperSpy signal.

    Returns
    -------
    dict
        Some of ``beam_energy`` (keV), ``convergence_angle`` and ``collection_angle`` (mrad), ``dwell_time`` (s).
    """
    found = {}
    for name, (item, _unit) in ACQUISITION.items():
        try:
            value = float(signal.metadata.get_item(item))
        except (TypeError, ValueError):
            continue
        if math.isfinite(value) and value > 0:
            found[name] = value
    return found


def complete_metadata(
    signal: Any, given: Mapping[str, float | None], other: Mapping[str, float], other_source: str
) -> None:
    """Complete the acquisition metadata in place; list what is missing in ``metadata.EELSMap.missing``.

    Parameters
    ----------
    signal
        HyperSpy signal.
    given
        Values given by the user; they win over the file. None where not given.
    other
        Values found elsewhere, used where the signal has none.
    other_source
        Where those were found, for the note.

    Raises
    ------
    ValueError
        If a given value is not finite and positive.
    """
    _volts_to_kilovolts(signal)
    known = acquisition(signal)
    for name, (item, unit) in ACQUISITION.items():
        value = given.get(name)
        if value is not None:
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} = {value!r}: must be a positive number, in {unit}")
            if name in known and not math.isclose(known[name], value):
                add_notes(signal, [f"{name}: {value:g} {unit} was given; the file says {known[name]:g} {unit}"])
            known[name] = float(value)
            signal.metadata.set_item(item, float(value))
        elif name not in known and name in other:
            known[name] = other[name]
            signal.metadata.set_item(item, float(other[name]))
            add_notes(signal, [f"{name}: {other[name]:g} {unit} taken from {other_source}"])
    signal.metadata.set_item("EELSMap.missing", [name for name in ACQUISITION if name not in known])


def convert_navigation_units(signal: Any) -> list[str]:
    """Express lengths along the navigation axes in nm, in place; the physical size stays.

    Parameters
    ----------
    signal
        HyperSpy signal.

    Returns
    -------
    list of str
        What was converted, or that the size of a pixel is unknown.
    """
    notes = []
    for axis in signal.axes_manager.navigation_axes:
        unit, name = axis_unit(axis), axis_name(axis) or "(unnamed)"
        if not axis.is_uniform:
            notes.append(f"navigation axis {name}: is not uniform; maps count its pixels instead")
        elif unit in _TO_NM:
            axis.scale, axis.offset = axis.scale * _TO_NM[unit], axis.offset * _TO_NM[unit]
            axis.units = "nm"
            notes.append(f"navigation axis {name}: {unit} converted to nm")
        elif not unit:
            notes.append(f"navigation axis {name}: has no unit; the size of a pixel is unknown")
    return notes


def add_notes(signal: Any, notes: list[str]) -> None:
    """Append sentences to ``metadata.EELSMap.notes``, each once."""
    before = notes_of(signal)
    signal.metadata.set_item("EELSMap.notes", before + [note for note in dict.fromkeys(notes) if note not in before])


def notes_of(signal: Any) -> list[str]:
    """Sentences in ``metadata.EELSMap.notes``."""
    return [str(note) for note in signal.metadata.get_item("EELSMap.notes") or []]


def _volts_to_kilovolts(signal: Any) -> None:
    """Correct the beam energy of programs that write volts to .msa files, where the format wants kilovolts."""
    value = acquisition(signal).get("beam_energy")
    if value is not None and value > _VOLTS:
        signal.metadata.set_item(ACQUISITION["beam_energy"][0], value / 1e3)
        add_notes(signal, [f"beam_energy: the file says {value:g} keV, which are volts: taken as {value / 1e3:g} keV"])
