"""Energy axes that cannot be used are refused; the others come in eV."""

import hyperspy.api as hs
import numpy as np
import pytest
from hyperspy.axes import DataAxis
from hypothesis import given
from hypothesis import strategies as st

from eelsmap.errors import EnergyAxisError, NotASpectrumImageError
from eelsmap.io import load, prepare
from eelsmap.io.energy_axis import check_energy_axis

BOTH = pytest.mark.parametrize("lazy", [False, True])


@BOTH
@pytest.mark.parametrize("units", ["eV", "keV", "", "<undefined>", " EV "])
def test_axis_comes_in_ev(make_image, tmp_path, units, lazy):
    factor = 1e-3 if units == "keV" else 1.0
    path = tmp_path / "axis.hspy"
    make_image(offset=440 * factor, scale=0.5 * factor, units=units).save(path)
    signal = load(path, lazy=lazy)
    axis = signal.axes_manager.signal_axes[0]
    assert axis.units == "eV"
    np.testing.assert_allclose(axis.axis, 440 + 0.5 * np.arange(1200))
    notes = " ".join(signal.metadata.EELSMap.notes)
    assert ("keV: converted" in notes) == (units == "keV")
    assert ("no unit: taken as eV" in notes) == (units in ("", "<undefined>"))


@BOTH
@pytest.mark.parametrize("units", ["nm", "s", "1/nm", "px"])
def test_other_units_are_refused(make_image, tmp_path, units, lazy):
    path = tmp_path / "axis.hspy"
    make_image(units=units).save(path)
    with pytest.raises(EnergyAxisError, match=rf"axis\.hspy.*'{units}'"):
        load(path, lazy=lazy)


def test_descending_axis(make_image, tmp_path):
    path = tmp_path / "falling.hspy"
    make_image(offset=1000, scale=-0.5).save(path)
    with pytest.raises(EnergyAxisError, match=r"falling\.hspy.*falls.*reverse"):
        load(path)


def test_non_uniform_axis(make_image):
    signal = make_image()
    manager = signal.axes_manager
    manager.signal_axes[0].convert_to_non_uniform_axis()
    assert isinstance(manager.signal_axes[0], DataAxis)
    with pytest.raises(EnergyAxisError, match="not uniform"):
        prepare(signal)


@pytest.mark.parametrize("attribute", ["offset", "scale"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_axis_not_finite(make_image, attribute, value):
    signal = make_image()
    setattr(signal.axes_manager.signal_axes[0], attribute, value)
    with pytest.raises(EnergyAxisError, match="is no axis"):
        prepare(signal)


def test_zero_dispersion(make_image):
    with pytest.raises(EnergyAxisError, match="is no axis"):
        prepare(make_image(scale=0.0))


def test_images_and_other_things_are_refused(make_image):
    with pytest.raises(NotASpectrumImageError, match="2 signal axes"):
        prepare(hs.signals.Signal2D(np.zeros((4, 5))))
    with pytest.raises(NotASpectrumImageError, match="ndarray, not a HyperSpy signal"):
        prepare(np.zeros((4, 5)))
    signal = make_image()
    signal.change_dtype(complex)
    with pytest.raises(NotASpectrumImageError, match="complex"):
        prepare(signal)


def test_uncalibrated_axis_is_noted(make_image):
    notes = prepare(make_image(offset=0, scale=1, units="")).metadata.EELSMap.notes
    assert any("uncalibrated" in note for note in notes)


@given(st.floats(-100, 2000), st.floats(1e-3, 5))
def test_conversion_from_kev_keeps_energies(offset, scale):
    signal = hs.signals.Signal1D(np.zeros(32))
    axis = signal.axes_manager.signal_axes[0]
    axis.offset, axis.scale, axis.units = offset / 1e3, scale / 1e3, "keV"
    check_energy_axis(signal, "signal")
    np.testing.assert_allclose(axis.axis, offset + scale * np.arange(32), rtol=1e-9, atol=1e-9)
