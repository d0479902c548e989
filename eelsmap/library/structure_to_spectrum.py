"""A structure in, its O K spectra out: the surrogate of the O K calculation for anybody's structures.

The structure is taken as it is: relax it first (`eelsmap.library.relaxation`, or any calculation of your own). What the
surrogate learned from are relaxed cells of layered lithium nickel manganese cobalt oxides of 8 to 40 atoms; what is far
from these is flagged.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.library.cells import Cell
from eelsmap.library.descriptors import ELEMENTS
from eelsmap.library.surrogate import Surrogate, load_surrogate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

#: Two atoms nearer than this are a mistake in the structure, angstrom (the shortest bond, Ni4+-O, is 1.85).
SHORTEST_DISTANCE = 1.2


class OxygenKPrediction(NamedTuple):
    """Predicted O K spectra of the oxygen atoms of a structure, in its order of atoms.

    Parameters
    ----------
    energy
        (points,) energy loss, eV.
    spectra
        (n_oxygen, points) intrinsic intensity per atom in units of the edge step, as in the library.
    uncertainty
        (n_oxygen, points) standard deviation in the same units, against what the calculation would give; what the
        calculation itself lacks is not in it.
    extrapolated
        (n_oxygen,) True where the surroundings are further from the training atoms than those on which the
        uncertainty was tested: do not trust spectrum or uncertainty there.
    """

    energy: NDArray[np.float64]
    spectra: NDArray[np.float64]
    uncertainty: NDArray[np.float64]
    extrapolated: NDArray[np.bool_]


def predict_oxygen_k(
    structure: Any, *, moments: ArrayLike | None = None, surrogate: Surrogate | None = None
) -> OxygenKPrediction:
    """O K spectrum of every oxygen atom of a structure.

    Parameters
    ----------
    structure
        A periodic structure of Li, Ni, Mn, Co and O: pymatgen ``Structure``, ASE ``Atoms`` or
        `eelsmap.library.cells.Cell`; relaxed.
    moments
        (n,) magnetic moments of the atoms in Bohr magnetons (signs are ignored), for a surrogate that uses them
        (``surrogate.needs_moments``). By default those that the structure carries (``magmom`` of a pymatgen site,
        initial moments of ASE atoms), else those that CHGNet predicts, if it is installed.
    surrogate
        From `eelsmap.library.surrogate.load_surrogate`; the shipped one by default.

    Returns
    -------
    OxygenKPrediction

    Raises
    ------
    LibraryError
        No periodic structure, foreign elements, no oxygen, partly filled sites, coinciding atoms, or moments that are
        needed and cannot be had.
    """
    surrogate = surrogate or _shipped()
    cell = as_cell(structure, moments)
    if surrogate.needs_moments and not np.isfinite(cell.moments).all():
        cell = _with_moments(cell)
    found = surrogate.evaluate(cell)
    return OxygenKPrediction(surrogate.energy, found.spectra, found.uncertainty, found.extrapolated)


@cache
def _shipped() -> Surrogate:
    return load_surrogate()


def as_cell(structure: Any, moments: ArrayLike | None = None) -> Cell:
    """Bring a structure into the form of a cell, and refuse what the surrogate cannot know.

    Parameters
    ----------
    structure, moments
        As for `predict_oxygen_k`; moments that are not known become NaN.

    Raises
    ------
    LibraryError
        See `predict_oxygen_k`.
    """
    own: ArrayLike | None
    if isinstance(structure, Cell):
        species, lattice, fractional, own = (
            structure.species,
            structure.lattice,
            structure.fractional,
            structure.moments,
        )
    elif hasattr(structure, "frac_coords"):
        species, lattice, fractional, own = _from_pymatgen(structure)
    elif hasattr(structure, "get_scaled_positions"):
        species, lattice, fractional, own = _from_ase(structure)
    else:
        raise LibraryError(
            f"a {type(structure).__name__} is no structure that can be read: give a pymatgen Structure, ASE Atoms "
            "or a Cell"
        )
    foreign = sorted(set(species) - set(ELEMENTS))
    if foreign:
        raise LibraryError(f"the surrogate knows {', '.join(ELEMENTS)} only, not {', '.join(foreign)}")
    if "O" not in species:
        raise LibraryError("the structure holds no oxygen: there is no O K edge to predict")
    count = len(species)
    values = np.full(count, np.nan) if own is None else np.asarray(own, dtype=float)
    if moments is not None:
        values = np.asarray(moments, dtype=float)
    if values.shape != (count,):
        raise LibraryError(f"moments of shape {values.shape} for {count} atoms: give one number per atom")
    if not (np.isfinite(lattice).all() and np.isfinite(fractional).all()) or abs(np.linalg.det(lattice)) < 1e-3:
        raise LibraryError("the structure has no proper periodic cell: lattice and coordinates must be finite")
    cell = Cell(
        name=getattr(structure, "name", "structure"),
        kind=getattr(structure, "kind", "pristine"),
        layer_sites=getattr(structure, "layer_sites", 0),
        species=tuple(species),
        lattice=np.asarray(lattice, dtype=float),
        fractional=np.asarray(fractional, dtype=float),
        moments=values,
        intensity=np.zeros((species.count("O"), 0)),
        complete_to=float("nan"),
        settings="",
        details={},
    )
    _refuse_coinciding(cell)
    return cell


def _from_pymatgen(structure: Any) -> tuple[tuple[str, ...], NDArray, NDArray, Sequence[float] | None]:
    if not structure.is_ordered:
        raise LibraryError("the structure has partly filled sites: order it first (pymatgen enumeration, icet)")
    species = tuple(str(getattr(site.specie, "symbol", site.specie)) for site in structure)
    own = structure.site_properties.get("magmom")
    if own is not None and any(value is None for value in own):
        own = None
    values = None if own is None else [float(value) for value in own]
    return species, structure.lattice.matrix, structure.frac_coords, values


def _from_ase(atoms: Any) -> tuple[tuple[str, ...], NDArray, NDArray, Sequence[float] | None]:
    if not all(atoms.pbc):
        raise LibraryError("the atoms are not periodic in all directions: set pbc=True and a cell")
    own = atoms.get_initial_magnetic_moments()
    known = own.ndim == 1 and np.any(own)
    fractional = atoms.get_scaled_positions(wrap=False) if atoms.cell.rank == 3 else np.full((len(atoms), 3), np.nan)
    return tuple(atoms.get_chemical_symbols()), np.array(atoms.cell), fractional, own if known else None


def _refuse_coinciding(cell: Cell) -> None:
    """Refuse atoms on top of each other: descriptors would be finite, and wrong."""
    offset = cell.fractional[None] - cell.fractional[:, None]
    offset -= np.round(offset)
    distance = np.linalg.norm(offset @ cell.lattice, axis=-1) + 1e3 * np.eye(len(cell.species))
    if distance.min() < SHORTEST_DISTANCE:
        first, second = np.unravel_index(int(distance.argmin()), distance.shape)
        raise LibraryError(
            f"atoms {first} ({cell.species[first]}) and {second} ({cell.species[second]}) are {distance.min():.2f} "
            "angstrom apart: units of the coordinates?"
        )


def _with_moments(cell: Cell) -> Cell:
    """Cell with the moments that CHGNet (r2SCAN weights) predicts."""
    from dataclasses import replace

    try:
        from chgnet.model import CHGNet
        from pymatgen.core import Structure
    except ImportError as error:
        raise LibraryError(
            "this surrogate needs the magnetic moment of every atom: give moments=..., or install chgnet "
            f"(pip install 'eelsmap[simulate]') to have them predicted ({error})"
        ) from error
    model = CHGNet.load(model_name="r2scan", use_device="cpu", verbose=False)
    found: Any = model.predict_structure(Structure(cell.lattice, cell.species, cell.fractional), task="em")
    return replace(cell, moments=np.abs(np.asarray(found["m"], dtype=float)))
