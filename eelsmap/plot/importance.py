"""What a model looks at, over energy: gain and splits of its trees, and what each window of energy is worth."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.ndimage import gaussian_filter1d

from eelsmap.mapping.map_names import map_info
from eelsmap.models.importance import ModelImportance
from eelsmap.models.permutation import PermutationImportance
from eelsmap.plot.style import INK, LINE, MUTED, NO_ANSWER, ROWS, new_figure, titled_axes

__all__ = ["plot_importance"]

_SMOOTHING_EV = 0.25
_GAIN, _SPLITS, _PERMUTED = ROWS


def plot_importance(
    importance: ModelImportance, /, permutation: PermutationImportance | None = None, *, title: str = ""
) -> Figure:
    """Draw the importance of each energy, one row an edge.

    Parameters
    ----------
    importance
        Gain and split counts.
    permutation
        Permutation importance of the same property, if it was measured.
    title
        Title of the figure; the property when empty.

    Returns
    -------
    matplotlib.figure.Figure
        Needs no screen.
    """
    edges = list(importance.boundaries)
    label = map_info(importance.target).label
    legend = [
        (Rectangle((0, 0), 1, 1, facecolor=_GAIN), "gain: share of all that the splits of the trees bring, per eV"),
        (Rectangle((0, 0), 1, 1, facecolor=_SPLITS), "splits: share of their number, per eV"),
    ]
    foot = [
        "Grey: mean of the training spectra. Left: a split at E compares the intensity below E with that above it, or "
        f"asks for the intensity at E from the maximum. At no single energy: {_others(importance)}."
    ]
    if permutation is not None:
        legend.append(
            (
                Rectangle((0, 0), 1, 1, facecolor=_PERMUTED),
                f"rise of the {permutation.metric} when the intensity inside the window is exchanged between spectra",
            )
        )
        foot.append(_measured(permutation))
    columns = 1 if permutation is None else 2
    figure, body = new_figure(
        4.6 * columns + 0.6, 1.55 * len(edges), foot, legend, title or f"{label}: what the model looks at"
    )
    panels = body.subplots(len(edges), columns, squeeze=False, sharey="col")
    for row, name in enumerate(edges):
        _draw_shares(panels[row, 0], importance, name)
        if permutation is not None:
            _draw_windows(panels[row, 1], importance, permutation, name)
    for axes in panels[-1]:
        axes.set_xlabel("energy loss (eV)", fontsize=7.5, color=MUTED)
    return figure


def _draw_shares(axes: Axes, importance: ModelImportance, name: str) -> None:
    """Draw gain and splits of one edge per eV."""
    boundaries = importance.boundaries[name]
    width = float(boundaries[1] - boundaries[0])
    gain, splits = importance.gain[name], importance.splits[name]
    title = f"{name.replace('_', ' ')}   {100 * gain.sum():.0f} % of the gain, {100 * splits.sum():.0f} % of the splits"
    titled_axes(axes, title, "", "share per eV")
    for share, colour in ((gain, _GAIN), (splits, _SPLITS)):
        axes.stairs(
            100 * gaussian_filter1d(share, _SMOOTHING_EV / width) / width, boundaries, color=colour, linewidth=1.0
        )
    axes.set_ylim(0, None)
    axes.yaxis.set_major_formatter("{x:g} %")
    _draw_usual(axes, importance, name)


def _draw_windows(axes: Axes, importance: ModelImportance, permutation: PermutationImportance, name: str) -> None:
    """Draw the rise of the error of each window of one edge."""
    shape = permutation.by_group[f"shape {name}"]
    titled_axes(axes, f"whole shape of {name.replace('_', ' ')}: {shape:+.3f}".replace("-", "\N{MINUS SIGN}"))
    cuts, rise = permutation.boundaries[name], permutation.by_window[name]
    axes.bar((cuts[1:] + cuts[:-1]) / 2, rise, width=0.94 * np.diff(cuts), color=_PERMUTED, linewidth=0, zorder=2)
    axes.axhline(0, color=LINE, linewidth=0.7)
    axes.set_ylabel(f"rise of {permutation.metric}", fontsize=7.5, color=MUTED)
    _draw_usual(axes, importance, name)


def _draw_usual(axes: Axes, importance: ModelImportance, name: str) -> None:
    """Draw the mean spectrum behind everything, on a scale of its own."""
    behind = axes.twinx()
    behind.stairs(importance.usual[name], importance.boundaries[name], fill=True, color=NO_ANSWER, alpha=0.75)
    behind.set(yticks=[], ylim=(0, 1.05 * importance.usual[name].max()))
    behind.spines[:].set_visible(False)
    behind.set_zorder(0)
    axes.set_zorder(1)
    axes.patch.set_visible(False)
    axes.set_xlim(importance.boundaries[name][0], importance.boundaries[name][-1])
    axes.tick_params(labelcolor=INK)


def _others(importance: ModelImportance) -> str:
    """Say how much the features bring that belong to no energy."""
    gain, splits = sum(importance.other_gain.values()), sum(importance.other_splits.values())
    strongest = sorted(importance.other_gain.items(), key=lambda item: -item[1])[:4]
    named = ", ".join(f"{name.replace('_', ' ')} {100 * share:.0f} %" for name, share in strongest if share >= 0.005)
    return f"{100 * gain:.0f} % of the gain ({named}), {100 * splits:.0f} % of the splits"


def _measured(permutation: PermutationImportance) -> str:
    """Say on what the permutation importance was measured, and what belongs to no energy."""
    groups = ", ".join(
        f"{name.replace('_', ' ')} {rise:+.3f}"
        for name, rise in sorted(permutation.by_group.items(), key=lambda item: -item[1])
        if not name.startswith("shape")
    ).replace("-", "\N{MINUS SIGN}")
    return (
        f"Right: {permutation.spectra} simulated spectra of held-out structures, {permutation.metric} "
        f"{permutation.error:.3f} as they are; mean of {permutation.repeats} exchanges, which scatter by at most "
        f"{permutation.scatter:.3f}. Rise when exchanged without regard to energy: {groups}."
    )
