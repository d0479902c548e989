"""What is predicted: six tasks, each with its records, its numbers to learn and its score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eelsmap.library.labels import METALS
from eelsmap.models.benchmark.scores import balanced_accuracy, count_accuracy, root_mean_square_error

if TYPE_CHECKING:
    from eelsmap.library import Library

__all__ = ["TASKS", "Task"]

_Scores = Callable[[NDArray[np.float64], NDArray[np.float64]], dict[str, float]]
_METALS = tuple(element.lower() for element in METALS)


@dataclass(frozen=True, slots=True)
class Task:
    """One task.

    Parameters
    ----------
    title
        Readable name.
    kind
        Records that it is about: ``"structure"`` or ``"environment"``.
    labels
        Labels of the library that are predicted side by side.
    presence
        True where the label says whether a defect is there (0 or 1).
    scores
        From truth and prediction, both (n, label), to scores by name; truth is NaN where a label has no meaning.
    """

    title: str
    kind: str
    labels: tuple[str, ...]
    presence: bool
    scores: _Scores

    def truth(self, library: Library, records: NDArray[np.intp]) -> NDArray[np.float64]:
        """Labels of some records, shape (n, label).

        Lithium-rich structures count as full ones, and counts (of which some are fractions beside an exchange) as
        whole numbers up to three, as the models of this package report them.
        """
        values = np.stack([library.labels[name][records] for name in self.labels], axis=1).astype(np.float64)
        if self.labels == ("li_content",):
            return np.clip(values, 0.0, 1.0)
        return np.clip(np.rint(values), 0.0, 3.0) if self.labels[0].endswith("_count") else values


def _lithium(truth: NDArray[np.float64], predicted: NDArray[np.float64]) -> dict[str, float]:
    return {"rmse": root_mean_square_error(truth[:, 0], predicted[:, 0])}


def _environment(truth: NDArray[np.float64], predicted: NDArray[np.float64]) -> dict[str, float]:
    whole = np.clip(np.rint(predicted), 0.0, 3.0)
    return {
        "li_accuracy": count_accuracy(truth[:, :1], whole[:, :1]),
        "metal_accuracy": count_accuracy(truth[:, 1:], whole[:, 1:]),
    }


def _valence(truth: NDArray[np.float64], predicted: NDArray[np.float64]) -> dict[str, float]:
    # Classes as in Chen et al.: environments whose metals share one whole valence.
    scores = {}
    for column, element in enumerate(_METALS):
        known = np.isfinite(truth[:, column]) & (truth[:, column] == np.rint(truth[:, column]))
        if known.any():
            scores[f"{element}_balanced_accuracy"] = balanced_accuracy(
                truth[known, column], np.clip(np.rint(predicted[known, column]), 2.0, 4.0)
            )
    return {"balanced_accuracy": float(np.mean(list(scores.values()))), **scores}


def _bond_length(truth: NDArray[np.float64], predicted: NDArray[np.float64]) -> dict[str, float]:
    scores = {}
    for column, element in enumerate(_METALS):
        known = np.isfinite(truth[:, column])
        if known.any():
            scores[f"{element}_rmse"] = root_mean_square_error(truth[known, column], predicted[known, column])
    return {"rmse": float(np.mean(list(scores.values()))), **scores}


def _presence(truth: NDArray[np.float64], predicted: NDArray[np.float64]) -> dict[str, float]:
    from eelsmap.models.metrics import probability_metrics

    metrics = probability_metrics(truth[:, 0], predicted[:, 0])
    return {name: metrics[name] for name in ("balanced_accuracy", "auroc", "positives") if name in metrics}


TASKS: dict[str, Task] = {
    "li_content": Task("Li content", "structure", ("li_content",), False, _lithium),
    "environment": Task(
        "local environment", "environment", ("li_count", *(f"{element}_count" for element in _METALS)), False,
        _environment,
    ),
    "valence": Task(
        "oxidation state", "environment", tuple(f"{element}_valence" for element in _METALS), False, _valence
    ),
    "bond_length": Task(
        "metal-oxygen bond length", "environment", tuple(f"{element}_bond_length" for element in _METALS), False,
        _bond_length,
    ),
    "vacancy": Task("O vacancy in the structure", "structure", ("vacancy",), True, _presence),
    "antisite": Task("Ni/Li antisite in 0.3 nm", "environment", ("antisite",), True, _presence),
    "local_vacancy": Task("O vacancy in 0.3 nm", "environment", ("vacancy",), True, _presence),
    "mean_antisite": Task("Ni/Li antisite in the structure", "structure", ("antisite",), True, _presence),
}  # fmt: skip
"""Every task by name: the papers' six, then the two defects at the other scale."""
