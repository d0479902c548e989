"""How good predictions of known values are: errors, intervals, and classes where the known values are few."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.models.metrics import number_metrics, probability_metrics
from eelsmap.properties import PROPERTIES

__all__ = ["class_metrics", "classes_of", "nearest_class", "property_metrics"]

MOST_CLASSES = 8
_SAME = 0.005
_WHOLE_VALENCES = (2.0, 3.0, 4.0)


def classes_of(name: str, truth: NDArray[np.float64], /) -> NDArray[np.float64]:
    """Distinct known values of a property, ascending, if they are few enough to be classes; else empty.

    A single known valence is put among the whole ones: nearest of one class says nothing.

    Parameters
    ----------
    name
        Name of the property.
    truth
        Known values, NaN where unknown, shape (n,).
    """
    values = np.unique(truth[np.isfinite(truth)])
    if values.size:
        # 2.67 and 2.667 are one class.
        values = values[np.append(True, np.diff(values) > _SAME)]
    if values.size == 1 and PROPERTIES[name].group == "valence":
        values = np.union1d(values, _WHOLE_VALENCES)
    few = 2 <= values.size <= MOST_CLASSES
    return values if few and not PROPERTIES[name].probability else np.empty(0)


def nearest_class(value: NDArray[np.float64], classes: NDArray[np.float64], /) -> NDArray[np.float64]:
    """Nearest of some ascending classes to each value, NaN for NaN; shape (n,)."""
    place = np.abs(value[:, None] - classes[None, :])
    result = classes[np.where(np.isnan(place), np.inf, place).argmin(axis=1)]
    return np.where(np.isfinite(value), result, np.nan)


def class_metrics(
    truth: NDArray[np.float64], value: NDArray[np.float64], classes: NDArray[np.float64], /
) -> dict[str, Any]:
    """Put every prediction to the nearest class and count.

    Parameters
    ----------
    truth, value
        Shape (n,); rows where one is NaN are left out.
    classes
        Ascending, shape (class,).

    Returns
    -------
    dict
        ``classes``, ``accuracy`` with its ``accuracy_error`` (standard error by binomial counting, as if all spectra
        were independent), ``balanced_accuracy`` (mean share of right answers over the classes that occur), and
        ``confusion``: rows truth, columns prediction.
    """
    known = np.isfinite(truth) & np.isfinite(value)
    rows = np.abs(truth[known, None] - classes).argmin(axis=1)
    columns = np.abs(value[known, None] - classes).argmin(axis=1)
    confusion = np.zeros((classes.size, classes.size), dtype=int)
    np.add.at(confusion, (rows, columns), 1)
    total, right = int(confusion.sum()), int(np.trace(confusion))
    if not total:
        return {"classes": classes.tolist(), "confusion": confusion.tolist()}
    occurring = confusion.sum(axis=1) > 0
    accuracy = right / total
    return {
        "classes": classes.tolist(),
        "accuracy": accuracy,
        "accuracy_error": float(np.sqrt(accuracy * (1 - accuracy) / total)),
        "balanced_accuracy": float(np.mean(np.diag(confusion)[occurring] / confusion.sum(axis=1)[occurring])),
        "confusion": confusion.tolist(),
    }


def property_metrics(
    name: str,
    truth: NDArray[np.float64],
    value: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    /,
) -> dict[str, Any]:
    """All figures of one property.

    Parameters
    ----------
    name
        Name of the property.
    truth, value, lower, upper
        Shape (n,). NaN in `truth` is unknown; NaN in `value` is a prediction that the model declines.

    Returns
    -------
    dict
        ``labelled`` and ``declined`` (labelled, but without a prediction); for numbers those of `number_metrics`,
        ``mean_absolute_error`` and, where there are classes, those of `class_metrics` with ``accuracy_of_all``, in
        which a declined prediction counts as wrong; for probabilities those of `probability_metrics`.
    """
    labelled = np.isfinite(truth)
    both = labelled & np.isfinite(value)
    result: dict[str, Any] = {"labelled": int(labelled.sum()), "declined": int((labelled & ~both).sum())}
    if PROPERTIES[name].probability:
        present = np.where(truth >= 0.5, 1.0, np.where(truth <= 1e-9, 0.0, np.nan))
        return {**result, **probability_metrics(present, value)}
    result.update(number_metrics(truth, value, lower, upper))
    if both.any():
        result["mean_absolute_error"] = float(np.mean(np.abs(value[both] - truth[both])))
    classes = classes_of(name, truth)
    if classes.size:
        result.update(class_metrics(truth, value, classes))
        result["accuracy_of_all"] = result.get("accuracy", 0.0) * int(both.sum()) / max(int(labelled.sum()), 1)
    return result
