"""What moment and metal-oxygen distance an ion of nickel, manganese or cobalt has in these oxides, by valence.

Measured on relaxed cells (CHGNet, r2SCAN weights) and on the cells calculated with PBE+U: means over ions of cells
whose valences are not in doubt. Values of the relaxation and of the calculation differ, so there is a table of each.

References
----------
Brown, Altermatt, Acta Cryst. B 41, 244 (1985), 10.1107/S0108768185002063 (bond valence; length parameter 0.37
angstrom).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

#: CHGNet r2SCAN moments by element and valence, Bohr magnetons: means over six-fold ions of relaxed cells without
#: ambiguity; Mn2+ and Co2+ from MnO, CoO and rock salt.
REFERENCE_MOMENTS = {
    "Ni": {2: 1.54, 3: 0.85, 4: 0.18},
    "Mn": {2: 4.45, 3: 3.7, 4: 2.84},
    "Co": {2: 2.7, 3: 0.2, 4: 0.68},
}
#: Bond-valence distances to oxygen (`bond_valence_distance`) of the same ions, angstrom.
REFERENCE_DISTANCES = {
    "Ni": {2: 2.03, 3: 1.943, 4: 1.88},
    "Mn": {2: 2.17, 3: 2.005, 4: 1.903},
    "Co": {2: 2.106, 3: 1.919, 4: 1.876},
}
#: Cobalt that lacks an oxygen neighbour: its moment, 0.6 to 1.1 whatever the valence, is not used, its distance alone.
FIVE_FOLD_COBALT_DISTANCES = {2: 2.005, 3: 1.952, 4: 1.903}
#: Moments of the PBE+U calculation, Bohr magnetons: means over the same kind of ions of calculated cells.
CALCULATED_MOMENTS = {
    "Ni": {2: 1.72, 3: 1.01, 4: 0.1},
    "Mn": {2: 4.44, 3: 3.8, 4: 3.11},
    "Co": {2: 2.67, 3: 0.05, 4: 0.88},
}
#: Moment and distance per step of valence: they make deviations of elements and of the two kinds comparable.
MOMENT_STEP = {"Ni": 0.75, "Mn": 0.85, "Co": 0.85}
DISTANCE_STEP = {"Ni": 0.075, "Mn": 0.10, "Co": 0.06}
FIVE_FOLD_COBALT_STEP = 0.05
BOND_VALENCE_LENGTH = 0.37
OCTAHEDRON = 6


def bond_valence_distance(bonds: Sequence[float] | NDArray) -> float:
    """Distance that six equal bonds would have to have the bond valence of the bonds given.

    Comparable for regular, distorted and five-fold coordination, where a mean length is not.

    Parameters
    ----------
    bonds
        (k,) metal-oxygen distances, angstrom.

    Returns
    -------
    float
        Angstrom.
    """
    strength = float(np.exp(-np.asarray(bonds, float) / BOND_VALENCE_LENGTH).sum())
    return -BOND_VALENCE_LENGTH * float(np.log(strength / OCTAHEDRON))


def relaxed_cost(symbol: str, moment: float, distance: float | None, open_site: bool) -> dict[int, float]:
    """Squared deviation of a relaxed metal from each ion of its element, in steps of valence.

    Parameters
    ----------
    symbol, moment
        Element, and CHGNet moment in Bohr magnetons.
    distance
        Bond-valence distance to oxygen, angstrom; None where it is not known.
    open_site
        Whether the metal lacks an oxygen neighbour.

    Returns
    -------
    dict
        Cost by valence.
    """
    if symbol == "Co" and open_site:
        if distance is None:
            # Neither is known: reduced or kept rather than oxidised, next to a missing oxygen.
            return {2: 0.5, 3: 0.0, 4: 1.0}
        return _squares(distance, FIVE_FOLD_COBALT_DISTANCES, FIVE_FOLD_COBALT_STEP)
    cost = _squares(moment, REFERENCE_MOMENTS[symbol], MOMENT_STEP[symbol])
    if distance is not None:
        lengths = _squares(distance, REFERENCE_DISTANCES[symbol], DISTANCE_STEP[symbol])
        cost = {valence: value + lengths[valence] for valence, value in cost.items()}
    return cost


def calculated_cost(symbol: str, moment: float, open_site: bool) -> dict[int, float]:
    """Squared deviation of a PBE+U moment from each ion of its element, in steps of valence; parameters as above.

    Zero throughout for cobalt that lacks an oxygen neighbour: it is intermediate-spin Co3+ (1.7) or low-spin Co2+
    (1.0), or Co3+ that stayed low-spin, so that no moment tells its valence for sure.
    """
    if symbol == "Co" and open_site:
        return dict.fromkeys(CALCULATED_MOMENTS[symbol], 0.0)
    return _squares(moment, CALCULATED_MOMENTS[symbol], MOMENT_STEP[symbol])


def moments_missed(
    symbols: Sequence[str],
    moments: Sequence[float],
    valences: Sequence[int],
    references: Mapping[str, Mapping[int, float]],
    metals: Sequence[int],
) -> float:
    """By how many steps the moments of some metals together miss those of their ions, the worst element.

    Metals that share an electron have each a moment between two ions, but together the right one.

    Parameters
    ----------
    symbols, moments, valences
        Of all n metals of a cell; moments in Bohr magnetons.
    references
        Moment by element and valence.
    metals
        Indices of the metals that are looked at.
    """
    missed = dict.fromkeys(symbols, 0.0)
    for k in metals:
        missed[symbols[k]] += abs(moments[k]) - references[symbols[k]][valences[k]]
    return max(abs(value) / MOMENT_STEP[symbol] for symbol, value in missed.items())


def _squares(value: float, references: Mapping[int, float], step: float) -> dict[int, float]:
    """Squared deviation from the reference of each valence, in steps of valence."""
    return {valence: ((value - reference) / step) ** 2 for valence, reference in references.items()}
