"""How much of an edge lies inside the energy axis, and whether that is enough."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import Edge
from eelsmap.preprocess.energy_axis import AxisCorrection
from eelsmap.recipe import Recipe

__all__ = ["OUTSIDE", "continue_cut_edge", "covered_points", "tail_points", "why_not_covered"]

_TAIL = 3.0

OUTSIDE = "lies outside the axis"
"""What :func:`why_not_covered` says of an edge that the axis does not touch."""


def covered_points(
    edge: Edge, index: int, energy: NDArray[np.float64], axis: AxisCorrection, recipe: Recipe, /
) -> NDArray[np.bool_] | None:
    """Find the grid points of an edge that lie inside the axis.

    Parameters
    ----------
    edge, index
        The edge and its place in the edge set.
    energy
        Recorded energies, less the position of the zero-loss peak where pixels are shifted by it, shape (channel,), eV.
    axis
        The correction of the energy axis.
    recipe
        The road.

    Returns
    -------
    numpy.ndarray or None
        Shape (point,); None when the axis holds too little of the background or of the near-edge window.
    """
    if why_not_covered(edge, axis.usual(index, energy), recipe):
        return None
    recorded = axis.recorded(index, edge.grid(recipe.edge_set.points))
    return (recorded >= energy[0]) & (recorded <= energy[-1])


def continue_cut_edge(net: NDArray[np.float64], grid: NDArray[np.float64], covered: NDArray[np.bool_], /) -> None:
    """Let an edge that the axis cuts off go on as it ends: with the mean of its last few eV, in place.

    Parameters
    ----------
    net
        Net counts, shape (n, point).
    grid
        Energies, shape (point,), eV.
    covered
        Which points the axis holds, shape (point,).
    """
    if not covered.all():
        tail = np.flatnonzero(covered)[-tail_points(grid) :]
        net[:, ~covered] = net[:, tail].mean(axis=1, keepdims=True)


def tail_points(grid: NDArray[np.float64], /) -> int:
    """Say how many points at its end carry a cut-off edge on."""
    return max(1, round(_TAIL / (grid[1] - grid[0])))


def why_not_covered(edge: Edge, usual: NDArray[np.float64], recipe: Recipe, /) -> str:
    """Say what an axis lacks of an edge.

    Parameters
    ----------
    edge
        The edge.
    usual
        Energies of the axis on the usual scale, shape (channel,), eV.
    recipe
        The road.

    Returns
    -------
    str
        A clause to follow the name of the edge; empty when there is enough of it.
    """
    low, high = float(usual[0]), float(usual[-1])
    if high <= edge.background[0] or low >= edge.near_edge[1]:
        return OUTSIDE
    held = max(0.0, min(edge.background[1], high) - max(edge.background[0], low))
    if held < recipe.background.minimum_window:
        return (
            f"the axis holds {held:.0f} eV of the background before it ({edge.background[0]:.0f}-"
            f"{edge.background[1]:.0f} eV), at least {recipe.background.minimum_window:g} eV are needed"
        )
    if low > edge.near_edge[0] or high < edge.minimum_end:
        return f"the axis must reach from {edge.near_edge[0]:.0f} to at least {edge.minimum_end:.0f} eV"
    return ""
