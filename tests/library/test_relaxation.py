"""Relaxation with the real model: forces, agreement with finished cells, speed in evaluations."""

import numpy as np
import pytest

from eelsmap.library.geometry import CellGeometry
from eelsmap.library.relaxation import FORCE_TOLERANCE, Relaxer

pytestmark = pytest.mark.simulation


@pytest.fixture(scope="module")
def relaxer():
    pytest.importorskip("chgnet")
    return Relaxer()


def test_one_pass_gives_the_forces_and_stress_of_chgnet(relaxer, shipped_cells):
    from ase import Atoms
    from pymatgen.core import Structure

    cell = shipped_cells[0][0]
    moved = cell.fractional + np.random.default_rng(0).normal(scale=0.01, size=cell.fractional.shape)
    atoms = Atoms(cell.species, cell=cell.lattice, scaled_positions=moved, pbc=True, calculator=relaxer.calculator)
    for parameter in relaxer.model.parameters():
        assert not parameter.requires_grad
    expected = relaxer.model.predict_structure(Structure(cell.lattice, cell.species, moved))
    np.testing.assert_allclose(atoms.get_forces(), expected["f"], atol=2e-4)
    np.testing.assert_allclose(atoms.get_stress(voigt=False) * 160.21766, expected["s"], atol=2e-2)


@pytest.mark.parametrize("name", ["pristine-042", "vacancy-104", "antisite-108"])
def test_a_finished_cell_stays_where_it_is(relaxer, shipped_cells, name):
    cell = next(cell for cell in shipped_cells[0] if cell.name == name)
    result = relaxer.relax(cell.species, cell.lattice, cell.fractional)
    assert result.details["residual_force_eV_per_A"] <= FORCE_TOLERANCE
    assert result.details["residual_stress_GPa"] < 1.0
    assert result.details["evaluations"] < 60
    from dataclasses import replace

    again = CellGeometry(replace(cell, lattice=result.lattice, fractional=result.fractional, moments=result.moments))
    before = CellGeometry(cell)
    for metal in cell.metals:
        assert again.bond_length[metal] == pytest.approx(before.bond_length[metal], abs=0.02)
    np.testing.assert_allclose(result.moments[cell.metals], cell.moments[cell.metals], atol=0.1)
