"""No leak between train and test, and a test side that covers what the library holds."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from eelsmap.library.build import ordering
from eelsmap.library.cells import Cell
from eelsmap.library.geometry import CellGeometry
from eelsmap.library.split import family, side, side_of_family
from eelsmap.library.structures import plan


def planned_cells():
    return [
        Cell(entry.name, entry.kind, entry.layer_sites, entry.species, entry.lattice, entry.fractional,
             np.zeros(len(entry.species)), np.zeros((0, 0)), 0.0, "", {"phase": entry.phase})
        for entry in plan()
    ]  # fmt: skip


def formula(cell):
    counts = Counter(cell.species)
    divisor = np.gcd.reduce(list(counts.values()))
    return tuple(sorted((symbol, count // divisor) for symbol, count in counts.items()))


@pytest.fixture(scope="module")
def everything(shipped_cells):
    planned = {cell.name: cell for cell in planned_cells()}
    return list((planned | {cell.name: cell for cell in shipped_cells[0]}).values())


def test_one_formula_and_one_ordering_are_on_one_side(everything):
    by_formula, by_ordering = {}, {}
    for cell in everything:
        if cell.kind != "reference":
            by_formula.setdefault(formula(cell), set()).add(side(cell))
        if (identity := ordering(cell)) is not None:
            by_ordering.setdefault(identity, set()).add(side(cell))
    assert len(by_formula) > 250
    assert all(len(sides) == 1 for sides in by_formula.values())
    assert all(len(sides) == 1 for sides in by_ordering.values())


def test_family_does_not_depend_on_the_size_of_the_cell(shipped_cells):
    small = next(cell for cell in shipped_cells[0] if cell.name == "pristine-042")
    atoms = len(small.species)
    doubled = replace(
        small,
        layer_sites=2 * small.layer_sites,
        species=tuple(symbol for symbol in small.species for _ in (0, 1)),
        lattice=small.lattice * np.array([[2.0], [1.0], [1.0]]),
        fractional=np.repeat(small.fractional, 2, axis=0) * [0.5, 1, 1]
        + np.tile([[0, 0, 0], [0.5, 0, 0]], (atoms, 1)),
    )  # fmt: skip
    assert family(doubled) == family(small) == "complete|Co1 Mn1 Ni1|0"


def test_exchange_keeps_the_family_and_a_vacancy_changes_it(shipped_cells):
    cell = next(cell for cell in shipped_cells[0] if cell.name == "pristine-037")
    assert family(replace(cell, kind="antisite")) == family(cell)
    assert family(replace(cell, kind="vacancy")) == "vacancy|Co1 Mn1 Ni1|1"
    assert side(replace(cell, kind="reference")) == "reference"


def third(cell):
    return "low" if cell.li_content < 0.34 else "middle" if cell.li_content < 0.67 else "high"


@pytest.mark.parametrize(
    ("phase", "kind", "least"),
    [("layered", "pristine", 75), ("layered", "vacancy", 65), ("layered", "antisite", 55),
     ("lithium-rich", "pristine", 6), ("lithium-rich", "vacancy", 5), ("lithium-rich", "antisite", 3)],
)  # fmt: skip
def test_both_sides_hold_every_defect_and_lithium_content(everything, phase, kind, least):
    own = [cell for cell in everything if (cell.phase, cell.kind) == (phase, kind)]
    held_out = sum(side(cell) == "test" for cell in own)
    assert held_out >= least
    assert 0.1 < held_out / len(own) < 0.4
    for level in {third(cell) for cell in own}:
        sides = Counter(side(cell) for cell in own if third(cell) == level)
        assert sides["test"] >= 1, level
        assert sides["train"] > sides["test"], level
    if phase == "layered":
        assert {third(cell) for cell in own} == {"low", "middle", "high"}


@pytest.mark.parametrize("kind", ["pristine", "vacancy", "antisite"])
def test_calculated_cells_of_both_sides_hold_every_defect_and_lithium_content(shipped_cells, kind):
    found = {(third(cell), side(cell)) for cell in shipped_cells[0] if (cell.phase, cell.kind) == ("layered", kind)}
    assert found == {(level, one) for level in ("low", "middle", "high") for one in ("train", "test")}


def test_calculated_lithium_rich_cells_are_on_both_sides(shipped_cells):
    own = [cell for cell in shipped_cells[0] if cell.phase == "lithium-rich"]
    assert {side(cell) for cell in own} == {"train", "test"}


def test_both_sides_hold_every_valence(shipped_cells):
    """Calculated ions whose valences are not in doubt, by side; Mn2+ is in the references alone."""
    found = set()
    for cell in shipped_cells[0]:
        geometry = CellGeometry(cell)
        if not geometry.valences.sites_ambiguous:
            found |= {(cell.species[metal], valence, side(cell)) for metal, valence in geometry.valence.items()}
    for ion in (("Ni", 2), ("Ni", 3), ("Ni", 4), ("Mn", 3), ("Mn", 4), ("Co", 2), ("Co", 3), ("Co", 4)):
        assert {(*ion, "train"), (*ion, "test")} <= found
    assert ("Mn", 2, "reference") in found


def test_no_parent_is_on_both_sides(library):
    for parent in np.unique(library.parent):
        assert len(set(library.split[library.parent == parent])) == 1


# The assignment of a family must never change: trained models rest on it.
@pytest.mark.parametrize(
    ("name", "expected"),
    [("complete|Co1 Mn1 Ni1|1", "test"), ("complete|Co1|0", "train"), ("vacancy|Co1 Ni3|1/2", "train"),
     ("complete|Mn1 Ni3|1/4", "test"), ("complete|Ni1|1", "train"), ("lithium-rich|Mn1|2", "test"),
     ("lithium-rich|Mn2 Ni1|5/3", "train"), ("vacancy|Co1 Mn1 Ni2|1/2", "test"),
     ("reference|reference-NiO", "reference")],
)  # fmt: skip
def test_assignment_is_fixed(name, expected):
    assert side_of_family(name) == expected
