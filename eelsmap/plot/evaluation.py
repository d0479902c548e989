"""Figures of a model measured on given spectra: prediction over truth, confusion matrices, accuracy over axis error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eelsmap.plot.style import INK, LINE, MUTED, ROWS, new_figure, quiet_axes, titled_axes
from eelsmap.properties import PROPERTIES

if TYPE_CHECKING:
    from eelsmap.models.evaluation_measured import Evaluation

__all__ = ["plot_evaluation", "plot_shifts"]

_MOST_BARS = 150
"""Rows up to which every interval is drawn; more would be a grey area."""


def plot_evaluation(evaluation: Evaluation, /, *, title: str = "") -> Figure:
    """Draw every property that is known: prediction over truth with intervals, and the confusion matrix of classes.

    Parameters
    ----------
    evaluation
        With at least one property that is known of some spectrum.
    title
        Above the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Needs no screen.
    """
    if not evaluation.metrics:
        raise ValueError("no property is known of any spectrum; there is nothing to draw")
    counts, model = evaluation.counts, evaluation.provenance["model"]
    footer = [
        f"Model {model['name']} {model['version']} ({model['sha256'][:8]}), measured on spectra that you gave: "
        f"{counts['evaluated']} evaluated, {counts['refused']} refused, {counts['novel']} called novel. Bars: "
        "intervals of the model. Equal truths are spread a little sideways.",
        f"eelsmap {evaluation.provenance['eelsmap_version']} · {evaluation.provenance['time'][:10]}",
    ]
    figure, body = new_figure(8.4, 3.1 * len(evaluation.metrics), footer, title=title)
    panels = body.subplots(len(evaluation.metrics), 2, squeeze=False)
    for (left, right), (name, item) in zip(panels, evaluation.metrics.items(), strict=True):
        _draw_scatter(left, evaluation, name, item)
        if "accuracy" in item:
            _draw_confusion(right, name, item)
        else:
            _draw_errors(right, evaluation, name)
    return figure


def plot_shifts(evaluations: Sequence[Evaluation], /) -> Figure:
    """Draw how accuracy, error and coverage change with a shift of the energies.

    Parameters
    ----------
    evaluations
        Of the same spectra, at several shifts.

    Returns
    -------
    matplotlib.figure.Figure
        Needs no screen.
    """
    ordered = sorted(evaluations, key=lambda item: float(item.provenance["settings"]["shift_eV"]))
    shift = [item.provenance["settings"]["shift_eV"] for item in ordered]
    names = [name for name in ordered[0].metrics if not PROPERTIES[name].probability]
    model = ordered[0].provenance["model"]
    footer = [f"Model {model['name']} {model['version']} ({model['sha256'][:8]}), measured on spectra that you gave, "
              f"{ordered[0].counts['evaluated']} at the first shift."]  # fmt: skip
    figure, body = new_figure(8.4, 2.9 * max(len(names), 1), footer, title="Error of the energy axis")
    panels = body.subplots(max(len(names), 1), 2, squeeze=False)
    for (left, right), name in zip(panels, names, strict=False):
        for axes, key, colour, words in (
            (left, "rmse", ROWS[0], "RMSE"),
            (right, "accuracy", ROWS[0], "accuracy"),
            (right, "balanced_accuracy", ROWS[2], "balanced accuracy"),
            (right, "coverage", ROWS[1], "share in interval"),
        ):
            values = [item.metrics[name].get(key, np.nan) for item in ordered]
            if np.isfinite(values).any():
                axes.plot(shift, values, color=colour, marker="o", ms=3.5, lw=1.2, label=words)
        titled_axes(left, PROPERTIES[name].label, "shift of the energies (eV)", "RMSE")
        titled_axes(right, "", "shift of the energies (eV)", "share")
        left.set(ylim=(0, 1.12 * left.get_ylim()[1]))
        right.set(ylim=(0, 1.03))
        right.legend(frameon=False, fontsize=7, labelcolor=INK, loc="lower right")
    return figure


def _columns(evaluation: Evaluation, name: str) -> list[NDArray[np.float64]]:
    """Truth, prediction and interval of the rows that have a truth and a prediction."""
    table = evaluation.table
    columns = [table[key].to_numpy(float) for key in (f"{name}_truth", name, f"{name}_lower", f"{name}_upper")]
    both = np.isfinite(columns[0]) & np.isfinite(columns[1])
    return [column[both] for column in columns]


def _draw_scatter(axes: Axes, evaluation: Evaluation, name: str, item: dict[str, Any]) -> None:
    """Draw prediction over truth with intervals."""
    truth, value, lower, upper = _columns(evaluation, name)
    info = PROPERTIES[name]
    low, high = info.limits
    pad = 0.06 * (high - low)
    axes.plot((low, high), (low, high), color=LINE, lw=0.9, zorder=0)
    spread = 0.02 * (high - low) * np.random.default_rng(0).uniform(-1, 1, truth.size)
    if truth.size <= _MOST_BARS:
        axes.vlines(truth + spread, lower, upper, color=ROWS[0], alpha=0.25, lw=0.8)
    opacity = float(np.clip(12 / np.sqrt(max(1, truth.size)), 0.12, 0.9))
    axes.plot(truth + spread, value, ls="none", marker="o", ms=3, mew=0, color=ROWS[0], alpha=opacity, rasterized=True)
    titled_axes(axes, f"{info.label} ({info.unit})", "known", "predicted")
    axes.set(xlim=(low - pad, high + pad), ylim=(low - pad, high + pad), box_aspect=1)
    axes.annotate("\n".join(_merit(item)), (1, 1), xycoords="axes fraction", xytext=(6, 0), va="top", fontsize=7.5,
                  textcoords="offset points", color=INK, linespacing=1.35)  # fmt: skip


def _merit(item: dict[str, Any]) -> list[str]:
    """Figures of merit in few words."""
    words = [f"n {item['n']}"]
    for key, said in (("rmse", "RMSE"), ("mean_error", "mean error"), ("spearman", "Spearman"), ("auroc", "AUROC")):
        if np.isfinite(item.get(key, np.nan)):
            words.append(f"{said} {item[key]:+.2f}" if key == "mean_error" else f"{said} {item[key]:.2f}")
    if "coverage" in item:
        words.append(f"in interval {100 * item['coverage']:.0f} %")
    if "balanced_accuracy" in item:
        words.append(f"balanced acc. {100 * item['balanced_accuracy']:.0f} %")
    return words


def _draw_confusion(axes: Axes, name: str, item: dict[str, Any]) -> None:
    """Draw counts by true and predicted class, shaded by their share of the true class."""
    counts = np.asarray(item["confusion"], dtype=float)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    names = [f"{value:g}" for value in item["classes"]]
    for row, column in np.ndindex(*counts.shape):
        colour = "white" if share[row, column] > 0.55 else INK
        axes.text(column, row, f"{counts[row, column]:.0f}", ha="center", va="center", fontsize=8, color=colour)
    title = f"nearest class: {100 * item['accuracy']:.1f} ± {100 * item['accuracy_error']:.1f} % right"
    titled_axes(axes, title, "predicted", "known")
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)


def _draw_errors(axes: Axes, evaluation: Evaluation, name: str) -> None:
    """Draw the distribution of errors, or of probabilities by class."""
    truth, value, _, _ = _columns(evaluation, name)
    if PROPERTIES[name].probability:
        edges = np.linspace(0, 1, 21).tolist()
        for present, colour, words in ((True, ROWS[1], "present"), (False, ROWS[0], "absent")):
            inside = (truth >= 0.5) == present
            axes.hist(value[inside], edges, color=colour, alpha=0.55, label=words)
        axes.legend(frameon=False, fontsize=7, labelcolor=INK)
        titled_axes(axes, "", "predicted probability", "spectra")
        return
    axes.hist(value - truth, 25, color=ROWS[0], alpha=0.75)
    axes.axvline(0, color=MUTED, lw=0.8)
    titled_axes(axes, "", "predicted − known", "spectra")
    quiet_axes(axes)
