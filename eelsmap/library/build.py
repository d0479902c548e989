"""The resumable program that calculates new cells: ``python -m eelsmap.library.build --out DIR``.

Every finished cell is written at once as a file of its own; a program that is killed loses only the cell in work and
goes on with it when started again. A cell that does not converge leaves a ``.failed`` file with the reason and is not
tried again. Needs ``gpaw`` and ``chgnet``.
"""

from __future__ import annotations

import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from eelsmap.library.cells import Cell, save_cells
from eelsmap.library.gpaw_oxygen_k import BIN_EDGES, STANDARD, oxygen_k_transitions
from eelsmap.library.structures import planned_cell

if TYPE_CHECKING:
    from eelsmap.library.relaxation import Relaxer


def calculate_cell(number: int, relaxer: Relaxer, setup_folder: Path, log: Path | None = None) -> Cell:
    """Relax the n-th planned cell and calculate its O K transitions."""
    from ase import Atoms

    plan = planned_cell(number)
    started = time.process_time()
    lattice, fractional, moments = relaxer.relax(plan.species, plan.lattice, plan.fractional)
    relaxed = time.process_time() - started
    atoms = Atoms(plan.species, cell=lattice, scaled_positions=fractional, pbc=True)
    result = oxygen_k_transitions(atoms, STANDARD, setup_folder, log)
    details = {key: result[key] for key in ("fermi_eV", "magnetic_moments", "iterations", "seconds")}
    details["relaxation_seconds"] = round(relaxed, 1)
    return Cell(
        plan.name,
        plan.kind,
        plan.layer_sites,
        plan.species,
        lattice,
        fractional,
        moments,
        result["intensity"],
        result["complete_to_eV"],
        STANDARD.name,
        details,
    )


def run(folder: Path, limit: int | None = None) -> int:
    """Calculate planned cells one after the other into `folder` until killed.

    Parameters
    ----------
    folder
        Folder for finished cells, logs and the generated O set; made if absent.
    limit
        Stop after this number of newly calculated cells.

    Returns
    -------
    int
        Number of cells calculated by this call.
    """
    from eelsmap.library.relaxation import Relaxer

    cells = folder / "cells"
    cells.mkdir(parents=True, exist_ok=True)
    relaxer = None
    number = done = 0
    seen: set[tuple] = set()
    while limit is None or done < limit:
        plan = planned_cell(number)
        target = cells / f"{plan.name}.npz"
        failed = target.with_suffix(".failed")
        repeated = plan.without_choice is not None and plan.without_choice in seen
        seen.add(plan.without_choice or (number,))
        if not repeated and not target.exists() and not failed.exists():
            relaxer = relaxer or Relaxer()
            try:
                cell = calculate_cell(number, relaxer, folder.resolve() / "setups", folder / "gpaw.txt")
            except Exception:  # one cell that fails must not end a run of hundreds; the reason is kept beside it
                failed.write_text(traceback.format_exc())
            else:
                save_cells([cell], target, {STANDARD.name: STANDARD.as_dict()}, {}, BIN_EDGES)
                print(f"{cell.name}: complete to {cell.complete_to} eV, {cell.details['seconds']} s", flush=True)
                done += 1
        number += 1
    return done


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser(description="Calculate cells of the library, resumable.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--limit", type=int, default=None, help="stop after so many new cells")
    arguments = parser.parse_args()
    run(arguments.out, arguments.limit)
