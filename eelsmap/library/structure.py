"""The atoms of one structure of the library, and the table that holds all of them in a file.

Per atom it keeps what records are made from: element, place, moment, valence, metal-oxygen bond length, elongation of
the octahedron, whether it belongs to a defect, and the row of its spectrum in the site table of its edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["ATOM_FIELDS", "LibraryStructure", "structure_arrays", "structures_from_arrays"]

SYMBOLS = ("Li", "O", "Ni", "Mn", "Co")
TEXT_FIELDS = ("kind", "phase", "origin", "settings", "family", "split")
NUMBER_FIELDS = {"layer_sites": np.int32, "sites_ambiguous": np.bool_, "elements_ambiguous": np.bool_}
ATOM_FIELDS = {
    "fractional": np.float32,
    "moments": np.float32,
    "valence": np.float32,
    "bond_length": np.float32,
    "elongation": np.float32,
    "open_site": np.bool_,
    "exchanged": np.bool_,
    "site": np.int32,
    "uncertainty": np.float32,
    "extrapolated": np.bool_,
}


@dataclass(frozen=True)
class LibraryStructure:
    """One structure.

    Parameters
    ----------
    name
        Unique name.
    kind
        ``"pristine"``, ``"vacancy"``, ``"antisite"`` or ``"reference"``.
    phase
        ``"layered"``, ``"lithium-rich"``, ``"rock salt"`` or ``"reference"``.
    origin
        Where its O K spectra come from: ``"calculated"`` or ``"surrogate"``.
    settings
        Name of the settings of the O K calculation, or the surrogate's name.
    family, split
        See `eelsmap.library.split`.
    layer_sites
        The first atoms, which are the sites of the metal layers (all cations of a reference).
    sites_ambiguous, elements_ambiguous
        See `eelsmap.library.valence.Valences`.
    species
        (n,) symbols.
    lattice
        (3, 3) rows are lattice vectors, angstrom.
    fractional
        (n, 3) fractional coordinates.
    moments
        (n,) CHGNet moments, Bohr magnetons.
    valence, bond_length, elongation
        (n,) formal charge, mean distance to bound oxygen (angstrom), elongation (angstrom) of the metals; else NaN.
    open_site
        (n,) metals of the metal layer that lack an oxygen neighbour.
    exchanged
        (n,) Ni in the lithium layer and Li in the metal layer of a cell with such an exchange.
    site
        (n,) row of its spectrum in the table of its edge; -1 for lithium.
    uncertainty
        (n,) standard error of the O K spectrum of each oxygen as the surrogate states it, edge steps; 0 where
        calculated and for other atoms.
    extrapolated
        (n,) oxygen beyond what the surrogate's uncertainty was calibrated on.
    """

    name: str
    kind: str
    phase: str
    origin: str
    settings: str
    family: str
    split: str
    layer_sites: int
    sites_ambiguous: bool
    elements_ambiguous: bool
    species: tuple[str, ...]
    lattice: NDArray[np.float32]
    fractional: NDArray[np.float32]
    moments: NDArray[np.float32]
    valence: NDArray[np.float32]
    bond_length: NDArray[np.float32]
    elongation: NDArray[np.float32]
    open_site: NDArray[np.bool_]
    exchanged: NDArray[np.bool_]
    site: NDArray[np.int32]
    uncertainty: NDArray[np.float32]
    extrapolated: NDArray[np.bool_]

    def mask(self, element: str) -> NDArray[np.float64]:
        """1 for the atoms of an element, 0 for the others, (n,)."""
        return np.array([symbol == element for symbol in self.species], dtype=float)

    @property
    def oxygen(self) -> NDArray[np.intp]:
        """Indices of the oxygen atoms."""
        return np.flatnonzero(self.mask("O"))

    @property
    def li_content(self) -> float:
        """Lithium per site of the metal layers; in phases without layers lithium per two oxygen atoms."""
        lithium = self.species.count("Li")
        if self.phase in ("layered", "lithium-rich"):
            return lithium / self.layer_sites
        return 2 * lithium / self.species.count("O")


def structure_arrays(structures: Sequence[LibraryStructure]) -> dict[str, NDArray]:
    """Arrays of a file, by name: atoms of all structures one after the other, texts as indices into lists of words."""
    if not structures:
        return {}
    arrays: dict[str, NDArray] = {
        "atoms": np.array([len(structure.species) for structure in structures], dtype=np.int32),
        "species": np.array([SYMBOLS.index(s) for structure in structures for s in structure.species], dtype=np.uint8),
        "lattice": np.array([structure.lattice for structure in structures], dtype=np.float32),
    }
    for name in TEXT_FIELDS:
        arrays[name] = np.array([getattr(structure, name) for structure in structures])
    for name, number in NUMBER_FIELDS.items():
        arrays[name] = np.array([getattr(structure, name) for structure in structures], dtype=number)
    for name, number in ATOM_FIELDS.items():
        arrays[name] = np.concatenate([getattr(structure, name) for structure in structures]).astype(number)
    return arrays


def structures_from_arrays(names: Sequence[str], arrays: Mapping[str, NDArray]) -> tuple[LibraryStructure, ...]:
    """Structures of a file: the inverse of `structure_arrays`."""
    if not arrays:
        return ()
    ends = np.cumsum(arrays["atoms"])
    symbols = np.array(SYMBOLS)[arrays["species"]].tolist()
    texts = {name: arrays[name].tolist() for name in TEXT_FIELDS}
    numbers = {name: arrays[name].tolist() for name in NUMBER_FIELDS}
    structures = []
    for index, (name, start, stop) in enumerate(zip(names, [0, *ends[:-1].tolist()], ends.tolist(), strict=True)):
        values: dict[str, Any] = {key: column[index] for key, column in (texts | numbers).items()}
        values |= {key: arrays[key][start:stop] for key in ATOM_FIELDS}
        values |= {"species": tuple(symbols[start:stop]), "lattice": arrays["lattice"][index]}
        structures.append(LibraryStructure(name=name, **values))
    return tuple(structures)
