"""What the trees of a model look at, over all spectra: the gain and the number of their splits, by energy.

A point of a cumulative distribution is shown at its energy, at which the trees cut the edge in two to compare what lies
below with what lies above; that is not yet the energy whose intensity matters. A bin of a spectrum that was laid on its
own maximum is shown where it lies when the maximum has its usual energy. Neighbouring features can stand for each
other: :mod:`eelsmap.models.permutation` asks about the intensity inside a window instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import RecipeError
from eelsmap.features import feature_names
from eelsmap.models.energy_shares import bin_boundaries, edge_columns, place_aligned, usual_shares

if TYPE_CHECKING:
    from eelsmap.edges import Edge
    from eelsmap.models.model import Model

__all__ = ["ModelImportance", "model_importance", "require_target", "usual_maximum"]


@dataclass(frozen=True)
class ModelImportance:
    """Shares of the gain and of the splits of a model's trees; each adds up to 1 over all edges and other features.

    Parameters
    ----------
    target
        Name of the property.
    boundaries
        Edge name to boundaries of its energy bins, shape (bin + 1,), eV.
    gain, splits
        Edge name to shares of its bins, shape (bin,).
    other_gain, other_splits
        Feature name to share, of features that belong to no single energy.
    usual
        Edge name to the mean of the training spectra, shape (bin,): share of the edge's intensity per eV.
    """

    target: str
    boundaries: Mapping[str, NDArray[np.float64]]
    gain: Mapping[str, NDArray[np.float64]]
    splits: Mapping[str, NDArray[np.float64]]
    other_gain: Mapping[str, float]
    other_splits: Mapping[str, float]
    usual: Mapping[str, NDArray[np.float64]]


def model_importance(model: Model, target: str, /) -> ModelImportance:
    """Gain and split count of one property's trees, by energy.

    Parameters
    ----------
    model
        The model.
    target
        Name of the property.

    Returns
    -------
    ModelImportance
        Shares.

    Raises
    ------
    RecipeError
        The model has no such property.
    """
    require_target(model, target)
    names = feature_names(model.recipe)
    boundaries = bin_boundaries(model.recipe)
    columns = {name: edge_columns(names, model.recipe, name) for name in model.recipe.used_edges}
    placed = {column for item in columns.values() for column in (*item.points, *item.bins)}
    by_edge: dict[str, dict[str, NDArray[np.float64]]] = {}
    others: dict[str, dict[str, float]] = {}
    for kind in ("total_gain", "weight"):
        values = np.zeros(len(names))
        for feature, value in model.boosters[target].get_score(importance_type=kind).items():
            values[int(feature.removeprefix("f"))] = value
        values /= max(float(values.sum()), 1e-300)
        others[kind] = {name: float(values[column]) for column, name in enumerate(names) if column not in placed}
        by_edge[kind] = {}
        for name, item in columns.items():
            shares = np.zeros(boundaries[name].size - 1)
            # A point lies between two bins.
            for column, below in zip(item.points, item.below, strict=True):
                shares[[below - 1, below]] += 0.5 * values[column]
            if item.bins:
                place = np.array([usual_maximum(model.recipe.edge_set[name])])
                shares += place_aligned(values[None, item.bins], item.from_maximum, place, boundaries[name])[0]
            by_edge[kind][name] = shares
    usual = {name: shares / np.diff(boundaries[name]) for name, shares in usual_shares(model).items()}
    return ModelImportance(
        target, boundaries, by_edge["total_gain"], by_edge["weight"], others["total_gain"], others["weight"], usual
    )


def usual_maximum(edge: Edge, /) -> float:
    """Energy at which the maximum usually lies that an edge is laid on: main peak of O K, L3 of the others, eV."""
    return edge.lines[1 if edge.subshell == "K" else 0].energy


def require_target(model: Model, target: str, /) -> None:
    """Raise a RecipeError that names the properties of a model when it lacks one."""
    if target not in model.targets:
        raise RecipeError(f"the model {model.name} has no property {target!r}; it has {', '.join(model.targets)}")
