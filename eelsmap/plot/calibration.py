"""Figures of calibration and transfer: errors on held-out references before and after, way by way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eelsmap.plot.style import INK, LINE, MUTED, ROWS, new_figure, titled_axes
from eelsmap.properties import PROPERTIES

if TYPE_CHECKING:
    from eelsmap.models.calibration import Attempt, Calibration

__all__ = ["plot_calibration", "plot_transfer"]


def plot_calibration(result: Calibration, /, *, title: str = "") -> Figure:
    """Draw the error of every way before and after, with the standard error of the gain, a panel each property.

    Parameters
    ----------
    result
        What was tried.
    title
        Above the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Needs no screen.
    """
    references = result.references
    tried = [item for item in result.attempts if not item.refusal]
    if not tried:
        raise ValueError("no way was tried; there is nothing to draw")
    model = references.model
    footer = [
        f"Model {model.name} {model.version} ({model.sha256[:8]}); {len(references.group)} spectra of "
        f"{len(references.group_names)} specimens that you gave, each specimen held out when it was judged. Bars: one "
        "standard error of the gain, from a bootstrap over specimens."
    ]
    names = list(references.truth)
    figure, body = new_figure(8.4, (0.75 + 0.26 * len(tried)) * len(names) + 0.3, footer, title=title)
    panels = body.subplots(len(names), 1, squeeze=False)[:, 0]
    for axes, name in zip(panels, names, strict=True):
        _draw(axes, name, tried)
    return figure


def _draw(axes: Axes, name: str, tried: list[Attempt]) -> None:
    """One property: a row each way."""
    key = "brier" if PROPERTIES[name].probability else "rmse"
    for row, item in enumerate(reversed(tried)):
        found = (item.metrics or {})[name]
        before, after = (found[when].get(key, np.nan) for when in ("before", "after"))
        axes.plot((before, after), (row, row), color=LINE, lw=1.2, zorder=0)
        axes.plot(before, row, marker="o", ms=4.5, color=MUTED, ls="none", label="before" if row == 0 else None)
        axes.errorbar(after, row, xerr=found["gain_error"], marker="o", ms=4.5, color=ROWS[0], lw=1.1, ls="none",
                      label="after" if row == 0 else None)  # fmt: skip
    titled_axes(axes, PROPERTIES[name].label, "Brier score" if PROPERTIES[name].probability else "RMSE")
    axes.set_yticks(range(len(tried)), [item.way.name for item in reversed(tried)])
    axes.set(xlim=(0, None), ylim=(-0.6, len(tried) - 0.4))
    axes.legend(frameon=False, fontsize=7, labelcolor=INK, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def plot_transfer(
    trials: Sequence[Mapping[str, Any]],
    targets: Sequence[str],
    sizes: Sequence[int],
    ways: Sequence[str],
    words: str,
    /,
) -> Figure:
    """Draw errors and coverage on a new system against the number of labelled spectra of it.

    Parameters
    ----------
    trials
        Each with ``size`` and ``errors``: way to property to ``rmse`` and ``coverage``; the way ``none`` is before.
    targets
        Properties, a row each.
    sizes
        Numbers of labelled spectra.
    ways
        Which ways are drawn.
    words
        What was measured on what, for the foot.

    Returns
    -------
    matplotlib.figure.Figure
        Needs no screen.
    """
    footer = [words, "Points: mean over repeats with other families; bars: standard deviation over repeats."]
    figure, body = new_figure(8.4, 2.7 * len(targets), footer)
    panels = body.subplots(len(targets), 2, squeeze=False)
    colours = dict(zip(ways, (MUTED, ROWS[2], ROWS[1], ROWS[0]), strict=False))
    for line, name in zip(panels, targets, strict=True):
        for axes, key, words_y in ((line[0], "rmse", "RMSE"), (line[1], "coverage", "share in interval")):
            before = [item["errors"]["none"][name][key] for item in trials]
            axes.axhline(float(np.mean(before)), color=INK, lw=1.0, ls=(0, (4, 3)), label="before")
            for number, (way, colour) in enumerate(colours.items()):
                found = {
                    size: [
                        item["errors"][way][name][key]
                        for item in trials
                        if item["size"] == size and way in item["errors"]
                    ]
                    for size in sizes
                }
                used = [size for size in sizes if found[size]]
                place = np.array(used) * (1 + 0.025 * (number - 1.5))
                means, spreads = ([float(f(found[size])) for size in used] for f in (np.mean, np.std))
                axes.errorbar(
                    place, means, spreads, color=colour, marker="o", ms=3.5, lw=1.2, elinewidth=0.8, label=way
                )
            titled_axes(axes, PROPERTIES[name].label, "labelled spectra of the new system", words_y)
            axes.set(xscale="log", ylim=(0, 1.05 * axes.get_ylim()[1]) if key == "rmse" else (0, 1.03))
            axes.set_xticks(sizes, [str(size) for size in sizes])
            axes.minorticks_off()
        line[1].axhline(0.9, color=LINE, lw=0.8, zorder=0)
        line[0].legend(frameon=False, fontsize=7, labelcolor=INK)
    return figure
