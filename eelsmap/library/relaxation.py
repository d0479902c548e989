"""Relaxation and site moments by CHGNet with its r2SCAN weights.

The default weights call every nickel 2+ and swell the cell by 5 %; the r2SCAN ones give moments from which valences
balance charge. Needs ``chgnet``.

References
----------
Deng et al., Nat. Mach. Intell. 5, 1031 (2023), 10.1038/s42256-023-00716-3 (CHGNet).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FORCE_TOLERANCE = 0.08
LARGEST_STEPS = 300
DISPLACEMENT = 0.02
"""Standard deviation of the starting displacements, angstrom."""


class Relaxer:
    """CHGNet, loaded once."""

    def __init__(self) -> None:
        import torch
        from chgnet.model import CHGNet, StructOptimizer

        torch.set_num_threads(1)
        self.model = CHGNet.load(model_name="r2scan", use_device="cpu", verbose=False)
        self.optimizer = StructOptimizer(model=self.model, use_device="cpu")

    def relax(self, species: Sequence[str], lattice: NDArray, fractional: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Relax cell and positions.

        Parameters
        ----------
        species, lattice, fractional
            Symbols (n,), lattice vectors (3, 3) in angstrom, coordinates (n, 3).

        Returns
        -------
        lattice, fractional, moments
            The relaxed cell, and the magnitude of each site's moment (n,) in Bohr magnetons.
        """
        from pymatgen.core import Structure

        # A small fixed displacement leaves the saddle points of the ideal layers (Jahn-Teller distortions).
        moved = np.random.default_rng(1).normal(scale=DISPLACEMENT, size=np.shape(fractional))
        structure = Structure(lattice, species, fractional + moved @ np.linalg.inv(lattice))
        result = self.optimizer.relax(structure, fmax=FORCE_TOLERANCE, steps=LARGEST_STEPS, verbose=False)
        final = result["final_structure"]
        moments = np.asarray(self.model.predict_structure(final, task="efsm")["m"], dtype=float)
        return np.array(final.lattice.matrix), np.array(final.frac_coords), moments
