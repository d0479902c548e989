"""Neighbours, counts and labels of records."""

import numpy as np
import pytest

from eelsmap.library.geometry import CellGeometry


@pytest.fixture(scope="module")
def geometries(shipped_cells):
    return [CellGeometry(cell) for cell in shipped_cells[0]]


def test_every_oxygen_of_a_pristine_cell_binds_three_metals(geometries):
    for geometry in geometries:
        if geometry.cell.kind == "pristine" and geometry.cell.phase == "layered":
            assert {len(metals) for metals in geometry.bound.values()} == {3}


def test_a_vacancy_leaves_three_open_metals(geometries):
    for geometry in geometries:
        found = len(geometry.open_metals)
        if geometry.cell.kind != "vacancy":
            assert found == 0, geometry.cell.name
        elif geometry.cell.phase == "layered":
            assert found == 3, geometry.cell.name
        else:  # beside lithium in the metal layer there are fewer metals
            assert 1 <= found <= 3, geometry.cell.name


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
    layered = library.phase == "layered"
    structure = library.kind == "structure"
    np.testing.assert_allclose(metals[structure & layered], 3)
    local = ~structure & layered
    assert set(metals[local]) <= {2.0, 3.0, 4.0}
    assert set(metals[local & (library.labels["antisite"] == 0)]) == {3.0}
    assert set(library.labels["li_count"][local]) == {0.0, 1.0, 2.0, 3.0}
    np.testing.assert_array_equal(library.atoms["O"][~structure], 3)
    assert metals.max() <= 4
    assert library.labels["li_count"][~structure].max() <= 3


def test_structure_records_carry_the_lithium_of_their_cell(library):
    rows = (library.kind == "structure") & np.isin(library.phase, ("layered", "lithium-rich"))
    np.testing.assert_allclose(library.labels["li_count"][rows], 3 * library.labels["li_content"][rows])


def test_bond_lengths_of_records_are_means_of_their_metals(library):
    for element in ("ni", "mn", "co"):
        lengths = library.labels[f"{element}_bond_length"]
        np.testing.assert_array_equal(np.isnan(lengths), library.labels[f"{element}_count"] == 0)
        assert 1.8 < np.nanmin(lengths) < np.nanmax(lengths) < 2.4


def test_defect_labels_of_environments_belong_to_cells_with_that_defect(library):
    for name in ("vacancy", "antisite"):
        for parent in np.unique(library.parent):
            rows = library.parent == parent
            whole = library.labels[name][rows & (library.kind == "structure")]
            local = library.labels[name][rows & (library.kind == "environment")]
            assert whole.size == 1
            assert bool(local.any()) == bool(whole[0])
