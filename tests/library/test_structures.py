"""The plan: geometry of its cells, coverage, order, and that it stays the same."""

import hashlib
from collections import Counter

import numpy as np
import pytest

from eelsmap.library.build import ordering
from eelsmap.library.orderings import decoration_of
from eelsmap.library.structures import METALS, plan, planned_cell, starting_lattice

LAYERED = [entry for entry in plan() if entry.phase in ("layered", "lithium-rich")]


def distances(entry):
    images = np.array([(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)])
    offset = entry.fractional[None, :, None] - entry.fractional[:, None, None] + images
    return np.linalg.norm(offset @ entry.lattice, axis=-1)


def lithium(entry):
    return entry.species.count("Li") / entry.layer_sites


@pytest.mark.parametrize("entry", LAYERED[::20], ids=lambda entry: entry.name)
def test_starting_cells_are_layered_octahedra(entry):
    apart = distances(entry)
    oxygen = np.array([symbol == "O" for symbol in entry.species])
    for metal in range(entry.layer_sites):
        bonds = apart[metal][oxygen].ravel()
        assert 6 - (entry.kind == "vacancy") <= np.count_nonzero(bonds < 2.15) <= 6
    in_layer = apart[: entry.layer_sites, : entry.layer_sites]
    assert 2.78 < in_layer[in_layer > 1e-6].min() < 2.95
    assert apart[apart > 1e-6].min() > 1.8


def test_every_cell_holds_what_its_kind_says():
    for entry in LAYERED:
        assert all(symbol != "O" for symbol in entry.species[: entry.layer_sites]), entry.name
        metals = [symbol for symbol in entry.species if symbol in METALS]
        extra = entry.phase == "lithium-rich"
        assert len(metals) == entry.layer_sites - extra
        assert entry.species.count("O") == 2 * entry.layer_sites - (entry.kind == "vacancy")
        in_layer = entry.species[: entry.layer_sites].count("Li")
        assert in_layer == (entry.kind == "antisite") + extra, entry.name
        total = 2 * entry.species.count("O") - entry.species.count("Li")
        assert 2 * len(metals) <= total <= 4 * len(metals), entry.name


def test_no_two_planned_cells_are_the_same_structure():
    identities = [identity for entry in plan() if (identity := ordering(entry)) is not None]
    assert len(identities) > 800
    assert len(set(identities)) == len(identities)
    assert len({entry.name for entry in plan()}) == len(plan())


def test_plan_covers_what_the_library_needs():
    kinds = Counter((entry.phase, entry.kind) for entry in plan())
    assert kinds["layered", "vacancy"] >= 150
    assert kinds["layered", "antisite"] >= 120
    assert kinds["lithium-rich", "pristine"] + kinds["lithium-rich", "vacancy"] >= 30
    assert 4 <= kinds["rock salt", "reference"] <= 8
    names = {entry.name for entry in plan()}
    assert {"reference-NiO", "reference-MnO", "reference-CoO", "reference-MnO2-rutile"} <= names
    pristine = [entry for entry in LAYERED if entry.kind == "pristine" and entry.phase == "layered"]
    for mixture in ((1, 1, 1), (3, 1, 1), (6, 2, 2), (5, 3, 2), (7, 2, 1), (8, 1, 1), (3, 0, 0), (0, 3, 0), (0, 0, 3)):
        own = [entry for entry in pristine if tuple(entry.species.count(symbol) for symbol in METALS) == mixture]
        assert own, mixture
    for mixture in ((1, 1, 1), (3, 1, 1)):
        own = [entry for entry in pristine if tuple(entry.species.count(symbol) for symbol in METALS) == mixture]
        assert {0.0, 1.0} <= {lithium(entry) for entry in own}
    large = [entry for entry in pristine if entry.layer_sites == 10]
    assert 6 <= len(large) <= 8
    assert all(30 <= len(entry.species) <= 40 for entry in large)


@pytest.mark.parametrize("kind", ["pristine", "vacancy", "antisite"])
def test_every_stretch_is_mixed(kind):
    mixture = LAYERED[:]
    for start in range(0, 700, 100):
        own = [entry for entry in mixture[start : start + 100] if entry.kind == kind]
        assert 20 <= len(own) <= 55
        assert min(map(lithium, own)) <= 0.25
        assert max(map(lithium, own)) >= 1
        assert all(any(symbol in entry.species for entry in own) for symbol in METALS)


def test_plan_never_changes():
    # Relaxed and calculated cells are kept by name: another structure under a name would spoil them.
    text = "|".join(f"{entry.name} {''.join(entry.species)}" for entry in plan())
    sites = [decoration_of(entry.species, entry.fractional, entry.layer_sites) for entry in LAYERED]
    assert planned_cell(0).name == plan()[0].name
    digest = hashlib.sha256(text.encode() + np.concatenate(sites).astype(np.uint8).tobytes()).hexdigest()
    assert digest[:16] == "b1ada6072eab674d"


def test_starting_lattice_grows_with_lithium_and_manganese():
    empty, full = starting_lattice(["Ni", "Mn", "Co"], 0), starting_lattice(["Ni", "Mn", "Co"], 1)
    assert full[0] > empty[0]
    assert starting_lattice(["Mn"] * 3, 1)[0] > starting_lattice(["Co"] * 3, 1)[0] + 0.05
