"""A model measured on simulated spectra of structures that it has never seen, in every kind of condition."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.models.metrics import number_metrics, probability_metrics
from eelsmap.models.model import total_log_snr
from eelsmap.models.training_mixtures import sample_unseen_mixtures
from eelsmap.models.training_spectra import make_training_stacks
from eelsmap.properties import PROPERTIES

if TYPE_CHECKING:
    from eelsmap.library import Library
    from eelsmap.models.model import Model

__all__ = ["EDGE_SUBSETS", "STRATA", "evaluate_simulated"]

STRATA: dict[str, tuple[float, ...]] = {
    "log_snr": (-np.inf, 1.5, 2.0, 2.5, np.inf),
    "t_over_lambda": (0.0, 0.4, 0.8, np.inf),
    "axis_uncertainty_eV": (0.0, 0.4, 0.8, np.inf),
    "fwhm_eV": (0.0, 0.8, 1.4, np.inf),
}
"""Conditions by which a model is measured, with the limits of their ranges; signal-to-noise of all edges as log10."""

EDGE_SUBSETS: dict[str, tuple[str, ...]] = {
    "O K": ("O_K",),
    "Mn L": ("Mn_L",),
    "Co L": ("Co_L",),
    "Ni L": ("Ni_L",),
    "O K, Mn L": ("O_K", "Mn_L"),
    "O K, Ni L": ("O_K", "Ni_L"),
    "Mn L, Co L, Ni L": ("Mn_L", "Co_L", "Ni_L"),
    "all": ("O_K", "Mn_L", "Co_L", "Ni_L"),
}
_ROWS_OF_SUBSETS = 4


class _Predictions:
    """Predictions and truth of many spectra."""

    def __init__(
        self, model: Model, library: Library, rows: int, seed: int, edges: tuple[str, ...] | None = None
    ) -> None:
        random = np.random.default_rng(seed)
        mixtures, self.structures = sample_unseen_mixtures(library, rows, random)
        values, labels, conditions = [], [], []
        for chunk in make_training_stacks(library, mixtures, model.recipe, random, edges=edges):
            seen = chunk.stack.seen.any(axis=1)
            values.append(model.predict_stack(chunk.stack, axis_uncertainty=chunk.axis_uncertainty)[seen])
            labels.append({name: value[seen] for name, value in chunk.labels.items()})
            noise = {"log_snr": total_log_snr(chunk.stack)}
            conditions.append({name: value[seen] for name, value in {**noise, **chunk.conditions}.items()})
        self.model = model
        self.values = np.concatenate(values).astype(np.float64)
        self.labels = {name: np.concatenate([item[name] for item in labels]) for name in labels[0]}
        self.conditions = {name: np.concatenate([item[name] for item in conditions]) for name in conditions[0]}

    def metrics(self, rows: NDArray[np.bool_] | slice = slice(None)) -> dict[str, dict[str, float]]:
        """Metrics of every property over some rows."""
        result = {}
        for index, name in enumerate(self.model.targets):
            truth = self.labels[name][rows]
            value, lower, upper = self.values[rows, 3 * index : 3 * index + 3].T
            if PROPERTIES[name].probability:
                result[name] = probability_metrics(truth, value)
            else:
                result[name] = number_metrics(truth, value, lower, upper)
        return result


def evaluate_simulated(model: Model, library: Library, /, *, rows: int = 6000, seed: int = 1) -> dict[str, Any]:
    """Predict simulated spectra of the library's ``test`` structures, over the same ranges of microscopes.

    Structures whose O K edge a surrogate filled in are left out: a model is not measured on another model's spectra.

    Parameters
    ----------
    model
        The model.
    library
        The spectral library.
    rows
        Number of spectra; for each subset of edges a quarter as many more.
    seed
        Seed of the draw.

    Returns
    -------
    dict
        ``measured_on`` in words, ``called_novel`` (share of spectra, all of known kind), ``overall`` by property,
        ``strata`` (by condition, by range: the same) and ``edges`` (by subset of the edges: the same).
    """
    all_edges = _Predictions(model, library, rows, seed)
    strata: dict[str, dict[str, Any]] = {}
    for condition, limits in STRATA.items():
        value = all_edges.conditions[condition]
        strata[condition] = {
            f"{low:g} to {high:g}": all_edges.metrics((value >= low) & (value < high)) for low, high in pairwise(limits)
        }
    few = max(rows // _ROWS_OF_SUBSETS, 100)
    return {
        "measured_on": (
            f"{len(all_edges.values)} simulated spectra of {all_edges.structures} structures that were not trained on"
        ),
        "called_novel": float(np.mean(all_edges.values[:, -1] > 1)),
        "overall": all_edges.metrics(),
        "strata": strata,
        "edges": {
            name: _Predictions(model, library, few, seed + place, edges).metrics()
            for place, (name, edges) in enumerate(EDGE_SUBSETS.items(), 1)
        },
    }
