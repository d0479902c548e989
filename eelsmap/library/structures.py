"""The plan of the library: layered Li(z)Ni(x)Mn(y)Co(1-x-y)O2 cells and what can be taken for them, before relaxation.

Layered cells have two to five metals (8 to 20 atoms; five give NMC622 exactly), and a few have ten as a check that
small cells suffice: small ones hold the same three-metal neighbourhoods of oxygen and cost far less (Jia et al., ACS
Nano 2026, 10.1021/acsnano.5c16942, used 30 to 40 atoms). For every composition and lithium content all
symmetry-distinct orderings are enumerated and drawn from. The plan is deterministic, and so ordered that every stretch
of it is a balanced mixture of compositions, lithium contents and defects: a build that is cut off leaves a smaller
library, not a lopsided one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement, zip_longest
from typing import TYPE_CHECKING

import numpy as np

from eelsmap.library.orderings import SYMBOLS, Supercell, decorations, layered_across, supercell
from eelsmap.library.references import references

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

METALS = ("Ni", "Mn", "Co")
#: Planned cells by group; the first group to fall behind its share comes next.
QUOTAS = {"pristine": 390, "vacancy": 290, "antisite": 225, "lithium-rich": 80}
#: Five-metal mixtures: NMC622; 80 % Ni with Co or Mn; near NMC532; Ni3Mn2; the Co- and Mn-rich sides of NMC111.
FIVE_METALS = ("Ni Ni Ni Mn Co", "Ni Ni Ni Ni Co", "Ni Ni Ni Ni Mn", "Ni Ni Mn Mn Co", "Ni Ni Ni Mn Mn",
               "Ni Ni Mn Co Co", "Ni Mn Mn Mn Co")  # fmt: skip
#: Metal layers of lithium-rich cells: Li2MnO3 and mixtures with it, Li1.25 and Li1.2 ones.
LITHIUM_RICH = ("Li Mn Mn", "Li Ni Mn", "Li Mn Co", "Li Mn Mn Mn", "Li Ni Mn Mn", "Li Mn Mn Co", "Li Ni Ni Mn",
                "Li Ni Mn Co", "Li Ni Mn Mn Mn", "Li Ni Mn Mn Co", "Li Ni Ni Mn Mn", "Li Mn Mn Mn Co")  # fmt: skip
#: Ten-metal cells: NMC622, 532, 811, 721 by metals and lithium atoms.
LARGE = (((6, 2, 2), 10), ((8, 1, 1), 0), ((5, 3, 2), 5), ((6, 2, 2), 0), ((7, 2, 1), 5), ((5, 3, 2), 10),
         ((8, 1, 1), 10), ((6, 2, 2), 5))  # fmt: skip
#: Orderings of one bucket (kind, composition, lithium) at most: five-metal cells have so many that they would crowd out
#: the others, and pristine lithium-rich cells are wanted before defective ones.
LARGEST_DRAW: dict[tuple[str, str | int], int] = {
    ("layered", 5): 1,
    ("lithium-rich", "vacancy"): 1,
    ("lithium-rich", "antisite"): 1,
}
SEED = 20261

#: Hexagonal lattice constants, angstrom, of 58 relaxed pristine cells: for Ni, Mn and Co the value of the delithiated
#: end member and the change on full lithiation, and last the coefficient of z (1 - z). Scatter 0.008 (a) and 0.04 (c).
LATTICE_A = (2.804, 2.857, 2.809, 0.058, 0.064, -0.022, -0.052)
LATTICE_C = (13.83, 13.90, 13.77, 0.26, 0.33, 0.23, 0.44)


@dataclass(frozen=True)
class Plan:
    """A cell before relaxation.

    ``layer_sites`` counts the sites of the metal layer, which come first in ``species``; ``phase`` is ``"layered"``,
    ``"lithium-rich"``, ``"rock salt"`` or ``"reference"``; ``lattice`` (3, 3) in angstrom, ``fractional`` (n, 3).
    """

    name: str
    kind: str
    phase: str
    layer_sites: int
    species: tuple[str, ...]
    lattice: NDArray
    fractional: NDArray


def starting_lattice(metals: Sequence[str], lithium: float) -> tuple[float, float]:
    """Hexagonal a and c in angstrom for some metals and lithium per site of the metal layer."""
    share = np.array([metals.count(symbol) / len(metals) for symbol in METALS])
    z = min(lithium, 1.0)
    terms = np.concatenate([share, z * share, [z * (1 - z)]])
    return float(terms @ LATTICE_A), float(terms @ LATTICE_C)


def layered_plan(name: str, kind: str, phase: str, cell: Supercell, decoration: NDArray) -> Plan:
    """Return the starting structure of one decoration of a supercell."""
    occupied = np.nonzero(decoration)[0]
    species = tuple(SYMBOLS[decoration[site]] for site in occupied)
    n = cell.metals
    metals = [symbol for symbol in species if symbol in METALS]
    gaps = np.count_nonzero(decoration[n : 2 * n])
    lattice = cell.lattice(*starting_lattice(metals, gaps / n))
    return Plan(name, kind, phase, n, species, lattice, cell.sites[occupied])


def _chargeable(kind: str, layer: Sequence[str], lithium: int) -> bool:
    """Whether valences of 2 to 4 can balance the cell: beyond that oxygen would have to be oxidised."""
    metals = [symbol for symbol in layer if symbol in METALS]
    total = 4 * len(layer) - 2 * (kind == "vacancy") - lithium - (len(layer) - len(metals))
    return 2 * len(metals) <= total <= 4 * len(metals)


def _buckets(group: str) -> Iterator[tuple[str, tuple[str, ...], int]]:
    """Kind, metal layer and lithium of everything that a group enumerates, in a fixed order."""
    if group == "lithium-rich":
        for layer in (tuple(menu.split()) for menu in LITHIUM_RICH):
            for kind in ("pristine", "vacancy", "antisite"):
                for lithium in range(1, len(layer) + 1):
                    if _chargeable(kind, layer, lithium) and not (kind == "antisite" and "Ni" not in layer):
                        yield kind, layer, lithium
        return
    sizes = (2, 3, 4) if group == "pristine" else (3, 4)
    menus = [menu for size in sizes for menu in combinations_with_replacement(METALS, size)]
    for layer in [*menus, *(tuple(menu.split()) for menu in FIVE_METALS)]:
        for lithium in range(group == "antisite", len(layer) + 1):
            if _chargeable(group, layer, lithium) and not (group == "antisite" and "Ni" not in layer):
                yield group, layer, lithium


def _members(group: str) -> Iterator[Plan]:
    """Plans of one group: one of every bucket in random order, then a second one of every bucket, and so on."""
    columns = []
    random = np.random.default_rng([SEED, sorted(QUOTAS).index(group)])
    for kind, layer, lithium in _buckets(group):
        cell = supercell(len(layer))
        # End members of one metal repeat a smaller cell; the three-metal cell stands for it.
        found = cell.distinct(decorations(kind, layer, lithium), primitive=len(layer) != 3)
        phase = "lithium-rich" if "Li" in layer else "layered"
        most = LARGEST_DRAW.get((phase, kind if "Li" in layer else len(layer)))
        picked = found[random.permutation(len(found))][:most]
        columns.append([(kind, cell, row) for row in picked])
    columns = [columns[index] for index in random.permutation(len(columns))]
    number: Counter[str] = Counter()
    for turn in zip_longest(*columns):
        for entry in turn:
            if entry is None:
                continue
            kind, cell, row = entry
            first = "layered" if group == "pristine" else group
            stem = f"{first}-{cell.metals}" if group == kind or group == "pristine" else f"{first}-{kind}-{cell.metals}"
            phase = "lithium-rich" if group == "lithium-rich" else "layered"
            # Some exchanges in small lithium-rich cells give a pristine crystal whose layers run another way.
            if kind != "antisite" or not layered_across(cell, row):
                yield layered_plan(f"{stem}-{number[stem]:04d}", kind, phase, cell, row)
            number[stem] += 1


def _large() -> list[Plan]:
    """Ten-metal cells with random orders, since their orderings are too many to enumerate."""
    cell = supercell(10)
    plans = []
    for index, (counts, lithium) in enumerate(LARGE):
        random = np.random.default_rng([SEED, 10, index])
        row = np.full(40, SYMBOLS.index("O"))
        layer = [symbol for symbol, count in zip(METALS, counts, strict=True) for _ in range(count)]
        row[:10] = [SYMBOLS.index(symbol) for symbol in random.permutation(layer)]
        row[10:20] = 0
        row[10 + random.permutation(10)[:lithium]] = SYMBOLS.index("Li")
        plans.append(layered_plan(f"layered-10-{index:04d}", "pristine", "layered", cell, row))
    return plans


@cache
def plan() -> tuple[Plan, ...]:
    """All planned cells: the references, then a balanced mixture of the groups with the ten-metal cells in between.

    Returns
    -------
    tuple of Plan
        The same cells, names and order every time.
    """
    planned = [
        Plan(entry.name, "reference", entry.phase, entry.cations, entry.species, entry.lattice, entry.fractional)
        for entry in references()
    ]
    streams = {group: _members(group) for group in QUOTAS}
    taken: Counter[str] = Counter()
    large = _large()
    total = sum(QUOTAS.values())
    for step in range(total):
        if step % (total // (len(large) + 1)) == 50 and large:
            planned.append(large.pop(0))
        group = min((g for g in streams if taken[g] < QUOTAS[g]), key=lambda g: (taken[g] + 0.5) / QUOTAS[g])
        entry = next(streams[group], None)
        taken[group] += 1
        if entry is not None:
            planned.append(entry)
    return tuple(planned)


def planned_cell(number: int) -> Plan:
    """Return the n-th cell of the plan, n from zero to ``len(plan()) - 1``."""
    return plan()[number]
