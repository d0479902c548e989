"""Intrinsic L2,3 spectra of single metal ions from the multiplet grid.

What is calculated: the shape of the white lines, their L3/L2 ratio and spin-orbit distance. What is set: 10Dq by bond
length, the Slater reduction, the L3 position of each ion (empirical), the white-line area per 3d hole, the continuum.

A spectrum is edge-step normalised: arctangent steps of 2/3 at the L3 centroid and 1/3 at the L2 centroid, plus white
lines whose total area is `AREA_PER_HOLE_EV` times the number of 3d holes. That the normalised white-line intensity of
3d oxides is linear in the occupation is measured (Graetz et al., Phys. Rev. B 69, 235103 (2004),
10.1103/PhysRevB.69.235103); the factor used here is a choice, not a measurement.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from eelsmap.errors import LibraryError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

AREA_PER_HOLE_EV = 3.0
RESOLUTION_EV = 0.8
"""Gaussian width at which the L3 maximum is read when an ion is placed, as in the measurements behind the positions."""

#: Energy of the L3 maximum by ion, eV (loss scale; collected EELS values, Co4+ by extrapolation).
L3_MAXIMUM_EV = {
    "Mn2": 640.3, "Mn3": 642.4, "Mn4": 643.4, "Co2": 778.5, "Co3": 780.5, "Co4": 781.2,
    "Ni2": 853.5, "Ni3": 855.0, "Ni4": 855.6,
}  # fmt: skip

#: Crystal field by ion: 10Dq (eV) at a mean metal-oxygen distance (angstrom); elsewhere it goes with distance^-5.
#: NiO, MnO, CoO and Mn4+ follow optical values; low-spin Ni3+, Co3+ and Co4+ are effective values that hold the spin.
REFERENCE_FIELD = {
    "Ni2": (1.10, 2.084), "Ni3": (3.10, 1.96), "Ni4": (3.00, 1.87), "Mn2": (0.90, 2.22), "Mn3": (1.50, 2.00),
    "Mn4": (2.20, 1.905), "Co2": (0.90, 2.13), "Co3": (2.60, 1.92), "Co4": (3.30, 1.875),
}  # fmt: skip


@dataclass
class WhiteLines:
    """Broadened ion spectra on demand.

    Parameters
    ----------
    header, sticks, bin_edges
        The multiplet grid, as read by `eelsmap.library.multiplet_grid.load_grid`.
    """

    header: dict
    sticks: dict[str, NDArray]
    bin_edges: NDArray
    _bank: dict = field(default_factory=dict, repr=False)

    @classmethod
    def from_file(cls, path: Path) -> WhiteLines:
        """Read the grid of `path`."""
        from eelsmap.library.multiplet_grid import load_grid

        return cls(*load_grid(path))

    def ten_dq(self, ion: str, bond_length: float) -> float:
        """10Dq (eV) at a mean metal-oxygen distance (angstrom), held within the ion's grid."""
        field_ev, distance = REFERENCE_FIELD[ion]
        grid = self.header["ions"][ion]["ten_dq"]
        return float(np.clip(field_ev * (distance / bond_length) ** 5, grid[0], grid[-1]))

    def spectrum(self, ion: str, bond_length: float, reduction: float, energy: NDArray) -> NDArray:
        """Intrinsic L2,3 spectrum of one ion.

        Parameters
        ----------
        ion
            Element and valence, for instance ``"Ni3"``.
        bond_length
            Mean distance to its oxygen neighbours, angstrom.
        reduction
            Between 0 and 1: from the lower to the higher Slater reduction of the ion's grid.
        energy
            (points,) eV.

        Returns
        -------
        numpy.ndarray
            (points,) in units of the continuum step.
        """
        if ion not in self.sticks:
            raise LibraryError(f"no ion {ion!r} in the multiplet grid; it has {', '.join(self.sticks)}")
        return self._between(ion, self._broadened(ion, energy), bond_length, reduction)

    def _between(self, ion: str, bank: NDArray, bond_length: float, reduction: float) -> NDArray:
        """Linear interpolation of ``bank`` (reduction, 10Dq, ...) by bond length and Slater reduction."""
        grid = np.array(self.header["ions"][ion]["ten_dq"])
        place = np.interp(self.ten_dq(ion, bond_length), grid, np.arange(grid.size))
        low = min(int(place), grid.size - 2)
        part = place - low
        rows = bank[:, low] * (1 - part) + bank[:, low + 1] * part
        return rows[0] * (1 - reduction) + rows[1] * reduction

    def _broadened(self, ion: str, energy: NDArray) -> NDArray:
        """Spectra of all grid points of an ion, (reduction, 10Dq, points), calculated once per energy grid."""
        key = (ion, energy.size, float(energy[0]), float(energy[-1]))
        if key not in self._bank:
            entry = self.header["ions"][ion]
            centres = (self.bin_edges[:-1] + self.bin_edges[1:]) / 2
            zero = self._centroid_energy(ion, centres)
            holes = 10 - entry["electrons"]
            sticks = self.sticks[ion].astype(float)
            total = np.zeros((*sticks.shape[:2], energy.size))
            for line, (width, step) in enumerate(((entry["l3_width_ev"], 2 / 3), (entry["l2_width_ev"], 1 / 3))):
                distance = energy[:, None] - zero - centres
                lorentzian = (width / 2) / np.pi / (distance**2 + (width / 2) ** 2)
                total += holes * AREA_PER_HOLE_EV * np.einsum("rdb,eb->rde", sticks[:, :, line], lorentzian)
                weights = sticks[:, :, line]
                onset = zero + (weights * centres).sum(axis=-1) / weights.sum(axis=-1)
                total += step * (0.5 + np.arctan((energy - onset[..., None]) / (width / 2)) / np.pi)
            self._bank[key] = total
        return self._bank[key]

    def _centroid_energy(self, ion: str, centres: NDArray) -> float:
        """Energy of the L3 centroid that brings the L3 maximum at the reference field to its empirical energy.

        One shift per ion: its grid points share the centroid, so that 10Dq changes the shape and not the position.
        """
        middle = self._between(ion, self.sticks[ion][:, :, 0].astype(float), REFERENCE_FIELD[ion][1], 0.5)
        entry = self.header["ions"][ion]
        half = entry["l3_width_ev"] / 2
        sigma = RESOLUTION_EV / np.sqrt(8 * np.log(2))
        step = centres[1] - centres[0]
        axis = np.arange(-10, 10 + step / 2, step)
        kernel = np.convolve(np.exp(-0.5 * (axis / sigma) ** 2), half / (axis**2 + half**2), mode="same")
        line = np.convolve(middle, kernel / kernel.sum(), mode="same") / step
        # The histogram counts from the L3 centroid, where the step lies.
        measured = (10 - entry["electrons"]) * AREA_PER_HOLE_EV * line + 2 / 3 * np.arctan(centres / half) / np.pi
        return L3_MAXIMUM_EV[ion] - float(centres[np.argmax(measured)])
