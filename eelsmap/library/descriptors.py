"""Local descriptors of the oxygen atoms of a cell: what the surrogate of the O K edge sees of a structure.

Four blocks, one row per oxygen:

- ``soap``: smooth overlap of atomic positions (Bartok, Kondor, Csanyi, Phys. Rev. B 87, 184115 (2013),
  10.1103/PhysRevB.87.184115): which elements lie at which distances and angles. By ``dscribe``.
- ``acsf``: atom-centred symmetry functions (Behler, J. Chem. Phys. 134, 074106 (2011), 10.1063/1.3553717): radial
  shells by element and angles by pair of elements. By ``dscribe`` (Himanen et al., Comput. Phys. Commun. 247, 106949
  (2020), 10.1016/j.cpc.2019.106949).
- ``moments``: site moments of the metals around, as sums over neighbours with a smooth cutoff. Geometry alone tells a
  valence only through bond lengths; the moment tells it directly.
- ``cell``: composition, formal valence, moments and volume of the whole cell.

Needs ``dscribe`` (and ASE, which it brings).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.library.cells import METALS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ase import Atoms
    from numpy.typing import NDArray

    from eelsmap.library.cells import Cell

ELEMENTS = ("Li", *METALS, "O")
BLOCKS = ("soap", "acsf", "moments", "cell")
#: Blocks of hand-made sums in mixed units: their columns are brought to one scale first (`eelsmap.library.surrogate`).
MIXED_UNITS = ("moments", "cell")
#: Blocks that cannot be had without site moments.
NEED_MOMENTS = ("moments", "cell")


@dataclass(frozen=True)
class DescriptorSettings:
    """Numbers behind the blocks; kept in the surrogate's file.

    Parameters
    ----------
    radius
        Cutoff of SOAP and ACSF, angstrom: beyond the second metal shell of an oxygen (3.6 angstrom).
    radial, angular, width
        SOAP: radial functions, highest angular momentum, Gaussian width of an atom in angstrom.
    pair_terms
        ACSF G2: pairs (eta in 1/angstrom2, centre in angstrom).
    angle_terms
        ACSF G4: triples (eta in 1/angstrom2, zeta, lambda).
    shells
        Smooth cutoffs of the sums over moments, angstrom: bound metals, and all up to the second shell.
    """

    radius: float = 5.0
    radial: int = 6
    angular: int = 4
    width: float = 0.3
    pair_terms: tuple[tuple[float, float], ...] = ((1.0, 0.0), *((4.0, r) for r in (1.8, 2.1, 2.5, 3.0, 3.6, 4.2)))
    angle_terms: tuple[tuple[float, float, float], ...] = tuple(
        (0.05, zeta, sign) for zeta in (1.0, 4.0) for sign in (-1.0, 1.0)
    )
    shells: tuple[float, float] = (2.9, 5.0)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DescriptorSettings:
        """Rebuild from `as_dict`, after a passage through JSON."""

        def tuples(value: Any) -> Any:
            return tuple(tuples(item) for item in value) if isinstance(value, list | tuple) else value

        return cls(**{key: tuples(value) for key, value in values.items()})


class Describer:
    """Blocks of descriptors by `settings`, with the objects of dscribe made once.

    Raises
    ------
    LibraryError
        dscribe is not installed.
    """

    def __init__(self, settings: DescriptorSettings, names: Sequence[str] = BLOCKS) -> None:
        self.settings, self.names = settings, tuple(names)
        try:
            from dscribe.descriptors import ACSF, SOAP
        except ImportError as error:
            raise LibraryError(
                f"descriptors of a structure need the package dscribe ({error}): pip install 'eelsmap[simulate]'"
            ) from error
        common = {"species": list(ELEMENTS), "r_cut": settings.radius, "periodic": True}
        self._soap = SOAP(n_max=settings.radial, l_max=settings.angular, sigma=settings.width, **common)
        self._acsf = ACSF(g2_params=list(settings.pair_terms), g4_params=list(settings.angle_terms), **common)

    def __call__(self, cell: Cell) -> dict[str, NDArray[np.float64]]:
        """Blocks of one cell by name, (n_oxygen, columns) each, oxygen in the order of the cell."""
        atoms = atoms_of(cell)
        make = {
            "soap": lambda: np.asarray(self._soap.create(atoms, centers=cell.oxygen)),
            "acsf": lambda: np.asarray(self._acsf.create(atoms, centers=cell.oxygen)),
            "moments": lambda: moment_sums(cell, self.settings.shells),
            "cell": lambda: np.repeat(cell_values(cell)[None], len(cell.oxygen), axis=0),
        }
        return {name: make[name]() for name in self.names}

    def many(self, cells: Sequence[Cell]) -> dict[str, NDArray[np.float64]]:
        """Blocks of several cells, their oxygen atoms one after the other."""
        rows = [self(cell) for cell in cells]
        return {name: np.concatenate([row[name] for row in rows]) for name in self.names}


def atoms_of(cell: Cell) -> Atoms:
    """Return a cell as periodic ASE atoms."""
    from ase import Atoms

    return Atoms(cell.species, scaled_positions=cell.fractional, cell=cell.lattice, pbc=True)


def shell_weights(cell: Cell, cutoffs: Sequence[float]) -> list[NDArray[np.float64]]:
    """How much each atom counts as a neighbour of each oxygen, over all its periodic images.

    Parameters
    ----------
    cell
        Any periodic cell.
    cutoffs
        Distances at which a neighbour ceases to count, angstrom.

    Returns
    -------
    list of numpy.ndarray
        By cutoff, (n_oxygen, n): the sum over images of (1 + cos(pi distance / cutoff)) / 2.
    """
    fractional = cell.fractional % 1
    heights = 1 / np.linalg.norm(np.linalg.inv(cell.lattice), axis=0)  # between the lattice planes along each vector
    reach = np.ceil(max(cutoffs) / heights).astype(int) + 1
    images = np.array(list(product(*(range(-r, r + 1) for r in reach))))
    offset = fractional[None, :, None, :] - fractional[cell.oxygen][:, None, None, :] + images
    distance = np.linalg.norm(offset @ cell.lattice, axis=-1)
    return [
        np.where((distance > 1e-3) & (distance < cutoff), (1 + np.cos(np.pi * distance / cutoff)) / 2, 0.0).sum(axis=-1)
        for cutoff in cutoffs
    ]


def moment_sums(cell: Cell, cutoffs: Sequence[float]) -> NDArray[np.float64]:
    """Sum 1, m and m2 over the metals of each element around each oxygen, 1 over lithium; add its own moment.

    Neighbours are weighted by `shell_weights`; m is the magnitude of a moment in Bohr magnetons.

    Returns
    -------
    numpy.ndarray
        (n_oxygen, 10 per cutoff + 1).
    """
    species, moments = np.array(cell.species), np.abs(cell.moments)
    columns = []
    for weight in shell_weights(cell, cutoffs):
        for element in METALS:
            own = weight * (species == element)
            columns += [own.sum(axis=1), own @ moments, own @ moments**2]
        columns.append((weight * (species == "Li")).sum(axis=1))
    return np.array([*columns, moments[cell.oxygen]]).T


def cell_values(cell: Cell) -> NDArray[np.float64]:
    """Atoms and moments per oxygen by element, formal valence of the metals, volume per oxygen: (9,)."""
    species, moments, oxygen = np.array(cell.species), np.abs(cell.moments), len(cell.oxygen)
    per_oxygen = [np.sum(species == element) / oxygen for element in ELEMENTS[:-1]]
    by_element = [moments[species == element].sum() / oxygen for element in METALS]
    valence = (2 * oxygen - len(cell.lithium)) / max(len(cell.metals), 1)
    return np.array([*per_oxygen, *by_element, valence, abs(np.linalg.det(cell.lattice)) / oxygen])
