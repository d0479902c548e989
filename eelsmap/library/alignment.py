"""Where the O K edge of one oxygen lies beside that of another: numpy only.

The energy of a transition from the 1s level of oxygen i into an empty state of the ground state is taken as::

    E = (state - V_i) + relaxation(cell) + constant

V_i, the electrostatic potential at the nucleus, stands for the 1s level of the atom. The relaxation of the other
electrons about the core hole is what core-hole total energies add to it (`eelsmap.library.thresholds`): within a cell
they follow V_i to a few hundredths of an eV, between cells they depart from it by up to two eV, because charged,
strongly covalent cells screen a hole better than lithiated ones do. It is taken as linear in the mean valence of the
metals, which the composition gives. The constant, one for all cells, brings the mean pre-edge of pristine cells to the
measured energy. E_F does not enter: in a small cell it jumps within the gap with every electron.

The coefficients, the thresholds that they come from and their leave-one-out error are in
``eelsmap/data/oxygen_k_alignment.json``, written by ``python -m eelsmap.library.thresholds``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.library.oxygen_k import broadened, pre_edge_end, pre_edge_shift

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eelsmap.library.cells import Cell

FILE = Path(str(files("eelsmap"))) / "data" / "oxygen_k_alignment.json"

#: Energies relative to E_F at which spectra are broadened before they are placed, eV.
RELATIVE = np.round(np.arange(-12.0, 36.0, 0.05), 6)


@dataclass(frozen=True)
class Alignment:
    """Coefficients of the placement.

    Parameters
    ----------
    intercept, per_valence
        Relaxation energy in eV: ``intercept + per_valence * mean_valence(cell)``.
    constant
        Added to all cells, eV.
    leave_one_out
        Root mean square error of the relaxation energy of cells that were left out of the fit, eV.
    """

    intercept: float
    per_valence: float
    constant: float
    leave_one_out: float

    @classmethod
    def from_file(cls, path: Path = FILE) -> Alignment:
        """Read the coefficients.

        Raises
        ------
        LibraryError
            The file is missing or is not such a file.
        """
        try:
            content = json.loads(path.read_text())
            return cls(**{name: float(content[name]) for name in cls.__dataclass_fields__})
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise LibraryError(f"{path}: no alignment of oxygen K edges ({error}); write it with thresholds") from error

    def relaxation(self, cell: Cell) -> float:
        """Relaxation energy of a cell, eV, up to a constant."""
        return self.intercept + self.per_valence * mean_valence(cell)


@cache
def shipped_alignment() -> Alignment:
    """Read the alignment that the package ships, once."""
    return Alignment.from_file()


def mean_valence(cell: Cell) -> float:
    """Mean valence of the metals that balances charge with Li+ and O2-."""
    return (2 * len(cell.oxygen) - len(cell.lithium)) / len(cell.metals)


def site_levels(cell: Cell) -> NDArray | None:
    """E_F above the electrostatic potential at every oxygen nucleus, (n_oxygen,) eV; None where it is not known."""
    potential = cell.details.get("potential_at_nucleus_eV")
    return None if potential is None else cell.details["fermi_eV"] - np.asarray(potential, dtype=float)


def placement_shifts(cell: Cell, average: NDArray, energy: NDArray, alignment: Alignment | None = None) -> NDArray:
    """Energies to add to the scale of E_F so that it becomes one of energy loss, (n_oxygen,) eV.

    Parameters
    ----------
    cell
        Cell with its potentials; one without (of an older calculation) gets the centroid of its pre-edge at 529.2 eV.
    average
        (points,) broadened average over the cell's oxygen atoms.
    energy
        (points,) eV above E_F.
    alignment
        Coefficients; the shipped ones when None.
    """
    levels = site_levels(cell)
    if levels is None:
        return np.full(len(cell.oxygen), pre_edge_shift(average, energy))
    alignment = alignment or shipped_alignment()
    return levels + alignment.relaxation(cell) + alignment.constant


def placed_spectra(
    cell: Cell, bin_edges: NDArray, grid: NDArray, alignment: Alignment | None = None, **options: Any
) -> NDArray:
    """Broadened spectra of all oxygen atoms on a scale of energy loss.

    Parameters
    ----------
    cell, bin_edges
        From `eelsmap.library.cells.load_cells`.
    grid
        (points,) energy loss, eV.
    alignment
        Coefficients; the shipped ones when None.
    options
        For `eelsmap.library.oxygen_k.broadened`, such as ``core_hole_factor``.

    Returns
    -------
    numpy.ndarray
        (n_oxygen, points), intensity per eV.
    """
    end = pre_edge_end(cell, bin_edges)
    sites = broadened(cell.intensity, bin_edges, cell.complete_to, RELATIVE, end=end, **options)
    shifts = placement_shifts(cell, sites.mean(axis=0), RELATIVE, alignment)
    return np.array([np.interp(grid, RELATIVE + shift, row) for shift, row in zip(shifts, sites, strict=True)])
