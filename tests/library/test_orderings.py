"""Symmetry-distinct orderings: counts that can be checked by hand, and equivalence under every operation."""

import numpy as np
import pytest

from eelsmap.library.orderings import SYMBOLS, decoration_of, decorations, layered_across, supercell


@pytest.mark.parametrize("metals", [2, 3, 4, 5, 10])
def test_operations_keep_distances_and_layers(metals):
    cell = supercell(metals)
    lattice = cell.lattice(2.86, 14.25)
    images = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    offset = cell.sites[None, :, None] - cell.sites[:, None, None] + images
    nearest = np.linalg.norm(offset @ lattice, axis=-1).min(axis=-1)
    layer = np.repeat([0, 1, 2], [metals, metals, 2 * metals])
    assert len(cell.permutations) % metals == 0
    assert len(cell.translations) == metals - 1
    for permutation in cell.permutations:
        np.testing.assert_array_equal(np.sort(permutation), np.arange(4 * metals))
        np.testing.assert_array_equal(layer[permutation], layer)
        np.testing.assert_allclose(nearest[np.ix_(permutation, permutation)], nearest, atol=1e-6)


def row_of(text):
    return np.array([SYMBOLS.index("" if word == "-" else word) for word in text.split()])


def test_an_exchange_that_only_turns_the_layers_is_seen():
    cell = supercell(4)
    turned = cell.sites[:8] @ cell.matrix
    planes = np.round(turned.sum(axis=1) - turned[:, 0]).astype(int) % 2
    row = np.full(16, SYMBOLS.index("O"))
    row[:8] = np.where(planes == 0, SYMBOLS.index("Ni"), SYMBOLS.index("Li"))
    assert layered_across(cell, row)
    row[:8] = row_of("Li Ni Ni Mn Ni Li Li Li")
    assert not layered_across(cell, row)
    row[:8] = row_of("Ni Ni Ni Mn Li Li Li Li")
    assert not layered_across(cell, row)


def test_lithium_orders_of_a_three_metal_cell():
    # One metal, one lithium atom of three sites: all three are equivalent by translation.
    found = supercell(3).distinct(decorations("pristine", ("Ni", "Ni", "Ni"), 1))
    assert len(found) == 1
    # All sites filled: the cell repeats itself, so a smaller one holds it.
    full = decorations("pristine", ("Ni", "Ni", "Ni"), 3)
    assert len(supercell(3).distinct(full)) == 0
    assert len(supercell(3).distinct(full, primitive=False)) == 1


def test_pairs_on_a_two_by_two_layer():
    # Two of four sites of a 2 x 2 layer: always a row, hence held by the two-metal cell.
    rows = decorations("pristine", ("Ni", "Ni", "Mn", "Mn"), 0)
    assert len(rows) == 6
    assert len(supercell(4).distinct(rows)) == 0
    assert 1 <= len(supercell(4).distinct(rows, primitive=False)) <= 3


@pytest.mark.parametrize("kind", ["pristine", "vacancy", "antisite"])
def test_distinct_ones_cover_all_and_are_not_equivalent(kind):
    cell = supercell(4)
    rows = decorations(kind, ("Ni", "Ni", "Mn", "Co"), 2)
    found = cell.distinct(rows, primitive=False)
    seen = {tuple(row[permutation]) for row in found for permutation in cell.permutations}
    assert {tuple(row) for row in rows} <= seen
    for row in found:
        orbit = {tuple(row[permutation]) for permutation in cell.permutations}
        assert sum(tuple(other) in orbit for other in found) == 1


def test_antisite_exchanges_nickel_and_lithium():
    rows = decorations("antisite", ("Ni", "Mn", "Co"), 2)
    lithium, nickel = SYMBOLS.index("Li"), SYMBOLS.index("Ni")
    assert ((rows[:, :3] == lithium).sum(axis=1) == 1).all()
    assert ((rows[:, 3:6] == nickel).sum(axis=1) == 1).all()
    assert ((rows == nickel).sum(axis=1) == 1).all()


def test_an_atom_beside_an_empty_site_keeps_its_own():
    cell = supercell(3)
    row = decorations("vacancy", ("Ni", "Mn", "Co"), 1)[0]
    moved = cell.sites.copy()
    lithium = np.flatnonzero(row == SYMBOLS.index("Li"))[0]
    neighbours = np.flatnonzero(row == SYMBOLS.index("O"))
    lattice = cell.lattice(2.86, 14.25)
    offset = moved[neighbours] - moved[lithium]
    offset -= np.round(offset)
    nearest = offset[np.linalg.norm(offset @ lattice, axis=1).argmin()]
    moved[lithium] += 0.6 * nearest  # now nearer to the site of that oxygen than to its own
    species = [SYMBOLS[k] for k in row[row > 0]]
    np.testing.assert_array_equal(decoration_of(species, moved[row > 0], 3), row)


def test_shipped_cells_are_decorations_of_their_supercell(shipped_cells):
    for cell in shipped_cells[0]:
        if cell.phase not in ("layered", "lithium-rich") or cell.layer_sites > 5:
            continue
        row = decoration_of(cell.species, cell.fractional, cell.layer_sites)
        assert sorted(SYMBOLS[k] for k in row if k) == sorted(cell.species), cell.name
        np.testing.assert_array_equal([SYMBOLS[k] for k in row[row > 0]].count("O"), len(cell.oxygen))
        assert {SYMBOLS[k] for k in row[2 * cell.layer_sites :]} <= {"", "O"}


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("kind", "layer", "lithium"),
    [("pristine", ("Ni", "Mn", "Co"), 1), ("pristine", ("Ni", "Ni", "Mn", "Co"), 2), ("vacancy", ("Ni", "Mn", "Co"), 1),
     ("antisite", ("Ni", "Mn", "Co"), 2)],
)  # fmt: skip
def test_as_many_orderings_as_pymatgen_tells_apart(kind, layer, lithium):
    pytest.importorskip("pymatgen")
    from pymatgen.analysis.structure_matcher import StructureMatcher
    from pymatgen.core import Structure

    cell = supercell(len(layer))
    rows = decorations(kind, layer, lithium)
    lattice = cell.lattice(2.86, 14.25)
    structures = [
        Structure(lattice, [SYMBOLS[k] for k in row[row > 0]], cell.sites[row > 0])
        for row in rows[:: max(1, len(rows) // 60)]
    ]
    matcher = StructureMatcher(
        primitive_cell=False, scale=False, attempt_supercell=False, stol=0.05, ltol=0.01, angle_tol=0.5
    )
    groups = matcher.group_structures(structures)
    assert len(groups) == len(np.unique(cell.keys(rows[:: max(1, len(rows) // 60)])))
