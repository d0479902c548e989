"""Why a model says what it says of one spectrum: exact tree SHAP, carried to the energies of each edge.

The contributions are the exact path-dependent SHAP values of the boosted trees (Lundberg et al., Nat. Mach. Intell.
2020, 2, 56, 10.1038/s42256-019-0138-9): they add up to the prediction, starting from the mean prediction over the
training spectra. What the features of an edge contribute is then carried to energies by
:mod:`eelsmap.models.energy_shares`; the usual spectrum is the mean of the training spectra.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eelsmap.errors import NO_ANSWER, PixelFlag, RecipeError
from eelsmap.features import feature_matrix, feature_names
from eelsmap.models.alone import alone_features, alone_names, stands_alone
from eelsmap.models.energy_shares import (
    EdgeColumns,
    bin_boundaries,
    edge_columns,
    place_aligned,
    share_over_energies,
    usual_shares,
)
from eelsmap.models.importance import require_target
from eelsmap.preprocess.edge_stack import EdgeStack
from eelsmap.preprocess.given_edges import stack_of_given_edges
from eelsmap.properties import PROPERTIES

if TYPE_CHECKING:
    from xgboost import Booster

    from eelsmap.models.alone import AloneSpace
    from eelsmap.models.model import Model

__all__ = ["Explanation", "explain", "explain_stack", "explain_table", "tree_shap"]

_SMOOTHING_EV = 0.5


@dataclass(frozen=True)
class Explanation:
    """What each energy of each edge contributed to one property of n spectra.

    Parameters
    ----------
    target
        Name of the property.
    unit
        Unit of all contributions; ``"log odds"`` for the probability of a class.
    base
        Mean prediction over the training spectra, from which the contributions start.
    value
        What the trees say, shape (n,): ``base`` plus all contributions, before a number is limited to its physical
        range and before log odds become a calibrated probability. NaN where the model gives no answer.
    boundaries
        Edge name to boundaries of its energy bins, shape (bin + 1,), eV.
    contributions
        Edge name to contributions of its bins, shape (n, bin); zero where the edge is not seen.
    intensity
        Edge name to the spectrum, shape (n, bin): share of the edge's intensity per eV; NaN where it is not seen.
    usual
        Edge name to the mean of the training spectra, shape (bin,), in the same unit.
    others
        What belongs to no single energy, name to contributions of shape (n,): ``"unseen O_K"`` is what it contributes
        that an edge is missing or lost in noise; the rest are features by name, line ratios and distances among them.
    flags
        :class:`eelsmap.errors.PixelFlag` of each spectrum, shape (n,).
    """

    target: str
    unit: str
    base: float
    value: NDArray[np.float64]
    boundaries: Mapping[str, NDArray[np.float64]]
    contributions: Mapping[str, NDArray[np.float64]]
    intensity: Mapping[str, NDArray[np.float64]]
    usual: Mapping[str, NDArray[np.float64]]
    others: Mapping[str, NDArray[np.float64]]
    flags: NDArray[np.uint32]

    def by_edge(self) -> dict[str, NDArray[np.float64]]:
        """Sum of the contributions of each edge's energies, shape (n,) each."""
        return {name: values.sum(axis=1) for name, values in self.contributions.items()}

    def total(self) -> NDArray[np.float64]:
        """Add all contributions to the base, shape (n,): equal to :attr:`value` to rounding."""
        parts = np.stack([*self.by_edge().values(), *self.others.values()])
        return self.base + parts.sum(axis=0)


def explain(
    model: Model,
    spectra: Mapping[str, tuple[ArrayLike, ArrayLike]],
    target: str,
    /,
    *,
    relative_intensity: bool = False,
    axis_uncertainty: float | None = None,
) -> Explanation:
    """Explain a property of spectra whose background was subtracted already.

    Parameters
    ----------
    model
        The model.
    spectra, relative_intensity, axis_uncertainty
        As for :meth:`eelsmap.models.Model.predict`.
    target
        Name of the property, for instance ``"li_content"``.

    Returns
    -------
    Explanation
        For n spectra.

    Raises
    ------
    RecipeError
        The model has no such property, or the spectra cannot be used.
    EnergyAxisError
        An energy axis cannot be used.
    """
    stack = stack_of_given_edges(spectra, model.recipe, relative_intensity=relative_intensity)
    known = np.nan if axis_uncertainty is None else axis_uncertainty
    return explain_stack(model, stack, target, axis_uncertainty=known)


def explain_stack(model: Model, stack: EdgeStack, target: str, /, *, axis_uncertainty: float) -> Explanation:
    """Explain a property of n pixels by the trees that predict it.

    Parameters
    ----------
    model, stack, axis_uncertainty
        As for :meth:`eelsmap.models.Model.predict_stack`.
    target
        Name of the property.

    Returns
    -------
    Explanation
        For n spectra.

    Raises
    ------
    RecipeError
        The model has no such property; or a specialist answers for some of the spectra and not for others, which are
        to be explained apart then.
    """
    require_target(model, target)
    edge = PROPERTIES[target].edge
    no_answer = np.uint32(NO_ANSWER)
    if edge is not None:
        no_answer |= np.uint32(PixelFlag.weak(edge) | PixelFlag.missing(edge))
    answered = (stack.flags & no_answer) == 0
    if edge is not None and target in model.alone:
        alone = stands_alone(stack, model.recipe.edge_set.index(edge)) & answered
        if alone.any():
            if not alone[answered].all():
                raise RecipeError(f"{target}: some spectra hold {edge} alone, others not; explain them apart")
            table = alone_features(stack, edge, model.recipe, axis_uncertainty=axis_uncertainty)
            space, seen_edge = model.alone[target], model.recipe.edge_set[edge]
            names = alone_names(seen_edge)
            scored = space.with_scores(table, seen_edge)
            booster = model.boosters[f"{target}_alone"]
            base, shap = _split_base(tree_shap(booster, scored))
            aligned = edge_columns(names, model.recipe, edge).bins
            shap = _without_scores(shap, table, space, aligned, len(names))
            return _carried(model, stack, target, answered, booster, scored, names, base, shap)
    features = feature_matrix(stack, model.recipe, axis_uncertainty=axis_uncertainty)
    return explain_table(model, stack, target, features, answered=answered)


def explain_table(
    model: Model,
    stack: EdgeStack,
    target: str,
    features: NDArray[np.float32],
    /,
    *,
    answered: NDArray[np.bool_] | None = None,
) -> Explanation:
    """Explain a property of n spectra whose features (n, feature) were made already, by the trees for all edges.

    Parameters
    ----------
    model, stack, target
        As for :func:`explain_stack`.
    features
        From :func:`eelsmap.features.feature_matrix`.
    answered
        Rows that have an answer, shape (n,); all when left out.

    Returns
    -------
    Explanation
        For n spectra.
    """
    require_target(model, target)
    booster = model.boosters[target]
    answered = np.ones(len(features), dtype=bool) if answered is None else answered
    base, shap = _split_base(tree_shap(booster, features))
    return _carried(model, stack, target, answered, booster, features, feature_names(model.recipe), base, shap)


def tree_shap(booster: Booster, features: NDArray[np.float32], /) -> NDArray[np.float64]:
    """Exact path-dependent SHAP values of boosted trees.

    Parameters
    ----------
    booster
        The trees.
    features
        Shape (n, feature).

    Returns
    -------
    numpy.ndarray
        Shape (n, feature + 1): contributions of the features, then the mean over the training spectra; a row adds up
        to the prediction.
    """
    import xgboost

    values = booster.predict(xgboost.DMatrix(features, nthread=1), pred_contribs=True)
    return np.asarray(values, dtype=np.float64)


def _split_base(shap: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Mean over the training spectra, which is the same in every row, and the contributions (n, feature)."""
    return (float(shap[0, -1]) if len(shap) else float("nan")), shap[:, :-1]


def _without_scores(
    shap: NDArray[np.float64], features: NDArray[np.float32], space: AloneSpace, aligned: list[int], named: int
) -> NDArray[np.float64]:
    """Carry what scores along main directions contribute to the aligned bins that push the score its way."""
    result = shap[:, :named].copy()
    off = np.nan_to_num(features[:, aligned].astype(np.float64)) - space.mean
    for number, direction in enumerate(space.components):
        parts = off * direction
        pushed = np.maximum(parts * np.sign(parts.sum(axis=1, keepdims=True)), 0.0)
        total = pushed.sum(axis=1, keepdims=True)
        share = np.where(total > 0, pushed / np.where(total > 0, total, 1.0), 1.0 / len(aligned))
        result[:, aligned] += shap[:, named + number, None] * share
    return result


def _carried(
    model: Model,
    stack: EdgeStack,
    target: str,
    answered: NDArray[np.bool_],
    booster: Booster,
    features: NDArray[np.float32],
    names: list[str],
    base: float,
    shap: NDArray[np.float64],
) -> Explanation:
    """Carry contributions (n, feature) of named features to the energies of all edges."""
    shap = np.where(answered[:, None], shap, 0.0)
    boundaries, usual = bin_boundaries(model.recipe), usual_shares(model)
    contributions, intensity, others, placed = {}, {}, {}, set()
    for name in model.recipe.used_edges:
        index = model.recipe.edge_set.index(name)
        columns = edge_columns(names, model.recipe, name)
        placed |= {*columns.points, *columns.bins}
        seen = stack.seen[:, index] & answered
        contributions[name] = np.zeros((len(shap), usual[name].size))
        intensity[name] = np.full_like(contributions[name], np.nan)
        if seen.any():
            shares = stack.net[seen, index] / stack.net[seen, index].sum(axis=1, keepdims=True)
            contributions[name][seen] = _of_edge(
                shap[seen], features[seen], shares, usual[name], columns, boundaries[name]
            )
            intensity[name][seen] = shares / np.diff(boundaries[name])
        others[f"unseen {name}"] = np.where(seen, 0.0, shap[:, [*columns.points, *columns.bins]].sum(axis=1))
    others |= {name: shap[:, column] for column, name in enumerate(names) if column not in placed}
    margin = booster.inplace_predict(features, predict_type="margin").astype(np.float64)
    return Explanation(
        target,
        "log odds" if PROPERTIES[target].probability else PROPERTIES[target].unit,
        base,
        np.where(answered, margin, np.nan),
        boundaries,
        contributions,
        intensity,
        {name: shares / np.diff(boundaries[name]) for name, shares in usual.items()},
        others,
        stack.flags,
    )


def _of_edge(
    shap: NDArray[np.float64],
    features: NDArray[np.float32],
    shares: NDArray[np.float64],
    usual: NDArray[np.float64],
    columns: EdgeColumns,
    boundaries: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Contributions of the energies of one edge that is seen in all n spectra, shape (n, bin)."""
    result = np.zeros((len(shap), usual.size))
    if columns.points:
        smoothing = _SMOOTHING_EV / float(boundaries[1] - boundaries[0])
        result += share_over_energies(shap[:, columns.points], columns.below, shares, usual, smoothing=smoothing)
    if columns.bins and columns.maximum is not None:
        place = features[:, columns.maximum].astype(np.float64)
        place = np.where(np.isfinite(place), place, boundaries.mean())
        result += place_aligned(shap[:, columns.bins], columns.from_maximum, place, boundaries)
    return result
