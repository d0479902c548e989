"""Relative cross sections of the core-loss edges and how their continua decay.

The numbers were made once with exspy's hydrogenic generalised oscillator strengths (Egerton's SIGMAK3 and SIGMAL3):
``EELSCLEdge("Mn_L3", GOS="hydrogenic")`` after ``set_microscope_parameters(E0, alpha=0, beta)`` with intensity 1, read
30 eV above the onset (where the white lines are over and the library's continuum step is normalised) and 300 eV above
it (for the exponent). A test makes them again from exspy. "L3" stands for the whole L2,3 edge.

Convergence is left out: it widens the effective collection angle, which moves the cross sections relative to each
other by about one per cent. Hydrogenic L2,3 cross sections are good to 10-20 % (Egerton, *Electron Energy-Loss
Spectroscopy in the Electron Microscope*, 3rd ed., 2011, section 4.5). The L1 edges are left out as well: the measured
spectrum that the phantom was compared with shows no L1 step above its noise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import RecipeError

__all__ = ["CrossSection", "cross_section"]

BEAM_ENERGIES_KV = (60.0, 100.0, 200.0, 300.0)
COLLECTION_MRAD = (10.0, 30.0, 100.0)

# One row a beam energy, one column a collection semi-angle: barn/eV per atom, 30 eV above the onset.
_CONTINUUM = {
    "O_K": ((16.74, 36.06, 49.56), (16.75, 29.63, 36.19), (15.37, 22.58, 24.67), (14.56, 19.62, 20.55)),
    "Mn_L": ((24.01, 53.90, 72.02), (25.13, 44.77, 53.39), (23.83, 34.24, 36.99), (22.73, 29.76, 31.02)),
    "Co_L": ((11.40, 28.59, 40.42), (12.63, 24.42, 30.26), (12.61, 19.13, 21.11), (12.28, 16.78, 17.74)),
    "Ni_L": ((7.42, 19.70, 28.71), (8.45, 17.07, 21.60), (8.68, 13.55, 15.13), (8.54, 11.95, 12.73)),
}

# Same layout: p of the decay (E / E_onset)^-p between 30 and 300 eV above the onset.
_EXPONENT = {
    "O_K": ((4.69, 4.02, 3.26), (4.41, 3.83, 3.19), (4.13, 3.60, 3.18), (4.01, 3.47, 3.19)),
    "Mn_L": ((3.25, 2.44, 1.63), (2.94, 2.23, 1.58), (2.62, 1.99, 1.58), (2.47, 1.86, 1.60)),
    "Co_L": ((2.83, 1.98, 1.12), (2.51, 1.76, 1.05), (2.16, 1.50, 1.04), (2.00, 1.36, 1.06)),
    "Ni_L": ((2.45, 1.58, 0.69), (2.13, 1.35, 0.62), (1.76, 1.08, 0.60), (1.59, 0.95, 0.61)),
}


class CrossSection(NamedTuple):
    """Continuum of one edge: height (barn/eV per atom) and exponent of its decay with energy."""

    continuum: float
    exponent: float


def cross_section(edge: str, beam_energy_kV: float = 200.0, collection_mrad: float = 50.0) -> CrossSection:
    """Height and decay of an edge's continuum.

    Parameters
    ----------
    edge
        ``"O_K"``, ``"Mn_L"``, ``"Co_L"`` or ``"Ni_L"``.
    beam_energy_kV
        Beam energy, kV. Interpolated between 60 and 300 kV; the nearest of the two outside.
    collection_mrad
        Collection semi-angle, mrad. Interpolated (in its logarithm) between 10 and 100 mrad; the nearest outside.

    Returns
    -------
    CrossSection
        Continuum in barn/eV per atom 30 eV above the onset, and exponent p of (E / E_onset)^-p.

    Raises
    ------
    RecipeError
        The edge is not tabulated, or a setting is not a positive number.
    """
    if edge not in _CONTINUUM:
        raise RecipeError(f"no cross section for the edge {edge!r}; there is one for {', '.join(_CONTINUUM)}")
    for name, value in (("beam_energy_kV", beam_energy_kV), ("collection_mrad", collection_mrad)):
        if not (np.isfinite(value) and value > 0):
            raise RecipeError(f"cross section: {name} = {value!r} cannot be used; it must be positive")
    return CrossSection(
        _interpolate(np.array(_CONTINUUM[edge]), beam_energy_kV, collection_mrad),
        _interpolate(np.array(_EXPONENT[edge]), beam_energy_kV, collection_mrad),
    )


def _interpolate(table: NDArray[np.float64], beam_energy_kV: float, collection_mrad: float) -> float:
    """Read a table of shape (beam energy, collection angle) between its points."""
    angles = np.log(COLLECTION_MRAD)
    at_angle = [np.interp(np.log(collection_mrad), angles, row) for row in table]
    return float(np.interp(beam_energy_kV, BEAM_ENERGIES_KV, at_angle))
