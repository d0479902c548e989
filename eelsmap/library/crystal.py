"""Crystal structures of others, and how they become cells: which layer an atom is in is decided by geometry.

The stacking of a layered oxide shows in one reciprocal vector, the (003) of R-3m: planes 4 to 5.4 angstrom apart, on
which the metals lie, halfway between which the lithium lies, and towards which the oxygen leans (the metal slabs are
thinner than the lithium slabs). It is looked for among all reciprocal vectors of that length, whatever cell a structure
comes in; the phase of an atom along it says its layer.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.library.cells import METALS, Cell
from eelsmap.library.geometry import BOND_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LAYER_DISTANCE = (4.0, 5.4)
"""Distance between two metal layers, angstrom: from fully delithiated to lithium-rich oxides."""
LAYER_ORDER = 0.6
"""Smallest order parameter of the layers: 0.77 or more in 129 calculated cells, 0.4 in disordered rock salt."""
OXYGEN_WEIGHT = 4.0
"""Weight of the lean of the oxygen, about 0.2, beside the order of the cations, up to 1."""
BETWEEN_LAYERS = 0.3
"""Cosine of the phase below which an atom lies between the layers."""
KNOWN = ("Li", *METALS, "O")


class Crystal(NamedTuple):
    """A periodic structure: symbols (n,), lattice vectors as rows (3, 3) in angstrom, fractional coordinates (n, 3)."""

    species: tuple[str, ...]
    lattice: NDArray[np.float64]
    fractional: NDArray[np.float64]


def crystal_from_parameters(
    lengths: Sequence[float], angles: Sequence[float], species: Sequence[str], fractional: NDArray[np.float64]
) -> Crystal:
    """Crystal from a, b, c (angstrom) and alpha, beta, gamma (degrees): c along z, a in the x-z plane."""
    a, b, c = (float(value) for value in lengths)
    alpha, beta, gamma = np.deg2rad(np.asarray(angles, dtype=float))
    if min(a, b, c) <= 0:
        raise LibraryError(f"lattice lengths {a}, {b}, {c} must be above zero")
    cosine = (np.cos(alpha) * np.cos(beta) - np.cos(gamma)) / (np.sin(alpha) * np.sin(beta))
    if not abs(cosine) < 1:
        raise LibraryError(f"no cell has the angles {', '.join(f'{value:g}' for value in angles)} degrees")
    star = np.arccos(cosine)
    lattice = np.array(
        [
            [a * np.sin(beta), 0.0, a * np.cos(beta)],
            [-b * np.sin(alpha) * np.cos(star), b * np.sin(alpha) * np.sin(star), b * np.cos(alpha)],
            [0.0, 0.0, c],
        ]
    )
    return Crystal(tuple(species), lattice, np.asarray(fractional, dtype=float))


def lattice_parameters(lattice: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lengths (angstrom) and angles (degrees) of lattice vectors given as rows."""
    lengths = np.linalg.norm(lattice, axis=1)
    pairs = ((1, 2), (0, 2), (0, 1))
    cosines = [np.dot(lattice[i], lattice[j]) / (lengths[i] * lengths[j]) for i, j in pairs]
    return lengths, np.rad2deg(np.arccos(np.clip(cosines, -1, 1)))


def crystal_from_dict(content: Any) -> Crystal:
    """Crystal from the dictionary form of a pymatgen ``Structure``; pymatgen itself is not needed.

    Raises
    ------
    LibraryError
        Not such a dictionary, or a site that is shared by several species or partly empty.
    """
    try:
        lattice = np.asarray(content["lattice"]["matrix"], dtype=float)
        occupied = [site["species"] for site in content["sites"]]
        fractional = np.asarray([site["abc"] for site in content["sites"]], dtype=float)
        shared = [i for i, site in enumerate(occupied) if len(site) != 1 or abs(float(site[0]["occu"]) - 1) > 1e-6]
        if shared:
            raise LibraryError(f"structure: site {shared[0]} is shared or partly empty; ordered structures are needed")
        species = tuple(str(site[0]["element"]) for site in occupied)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise LibraryError(f"structure: not the dictionary of a pymatgen structure ({error!r})") from error
    whole = lattice.shape == (3, 3) and fractional.shape == (len(species), 3)
    if not (whole and len(species) and np.isfinite(lattice).all() and np.isfinite(fractional).all()):
        raise LibraryError("structure: lattice or coordinates are missing or not finite")
    if abs(np.linalg.det(lattice)) < 1.0:
        raise LibraryError("structure: the lattice vectors span no volume")
    return Crystal(species, lattice, fractional)


def layer_phases(crystal: Crystal) -> tuple[NDArray[np.float64], float]:
    """Find the metal layers.

    Parameters
    ----------
    crystal
        A structure with Ni, Mn or Co.

    Returns
    -------
    cosines, order
        (n,): 1 in the middle of a metal layer, -1 halfway between two; the order parameter.
    """
    species = np.array(crystal.species)
    metals, lithium, oxygen = np.isin(species, METALS), species == "Li", species == "O"
    reciprocal = np.linalg.inv(crystal.lattice).T
    reach = np.ceil(np.linalg.norm(crystal.lattice, axis=1) / LAYER_DISTANCE[0]).astype(int)
    best, order, complete = np.zeros(len(species)), 0.0, False
    for indices in product(*(range(-n, n + 1) for n in reach)):
        length = np.linalg.norm(indices @ reciprocal)
        if not 1 / LAYER_DISTANCE[1] <= length <= 1 / LAYER_DISTANCE[0]:
            continue
        waves = np.exp(2j * np.pi * (crystal.fractional @ np.array(indices)))
        amplitude = (waves[metals].sum() - waves[lithium].sum()) / (metals.sum() + lithium.sum())
        amplitude += OXYGEN_WEIGHT * waves[oxygen].mean()
        if abs(amplitude) < 1e-9:
            continue
        cosines = np.real(waves * np.conj(amplitude) / abs(amplitude))
        # With many atoms exchanged in a small cell a wrong stacking may look ordered, but leaves oxygen over.
        holds = 2 * int((cosines[~oxygen] > BETWEEN_LAYERS).sum()) >= oxygen.sum()
        holds = holds and abs(amplitude) >= LAYER_ORDER
        if (holds, abs(amplitude)) > (complete, order + 1e-9):
            best, order, complete = cosines, float(abs(amplitude)), holds
    return best, order


def layered_cell(crystal: Crystal, name: str) -> Cell:
    """Cell of a layered oxide, sites ordered as the library's own cells are: metal layers, lithium layers, oxygen.

    Parameters
    ----------
    crystal
        Structure of Li, Ni, Mn, Co and O.
    name
        Name of the cell.

    Returns
    -------
    Cell
        Without moments (NaN) and without transitions. ``kind`` is ``"vacancy"`` where oxygen is missing (two are
        expected for each site of the metal layers), ``"antisite"`` where a metal lies in a lithium layer. With a third
        of the metals exchanged (three-metal cells) planes across the layers can be the better ordered ones: such a cell
        may be read as pristine, or refused.

    Raises
    ------
    LibraryError
        Other elements, no metal or no oxygen, no alternating layers, a metal between layers, too much oxygen.
    """
    species = crystal.species
    foreign = sorted(set(species) - set(KNOWN))
    if foreign:
        raise LibraryError(f"{name}: holds {', '.join(foreign)}; an NMC library takes {', '.join(KNOWN)} only")
    if "O" not in species or not set(species) & set(METALS):
        raise LibraryError(f"{name}: needs oxygen and at least one of {', '.join(METALS)}")
    cosines, order = layer_phases(crystal)
    if order < LAYER_ORDER:
        raise LibraryError(
            f"{name}: no alternating layers of metals and lithium (order {order:.2f}, {LAYER_ORDER:g} is the least)"
        )
    astray = [i for i, s in enumerate(species) if s in METALS and abs(cosines[i]) < BETWEEN_LAYERS]
    if astray:
        raise LibraryError(f"{name}: {species[astray[0]]} at site {astray[0]} lies between the layers")
    cations = [i for i, symbol in enumerate(species) if symbol != "O"]
    in_layer = [i for i in cations if cosines[i] > BETWEEN_LAYERS]
    order_of_sites = in_layer + [i for i in cations if i not in in_layer]
    order_of_sites += [i for i, symbol in enumerate(species) if symbol == "O"]
    oxygen, expected = species.count("O"), 2 * len(in_layer)
    if oxygen > expected:
        raise LibraryError(f"{name}: {oxygen} oxygen for {len(in_layer)} sites of the metal layers; metals are missing")
    exchanged = any(symbol in METALS and i not in in_layer for i, symbol in enumerate(species))
    phase = "lithium-rich" if not exchanged and any(species[i] == "Li" for i in in_layer) else "layered"
    wrapped = crystal.fractional - np.floor(crystal.fractional)
    return Cell(
        name=name,
        kind="vacancy" if oxygen < expected else "antisite" if exchanged else "pristine",
        layer_sites=len(in_layer),
        species=tuple(species[i] for i in order_of_sites),
        lattice=crystal.lattice,
        fractional=wrapped[order_of_sites],
        moments=np.full(len(species), np.nan),
        intensity=np.zeros((oxygen, 0)),
        complete_to=float("nan"),
        settings="",
        details={"phase": phase, "layer_order": round(order, 4)},
    )


def bond_lengths(cell: Cell) -> dict[str, float]:
    """Mean distance (angstrom) of each metal element to the oxygen within 2.6 angstrom; NaN where there is none."""
    images = np.array(list(product(range(-2, 3), repeat=3)))
    oxygen = (cell.fractional[cell.oxygen][:, None] + images).reshape(-1, 3) @ cell.lattice
    result = {}
    for element in METALS:
        own = [i for i in cell.metals if cell.species[i] == element]
        distance = np.linalg.norm((cell.fractional[own] @ cell.lattice)[:, None] - oxygen, axis=-1)
        bonds = distance[distance <= BOND_LIMIT]
        result[element] = float(bonds.mean()) if bonds.size else float("nan")
    return result
