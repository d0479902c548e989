"""What a model loses when part of the spectra is exchanged between them (Breiman 2001, 10.1023/A:1010933404324).

Neighbouring features can stand for each other, so none is exchanged alone: the intensity inside a window of energy is,
and all features are made again; or all features of the shape of an edge. Spectra are exchanged only among those that
see the edge, so that no impossible spectrum arises. The rise of the error on simulated spectra of held-out structures
is what the part was worth, to a model that goes on believing it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eelsmap.features import feature_names
from eelsmap.models.energy_shares import bin_boundaries
from eelsmap.models.held_out import held_out_spectra
from eelsmap.models.importance import require_target
from eelsmap.models.metrics import number_metrics, probability_metrics
from eelsmap.properties import PROPERTIES
from eelsmap.recipe import Recipe

if TYPE_CHECKING:
    from eelsmap.library import Library
    from eelsmap.models.model import Model

__all__ = ["PermutationImportance", "energy_windows", "permutation_importance", "with_window"]

_WINDOW_EV = 4.0


@dataclass(frozen=True)
class PermutationImportance:
    """By how much the error rises when part of the spectra is exchanged between them.

    Parameters
    ----------
    target
        Name of the property.
    metric
        ``"RMSE"``, or ``"1 - AUROC"`` for the probability of a class.
    error
        Of the spectra as they are.
    boundaries
        Edge name to boundaries of the windows, shape (window + 1,), eV.
    by_window
        Edge name to rise of the error, shape (window,).
    by_group
        Rise of the error when the shape of a whole edge (``"shape O_K"``), its signal-to-noise ratio and coverage
        (``"noise O_K"``), the relative intensities of the edges (``"composition"``) or the uncertainty of the axis
        (``"axis_uncertainty"``) is exchanged.
    scatter
        Largest standard deviation of a rise over the repeats.
    spectra, repeats
        Number of spectra with a label, and of repeats over which the rises are means.
    """

    target: str
    metric: str
    error: float
    boundaries: Mapping[str, NDArray[np.float64]]
    by_window: Mapping[str, NDArray[np.float64]]
    by_group: Mapping[str, float]
    scatter: float
    spectra: int
    repeats: int


def permutation_importance(
    model: Model,
    library: Library,
    target: str,
    /,
    *,
    rows: int = 2000,
    repeats: int = 2,
    seed: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> PermutationImportance:
    """Measure what each edge and each window of energy is worth, on simulated spectra of held-out structures.

    Parameters
    ----------
    model
        The model.
    library
        The spectral library.
    target
        Name of the property.
    rows
        Number of spectra.
    repeats
        How often each part is exchanged.
    seed
        Seed of the spectra and of the exchanges.
    progress
        Called with the number of parts that are done and of all parts.

    Returns
    -------
    PermutationImportance
        Rises of the error.

    Raises
    ------
    RecipeError
        The model has no such property.
    """
    require_target(model, target)
    data = held_out_spectra(library, model.recipe, rows=rows, seed=seed)
    truth, seen = data.labels[target], data.stack.seen
    random = np.random.default_rng(seed)
    recipe, edges = model.recipe, model.recipe.used_edges
    windows, groups = energy_windows(recipe), _groups(recipe)
    parts: list[tuple[str, str, slice | list[int]]] = [
        (name, name.split()[-1] if " " in name else "", columns) for name, columns in groups.items()
    ]
    parts += [(f"{edge} {place}", edge, part) for edge in edges for place, part in enumerate(windows[edge])]
    usual = _error(model, target, data.features, truth)
    rise, scatter = {}, []
    for done, (name, edge, part) in enumerate(parts, 1):
        values = []
        index = recipe.edge_set.index(edge) if edge else 0
        for _ in range(repeats):
            if isinstance(part, slice):
                partner = _partners(seen[:, [index]], random)
                net = with_window(data.stack.net, data.stack.net[partner], index, part, seen[:, index])
                table = data.features_of(net, recipe)
            else:
                state = np.isnan(data.features[:, part])
                partner = _partners(np.column_stack([state, seen[:, [index]]]) if edge else state, random)
                table = data.features.copy()
                table[:, part] = data.features[partner][:, part]
            values.append(_error(model, target, table, truth) - usual)
        rise[name] = float(np.mean(values))
        scatter.append(float(np.std(values)))
        if progress is not None:
            progress(done, len(parts))
    cuts = bin_boundaries(recipe)
    return PermutationImportance(
        target,
        "1 - AUROC" if PROPERTIES[target].probability else "RMSE",
        usual,
        {name: np.array([cuts[name][part.start] for part in windows[name]] + [cuts[name][-1]]) for name in edges},
        {name: np.array([rise[f"{name} {place}"] for place in range(len(windows[name]))]) for name in edges},
        {name: rise[name] for name in groups},
        max(scatter),
        int(np.isfinite(truth).sum()),
        repeats,
    )


def energy_windows(recipe: Recipe, /) -> dict[str, list[slice]]:
    """Bins of each edge in windows of about 4 eV, as slices."""
    result = {}
    for name, boundaries in bin_boundaries(recipe).items():
        count = max(1, round(float(boundaries[-1] - boundaries[0]) / _WINDOW_EV))
        cuts = np.linspace(0, boundaries.size - 1, count + 1).round().astype(int)
        result[name] = [slice(int(low), int(high)) for low, high in pairwise(cuts)]
    return result


def with_window(
    net: NDArray[np.float64], others: NDArray[np.float64], edge: int, window: slice, rows: NDArray[np.bool_], /
) -> NDArray[np.float64]:
    """Give spectra the intensity of other spectra inside a window of energy, in units of the whole edge.

    Parameters
    ----------
    net, others
        Net counts, shape (n, edge, bin).
    edge
        Place of the edge.
    window
        Bins of the edge.
    rows
        Which spectra, shape (n,); the others stay as they are.

    Returns
    -------
    numpy.ndarray
        Shape (n, edge, bin).
    """
    result = net.copy()
    scale = net[rows, edge].sum(axis=1) / others[rows, edge].sum(axis=1)
    result[rows, edge, window] = scale[:, None] * others[rows, edge, window]
    return result


def _groups(recipe: Recipe) -> dict[str, list[int]]:
    """Columns that are exchanged together, by name of the group."""
    groups: dict[str, list[int]] = {}
    for column, name in enumerate(feature_names(recipe)):
        kind, *rest = name.split()
        if kind in ("log_snr", "coverage"):
            group = f"noise {rest[0]}"
        elif kind in ("share", "log_metals_over"):
            group = "composition"
        else:
            group = f"shape {rest[0]}" if rest else kind
        groups.setdefault(group, []).append(column)
    return groups


def _partners(state: NDArray[np.bool_], random: np.random.Generator) -> NDArray[np.intp]:
    """Another row for each row (n,), drawn without replacement among those of the same state (n, anything)."""
    _, kind = np.unique(state, axis=0, return_inverse=True)
    partner = np.arange(state.shape[0])
    for value in np.unique(kind):
        rows = np.flatnonzero(kind == value)
        partner[rows] = random.permutation(rows)
    return partner


def _error(model: Model, target: str, features: NDArray[np.float32], truth: NDArray[np.float64]) -> float:
    """Error of the trees of one property."""
    known = np.isfinite(truth)
    value = model.boosters[target].inplace_predict(features[known], predict_type="margin").astype(np.float64)
    truth = truth[known]
    if PROPERTIES[target].probability:
        return 1.0 - probability_metrics(truth, value)["auroc"]
    return number_metrics(truth, value, value, value)["rmse"]
