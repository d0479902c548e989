"""Broadening and placement, and the physics that the calculated O K edges must show."""

from dataclasses import replace

import numpy as np
import pytest

from eelsmap.library.alignment import placed_spectra
from eelsmap.library.assemble import CONTINUUM_LOSS_EV
from eelsmap.library.oxygen_k import (
    CORE_HOLE_FACTOR,
    CORE_HOLE_SHIFT_EV,
    PRE_EDGE_EV,
    PRE_EDGE_POSITION_EV,
    broadened,
    continued,
    cumulative_difference,
    emptiest,
    pre_edge_end,
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


def test_only_the_main_edge_is_drawn_nearer_by_the_core_hole():
    energy = np.arange(-5, 30, 0.01)
    at = [energy[broadened(stick(where + 0.02)[0], EDGES, 30.0, energy)[0].argmax()] for where in (2.0, 10.0)]
    assert at[0] == pytest.approx(2.02, abs=0.05)
    assert at[1] == pytest.approx(10.02 + CORE_HOLE_SHIFT_EV, abs=0.05)


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


def averages(cells, edges):
    """Li content and pre-edge share by kind of cell, (2, cells) each; layered cells only."""
    points = {kind: [] for kind in ("pristine", "vacancy", "antisite")}
    for cell in cells:
        if cell.phase == "layered" and cell.kind in points:
            share = pre_edge_share(cell.intensity.mean(axis=0), edges, pre_edge_end(cell, edges))
            points[cell.kind].append((cell.li_content, share))
    return {kind: np.transpose(rows) for kind, rows in points.items()}


def test_the_gap_is_found_where_it_was_put():
    intensity = np.ones(EDGES.size - 1)
    intensity[(EDGES[:-1] > 4.99) & (EDGES[:-1] < 6.99)] = 0
    assert emptiest(intensity, EDGES, 3.0, 9.0) == pytest.approx(6.0, abs=0.06)
    assert emptiest(intensity, EDGES, 3.0, 5.8) == pytest.approx(5.6, abs=0.3)


def test_the_gap_follows_the_potential_not_the_fermi_level(shipped_cells):
    cells, _, edges = shipped_cells
    cell = next(cell for cell in cells if "potential_at_nucleus_eV" in cell.details)
    moved = 20  # bins, 1 eV
    details = cell.details | {"fermi_eV": cell.details["fermi_eV"] + 1.0}
    lower = replace(cell, intensity=np.roll(cell.intensity, -moved, axis=1), details=details)
    assert pre_edge_end(lower, edges) == pytest.approx(pre_edge_end(cell, edges) - 1.0, abs=0.06)


def test_a_cell_without_potentials_has_its_gap_at_a_fixed_energy(shipped_cells):
    cells, _, edges = shipped_cells
    bare = replace(cells[0], details={})
    assert pre_edge_end(bare, edges) == PRE_EDGE_EV[1]


def test_pre_edge_share_falls_linearly_with_lithium(shipped_cells):
    cells, _, edges = shipped_cells
    lithium, share = averages(cells, edges)["pristine"]
    assert np.corrcoef(lithium, share)[0, 1] < -0.98


def test_vacancies_lower_the_pre_edge_and_antisites_hardly_do(shipped_cells):
    cells, _, edges = shipped_cells
    points = averages(cells, edges)
    slope, start = np.polyfit(*points["pristine"], 1)
    off = {kind: share - start - slope * lithium for kind, (lithium, share) in points.items()}
    assert off["vacancy"].mean() < -3 * off["pristine"].std()
    assert np.mean(off["vacancy"] < 0) > 0.9
    assert abs(off["antisite"].mean()) < 0.5 * abs(off["vacancy"].mean())


def test_main_peak_comes_nearer_to_the_pre_edge_with_lithium(library):
    rows = (library.kind == "structure") & (library.labels["vacancy"] + library.labels["antisite"] == 0)
    rows &= library.phase == "layered"
    grid = library.grids["O_K"]
    spectra = np.where(grid > 535, library.spectra["O_K"][rows], 0)
    smooth = np.apply_along_axis(np.convolve, 1, spectra, np.ones(21) / 21, mode="same")
    assert np.corrcoef(library.labels["li_content"][rows], grid[smooth.argmax(axis=1)])[0, 1] < -0.85


def test_one_factor_brings_the_continuum_to_one_per_oxygen(library, shipped_cells):
    cells, _, edges = shipped_cells
    energy = np.arange(*CONTINUUM_LOSS_EV, 0.05)
    level = np.mean([placed_spectra(cell, edges, energy).mean() for cell in cells])
    assert level * library.header["oxygen_k"]["factor"] == pytest.approx(1.0, abs=0.01)


def test_finished_cells_were_reproduced(shipped_cells):
    _, header, _ = shipped_cells
    differences = {entry["cell"]: entry["cumulative_difference"] for entry in header["reproduction"]}
    assert min(differences.values()) < 0.01


def test_core_hole_factor_and_shift_are_the_means_of_what_was_measured(shipped_cells):
    cells, header, _ = shipped_cells
    used = {cell.settings for cell in cells}
    rows = [entry for entry in header["core_hole"] if entry["hole"] == 0.5 and entry["settings"] in used]
    assert len(rows) >= 4
    factors, shifts = (np.array([entry[key] for entry in rows]) for key in ("factor", "shift_eV"))
    assert factors.mean() == pytest.approx(CORE_HOLE_FACTOR, abs=0.02)
    assert factors.std() < 0.1
    assert shifts.mean() == pytest.approx(CORE_HOLE_SHIFT_EV, abs=0.06)
    assert np.mean([entry["unlike_corrected"] for entry in rows]) < 0.6 * np.mean([entry["unlike"] for entry in rows])


def test_difference_of_a_shifted_spectrum_is_seen():
    one, other = stick(2.02)[0][0], stick(2.52)[0][0]
    one[400:600] = other[400:600] = 0.01
    assert cumulative_difference(one, one, EDGES, 30.0) == 0
    assert cumulative_difference(one, other, EDGES, 30.0) > 0.05
