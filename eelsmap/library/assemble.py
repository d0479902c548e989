"""From cells, the multiplet grid and the surrogate to the library: no simulation tool, a minute at most.

Order: broaden and place the O K edge of every calculated cell, scale all by one factor; predict the O K edge of relaxed
structures that were not calculated; look up the L2,3 edge of every metal; make records, assign the split, add the
header. The same inputs give the same library.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap._version import __version__
from eelsmap.errors import LibraryError
from eelsmap.library.alignment import placed_spectra
from eelsmap.library.environments import EDGE_OF_METAL, collect_records, describe
from eelsmap.library.oxygen_k import (
    CORE_HOLE_FACTOR,
    CORE_WIDTH_EV,
    PRE_EDGE_POSITION_EV,
    SAMPLING_WIDTH_EV,
    WIDTH_SLOPE,
)
from eelsmap.library.probe import Probe
from eelsmap.library.site_table import SiteTable, quantised
from eelsmap.library.split import SALT
from eelsmap.library.white_lines import AREA_PER_HOLE_EV, L3_MAXIMUM_EV, REFERENCE_FIELD

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from eelsmap.library.cells import Cell
    from eelsmap.library.store import Library
    from eelsmap.library.structure import LibraryStructure
    from eelsmap.library.surrogate import Surrogate
    from eelsmap.library.white_lines import WhiteLines

DATA = Path(str(files("eelsmap"))) / "data"

#: Grids of the store, 0.1 eV, wider than what a model reads so that an instrument can be simulated on them.
GRIDS = {
    name: np.round(np.arange(low, high + 0.05, 0.1), 6)
    for name, (low, high) in {
        "O_K": (520.0, 557.0),
        "Mn_L": (628.0, 672.0),
        "Co_L": (766.0, 812.0),
        "Ni_L": (842.0, 888.0),
    }.items()
}
CONTINUUM_LOSS_EV = (547.0, 556.0)
"""Where the mean O K spectrum is 1: beyond the main peak."""
TOOLS = ("numpy", "scipy", "gpaw", "gpaw-data", "ase", "chgnet", "pymatgen", "edrixs", "dscribe", "torch")


def slater_reduction(name: str) -> float:
    """Slater reduction of a cell, 0 to 1 over each ion's grid, from a hash of its name.

    The true reduction is unknown; spreading the cells over the range keeps a model from leaning on one value.
    """
    return int(hashlib.sha256(f"slater|{name}".encode()).hexdigest()[:8], 16) / 16**8


def oxygen_spectra(cells: Sequence[Cell], bin_edges: NDArray) -> tuple[list[NDArray], float]:
    """Placed O K spectra of every cell, (n_oxygen, points) each, and the common factor that scaled them.

    One factor for all cells brings the mean of the continuum to 1, so that areas stay comparable between cells.
    """
    placed = [placed_spectra(cell, bin_edges, GRIDS["O_K"]) for cell in cells]
    window = (CONTINUUM_LOSS_EV[0] <= GRIDS["O_K"]) & (CONTINUUM_LOSS_EV[1] >= GRIDS["O_K"])
    factor = 1 / float(np.mean([sites[:, window].mean() for sites in placed]))
    return [sites * factor for sites in placed], factor


def assemble(
    cells: Sequence[Cell],
    cells_header: dict[str, Any],
    bin_edges: NDArray,
    lines: WhiteLines,
    *,
    relaxed: Sequence[Cell] = (),
    surrogate: Surrogate | None = None,
    inputs: dict[str, str] | None = None,
    report: Callable[[str], Any] | None = None,
) -> Library:
    """Build the library.

    Parameters
    ----------
    cells, cells_header, bin_edges
        Calculated cells, from `eelsmap.library.cells.load_cells`.
    lines
        Source of the L2,3 spectra.
    relaxed
        Relaxed structures whose O K edge was not calculated; those that are among `cells` by name are left out.
    surrogate
        Predicts their O K edges.
    inputs
        sha256 of the files read, by name, for the header.
    report
        Called with a line at every hundredth structure filled in.

    Returns
    -------
    Library
        Calculated structures first, each group in the order given. Cells whose valences cannot balance charge are left
        out; ``header["left_out"]`` says which.

    Raises
    ------
    LibraryError
        There are structures to fill in and no surrogate, or no structure is left.
    """
    known = {cell.name for cell in cells}
    relaxed = [cell for cell in relaxed if cell.name not in known]
    if relaxed and surrogate is None:
        raise LibraryError(
            f"{len(relaxed)} structures have no calculated O K edge and no surrogate is given to fill them in; fit one "
            "first (eelsmap library surrogate), or leave the relaxed structures out"
        )
    calculated, factor = oxygen_spectra(cells, bin_edges)
    maker = _Maker(lines, report)
    for cell, sites in zip(cells, calculated, strict=True):
        source = f"GPAW initial state, {cell.settings}, pre-edge times {CORE_HOLE_FACTOR}"
        maker.add(cell, sites, source, "calculated", cell.settings)
    for number, cell in enumerate(relaxed):
        if surrogate is None:  # refused above; said again for the type checker
            break
        said = surrogate.evaluate(cell)
        scale = factor / surrogate.header["factor"]  # it learned spectra scaled by the factor of its own cells
        deviation = scale * np.sqrt((said.uncertainty**2).mean(axis=1))
        source = "surrogate fitted on calculated cells (ridge regression, Hirai et al. 2022)"
        maker.add(cell, scale * said.spectra, source, "surrogate", "surrogate", deviation, said.extrapolated)
        if report and number % 100 == 99:
            report(f"{number + 1} of {len(relaxed)} structures filled in")
    header: dict[str, Any] = {
        "name": "nmc",
        "cells": {"count": len(cells), **cells_header},
        "multiplets": lines.header,
        "surrogate": None if surrogate is None else surrogate.header,
        "oxygen_k": {
            "core_hole_factor": CORE_HOLE_FACTOR,
            "core_width_eV": CORE_WIDTH_EV,
            "width_slope": WIDTH_SLOPE,
            "sampling_width_eV": SAMPLING_WIDTH_EV,
            "pre_edge_position_eV": PRE_EDGE_POSITION_EV,
            "continuum_eV": CONTINUUM_LOSS_EV,
            "factor": factor,
        },
        "white_lines": {
            "area_per_hole_eV": AREA_PER_HOLE_EV,
            "l3_maximum_eV": L3_MAXIMUM_EV,
            "reference_field": REFERENCE_FIELD,
        },
        "left_out": maker.left_out,
        "split": {"rule": "sha256 of salt and family", "salt": SALT},
        "inputs": inputs or {},
        "tools": {"eelsmap": __version__} | _installed(),
    }
    return maker.library(header)


class _Maker:
    """Collects structures and the spectra of their sites."""

    def __init__(self, lines: WhiteLines, report: Callable[[str], Any] | None) -> None:
        self.left_out: dict[str, str] = {}
        self._lines = lines
        self._report = report
        self._structures: list[LibraryStructure] = []
        self._sources: list[dict[str, str]] = []
        self._spectra: dict[str, list[NDArray]] = {edge: [] for edge in GRIDS}

    def add(
        self,
        cell: Cell,
        oxygen: NDArray,
        source: str,
        origin: str,
        settings: str,
        uncertainty: NDArray | None = None,
        extrapolated: NDArray | None = None,
    ) -> None:
        """Add one cell with its placed O K spectra (n_oxygen, points); see `describe` for the rest."""
        try:
            structure = describe(cell, origin, settings, uncertainty, extrapolated)
        except LibraryError as error:
            self.left_out[cell.name] = str(error)
            if self._report:
                self._report(f"left out {cell.name}: {error}")
            return
        reduction = slater_reduction(structure.name)
        first = len(self._spectra["O_K"])
        structure.site[structure.oxygen] = np.arange(first, first + len(oxygen))
        self._spectra["O_K"] += list(oxygen)
        for index, symbol in enumerate(structure.species):
            if symbol in EDGE_OF_METAL:
                edge = EDGE_OF_METAL[symbol]
                structure.site[index] = len(self._spectra[edge])
                self._spectra[edge].append(
                    self._lines.spectrum(
                        f"{symbol}{structure.valence[index]:.0f}",
                        float(structure.bond_length[index]),
                        reduction,
                        GRIDS[edge],
                        float(structure.elongation[index]),
                    )
                )
        self._structures.append(structure)
        lines = f"EDRIXS multiplets, Slater reduction {reduction:.2f} of the range"
        self._sources.append({"O_K": source} | dict.fromkeys(EDGE_OF_METAL.values(), lines))

    def library(self, header: dict[str, Any]) -> Library:
        """Make the library of all that was added."""
        if not self._structures:
            raise LibraryError("no structure is left to make a library of")
        none = np.zeros(0, dtype=np.int32)
        sites = {
            edge: SiteTable(
                *quantised(np.array(rows).reshape(-1, GRIDS[edge].size)), none, none, none.astype(np.float32)
            )
            for edge, rows in self._spectra.items()
        }
        return collect_records(self._structures, sites, GRIDS, header, self._sources, Probe())


def _installed() -> dict[str, str]:
    """Versions of the tools that are installed while the library is put together."""
    versions = {}
    for name in TOOLS:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
