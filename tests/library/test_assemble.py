"""From cells to a library: what is filled in, by whom, and that the same inputs give the same file."""

from dataclasses import replace

import numpy as np
import pytest

from eelsmap.errors import LibraryError
from eelsmap.library.assemble import GRIDS, assemble, oxygen_spectra
from eelsmap.library.content import ELEMENT_OF_EDGE
from eelsmap.library.store import load_library, save_library
from eelsmap.library.surrogate import CellPrediction


class Lines:
    """L2,3 edges whose height says valence, and whose position says bond length and elongation."""

    header = {"edrixs": "none"}  # noqa: RUF012

    def spectrum(self, ion, bond_length, reduction, energy, elongation=0.0):
        centre = energy[100] + 5 * (bond_length - 1.9) + elongation
        return np.exp(-0.5 * (energy - centre) ** 2) * float(ion[-1]) + 0.01 * reduction


class Teacher:
    """A surrogate that says the same of every oxygen."""

    header = {"factor": 2.0, "metrics": {}}  # noqa: RUF012

    def evaluate(self, cell):
        count = len(cell.oxygen)
        rows = np.ones((count, GRIDS["O_K"].size))
        flagged = np.arange(count) == 0
        return CellPrediction(rows, 0.1 * rows, rows[0], 0.1 * rows[0], np.zeros(count), flagged)


@pytest.fixture(scope="module")
def cells(shipped_cells):
    found = shipped_cells[0]
    kinds = [next(cell for cell in found if cell.kind == kind) for kind in ("pristine", "vacancy", "antisite")]
    return [*kinds, *found[-3:]]


@pytest.fixture(scope="module")
def parts(cells, shipped_cells):
    """Three calculated cells, and three relaxed structures of which one was calculated under its name."""
    relaxed = [
        replace(cell, intensity=np.zeros((len(cell.oxygen), 0)), complete_to=np.nan, settings="") for cell in cells[2:]
    ]
    return cells[:3], shipped_cells[1], shipped_cells[2], Lines(), relaxed


@pytest.fixture(scope="module")
def made(parts):
    return assemble(*parts[:4], relaxed=parts[4], surrogate=Teacher(), inputs={"cells": "abc"})


def test_who_made_each_record_is_told(made, parts):
    names = [cell.name for cell in parts[0]] + [cell.name for cell in parts[4][1:]]
    assert list(made.parent_names) == names
    for number in range(len(names)):
        expected = "calculated" if number < 3 else "surrogate"
        assert set(made.origin[made.parent == number]) == {expected}
    filled = made.origin == "surrogate"
    assert all("surrogate" in made.source[i]["O_K"] for i in np.flatnonzero(filled))
    assert not any("surrogate" in made.source[i]["O_K"] for i in np.flatnonzero(~filled))
    assert made.header["inputs"] == {"cells": "abc"}


def test_uncertainty_belongs_to_what_was_filled_in(made):
    filled = made.origin == "surrogate"
    scale = made.header["oxygen_k"]["factor"] / 2.0
    np.testing.assert_allclose(made.labels["surrogate_uncertainty"][filled], 0.1 * scale, rtol=1e-6)
    np.testing.assert_array_equal(made.labels["surrogate_uncertainty"][~filled], 0)
    np.testing.assert_allclose(made.spectra["O_K"][filled], scale, rtol=1e-6)
    whole = filled & (made.kind == "structure")
    assert (made.labels["surrogate_extrapolated"][whole] > 0).all()
    assert (made.labels["surrogate_extrapolated"][whole] < 0.5).all()


def test_calculated_spectra_are_those_of_their_cell(made, parts):
    placed, _ = oxygen_spectra(parts[0], parts[2])
    for number, sites in enumerate(placed):
        rows = made.spectra["O_K"][made.parent == number]
        np.testing.assert_allclose(rows[0], sites.mean(axis=0), atol=1e-4 * sites.max())
        assert len(rows) == len(sites) + 1


def test_metal_edges_follow_valence(made):
    for edge, element in ELEMENT_OF_EDGE.items():
        if element == "O":
            continue
        present = made.atoms[element] > 0
        assert present.any()
        area = 0.1 * made.spectra[edge][present].sum(axis=1)
        valence = made.labels[f"{element.lower()}_valence"][present]
        # The Slater reduction of a cell adds at most 0.01 over the window of 46 eV.
        above = area - np.sqrt(2 * np.pi) * valence
        assert above.min() > -0.01
        assert above.max() < 0.5


def test_structures_without_an_edge_need_a_surrogate(parts):
    with pytest.raises(LibraryError, match="3 structures have no calculated O K edge and no surrogate"):
        assemble(*parts[:4], relaxed=parts[4])


def test_a_cell_that_cannot_balance_charge_is_left_out_and_named(parts):
    cells, header, edges, lines, _ = parts
    strange = replace(cells[0], name="strange", species=tuple("O" if s == "Li" else s for s in cells[0].species))
    rows = np.ones((len(strange.oxygen), cells[0].intensity.shape[1]))
    strange = replace(strange, intensity=rows, details={})  # potentials and moments are those of other atoms
    lines_said = []
    made = assemble([*cells, strange], header, edges, lines, report=lines_said.append)
    assert "strange" not in made.parent_names
    assert "add up to" in made.header["left_out"]["strange"]
    assert any("left out strange" in line for line in lines_said)


def test_the_same_inputs_give_the_same_bytes(made, parts, tmp_path):
    again = assemble(*parts[:4], relaxed=parts[4], surrogate=Teacher(), inputs={"cells": "abc"})
    assert again.sha256 == made.sha256
    save_library(made, tmp_path / "one.npz")
    save_library(again, tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_a_library_in_memory_is_the_one_that_is_loaded(made, tmp_path):
    save_library(made, tmp_path / "library.npz")
    loaded = load_library(tmp_path / "library.npz")
    assert loaded.sha256 == made.sha256
    for edge, spectra in made.spectra.items():
        np.testing.assert_array_equal(loaded.spectra[edge], spectra)
    for name, values in made.labels.items():
        np.testing.assert_array_equal(loaded.labels[name], values)
    for one, two in zip(loaded.structures, made.structures, strict=True):
        assert (one.name, one.species, one.family, one.phase) == (two.name, two.species, two.family, two.phase)
        np.testing.assert_array_equal(one.fractional, two.fractional)
        np.testing.assert_array_equal(one.valence, two.valence)
        np.testing.assert_array_equal(one.site, two.site)
