"""From cells and the multiplet grid to the library: numpy only, a few seconds.

Order: broaden and place the O K edge of every cell, scale all by one factor, make records, assign the split, add the
header.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap.library.cells import load_cells
from eelsmap.library.environments import EDGE_OF_METAL, cell_records
from eelsmap.library.oxygen_k import (
    CONTINUUM_EV,
    CORE_HOLE_FACTOR,
    CORE_WIDTH_EV,
    PRE_EDGE_EV,
    PRE_EDGE_POSITION_EV,
    SAMPLING_WIDTH_EV,
    WIDTH_SLOPE,
    broadened,
    pre_edge_shift,
)
from eelsmap.library.split import SALT, side
from eelsmap.library.store import Library
from eelsmap.library.white_lines import AREA_PER_HOLE_EV, L3_MAXIMUM_EV, REFERENCE_FIELD, WhiteLines

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eelsmap.library.cells import Cell

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
RELATIVE = np.round(np.arange(-12.0, 34.0, 0.05), 6)
DECIMALS = 4
"""Spectra are rounded to this: far below any noise, and it halves the file."""


def slater_reduction(name: str) -> float:
    """Slater reduction of a cell, 0 to 1 over each ion's grid, from a hash of its name.

    The true reduction is unknown; spreading the cells over the range keeps a model from leaning on one value.
    """
    return int(hashlib.sha256(f"slater|{name}".encode()).hexdigest()[:8], 16) / 16**8


def oxygen_spectra(cells: list[Cell], bin_edges: NDArray) -> tuple[list[NDArray], float]:
    """Placed O K spectra of every cell, (n_oxygen, points) each, and the common factor that scaled them."""
    placed, continuum = [], []
    low, high = CONTINUUM_EV
    window = (low <= RELATIVE) & (high >= RELATIVE)
    for cell in cells:
        sites = broadened(cell.intensity, bin_edges, cell.complete_to, RELATIVE)
        shift = pre_edge_shift(sites.mean(axis=0), RELATIVE)
        placed.append(np.array([np.interp(GRIDS["O_K"], RELATIVE + shift, row) for row in sites]))
        continuum.append(sites[:, window].mean())
    factor = 1 / float(np.mean(continuum))
    return [sites * factor for sites in placed], factor


def assemble(cells: list[Cell], cells_header: dict[str, Any], bin_edges: NDArray, lines: WhiteLines) -> Library:
    """Build the library.

    Parameters
    ----------
    cells, cells_header, bin_edges
        From `eelsmap.library.cells.load_cells`.
    lines
        Source of the L2,3 spectra.

    Returns
    -------
    Library
    """
    oxygen, factor = oxygen_spectra(cells, bin_edges)
    records, parents, sources = [], [], []
    for index, (cell, sites) in enumerate(zip(cells, oxygen, strict=True)):
        reduction = slater_reduction(cell.name)
        own = cell_records(cell, sites, lines, GRIDS, reduction)
        records += own
        parents += [index] * len(own)
        source = {
            "O_K": f"GPAW initial state, PBE, {cell.settings}, pre-edge times {CORE_HOLE_FACTOR}"
        } | dict.fromkeys(EDGE_OF_METAL.values(), f"EDRIXS multiplets, Slater reduction {reduction:.2f} of the range")
        sources += [source] * len(own)

    def spectra(edge: str) -> NDArray[np.float32]:
        absent = np.full(GRIDS[edge].size, np.nan)
        rows = [row if (row := record.spectra[edge]) is not None else absent for record in records]
        return np.round(np.array(rows), DECIMALS).astype(np.float32)

    sides = [side(cell) for cell in cells]
    header = {
        "name": "nmc",
        "cells": {"count": len(cells), **cells_header},
        "multiplets": lines.header,
        "oxygen_k": {
            "core_hole_factor": CORE_HOLE_FACTOR,
            "core_width_eV": CORE_WIDTH_EV,
            "width_slope": WIDTH_SLOPE,
            "sampling_width_eV": SAMPLING_WIDTH_EV,
            "pre_edge_eV": PRE_EDGE_EV,
            "pre_edge_position_eV": PRE_EDGE_POSITION_EV,
            "factor": factor,
        },
        "white_lines": {
            "area_per_hole_eV": AREA_PER_HOLE_EV,
            "l3_maximum_eV": L3_MAXIMUM_EV,
            "reference_field": REFERENCE_FIELD,
        },
        "split": {"rule": "sha256 of salt and family", "salt": SALT},
    }
    return Library(
        grids=GRIDS,
        spectra={edge: spectra(edge) for edge in GRIDS},
        atoms={name: np.array([record.atoms[name] for record in records]) for name in records[0].atoms},
        labels={name: np.array([record.labels[name] for record in records]) for name in records[0].labels},
        parent=np.array(parents),
        parent_names=tuple(cell.name for cell in cells),
        kind=np.array([record.kind for record in records]),
        split=np.array([sides[i] for i in parents]),
        source=tuple(sources),
        header=header,
    )


def assemble_shipped() -> Library:
    """Build the library from the cells and the multiplet grid that the package ships."""
    cells, header, bin_edges = load_cells(DATA / "oxygen_k_cells.npz")
    return assemble(cells, header, bin_edges, WhiteLines.from_file(DATA / "multiplets.npz"))
