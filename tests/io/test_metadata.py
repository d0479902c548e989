"""Units and notes in the metadata."""

import hyperspy.api as hs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eelsmap.io.metadata import acquisition, add_notes, complete_metadata, convert_navigation_units, notes_of

IN_METRES = {
    "m": 1.0,
    "mm": 1e-3,
    "µm": 1e-6,
    "\u03bcm": 1e-6,
    "um": 1e-6,
    "nm": 1e-9,
    "Å": 1e-10,
    "\u212b": 1e-10,
    "pm": 1e-12,
}


def image(unit, scale=0.5, offset=0.0):
    signal = hs.signals.Signal1D(np.zeros((3, 8)))
    axis = signal.axes_manager.navigation_axes[0]
    axis.name, axis.units, axis.scale, axis.offset = "x", unit, scale, offset
    return signal


@given(st.sampled_from(sorted(IN_METRES)), st.floats(1e-6, 1e3), st.floats(-1e3, 1e3))
def test_the_physical_size_stays(unit, scale, offset):
    signal = image(unit, scale, offset)
    notes = convert_navigation_units(signal)
    axis = signal.axes_manager.navigation_axes[0]
    assert axis.units == "nm"
    assert axis.scale * 1e-9 == pytest.approx(scale * IN_METRES[unit])
    assert axis.offset * 1e-9 == pytest.approx(offset * IN_METRES[unit])
    assert bool(notes) == (unit != "nm")


@pytest.mark.parametrize("unit", ["px", "s", "1/nm"])
def test_other_units_stay(unit):
    signal = image(unit)
    assert convert_navigation_units(signal) == []
    assert signal.axes_manager.navigation_axes[0].units == unit
    assert signal.axes_manager.navigation_axes[0].scale == 0.5


@pytest.mark.parametrize("unit", ["", "<undefined>", None])
def test_unknown_size_is_noted(unit):
    signal = image("nm")
    if unit is not None:
        signal.axes_manager.navigation_axes[0].units = unit
    else:
        signal = hs.signals.Signal1D(np.zeros((3, 8)))
    assert "the size of a pixel is unknown" in convert_navigation_units(signal)[0]


@pytest.mark.parametrize("value", [0, 0.0, -5, float("nan"), float("inf"), "text", None])
def test_values_that_are_none(value):
    signal = image("nm")
    signal.metadata.set_item("Acquisition_instrument.TEM.beam_energy", value)
    assert acquisition(signal) == {}


@given(st.floats(20, 1500))
def test_volts_and_kilovolts(energy):
    for factor in (1, 1000):
        signal = image("nm")
        signal.metadata.set_item("Acquisition_instrument.TEM.beam_energy", energy * factor)
        complete_metadata(signal, {}, {}, "")
        assert signal.metadata.Acquisition_instrument.TEM.beam_energy == pytest.approx(energy)
        assert any("volts" in note for note in notes_of(signal)) == (factor == 1000)


def test_values_from_elsewhere_only_fill_gaps():
    signal = image("nm")
    signal.metadata.set_item("Acquisition_instrument.TEM.beam_energy", 200.0)
    complete_metadata(signal, {}, {"beam_energy": 300.0, "convergence_angle": 21.0}, "the survey")
    assert acquisition(signal) == {"beam_energy": 200.0, "convergence_angle": 21.0}
    assert notes_of(signal) == ["convergence_angle: 21 mrad taken from the survey"]
    assert signal.metadata.EELSMap.missing == ["collection_angle", "dwell_time"]


def test_every_note_stands_once():
    signal = image("nm")
    add_notes(signal, ["a", "b", "a"])
    add_notes(signal, ["b", "c"])
    assert notes_of(signal) == ["a", "b", "c"]
