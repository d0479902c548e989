"""Neighbours, valences, bond lengths and defects of one cell.

Works for layered cells, lithium-rich ones (lithium in the metal layer belongs there), and for references without
layers, whose `layer_sites` count all cations.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from eelsmap.library.cells import METALS, Cell
from eelsmap.library.valence import Valences, valences_of_cell

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BOND_LIMIT", "CellGeometry", "elongation"]

BOND_LIMIT = 2.6
"""Longest metal-oxygen and lithium-oxygen bond, angstrom."""
_IMAGES = np.array(list(product(range(-2, 3), repeat=3)))


class CellGeometry:
    """Neighbours and valences of one cell.

    ``bound[o]`` lists, for each oxygen, the metals within 2.6 angstrom (an atom appears once per periodic image);
    ``bonds`` (lengths of the bonds to oxygen, angstrom), ``bond_length`` (their mean), ``elongation`` (angstrom) and
    ``valence`` are by metal index; ``open_metals`` are the metals of the metal layer that lack an oxygen neighbour;
    ``exchanged`` are Ni in the lithium layer and Li in the metal layer of a cell with such an exchange.
    """

    def __init__(self, cell: Cell) -> None:
        offset = cell.fractional[None] - cell.fractional[:, None]
        offset -= np.round(offset)
        self.vector = (offset[:, :, None] + _IMAGES) @ cell.lattice  # (from, to, image, xyz)
        self.distance = np.linalg.norm(self.vector, axis=-1)
        self.cell = cell
        species = np.array(cell.species)
        near = self.distance <= BOND_LIMIT
        is_metal = np.isin(species, METALS)
        self.bound = {o: np.nonzero(near[o] & is_metal[:, None])[0].tolist() for o in cell.oxygen}
        self.bond_length: dict[int, float] = {}
        self.elongation: dict[int, float] = {}
        self.bonds: dict[int, NDArray] = {}
        oxygen = np.array(cell.oxygen)
        for metal in cell.metals:
            bonds = self.vector[metal, oxygen][near[metal, oxygen]]
            self.bonds[metal] = np.linalg.norm(bonds, axis=1)
            self.bond_length[metal] = float(self.bonds[metal].mean())
            self.elongation[metal] = elongation(bonds)
        self.open_metals = {
            metal
            for metal in cell.metals
            if cell.kind == "vacancy" and metal < cell.layer_sites and len(self.bonds[metal]) < 6
        }
        # In lithium-rich cells all lithium of the metal layer is at home, but for the partner of a misplaced metal;
        # which one that is cannot be told.
        misplaced = [i for i in cell.lithium if i < cell.layer_sites] if cell.phase == "layered" else []
        self.exchanged = (
            {i for i in cell.metals if i >= cell.layer_sites} | set(misplaced) if cell.kind == "antisite" else set()
        )
        self.valences: Valences = valences_of_cell(cell, self.bonds, self.open_metals)
        self.valence = dict(zip(cell.metals, self.valences.values, strict=True))


def elongation(bonds: NDArray) -> float:
    """Elongation of an octahedron along one axis, angstrom.

    Parameters
    ----------
    bonds
        (n, 3) vectors from the metal to its oxygen neighbours.

    Returns
    -------
    float
        Mean length of the most stretched pair of opposite bonds minus the mean of the other four; 0 where there are
        not six bonds in three opposite pairs.
    """
    if len(bonds) != 6:
        return 0.0
    length = np.linalg.norm(bonds, axis=1)
    cosine = bonds @ bonds.T / np.outer(length, length)
    partner = cosine.argmin(axis=1)
    if not np.array_equal(partner[partner], np.arange(6)):
        return 0.0
    pair = (length + length[partner]) / 2
    return float(1.5 * (pair.max() - pair.mean()))
