"""Inputs of FDMNES: written for the edges of an NMC library with the settings of the published set, and read back.

FDMNES (Bunau & Joly, J. Phys.: Condens. Matter 21, 345501 (2009), 10.1088/0953-8984/21/34/345501) is not packaged; it
takes these files as they are. The settings are those of Jia et al., ACS Nano 2026, 10.1021/acsnano.5c16942: energies
from -5 to 45 eV about E_F in steps of 0.2 eV, written as photon energies (``Energpho``), quadrupole transitions,
relativistic, PBE, self-consistent; for oxygen the self-consistent calculation holds the core hole (``Excited``,
``SCFexc``); clusters of 5.5 (Co), 5.75 (Mn), 6.5 (Ni) and 6 angstrom (O); convolution with lifetimes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.library.crystal import Crystal, crystal_from_parameters, lattice_parameters
from eelsmap.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eelsmap.library.cells import Cell

ATOMIC_NUMBER = {"Li": 3, "O": 8, "Mn": 25, "Fe": 26, "Co": 27, "Ni": 28}
SYMBOL = {number: symbol for symbol, number in ATOMIC_NUMBER.items()}
EDGE_NAME = {"O": "K", "Mn": "L23", "Co": "L23", "Ni": "L23"}

_FIRST = ("Energpho", "Quadrupole", "Memory_save", "Relativism", "PBE")
#: Keywords that are followed by values on the lines below them; all others stand alone.
_WITH_VALUES = ("filout", "range", "radius", "crystal", "z_absorber", "edge")
#: Structures in forms that are not read: the atoms of the unit cell are not all in the file.
_OTHER_STRUCTURES = ("spgroup", "molecule", "cif_file", "pdb_file", "film", "surface")


@dataclass(frozen=True)
class FdmnesSettings:
    """Settings of one input.

    Parameters
    ----------
    radius
        Radius of the cluster, angstrom.
    keywords
        Keywords without values, in order.
    energies
        Ends and steps of the energy range, eV: the values of ``Range``.
    """

    radius: float
    keywords: tuple[str, ...]
    energies: tuple[float, ...] = (-5.0, 0.2, 45.0)


#: Settings of the published set by absorbing element.
PUBLISHED = {
    "O": FdmnesSettings(6.0, (*_FIRST, "Excited", "SCFexc")),
    "Mn": FdmnesSettings(5.75, (*_FIRST, "SCF")),
    "Co": FdmnesSettings(5.5, (*_FIRST, "SCF")),
    "Ni": FdmnesSettings(6.5, (*_FIRST, "SCF")),
}


@dataclass(frozen=True)
class FdmnesInput:
    """One input: name of the output, structure, absorbing element, edge (``"K"`` or ``"L23"``), settings."""

    output: str
    crystal: Crystal
    absorber: str
    edge: str
    settings: FdmnesSettings
    convolution: bool = True

    def text(self) -> str:
        """Return the file as FDMNES reads it."""
        lengths, angles = lattice_parameters(self.crystal.lattice)
        cell = " ".join(f"{value:.6f}" for value in (*lengths, *angles))
        atoms = [
            f"  {ATOMIC_NUMBER[symbol]} " + " ".join(f"{value:.6f}" for value in place)
            for symbol, place in zip(self.crystal.species, self.crystal.fractional, strict=True)
        ]
        energies = " ".join(f"{value:g}" for value in self.settings.energies)
        blocks = [
            ["Filout", f"  {self.output}"],
            ["Range", f"  {energies}"],
            *([keyword] for keyword in self.settings.keywords),
            ["Radius", f"  {self.settings.radius:g}"],
            ["Crystal", f"  {cell}", *atoms],
            ["Z_Absorber", f"  {ATOMIC_NUMBER[self.absorber]}"],
            ["Edge", f"  {self.edge}"],
            *([["Convolution"]] if self.convolution else []),
            ["End"],
        ]
        return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def crystal_of(structure: Cell | Crystal) -> Crystal:
    """Structure of a cell of the library."""
    return Crystal(structure.species, np.asarray(structure.lattice), np.asarray(structure.fractional))


def fdmnes_inputs(structure: Cell | Crystal, name: str) -> dict[str, FdmnesInput]:
    """Make inputs for every edge of a structure with the settings of the published set.

    Parameters
    ----------
    structure
        A cell of the library or any crystal of Li, Ni, Mn, Co and O.
    name
        First part of the names of the outputs.

    Returns
    -------
    dict
        By absorbing element; elements that the structure does not hold are left out.

    Raises
    ------
    LibraryError
        An element without an atomic number here.
    """
    crystal = crystal_of(structure)
    foreign = sorted(set(crystal.species) - set(ATOMIC_NUMBER))
    if foreign:
        raise LibraryError(f"{name}: no FDMNES input for {', '.join(foreign)}; known: {', '.join(ATOMIC_NUMBER)}")
    return {
        element: FdmnesInput(f"{name}_{element}", crystal, element, EDGE_NAME[element], settings)
        for element, settings in PUBLISHED.items()
        if element in crystal.species
    }


def write_fdmnes_inputs(structures: Mapping[str, Cell | Crystal], folder: Path) -> list[Path]:
    """Write inputs of many structures, a folder each, with the ``fdmfile.txt`` by which FDMNES runs them in turn.

    Parameters
    ----------
    structures
        Structures by name.
    folder
        Folder to write into; made if absent.

    Returns
    -------
    list of Path
        The inputs, ``NAME/ELEMENT_in.txt``. FDMNES is started in each structure's folder.
    """
    written = []
    for name, structure in structures.items():
        if not name or Path(name).name != name or name in (".", ".."):
            raise LibraryError(f"structure {name!r} cannot name a folder")
        target = folder / name
        target.mkdir(parents=True, exist_ok=True)
        inputs = fdmnes_inputs(structure, name)
        for element, content in inputs.items():
            path = target / f"{element}_in.txt"
            with whole_file(path) as part:
                part.write_text(content.text(), encoding="ascii")
            written.append(path)
        files = "\n".join(f"{element}_in.txt" for element in inputs)
        with whole_file(target / "fdmfile.txt") as part:
            part.write_text(f"{len(inputs)}\n{files}\n", encoding="ascii")
    return written


def read_fdmnes_input(path: Path) -> FdmnesInput:
    """Read an input of FDMNES.

    Parameters
    ----------
    path
        A file with the keyword ``Crystal`` and all atoms of the unit cell.

    Returns
    -------
    FdmnesInput

    Raises
    ------
    LibraryError
        Missing, unreadable, no such input, or a structure given in another way (space group, molecule, CIF).
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LibraryError(f"{path}: cannot be read ({error})") from error
    found = _blocks(lines)
    for keyword in _OTHER_STRUCTURES:
        if any(name.startswith(keyword) for name in found):
            raise LibraryError(f"{path}: keyword {keyword}; only structures given by Crystal and all atoms are read")
    missing = [
        keyword for keyword in ("filout", "crystal", "z_absorber", "edge") if not found.get(keyword, ("", []))[1]
    ]
    if missing:
        raise LibraryError(f"{path}: no FDMNES input, {missing[0]} is missing")
    try:
        crystal = _crystal(found["crystal"][1])
        absorber = SYMBOL[int(found["z_absorber"][1][0].split()[0])]
        radius = float(found["radius"][1][0].split()[0]) if "radius" in found else float("nan")
        energies = tuple(float(value) for value in found["range"][1][0].split()) if "range" in found else ()
    except (ValueError, IndexError, KeyError) as error:
        raise LibraryError(f"{path}: no FDMNES input that can be read ({error!r})") from error
    alone = tuple(name for key, (name, _) in found.items() if key not in (*_WITH_VALUES, "convolution", "end"))
    return FdmnesInput(
        found["filout"][1][0].strip(),
        crystal,
        absorber,
        found["edge"][1][0].split()[0].upper(),
        FdmnesSettings(radius, alone, energies),
        "convolution" in found,
    )


def _blocks(lines: list[str]) -> dict[str, tuple[str, list[str]]]:
    """Keywords in lower case, each with its own spelling and the lines of values below it."""
    found: dict[str, tuple[str, list[str]]] = {}
    keyword = ""
    for line in lines:
        content = line.split("!")[0].strip()
        if not content:
            continue
        if keyword == "filout" and not found[keyword][1]:
            found[keyword][1].append(content)  # a name of a file, which may look like a keyword
            continue
        first = content.split()[0]
        if first[0].isalpha() and not (keyword == "edge" and not found[keyword][1]):
            keyword = first.lower()
            found.setdefault(keyword, (first, []))
            if keyword == "end":
                break
        elif keyword:
            found[keyword][1].append(content)
    return found


def _crystal(lines: list[str]) -> Crystal:
    """Structure from the lines below ``Crystal``: a, b, c, alpha, beta, gamma, then atomic number and place."""
    parameters = [float(value) for value in lines[0].split()]
    if len(parameters) < 6:
        raise ValueError(f"{len(parameters)} lattice parameters instead of 6")
    atoms = [line.split() for line in lines[1:]]
    species = [SYMBOL[int(atom[0])] for atom in atoms]
    places = np.array([[float(value) for value in atom[1:4]] for atom in atoms]).reshape(-1, 3)
    if not species:
        raise ValueError("no atoms")
    return crystal_from_parameters(parameters[:3], parameters[3:6], species, places)
