"""Cells that are not layered NMC but can imitate a state of it: oxides of one valence, and the surface rock salt.

Cycling turns the surface of a particle into rock salt, and a wrong valence is told by its oxide. Lattice constants are
literature ones, rounded; every cell is relaxed. They belong to the library but neither train nor test a model.
Sites: metals, lithium, oxygen; ``layer_sites`` is the number of cations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Half the edge of the rock-salt cell by cation, angstrom: NiO, MnO, CoO; lithium as in cation-disordered oxides.
HALF_EDGE = {"Ni": 2.09, "Mn": 2.22, "Co": 2.13, "Li": 2.06}
#: Cations of the mixed rock-salt cells: the eight-atom cubic cell, and twelve atoms (six cations) across (110).
ROCK_SALTS = (
    "Ni Ni Ni Mn",
    "Ni Ni Mn Co",
    "Ni Ni Ni Co",
    "Ni Mn Co Li",
    "Ni Ni Ni Li",
    "Ni Ni Mn Li",
    "Ni Ni Ni Mn Co Li",
    "Ni Ni Mn Mn Co Li",
)


@dataclass(frozen=True)
class Reference:
    """A starting structure: name, phase, cations and all symbols, lattice (3, 3) in angstrom, coordinates (n, 3)."""

    name: str
    phase: str
    cations: int
    species: tuple[str, ...]
    lattice: NDArray
    fractional: NDArray


def _rock_salt(name: str, phase: str, cations: list[str]) -> Reference:
    """Rock salt with four cations (cubic) or six (three half-cubes along [110])."""
    count = len(cations)
    edge = 2 * float(np.mean([HALF_EDGE[symbol] for symbol in cations]))
    # Six cations: [1/2 -1/2 0], 3/2 [1 1 0] and [0 0 1].
    rows = np.eye(3) if count == 4 else np.array([[0.5, -0.5, 0.0], [1.5, 1.5, 0.0], [0.0, 0.0, 1.0]])
    points = _inside(rows)
    half_edge = np.array([0, 0, 0.5]) @ np.linalg.inv(rows)
    oxygen = (points + half_edge) % 1
    species = (*cations, *["O"] * count)
    return Reference(name, phase, count, species, edge * rows, np.concatenate([points, oxygen]))


def _inside(rows: NDArray) -> NDArray:
    """Fractional coordinates of the face-centred points inside a cell given in cubic units."""
    steps = np.arange(-6, 7) / 2
    grid = np.array(np.meshgrid(steps, steps, steps)).reshape(3, -1).T
    grid = grid[np.round(grid.sum(axis=1) * 2).astype(int) % 2 == 0]
    fractional = grid @ np.linalg.inv(rows)
    inside = fractional[((fractional > -1e-6) & (fractional < 1 - 1e-6)).all(axis=1)]
    return inside[np.lexsort(np.round(inside, 6).T)]


def _zigzag_lithium_manganate() -> Reference:
    """Orthorhombic LiMnO2 (Pmmn): rock salt with corrugated layers, Mn3+ with two long bonds along c."""
    cations = np.array([[0, 0, 0], [0.5, 0.25, 0.5], [0, 0.5, 0], [0.5, 0.75, 0.5]])
    fractional = np.concatenate([cations, (cations + np.array([0, 0, 0.5])) % 1])
    species = ("Mn", "Mn", "Li", "Li", "O", "O", "O", "O")
    return Reference(
        "reference-LiMnO2-zigzag", "reference", 4, species, np.diag([2.81, 5.75, 4.57]) @ np.eye(3), fractional
    )


def _doubled(lattice: NDArray, species: tuple[str, ...], fractional: NDArray, axis: int) -> tuple:
    """Two cells along one axis, for an even k-point spacing; atoms of one element stay together."""
    shift = np.zeros(3)
    shift[axis] = 0.5
    half = np.array(fractional, float)
    half[:, axis] /= 2
    order = [k for k, _ in enumerate(species) for _ in (0, 1)]
    both = np.array([half[k] + copy * shift for k in range(len(species)) for copy in (0, 1)])
    scale = np.ones(3)
    scale[axis] = 2
    return lattice * scale[:, None], tuple(species[k] for k in order), both


def _rutile(metal: str) -> Reference:
    """Rutile MO2, two cells along c: metal 4+."""
    u = 0.305
    fractional = np.array(
        [[0, 0, 0], [0.5, 0.5, 0.5], [u, u, 0], [1 - u, 1 - u, 0], [0.5 + u, 0.5 - u, 0.5], [0.5 - u, 0.5 + u, 0.5]]
    )
    lattice, species, both = _doubled(
        np.diag([4.40, 4.40, 2.87]), (metal, metal, "O", "O", "O", "O"), fractional, axis=2
    )
    return Reference(f"reference-{metal}O2-rutile", "reference", 4, species, lattice, both)


def _corundum(metal: str, a: float, c: float) -> Reference:
    """Corundum M2O3, rhombohedral cell of ten atoms: metal 3+."""
    angles = np.deg2rad([90, 210, 330])
    radius = a / np.sqrt(3)
    lattice = np.column_stack([radius * np.cos(angles), radius * np.sin(angles), np.full(3, c / 3)])
    metals = [[w, w, w] for w in (0.352, 0.148, 0.648, 0.852)]
    x = 0.25 + 0.306
    oxygen = [[x, 0.5 - x, 0.25], [0.5 - x, 0.25, x], [0.25, x, 0.5 - x]]
    oxygen += [[-value for value in site] for site in oxygen]
    fractional = np.array(metals + oxygen) % 1
    return Reference(f"reference-{metal}2O3-corundum", "reference", 4, (metal,) * 4 + ("O",) * 6, lattice, fractional)


def _spinel() -> Reference:
    """Spinel LiMn2O4, rhombohedral cell of fourteen atoms: Mn3+ and Mn4+ on octahedral sites."""
    edge, u = 8.24, 0.263
    lattice = edge * np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    manganese = [[0.625, 0.625, 0.625], [0.625, 0.875, 0.875], [0.875, 0.625, 0.875], [0.875, 0.875, 0.625]]
    lithium = [[0, 0, 0], [0.25, 0.25, 0.25]]
    near = [np.array(signs) for signs in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))]
    # Oxygen around the tetrahedral site at the origin, turned away from the other one, and inverted around that.
    d = u - 0.125
    oxygen = [-d * signs for signs in near] + [np.array([0.25] * 3) + d * signs for signs in near]
    cartesian = np.array([np.asarray(site, float) for site in [*manganese, *lithium, *oxygen]]) * edge
    fractional = cartesian @ np.linalg.inv(lattice) % 1
    return Reference(
        "reference-LiMn2O4-spinel", "reference", 6, ("Mn",) * 4 + ("Li",) * 2 + ("O",) * 8, lattice, fractional
    )


def references() -> list[Reference]:
    """Return the reference cells and the mixed rock salts, always in the same order."""
    oxides = [_rock_salt(f"reference-{metal}O", "reference", [metal] * 4) for metal in ("Ni", "Mn", "Co")]
    oxides += [_corundum("Mn", 5.04, 14.1), _zigzag_lithium_manganate(), _rutile("Mn"), _spinel()]
    salts = [_rock_salt(f"rock-salt-{k}", "rock salt", menu.split()) for k, menu in enumerate(ROCK_SALTS)]
    return oxides + salts
