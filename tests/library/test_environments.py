"""Neighbours, counts and labels of records."""

import numpy as np
import pytest

from eelsmap.library.environments import CellGeometry


@pytest.fixture(scope="module")
def geometries(shipped_cells):
    return [CellGeometry(cell) for cell in shipped_cells[0]]


def test_every_oxygen_of_a_pristine_cell_binds_three_metals(geometries):
    for geometry in geometries:
        if geometry.cell.kind == "pristine":
            assert {len(metals) for metals in geometry.bound.values()} == {3}


def test_a_vacancy_leaves_three_open_metals(geometries):
    for geometry in geometries:
        assert len(geometry.open_metals) == (3 if geometry.cell.kind == "vacancy" else 0), geometry.cell.name


def test_an_antisite_is_one_exchanged_pair(geometries):
    for geometry in geometries:
        exchanged = sorted(geometry.cell.species[i] for i in geometry.exchanged)
        assert exchanged == (["Li", "Ni"] if geometry.cell.kind == "antisite" else []), geometry.cell.name


def test_bond_lengths_follow_valence(geometries):
    lengths = {}
    for geometry in geometries:
        if geometry.cell.kind == "pristine":
            for metal, valence in geometry.valence.items():
                lengths.setdefault((geometry.cell.species[metal], valence), []).append(geometry.bond_length[metal])
    mean = {ion: np.mean(values) for ion, values in lengths.items()}
    assert mean["Ni", 2] > mean["Ni", 3] > mean["Ni", 4]
    assert mean["Mn", 3] > mean["Mn", 4]
    assert mean["Co", 3] > mean["Co", 4]


def test_counts_are_of_one_environment(library):
    metals = sum(library.labels[f"{element}_count"] for element in ("ni", "mn", "co"))
    structure = library.kind == "structure"
    np.testing.assert_allclose(metals[structure], 3)
    assert set(metals[~structure]) <= {2.0, 3.0, 4.0}
    away = ~structure & (library.labels["antisite"] == 0)
    assert set(metals[away]) == {3.0}
    assert set(library.labels["li_count"][~structure]) == {0.0, 1.0, 2.0, 3.0}
    np.testing.assert_array_equal(library.atoms["O"][~structure], 3)


def test_structure_records_carry_the_lithium_of_their_cell(library):
    rows = library.kind == "structure"
    np.testing.assert_allclose(library.labels["li_count"][rows], 3 * library.labels["li_content"][rows])


def test_defect_labels_of_environments_belong_to_cells_with_that_defect(library):
    for name in ("vacancy", "antisite"):
        for parent in np.unique(library.parent):
            rows = library.parent == parent
            whole = library.labels[name][rows & (library.kind == "structure")]
            local = library.labels[name][rows & (library.kind == "environment")]
            assert whole.size == 1
            assert bool(local.any()) == bool(whole[0])
