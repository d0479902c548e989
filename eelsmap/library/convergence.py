"""How far the O K spectra of a cell are from better converged ones (needs ``gpaw``).

One setting at a time is made stricter and the cell calculated anew from the same starting moments. Compared are the
broadened cumulative distributions over 25 eV, of the average and of every oxygen atom: what the features of the models
see. ``placed`` spectra are compared as the library places them, by Fermi level and potentials of each calculation;
``aligned`` ones after their pre-edge centroids are brought together, which leaves the shape.

Run ``python -m eelsmap.library.convergence --cells FILE --rows FILE --calculate NAME ...``; finished rows are kept.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap.library.alignment import RELATIVE, site_levels
from eelsmap.library.evidence import add_rows, read_rows
from eelsmap.library.oxygen_k import broadened, pre_edge_end, pre_edge_share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eelsmap.library.cells import Cell
    from eelsmap.library.gpaw_oxygen_k import OxygenKSettings

#: Compared range on the scale of the pre-edge's centroid, eV.
COMPARED_EV = (-4.0, 21.0)


def stricter(settings: OxygenKSettings) -> dict[str, OxygenKSettings]:
    """Variants of some settings, each stricter in one respect, cheapest first."""
    return {
        "again": settings,
        "density tolerance 2e-4": replace(settings, density_tolerance=2e-4, energy_tolerance_ev=5e-5),
        "bands 0.80 per A3": replace(settings, bands_per_volume=0.80),
        "cutoff 500 eV": replace(settings, cutoff_ev=500.0),
        "k points 3 x 3 x 3": replace(settings, kpoints=(3, 3, 3)),
    }


def recalculated(cell: Cell, settings: OxygenKSettings, setup_folder: Path, log: Path | None = None) -> Cell:
    """Calculate a cell anew at other settings."""
    from ase import Atoms

    from eelsmap.library.gpaw_oxygen_k import oxygen_k_transitions

    atoms = Atoms(cell.species, cell=cell.lattice, scaled_positions=cell.fractional, pbc=True)
    result = oxygen_k_transitions(atoms, settings, setup_folder, log, moments=[float(m) for m in cell.moments])
    kept = ("fermi_eV", "potential_at_nucleus_eV", "energy_eV", "magnetic_moments", "seconds")
    details = {key: result[key] for key in kept}
    return replace(cell, intensity=result["intensity"], complete_to=result["complete_to_eV"], details=details)


def pre_edge_centroid(cell: Cell, bin_edges: NDArray) -> float:
    """Centroid of the calculated pre-edge of a cell's average, eV above E_F."""
    centres = (bin_edges[:-1] + bin_edges[1:]) / 2
    band = (centres >= 0) & (centres < pre_edge_end(cell, bin_edges))
    return float(np.average(centres[band], weights=cell.intensity[:, band].mean(axis=0)))


def spectra(cell: Cell, bin_edges: NDArray, origin: float | None) -> NDArray:
    """Broadened spectra of all oxygen atoms on a common scale, (n_oxygen, points).

    Zero of the scale is an energy above the potential at each nucleus, `origin`, or the centroid of the cell's own
    pre-edge, all atoms alike, when None.
    """
    rows = broadened(cell.intensity, bin_edges, cell.complete_to, RELATIVE, end=pre_edge_end(cell, bin_edges))
    levels = site_levels(cell)
    if origin is None or levels is None:
        shifts = np.full(len(rows), -pre_edge_centroid(cell, bin_edges))
    else:
        shifts = levels - origin
    grid = np.arange(*COMPARED_EV, 0.05)
    return np.array([np.interp(grid, RELATIVE + shift, row) for shift, row in zip(shifts, rows, strict=True)])


def cumulative(spectrum: NDArray) -> NDArray:
    """Cumulative distributions along the last axis."""
    return np.cumsum(spectrum, axis=-1) / spectrum.sum(axis=-1, keepdims=True)


def difference(cell: Cell, other: Cell, bin_edges: NDArray) -> dict[str, float]:
    """How two calculations of one cell differ.

    Returns
    -------
    dict
        ``placed``, ``placed_worst_site``, ``aligned``, ``aligned_worst_site`` (largest differences of cumulative
        distributions), ``pre_edge_share`` (other minus this), ``shift_eV`` (mean of E_F above the potentials).
    """
    found = {}
    level, changed = site_levels(cell), site_levels(other)
    origin = None if level is None else float(level.mean()) + pre_edge_centroid(cell, bin_edges)
    for name, zero in (("placed", origin), ("aligned", None)):
        one, two = (spectra(either, bin_edges, zero) for either in (cell, other))
        found[name] = float(np.abs(cumulative(one.mean(axis=0)) - cumulative(two.mean(axis=0))).max())
        found[f"{name}_worst_site"] = float(np.abs(cumulative(one) - cumulative(two)).max())
    shares = [
        pre_edge_share(either.intensity.mean(axis=0), bin_edges, pre_edge_end(either, bin_edges))
        for either in (cell, other)
    ]
    found["pre_edge_share"] = shares[1] - shares[0]
    if level is not None and changed is not None:
        found["shift_eV"] = float(changed.mean() - level.mean())
    return {key: round(value, 4) for key, value in found.items()}


def row(cell: Cell, variant: str, setup_folder: Path, log: Path | None = None) -> dict[str, Any]:
    """Calculate one variant of a cell and compare: ``cell``, ``site`` 0, ``variant``, `difference`, ``seconds``."""
    from eelsmap.library.gpaw_oxygen_k import BIN_EDGES, SETTINGS

    other = recalculated(cell, stricter(SETTINGS[cell.settings])[variant], setup_folder, log)
    moments = [[abs(each.details["magnetic_moments"][i]) for i in cell.metals] for each in (cell, other)]
    return {
        "cell": cell.name,
        "site": 0,
        "settings": cell.settings,
        "variant": variant,
        **difference(cell, other, BIN_EDGES),
        "largest_moment_change": round(float(np.abs(np.subtract(moments[0], moments[1])).max()), 2),
        "complete_to_eV": other.complete_to,
        "seconds": other.details["seconds"],
    }


def main() -> None:
    """Command line: calculate rows that are missing, print all."""
    import argparse

    from eelsmap.library.cells import load_cells
    from eelsmap.library.gpaw_oxygen_k import STANDARD

    parser = argparse.ArgumentParser(description="Convergence of the oxygen K spectra of some cells.")
    parser.add_argument("--cells", type=Path, required=True, help="file of finished cells")
    parser.add_argument("--rows", type=Path, required=True, help="JSON file of finished rows, made if absent")
    parser.add_argument("--calculate", nargs="*", default=[], help="names of cells")
    arguments = parser.parse_args()
    cells = {cell.name: cell for cell in load_cells(arguments.cells)[0]}
    setups = arguments.rows.resolve().parent / "setups"
    for name in arguments.calculate:
        for variant in stricter(STANDARD):

            def calculate(cell: Cell, _: int, variant: str = variant) -> dict[str, Any]:
                return row(cell, variant, setups)

            add_rows(arguments.rows, [name], cells, calculate, {"variant": variant})
    for found in read_rows(arguments.rows):
        print(" ".join(f"{key} {value}" for key, value in found.items()))


if __name__ == "__main__":
    main()
