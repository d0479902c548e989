"""What the core hole does to the O K edge, measured on a few cells (needs ``gpaw``).

The library's O K edges are initial-state ones: all oxygen atoms from one ground state. A half core hole (Slater's
transition state; Triguero, Pettersson, Agren, Phys. Rev. B 58, 8097 (1998), 10.1103/PhysRevB.58.8097) needs one
calculation per oxygen, too dear for every site, but it weakens the pre-edge against the main edge by nearly the same
factor everywhere, and draws the main edge nearer to it. Factor and shift are measured here and applied in
`eelsmap.library.oxygen_k`.

Run ``python -m eelsmap.library.core_hole --cells FILE --rows FILE --calculate NAME ...``; finished rows are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap.library.oxygen_k import (
    CORE_HOLE_FACTOR,
    CORE_HOLE_SHIFT_EV,
    MAIN_WIDTH_EV,
    broadened,
    emptiest,
    pre_edge_end,
    pre_edge_to_main,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from eelsmap.library.cells import Cell

#: How far from the gap of the whole cell that of one oxygen with a hole is looked for, eV.
SEARCH_EV = 1.5


def pre_edge_change(
    cell: Cell, setup_folder: Path, hole: float = 0.5, log: Path | None = None, site: int = 0
) -> dict[str, Any]:
    """Pre-edge to main ratio of one oxygen with a core hole, divided by that without.

    Parameters
    ----------
    cell
        Finished cell.
    setup_folder
        Folder with (or for) the generated O sets.
    hole
        Electrons missing in the 1s orbital.
    log
        GPAW text output.
    site
        Which of the cell's oxygen atoms.

    Returns
    -------
    dict
        ``cell``, ``settings``, ``site``, ``li_content``, ``hole``, ``initial`` and ``with_hole`` (pre-edge to main
        ratios), ``factor``, ``shift_eV`` (of the main edge from the pre-edge), and what is left of the difference
        between the two spectra (`unlikeness`): ``unlike`` with the initial state as it is, ``unlike_with_factor`` with
        its pre-edge weakened by this factor, ``unlike_corrected`` with factor and shift of the library.
    """
    from ase import Atoms

    from eelsmap.library.gpaw_oxygen_k import BIN_EDGES, SETTINGS, oxygen_k_transitions

    atoms = Atoms(cell.species, cell=cell.lattice, scaled_positions=cell.fractional, pbc=True)
    moments = cell.details.get("magnetic_moments") if SETTINGS[cell.settings].hubbard_u_ev else None
    result = oxygen_k_transitions(
        atoms, SETTINGS[cell.settings], setup_folder, log, core_hole=(cell.oxygen[site], hole), moments=moments
    )
    return {
        "cell": cell.name,
        "settings": cell.settings,
        "site": site,
        "li_content": round(cell.li_content, 3),
        "hole": hole,
        **change(cell, result["intensity"][0], result["complete_to_eV"], BIN_EDGES, site),
        "seconds": result["seconds"],
    }


def change(cell: Cell, with_hole: NDArray, complete_to: float, bin_edges: NDArray, site: int) -> dict[str, float]:
    """How the spectrum of one oxygen with a core hole, (bins,), differs from that without: see `pre_edge_change`."""
    end = pre_edge_end(cell, bin_edges)
    one, other = cell.intensity[site].astype(float), with_hole.astype(float)
    ends = [emptiest(row, bin_edges, end - SEARCH_EV, end + SEARCH_EV) for row in (one, other)]
    before, after = (pre_edge_to_main(row, bin_edges, own) for row, own in zip((one, other), ends, strict=True))
    distance = [
        centroid(row, bin_edges, own, own + MAIN_WIDTH_EV) - centroid(row, bin_edges, 0.0, own)
        for row, own in zip((one, other), ends, strict=True)
    ]
    complete = min(cell.complete_to, complete_to)
    left = {
        "unlike": (1.0, 0.0),
        "unlike_with_factor": (after / before, 0.0),
        "unlike_corrected": (CORE_HOLE_FACTOR, CORE_HOLE_SHIFT_EV),
    }
    return {
        "initial": round(before, 3),
        "with_hole": round(after, 3),
        "factor": round(after / before, 3),
        "shift_eV": round(distance[1] - distance[0], 2),
    } | {key: round(unlikeness(one, other, bin_edges, complete, ends, *own), 4) for key, own in left.items()}


def centroid(intensity: NDArray, bin_edges: NDArray, low: float, high: float) -> float:
    """Centroid of a histogram (bins,) between two energies, eV above E_F."""
    centres = (bin_edges[:-1] + bin_edges[1:]) / 2
    inside = (centres >= low) & (centres < high)
    return float(np.average(centres[inside], weights=intensity[inside]))


def unlikeness(
    initial: NDArray,
    with_hole: NDArray,
    bin_edges: NDArray,
    complete_to: float,
    ends: list[float],
    factor: float,
    shift: float = 0.0,
) -> float:
    """Largest difference of the cumulative distributions of two broadened spectra, pre-edge centroids aligned.

    Parameters
    ----------
    initial, with_hole
        (bins,) histograms of one oxygen.
    bin_edges, complete_to
        As in `eelsmap.library.oxygen_k.continued`.
    ends
        Ends of the two pre-edges, eV above E_F.
    factor, shift
        Factor on the pre-edge of `initial`, and energy by which its main edge is moved, eV.
    """
    energy = np.arange(-4.0, complete_to, 0.05)
    curves = []
    for row, end, own, moved in ((initial, ends[0], factor, shift), (with_hole, ends[1], 1.0, 0.0)):
        curve = broadened(row[None], bin_edges, complete_to, energy, own, end, moved)[0]
        sampled = np.interp(np.arange(-3.0, 22.0, 0.05), energy - centroid(row, bin_edges, 0.0, end), curve)
        curves.append(np.cumsum(sampled) / sampled.sum())
    return float(np.abs(curves[0] - curves[1]).max())


def main() -> None:
    """Command line: calculate rows that are missing, print all."""
    import argparse
    from pathlib import Path

    from eelsmap.library.cells import load_cells
    from eelsmap.library.evidence import add_rows

    parser = argparse.ArgumentParser(description="Effect of a core hole on the pre-edge.")
    parser.add_argument("--cells", type=Path, required=True, help="file of finished cells")
    parser.add_argument("--rows", type=Path, required=True, help="JSON file of finished rows, made if absent")
    parser.add_argument("--calculate", nargs="*", default=[], help="names of cells, NAME:SITE for another oxygen")
    parser.add_argument("--hole", type=float, default=0.5, help="electrons missing in the 1s orbital")
    arguments = parser.parse_args()
    cells = {cell.name: cell for cell in load_cells(arguments.cells)[0]}
    setups = arguments.rows.resolve().parent / "setups"
    rows = add_rows(
        arguments.rows,
        arguments.calculate,
        cells,
        lambda cell, site: pre_edge_change(cell, setups, arguments.hole, None, site),
        {"hole": arguments.hole},
    )
    for hole in sorted({row["hole"] for row in rows}):
        factors = [row["factor"] for row in rows if row["hole"] == hole]
        shifts = [row["shift_eV"] for row in rows if row["hole"] == hole and "shift_eV" in row]
        print(f"hole {hole}: {len(factors)} sites, factor {np.mean(factors):.3f} +- {np.std(factors):.3f}", end=", ")
        print(f"main edge {np.mean(shifts):.2f} +- {np.std(shifts):.2f} eV" if shifts else "no shifts")


if __name__ == "__main__":
    main()
