"""A spectrum with the edges found in it: where they usually are, where they were found, what a model reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from eelsmap.edges import NMC_EDGES, Edge, EdgeSet
from eelsmap.plot.style import BACKGROUND_WINDOW, EDGE_WINDOW, INK, LINE, MUTED, ROWS, new_figure, quiet_axes

__all__ = ["plot_edges"]


def plot_edges(
    energy: ArrayLike,
    counts: ArrayLike,
    /,
    displacements: Mapping[str, float] | None = None,
    *,
    backgrounds: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    edges: EdgeSet = NMC_EDGES,
    message: str = "",
    title: str = "",
) -> Figure:
    """Draw a spectrum and, below it, each of its edges with the windows that are used.

    Parameters
    ----------
    energy
        Recorded energies, shape (channel,), eV.
    counts
        Mean spectrum, shape (channel,).
    displacements
        Edge name to recorded minus usual energy, eV, of the edges that were found;
        ``maps.provenance["axis"]["displacements_eV"]`` has them.
    backgrounds
        Edge name to recorded energies and counts of its fitted background.
    edges
        The edges to show.
    message
        What was done to the axis, in words; ``maps.provenance["axis"]["message"]`` has it.
    title
        Title of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Needs no screen.

    Raises
    ------
    ValueError
        If energies and counts differ in shape.
    """
    x, y = np.asarray(energy, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"energy has shape {x.shape}, counts {y.shape}; both must be (channel,)")
    found = dict(displacements or {})
    legend: list[tuple[Any, str]] = [
        (Rectangle((0, 0), 1, 1, facecolor=BACKGROUND_WINDOW), "window in which the background is fitted"),
        (Rectangle((0, 0), 1, 1, facecolor=EDGE_WINDOW), "near-edge window that a model reads"),
        (
            Rectangle((0, 0), 1, 1, facecolor=ROWS[1], linewidth=0),
            "dashed: usual energy of a line; solid: where it was found",
        ),
    ]
    figure, body = new_figure(11.0, 5.4, [message] if message else [], legend, title)
    grid = body.add_gridspec(2, len(edges), height_ratios=[1.25, 1.0])
    _draw_whole(body.add_subplot(grid[0, :]), x, y, edges, found)
    for column, edge in enumerate(edges):
        fitted = (backgrounds or {}).get(edge.name)
        _draw_edge(body.add_subplot(grid[1, column]), x, y, edge, found.get(edge.name), fitted)
    return figure


def _draw_whole(
    axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64], edges: EdgeSet, found: Mapping[str, float]
) -> None:
    """Draw the whole spectrum on a logarithmic scale, with the name of each edge above it."""
    positive = np.where(y > 0, y, np.nan)
    axes.plot(x, positive, color=INK, linewidth=0.9)
    axes.set(yscale="log", xlim=(x[0], x[-1]))
    if np.isfinite(positive).any():
        low, high = np.nanpercentile(positive, [0.5, 100])
        axes.set_ylim(low / 1.3, high * 1.7)
    for edge in edges:
        at = edge.lines[0].energy + found.get(edge.name, 0.0)
        if not x[0] <= at <= x[-1]:
            continue
        axes.axvline(at, color=ROWS[1], linewidth=0.9, linestyle="-" if edge.name in found else "--", alpha=0.8)
        shift = f"  {_signed(found[edge.name])}" if edge.name in found else ""
        axes.annotate(
            f"{edge.name.replace('_', ' ')}{shift}", (at, 1), xycoords=axes.get_xaxis_transform(), xytext=(3, -4),
            textcoords="offset points", va="top", fontsize=8, color=ROWS[1],
        )  # fmt: skip
    axes.tick_params(which="both", labelsize=7.5, labelcolor=MUTED, color=LINE)
    axes.set_xlabel("recorded energy loss (eV)", fontsize=8, color=MUTED)
    axes.set_ylabel("mean counts", fontsize=8, color=MUTED)
    quiet_axes(axes)


def _draw_edge(
    axes: Axes,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    edge: Edge,
    shift: float | None,
    fitted: tuple[ArrayLike, ArrayLike] | None,
) -> None:
    """Draw one edge with its windows, moved to where the edge was found."""
    name = edge.name.replace("_", " ")
    moved = shift or 0.0
    window = (edge.background[0] + moved, edge.near_edge[1] + moved)
    inside = (x >= window[0]) & (x <= window[1])
    axes.set_title(name if shift is None else f"{name}  {_signed(shift)}", loc="left", fontsize=9, color=INK)
    quiet_axes(axes)
    axes.set_xlim(window)
    if inside.sum() < 2:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "outside the axis", transform=axes.transAxes, ha="center", fontsize=8, color=MUTED)
        return
    for (start, end), colour in ((edge.background, BACKGROUND_WINDOW), (edge.near_edge, EDGE_WINDOW)):
        axes.axvspan(start + moved, end + moved, color=colour, linewidth=0, alpha=0.6, zorder=0)
    axes.plot(x[inside], y[inside], color=INK, linewidth=0.9)
    if fitted is not None:
        axes.plot(*(np.asarray(part) for part in fitted), color=ROWS[2], linewidth=1.0)
    for line in edge.lines:
        axes.axvline(line.energy, color=ROWS[1], linewidth=0.8, linestyle="--", alpha=0.7)
        if shift is not None:
            axes.axvline(line.energy + shift, color=ROWS[1], linewidth=0.9)
    some = y[inside & np.isfinite(y)]
    if some.size:
        pad = 0.08 * np.ptp(some) or 1.0
        axes.set_ylim(some.min() - pad, some.max() + pad)
    axes.yaxis.get_offset_text().set(fontsize=7, color=MUTED)
    axes.ticklabel_format(axis="y", scilimits=(-2, 4), useMathText=True)
    axes.spines["left"].set_color(LINE)


def _signed(shift: float) -> str:
    """Write an energy with its sign, the minus as long as the plus."""
    return f"{shift:+.1f} eV".replace("-", "\N{MINUS SIGN}")
