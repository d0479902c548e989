"""Geometry and order of the planned cells."""

import numpy as np
import pytest

from eelsmap.library.structures import HEXAGONAL_A, planned_cell


def distances(plan):
    images = np.array([(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)])
    offset = plan.fractional[None, :, None] - plan.fractional[:, None, None] + images
    return np.linalg.norm(offset @ plan.lattice, axis=-1)


@pytest.mark.parametrize("number", range(20))
def test_ideal_cells_are_layered_octahedra(number):
    plan = planned_cell(number)
    apart = distances(plan)
    oxygen = np.array([symbol == "O" for symbol in plan.species])
    for metal in range(plan.layer_sites):
        bonds = apart[metal][oxygen].ravel()
        missing = plan.kind == "vacancy"
        assert 6 - missing <= np.count_nonzero(bonds < 2.15) <= 6
    in_layer = apart[: plan.layer_sites, : plan.layer_sites]
    assert in_layer[in_layer > 1e-6].min() == pytest.approx(HEXAGONAL_A, abs=1e-6)
    assert apart[apart > 1e-6].min() > 1.8


@pytest.mark.parametrize("number", range(60))
def test_plan_is_consistent(number):
    plan = planned_cell(number)
    count = {symbol: plan.species.count(symbol) for symbol in ("Li", "Ni", "Mn", "Co", "O")}
    assert count["Ni"] + count["Mn"] + count["Co"] == plan.layer_sites
    assert count["Li"] <= plan.layer_sites
    assert count["O"] == 2 * plan.layer_sites - (plan.kind == "vacancy")
    assert ("Li" in plan.species[: plan.layer_sites]) == (plan.kind == "antisite")
    assert plan.name == planned_cell(number).name
    np.testing.assert_array_equal(plan.fractional, planned_cell(number).fractional)


def test_plan_is_mixed_from_the_start():
    plans = [planned_cell(number) for number in range(40)]
    kinds = [plan.kind for plan in plans]
    assert (kinds.count("pristine"), kinds.count("vacancy"), kinds.count("antisite")) == (16, 12, 12)
    for kind in set(kinds):
        lithium = {plan.species.count("Li") / plan.layer_sites for plan in plans if plan.kind == kind}
        assert min(lithium) <= 0.25
        assert max(lithium) == 1
