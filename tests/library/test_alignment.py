"""The placement of O K edges: its formula on made-up cells, its physics on the calculated ones."""

import json
from dataclasses import replace

import numpy as np
import pytest

from eelsmap.errors import LibraryError
from eelsmap.library.alignment import Alignment, mean_valence, placed_spectra, placement_shifts, site_levels
from eelsmap.library.cells import Cell
from eelsmap.library.oxygen_k import PRE_EDGE_POSITION_EV
from eelsmap.library.thresholds import fit, initial_state_level, leave_one_out, pre_edge_position, relaxations

EDGES = np.arange(-3, 35.01, 0.05)
GRID = np.arange(520.0, 557.05, 0.1)


def cell(name="pristine-900", lithium=1, fermi=5.0, potentials=(-146.0, -146.0), onset=0.5):
    """One metal, two oxygen atoms; one pre-edge state `onset` above E_F, a main edge from 7.5 eV above E_F."""
    species = ("Ni", *["Li"] * lithium, "O", "O")
    intensity = np.zeros((2, EDGES.size - 1))
    intensity[:, np.searchsorted(EDGES, onset + 0.01) - 1] = 0.3
    intensity[:, EDGES[:-1] >= 7.5] = 0.01
    details = {"fermi_eV": fermi, "potential_at_nucleus_eV": list(potentials)}
    zeros = np.zeros((len(species), 3))
    return Cell(name, "pristine", 1, species, np.eye(3) * 4, zeros, zeros[:, 0], intensity, 33.0, "mp-2x2x2-u", details)


def test_the_mean_valence_balances_charge():
    assert mean_valence(cell(lithium=0)) == 4
    assert mean_valence(cell(lithium=1)) == 3


def test_a_lower_potential_at_its_nucleus_moves_an_oxygen_up_by_as_much():
    shifts = placement_shifts(cell(potentials=(-146.0, -146.4)), np.ones(3), np.arange(3.0), Alignment(-3, 0, 500, 0.1))
    assert shifts[1] - shifts[0] == pytest.approx(0.4)


def test_the_fermi_level_does_not_matter():
    alignment = Alignment(-174.0, 0.0, 552.0, 0.1)
    one = placed_spectra(cell(), EDGES, GRID, alignment)
    # The same states, E_F 0.4 eV higher in the gap below them.
    other = cell(fermi=5.4, onset=0.1)
    other = replace(other, intensity=np.where(EDGES[:-1] >= 7.1, 0.01, np.where(other.intensity > 0.1, 0.3, 0.0)))
    two = placed_spectra(other, EDGES, GRID, alignment)
    # What is left is the width, which grows with the energy above E_F.
    assert np.abs(np.cumsum(one[0]) - np.cumsum(two[0])).max() < 0.02 * one[0].sum()


def test_a_cell_without_potentials_gets_its_pre_edge_at_the_constant_place():
    bare = replace(cell(), details={})
    assert site_levels(bare) is None
    energy = np.arange(-12, 34, 0.05)
    band = np.exp(-0.5 * ((energy - 1.7) / 0.4) ** 2)
    np.testing.assert_allclose(placement_shifts(bare, band, energy), PRE_EDGE_POSITION_EV - 1.7, atol=0.01)
    peak = GRID[placed_spectra(bare, EDGES, GRID)[0].argmax()]
    assert peak == pytest.approx(PRE_EDGE_POSITION_EV, abs=0.6)


def test_the_fit_finds_what_made_the_thresholds():
    cells = {f"pristine-{n}": cell(f"pristine-{n}", n % 2, 4.0 + n / 10, (-147 + n / 5, -146.0)) for n in range(6)}
    rows = [
        {
            "cell": name,
            "site": site,
            "threshold_eV": initial_state_level(one, EDGES, site) - 170 - 1.5 * mean_valence(one),
        }
        for name, one in cells.items()
        for site in (0, 1)
    ]
    found = fit(relaxations(rows, cells, EDGES), list(cells.values()), EDGES)
    assert found.intercept == pytest.approx(-170, abs=0.01)
    assert found.per_valence == pytest.approx(-1.5, abs=0.003)
    assert found.leave_one_out < 0.005
    positions = [pre_edge_position(one, EDGES, found) for one in cells.values()]
    assert np.mean(positions) == pytest.approx(PRE_EDGE_POSITION_EV, abs=0.01)


def test_leaving_a_cell_out_leaves_all_its_rows_out():
    features = np.ones((4, 1))
    errors = leave_one_out(["a", "a", "b", "b"], features, np.array([0.0, 2.0, 5.0, 5.0]))
    np.testing.assert_allclose(errors, [-5.0, -3.0, 4.0, 4.0])


def test_too_few_thresholds_are_refused():
    with pytest.raises(LibraryError, match="at least four"):
        fit([{"cell": "a", "mean_valence": 3.0, "relaxation_eV": 1.0}], [], EDGES)


def test_a_file_without_coefficients_is_refused(tmp_path):
    (tmp_path / "alignment.json").write_text(json.dumps({"intercept": 1.0}))
    with pytest.raises(LibraryError, match=r"alignment\.json"):
        Alignment.from_file(tmp_path / "alignment.json")
    with pytest.raises(LibraryError, match="missing"):
        Alignment.from_file(tmp_path / "missing.json")


@pytest.fixture(scope="module")
def placed(shipped_cells):
    """Li content, pre-edge position and centroid of the main edge of the pristine layered cells."""
    cells, _, edges = shipped_cells
    alignment = Alignment.from_file()
    rows = []
    for one in cells:
        if one.kind == "pristine" and one.phase == "layered":
            average = placed_spectra(one, edges, GRID, alignment).mean(axis=0)
            main = (GRID > 533) & (GRID < 550)
            centroid = np.average(GRID[main], weights=average[main])
            rows.append((one.li_content, pre_edge_position(one, edges, alignment), centroid))
    return np.transpose(rows)


def test_the_pre_edge_moves_down_on_delithiation_and_the_main_edge_up(placed):
    lithium, pre_edge, main = placed
    assert 0.3 < np.polyfit(lithium, pre_edge, 1)[0] < 1.5
    assert np.polyfit(lithium, main, 1)[0] < -0.8
    assert np.corrcoef(lithium, main)[0, 1] < -0.9


def test_the_pre_edges_lie_where_they_are_measured(placed, shipped_cells):
    cells, _, edges = shipped_cells
    pristine = [cell for cell in cells if cell.kind == "pristine"]  # lithium-rich ones too
    positions = [pre_edge_position(cell, edges, Alignment.from_file()) for cell in pristine]
    assert np.mean(positions) == pytest.approx(PRE_EDGE_POSITION_EV, abs=0.01)
    assert placed[1].mean() == pytest.approx(PRE_EDGE_POSITION_EV, abs=0.2)
    assert placed[1].min() > 527
    assert placed[1].max() < 531


def test_the_shipped_coefficients_follow_from_the_shipped_thresholds(shipped_cells):
    from eelsmap.library.alignment import FILE

    cells, _, edges = shipped_cells
    stored = json.loads(FILE.read_text())
    rows = relaxations(stored["thresholds"], {one.name: one for one in cells}, edges)
    again = fit(rows, cells, edges)
    assert len({row["cell"] for row in rows}) >= 15
    assert again.per_valence == pytest.approx(stored["per_valence"], abs=0.02)
    assert again.leave_one_out < np.std([row["relaxation_eV"] for row in rows])


def test_oxygen_atoms_of_one_cell_follow_their_potentials(shipped_cells):
    from eelsmap.library.alignment import FILE

    rows = json.loads(FILE.read_text())["thresholds"]
    by_cell = {}
    for row in rows:
        by_cell.setdefault(row["cell"], []).append(row)
    pairs = [found[:2] for found in by_cell.values() if len(found) > 1]
    assert len(pairs) >= 3
    threshold, level = (np.array([b[key] - a[key] for a, b in pairs]) for key in ("threshold_eV", "level_eV"))
    assert np.sum((threshold - level) ** 2) < 0.3 * np.sum(threshold**2)
