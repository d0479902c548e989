"""Oxygen K-edge transitions of every oxygen atom of a cell, from one GPAW ground state.

Initial-state approximation: no core hole, so that all oxygen atoms share one self-consistent calculation. Dipole
matrix elements are taken between the stored O 1s orbital and every band above the Fermi level and kept as a histogram
of energy above E_F; broadening and placement on an energy-loss scale come later (`eelsmap.library.oxygen_k`), so that
they can be changed without a new calculation.

Needs ``gpaw`` (26.7 was used) and its PAW data sets; nothing else of eelsmap imports this module.

References
----------
Enkovaara et al., J. Phys.: Condens. Matter 22, 253202 (2010), 10.1088/0953-8984/22/25/253202 (GPAW).
Ljungberg, Mortensen, Pettersson, J. Electron Spectrosc. Relat. Phenom. 184, 427 (2011) (x-ray absorption in GPAW).
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ase import Atoms
    from numpy.typing import NDArray

#: Starting moments in Bohr magnetons where a cell brings none: a ferromagnetic start, as for the 46 cells made first.
STARTING_MOMENTS = {"Ni": 1.2, "Mn": 3.0, "Co": 0.3}

#: Bin edges of the stored histograms, eV above the Fermi level.
BIN_EDGES = np.round(np.arange(-3.0, 35.0 + 0.025, 0.05), 6)


@dataclass(frozen=True)
class OxygenKSettings:
    """Numerical settings of the ground state, kept beside every result.

    Parameters
    ----------
    name
        Short name, stored per record.
    cutoff_ev
        Plane-wave cutoff. One value throughout: the O 1s scale depends on it.
    kpoints, gamma
        Grid divisions per axis and whether the grid holds Gamma.
    density_tolerance
        Convergence of the density, electrons per valence electron.
    energy_tolerance_ev
        Convergence of the energy per valence electron over the last three steps: keeps the loop from ending before the
        empty bands have followed the density.
    bands_per_atom, bands_per_volume
        Empty bands per atom, or per cubic angstrom of cell volume above the true number of occupied bands: one of them.
    fermi_width_ev
        Width of the Fermi-Dirac occupation.
    hubbard_u_ev
        U by element on the 3d shell (Dudarev), eV; empty for plain PBE.
    """

    name: str
    cutoff_ev: float = 350.0
    kpoints: tuple[int, int, int] = (2, 2, 2)
    gamma: bool = False
    density_tolerance: float = 2e-3
    energy_tolerance_ev: float = 5e-4
    bands_per_atom: int | None = None
    bands_per_volume: float | None = 0.64
    fermi_width_ev: float = 0.1
    hubbard_u_ev: dict[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


#: Settings of the 46 cells made first; the better ones without U; those of the library.
FIRST_CELLS = OxygenKSettings(
    "gamma-2x2x2", gamma=True, density_tolerance=5e-3, bands_per_atom=6, bands_per_volume=None
)
PLAIN = OxygenKSettings("mp-2x2x2")
STANDARD = OxygenKSettings("mp-2x2x2-u", bands_per_volume=0.55, hubbard_u_ev={"Ni": 6.0, "Mn": 3.9, "Co": 3.3})
SETTINGS = {settings.name: settings for settings in (FIRST_CELLS, PLAIN, STANDARD)}


def ensure_oxygen_setup(folder: Path, hole: float = 0.0) -> str:
    """Generate the O PAW set that stores its full 1s orbital into `folder`, once.

    Parameters
    ----------
    folder
        Folder of generated sets.
    hole
        Electrons missing in the 1s orbital; zero stores the orbital without emptying it.

    Returns
    -------
    str
        Name of the set for GPAW.
    """
    name = f"hole{round(hole * 100)}" if hole else "xes1s"
    if not (folder / f"O.{name}.PBE").exists():
        from gpaw.atom.configurations import parameters
        from gpaw.atom.generator import Generator

        folder.mkdir(parents=True, exist_ok=True)
        here = Path.cwd()
        os.chdir(folder)  # the generator writes into the current folder
        try:
            generator = Generator("O", xcname="PBE", scalarrel=True, corehole=(1, 0, hole), nofiles=True, txt=None)
            generator.run(name=name, write_xml=True, **parameters["O"])
        finally:
            os.chdir(here)
    return name


def number_of_bands(atoms: Atoms, settings: OxygenKSettings) -> int:
    """Bands to ask for; GPAW reads a negative number as that many empty ones."""
    if settings.bands_per_atom is not None:
        return -settings.bands_per_atom * len(atoms)
    # Valence electrons of the PAW sets in use: the default Ni set carries 3p as well, 16 electrons and not 10.
    electrons = {"Li": 3, "O": 6, "Ni": 16, "Mn": 7, "Co": 9}
    occupied = sum(electrons[symbol] for symbol in atoms.get_chemical_symbols()) // 2
    return occupied + round((settings.bands_per_volume or 0.0) * atoms.get_volume())


def attach_calculator(
    atoms: Atoms,
    settings: OxygenKSettings,
    setup_folder: Path,
    log: str | Path | None = None,
    core_hole: tuple[int, float] | None = None,
    moments: Sequence[float] | None = None,
) -> Any:
    """Give `atoms` starting moments and a GPAW calculator, which is returned; parameters as in `oxygen_k_transitions`.

    All oxygen atoms without a hole have the set with the stored 1s, with and without a core hole elsewhere in the cell:
    energies of the two then differ by the excitation and one constant, that of the reference atom with a hole.
    """
    from gpaw import GPAW, PW, Davidson, FermiDirac, MixerSum, setup_paths

    setups: dict[str | int, str] = {"Mn": "7", "O": ensure_oxygen_setup(setup_folder)}
    for element, hubbard in settings.hubbard_u_ev.items():
        setups[element] = f"{setups.get(element, '')}:d,{hubbard}"
    if core_hole is not None:
        setups[core_hole[0]] = ensure_oxygen_setup(setup_folder, core_hole[1])
    if str(setup_folder) not in setup_paths:
        setup_paths.insert(0, str(setup_folder))
    symbols = atoms.get_chemical_symbols()
    if moments is None:
        moments = [STARTING_MOMENTS.get(symbol, 0.0) for symbol in symbols]
    atoms.set_initial_magnetic_moments(
        [moment if symbol in STARTING_MOMENTS else 0.0 for symbol, moment in zip(symbols, moments, strict=True)]
    )
    atoms.calc = GPAW(
        mode=PW(settings.cutoff_ev),
        xc="PBE",
        legacy_gpaw=True,
        spinpol=True,
        kpts={"size": settings.kpoints, "gamma": settings.gamma},
        # Point-group reduction would mix the spectra of equivalent atoms: only time reversal is used.
        symmetry={"point_group": False},
        occupations=FermiDirac(settings.fermi_width_ev),
        setups=setups,
        charge=0.0 if core_hole is None else -core_hole[1],
        nbands=number_of_bands(atoms, settings),
        eigensolver=Davidson(niter=1),
        mixer=MixerSum(0.1, 5, 10),
        maxiter=150,
        txt=None if log is None else str(log),
        # Density and energy are gated, not the residuals of the bands: they follow in the same loop.
        convergence={
            "density": settings.density_tolerance,
            "energy": settings.energy_tolerance_ev,
            "eigenstates": 1.0,
            "bands": "occupied",
        },
    )
    return atoms.calc


def oxygen_k_transitions(
    atoms: Atoms,
    settings: OxygenKSettings,
    setup_folder: Path,
    log: str | Path | None = None,
    core_hole: tuple[int, float] | None = None,
    moments: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Ground state of one cell and the O 1s transitions of all its oxygen atoms.

    Parameters
    ----------
    atoms
        Periodic cell of Li, Ni, Mn, Co and O.
    settings
        Numerical settings.
    setup_folder
        Folder with (or for) the generated O set.
    log
        GPAW text output; None for none.
    core_hole
        Index of one oxygen atom and the electrons missing in its 1s orbital, added to the valence; only that atom's
        transitions are calculated then. None for the initial state.
    moments
        (n,) starting moments in Bohr magnetons. With U the state that is found depends on them: those of the relaxation
        lead to the valences that the labels are made from. A ferromagnetic start by element when None.

    Returns
    -------
    dict
        ``intensity`` (n_oxygen, 760) histogram in `BIN_EDGES` summed over spin and polarisation, ``atom`` their
        indices, ``fermi_eV``, ``complete_to_eV`` (lowest top band above E_F: the histogram is complete up to it),
        ``potential_at_nucleus_eV`` (n_oxygen,) electrostatic potential at the nuclei, on the scale of ``fermi_eV``,
        ``energy_eV`` of the cell, ``magnetic_moments`` (n,), ``iterations``, ``seconds``.

    Raises
    ------
    RuntimeError
        From GPAW when the density does not converge.
    """
    from gpaw.xas import XAS

    atoms = atoms.copy()
    symbols = atoms.get_chemical_symbols()
    started = time.process_time()
    calculator = attach_calculator(atoms, settings, setup_folder, log, core_hole, moments)
    energy_of_cell = float(atoms.get_potential_energy())
    fermi = float(calculator.get_fermi_level())
    oxygen = [index for index, symbol in enumerate(symbols) if symbol == "O"] if core_hole is None else [core_hole[0]]
    intensity = np.zeros((len(oxygen), BIN_EDGES.size - 1))
    top = np.inf
    for spin in (0, 1):
        for row, index in enumerate(oxygen):
            transitions = XAS(calculator, mode="all", spin=spin, center=index)
            energy = transitions.eps_kn - fermi
            strength = (np.abs(transitions.sigma_cmkn) ** 2).sum(axis=(0, 1))
            top = min(top, float(energy[:, -1].min()))
            intensity[row] += unoccupied_histogram(energy, strength)
    potential = calculator.get_atomic_electrostatic_potentials()[oxygen]
    return {
        "intensity": intensity.astype(np.float32),
        "atom": np.array(oxygen),
        "fermi_eV": fermi,
        "complete_to_eV": round(top, 2),
        "potential_at_nucleus_eV": [round(float(value), 4) for value in potential],
        "energy_eV": round(energy_of_cell, 5),
        "magnetic_moments": [float(m) for m in atoms.get_magnetic_moments()],
        "iterations": int(calculator.get_number_of_iterations()),
        "seconds": round(time.process_time() - started, 1),
    }


def unoccupied_histogram(energy: NDArray, strength: NDArray) -> NDArray:
    """Histogram of the transitions into states above the Fermi level, (760,), `energy` in eV above E_F."""
    above = energy >= 0
    return np.histogram(energy[above], bins=BIN_EDGES, weights=strength[above])[0]
