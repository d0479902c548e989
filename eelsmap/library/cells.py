"""Cells with their oxygen K-edge transitions: the record, and the compact file that holds many of them.

The file is one compressed npz without pickled objects: histograms of all oxygen atoms of all cells, and a JSON string
with everything else. Sites are ordered: transition-metal layer, lithium layer, oxygen.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

METALS = ("Ni", "Mn", "Co")
EVIDENCE = ("reproduction", "core_hole", "convergence", "functional")


@dataclass(frozen=True)
class Cell:
    """One relaxed periodic cell and its O 1s transitions.

    Parameters
    ----------
    name
        Unique name, for instance ``"vacancy-007"``.
    kind
        ``"pristine"``, ``"vacancy"`` or ``"antisite"``.
    layer_sites
        Sites of the transition-metal layers; they come first in `species`.
    species
        Chemical symbols of the n atoms.
    lattice
        (3, 3) rows are lattice vectors, angstrom.
    fractional
        (n, 3) fractional coordinates.
    moments
        (n,) magnetic moments from CHGNet r2SCAN, Bohr magnetons, from which valences are assigned.
    intensity
        (n_oxygen, bins) histogram of squared dipole matrix elements, oxygen in the order of `species`.
    complete_to
        Energy above E_F up to which every k point and spin has bands, eV.
    settings
        Name of the numerical settings.
    details
        Anything else that is worth keeping: Fermi level, seconds, DFT moments.
    """

    name: str
    kind: str
    layer_sites: int
    species: tuple[str, ...]
    lattice: NDArray
    fractional: NDArray
    moments: NDArray
    intensity: NDArray
    complete_to: float
    settings: str
    details: dict[str, Any]

    @property
    def metals(self) -> list[int]:
        """Indices of the Ni, Mn and Co atoms."""
        return [index for index, symbol in enumerate(self.species) if symbol in METALS]

    @property
    def oxygen(self) -> list[int]:
        """Indices of the oxygen atoms."""
        return [index for index, symbol in enumerate(self.species) if symbol == "O"]

    @property
    def lithium(self) -> list[int]:
        """Indices of the lithium atoms."""
        return [index for index, symbol in enumerate(self.species) if symbol == "Li"]

    @property
    def phase(self) -> str:
        """``"layered"`` where nothing else is stated, ``"lithium-rich"``, ``"rock salt"`` or ``"reference"``."""
        return str(self.details.get("phase", "layered"))

    @property
    def li_content(self) -> float:
        """Lithium per site of the metal layers; in phases without layers lithium per two oxygen atoms."""
        if self.phase in ("layered", "lithium-rich"):
            return len(self.lithium) / self.layer_sites
        return 2 * len(self.lithium) / len(self.oxygen)

    def header(self) -> dict[str, Any]:
        """Everything but the histogram, as plain values."""
        return {
            "name": self.name,
            "kind": self.kind,
            "layer_sites": self.layer_sites,
            "species": list(self.species),
            "lattice": np.round(self.lattice, 6).tolist(),
            "fractional": np.round(self.fractional, 6).tolist(),
            "moments": np.round(self.moments, 4).tolist(),
            "complete_to": self.complete_to,
            "settings": self.settings,
            "details": self.details,
        }

    @classmethod
    def from_header(cls, header: dict[str, Any], intensity: NDArray) -> Cell:
        """Rebuild a cell from `header` and its rows of the histogram."""
        arrays: dict[str, Any] = {key: np.array(header[key], float) for key in ("lattice", "fractional", "moments")}
        plain = {key: header[key] for key in ("name", "kind", "layer_sites", "complete_to", "settings", "details")}
        return cls(species=tuple(header["species"]), intensity=intensity, **arrays, **plain)


def save_cells(
    cells: Sequence[Cell],
    path: Path,
    settings: dict[str, Any],
    evidence: dict[str, list[dict[str, Any]]],
    bin_edges: NDArray,
) -> None:
    """Write cells into one compact file, whole or not at all.

    Parameters
    ----------
    cells
        Cells in any order; they are stored by name.
    path
        File to write.
    settings
        Numerical settings by name.
    evidence
        Lists of measured checks: ``reproduction`` of the first cells by this program, ``core_hole`` factors.
    bin_edges
        Edges of the histogram, eV above E_F.
    """
    ordered = sorted(cells, key=lambda cell: cell.name)
    header = {
        "schema": 1,
        "settings": settings,
        **evidence,
        "cells": [cell.header() for cell in ordered],
    }
    with whole_file(path) as part, part.open("wb") as stream:
        np.savez_compressed(
            stream,
            header=np.array(json.dumps(header)),
            bin_edges=bin_edges,
            intensity=np.concatenate([cell.intensity for cell in ordered]).astype(np.float32),
        )


def load_cells(path: Path) -> tuple[list[Cell], dict[str, Any], NDArray]:
    """Read a compact file.

    Returns
    -------
    cells, header, bin_edges
        Cells by name, the header without them, histogram edges in eV above E_F.

    Raises
    ------
    LibraryError
        The file is missing or is not such a file.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            header = json.loads(str(content["header"]))
            intensity, bin_edges = content["intensity"], content["bin_edges"]
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise LibraryError(f"{path}: not a file of oxygen K cells ({error})") from error
    cells, start = [], 0
    for entry in header.pop("cells"):
        stop = start + entry["species"].count("O")
        cells.append(Cell.from_header(entry, intensity[start:stop]))
        start = stop
    if start != len(intensity):
        raise LibraryError(f"{path}: {len(intensity)} histograms for {start} oxygen atoms")
    return cells, header, bin_edges


def gather(sources: Sequence[Path], settings: str | None = None) -> tuple[list[Cell], dict[str, Any], NDArray]:
    """Read the calculated cells of several compact files and run folders.

    Parameters
    ----------
    sources
        Compact files, folders of finished cells, or folders of runs (which hold such a folder ``cells``). Of cells of
        the same name the one of the last source is taken.
    settings
        Only cells that were calculated with the settings of this name; None for all.

    Returns
    -------
    cells, header, bin_edges
        As of `load_cells`, by name; evidence is that of the sources together.

    Raises
    ------
    LibraryError
        A file is not one of cells, histograms differ in their bins, or there is no such cell.
    """
    cells: dict[str, Cell] = {}
    known: dict[str, Any] = {}
    evidence: dict[str, list] = {}
    bin_edges: NDArray | None = None
    for path in cell_files(sources):
        found, header, edges = load_cells(path)
        evidence |= {key: header[key] for key in EVIDENCE if header.get(key)}
        found = [cell for cell in found if cell.intensity.shape[1] and settings in (None, cell.settings)]
        if not found:
            continue
        if bin_edges is not None and (edges.shape != bin_edges.shape or not np.allclose(edges, bin_edges, atol=1e-6)):
            raise LibraryError(f"{path}: other histogram bins than the files before it")
        bin_edges = edges
        cells |= {cell.name: cell for cell in found}
        known |= header["settings"]
    if bin_edges is None:
        which = f" with the settings {settings}" if settings else ""
        raise LibraryError(f"{', '.join(map(str, sources))}: no calculated cells{which} there")
    used = {cell.settings for cell in cells.values()}
    header = {"schema": 1, "settings": {name: known[name] for name in sorted(used & set(known))}, **evidence}
    return [cells[name] for name in sorted(cells)], header, bin_edges


def cell_files(sources: Sequence[Path], subfolder: str = "cells") -> list[Path]:
    """Files of cells of some sources: files as they are, of folders all files in them or in their subfolder."""
    files: list[Path] = []
    for source in sources:
        inner = source / subfolder if (source / subfolder).is_dir() else source
        files += sorted(inner.glob("*.npz")) if inner.is_dir() else [source]
    return files
