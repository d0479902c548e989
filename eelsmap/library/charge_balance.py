"""Mean valences of Ni, Mn and Co from composition alone: what charge balance fixes, and what it leaves open.

Structures of others come without magnetic moments, so the assignment of `eelsmap.library.valence` cannot be made. The
valences add up to twice the oxygen minus the lithium; with each metal between 2+ and 4+ this fixes the mean of an
element only where there is one element, or where all are at a limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

LOWEST, HIGHEST = 2.0, 4.0
DETERMINED_WITHIN = 0.1
"""Width of the possible range of a mean valence below which its middle is taken."""

#: The usual order of redox in layered NMC: from Ni2+ Mn4+ Co3+, oxidation takes Ni to 4+ and then Co to 4+, reduction
#: takes Mn to 3+, then Co to 2+, then Mn to 2+.
START = {"Ni": 2.0, "Mn": 4.0, "Co": 3.0}
OXIDATION = (("Ni", 4.0), ("Co", 4.0))
REDUCTION = (("Mn", 3.0), ("Co", 2.0), ("Mn", 2.0))


def balanced_means(counts: Mapping[str, float], total: float) -> dict[str, float]:
    """Mean valence of each element where charge balance fixes it.

    Parameters
    ----------
    counts
        Atoms by element.
    total
        Sum of all valences: twice the oxygen minus the lithium.

    Returns
    -------
    dict
        NaN where the element is absent, where the mean could differ by more than 0.1, or where no valences between 2+
        and 4+ add up.
    """
    everything = sum(counts.values())
    result = {}
    for element, count in counts.items():
        result[element] = np.nan
        if count > 0:
            others = everything - count
            low = max(LOWEST, (total - HIGHEST * others) / count)
            high = min(HIGHEST, (total - LOWEST * others) / count)
            if -1e-9 <= high - low <= DETERMINED_WITHIN:
                result[element] = (low + high) / 2
    return result


def redox_means(counts: Mapping[str, float], total: float) -> dict[str, float]:
    """Mean valence of each element by charge balance and the usual order of redox; parameters as `balanced_means`.

    An assumption, not a measurement: NaN everywhere where even so the charge does not balance.
    """
    means = {element: START[element] if count > 0 else np.nan for element, count in counts.items()}
    missing = total - sum(count * START[element] for element, count in counts.items())
    for element, limit in OXIDATION if missing > 0 else REDUCTION:
        count = counts.get(element, 0)
        if count > 0 and abs(missing) > 1e-9:
            room = limit - means[element]
            step = np.sign(room) * min(abs(room), abs(missing) / count)
            means[element] += step
            missing -= step * count
    if abs(missing) > 1e-6:
        return dict.fromkeys(counts, np.nan)
    return means


RULES = {"balance": balanced_means, "redox": redox_means}
"""How valences are found, by name."""
