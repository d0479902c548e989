"""How much wider (or narrower) intervals must be on references: conformal where there are enough of them.

The score of a reference is its error over the half width of its interval. Several spectra of one specimen are not
independent: one of each is drawn, the conformal quantile taken, and the mean over many draws is the factor (Dunn,
Wasserman and Ramdas 2022, 10.1080/01621459.2022.2060112). A 90 % quantile takes nine specimens; with fewer, intervals
become as wide as the worst reference needs, and never narrower than they were.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eelsmap.models.corrections import floored_half
from eelsmap.models.references import Rows
from eelsmap.properties import PROPERTIES

__all__ = ["conformal_factor", "interval_factors"]

_DRAWS = 100
_LARGEST_FACTOR = 20.0
_ENOUGH_TO_NARROW = 20
"""Specimens below which a factor is never less than one."""


def interval_factors(
    rows: Rows, targets: Sequence[str], /, *, confidence: float = 0.9, seed: int = 0
) -> dict[str, float]:
    """Factor on the half width of every numeric property that is known of the references.

    Parameters
    ----------
    rows
        Corrected predictions of references that the corrections were not learned from.
    targets
        The model's properties.
    confidence
        Share of the intervals that should hold the truth.
    seed
        Of the draws.
    """
    factors = {}
    for name, truth in rows.truth.items():
        if PROPERTIES[name].probability:
            continue
        column = 3 * list(targets).index(name)
        value, lower, upper = rows.values[:, column : column + 3].T
        known = np.isfinite(truth) & np.isfinite(value)
        if known.any():
            half = floored_half(name, np.maximum(value - lower, upper - value)[known])
            score = np.abs(value - truth)[known] / half
            factors[name] = conformal_factor(score, rows.group[known], confidence=confidence, seed=seed)
    return factors


def conformal_factor(
    score: NDArray[np.float64], group: NDArray[np.intp], /, *, confidence: float = 0.9, seed: int = 0
) -> float:
    """Quantile of the scores that holds a new specimen's spectrum as often as it should.

    Parameters
    ----------
    score
        Error over half width of each spectrum, shape (n,).
    group
        Specimen of each spectrum, shape (n,).
    confidence
        Share that should lie below.
    seed
        Of the draws.
    """
    members = [score[group == name] for name in np.unique(group)]
    rank = int(np.ceil((len(members) + 1) * confidence))
    if rank > len(members):
        return float(np.clip(score.max(), 1.0, _LARGEST_FACTOR))
    random = np.random.default_rng(seed)
    repeated = any(part.size > 1 for part in members)
    quantiles = [
        np.sort([part[random.integers(part.size)] for part in members])[rank - 1]
        for _ in range(_DRAWS if repeated else 1)
    ]
    least = 1.0 if len(members) < _ENOUGH_TO_NARROW else 1.0 / _LARGEST_FACTOR
    return float(np.clip(np.mean(quantiles), least, _LARGEST_FACTOR))
