"""Intrinsic L2,3 spectra of single metal ions from the multiplet grid.

What is calculated: the shape of the white lines, their L3/L2 ratio and spin-orbit distance. What is set: 10Dq by bond
length, the Slater reduction, the L3 position of each ion (empirical), the white-line area per 3d hole, the continuum.

A spectrum is edge-step normalised: arctangent steps of 2/3 at the L3 centroid and 1/3 at the L2 centroid, plus white
lines whose total area is `AREA_PER_HOLE_EV` times the number of 3d holes. That the normalised white-line intensity of
3d oxides is linear in the occupation is measured (Graetz et al., Phys. Rev. B 69, 235103 (2004),
10.1103/PhysRevB.69.235103). The factor is the middle of what two measured Mn L2,3 edges give (6 to 9 eV, by candidate
valence and by how much continuum is fitted). No edge of known valence is at hand for Co and Ni: it is taken over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from eelsmap.errors import LibraryError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

AREA_PER_HOLE_EV = 7.5
RESOLUTION_EV = 0.8
"""Gaussian width at which the L3 maximum is read when an ion is placed, as in the measurements behind the positions."""

#: Energy of the L3 maximum by ion, eV (loss scale; collected EELS values, Co4+ by extrapolation).
L3_MAXIMUM_EV = {
    "Mn2": 640.3, "Mn3": 642.4, "Mn4": 643.4, "Co2": 778.5, "Co3": 780.5, "Co4": 781.2,
    "Ni2": 853.5, "Ni3": 855.0, "Ni4": 855.6, "Co3-high-spin": 780.0,
}  # fmt: skip

#: How much farther from L3 than the multiplets say L2 lies, eV for each valence above 2. Both measured Mn edges at hand
#: ask for it (10.2 eV in charged NMC where Mn4+ gives 9.6, 10.7 in a manganite where Mn3+ gives 10.3): covalent ions
#: feel less of the 2p-3d Coulomb integrals than one reduction for all of them leaves. No edge of known valence is at
#: hand for Co and Ni: it is taken over.
L2_FARTHER_EV = 0.25

#: Crystal field by ion: 10Dq (eV) at a mean metal-oxygen distance (angstrom); elsewhere it goes with distance^-5.
#: NiO, MnO, CoO and Mn4+ follow optical values; low-spin Ni3+, Co3+ and Co4+ are effective values that hold the spin.
REFERENCE_FIELD = {
    "Ni2": (1.10, 2.084), "Ni3": (3.10, 1.96), "Ni4": (3.00, 1.87), "Mn2": (0.90, 2.22), "Mn3": (1.50, 2.00),
    "Mn4": (2.20, 1.905), "Co2": (0.90, 2.13), "Co3": (2.60, 1.92), "Co4": (3.30, 1.875), "Co3-high-spin": (1.10, 2.02),
}  # fmt: skip

#: Elongation (angstrom) of the compounds that the L3 positions come from: LaMnO3 and LiMnO2, and LiNiO2 by EXAFS.
REFERENCE_ELONGATION = {"Mn3": 0.24, "Ni3": 0.18}
#: Splitting of eg per relative elongation, in units of 10Dq. Angular overlap model: 10Dq = 3 e_sigma - 4 e_pi, eg
#: splits by 2 (e_sigma,equatorial - e_sigma,axial); with e_pi = e_sigma / 4 and both proportional to distance^-5 that
#: is 5 * 10Dq * elongation / distance, and a quarter of it for t2g.
TETRAGONAL_PER_ELONGATION = 5.0


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
    _centroids: dict[str, float] = field(default_factory=dict, repr=False)

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

    def tetragonal(self, ion: str, bond_length: float, elongation: float) -> float:
        """Return the splitting of eg as a share of 10Dq, held within the ion's grid; lengths in angstrom."""
        grid = self.header["ions"][ion]["tetragonal"]
        return float(np.clip(TETRAGONAL_PER_ELONGATION * elongation / bond_length, grid[0], grid[-1]))

    def spectrum(
        self, ion: str, bond_length: float, reduction: float, energy: NDArray, elongation: float = 0.0
    ) -> NDArray:
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
        elongation
            Mean length of the two longest opposite bonds minus that of the other four, angstrom; 0 for a regular
            octahedron and wherever there is none.

        Returns
        -------
        numpy.ndarray
            (points,) in units of the continuum step.
        """
        if ion not in self.sticks:
            raise LibraryError(f"no ion {ion!r} in the multiplet grid; it has {', '.join(self.sticks)}")
        return self._between(ion, self._broadened(ion, energy), bond_length, reduction, elongation)

    def _between(self, ion: str, bank: NDArray, bond_length: float, reduction: float, elongation: float) -> NDArray:
        """Linear interpolation of ``bank`` (reduction, 10Dq, tetragonal, ...) by geometry and Slater reduction."""
        entry = self.header["ions"][ion]
        rows = bank[0] * (1 - reduction) + bank[1] * reduction
        for axis, value in (
            ("ten_dq", self.ten_dq(ion, bond_length)),
            ("tetragonal", self.tetragonal(ion, bond_length, elongation)),
        ):
            place = float(np.interp(value, entry[axis], np.arange(len(entry[axis]))))
            low = min(int(place), len(entry[axis]) - 2)
            rows = rows[low] * (1 - (place - low)) + rows[low + 1] * (place - low)
        return rows

    def _broadened(self, ion: str, energy: NDArray) -> NDArray:
        """Spectra of all grid points of an ion, (reduction, 10Dq, tetragonal, points), once per energy grid."""
        key = (ion, energy.size, float(energy[0]), float(energy[-1]))
        if key not in self._bank:
            entry = self.header["ions"][ion]
            centres = (self.bin_edges[:-1] + self.bin_edges[1:]) / 2
            zero = self.centroid_energy(ion)
            holes = 10 - entry["electrons"]
            sticks = self.sticks[ion].astype(float)
            total = np.zeros((*sticks.shape[:3], energy.size))
            for line, (width, step) in enumerate(((entry["l3_width_ev"], 2 / 3), (entry["l2_width_ev"], 1 / 3))):
                place = centres + line * self.l2_farther(ion)
                distance = energy[:, None] - zero - place
                lorentzian = (width / 2) / np.pi / (distance**2 + (width / 2) ** 2)
                weights = sticks[:, :, :, line]
                total += holes * AREA_PER_HOLE_EV * (weights @ lorentzian.T)
                onset = zero + (weights @ place) / weights.sum(axis=-1)
                total += step * (0.5 + np.arctan((energy - onset[..., None]) / (width / 2)) / np.pi)
            self._bank[key] = total
        return self._bank[key]

    def l2_farther(self, ion: str) -> float:
        """How much farther from L3 than the multiplets say the L2 line of an ion lies, eV."""
        entry = self.header["ions"][ion]
        return float(L2_FARTHER_EV * (entry["valence"] - 2))

    def centroid_energy(self, ion: str) -> float:
        """Energy (eV) of the L3 centroid that brings the L3 maximum in the reference geometry to its empirical energy.

        One shift per ion: its grid points share the centroid, so that a crystal field changes the shape and not the
        position.
        """
        if ion not in self._centroids:
            self._centroids[ion] = self._find_centroid(ion)
        return self._centroids[ion]

    def _find_centroid(self, ion: str) -> float:
        centres = (self.bin_edges[:-1] + self.bin_edges[1:]) / 2
        l3 = self.sticks[ion][:, :, :, 0].astype(float)
        middle = self._between(ion, l3, REFERENCE_FIELD[ion][1], 0.5, REFERENCE_ELONGATION.get(ion, 0.0))
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
