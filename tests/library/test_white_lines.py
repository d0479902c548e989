"""Placement, area and steps of the ion spectra."""

import numpy as np
import pytest

from eelsmap.errors import LibraryError
from eelsmap.library.white_lines import AREA_PER_HOLE_EV, L3_MAXIMUM_EV, REFERENCE_FIELD

IONS = sorted(L3_MAXIMUM_EV)


def wide_grid(ion):
    return np.arange(L3_MAXIMUM_EV[ion] - 150, L3_MAXIMUM_EV[ion] + 250, 0.05)


@pytest.mark.parametrize("ion", IONS)
def test_white_line_area_is_proportional_to_holes(white_lines, ion):
    energy = wide_grid(ion)
    curve = white_lines.spectrum(ion, REFERENCE_FIELD[ion][1], 0.5, energy)
    onset = L3_MAXIMUM_EV[ion]
    # The steps alone, from their height before and after and the place of half height, known to about 1 eV.
    splitting = {"Mn": 10.3, "Co": 14.6, "Ni": 17.3}[ion[:2]]
    steps = np.where(energy > onset, 2 / 3, 0) + np.where(energy > onset + splitting, 1 / 3, 0)
    holes = 10 - white_lines.header["ions"][ion]["electrons"]
    assert (curve - steps).sum() * 0.05 == pytest.approx(AREA_PER_HOLE_EV * holes, abs=2.5)


@pytest.mark.parametrize("ion", IONS)
def test_steps_end_at_one(white_lines, ion):
    energy = wide_grid(ion)
    curve = white_lines.spectrum(ion, REFERENCE_FIELD[ion][1], 0.5, energy)
    assert curve[-1] == pytest.approx(1.0, abs=0.01)
    assert curve[0] == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("ion", IONS)
def test_l3_maximum_lies_at_its_empirical_energy(white_lines, ion):
    energy = np.arange(L3_MAXIMUM_EV[ion] - 20, L3_MAXIMUM_EV[ion] + 30, 0.05)
    curve = white_lines.spectrum(ion, REFERENCE_FIELD[ion][1], 0.5, energy)
    kernel = np.exp(-0.5 * (np.arange(-40, 41) * 0.05 / 0.34) ** 2)
    measured = np.convolve(curve, kernel / kernel.sum(), mode="same")[100:-100]
    # The arctangent step under the line moves the maximum a little.
    assert energy[100:-100][measured.argmax()] == pytest.approx(L3_MAXIMUM_EV[ion], abs=0.3)


def test_shorter_bonds_mean_a_stronger_field(white_lines):
    assert white_lines.ten_dq("Ni2", 2.084) == pytest.approx(1.10)
    assert white_lines.ten_dq("Ni2", 2.00) == pytest.approx(1.10 * (2.084 / 2.00) ** 5)
    assert white_lines.ten_dq("Ni2", 1.0) == white_lines.header["ions"]["Ni2"]["ten_dq"][-1]


def test_unknown_ion_is_refused(white_lines):
    with pytest.raises(LibraryError, match="Fe3"):
        white_lines.spectrum("Fe3", 2.0, 0.5, np.arange(700.0, 740.0, 0.1))
