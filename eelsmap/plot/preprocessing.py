"""Accuracy of preprocessing against simulated truth, over counts, thickness, drift and dispersion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eelsmap.plot.style import INK, MUTED, ROWS, new_figure, quiet_axes, titled_axes

__all__ = ["plot_preprocessing_accuracy"]

Rows = Sequence[Mapping[str, Any]]

_EDGE = "Mn_L"
_COLOURS = {
    "eelsmap, weighted": ROWS[0],
    "eelsmap, likelihood": ROWS[2],
    "exspy": ROWS[1],
    "eelsmap, Fourier-ratio": ROWS[0],
    "eelsmap, as recorded": MUTED,
    "exspy, Fourier-ratio": ROWS[1],
    "eelsmap, dual EELS": ROWS[0],
    "eelsmap, single EELS": ROWS[2],
    "exspy, dual EELS": ROWS[1],
    "left alone": MUTED,
}


def plot_preprocessing_accuracy(rows: Rows, /) -> Figure:
    """Draw what ``benchmarks/preprocessing_accuracy.py`` measured.

    Parameters
    ----------
    rows
        One mapping a measurement: ``sweep``, ``value``, ``chain`` and its figures.

    Returns
    -------
    matplotlib.figure.Figure
        Four panels; needs no screen.
    """
    footer = [
        "Simulated spectra: library spectra through the synthetic microscope; eelsmap and exspy treat the same counts.",
        "Bound: Cramér-Rao, for a power law and an edge of unknown shape.",
    ]
    figure, body = new_figure(11.0, 6.8, footer, title="Preprocessing against simulated truth")
    panels = body.subplots(2, 2)
    _counts(panels[0, 0], _of(rows, "counts"))
    _thickness(panels[0, 1], _of(rows, "thickness"))
    _drift(panels[1, 0], _of(rows, "drift"))
    _dispersion(panels[1, 1], _of(rows, "dispersion"))
    return figure


def _counts(axes: Axes, rows: Rows) -> None:
    """Scatter of the net counts over the counts, beside the bound."""
    titled_axes(axes, "Scatter of the net Mn L counts", "counts in the O K window", "share of the truth")
    chosen = [row for row in rows if row["edge"] == _EDGE]
    values = _values(chosen)
    bound = [next(row["bound"] for row in chosen if row["value"] == value) for value in values]
    axes.plot(values, bound, color=INK, linestyle="--", linewidth=1.2, label="Cramér-Rao bound", zorder=5)
    for chain in ("eelsmap, weighted", "eelsmap, likelihood", "exspy"):
        _line(axes, chosen, chain, "scatter")
    axes.set(xscale="log", yscale="log")
    _finish(axes)


def _thickness(axes: Axes, rows: Rows) -> None:
    """Bias of the net counts over the thickness, RMS over the edges."""
    titled_axes(axes, "Net counts over those of single scattering", "thickness t/λ", "mean of the four edges")
    for chain in ("eelsmap, as recorded", "exspy, Fourier-ratio", "eelsmap, Fourier-ratio"):
        values = _values(rows)
        means = [np.mean([1 + r["bias"] for r in rows if (r["value"], r["chain"]) == (v, chain)]) for v in values]
        axes.plot(values, means, "o-", markersize=4, color=_COLOURS[chain], label=chain)
    axes.axhline(1.0, color=INK, linestyle="--", linewidth=1.0)
    axes.set_ylim(0, 1.3)
    _finish(axes)


def _drift(axes: Axes, rows: Rows) -> None:
    """Show what is left of a drift."""
    titled_axes(axes, "What is left of a drift (1e5 counts)", "range of the drift, eV", "standard deviation, eV")
    chosen = [row for row in rows if row["counts"] == max(row["counts"] for row in rows)]
    for chain in ("left alone", "eelsmap, single EELS", "exspy, dual EELS", "eelsmap, dual EELS"):
        _line(axes, chosen, chain, "left_eV")
    _finish(axes)


def _dispersion(axes: Axes, rows: Rows) -> None:
    """Show what is left of a wrong dispersion, and what was said to be left."""
    titled_axes(axes, "Dispersion wrong, axis 3 eV off", "error of the dispersion, %", "RMS over the edges, eV")
    values = _values(rows)
    for key, label, colour, style in (
        ("recorded_eV", "as recorded", MUTED, "o-"),
        ("stated_eV", "eelsmap, said to remain", ROWS[0], "o--"),
        ("left_eV", "eelsmap, put right", ROWS[0], "o-"),
    ):
        means = [np.sqrt(np.mean([row[key] ** 2 for row in rows if row["value"] == value])) for value in values]
        axes.plot(100 * np.array(values), means, style, markersize=4, color=colour, label=label)
    axes.set_ylim(0, None)
    _finish(axes)


def _line(axes: Axes, rows: Rows, chain: str, key: str) -> None:
    """One chain over the values of a sweep."""
    points = [(row["value"], row[key]) for row in rows if row["chain"] == chain]
    axes.plot(*zip(*points, strict=True), "o-", markersize=4, color=_COLOURS[chain], label=chain)


def _finish(axes: Axes) -> None:
    """Legend and quiet frame."""
    quiet_axes(axes)
    axes.legend(frameon=False, fontsize=8)


def _of(rows: Rows, sweep: str) -> Rows:
    """Rows of one sweep."""
    return [row for row in rows if row["sweep"] == sweep]


def _values(rows: Rows) -> list[float]:
    """Values of a sweep in order."""
    return list(dict.fromkeys(float(row["value"]) for row in rows))
