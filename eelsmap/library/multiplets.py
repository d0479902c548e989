"""Crystal-field multiplet calculation of L2,3 transitions with EDRIXS.

One ion in an octahedral or tetragonally distorted crystal field, exact diagonalisation of the 3d^n and 2p^5 3d^(n+1)
configurations, thermal average over the initial states. Every final state carries the expectation value of the core
spin-orbit operator, from which its L3 and L2 character follow; both are kept apart so that each can be broadened with
its own lifetime.

The Coulomb interaction and the spin-orbit coupling of an ion are built once; every grid point adds its crystal field
and scales the Coulomb part. In the basis of complex harmonics all matrices are real, and a four-fold axis splits them
into four blocks: that is what makes a whole grid a matter of minutes.

This model has parameters (10Dq, tetragonal splitting, Slater reduction), so it is not predictive: positions between
ions mean nothing and are replaced by empirical ones in `eelsmap.library.white_lines`. A ground state of the wrong spin
is refused.

References
----------
Wang, Fabbris, Dean, Kotliar, Comput. Phys. Commun. 243, 151 (2019), 10.1016/j.cpc.2019.04.018 (EDRIXS).
de Groot, Fuggle, Thole, Sawatzky, Phys. Rev. B 42, 5459 (1990), 10.1103/PhysRevB.42.5459 (L2,3 multiplets).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap.errors import LibraryError

if TYPE_CHECKING:
    from numpy.typing import NDArray

TEMPERATURE_K = 300.0
BOLTZMANN_EV = 8.617333e-5
SPIN_TOLERANCE = 0.35
#: Splitting of t2g as a share of that of eg: sigma and pi bonds in the ratio 4 to 1 (angular overlap model).
T2G_SHARE = 0.25


@dataclass(frozen=True)
class IonModel:
    """Parameters of one ion's crystal-field grid.

    Parameters
    ----------
    element, valence
        Chemical symbol and formal charge.
    electrons
        3d electrons.
    spin
        Total spin S of the ground state that is accepted.
    ten_dq
        Grid of 10Dq, eV.
    reductions
        Factors on the Hartree-Fock Slater integrals.
    tetragonal
        Grid of the splitting of eg, as a share of 10Dq; positive where the axial bonds are the longer ones.
    suffix
        Tells a second spin state of the same valence from the usual one.
    """

    element: str
    valence: int
    electrons: int
    spin: float
    ten_dq: tuple[float, ...]
    reductions: tuple[float, float]
    tetragonal: tuple[float, ...] = (0.0, 0.15, 0.3)
    suffix: str = ""

    @property
    def name(self) -> str:
        """For instance ``"Ni3"``."""
        return f"{self.element}{self.valence}{self.suffix}"


#: Slater integrals are reduced the more the higher the valence (0.7-0.8, 0.6-0.7, 0.5-0.6 for 2+, 3+, 4+): this stands
#: in for the covalency that the model lacks. Low-spin Ni3+ needs 0.5-0.6 to be the ground state. Mn3+ ends at 10Dq of
#: 1.75 eV because at 1.9 eV and 0.6 it is no longer high spin throughout. Jahn-Teller ions have a wide grid of
#: tetragonal splitting. ``"Co3-high-spin"`` is the state of Co3+ at surfaces of LiCoO2 (Qian et al., J. Am. Chem. Soc.
#: 134, 6096 (2012), 10.1021/ja300868e); no bulk site is given it.
IONS = {
    ion.name: ion
    for ion in (
        IonModel("Ni", 2, 8, 1.0, (0.8, 1.1, 1.4, 1.7, 2.0), (0.7, 0.8)),
        IonModel("Ni", 3, 7, 0.5, (2.7, 3.0, 3.3, 3.6), (0.5, 0.6), (0.0, 0.2, 0.4, 0.6)),
        IonModel("Ni", 4, 6, 0.0, (2.4, 2.8, 3.2, 3.6), (0.5, 0.6)),
        IonModel("Mn", 2, 5, 2.5, (0.6, 0.9, 1.2, 1.5), (0.7, 0.8)),
        IonModel("Mn", 3, 4, 2.0, (1.0, 1.25, 1.5, 1.75), (0.6, 0.7), (0.0, 0.2, 0.4, 0.6, 0.8)),
        IonModel("Mn", 4, 3, 1.5, (1.6, 1.9, 2.2, 2.5, 2.8), (0.5, 0.6)),
        IonModel("Co", 2, 7, 1.5, (0.5, 0.8, 1.1, 1.4), (0.7, 0.8)),
        IonModel("Co", 3, 6, 0.0, (2.2, 2.5, 2.8, 3.1), (0.6, 0.7)),
        IonModel("Co", 3, 6, 2.0, (0.6, 0.9, 1.2, 1.5), (0.7, 0.8), suffix="-high-spin"),
        IonModel("Co", 4, 5, 0.5, (2.9, 3.2, 3.5, 3.8), (0.5, 0.6), (0.0, 0.1, 0.2)),
    )
}


@dataclass(frozen=True)
class Multiplet:
    """Thermally averaged sticks of one ion.

    ``energy`` (n,) eV above the ground state, without meaning in absolute terms; ``strength`` (n,) squared dipole
    matrix elements averaged over polarisation; ``l3_character`` (n,) between 0 (2p1/2 hole) and 1 (2p3/2 hole);
    ``spin_squared`` expectation value of S^2 in the ground state; ``l3_width``, ``l2_width`` Lorentzian full widths.
    """

    energy: NDArray
    strength: NDArray
    l3_character: NDArray
    spin_squared: float
    l3_width: float
    l2_width: float

    def l3_to_l2(self) -> float:
        """L3/L2 ratio of stick areas divided at the middle between the two centroids, as in a measured spectrum."""
        centroids = [
            np.average(self.energy, weights=self.strength * character)
            for character in (self.l3_character, 1 - self.l3_character)
        ]
        lower = self.energy < np.mean(centroids)
        return float(self.strength[lower].sum() / self.strength[~lower].sum())


class IonCalculator:
    """Matrices of one ion, built once (seconds), for as many crystal fields as wanted (tenths of a second each).

    Parameters
    ----------
    ion
        Element, electrons and spin; its grids are not used here.
    """

    def __init__(self, ion: IonModel) -> None:
        import edrixs
        from edrixs.models import model_1v1c

        self.ion = ion
        self._edrixs: Any = edrixs
        atom = edrixs.get_atom_data(ion.element, v_name="3d", v_noccu=ion.electrons, edge="L23")
        initial, final = ([value for _, value in atom[key]] for key in ("slater_i", "slater_n"))
        # F0 = F0(reduced average) only shifts each configuration as a whole: it keeps the monopole part out of the
        # terms, and is linear in the others, so that a Slater reduction scales the whole Coulomb matrix.
        initial[0] = edrixs.get_F0("d", initial[1], initial[2])
        final[0] = edrixs.get_F0("d", final[1], final[2])
        final[3] = edrixs.get_F0("dp", final[5], final[6])
        one_initial, two_initial, _, one_final, two_final, _, dipole, _ = model_1v1c(
            ("d", "p"),
            v_soc=(atom["v_soc_i"][0], atom["v_soc_n"][0]),
            c_soc=atom["c_soc"],
            v_noccu=ion.electrons,
            slater=(initial, final),
        )
        basis_i = edrixs.get_fock_bin_by_N(10, ion.electrons, 6, 6)
        basis_n = edrixs.get_fock_bin_by_N(10, ion.electrons + 1, 6, 5)
        self._initial = _Configuration(edrixs, basis_i, one_initial, two_initial)
        self._final = _Configuration(edrixs, basis_n, one_final, two_final)
        self._dipole = [edrixs.two_fermion(component, basis_n, basis_i) for component in dipole]
        # Core spin-orbit operator: +1 for a 2p1/2 hole, -1/2 for a 2p3/2 hole (electron sum of a p shell lacking one).
        core = np.zeros((16, 16), dtype=complex)
        core[10:, 10:] = edrixs.atom_hsoc("p", 1.0)
        self._core = _real(edrixs.two_fermion(core, basis_n, basis_n))
        self._spin = [
            edrixs.two_fermion(_padded(matrix), basis_i, basis_i)
            for matrix in (edrixs.get_sx(2), edrixs.get_sy(2), edrixs.get_sz(2))
        ]
        self._l2_width, self._l3_width = (2 * value for value in atom["gamma_c"])

    def multiplet(self, ten_dq: float, reduction: float, tetragonal: float = 0.0) -> Multiplet:
        """Diagonalise one crystal field and average the transitions over the initial states at 300 K.

        Parameters
        ----------
        ten_dq
            Octahedral splitting, eV.
        reduction
            Factor on all Slater integrals of both configurations.
        tetragonal
            Splitting of eg as a share of 10Dq; t2g splits by a quarter of it.

        Returns
        -------
        Multiplet

        Raises
        ------
        LibraryError
            The ground state does not have the ion's spin.
        """
        eg_splitting = tetragonal * ten_dq
        # EDRIXS: the second argument splits t2g (xy above xz, yz), the third eg (x2-y2 above z2).
        field = self._edrixs.cf_tetragonal_d(ten_dq, T2G_SHARE * eg_splitting, eg_splitting)
        energy_i, states_i = self._initial.solve(field, reduction)
        weight = np.exp(-(energy_i - energy_i[0]) / (BOLTZMANN_EV * TEMPERATURE_K))
        kept = weight > 1e-4
        weight = weight[kept] / weight[kept].sum()
        occupied = states_i[:, kept]
        spin_squared = float(sum(np.sum(np.abs(matrix @ occupied[:, 0]) ** 2) for matrix in self._spin))
        wanted = self.ion.spin * (self.ion.spin + 1)
        if abs(spin_squared - wanted) > SPIN_TOLERANCE:
            raise LibraryError(
                f"{self.ion.name} at 10Dq {ten_dq} eV, Slater reduction {reduction}, tetragonal {tetragonal}: S^2 is "
                f"{spin_squared:.2f} in place of {wanted:.2f}; the crystal field does not give the accepted spin state"
            )
        energy_n, states_n = self._final.solve(field, reduction)
        coupling = np.einsum("ij,ij->j", states_n, self._core @ states_n)
        strength = np.zeros((energy_n.size, weight.size))
        for component in self._dipole:
            strength += np.abs(states_n.T @ (component @ occupied)) ** 2 / 3
        energy = energy_n[:, None] - energy_i[kept][None, :]
        character = np.broadcast_to(((1 - coupling) / 1.5)[:, None], energy.shape)
        return Multiplet(
            energy.ravel(), (strength * weight).ravel(), character.ravel(), spin_squared, self._l3_width, self._l2_width
        )


class _Configuration:
    """Coulomb and one-electron matrices of one configuration, and the blocks into which a four-fold axis splits it."""

    def __init__(self, edrixs: Any, basis: list, one: NDArray, two: NDArray) -> None:
        from scipy.sparse.csgraph import connected_components

        self._edrixs, self._basis = edrixs, basis
        self._orbit = _real(edrixs.two_fermion(one, basis, basis))
        self._coulomb = _real(edrixs.four_fermion(two, basis))
        field = self._field(edrixs.cf_tetragonal_d(1.0, 0.3, 0.7))
        coupled = (np.abs(self._orbit) + np.abs(self._coulomb) + np.abs(field)) > 1e-10
        _, self._block = connected_components(coupled, directed=False)

    def _field(self, field: NDArray) -> NDArray:
        return _real(self._edrixs.two_fermion(_padded(field), self._basis, self._basis))

    def solve(self, field: NDArray, reduction: float) -> tuple[NDArray, NDArray]:
        """Energies, ascending, and states (columns)."""
        from scipy.linalg import eigh

        matrix = reduction * self._coulomb + self._orbit + self._field(field)
        energy, states = np.empty(len(matrix)), np.zeros_like(matrix)
        for block in range(self._block.max() + 1):
            rows = np.flatnonzero(self._block == block)
            energy[rows], states[np.ix_(rows, rows)] = eigh(matrix[np.ix_(rows, rows)])
        order = np.argsort(energy, kind="stable")
        return energy[order], states[:, order]


def _padded(matrix: NDArray) -> NDArray:
    """Return an operator of the 3d shell (10, 10) as one of 3d and 2p together (16, 16)."""
    whole = np.zeros((16, 16), dtype=complex)
    whole[:10, :10] = matrix
    return whole


def _real(matrix: NDArray) -> NDArray:
    """Real part of a matrix that is real in complex harmonics; anything else would be lost without notice."""
    if np.abs(matrix.imag).max() > 1e-10:
        raise LibraryError("a multiplet matrix is not real; EDRIXS uses another basis than complex harmonics")
    return np.ascontiguousarray(matrix.real)


def calculate(ion: IonModel, ten_dq: float, reduction: float, tetragonal: float = 0.0) -> Multiplet:
    """One multiplet; for many of the same ion keep an `IonCalculator`."""
    return IonCalculator(ion).multiplet(ten_dq, reduction, tetragonal)
