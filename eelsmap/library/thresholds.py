"""Core-hole total energies of some oxygen atoms, and the alignment between cells that is fitted to them.

The threshold of an edge is a difference of two total energies, of the cell with one oxygen 1s electron moved to the
lowest empty state and of the ground state (delta Kohn-Sham; Triguero, Pettersson, Agren, Phys. Rev. B 58, 8097 (1998),
10.1103/PhysRevB.58.8097; Ljungberg, Mortensen, Pettersson, J. Electron Spectrosc. Relat. Phenom. 184, 427 (2011)).
Both are calculated at the same settings, U included. GPAW counts energies from its reference atoms, so a threshold is
known up to one constant for all cells.

What the initial state says of the same energy is the lowest empty state above the potential at the nucleus
(`initial_state_level`). The difference, the relaxation about the hole, is fitted by the mean valence of the metals and
stored for `eelsmap.library.alignment`.

Run ``python -m eelsmap.library.thresholds --cells FILE [--rows FILE] [--calculate NAME ...] [--out FILE]``; the
calculation needs ``gpaw``, the fit does not. Without ``--rows`` the shipped thresholds are fitted anew.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.library.alignment import FILE, Alignment, mean_valence, site_levels
from eelsmap.library.evidence import add_rows, read_rows
from eelsmap.library.oxygen_k import PRE_EDGE_POSITION_EV, above_potential, pre_edge_end
from eelsmap.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from eelsmap.library.cells import Cell

#: Empty bands of a threshold calculation, per cubic angstrom: energies need no spectrum.
EMPTY_BANDS_PER_VOLUME = 0.1


def threshold(cell: Cell, setup_folder: Path, site: int = 0, log: Path | None = None) -> dict[str, Any]:
    """Energy of moving a 1s electron of one oxygen to the lowest empty state (needs ``gpaw``).

    Parameters
    ----------
    cell
        Finished cell with the ``energy_eV`` of its ground state.
    setup_folder
        Folder with (or for) the generated O sets.
    site
        Which of the cell's oxygen atoms.
    log
        GPAW text output.

    Returns
    -------
    dict
        ``cell``, ``site``, ``settings``, ``threshold_eV`` up to one constant for all cells, ``magnetic_moments`` of the
        metals with the hole, ``seconds``.
    """
    from ase import Atoms

    from eelsmap.library.gpaw_oxygen_k import SETTINGS, attach_calculator

    if "energy_eV" not in cell.details:
        raise LibraryError(f"{cell.name} has no energy of its ground state: calculate the cell anew")
    settings = replace(SETTINGS[cell.settings], bands_per_atom=None, bands_per_volume=EMPTY_BANDS_PER_VOLUME)
    atoms = Atoms(cell.species, cell=cell.lattice, scaled_positions=cell.fractional, pbc=True)
    started = time.process_time()
    attach_calculator(atoms, settings, setup_folder, log, (cell.oxygen[site], 1.0), cell.details["magnetic_moments"])
    energy = float(atoms.get_potential_energy())
    moments = atoms.get_magnetic_moments()
    return {
        "cell": cell.name,
        "site": site,
        "settings": cell.settings,
        "threshold_eV": round(energy - cell.details["energy_eV"], 4),
        "magnetic_moments": [round(float(moments[metal]), 2) for metal in cell.metals],
        "seconds": round(time.process_time() - started, 1),
    }


def initial_state_level(cell: Cell, bin_edges: NDArray, site: int = 0) -> float:
    """Lowest empty state of a cell above the potential at one oxygen nucleus, eV: the threshold without relaxation."""
    levels = site_levels(cell)
    if levels is None:
        raise LibraryError(f"{cell.name} has no potentials at its oxygen nuclei: calculate the cell anew")
    # A transition of any strength to any oxygen shows a state; the histogram holds empty ones only.
    lowest = bin_edges[:-1][cell.intensity.sum(axis=0) > 0][0]
    return float(levels[site] + max(lowest, 0.0))


def relaxations(
    rows: Sequence[Mapping[str, Any]], cells: Mapping[str, Cell], bin_edges: NDArray
) -> list[dict[str, Any]]:
    """Rows with ``li_content``, ``mean_valence``, ``level_eV`` (initial state) and ``relaxation_eV`` added.

    Rows of cells that are not at hand are left out.
    """
    found = []
    for row in rows:
        if row["cell"] in cells:
            cell = cells[row["cell"]]
            level = initial_state_level(cell, bin_edges, row["site"])
            found.append(
                {
                    **row,
                    "li_content": round(cell.li_content, 3),
                    "mean_valence": round(mean_valence(cell), 3),
                    "level_eV": round(level, 3),
                    "relaxation_eV": round(row["threshold_eV"] - level, 3),
                }
            )
    return found


def leave_one_out(names: Sequence[str], features: NDArray, target: NDArray) -> NDArray:
    """Errors (n,) of a least-squares fit for the rows of each cell when that cell is left out."""
    errors = np.empty(len(target))
    owner = np.array(names)
    for name in set(names):
        out = owner == name
        coefficients = np.linalg.lstsq(features[~out], target[~out], rcond=None)[0]
        errors[out] = target[out] - features[out] @ coefficients
    return errors


def pre_edge_position(cell: Cell, bin_edges: NDArray, alignment: Alignment) -> float:
    """Centroid of the calculated pre-edge of all oxygen atoms of a cell after placement, eV, unbroadened."""
    levels = site_levels(cell)
    if levels is None:
        raise LibraryError(f"{cell.name} has no potentials at its oxygen nuclei: calculate the cell anew")
    centres = (bin_edges[:-1] + bin_edges[1:]) / 2
    band = (centres >= 0) & (centres < pre_edge_end(cell, bin_edges))
    energy = centres[band] + levels[:, None] + alignment.relaxation(cell) + alignment.constant
    return float(np.average(energy, weights=cell.intensity[:, band]))


def fit(rows: Sequence[Mapping[str, Any]], cells: Sequence[Cell], bin_edges: NDArray) -> Alignment:
    """Fit the alignment to rows of `relaxations`; the constant puts the mean pre-edge of pristine cells at 529.2 eV.

    Every cell counts once, whatever the number of its oxygen atoms with a threshold.
    """
    names = [row["cell"] for row in rows]
    if len(set(names)) < 4:
        raise LibraryError(f"an alignment needs thresholds of at least four cells, not {len(set(names))}")
    unique = sorted(set(names))
    valence = np.array([next(row["mean_valence"] for row in rows if row["cell"] == name) for name in unique])
    target = np.array([np.mean([row["relaxation_eV"] for row in rows if row["cell"] == name]) for name in unique])
    features = np.column_stack([np.ones(len(unique)), valence])
    intercept, slope = np.linalg.lstsq(features, target, rcond=None)[0]
    error = float(np.sqrt(np.mean(leave_one_out(unique, features, target) ** 2)))
    raw = Alignment(round(float(intercept), 4), round(float(slope), 4), 0.0, round(error, 3))
    pristine = [cell for cell in cells if cell.kind == "pristine" and site_levels(cell) is not None]
    mean = np.mean([pre_edge_position(cell, bin_edges, raw) for cell in pristine])
    return replace(raw, constant=round(PRE_EDGE_POSITION_EV - float(mean), 3))


def references(rows: Sequence[Mapping[str, Any]], cells: Sequence[Cell], bin_edges: NDArray) -> dict[str, float]:
    """How far the pre-edge positions from core-hole energies scatter about those of simpler rules, eV.

    Standard deviations over the cells of `rows`: every pre-edge centroid at one energy, E_F at one energy, the 1s level
    at one energy, and the library's placement (errors of cells left out of the fit).
    """
    by_name = {cell.name: cell for cell in cells}
    names = sorted({row["cell"] for row in rows})
    relaxation = np.array([np.mean([row["relaxation_eV"] for row in rows if row["cell"] == name]) for name in names])
    flat = Alignment(0.0, 0.0, 0.0, 0.0)
    centroid = np.array([pre_edge_position(by_name[name], bin_edges, flat) for name in names])
    fermi = np.array([above_potential(by_name[name]) for name in names], dtype=float)
    valence = np.array([mean_valence(by_name[name]) for name in names])
    errors = leave_one_out(names, np.column_stack([np.ones(len(names)), valence]), relaxation)
    return {
        "one energy for all pre-edges": float(np.std(relaxation + centroid)),
        "E_F": float(np.std(relaxation + fermi)),
        "the 1s level": float(np.std(relaxation)),
        "the 1s level and the mean valence": float(np.sqrt(np.mean(errors**2))),
        "the same, median of the absolute error": float(np.median(np.abs(errors))),
    }


def main() -> None:
    """Command line: calculate rows that are missing, fit, print, write."""
    import argparse

    from eelsmap.library.cells import load_cells

    parser = argparse.ArgumentParser(description="Core-hole total energies and the alignment fitted to them.")
    parser.add_argument("--cells", type=Path, required=True, help="file of finished cells")
    parser.add_argument("--rows", type=Path, default=None, help="JSON file of finished rows, made if absent")
    parser.add_argument("--calculate", nargs="*", default=[], help="names of cells, NAME:SITE for another oxygen")
    parser.add_argument("--out", type=Path, default=None, help="write the alignment to this JSON file")
    arguments = parser.parse_args()
    cells, _, bin_edges = load_cells(arguments.cells)
    by_name = {cell.name: cell for cell in cells}
    if arguments.calculate:
        if arguments.rows is None:
            parser.error("--calculate needs --rows, the file that the new rows go into")
        setups = arguments.rows.resolve().parent / "setups"
        add_rows(arguments.rows, arguments.calculate, by_name, lambda cell, site: threshold(cell, setups, site))
    known = json.loads(FILE.read_text())["thresholds"] if arguments.rows is None else read_rows(arguments.rows)
    rows = relaxations(known, by_name, bin_edges)
    for row in rows:
        print(f"{row['cell']}:{row['site']} Li {row['li_content']:.2f} valence {row['mean_valence']:.2f}", end=" ")
        print(f"threshold {row['threshold_eV']:.2f} initial state {row['level_eV']:.2f} eV", end=" ")
        print(f"relaxation {row['relaxation_eV']:.2f} eV")
    alignment = fit(rows, cells, bin_edges)
    for words, found in references(rows, cells, bin_edges).items():
        print(f"pre-edge positions of the core-hole energies about those of {words}: {found:.2f} eV")
    print(f"{alignment}, {len(rows)} thresholds of {len({row['cell'] for row in rows})} cells")
    if arguments.out is not None:
        with whole_file(arguments.out) as part:
            part.write_text(json.dumps({**asdict(alignment), "thresholds": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
