"""Symmetry-distinct orderings of metals, lithium, vacancies and exchanged pairs on the sites of a layered supercell.

A supercell of the rhombohedral four-atom cell has three kinds of sites: the metal layer, the lithium layer and oxygen.
A decoration says what stands on each. Two decorations are the same structure if a symmetry operation of the empty
lattice turns one into the other; the operations are permutations of the sites here, so that all decorations of a
supercell are compared at once. Only numpy and scipy are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations, permutations, product
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: Supercells by number of metals: rows in units of the primitive vectors. All hold one layer, as compact as they can
#: be.
REPETITIONS = {
    2: np.array([[2, -2, 0], [0, 1, -1], [1, 0, 0]]),
    3: np.array([[2, -1, -1], [-1, 2, -1], [1, 0, 0]]),
    4: np.array([[2, -2, 0], [0, 2, -2], [1, 0, 0]]),
    5: np.array([[2, -1, -1], [-1, 3, -2], [1, 0, 0]]),
    10: np.array([[3, -1, -2], [1, 3, -4], [1, 0, 0]]),
}
#: Height of oxygen over the metal layer, as a fraction of the hexagonal c axis.
OXYGEN_HEIGHT = 0.2405
#: What can stand on a site; the place in this tuple is the number in a decoration.
SYMBOLS = ("", "Li", "Ni", "Mn", "Co", "O")


@dataclass(frozen=True)
class Supercell:
    """Sites of a layered supercell and what its symmetry does to them.

    Parameters
    ----------
    metals
        Sites n of the metal layer.
    matrix
        (3, 3) rows are the cell vectors in units of the primitive ones.
    sites
        (4 n, 3) fractional coordinates: n of the metal layer, n of the lithium layer, 2 n of oxygen.
    permutations
        (operations, 4 n): decoration ``d`` becomes ``d[permutation]``.
    translations
        (n - 1, 4 n) those of them that are pure translations other than none.
    """

    metals: int
    matrix: NDArray
    sites: NDArray
    permutations: NDArray
    translations: NDArray

    def lattice(self, a: float, c: float) -> NDArray:
        """Cell vectors (3, 3) in angstrom for hexagonal lattice constants in angstrom."""
        angles = np.deg2rad([90, 210, 330])
        radius = a / np.sqrt(3)
        return self.matrix @ np.column_stack([radius * np.cos(angles), radius * np.sin(angles), np.full(3, c / 3)])

    def keys(self, decorations: NDArray) -> NDArray:
        """One number (m,) per decoration (m, 4 n), equal for those that symmetry turns into each other."""
        weights = len(SYMBOLS) ** np.arange(decorations.shape[1], dtype=np.int64)
        return np.min([decorations[:, permutation] @ weights for permutation in self.permutations], axis=0)

    def distinct(self, decorations: NDArray, *, primitive: bool = True) -> NDArray:
        """One decoration of each class of equivalent ones.

        Parameters
        ----------
        decorations
            (m, 4 n) numbers into `SYMBOLS`.
        primitive
            Leave out those that repeat themselves within the supercell: a smaller cell holds them.
        """
        if primitive and decorations.size:
            repeats = [(decorations[:, shift] == decorations).all(axis=1) for shift in self.translations]
            decorations = decorations[~np.any(repeats, axis=0)]
        if not len(decorations):
            return decorations
        return decorations[np.unique(self.keys(decorations), return_index=True)[1]]


@cache
def supercell(metals: int) -> Supercell:
    """Supercell with this number of metals: 2, 3, 4, 5 or 10."""
    matrix = REPETITIONS[metals]
    inverse = np.linalg.inv(matrix)
    span = range(-5, 6)
    translations = np.array(list(product(span, repeat=3)))
    fractional = translations @ inverse
    origins = translations[((fractional > -1e-6) & (fractional < 1 - 1e-6)).all(axis=1)]
    # (1, 1, 1) of the primitive cell is the threefold axis and as long as c: a fraction of c is one of it.
    primitive = np.concatenate([origins + height for height in (0.0, 0.5, OXYGEN_HEIGHT, -OXYGEN_HEIGHT)])
    sites = (primitive @ inverse) % 1
    found, shifts = [], []
    # In primitive coordinates the point group -3m is: exchange the three axes in any way, and invert or not.
    for order, sign in product(permutations(range(3)), (1, -1)):
        turned = sign * primitive[:, order]
        kept = sign * matrix[:, order] @ inverse
        if not np.allclose(kept, np.round(kept), atol=1e-6):
            continue  # turns this supercell into another
        for origin in origins:
            apart = ((turned + origin) @ inverse)[:, None] - sites
            hit = (np.abs(apart - np.round(apart)) < 1e-4).all(axis=-1)
            permutation = hit.argmax(axis=1)
            found.append(permutation)
            if order == (0, 1, 2) and sign == 1 and origin.any():
                shifts.append(permutation)
    shape = (-1, len(sites))
    return Supercell(metals, matrix, sites, np.array(found).reshape(shape), np.array(shifts).reshape(shape))


def arrangements(symbols: Sequence[str]) -> list[tuple[int, ...]]:
    """All different orders of some symbols, as numbers into `SYMBOLS`, sorted."""
    return sorted(set(permutations(SYMBOLS.index(symbol) for symbol in symbols)))


def decorations(kind: str, layer: Sequence[str], lithium: int) -> NDArray:
    """All decorations of the supercell with these atoms in the metal layer; many are equivalent.

    Parameters
    ----------
    kind
        ``"pristine"``, ``"vacancy"`` (one oxygen missing) or ``"antisite"`` (one Ni and one Li exchanged).
    layer
        Symbols of the metal layer, n of them, lithium included in lithium-rich cells.
    lithium
        Lithium atoms in the lithium layer, before an exchange.

    Returns
    -------
    (m, 4 n) array of numbers into `SYMBOLS`
    """
    n = len(layer)
    lithium_symbol, nickel, oxygen = (SYMBOLS.index(symbol) for symbol in ("Li", "Ni", "O"))
    rows = []
    for order, filled in product(arrangements(layer), combinations(range(n), lithium)):
        row = np.zeros(4 * n, dtype=np.int64)
        row[:n], row[2 * n :] = order, oxygen
        row[[n + site for site in filled]] = lithium_symbol
        if kind == "pristine":
            rows.append(row)
        elif kind == "vacancy":
            for site in range(2 * n, 4 * n):
                rows.append(row.copy())
                rows[-1][site] = 0
        else:
            for metal, other in product(np.flatnonzero(row[:n] == nickel).tolist(), filled):
                rows.append(row.copy())
                rows[-1][[metal, n + other]] = lithium_symbol, nickel
    return np.array(rows, dtype=np.int64).reshape(-1, 4 * n)


def layered_across(cell: Supercell, decoration: NDArray) -> bool:
    """Whether all metals lie in every second plane of another direction: an exchange that only turned the layers.

    The cations form a face-centred lattice, which has four directions of close-packed planes, one of them across the
    layers of the empty supercell.

    Parameters
    ----------
    cell
        The supercell.
    decoration
        (4 n,) numbers into `SYMBOLS`.
    """
    count = 2 * cell.metals
    primitive = cell.sites[:count] @ cell.matrix
    # In the basis of the face-centred lattice each coordinate counts the planes of one of the other three directions.
    planes = np.round(primitive.sum(axis=1, keepdims=True) - primitive).astype(int)
    steps = cell.matrix.sum(axis=1, keepdims=True) - cell.matrix
    metals = np.isin(decoration[:count], [SYMBOLS.index(symbol) for symbol in ("Ni", "Mn", "Co")])
    alternating = (steps % 2 == 0).all(axis=0)  # else a translation of the cell takes one kind of plane to the other
    return bool((alternating & (np.ptp(planes[metals] % 2, axis=0) == 0)).any())


def decoration_of(species: Sequence[str], fractional: NDArray, layer_sites: int) -> NDArray:
    """Return the decoration (4 n,) of a relaxed layered cell: every atom belongs to an ideal site of its own.

    Atoms are matched to sites so that the squared distances add up to the least: beside an oxygen vacancy lithium can
    leave its octahedron for a tetrahedron, 1.3 to 1.5 angstrom away, where an occupied site is nearer than its own.

    Parameters
    ----------
    species, fractional
        Symbols (atoms,) and fractional coordinates (atoms, 3) of a cell that began as the supercell of `layer_sites`.
    layer_sites
        Sites n of the metal layer.
    """
    cell = supercell(layer_sites)
    lattice = cell.lattice(2.86, 14.25)
    apart = np.asarray(fractional)[:, None] - cell.sites
    distance = np.linalg.norm((apart - np.round(apart)) @ lattice, axis=-1)
    atoms, places = linear_sum_assignment(distance**2)
    row = np.zeros(len(cell.sites), dtype=np.int64)
    row[places] = [SYMBOLS.index(species[atom]) for atom in atoms]
    return row
