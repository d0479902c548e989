"""Broadening and placement, and the physics that the calculated O K edges must show."""

import numpy as np
import pytest

from eelsmap.library.oxygen_k import (
    CORE_HOLE_FACTOR,
    PRE_EDGE_POSITION_EV,
    broadened,
    continued,
    cumulative_difference,
    pre_edge_share,
    pre_edge_shift,
)

EDGES = np.arange(-3, 35.01, 0.05)


def stick(energy, complete_to=30.0):
    intensity = np.zeros((1, EDGES.size - 1))
    intensity[0, np.searchsorted(EDGES, energy) - 1] = 1.0
    return intensity, complete_to


def test_broadening_conserves_area():
    energy = np.arange(-400, 400, 0.05)
    area = broadened(stick(10.02)[0], EDGES, 30.0, energy).sum() * 0.05
    assert area == pytest.approx(1.0, abs=0.005)


def test_only_the_pre_edge_is_weakened_by_the_core_hole():
    energy = np.arange(-400, 400, 0.05)
    area = broadened(stick(2.02)[0], EDGES, 30.0, energy).sum() * 0.05
    assert area == pytest.approx(CORE_HOLE_FACTOR, abs=0.005)


def test_width_grows_with_energy():
    def width(at):
        energy = np.arange(at - 8, at + 8, 0.01)
        curve = broadened(stick(at + 0.02)[0], EDGES, 30.0, energy)[0]
        return np.count_nonzero(curve > curve.max() / 2) * 0.01

    assert 0.5 < width(0.5) < 0.75
    assert 1.9 < width(18.0) < 2.4


def test_a_cell_goes_on_with_its_own_level_beyond_its_bands():
    rows = np.array([[1.0], [3.0]]) * np.ones(EDGES.size - 1)
    rows[:, EDGES[:-1] >= 30.0] = 0
    longer, centres = continued(rows, EDGES, 30.0)
    np.testing.assert_allclose(longer, np.array([[1.0], [3.0]]) * np.ones(centres.size))
    assert centres[-1] > 60


def test_the_shift_brings_the_pre_edge_centroid_to_its_place():
    energy = np.arange(-12, 34, 0.05)
    band = np.exp(-0.5 * ((energy - 1.7) / 0.4) ** 2)
    assert 1.7 + pre_edge_shift(band, energy) == pytest.approx(PRE_EDGE_POSITION_EV, abs=0.01)


def test_pre_edge_share_falls_linearly_with_lithium(shipped_cells):
    cells, _, edges = shipped_cells
    pristine = [cell for cell in cells if cell.kind == "pristine"]
    share = [pre_edge_share(cell.intensity.mean(axis=0), edges) for cell in pristine]
    assert np.corrcoef([cell.li_content for cell in pristine], share)[0, 1] < -0.97


def test_vacancies_lower_the_pre_edge_as_lithium_does(shipped_cells):
    cells, _, edges = shipped_cells
    points = {kind: [] for kind in ("pristine", "vacancy", "antisite")}
    for cell in cells:
        points[cell.kind].append((cell.li_content, pre_edge_share(cell.intensity.mean(axis=0), edges)))
    slope, start = np.polyfit(*np.transpose(points["pristine"]), 1)
    lithium, share = np.transpose(points["vacancy"])
    assert np.mean(share - start - slope * lithium) < 0
    lithium, share = np.transpose(points["antisite"])
    assert abs(np.mean(share - start - slope * lithium)) < 0.1 * abs(slope)


def test_main_peak_comes_nearer_to_the_pre_edge_with_lithium(library):
    rows = (library.kind == "structure") & (library.labels["vacancy"] + library.labels["antisite"] == 0)
    grid = library.grids["O_K"]
    spectra = np.where(grid > 535, library.spectra["O_K"][rows], 0)
    smooth = np.apply_along_axis(np.convolve, 1, spectra, np.ones(21) / 21, mode="same")
    assert np.corrcoef(library.labels["li_content"][rows], grid[smooth.argmax(axis=1)])[0, 1] < -0.85


def test_one_factor_brings_the_continuum_to_one_per_oxygen(library, shipped_cells):
    cells, _, edges = shipped_cells
    energy = np.arange(20, 29.01, 0.05)
    level = np.mean([broadened(c.intensity, edges, c.complete_to, energy).mean() for c in cells])
    assert level * library.header["oxygen_k"]["factor"] == pytest.approx(1.0, abs=0.01)


def test_finished_cells_were_reproduced(shipped_cells):
    _, header, _ = shipped_cells
    differences = {entry["cell"]: entry["cumulative_difference"] for entry in header["reproduction"]}
    assert min(differences.values()) < 0.01


def test_core_hole_factor_is_the_mean_of_what_was_measured(shipped_cells):
    _, header, _ = shipped_cells
    factors = [entry["factor"] for entry in header["core_hole"] if entry["hole"] == 0.5]
    assert len(factors) >= 6
    assert np.mean(factors) == pytest.approx(CORE_HOLE_FACTOR, abs=0.01)
    assert np.std(factors) < 0.05


def test_difference_of_a_shifted_spectrum_is_seen():
    one, other = stick(2.02)[0][0], stick(2.52)[0][0]
    one[400:600] = other[400:600] = 0.01
    assert cumulative_difference(one, one, EDGES, 30.0) == 0
    assert cumulative_difference(one, other, EDGES, 30.0) > 0.05
