"""Structure in, spectrum out: pymatgen, ASE and cells give the same, and wrong structures are refused in words."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from eelsmap.errors import LibraryError
from eelsmap.library.structure_to_spectrum import as_cell, predict_oxygen_k
from eelsmap.library.surrogate import Surrogate, load_surrogate

pytest.importorskip("dscribe")
ase = pytest.importorskip("ase")


@pytest.fixture(scope="module")
def surrogate():
    return load_surrogate()


@pytest.fixture(scope="module")
def cell(shipped_cells):
    return next(cell for cell in shipped_cells[0] if cell.kind == "pristine" and 0 < cell.li_content < 1)


@pytest.fixture
def atoms(cell):
    return ase.Atoms(cell.species, cell=cell.lattice, scaled_positions=cell.fractional, pbc=True)


def needing_moments(surrogate):
    return Surrogate(surrogate.arrays, surrogate.header | {"blocks": ["soap", "acsf", "moments"]})


def test_every_form_of_a_structure_gives_the_same_spectra(surrogate, cell, atoms):
    structure = pytest.importorskip("pymatgen.core").Structure(cell.lattice, cell.species, cell.fractional)
    expected = surrogate.evaluate(cell)
    for form in (cell, atoms, structure):
        found = predict_oxygen_k(form, moments=cell.moments, surrogate=surrogate)
        assert found.spectra.shape == found.uncertainty.shape == (len(cell.oxygen), found.energy.size)
        np.testing.assert_allclose(found.spectra, expected.spectra, rtol=1e-6)
        np.testing.assert_allclose(found.uncertainty, expected.uncertainty, rtol=1e-6)
        assert found.extrapolated.shape == (len(cell.oxygen),)


def test_shipped_surrogate_is_the_default(surrogate, atoms, cell):
    found = predict_oxygen_k(atoms, moments=cell.moments)
    np.testing.assert_array_equal(
        found.spectra, predict_oxygen_k(atoms, moments=cell.moments, surrogate=surrogate).spectra
    )


def test_oxidation_states_and_moments_of_sites_are_read(cell):
    core = pytest.importorskip("pymatgen.core")
    structure = core.Structure(
        cell.lattice, cell.species, cell.fractional, site_properties={"magmom": list(cell.moments)}
    )
    structure.add_oxidation_state_by_guess()
    found = as_cell(structure)
    assert found.species == cell.species
    np.testing.assert_allclose(found.moments, cell.moments)


def test_initial_moments_of_ase_are_read(atoms, cell):
    assert np.isnan(as_cell(atoms).moments).all()
    atoms.set_initial_magnetic_moments(cell.moments)
    np.testing.assert_allclose(as_cell(atoms).moments, cell.moments)


def test_foreign_elements_are_named(atoms, surrogate):
    atoms.symbols[0] = "Fe"
    with pytest.raises(LibraryError, match="not Fe"):
        predict_oxygen_k(atoms, surrogate=surrogate)


def test_what_cannot_be_predicted_is_refused(atoms, surrogate):
    with pytest.raises(LibraryError, match="no oxygen"):
        predict_oxygen_k(atoms[[i for i, symbol in enumerate(atoms.symbols) if symbol != "O"]], surrogate=surrogate)
    with pytest.raises(LibraryError, match="no structure"):
        predict_oxygen_k("POSCAR", surrogate=surrogate)
    with pytest.raises(LibraryError, match="shape"):
        predict_oxygen_k(atoms, moments=[1.0], surrogate=surrogate)
    flat = atoms.copy()
    flat.pbc = (True, True, False)
    with pytest.raises(LibraryError, match="not periodic"):
        predict_oxygen_k(flat, surrogate=surrogate)
    with pytest.raises(LibraryError, match="no proper periodic cell"):
        predict_oxygen_k(ase.Atoms("NiO", positions=[[0, 0, 0], [0, 0, 2]], pbc=True), surrogate=surrogate)
    close = atoms.copy()
    close.positions[1] = close.positions[0] + 0.2
    with pytest.raises(LibraryError, match="angstrom apart"):
        predict_oxygen_k(close, surrogate=surrogate)


def test_partly_filled_sites_are_refused(surrogate, cell):
    core = pytest.importorskip("pymatgen.core")
    structure = core.Structure(cell.lattice, cell.species, cell.fractional)
    structure[0] = {"Ni": 0.5, "Mn": 0.5}
    with pytest.raises(LibraryError, match="partly filled"):
        predict_oxygen_k(structure, surrogate=surrogate)


def test_a_surrogate_that_needs_moments_says_how_to_have_them(surrogate, atoms, cell, monkeypatch):
    hungry = needing_moments(surrogate)
    with pytest.raises(LibraryError, match="moment of every site"):
        hungry.describe(replace(cell, moments=np.full(len(cell.species), np.nan)))
    monkeypatch.setitem(sys.modules, "chgnet.model", None)
    with pytest.raises(LibraryError, match="install chgnet"):
        predict_oxygen_k(atoms, surrogate=hungry)


def test_a_squeezed_structure_is_flagged(surrogate, atoms, cell):
    atoms.set_cell(atoms.cell * 0.85, scale_atoms=True)
    assert predict_oxygen_k(atoms, moments=cell.moments, surrogate=surrogate).extrapolated.all()
