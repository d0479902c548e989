"""Import of the 46 cells calculated before this program, and the proof that this program reproduces them.

They came as ``cells.json`` and ``spectra.npz``; the package keeps them in its own compact file, so this is needed once.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap.library.cells import Cell

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS_NAME = "gamma-2x2x2"


def read_first_cells(folder: Path) -> list[Cell]:
    """Read the cells of a folder with ``cells.json`` and ``spectra.npz``."""
    entries = json.loads((folder / "cells.json").read_text())
    with np.load(folder / "spectra.npz", allow_pickle=False) as content:
        intensity, owner, atom = content["intensity"], content["cell"], content["atom"]
    cells = []
    for index, entry in enumerate(entries):
        sites = entry["structure"]["sites"]
        order = np.argsort(atom[owner == index])
        cells.append(
            Cell(
                entry["id"],
                entry["kind"],
                entry["n_tm"],
                tuple(site["species"][0]["element"] for site in sites),
                np.array(entry["structure"]["lattice"]["matrix"]),
                np.array([site["abc"] for site in sites]),
                np.array(entry["chgnet_moments"]),
                intensity[owner == index][order],
                entry["complete_to_eV"],
                SETTINGS_NAME,
                {
                    "fermi_eV": entry["fermi_eV"],
                    "seconds": entry["seconds"],
                    "magnetic_moments": [round(m, 4) for m in entry["gpaw_moments"]],
                },
            )
        )
    return cells


def reproduce(cell: Cell, setup_folder: Path, log: Path | None = None) -> dict[str, Any]:
    """Calculate a finished cell anew at its own settings and compare (needs ``gpaw``).

    With U the moments of the relaxation are the start, as in the library; without it the ferromagnetic one.

    Returns
    -------
    dict
        ``cell``, ``settings``, ``cumulative_difference`` (largest difference of the cumulative distributions of the
        cell averages, E_F to 29 eV above, nothing aligned), ``worst_site``, ``fermi_difference_eV``, ``seconds``.
    """
    from ase import Atoms

    from eelsmap.library.gpaw_oxygen_k import BIN_EDGES, SETTINGS, oxygen_k_transitions
    from eelsmap.library.oxygen_k import cumulative_difference

    atoms = Atoms(cell.species, cell=cell.lattice, scaled_positions=cell.fractional, pbc=True)
    settings = SETTINGS[cell.settings]
    moments = [float(moment) for moment in cell.moments] if settings.hubbard_u_ev else None
    result = oxygen_k_transitions(atoms, settings, setup_folder, log, moments=moments)
    end = min(cell.complete_to, result["complete_to_eV"])
    sites = [
        cumulative_difference(old, new, BIN_EDGES, end)
        for old, new in zip(cell.intensity, result["intensity"], strict=True)
    ]
    average = cumulative_difference(cell.intensity.mean(axis=0), result["intensity"].mean(axis=0), BIN_EDGES, end)
    return {
        "cell": cell.name,
        "settings": cell.settings,
        "cumulative_difference": round(average, 4),
        "worst_site": round(max(sites), 4),
        "fermi_difference_eV": round(result["fermi_eV"] - cell.details["fermi_eV"], 3),
        "seconds": result["seconds"],
    }
