"""Spin states and L3/L2 ratios of the stored grid; one ion calculated anew."""

import numpy as np
import pytest

from eelsmap.errors import LibraryError
from eelsmap.library.multiplets import IONS, IonModel, calculate


def test_every_stored_ground_state_has_its_spin(white_lines):
    assert set(white_lines.sticks) == set(IONS)
    for name, entry in white_lines.header["ions"].items():
        spin = IONS[name].spin
        assert np.shape(entry["spin_squared"]) == (len(entry["reductions"]), len(entry["ten_dq"]))
        np.testing.assert_allclose(entry["spin_squared"], spin * (spin + 1), atol=0.35)


def test_stored_grid_was_made_with_the_parameters_in_the_code(white_lines):
    for name, ion in IONS.items():
        entry = white_lines.header["ions"][name]
        assert tuple(entry["ten_dq"]) == ion.ten_dq
        assert tuple(entry["reductions"]) == ion.reductions
        assert entry["electrons"] == ion.electrons


def test_l3_to_l2_ratio_falls_with_valence(white_lines):
    ratio = {name: np.mean(entry["l3_to_l2"]) for name, entry in white_lines.header["ions"].items()}
    assert ratio["Ni2"] > ratio["Ni3"] > ratio["Ni4"] > 1.8
    assert ratio["Mn2"] > ratio["Mn3"] > ratio["Mn4"] > 1.0
    assert ratio["Co2"] > 2 * ratio["Co3"]
    assert ratio["Co2"] == max(ratio.values())


def test_sticks_are_complete(white_lines):
    for sticks in white_lines.sticks.values():
        np.testing.assert_allclose(sticks.sum(axis=(2, 3)), 1, atol=1e-5)
        assert sticks.min() > -1e-9


@pytest.mark.simulation
def test_nickel_is_reproduced(white_lines):
    pytest.importorskip("edrixs", reason="edrixs is not installed")
    from eelsmap.library.multiplet_grid import histograms

    ion = IONS["Ni2"]
    point = calculate(ion, ion.ten_dq[1], ion.reductions[0])
    assert point.spin_squared == pytest.approx(2.0, abs=0.01)
    np.testing.assert_allclose(histograms(point)[0], white_lines.sticks["Ni2"][0, 1], atol=1e-4)


@pytest.mark.simulation
def test_a_wrong_spin_state_is_refused():
    pytest.importorskip("edrixs", reason="edrixs is not installed")
    high_spin = IonModel("Ni", 3, 7, 0.5, (1.0,), (0.8, 0.8))
    with pytest.raises(LibraryError, match="S\\^2"):
        calculate(high_spin, 1.0, 0.8)
