"""Layers by geometry, whatever setting a structure comes in; structures that are refused; mean valences."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from eelsmap.errors import LibraryError
from eelsmap.library.cells import load_cells
from eelsmap.library.charge_balance import balanced_means, redox_means
from eelsmap.library.crystal import (
    Crystal,
    bond_lengths,
    crystal_from_dict,
    crystal_from_parameters,
    lattice_parameters,
    layered_cell,
)
from tests.library.published_example import structure_dict


@pytest.fixture(scope="module")
def cells():
    found = load_cells(Path(str(files("eelsmap"))) / "data" / "oxygen_k_cells.npz")[0]
    # A third of the metals exchanged: other planes can be ordered as well as the layers (see `layered_cell`).
    return [cell for cell in found if cell.phase == "layered" and (cell.kind != "antisite" or cell.layer_sites > 3)]


def as_crystal(cell):
    return Crystal(cell.species, cell.lattice, cell.fractional)


def labels(cell):
    return cell.kind, cell.layer_sites, sorted(cell.species[: cell.layer_sites]), sorted(cell.species)


def test_every_calculated_cell_is_understood(cells):
    assert len(cells) > 100
    for cell in cells:
        order = np.random.default_rng(len(cell.name)).permutation(len(cell.species))
        mixed = Crystal(tuple(cell.species[i] for i in order), cell.lattice, cell.fractional[order])
        assert labels(layered_cell(mixed, cell.name)) == labels(cell), cell.name


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_neither_cell_nor_origin_nor_order_nor_orientation_matters(cells, data):
    cell = cells[data.draw(st.integers(0, len(cells) - 1))]
    seed = data.draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    # Another basis of the same lattice, of determinant one.
    change = np.eye(3, dtype=int)
    for _ in range(data.draw(st.integers(0, 2))):
        i, j = random.permutation(3)[:2]
        change[i] += int(random.choice([-1, 1])) * change[j]
    rotation = np.linalg.qr(random.normal(size=(3, 3)))[0]
    fractional = (cell.fractional + random.uniform(-2, 2, 3)) @ np.linalg.inv(change)
    order = random.permutation(len(cell.species))
    other = Crystal(tuple(cell.species[i] for i in order), change @ cell.lattice @ rotation, fractional[order])
    result = layered_cell(other, "other")
    assert labels(result) == labels(cell)
    for element, length in bond_lengths(layered_cell(as_crystal(cell), "same")).items():
        assert bond_lengths(result)[element] == pytest.approx(length, nan_ok=True)


def test_a_supercell_has_the_same_layers(cells):
    cell = next(cell for cell in cells if cell.kind == "vacancy")
    shifts = np.array([[0, 0, 0], [1, 0, 0]])
    fractional = ((cell.fractional[None] + shifts[:, None]) / [2, 1, 1]).reshape(-1, 3)
    double = Crystal(cell.species * 2, cell.lattice * np.array([[2], [1], [1]]), fractional)
    result = layered_cell(double, "double")
    assert (result.kind, result.layer_sites) == ("vacancy", 2 * cell.layer_sites)
    assert result.li_content == pytest.approx(cell.li_content)


def test_sites_are_ordered_metal_layer_lithium_layer_oxygen(cells):
    cell = next(cell for cell in cells if cell.kind == "antisite" and len(cell.lithium) > 1)
    result = layered_cell(as_crystal(cell), "x")
    assert "Li" in result.species[: result.layer_sites]
    assert "Ni" in result.species[result.layer_sites : -len(result.oxygen)]
    assert set(result.species[-len(result.oxygen) :]) == {"O"}


def test_pymatgen_dictionary_is_read(cells):
    cell = cells[0]
    crystal = crystal_from_dict(structure_dict(cell))
    assert crystal.species == cell.species
    np.testing.assert_allclose(crystal.lattice, cell.lattice)
    np.testing.assert_allclose(crystal.fractional, cell.fractional)


def test_real_pymatgen_writes_what_is_read(cells):
    structure = pytest.importorskip("pymatgen.core").Structure(
        cells[0].lattice, list(cells[0].species), cells[0].fractional
    )
    crystal = crystal_from_dict(structure.as_dict())
    assert crystal.species == cells[0].species
    np.testing.assert_allclose(crystal.fractional, cells[0].fractional)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("lattice"),
        lambda d: d.pop("sites"),
        lambda d: d["sites"][0].pop("abc"),
        lambda d: d["sites"][0].update(abc=[0.0, float("nan"), 0.0]),
        lambda d: d["sites"][0].update(abc=[0.0]),
        lambda d: d["sites"][0].update(species=[]),
        lambda d: d["sites"][0]["species"][0].update(occu=0.5),
        lambda d: d["sites"][0]["species"].append({"element": "Co", "occu": 0.5}),
        lambda d: d["lattice"].update(matrix=[[1, 0, 0], [2, 0, 0], [0, 0, 1]]),
        lambda d: d["lattice"].update(matrix="x"),
        lambda d: d.update(sites=[]),
    ],
)
def test_damaged_dictionaries_are_refused(cells, change):
    content = structure_dict(cells[0])
    change(content)
    with pytest.raises(LibraryError, match="structure"):
        crystal_from_dict(content)


@pytest.mark.parametrize("content", [None, 3, "text", [], {}])
def test_what_is_no_dictionary_of_a_structure_is_refused(content):
    with pytest.raises(LibraryError, match="structure"):
        crystal_from_dict(content)


def rock_salt(cations):
    corners = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    sites = np.concatenate([(corners + np.array(shift)) / 2 for shift in np.ndindex(2, 2, 2)])
    places = np.concatenate([sites, sites + np.array([0.25, 0, 0])])
    return Crystal((*cations, *("O",) * 32), np.eye(3) * 8.2, places)


def test_rock_salt_has_no_layers():
    mixed = np.random.default_rng(0).permutation(["Ni"] * 16 + ["Li"] * 16)
    for cations in (["Ni"] * 32, mixed):
        with pytest.raises(LibraryError, match="no alternating layers"):
            layered_cell(rock_salt(cations), "rock salt")


def test_other_elements_and_missing_ones_are_refused(cells):
    cell = as_crystal(cells[0])
    with pytest.raises(LibraryError, match="holds Si"):
        layered_cell(cell._replace(species=("Si", *cell.species[1:])), "doped")
    with pytest.raises(LibraryError, match="needs oxygen"):
        layered_cell(cell._replace(species=("Ni",) * len(cell.species)), "metal")


def test_missing_metals_are_refused(cells):
    cell = next(cell for cell in cells if cell.kind == "pristine" and len(cell.lithium) == 3)
    keep = [i for i in range(len(cell.species)) if i != 0]
    with pytest.raises(LibraryError, match="metals are missing"):
        layered_cell(Crystal(tuple(cell.species[i] for i in keep), cell.lattice, cell.fractional[keep]), "holes")


@settings(max_examples=100, deadline=None)
@given(
    lengths=st.tuples(*[st.floats(1, 30)] * 3),
    angles=st.tuples(*[st.floats(30, 150)] * 3),
)
def test_lattice_parameters_and_vectors_say_the_same(lengths, angles):
    try:
        crystal = crystal_from_parameters(lengths, angles, ("O",), np.zeros((1, 3)))
    except LibraryError:
        alpha, beta, gamma = angles
        possible = sum(angles) < 360 and abs(alpha - beta) < gamma < alpha + beta
        assert not possible
        return
    assume(abs(np.linalg.det(crystal.lattice)) > 1e-3)
    for got, wanted in zip(lattice_parameters(crystal.lattice), (lengths, angles), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_charge_balance_fixes_single_elements_and_limits():
    assert balanced_means({"Ni": 3, "Mn": 0, "Co": 0}, 9)["Ni"] == pytest.approx(3)
    assert balanced_means({"Ni": 1, "Mn": 1, "Co": 1}, 12) == pytest.approx({"Ni": 4, "Mn": 4, "Co": 4})
    assert np.isnan(list(balanced_means({"Ni": 1, "Mn": 1, "Co": 1}, 9).values())).all()
    assert np.isnan(list(balanced_means({"Ni": 3, "Mn": 0, "Co": 0}, 13).values())).all()
    assert np.isnan(balanced_means({"Ni": 3, "Mn": 0, "Co": 0}, 9)["Co"])


def test_order_of_redox():
    nmc = {"Ni": 6, "Mn": 2, "Co": 2}
    assert redox_means(nmc, 30) == pytest.approx({"Ni": 16 / 6, "Mn": 4, "Co": 3})
    assert redox_means(nmc, 38) == pytest.approx({"Ni": 4, "Mn": 4, "Co": 3})
    assert redox_means(nmc, 40) == pytest.approx({"Ni": 4, "Mn": 4, "Co": 4})
    assert redox_means(nmc, 24) == pytest.approx({"Ni": 2, "Mn": 3, "Co": 3})
    assert np.isnan(list(redox_means(nmc, 41).values())).all()


@given(
    counts=st.fixed_dictionaries({metal: st.integers(0, 12) for metal in ("Ni", "Mn", "Co")}),
    total=st.integers(0, 150),
)
def test_valences_balance_charge_or_are_unknown(counts, total):
    for means in (redox_means(counts, total), balanced_means(counts, total)):
        assert set(means) == set(counts)
        known = [means[metal] for metal, count in counts.items() if count]
        assert all(np.isnan(means[metal]) for metal, count in counts.items() if not count)
        assert all(np.isnan(value) or 2 - 1e-9 <= value <= 4 + 1e-9 for value in known)
    means = redox_means(counts, total)
    known = [count * means[metal] for metal, count in counts.items() if count]
    if known and 2 * sum(counts.values()) <= total <= 4 * sum(counts.values()):
        assert sum(known) == pytest.approx(total)
    else:
        assert np.isnan(known).all() or not known
