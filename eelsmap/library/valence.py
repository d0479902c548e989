"""Integer valences of the metals of a cell from their magnetic moments, under charge balance.

The assignment whose moments deviate least from the reference moments is taken among all that balance charge: the
valences of the metals add up to twice the oxygen minus the lithium. Where a different assignment is almost as good the
result is flagged.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from eelsmap.errors import LibraryError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: CHGNet r2SCAN moments by element and valence, Bohr magnetons (measured on relaxed cells; 2+ of Mn and Co from spin).
REFERENCE_MOMENTS = {
    "Ni": {2: 1.6, 3: 1.0, 4: 0.1},
    "Mn": {2: 4.5, 3: 3.7, 4: 2.85},
    "Co": {2: 2.5, 3: 0.0, 4: 0.85},
}
#: Costs of five-fold cobalt next to a vacancy: its moment, 0.7 to 1.1, would be read as 4+, which balance forbids. The
#: moment is not used; Co2+ is taken where balance or the moments of the others ask for it.
FIVE_FOLD_COBALT_COST = {2: 0.5, 3: 0.0}
#: Moments per step of valence: makes deviations of different elements comparable.
MOMENT_STEP = {"Ni": 0.75, "Mn": 0.85, "Co": 0.85}
MARGIN = 0.25
#: Nickel on a lithium site is Ni2+ unless that costs more than this. It does in charged cells: where every other metal
#: would have to be beyond 4+, or where moment and short bonds say low-spin Ni4+. Such cells are flagged.
LITHIUM_SITE_PENALTY = 1.0


@dataclass(frozen=True)
class Valences:
    """Valences in the order of the metals given, and whether another assignment is almost as good.

    ``sites_ambiguous``: any other; ``elements_ambiguous``: another that changes the mean valence of an element.
    ``deviation`` is the sum over metals of squared moment deviations in units of one valence step.
    """

    values: tuple[int, ...]
    sites_ambiguous: bool
    elements_ambiguous: bool
    deviation: float


def assign_valences(
    symbols: Sequence[str],
    moments: Sequence[float],
    total: int,
    *,
    five_fold: Sequence[bool] | None = None,
    on_lithium_site: Sequence[bool] | None = None,
) -> Valences:
    """Most likely valences that balance charge.

    Parameters
    ----------
    symbols
        Elements of the n metals.
    moments
        (n,) magnetic moments in Bohr magnetons; signs are ignored.
    total
        Sum that the valences must have: twice the oxygen minus the lithium.
    five_fold
        (n,) whether a metal lacks one oxygen neighbour.
    on_lithium_site
        (n,) whether a metal sits in the lithium layer: nickel there is taken as Ni2+ if at all possible.

    Returns
    -------
    Valences

    Raises
    ------
    LibraryError
        No assignment balances charge.
    """
    count = len(symbols)
    five_fold = five_fold or [False] * count
    on_lithium_site = on_lithium_site or [False] * count
    costs = []
    for symbol, moment, open_site, misplaced in zip(symbols, moments, five_fold, on_lithium_site, strict=True):
        cost = {
            valence: ((abs(moment) - value) / MOMENT_STEP[symbol]) ** 2
            for valence, value in REFERENCE_MOMENTS[symbol].items()
        }
        if symbol == "Co" and open_site:
            cost = FIVE_FOLD_COBALT_COST
        if misplaced and symbol == "Ni":
            cost = {valence: value + (0 if valence == 2 else LITHIUM_SITE_PENALTY) for valence, value in cost.items()}
        costs.append(cost)
    balanced = sorted(
        (sum(cost[valence] for cost, valence in zip(costs, choice, strict=True)), choice)
        for choice in product(*costs)
        if sum(choice) == total
    )
    if not balanced:
        raise LibraryError(f"no valences of {' '.join(symbols)} add up to {total}")
    deviation, best = balanced[0]

    def means(choice: tuple[int, ...]) -> dict[str, int]:
        return {symbol: sum(v for s, v in zip(symbols, choice, strict=True) if s == symbol) for symbol in symbols}

    odd = any(
        misplaced and symbol == "Ni" and valence != 2
        for symbol, misplaced, valence in zip(symbols, on_lithium_site, best, strict=True)
    )
    close = [choice for cost, choice in balanced[1:] if cost - deviation < MARGIN]
    changed = any(means(choice) != means(best) for choice in close)
    return Valences(best, odd or bool(close), odd or changed, deviation)
