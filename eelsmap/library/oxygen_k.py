"""From histograms of O 1s transitions to intrinsic O K-edge spectra.

Four steps: continue the histogram beyond its last complete energy, weaken the pre-edge by the measured effect of the
core hole, broaden by lifetime, place on an energy-loss scale.

The initial-state calculation has too strong a pre-edge. A half core hole brings the ratio of pre-edge to main peak down
by a factor of 0.75 (six cells from Li 0 to 1, one with a vacancy: 0.70 to 0.81; `eelsmap.library.core_hole`), a full
one by 0.53 (two cells). The factor 0.75 is applied to all transitions below the gap between pre-edge and main peak.

Broadening is Lorentzian with a full width ``0.15 eV + 0.1 (E - E_F)``: the natural width of the O 1s level and a
final-state lifetime that shortens linearly with energy (Weijs et al., Phys. Rev. B 41, 11899 (1990),
10.1103/PhysRevB.41.11899; usual for EELS, Hebert, Micron 38, 12 (2007), 10.1016/j.micron.2006.03.010). A Gaussian of
0.5 eV is added because a grid of 2 x 2 x 2 k points leaves separate sticks where a crystal has bands.

Placement: the centroid of each cell's pre-edge band, E_F - 0.5 to E_F + 4.5 eV, comes to 529.2 eV, all sites of a cell
together. E_F itself is no reference between cells, and absolute alignment by core-hole total energies is a later piece
of work; so the absolute position of the edge carries no information in this library, only the distance between
pre-edge and main peak, and the areas do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CORE_HOLE_FACTOR = 0.75
CORE_WIDTH_EV = 0.15
WIDTH_SLOPE = 0.1
SAMPLING_WIDTH_EV = 0.5
PRE_EDGE_EV = (-0.5, 4.5)
PRE_EDGE_POSITION_EV = 529.2
CONTINUUM_EV = (20.0, 29.0)
TAIL_EV = 5.0
END_EV = 70.0


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

    Returns
    -------
    numpy.ndarray
        (sites, points), intensity per eV.
    """
    sticks, centres = continued(np.asarray(intensity, dtype=float), bin_edges, complete_to)
    # A ramp over 1 eV in the gap, where there is next to nothing, so that no step is cut into the spectrum.
    sticks = sticks * np.interp(centres, [PRE_EDGE_EV[1] - 0.5, PRE_EDGE_EV[1] + 0.5], [core_hole_factor, 1.0])
    fine = centres[1] - centres[0]
    sigma = SAMPLING_WIDTH_EV / np.sqrt(8 * np.log(2))
    kernel = np.exp(-0.5 * (np.arange(-round(4 * sigma / fine), round(4 * sigma / fine) + 1) * fine / sigma) ** 2)
    kernel /= kernel.sum()
    sticks = np.apply_along_axis(np.convolve, 1, sticks, kernel, mode="same")
    half = (CORE_WIDTH_EV + WIDTH_SLOPE * np.clip(centres, 0, None)) / 2
    lorentzian = half / np.pi / ((energy[:, None] - centres) ** 2 + half**2)
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


def pre_edge_share(intensity: NDArray, bin_edges: NDArray) -> float:
    """Part of the transitions up to 29 eV above E_F that lies in the pre-edge band, for one histogram (bins,)."""
    centres = (bin_edges[:-1] + bin_edges[1:]) / 2
    total = intensity[(centres >= 0) & (centres < CONTINUUM_EV[1])].sum()
    return float(intensity[(centres >= 0) & (centres < PRE_EDGE_EV[1])].sum() / total)


def pre_edge_to_main(intensity: NDArray, bin_edges: NDArray) -> float:
    """Transitions up to 4.5 eV above E_F divided by those from there to 20 eV, for one histogram (bins,)."""
    centres = (bin_edges[:-1] + bin_edges[1:]) / 2
    pre_edge = (centres >= 0) & (centres < PRE_EDGE_EV[1])
    main = (centres >= PRE_EDGE_EV[1]) & (centres < CONTINUUM_EV[0])
    return float(intensity[pre_edge].sum() / intensity[main].sum())


def cumulative_difference(one: NDArray, other: NDArray, bin_edges: NDArray, complete_to: float) -> float:
    """Largest difference between the cumulative distributions of two broadened average histograms, E_F to 29 eV above.

    Both are on their own E_F scale: nothing is aligned, so a difference of Fermi levels counts.
    """
    energy = np.arange(-3.0, CONTINUUM_EV[1], 0.05)
    curves = [np.cumsum(broadened(rows[None], bin_edges, complete_to, energy, 1.0)[0]) for rows in (one, other)]
    return float(np.abs(curves[0] / curves[0][-1] - curves[1] / curves[1][-1]).max())
