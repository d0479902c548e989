"""Crystal-field multiplet calculation of L2,3 transitions with EDRIXS.

One ion in an octahedral (or tetragonally distorted) crystal field, exact diagonalisation of the 3d^n and 2p^5 3d^(n+1)
configurations, thermal average over the initial states. Every final state carries the expectation value of the core
spin-orbit operator, from which its L3 and L2 character follow; both are kept apart so that each can be broadened with
its own lifetime.

This model has parameters (10Dq, Slater reduction), so it is not predictive: positions between ions mean nothing and are
replaced by empirical ones in `eelsmap.library.white_lines`. A ground state of the wrong spin is refused.

References
----------
Wang, Fabbris, Dean, Kotliar, Comput. Phys. Commun. 243, 151 (2019), 10.1016/j.cpc.2019.04.018 (EDRIXS).
de Groot, Fuggle, Thole, Sawatzky, Phys. Rev. B 42, 5459 (1990), 10.1103/PhysRevB.42.5459 (L2,3 multiplets).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from eelsmap.errors import LibraryError

if TYPE_CHECKING:
    from numpy.typing import NDArray

TEMPERATURE_K = 300.0
BOLTZMANN_EV = 8.617333e-5


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
        (d1, d3) of `edrixs.cf_tetragonal_d`, eV; zero for a regular octahedron.
    """

    element: str
    valence: int
    electrons: int
    spin: float
    ten_dq: tuple[float, ...]
    reductions: tuple[float, float]
    tetragonal: tuple[float, float] = (0.0, 0.0)

    @property
    def name(self) -> str:
        """For instance ``"Ni3"``."""
        return f"{self.element}{self.valence}"


#: Low-spin Ni3+ and Co4+ need strongly reduced Slater integrals, which stand in for covalency that the model lacks.
IONS = {
    ion.name: ion
    for ion in (
        IonModel("Ni", 2, 8, 1.0, (0.8, 1.1, 1.4, 1.7, 2.0), (0.7, 0.8)),
        IonModel("Ni", 3, 7, 0.5, (2.7, 3.0, 3.3, 3.6), (0.5, 0.6), (0.05, 0.15)),
        IonModel("Ni", 4, 6, 0.0, (2.4, 2.8, 3.2, 3.6), (0.5, 0.6)),
        IonModel("Mn", 2, 5, 2.5, (0.6, 0.9, 1.2, 1.5), (0.7, 0.8)),
        IonModel("Mn", 3, 4, 2.0, (1.0, 1.3, 1.6, 1.9), (0.7, 0.8), (0.06, 0.2)),
        IonModel("Mn", 4, 3, 1.5, (1.6, 1.9, 2.2, 2.5, 2.8), (0.7, 0.8)),
        IonModel("Co", 2, 7, 1.5, (0.5, 0.8, 1.1, 1.4), (0.7, 0.8)),
        IonModel("Co", 3, 6, 0.0, (2.2, 2.5, 2.8, 3.1), (0.6, 0.7)),
        IonModel("Co", 4, 5, 0.5, (2.9, 3.2, 3.5, 3.8), (0.5, 0.6)),
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


def calculate(ion: IonModel, ten_dq: float, reduction: float) -> Multiplet:
    """Diagonalise one ion and average its L2,3 transitions over the initial states at 300 K.

    Parameters
    ----------
    ion
        Ion with its number of electrons and tetragonal terms.
    ten_dq
        Octahedral splitting, eV.
    reduction
        Factor on all Slater integrals of both configurations.

    Returns
    -------
    Multiplet

    Raises
    ------
    LibraryError
        The ground state does not have the ion's spin.
    """
    import edrixs
    from edrixs.models import model_1v1c
    from scipy.linalg import eigh

    atom = edrixs.get_atom_data(ion.element, v_name="3d", v_noccu=ion.electrons, edge="L23")
    initial, final = ([value * reduction for _, value in atom[key]] for key in ("slater_i", "slater_n"))
    # F0 = F0(reduced average) only shifts each configuration as a whole: it keeps the monopole part out of the terms.
    initial[0] = edrixs.get_F0("d", initial[1], initial[2])
    final[0] = edrixs.get_F0("d", final[1], final[2])
    final[3] = edrixs.get_F0("dp", final[5], final[6])
    field = edrixs.cf_tetragonal_d(ten_dq, *ion.tetragonal) if any(ion.tetragonal) else edrixs.cf_cubic_d(ten_dq)
    one_initial, two_initial, _, one_final, two_final, _, dipole, _ = model_1v1c(
        ("d", "p"),
        v_soc=(atom["v_soc_i"][0], atom["v_soc_n"][0]),
        c_soc=atom["c_soc"],
        v_noccu=ion.electrons,
        slater=(initial, final),
        v_cfmat=field,
    )
    basis_initial = edrixs.get_fock_bin_by_N(10, ion.electrons, 6, 6)
    basis_final = edrixs.get_fock_bin_by_N(10, ion.electrons + 1, 6, 5)

    def hamiltonian(one: NDArray, two: NDArray, basis: list) -> NDArray:
        return edrixs.two_fermion(one, basis, basis) + edrixs.four_fermion(two, basis)

    energy_i, states_i = eigh(hamiltonian(one_initial, two_initial, basis_initial))
    energy_n, states_n = eigh(hamiltonian(one_final, two_final, basis_final))

    weight = np.exp(-(energy_i - energy_i[0]) / (BOLTZMANN_EV * TEMPERATURE_K))
    kept = weight > 1e-4
    weight = weight[kept] / weight[kept].sum()
    occupied = states_i[:, kept]
    spin_squared = _spin_squared(edrixs, basis_initial, occupied[:, 0])
    if abs(spin_squared - ion.spin * (ion.spin + 1)) > 0.35:
        raise LibraryError(
            f"{ion.name} at 10Dq {ten_dq} eV, Slater reduction {reduction}: S^2 is {spin_squared:.2f} in place of "
            f"{ion.spin * (ion.spin + 1):.2f}; the crystal field does not give the accepted spin state"
        )
    # Core spin-orbit operator: +1 for a 2p1/2 hole, -1/2 for a 2p3/2 hole (electron sum of a p shell lacking one).
    core = np.zeros((16, 16), dtype=complex)
    core[10:, 10:] = edrixs.atom_hsoc("p", 1.0)
    core_states = edrixs.two_fermion(core, basis_final, basis_final) @ states_n
    coupling = np.einsum("ij,ij->j", states_n.conj(), core_states).real
    strength = np.zeros((energy_n.size, weight.size))
    for component in dipole:
        matrix = states_n.conj().T @ (edrixs.two_fermion(component, basis_final, basis_initial) @ occupied)
        strength += np.abs(matrix) ** 2 / 3
    width_l2, width_l3 = (2 * value for value in atom["gamma_c"])
    energy = energy_n[:, None] - energy_i[kept][None, :]
    character = np.broadcast_to(((1 - coupling) / 1.5)[:, None], energy.shape)
    return Multiplet(energy.ravel(), (strength * weight).ravel(), character.ravel(), spin_squared, width_l3, width_l2)


def _spin_squared(edrixs: object, basis: list, state: NDArray) -> float:
    """Return the expectation value of S^2 of the 3d shell in one many-body state (the 2p shell is full)."""
    total = 0.0
    for matrix in (edrixs.get_sx(2), edrixs.get_sy(2), edrixs.get_sz(2)):  # type: ignore[attr-defined]
        one = np.zeros((16, 16), dtype=complex)
        one[:10, :10] = matrix
        turned = edrixs.two_fermion(one, basis, basis) @ state  # type: ignore[attr-defined]
        total += float(np.vdot(turned, turned).real)
    return total
