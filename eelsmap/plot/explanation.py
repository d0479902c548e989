"""One spectrum with what each of its energies contributed to a property, and how the contributions add up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from eelsmap.mapping.map_names import map_info
from eelsmap.models.explanation import Explanation
from eelsmap.plot.style import INK, LINE, MUTED, ROWS, new_figure, titled_axes

__all__ = ["plot_explanation"]

_LOWERS, _RAISES = ROWS[0], ROWS[1]
_COLOURS = LinearSegmentedColormap.from_list("contribution", [_LOWERS, "#eef0f2", _RAISES])
_STRONG = 97.0
_NAMED = 6
_WORTH_NAMING = 0.05
_WORDS = {
    "log_snr": "signal to noise of {}",
    "coverage": "covered part of {}",
    "share": "share of {}",
    "log_metals_over": "metals over {}",
    "unseen": "{} is not seen",
    "axis_uncertainty": "uncertainty of the axis",
}


def plot_explanation(
    explanation: Explanation, /, *, row: int = 0, title: str = "", footer: Sequence[str] = ()
) -> Figure:
    """Draw why a model says what it says of one spectrum.

    Parameters
    ----------
    explanation
        Of one or more spectra.
    row
        Which of them.
    title
        Title of the figure; the property and its value when empty.
    footer
        Further sentences for the foot.

    Returns
    -------
    matplotlib.figure.Figure
        Needs no screen.
    """
    info = map_info(explanation.target)
    edges = list(explanation.contributions)
    value = explanation.value[row]
    said = f"{info.label}: {value:.2f} {explanation.unit}, usually {explanation.base:.2f}".replace(
        "-", "\N{MINUS SIGN}"
    )
    legend = [
        (Rectangle((0, 0), 1, 1, facecolor=_RAISES), "raises the prediction"),
        (Rectangle((0, 0), 1, 1, facecolor=_LOWERS), "lowers it"),
    ]
    foot = [
        "Black: this spectrum; dashed: mean of the training spectra. Exact tree SHAP values, which add up to the "
        "prediction. What a point of the cumulative distribution contributed is carried to the energies below and "
        "above it where the intensity differs from the mean; what a bin counted from the maximum contributed, to where "
        "it lies. They tell what the model used, not what causes it.",
        *footer,
    ]
    width = 2.35 * len(edges) + 2.9
    figure, body = new_figure(width, 3.9, foot, legend, title or said)
    grid = body.add_gridspec(2, len(edges) + 1, height_ratios=[1.5, 1.0], width_ratios=[1.0] * len(edges) + [1.15])
    density = {name: explanation.contributions[name][row] / np.diff(explanation.boundaries[name]) for name in edges}
    strong = np.percentile(np.abs(np.concatenate(list(density.values()))), _STRONG) or 1.0
    lower = None
    for column, name in enumerate(edges):
        above = body.add_subplot(grid[0, column])
        _draw_spectrum(above, explanation, name, row, density[name] / strong)
        lower = body.add_subplot(grid[1, column], sharex=above, sharey=lower)
        _draw_density(lower, explanation.boundaries[name], density[name])
        lower.set_xlabel("energy loss (eV)", fontsize=7.5, color=MUTED)
        above.tick_params(labelbottom=False)
        if column == 0:
            above.set_ylabel("share of intensity (1/eV)", fontsize=7.5, color=MUTED)
            lower.set_ylabel(f"{explanation.unit} per eV", fontsize=7.5, color=MUTED)
        else:
            lower.tick_params(labelleft=False)
    _draw_sum(body.add_subplot(grid[:, -1]), explanation, row)
    return figure


def _draw_spectrum(axes: Axes, explanation: Explanation, name: str, row: int, strength: NDArray[np.float64]) -> None:
    """Draw the spectrum of one edge, coloured below by its contributions."""
    boundaries, spectrum = explanation.boundaries[name], explanation.intensity[name][row]
    titled_axes(axes, name.replace("_", " "))
    axes.stairs(explanation.usual[name], boundaries, color=MUTED, linewidth=0.9, linestyle="--", baseline=None)
    if np.isfinite(spectrum).all():
        centres, width = (boundaries[1:] + boundaries[:-1]) / 2, np.diff(boundaries)
        axes.bar(centres, spectrum, width=1.02 * width, color=_COLOURS(0.5 + 0.5 * strength), linewidth=0)
        axes.stairs(spectrum, boundaries, color=INK, linewidth=0.9, baseline=None)
    else:
        axes.text(0.5, 0.5, "not seen", transform=axes.transAxes, ha="center", fontsize=8, color=MUTED)
    axes.axhline(0, color=LINE, linewidth=0.7)
    axes.set_xlim(boundaries[0], boundaries[-1])
    axes.set_yticks([0.0, *[tick for tick in axes.get_yticks() if tick > 0][1::2]])


def _draw_density(axes: Axes, boundaries: NDArray[np.float64], density: NDArray[np.float64]) -> None:
    """Draw contributions per eV."""
    for colour, part in ((_RAISES, np.maximum(density, 0)), (_LOWERS, np.minimum(density, 0))):
        axes.stairs(part, boundaries, fill=True, color=colour, linewidth=0)
    axes.axhline(0, color=LINE, linewidth=0.7)
    titled_axes(axes, "")


def _draw_sum(axes: Axes, explanation: Explanation, row: int) -> None:
    """Draw how edges and the strongest other features lead from the usual value to this one."""
    others = {name: float(values[row]) for name, values in explanation.others.items()}
    strongest = sorted(others, key=lambda name: -abs(others[name]))
    steps = [(name.replace("_", " "), float(value[row])) for name, value in explanation.by_edge().items()]
    largest = max(abs(value) for value in [*others.values(), *(step for _, step in steps)])
    named = [name for name in strongest[:_NAMED] if abs(others[name]) > _WORTH_NAMING * largest]
    steps += [(_in_words(name), others[name]) for name in named]
    steps.append(("everything else", sum(others.values()) - sum(others[name] for name in named)))
    at = explanation.base
    labels = ["usual"]
    axes.plot([at, at], [-0.4, 0.4], color=MUTED, linewidth=2)
    for place, (label, step) in enumerate(steps, 1):
        axes.barh(place, step, left=at, height=0.62, color=_RAISES if step > 0 else _LOWERS, linewidth=0)
        labels.append(f"{label} {step:+.2f}".replace("-", "\N{MINUS SIGN}"))
        at += step
    axes.plot([at, at], [len(steps) + 0.6, len(steps) + 1.4], color=INK, linewidth=2)
    titled_axes(axes, "how it adds up", explanation.unit)
    axes.set_yticks(range(len(steps) + 2), [*labels, "prediction"], fontsize=7.5)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0, labelcolor=INK)


def _in_words(name: str) -> str:
    """Readable name of a feature that belongs to no energy."""
    kind, _, edge = name.partition(" ")
    return _WORDS.get(kind, name).format(edge.replace("_", " ")).replace("_", " ")
