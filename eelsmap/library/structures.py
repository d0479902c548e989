"""Layered Li(z)Ni(x)Mn(y)Co(1-x-y)O2 cells with three or four transition metals, pristine or with one defect.

The rhombohedral four-atom cell of space group R-3m is repeated to 12 atoms (three metals) or 16 (four). Small cells
hold the same three-metal neighbourhoods of oxygen as large ones and cost far less (Jia et al., ACS Nano 2026,
10.1021/acsnano.5c16942, used 30 to 40 atoms). The plan is endless and deterministic: item n is always the same cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Repetition of the rhombohedral cell by number of transition metals.
REPETITIONS = {
    3: np.array([[2, -1, -1], [-1, 2, -1], [1, 0, 0]]),
    4: np.array([[2, -2, 0], [0, 2, -2], [1, 0, 0]]),
}
HEXAGONAL_A, HEXAGONAL_C, OXYGEN_HEIGHT = 2.86, 14.25, 0.2405

#: Metals per cell: mixtures near NMC111, 532, 622, 811, and the end members.
THREE_METALS = ("Ni Mn Co", "Ni Ni Mn", "Ni Ni Co", "Ni Mn Mn", "Ni Co Co", "Ni Ni Ni", "Mn Co Co", "Co Co Co")
FOUR_METALS = (
    "Ni Ni Mn Co",
    "Ni Ni Ni Mn",
    "Ni Ni Ni Co",
    "Ni Ni Co Co",
    "Ni Ni Mn Mn",
    "Ni Mn Co Co",
    "Ni Mn Mn Co",
    "Ni Ni Ni Ni",
)
#: Ten items in turn: 40 % pristine, 30 % with an oxygen vacancy, 30 % with a Ni/Li exchange.
KINDS = (*3 * ("pristine", "vacancy", "antisite"), "pristine")
FIRST_NUMBER = 100


@dataclass(frozen=True)
class Plan:
    """A cell before relaxation: name, kind, sites of the metal layers, symbols, lattice (angstrom), coordinates."""

    name: str
    kind: str
    layer_sites: int
    species: tuple[str, ...]
    lattice: NDArray
    fractional: NDArray

    @property
    def without_choice(self) -> tuple[str, ...] | None:
        """Sorted symbols of a pristine cell with no or all lithium, which its symbols (nearly) determine; else None."""
        if self.kind == "pristine" and self.species.count("Li") in (0, self.layer_sites):
            return tuple(sorted(self.species))
        return None


def repeat(metals: int) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Lattice and the fractional sites (metal layer, lithium layer, oxygen) of the repeated rhombohedral cell."""
    angles = np.deg2rad([90, 210, 330])
    radius = HEXAGONAL_A / np.sqrt(3)
    primitive = np.column_stack([radius * np.cos(angles), radius * np.sin(angles), np.full(3, HEXAGONAL_C / 3)])
    matrix = REPETITIONS[metals]
    inverse = np.linalg.inv(matrix)
    span = range(-4, 5)
    translations = np.array([(i, j, k) for i in span for j in span for k in span]) @ inverse
    inside = ((translations > -1e-6) & (translations < 1 - 1e-6)).all(axis=1)
    origins = translations[inside]

    def sites(*heights: float) -> NDArray:
        # (1, 1, 1) of the primitive cell is the threefold axis and as long as c: a fraction of c is one of it.
        return np.concatenate([(origins + np.full(3, height) @ inverse) % 1 for height in heights])

    return matrix @ primitive, sites(0.0), sites(0.5), sites(OXYGEN_HEIGHT, -OXYGEN_HEIGHT)


def planned_cell(number: int) -> Plan:
    """Return the n-th cell of the plan.

    Parameters
    ----------
    number
        Zero or greater.

    Returns
    -------
    Plan
        Lithium content, metals and their order are drawn from a generator seeded with `number`; kind, and the rough
        level of lithium, follow a fixed turn, so that every stretch of the plan is mixed.
    """
    random = np.random.default_rng([20260, number])
    kind = KINDS[number % len(KINDS)]
    count = 4 if kind != "pristine" or number % 20 in (3, 9, 16) else 3
    menu = THREE_METALS if count == 3 else FOUR_METALS
    # An exchange needs nickel and lithium; all four-metal mixtures hold nickel.
    metals = [str(symbol) for symbol in random.permutation(menu[int(random.integers(len(menu)))].split())]
    lowest = 1 if kind == "antisite" else 0
    lithium = lowest + int((number // len(KINDS) * 3 + number) % (count + 1 - lowest))
    lattice, layer, gaps, oxygen = repeat(count)
    gaps = gaps[np.sort(random.permutation(count)[:lithium])]
    in_gaps = ["Li"] * lithium
    if kind == "antisite":
        metals[metals.index("Ni")], in_gaps[int(random.integers(lithium))] = "Li", "Ni"
    if kind == "vacancy":
        oxygen = np.delete(oxygen, int(random.integers(len(oxygen))), axis=0)
    return Plan(
        f"{kind}-{FIRST_NUMBER + number:03d}",
        kind,
        count,
        tuple(metals + in_gaps + ["O"] * len(oxygen)),
        lattice,
        np.concatenate([layer, gaps, oxygen]),
    )
