"""Figures of the O K surrogate: its error at every energy, and what each further training atom was worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, ScalarFormatter

from eelsmap.plot.style import INK, MUTED, ROWS, new_figure, titled_axes

if TYPE_CHECKING:
    from pathlib import Path

    from eelsmap.library.surrogate import Surrogate

__all__ = ["plot_surrogate_error", "plot_surrogate_learning", "save_surrogate_figures"]

_SHOWN = 0.05
"""Part of its maximum above which the mean spectrum counts as edge; below it a relative error means nothing."""
_BASELINES = {
    "surrogate": ("surrogate", ROWS[0]),
    "nearest": ("calculated cell of nearest composition", ROWS[1]),
    "mean": ("mean spectrum", MUTED),
}
_ORDERS = {
    "random atoms": (MUTED, "o", 0.6),
    "active atoms": (ROWS[0], "o", 1.6),
    "random cells": ("#e3ab86", "s", 0.6),
    "active cells": (ROWS[1], "s", 1.6),
}


def plot_surrogate_error(surrogate: Surrogate, /) -> Figure:
    """Draw the error per energy on the test side, of oxygen atoms and of cell averages, beside two baselines.

    Parameters
    ----------
    surrogate
        Fitted, with its evidence.

    Returns
    -------
    matplotlib.figure.Figure
        Needs no screen.
    """
    entry = surrogate.header["metrics"]["test"]["surrogate"]["all"]
    footer = [
        f"Simulated spectra: {entry['cells']} calculated cells ({entry['atoms']} oxygen atoms) of the test side, which "
        "never train. Grey area: mean calculated spectrum; errors are shown where it exceeds a twentieth of its "
        "maximum."
    ]
    figure, body = new_figure(8.4, 3.3, footer, title="Surrogate of the O K edge: error at every energy")
    panels = body.subplots(1, 2, sharey=True)
    mean = surrogate.arrays["mean_spectrum"]
    shown = mean > _SHOWN * mean.max()
    for axes, which, title in zip(panels, ("atom", "cell"), ("oxygen atoms", "cell averages"), strict=True):
        for way, (words, colour) in _BASELINES.items():
            error = 100 * surrogate.arrays[f"error_{which}_{way}"][shown]
            axes.plot(surrogate.energy[shown], error, color=colour, label=words, lw=1.2)
        titled_axes(axes, title, "energy loss (eV)", "RMS error (% of the mean spectrum)" if which == "atom" else "")
        axes.set(xlim=(524, surrogate.energy[-1]), ylim=(0, None))
        spectrum = axes.twinx()
        spectrum.fill_between(surrogate.energy, mean, color="0.5", alpha=0.15, lw=0)
        spectrum.set(yticks=[], ylim=(0, 1.1 * mean.max()))
        spectrum.spines[:].set_visible(False)
    panels[1].legend(frameon=False, fontsize=7, labelcolor=INK)
    return figure


def plot_surrogate_learning(surrogate: Surrogate, /) -> Figure:
    """Draw errors on the test side against the number of training atoms: random and active, by atoms and by cells.

    Parameters
    ----------
    surrogate
        Fitted, with its evidence.

    Returns
    -------
    matplotlib.figure.Figure
        Needs no screen.
    """
    curves = surrogate.header["learning_curves"]
    per_lithium = abs(surrogate.header["pre_edge"]["share_per_lithium"])
    footer = [
        "Simulated spectra, test side. Thin lines: five random orders; thick lines: each next atom (or cell, which "
        "brings all its oxygen atoms) lowers the summed uncertainty of all candidates most; no spectrum is looked at. "
        f"Right: the error of the pre-edge share divided by its change per lithium ({per_lithium:.3f})."
    ]
    figure, body = new_figure(8.4, 3.3, footer, title="Surrogate of the O K edge: random against active choice")
    panels = body.subplots(1, 2)
    for axes, key, scale, title in (
        (panels[0], "atom", 100.0, "RMS error of an oxygen atom (%)"),
        (panels[1], "share", 1 / per_lithium, "error of a cell's pre-edge share (Li)"),
    ):
        for way, (colour, marker, width) in _ORDERS.items():
            for number, row in enumerate(curves[way][key]):
                values = [scale * value for value in row]
                label = way if number == 0 else None
                axes.plot(curves["sizes"], values, color=colour, marker=marker, ms=3, lw=width, label=label)
        titled_axes(axes, title, "training atoms")
        axes.set(xscale="log", ylim=(0, None))
        axes.set_xticks(curves["sizes"][:-1])
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_locator(NullLocator())
    panels[0].legend(frameon=False, fontsize=7, labelcolor=INK, loc="lower left")
    return figure


def save_surrogate_figures(surrogate: Surrogate, folder: Path, /) -> list[Path]:
    """Write ``surrogate_error.png`` and ``surrogate_learning.png`` into a folder, made if absent."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"surrogate_error": plot_surrogate_error, "surrogate_learning": plot_surrogate_learning}
    paths = [folder / f"{name}.png" for name in figures]
    for path, draw in zip(paths, figures.values(), strict=True):
        draw(surrogate).savefig(path, dpi=150)
    return paths
