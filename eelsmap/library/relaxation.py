"""Relaxation and site moments by CHGNet with its r2SCAN weights.

The default weights call every nickel 2+ and swell the cell by 5 %; the r2SCAN ones give moments from which valences
balance charge. Three things make a relaxation cheap: forces and stress from one backward pass without the graph of
second derivatives (half the time of CHGNet's own road), a quasi-Newton step that starts from stiffnesses by element,
and cell coordinates scaled so that the soft axis across the layers counts. Needs ``chgnet``.

References
----------
Deng et al., Nat. Mach. Intell. 5, 1031 (2023), 10.1038/s42256-023-00716-3 (CHGNet).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: Largest residual: eV/angstrom on an atom; on the cell, virial over a third of the atoms, eV (about 0.3 GPa).
FORCE_TOLERANCE = 0.05
LARGEST_STEPS = 80
DISPLACEMENT = 0.02
"""Standard deviation of the starting displacements, angstrom."""
#: First guess of the second derivatives: eV/angstrom2 by element, and of the cell, eV/angstrom3 (times its volume).
STIFFNESS = {"Li": 6.0, "O": 25.0, "Ni": 30.0, "Mn": 30.0, "Co": 30.0}
CELL_STIFFNESS = 0.8
LARGEST_MOVE = 0.2


@dataclass(frozen=True)
class Relaxed:
    """A relaxed cell.

    ``lattice`` (3, 3) in angstrom, ``fractional`` (n, 3), ``moments`` (n,) magnitudes in Bohr magnetons; ``details``
    holds ``residual_force_eV_per_A``, ``residual_stress_GPa``, ``evaluations``, ``energy_eV_per_atom``, ``seconds``.
    """

    lattice: NDArray
    fractional: NDArray
    moments: NDArray
    details: dict[str, Any]


class Relaxer:
    """CHGNet, loaded once."""

    def __init__(self) -> None:
        import torch
        from chgnet.model import CHGNet

        torch.set_num_threads(1)
        self.model = CHGNet.load(model_name="r2scan", use_device="cpu", verbose=False)
        self.model.eval()
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
        self.calculator = _calculator(self.model)

    def relax(self, species: Sequence[str], lattice: NDArray, fractional: NDArray) -> Relaxed:
        """Relax cell and positions.

        Parameters
        ----------
        species, lattice, fractional
            Symbols (n,), lattice vectors (3, 3) in angstrom, coordinates (n, 3).

        Returns
        -------
        Relaxed

        Raises
        ------
        RuntimeError
            The forces are still above the tolerance after the largest number of steps.
        """
        from ase import Atoms
        from ase.filters import FrechetCellFilter
        from ase.optimize import BFGS

        started = time.process_time()
        atoms = Atoms(list(species), cell=lattice, scaled_positions=fractional, pbc=True)
        # A small fixed displacement leaves the saddle points of the ideal layers (Jahn-Teller distortions).
        atoms.positions += np.random.default_rng(1).normal(scale=DISPLACEMENT, size=(len(atoms), 3))
        atoms.calc = self.calculator
        before = self.calculator.evaluations
        factor = len(atoms) / 3
        moving: Any = FrechetCellFilter(atoms, exp_cell_factor=factor)  # stands in for atoms
        optimizer = BFGS(moving, logfile=None, maxstep=LARGEST_MOVE)
        of_cell = CELL_STIFFNESS * atoms.get_volume() / factor**2
        optimizer.H0 = np.diag(np.repeat([STIFFNESS[symbol] for symbol in species] + [of_cell] * 3, 3))
        if not optimizer.run(fmax=FORCE_TOLERANCE, steps=LARGEST_STEPS):
            raise RuntimeError(f"not relaxed after {LARGEST_STEPS} steps")
        stress = atoms.get_stress() * 160.21766
        details = {
            "residual_force_eV_per_A": round(float(np.linalg.norm(atoms.get_forces(), axis=1).max()), 4),
            "residual_stress_GPa": round(float(np.abs(stress).max()), 3),
            "evaluations": self.calculator.evaluations - before,
            "energy_eV_per_atom": round(atoms.get_potential_energy() / len(atoms), 5),
            "seconds": round(time.process_time() - started, 1),
        }
        moments = np.array(self.calculator.results["magmoms"], dtype=float)
        return Relaxed(np.array(atoms.cell), atoms.get_scaled_positions(wrap=False), moments, details)


def _calculator(model: Any) -> Any:
    """Return an ASE calculator over a CHGNet model that counts its ``evaluations``."""
    import torch
    from ase.calculators.calculator import Calculator, all_changes
    from ase.stress import full_3x3_to_voigt_6_stress
    from chgnet.model.model import BatchedGraph
    from pymatgen.core import Structure

    class OnePass(Calculator):
        def __init__(self) -> None:
            super().__init__()
            self.implemented_properties = ["energy", "forces", "stress", "magmoms"]
            self.evaluations = 0

        def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
            super().calculate(atoms, properties, system_changes)
            structure = Structure(atoms.cell.array, atoms.get_chemical_symbols(), atoms.get_scaled_positions())
            graph = BatchedGraph.from_graphs(
                [model.graph_converter(structure)],
                bond_basis_expansion=model.bond_basis_expansion,
                angle_basis_expansion=model.angle_basis_expansion,
                compute_stress=True,
            )
            found = model._compute(graph, compute_force=False, compute_stress=False, compute_magmom=True)
            # Without the constant energies of the elements: only differences at one composition are used.
            energy = found["e"].sum() * (len(atoms) if model.is_intensive else 1)
            by_position, by_strain = torch.autograd.grad(energy, [graph.atom_positions[0], graph.strains[0]])
            stress = by_strain.numpy().astype(float) / atoms.get_volume()
            self.evaluations += 1
            self.results = {
                "energy": float(energy.detach()),
                "forces": -by_position.numpy().astype(float),
                "stress": full_3x3_to_voigt_6_stress((stress + stress.T) / 2),
                "magmoms": np.abs(found["m"][0].detach().numpy()),
            }

    return OnePass()
