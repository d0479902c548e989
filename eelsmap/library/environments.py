"""From cells to records: site-averaged structures and local environments, with spectra, atom counts and labels.

A *structure* record averages a whole cell and is scaled to three metals. An *environment* record belongs to one oxygen
atom: the metals bound to it, up to three lithium atoms bound to it, and for the O K edge the mean over that oxygen and
its two nearest ones: the sphere of radius 0.3 nm of Jia et al., ACS Nano 2026, 10.1021/acsnano.5c16942. Beside an
exchanged pair an oxygen binds two or four metals; the counts say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from eelsmap.library.cells import METALS, Cell
from eelsmap.library.valence import Valences, assign_valences

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eelsmap.library.white_lines import WhiteLines

BOND_LIMIT = 2.6
EDGE_OF_METAL = {"Ni": "Ni_L", "Mn": "Mn_L", "Co": "Co_L"}


@dataclass(frozen=True)
class Record:
    """One row of the library: spectra by edge (None where the element is absent), atoms by element, labels."""

    kind: str
    parent: str
    spectra: dict[str, NDArray | None]
    atoms: dict[str, float]
    labels: dict[str, float]


class CellGeometry:
    """Neighbours and valences of one cell.

    ``bound[o]`` lists, for each oxygen, the metals within 2.6 angstrom and ``bound_lithium[o]`` the lithium atoms,
    nearest first (an atom appears once per periodic image); ``bond_length`` and ``valence`` are by metal index;
    ``open_metals`` are the metals of the metal layer that lack an oxygen neighbour; ``exchanged`` are Ni in the lithium
    layer and Li in the metal layer.
    """

    def __init__(self, cell: Cell) -> None:
        images = np.array(list(product(range(-2, 3), repeat=3)))
        offset = cell.fractional[None, :, None, :] - cell.fractional[:, None, None, :] + images
        self.distance = np.linalg.norm(offset @ cell.lattice, axis=-1)  # (from, to, image)
        self.cell = cell
        species = np.array(cell.species)
        self.bound = {
            o: [int(j) for j in np.nonzero(self.distance[o] <= BOND_LIMIT)[0] if species[j] in METALS]
            for o in cell.oxygen
        }
        self.bound_lithium = {o: self._nearest(o, cell.lithium, 12, BOND_LIMIT) for o in cell.oxygen}
        self.bond_length, neighbours = {}, {}
        for metal in cell.metals:
            bonds = self.distance[metal][cell.oxygen].ravel()
            bonds = bonds[bonds <= BOND_LIMIT]
            self.bond_length[metal], neighbours[metal] = float(bonds.mean()), bonds.size
        self.open_metals = {
            metal
            for metal in cell.metals
            if cell.kind == "vacancy" and metal < cell.layer_sites and neighbours[metal] < 6
        }
        self.exchanged = {i for i in cell.metals if i >= cell.layer_sites} | {
            i for i in cell.lithium if i < cell.layer_sites
        }
        self.valences: Valences = assign_valences(
            [cell.species[i] for i in cell.metals],
            [float(cell.moments[i]) for i in cell.metals],
            2 * len(cell.oxygen) - len(cell.lithium),
            five_fold=[i in self.open_metals for i in cell.metals],
            on_lithium_site=[i >= cell.layer_sites for i in cell.metals],
        )
        self.valence = dict(zip(cell.metals, self.valences.values, strict=True))

    def _nearest(self, origin: int, candidates: list[int], count: int, limit: float) -> list[int]:
        """Return the nearest images of some atoms around another, at most `count`, within `limit` angstrom."""
        found = sorted((d, j) for j in candidates for d in self.distance[origin, j] if 1e-3 < d <= limit)
        return [j for _, j in found[:count]]

    def nearest_oxygen(self, origin: int) -> list[int]:
        """Return the two nearest oxygen neighbours of an oxygen atom."""
        return self._nearest(origin, self.cell.oxygen, 2, np.inf)


def cell_records(
    cell: Cell, oxygen_spectra: NDArray, lines: WhiteLines, grids: dict[str, NDArray], reduction: float
) -> list[Record]:
    """All records of one cell: its structure first, then one environment per oxygen.

    Parameters
    ----------
    cell
        Relaxed cell.
    oxygen_spectra
        (n_oxygen, points) placed and normalised O K spectra, in the order of the cell's oxygen atoms.
    lines
        Source of the L2,3 spectra.
    grids
        Energies by edge, eV.
    reduction
        Slater reduction of this cell, 0 to 1 over the grid.

    Returns
    -------
    list of Record
    """
    geometry = CellGeometry(cell)
    metal_spectra = {
        i: lines.spectrum(
            f"{cell.species[i]}{geometry.valence[i]}",
            geometry.bond_length[i],
            reduction,
            grids[EDGE_OF_METAL[cell.species[i]]],
        )
        for i in cell.metals
    }
    row = {o: k for k, o in enumerate(cell.oxygen)}

    def record(kind: str, metals: list[int], lithium: list[int], oxygen: list[int], scale: float) -> Record:
        spectra: dict[str, NDArray | None] = {"O_K": oxygen_spectra[[row[o] for o in oxygen]].mean(axis=0)}
        atoms = {"Li": len(lithium) * scale, "O": len(oxygen) * scale}
        labels = {"li_content": cell.li_content, "li_count": atoms["Li"]}
        for element, edge in EDGE_OF_METAL.items():
            own = [i for i in metals if cell.species[i] == element]
            atoms[element] = labels[f"{element.lower()}_count"] = len(own) * scale
            spectra[edge] = np.mean([metal_spectra[i] for i in own], axis=0) if own else None
            labels[f"{element.lower()}_valence"] = float(np.mean([geometry.valence[i] for i in own])) if own else np.nan
        whole = kind == "structure"
        here = set(metals) | set(geometry.bound_lithium[oxygen[0]])
        labels["vacancy"] = float(cell.kind == "vacancy" if whole else bool(here & geometry.open_metals))
        labels["antisite"] = float(cell.kind == "antisite" if whole else bool(here & geometry.exchanged))
        ambiguous = geometry.valences.elements_ambiguous if whole else geometry.valences.sites_ambiguous
        labels["valence_ambiguous"] = float(ambiguous)
        return Record(kind, cell.name, spectra, atoms, labels)

    records = [record("structure", cell.metals, cell.lithium, cell.oxygen, 3 / len(cell.metals))]
    for o in cell.oxygen:
        lithium = geometry.bound_lithium[o][:3]  # an oxygen beside Li in the metal layer may bind four
        records.append(record("environment", geometry.bound[o], lithium, [o, *geometry.nearest_oxygen(o)], 1.0))
    return records
