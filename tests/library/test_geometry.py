"""Neighbours, elongation and defects of cells of every kind."""

import numpy as np
import pytest

from eelsmap.library.cells import Cell
from eelsmap.library.environments import describe, environment_weights
from eelsmap.library.geometry import CellGeometry, elongation
from eelsmap.library.labels import METALS
from eelsmap.library.probe import Probe
from eelsmap.library.structures import plan

AXES = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], dtype=float)


def cell_of(name, species, sites, lattice, fractional, moments, *, kind="reference", phase="reference"):
    return Cell(
        name, kind, sites, tuple(species.split()), np.asarray(lattice, float), np.asarray(fractional, float),
        np.asarray(moments, float), np.zeros((species.split().count("O"), 0)), np.nan, "", {"phase": phase},
    )  # fmt: skip


@pytest.fixture(scope="module")
def nickel_oxide():
    half = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    places = np.concatenate([half, np.add(half, [0.5, 0, 0])])
    return cell_of("NiO", "Ni Ni Ni Ni O O O O", 4, np.eye(3) * 4.17, places, [1.6] * 4 + [0] * 4)


def test_an_elongated_octahedron_shows_its_elongation():
    stretched = AXES * np.array([1.9, 1.92, 1.9, 1.88, 2.2, 2.24])[:, None]
    assert elongation(stretched) == pytest.approx(2.22 - 1.9)
    turned = stretched @ np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    assert elongation(turned[[3, 1, 5, 0, 4, 2]]) == pytest.approx(0.32)
    assert elongation(AXES * 2.0) == pytest.approx(0)


def test_what_is_not_an_octahedron_has_no_elongation():
    assert elongation(AXES[:5] * np.arange(1, 6)[:, None]) == 0
    assert elongation(np.abs(AXES) + 0.01 * np.arange(6)[:, None]) == 0


def test_rock_salt_counts_three_metals_and_three_oxygen(nickel_oxide):
    structure = describe(nickel_oxide, "surrogate", "")
    assert (structure.split, structure.li_content) == ("reference", 0)
    np.testing.assert_allclose(structure.valence[:4], 2)
    np.testing.assert_allclose(structure.bond_length[:4], 2.085, rtol=1e-6)
    weights, _ = environment_weights(structure, Probe())
    np.testing.assert_allclose(weights @ structure.mask("Ni"), 3)
    np.testing.assert_allclose(weights @ structure.mask("O"), 3)


def test_a_reference_has_no_defects(nickel_oxide):
    geometry = CellGeometry(nickel_oxide)
    assert geometry.open_metals == set()
    assert geometry.exchanged == set()


def test_lithium_in_the_metal_layer_is_no_antisite_in_lithium_rich_cells():
    planned = next(
        item for item in plan() if item.phase == "lithium-rich" and item.kind == "pristine" and "Mn" in item.species
    )
    moments = [2.85 if symbol == "Mn" else 1.0 if symbol == "Ni" else 0.0 for symbol in planned.species]
    cell = cell_of(
        planned.name, " ".join(planned.species), planned.layer_sites, planned.lattice, planned.fractional, moments,
        kind=planned.kind, phase=planned.phase,
    )  # fmt: skip
    geometry = CellGeometry(cell)
    assert any(symbol == "Li" for symbol in cell.species[: cell.layer_sites])
    assert geometry.exchanged == set()
    assert cell.li_content == cell.species.count("Li") / cell.layer_sites
    structure = describe(cell, "surrogate", "")
    metals = sum(environment_weights(structure, Probe())[0] @ structure.mask(element) for element in METALS)
    assert metals.max() <= 3
    assert metals.min() < 3


def test_ten_metals_take_less_than_a_second():
    import time

    planned = next(item for item in plan() if item.layer_sites == 10)
    moments = [{"Ni": 1.0, "Mn": 2.85}.get(symbol, 0.0) for symbol in planned.species]
    cell = cell_of(
        planned.name, " ".join(planned.species), 10, planned.lattice, planned.fractional, moments, kind="pristine",
        phase="layered",
    )  # fmt: skip
    started = time.process_time()
    environment_weights(describe(cell, "surrogate", ""), Probe())
    assert time.process_time() - started < 1
