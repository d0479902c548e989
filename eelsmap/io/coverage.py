"""Which edges an energy axis covers."""

from __future__ import annotations

from eelsmap.edges import Edge, EdgeSet
from eelsmap.recipe import BackgroundStep

__all__ = ["count_edges", "edge_coverage"]


def edge_coverage(low: float, high: float, edge: Edge) -> str:
    """Say whether an axis, taken at its word, covers an edge.

    Parameters
    ----------
    low, high
        Ends of the axis, eV.
    edge
        The edge.

    Returns
    -------
    str
        ``"covered"`` (background and near-edge window inside), ``"partial"`` (enough of both to be used, with wider
        intervals) or ``"outside"``.
    """
    if low <= edge.background[0] and high >= edge.near_edge[1]:
        return "covered"
    if low <= edge.background[1] - BackgroundStep().minimum_window and high >= edge.minimum_end:
        return "partial"
    return "outside"


def count_edges(low: float, high: float, edges: EdgeSet) -> int:
    """Count the edges that an axis covers at least in part."""
    return sum(edge_coverage(low, high, edge) != "outside" for edge in edges)
