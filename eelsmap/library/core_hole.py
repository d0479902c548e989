"""What the core hole does to the pre-edge, measured on a few cells (needs ``gpaw``).

The library's O K edges are initial-state ones: all oxygen atoms from one ground state. A half core hole (Slater's
transition state; Triguero, Pettersson, Agren, Phys. Rev. B 58, 8097 (1998), 10.1103/PhysRevB.58.8097) needs one
calculation per oxygen, too dear for every site, but it weakens the pre-edge against the main peak by nearly the same
factor everywhere. That factor is measured here and applied in `eelsmap.library.oxygen_k`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eelsmap.library.oxygen_k import PRE_EDGE_EV, pre_edge_to_main

if TYPE_CHECKING:
    from pathlib import Path

    from eelsmap.library.cells import Cell


def pre_edge_change(cell: Cell, setup_folder: Path, hole: float = 0.5, log: Path | None = None) -> dict[str, Any]:
    """Pre-edge to main ratio of one oxygen with a core hole, divided by that without.

    Parameters
    ----------
    cell
        Finished cell; its first oxygen is used.
    setup_folder
        Folder with (or for) the generated O sets.
    hole
        Electrons missing in the 1s orbital.
    log
        GPAW text output.

    Returns
    -------
    dict
        ``cell``, ``hole``, ``initial`` and ``with_hole`` (pre-edge to main ratios), ``factor``.
    """
    from ase import Atoms

    from eelsmap.library.gpaw_oxygen_k import BIN_EDGES, STANDARD, oxygen_k_transitions

    atoms = Atoms(cell.species, cell=cell.lattice, scaled_positions=cell.fractional, pbc=True)
    result = oxygen_k_transitions(atoms, STANDARD, setup_folder, log, core_hole=(cell.oxygen[0], hole))
    before = pre_edge_to_main(cell.intensity[0], BIN_EDGES)
    after = pre_edge_to_main(result["intensity"][0], BIN_EDGES)
    return {
        "cell": cell.name,
        "hole": hole,
        "initial": round(before, 3),
        "with_hole": round(after, 3),
        "factor": round(after / before, 3),
        "bands_eV": [0.0, PRE_EDGE_EV[1], 20.0],
    }
