"""Placement, area and steps of the ion spectra."""

import time

import numpy as np
import pytest

from eelsmap.errors import LibraryError
from eelsmap.library.white_lines import (
    AREA_PER_HOLE_EV,
    L3_MAXIMUM_EV,
    REFERENCE_ELONGATION,
    REFERENCE_FIELD,
    TETRAGONAL_PER_ELONGATION,
    WhiteLines,
)

IONS = sorted(L3_MAXIMUM_EV)


def reference(white_lines, ion, energy):
    return white_lines.spectrum(ion, REFERENCE_FIELD[ion][1], 0.5, energy, REFERENCE_ELONGATION.get(ion, 0.0))


def wide_grid(ion):
    return np.arange(L3_MAXIMUM_EV[ion] - 150, L3_MAXIMUM_EV[ion] + 250, 0.05)


@pytest.mark.parametrize("ion", IONS)
def test_white_line_area_is_proportional_to_holes(white_lines, ion):
    energy = wide_grid(ion)
    curve = reference(white_lines, ion, energy)
    onset = L3_MAXIMUM_EV[ion]
    # The steps alone, from their height before and after and the place of half height, known to about 1 eV.
    splitting = {"Mn": 10.3, "Co": 14.6, "Ni": 17.3}[ion[:2]]
    steps = np.where(energy > onset, 2 / 3, 0) + np.where(energy > onset + splitting, 1 / 3, 0)
    holes = 10 - white_lines.header["ions"][ion]["electrons"]
    assert (curve - steps).sum() * 0.05 == pytest.approx(AREA_PER_HOLE_EV * holes, rel=0.08)


@pytest.mark.parametrize("ion", IONS)
def test_steps_end_at_one(white_lines, ion):
    energy = wide_grid(ion)
    curve = reference(white_lines, ion, energy)
    assert curve[-1] == pytest.approx(1.0, abs=0.01)
    assert curve[0] == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("ion", IONS)
def test_l3_maximum_lies_at_its_empirical_energy(white_lines, ion):
    energy = np.arange(L3_MAXIMUM_EV[ion] - 20, L3_MAXIMUM_EV[ion] + 30, 0.05)
    curve = reference(white_lines, ion, energy)
    kernel = np.exp(-0.5 * (np.arange(-40, 41) * 0.05 / 0.34) ** 2)
    measured = np.convolve(curve, kernel / kernel.sum(), mode="same")[100:-100]
    # The arctangent step under the line moves the maximum a little.
    assert energy[100:-100][measured.argmax()] == pytest.approx(L3_MAXIMUM_EV[ion], abs=0.3)


def test_shorter_bonds_mean_a_stronger_field(white_lines):
    assert white_lines.ten_dq("Ni2", 2.084) == pytest.approx(1.10)
    assert white_lines.ten_dq("Ni2", 2.00) == pytest.approx(1.10 * (2.084 / 2.00) ** 5)
    assert white_lines.ten_dq("Ni2", 1.0) == white_lines.header["ions"]["Ni2"]["ten_dq"][-1]


def test_elongation_splits_eg_and_is_held_within_the_grid(white_lines):
    assert white_lines.tetragonal("Mn3", 2.0, 0.0) == 0
    assert white_lines.tetragonal("Mn3", 2.0, 0.2) == pytest.approx(TETRAGONAL_PER_ELONGATION * 0.1)
    assert white_lines.tetragonal("Mn3", 2.0, -0.1) == 0
    assert white_lines.tetragonal("Mn3", 2.0, 9.0) == white_lines.header["ions"]["Mn3"]["tetragonal"][-1]


@pytest.mark.parametrize("ion", IONS)
def test_a_spectrum_on_a_grid_point_is_that_point_and_between_points_the_mean(white_lines, ion):
    energy = np.arange(L3_MAXIMUM_EV[ion] - 20, L3_MAXIMUM_EV[ion] + 30, 0.1)
    distance = REFERENCE_FIELD[ion][1]
    first = white_lines.header["ions"][ion]["tetragonal"][1] * distance / TETRAGONAL_PER_ELONGATION
    curves = [white_lines.spectrum(ion, distance, 0.0, energy, share * first) for share in (0.0, 0.5, 1.0)]
    np.testing.assert_allclose(curves[1], (curves[0] + curves[2]) / 2, atol=1e-9)
    assert np.abs(curves[2] - curves[0]).max() > 0.01


@pytest.mark.parametrize(
    ("element", "window", "valences"),
    # Co4+ has a weak line of its t2g hole below its maximum, so that its centroid lies below that of Co3+; its place is
    # extrapolated, and nothing is claimed about it.
    [("Mn", (634, 648), (2, 3, 4)), ("Co", (770, 787), (2, 3)), ("Ni", (848, 863), (2, 3, 4))],
)
def test_the_l3_centroid_moves_up_with_valence(white_lines, element, window, valences):
    energy = np.arange(*window, 0.1)
    centroids = [
        np.average(energy, weights=reference(white_lines, f"{element}{valence}", energy)) for valence in valences
    ]
    assert np.diff(centroids).min() > 0.3


@pytest.mark.parametrize("reduction", [0.0, 0.5, 1.0])
def test_the_nickel_centroid_moves_up_whatever_the_slater_reduction(white_lines, reduction):
    energy = np.arange(848, 863, 0.1)
    bonds = {"Ni2": 2.05, "Ni3": 1.97, "Ni4": 1.88}
    centroids = [
        np.average(energy, weights=white_lines.spectrum(ion, bond, reduction, energy)) for ion, bond in bonds.items()
    ]
    assert np.diff(centroids).min() > 0.2


def two_sticks(white_lines, ion, distance):
    """The lines of one ion if all of it were one L3 and one L2 transition of equal strength."""
    entry = white_lines.header["ions"][ion]
    sticks = np.zeros_like(white_lines.sticks[ion])
    middle = int(np.argmin(np.abs(white_lines.bin_edges)))
    sticks[..., 0, middle] = sticks[..., 1, middle + round(distance / 0.05)] = 0.5
    return WhiteLines({"ions": {ion: entry}}, {ion: sticks}, white_lines.bin_edges), entry


@pytest.mark.parametrize("ion", IONS)
def test_the_l2_line_is_broader_than_the_l3_line_by_its_lifetime(white_lines, ion):
    lines, entry = two_sticks(white_lines, ion, 25.0)
    energy = np.arange(L3_MAXIMUM_EV[ion] - 5, L3_MAXIMUM_EV[ion] + 35, 0.01)
    curve = lines.spectrum(ion, REFERENCE_FIELD[ion][1], 0.5, energy)
    widths = []
    for part, below in ((energy < energy[0] + 18, 0.3), (energy >= energy[0] + 18, 0.8)):
        line = curve[part] - below
        widths.append(0.01 * np.count_nonzero(line > line.max() / 2))
    assert widths == pytest.approx([entry["l3_width_ev"], entry["l2_width_ev"]], rel=0.1)
    assert widths[1] > 2 * widths[0]


def test_the_continuum_is_two_thirds_behind_l3_and_whole_behind_l2(white_lines):
    lines, _ = two_sticks(white_lines, "Ni2", 35.0)
    # Far from both sticks, where their Lorentzian tails are below 0.02.
    energy = np.array([853.5 - 15, 853.5 + 17, 853.5 + 60])
    curve = lines.spectrum("Ni2", REFERENCE_FIELD["Ni2"][1], 0.5, energy)
    np.testing.assert_allclose(curve, [0, 2 / 3, 1], atol=0.02)


def test_three_thousand_sites_take_seconds(white_lines):
    energy = np.arange(628.0, 672.05, 0.1)
    white_lines.spectrum("Mn3", 2.0, 0.5, energy)  # the bank of the ion
    started = time.process_time()
    for elongation in np.linspace(0, 0.3, 3000):
        white_lines.spectrum("Mn3", 1.95, 0.5, energy, elongation)
    assert time.process_time() - started < 3


def test_unknown_ion_is_refused(white_lines):
    with pytest.raises(LibraryError, match="Fe3"):
        white_lines.spectrum("Fe3", 2.0, 0.5, np.arange(700.0, 740.0, 0.1))
