"""Which edges an energy axis covers."""

from __future__ import annotations

import numpy as np

from eelsmap.edges import Edge, EdgeSet
from eelsmap.preprocess.coverage import why_not_covered
from eelsmap.recipe import Recipe

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
    return "outside" if why_not_covered(edge, np.array([low, high]), Recipe()) else "partial"


def count_edges(low: float, high: float, edges: EdgeSet) -> int:
    """Count the edges that an axis covers at least in part."""
    return sum(edge_coverage(low, high, edge) != "outside" for edge in edges)
