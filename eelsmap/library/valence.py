"""Integer valences of the metals of a cell from magnetic moments and bond lengths, under charge balance.

Among all assignments that balance charge (the valences of the metals add up to twice the oxygen minus the lithium) the
one is taken whose moments and metal-oxygen distances deviate least from those of reference ions. The result is flagged
where it is not the only reading of the cell: where a different assignment is almost as good (an electron that two
metals share has no integer place); where balance forces a valence on a metal that looks like another ion, so that the
charge is elsewhere, most likely on oxygen; where balance would need metals beyond 4+, which is oxidised oxygen; and
where moments of a second calculation (PBE+U of the O K edge), which take no part in the choice, speak against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from eelsmap.errors import LibraryError
from eelsmap.library.reference_ions import (
    CALCULATED_MOMENTS,
    bond_valence_distance,
    calculated_cost,
    moments_missed,
    relaxed_cost,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from eelsmap.library.cells import Cell

#: Another assignment that costs less than this more is as good; a second calculation that prefers another one by more
#: than this speaks against it. In squared steps of valence, as everything here.
MARGIN = 0.25
#: A metal that by its own moment and distance would be another ion by more than this is forced by balance: of 189
#: calculated cells 9 are beyond it, and in all 9 the second moment of that metal would rather be another ion as well;
#: at 0.5 it would be 10 of 15. Also the steps by which the moments of metals that share an electron may miss their sum.
STRAIN = 0.75
#: Nickel on a lithium site is Ni2+ unless that costs more than this. It does in charged cells: where every other metal
#: would have to be beyond 4+, or where moment and short bonds say low-spin Ni4+; flagged where no distances are known.
LITHIUM_SITE_PENALTY = 1.0
HIGHEST = 4


@dataclass(frozen=True)
class Valences:
    """Valences in the order of the metals given, and whether they are doubtful.

    ``sites_ambiguous``: any of the reasons below; ``elements_ambiguous``: so that the mean valence of an element could
    be another one; ``deviation``: sum over metals of squared deviations in units of one valence step; ``contradicted``:
    the second moments prefer another assignment (False where there are none); ``strained``: balance forces a valence on
    a metal that looks like another ion; ``oxygen_holes``: positive charges that no metal up to 4+ can carry, which then
    are on oxygen; ``second_excess``: squared steps by which the second moments miss these valences more than the ones
    that suit them best, 0 where those are the same.
    """

    values: tuple[int, ...]
    sites_ambiguous: bool
    elements_ambiguous: bool
    deviation: float
    contradicted: bool = False
    strained: bool = False
    oxygen_holes: int = 0
    second_excess: float = 0.0


def valences_of_cell(cell: Cell, bonds: Mapping[int, NDArray], open_metals: Collection[int]) -> Valences:
    """Most likely valences of a cell, checked against its PBE+U moments where it has been calculated.

    Parameters
    ----------
    cell
        Relaxed or calculated cell.
    bonds
        Lengths (k,) of the metal-oxygen bonds by index of the metal, angstrom.
    open_metals
        Indices of the metals that lack an oxygen neighbour.

    Returns
    -------
    Valences
        In the order of ``cell.metals``.

    Raises
    ------
    LibraryError
        The metals would have to be below 2+, or beyond 4+ in a cell that is not lithium-rich.
    """
    second = cell.details.get("magnetic_moments") if cell.settings.endswith("-u") else None
    return assign_valences(
        [cell.species[i] for i in cell.metals],
        [float(cell.moments[i]) for i in cell.metals],
        2 * len(cell.oxygen) - len(cell.lithium),
        distances=[bond_valence_distance(bonds[i]) for i in cell.metals],
        five_fold=[i in open_metals for i in cell.metals],
        on_lithium_site=[i >= cell.layer_sites for i in cell.metals],
        calculated_moments=None if second is None else [float(second[i]) for i in cell.metals],
        oxidised_oxygen=cell.phase == "lithium-rich",
    )


def assign_valences(
    symbols: Sequence[str],
    moments: Sequence[float],
    total: int,
    *,
    distances: Sequence[float] | None = None,
    five_fold: Sequence[bool] | None = None,
    on_lithium_site: Sequence[bool] | None = None,
    calculated_moments: Sequence[float] | None = None,
    oxidised_oxygen: bool = False,
) -> Valences:
    """Most likely valences that balance charge.

    Parameters
    ----------
    symbols
        Elements of the n metals.
    moments
        (n,) magnetic moments of the relaxation in Bohr magnetons; signs are ignored.
    total
        Sum that the valences must have: twice the oxygen minus the lithium.
    distances
        (n,) bond-valence distances to oxygen, angstrom (`bond_valence_distance`); moments alone decide when None.
    five_fold
        (n,) whether a metal lacks one oxygen neighbour.
    on_lithium_site
        (n,) whether a metal sits in the lithium layer: nickel there is taken as Ni2+ if at all possible.
    calculated_moments
        (n,) moments of the PBE+U calculation, for the check; None for no check.
    oxidised_oxygen
        Whether oxygen may carry what is left when all metals are 4+, as in charged lithium-rich oxides.

    Returns
    -------
    Valences

    Raises
    ------
    LibraryError
        No assignment balances charge: the metals would have to be below 2+, or beyond 4+ without oxidised oxygen.
    """
    count = len(symbols)
    open_sites = five_fold or [False] * count
    misplaced = on_lithium_site or [False] * count
    far = distances if distances is not None else [None] * count
    holes = max(0, total - HIGHEST * count) if oxidised_oxygen else 0
    own = [
        relaxed_cost(symbol, abs(moment), distance, open_site)
        for symbol, moment, distance, open_site in zip(symbols, moments, far, open_sites, strict=True)
    ]
    nickel = [symbol == "Ni" and there for symbol, there in zip(symbols, misplaced, strict=True)]
    costs = [
        {valence: value + LITHIUM_SITE_PENALTY * (there and valence != 2) for valence, value in cost.items()}
        for cost, there in zip(own, nickel, strict=True)
    ]
    ranked = _ranked(symbols, costs, total - holes)
    if not ranked:
        raise LibraryError(f"no valences of {' '.join(symbols)} add up to {total}")
    deviation, best, means = ranked[0]
    close = [entry for entry in ranked[1:] if entry[0] - deviation < MARGIN]
    # Without distances a nickel on a lithium site that is not Ni2+ rests on one number.
    weak = distances is None and any(there and valence != 2 for there, valence in zip(nickel, best, strict=True))
    # Metals of one element that share an electron are none of them the ion that balance makes of them.
    alike = [values for _, values, sums in close if sums == means]
    whole = [k for k, valence in enumerate(best) if all(values[k] == valence for values in alike)]
    strained = distances is not None and _strain(own, best, whole) > STRAIN
    excess, other_means = 0.0, False
    if calculated_moments is not None:
        checks = [
            calculated_cost(symbol, abs(moment), open_site)
            for symbol, moment, open_site in zip(symbols, calculated_moments, open_sites, strict=True)
        ]
        cost, _, preferred = _ranked(symbols, checks, total - holes)[0]
        excess = max(0.0, sum(check[valence] for check, valence in zip(checks, best, strict=True)) - cost)
        other_means = excess > MARGIN and preferred != means
        # CHGNet gives such metals moments of their own; those of the second calculation add up.
        sharing = [k for k in range(count) if k not in whole and not (symbols[k] == "Co" and open_sites[k])]
        missed = moments_missed(symbols, calculated_moments, best, CALCULATED_MOMENTS, sharing)
        strained = strained or _strain(checks, best, whole) > MARGIN or missed > STRAIN
    contradicted = excess > MARGIN
    elements = weak or strained or holes > 0 or other_means or any(entry[2] != means for entry in close)
    sites = elements or bool(close) or contradicted
    return Valences(best, sites, elements, deviation, contradicted, strained, holes, excess)


def _strain(costs: Sequence[Mapping[int, float]], values: Sequence[int], metals: Sequence[int]) -> float:
    """By how much the one of some metals that balance suits least would rather be another ion."""
    return max((costs[k][values[k]] - min(costs[k].values()) for k in metals), default=0.0)


def _ranked(
    symbols: Sequence[str], costs: Sequence[Mapping[int, float]], total: int
) -> list[tuple[float, tuple[int, ...], tuple[int, ...]]]:
    """Balanced assignments by cost: cost, valences, sums by element.

    Of each set of sums by element the two best are kept: exact for the best, for the second best and for the best with
    other sums. Metals of one element are joined one by one and the elements last, so that the effort grows with a power
    of the number of metals, where trying all would be 3**n.
    """
    elements = sorted(set(symbols))
    members = [[k for k, symbol in enumerate(symbols) if symbol == element] for element in elements]
    order = [k for own in members for k in own]
    tables = []
    for own in members:
        kept: dict[int, list[tuple[float, tuple[int, ...]]]] = {0: [(0.0, ())]}
        for k in own:
            longer: dict[int, list[tuple[float, tuple[int, ...]]]] = {}
            for there, entries in kept.items():
                for valence, value in costs[k].items():
                    joined = [(known + value, (*choice, valence)) for known, choice in entries]
                    longer.setdefault(there + valence, []).extend(joined)
            kept = {there: sorted(entries)[:2] for there, entries in longer.items()}
        tables.append(kept)
    ranked = []
    for sums in product(*tables[:-1]):
        last = total - sum(sums)
        if last not in tables[-1]:
            continue
        parts = [table[there] for table, there in zip(tables, (*sums, last), strict=True)]
        for combination in product(*parts):
            joined_choice = [valence for _, choice in combination for valence in choice]
            values = tuple(valence for _, valence in sorted(zip(order, joined_choice, strict=True)))
            ranked.append((sum(value for value, _ in combination), values, (*sums, last)))
    return sorted(ranked)
