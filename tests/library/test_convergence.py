"""Comparisons of two calculations of one cell, the files of rows, and the rows that ship."""

from dataclasses import replace

import numpy as np
import pytest

from eelsmap.errors import LibraryError
from eelsmap.library.cells import load_cells, save_cells
from eelsmap.library.convergence import difference
from eelsmap.library.core_hole import unlikeness
from eelsmap.library.evidence import add_rows, attach, read_rows
from eelsmap.library.functional import row


@pytest.fixture
def calculated(shipped_cells):
    cells, _, edges = shipped_cells
    return next(cell for cell in cells if "potential_at_nucleus_eV" in cell.details), edges


def test_a_cell_does_not_differ_from_itself(calculated):
    cell, edges = calculated
    assert set(difference(cell, cell, edges).values()) == {0.0}


def test_another_1s_scale_is_seen_in_the_placement_and_not_in_the_shape(calculated):
    cell, edges = calculated
    potential = [value - 0.2 for value in cell.details["potential_at_nucleus_eV"]]
    other = replace(cell, details=cell.details | {"potential_at_nucleus_eV": potential})
    found = difference(cell, other, edges)
    assert found["shift_eV"] == pytest.approx(0.2, abs=1e-3)
    assert found["placed"] > 0.004
    assert found["aligned"] < 0.002


def test_a_changed_site_is_the_worst_one(calculated):
    cell, edges = calculated
    intensity = cell.intensity.copy()
    intensity[1, 60:150] *= 1.3
    found = difference(cell, replace(cell, intensity=intensity), edges)
    assert found["aligned_worst_site"] > 1.5 * found["aligned"] > 0
    assert found["pre_edge_share"] > 0


def test_the_weakened_pre_edge_is_likest_to_a_spectrum_that_was_weakened(calculated):
    cell, edges = calculated
    initial = cell.intensity[0].astype(float)
    centres = (edges[:-1] + edges[1:]) / 2
    end = 4.5
    hole = np.where(centres < end, 0.7 * initial, initial)
    unlike = [unlikeness(initial, hole, edges, cell.complete_to, [end, end], factor) for factor in (1.0, 0.7)]
    assert unlike[0] > 0.02
    assert unlike[1] < 0.2 * unlike[0]


def test_a_row_is_calculated_once_and_kept(tmp_path, calculated, capsys):
    cell, _ = calculated
    calls = []

    def calculate(one, site):
        calls.append(site)
        return {"cell": one.name, "site": site, "hole": 0.5}

    path, cells = tmp_path / "rows.json", {cell.name: cell}
    add_rows(path, [cell.name, f"{cell.name}:1"], cells, calculate, {"hole": 0.5})
    add_rows(path, [cell.name], cells, calculate, {"hole": 0.5})
    assert calls == [0, 1]
    assert [entry["site"] for entry in read_rows(path)] == [0, 1]
    add_rows(path, [cell.name], cells, calculate, {"hole": 1.0})
    assert calls == [0, 1, 0]
    assert cell.name in capsys.readouterr().out


def test_rows_go_into_the_header_and_the_cells_stay(tmp_path, shipped_cells):
    cells, header, edges = shipped_cells
    path = tmp_path / "cells.npz"
    save_cells(cells[:2], path, header["settings"], {"core_hole": [{"cell": "a"}], "reproduction": []}, edges)
    attach(path, {"core_hole": [{"cell": "b"}]})
    found, changed, _ = load_cells(path)
    assert changed["core_hole"] == [{"cell": "b"}]
    assert changed["reproduction"] == []
    np.testing.assert_array_equal(found[1].intensity, cells[1].intensity)


def test_unknown_cells_and_sites_are_refused(tmp_path, calculated):
    cell, _ = calculated
    for wanted in ("no-such-cell", f"{cell.name}:99"):
        with pytest.raises(LibraryError):
            add_rows(tmp_path / "rows.json", [wanted], {cell.name: cell}, lambda one, site: {})


def test_a_file_of_something_else_is_refused(tmp_path):
    for content in ("{", '{"cell": 1}', "[1]"):
        (tmp_path / "rows.json").write_text(content)
        with pytest.raises(LibraryError, match=r"rows\.json"):
            read_rows(tmp_path / "rows.json")


def test_a_line_needs_several_lithium_contents(calculated):
    cell, edges = calculated
    with pytest.raises(LibraryError, match="no line"):
        row([cell, cell, cell], edges, "one")


def test_with_u_the_electrons_sit_where_the_labels_say(shipped_cells):
    cells, _, edges = shipped_cells
    found = row([cell for cell in cells if cell.phase == "layered"], edges, "all")
    assert found["correlation"] < -0.98
    assert found["vacancy"] < -3 * found["scatter"]
    assert found["moment_error"] < 0.6


def test_the_shipped_spectra_are_converged(shipped_cells):
    _, header, _ = shipped_cells
    rows = header["convergence"]
    assert len({entry["cell"] for entry in rows}) >= 2
    for entry in rows:
        assert entry["aligned"] < 0.02, entry
        assert abs(entry["pre_edge_share"]) < 0.01, entry
