"""A second look at novelty: edges laid on their own maximum.

The cloud of cumulative distributions holds every shift of the axis that training spectra had, and a foreign shape can
hide in it. Laid on its own maximum an edge has no shift, so that shape alone counts; where the edges lie is what the
first look sees. A spectrum is novel when either look says so.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from eelsmap.features import feature_names, seen_distributions
from eelsmap.models.novelty import Novelty, fit_novelty
from eelsmap.recipe import Recipe

__all__ = ["ACCEPTED_BY_EACH", "aligned_distributions", "aligned_points", "fit_both_looks", "relative_score_of_both"]

ACCEPTED_BY_EACH = 0.9975
"""Share of held-out spectra of each edge that each look accepts; together they refuse about as many as one at 0.995."""


def aligned_distributions(
    features: NDArray[np.floating], recipe: Recipe, /
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.bool_]]:
    """Cumulative distributions of the aligned edges in a feature matrix, as `seen_distributions` gives the others.

    Parameters
    ----------
    features
        Result of :func:`eelsmap.features.feature_matrix`, shape (n, feature).
    recipe
        The road; its features must hold aligned edges.

    Returns
    -------
    distribution, log_snr, seen : numpy.ndarray
        Shapes (n, edge, bin), (n, edge) and (n, edge). An edge with fewer bins than others ends in its last value.
    """
    distribution, log_snr, seen = seen_distributions(features, recipe)
    columns = _aligned_columns(recipe)
    most = max(len(places) for places in columns)
    result = np.empty((len(features), len(columns), most))
    for index, places in enumerate(columns):
        curves = np.cumsum(np.nan_to_num(features[:, list(places)].astype(np.float64)), axis=1)
        result[:, index] = np.pad(curves, ((0, 0), (0, most - len(places))), mode="edge")
    result[~np.isfinite(distribution[..., 0])] = np.nan
    return result, log_snr, seen


def aligned_points(recipe: Recipe, /) -> tuple[int, int]:
    """Edges and bins of :func:`aligned_distributions`; no bins where a recipe's features hold no aligned edges."""
    columns = _aligned_columns(recipe)
    return len(columns), max(len(places) for places in columns)


@lru_cache(maxsize=16)
def _aligned_columns(recipe: Recipe) -> tuple[tuple[int, ...], ...]:
    """Columns of the feature matrix that hold the aligned bins of each edge; they lie side by side."""
    words = [name.split() for name in feature_names(recipe)]
    return tuple(
        tuple(place for place, word in enumerate(words) if word[:2] == ["aligned", edge]) for edge in recipe.used_edges
    )


def fit_both_looks(
    features: NDArray[np.floating], recipe: Recipe, group: NDArray[np.intp], /
) -> tuple[Novelty, Novelty]:
    """Learn what training spectra look like on the axis and laid on their own maxima.

    Parameters
    ----------
    features
        Of the training spectra, shape (n, feature).
    recipe
        The road.
    group
        Group of structures of each spectrum, shape (n,).

    Returns
    -------
    novelty, aligned : Novelty
        The two looks.
    """
    looks = seen_distributions(features, recipe), aligned_distributions(features, recipe)
    first, second = (fit_novelty(*look, group, accepted=ACCEPTED_BY_EACH) for look in looks)
    return first, second


def relative_score_of_both(
    novelty: Novelty, aligned: Novelty | None, features: NDArray[np.floating], recipe: Recipe, /
) -> NDArray[np.float64]:
    """Larger of the two scores over their thresholds, shape (n,); NaN where no edge is seen. One look may be enough."""
    if not novelty.compiled or (aligned is not None and not aligned.compiled):
        first = novelty.relative_score(*seen_distributions(features, recipe))
        if aligned is None:
            return first
        return np.fmax(first, aligned.relative_score(*aligned_distributions(features, recipe)))
    distribution, log_snr, seen = seen_distributions(features, recipe)
    covered, table = np.isfinite(distribution[..., 0]), np.asarray(features, dtype=np.float32)
    points = distribution.shape[2] * np.arange(distribution.shape[1] + 1)
    ends = np.stack([points[:-1], points[1:]], axis=1)
    first = novelty.relative_score_of_columns(table, ends, covered, log_snr, seen)
    if aligned is None:
        return first
    ends = np.array([(places[0], places[-1] + 1) for places in _aligned_columns(recipe)])
    return np.fmax(first, aligned.relative_score_of_columns(table, ends, covered, log_snr, seen, summed=True))
