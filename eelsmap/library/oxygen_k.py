"""From histograms of O 1s transitions to intrinsic O K-edge spectra.

Four steps: continue the histogram beyond its last complete energy, weaken the pre-edge by the measured effect of the
core hole, broaden by lifetime, place on an energy-loss scale.

Where the pre-edge (O 2p-metal 3d) ends and the main edge (O 2p-metal 4sp, lithium) begins is read from each cell: the
emptiest place of its average spectrum between 155.2 and 158.4 eV above the electrostatic potential at the oxygen nuclei
(`pre_edge_end`). On that scale, that of the O 1s level, it lies at nearly the same energy in all cells, on the scale of
E_F it does not: with U the Fermi level lies anywhere in a gap of up to 2 eV.

The initial-state calculation has too strong a pre-edge, too far below the main edge: a core hole weakens it and draws
the main edge nearer (`eelsmap.library.core_hole`). All transitions below the gap are multiplied by the factor measured
there, all above it are moved by the measured distance.

Broadening is Lorentzian with a full width ``0.15 eV + 0.1 (E - E_F)``: the natural width of the O 1s level and a
final-state lifetime that shortens linearly with energy (Weijs et al., Phys. Rev. B 41, 11899 (1990),
10.1103/PhysRevB.41.11899; usual for EELS, Hebert, Micron 38, 12 (2007), 10.1016/j.micron.2006.03.010). A Gaussian of
0.5 eV is added because a grid of 2 x 2 x 2 k points leaves separate sticks where a crystal has bands.

Placement (`placement_shift`): core-hole total energies (`eelsmap.library.alignment`) give the distance between the
edges of two cells, one constant brings the mean pre-edge to the measured energy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eelsmap.library.cells import Cell

CORE_HOLE_FACTOR = 0.75
CORE_HOLE_SHIFT_EV = -0.5
CORE_WIDTH_EV = 0.15
WIDTH_SLOPE = 0.1
SAMPLING_WIDTH_EV = 0.5
PRE_EDGE_EV = (-0.5, 4.5)
"""Pre-edge on the scale of E_F, for cells without potentials."""
GAP_EV = (155.2, 158.4)
"""Where the gap between pre-edge and main edge is looked for, eV above the mean potential at the oxygen nuclei."""
GAP_WIDTH_EV = 0.8
PRE_EDGE_POSITION_EV = 529.2
MAIN_WIDTH_EV = 15.5
TOTAL_EV = 24.5
CONTINUUM_EV = (20.0, 29.0)
TAIL_EV = 5.0
END_EV = 70.0


def above_potential(cell: Cell) -> float | None:
    """Fermi level above the mean electrostatic potential at the oxygen nuclei, eV; None where that is not known."""
    potential = cell.details.get("potential_at_nucleus_eV")
    return None if potential is None else float(cell.details["fermi_eV"] - np.mean(potential))


def emptiest(intensity: NDArray, bin_edges: NDArray, low: float, high: float) -> float:
    """Middle of the emptiest 0.8 eV of a histogram (bins,) between two energies, eV above E_F."""
    step = bin_edges[1] - bin_edges[0]
    width = round(GAP_WIDTH_EV / step)
    inside = np.convolve(intensity, np.ones(width), mode="valid") / intensity.sum()
    middle = bin_edges[: inside.size] + width * step / 2
    searched = (middle >= low) & (middle <= high)
    # All places that are as empty, to a few ten thousandths: their middle, and not the first of them.
    places = middle[searched][inside[searched] < inside[searched].min() + 3e-4]
    return float((places.min() + places.max()) / 2)


def pre_edge_end(cell: Cell, bin_edges: NDArray) -> float:
    """Energy between pre-edge and main edge, eV above E_F; 4.5 eV for a cell without potentials."""
    level = above_potential(cell)
    if level is None:
        return PRE_EDGE_EV[1]
    return emptiest(cell.intensity.mean(axis=0, dtype=float), bin_edges, GAP_EV[0] - level, GAP_EV[1] - level)


def continued(intensity: NDArray, bin_edges: NDArray, complete_to: float) -> tuple[NDArray, NDArray]:
    """Histogram continued beyond the energy to which it is complete.

    Parameters
    ----------
    intensity
        (sites, bins).
    bin_edges
        (bins + 1,) eV above E_F, uniform.
    complete_to
        Last complete energy, eV above E_F.

    Returns
    -------
    intensity, centres
        (sites, longer), (longer,): each site goes on with its own mean over its last 5 complete eV, to 70 eV.
    """
    step = bin_edges[1] - bin_edges[0]
    centres = (bin_edges[:-1] + bin_edges[1:]) / 2
    last = int(np.searchsorted(bin_edges, complete_to, side="right")) - 1
    level = intensity[:, last - round(TAIL_EV / step) : last].mean(axis=1, keepdims=True)
    extra = int((END_EV - bin_edges[last]) / step)
    longer = np.concatenate([intensity[:, :last], np.repeat(level, extra, axis=1)], axis=1)
    return longer, centres[0] + step * np.arange(longer.shape[1])


def broadened(
    intensity: NDArray,
    bin_edges: NDArray,
    complete_to: float,
    energy: NDArray,
    core_hole_factor: float = CORE_HOLE_FACTOR,
    end: float = PRE_EDGE_EV[1],
    core_hole_shift: float = CORE_HOLE_SHIFT_EV,
) -> NDArray:
    """Lifetime-broadened spectra at energies relative to E_F.

    Parameters
    ----------
    intensity, bin_edges, complete_to
        As in `continued`.
    energy
        (points,) eV above E_F, uniform.
    core_hole_factor
        Factor on the pre-edge; 1 for the initial state as calculated.
    end
        Energy between pre-edge and main edge, eV above E_F (`pre_edge_end`).
    core_hole_shift
        Energy by which all above the gap is moved, eV; 0 for the initial state as calculated.

    Returns
    -------
    numpy.ndarray
        (sites, points), intensity per eV.
    """
    sticks, centres = continued(np.asarray(intensity, dtype=float), bin_edges, complete_to)
    # A ramp over 1 eV in the gap, where there is next to nothing, so that no step is cut into the spectrum.
    sticks = sticks * np.interp(centres, [end - 0.5, end + 0.5], [core_hole_factor, 1.0])
    moved = centres + np.interp(centres, [end - 0.5, end + 0.5], [0.0, core_hole_shift])
    fine = centres[1] - centres[0]
    sigma = SAMPLING_WIDTH_EV / np.sqrt(8 * np.log(2))
    kernel = np.exp(-0.5 * (np.arange(-round(4 * sigma / fine), round(4 * sigma / fine) + 1) * fine / sigma) ** 2)
    kernel /= kernel.sum()
    sticks = np.apply_along_axis(np.convolve, 1, sticks, kernel, mode="same")
    half = (CORE_WIDTH_EV + WIDTH_SLOPE * np.clip(moved, 0, None)) / 2
    lorentzian = half / np.pi / ((energy[:, None] - moved) ** 2 + half**2)
    return sticks @ lorentzian.T


def pre_edge_shift(average: NDArray, energy: NDArray) -> float:
    """Energy to add to a cell so that the centroid of its pre-edge band lies at 529.2 eV.

    Parameters
    ----------
    average
        (points,) broadened average over the cell's oxygen atoms.
    energy
        (points,) eV above E_F.
    """
    band = (energy >= PRE_EDGE_EV[0]) & (energy <= PRE_EDGE_EV[1])
    return PRE_EDGE_POSITION_EV - float(np.average(energy[band], weights=average[band]))


def pre_edge_share(intensity: NDArray, bin_edges: NDArray, end: float = PRE_EDGE_EV[1]) -> float:
    """Part of the transitions up to 24.5 eV above `end` that lies in the pre-edge, for one histogram (bins,).

    `end` lies between pre-edge and main edge, eV above E_F.
    """
    centres = (bin_edges[:-1] + bin_edges[1:]) / 2
    total = intensity[(centres >= 0) & (centres < end + TOTAL_EV)].sum()
    return float(intensity[(centres >= 0) & (centres < end)].sum() / total)


def pre_edge_to_main(intensity: NDArray, bin_edges: NDArray, end: float = PRE_EDGE_EV[1]) -> float:
    """Transitions up to `end` above E_F divided by those of the next 15.5 eV, for one histogram (bins,)."""
    centres = (bin_edges[:-1] + bin_edges[1:]) / 2
    main = (centres >= end) & (centres < end + MAIN_WIDTH_EV)
    return float(intensity[(centres >= 0) & (centres < end)].sum() / intensity[main].sum())


def cumulative_difference(one: NDArray, other: NDArray, bin_edges: NDArray, complete_to: float) -> float:
    """Largest difference between the cumulative distributions of two broadened average histograms, E_F to 29 eV above.

    Both are on their own E_F scale: nothing is aligned, so a difference of Fermi levels counts.
    """
    energy = np.arange(-3.0, CONTINUUM_EV[1], 0.05)
    curves = [
        np.cumsum(broadened(rows[None], bin_edges, complete_to, energy, 1.0, core_hole_shift=0.0)[0])
        for rows in (one, other)
    ]
    return float(np.abs(curves[0] / curves[0][-1] - curves[1] / curves[1][-1]).max())
