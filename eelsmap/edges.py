"""Core-loss edges: where they lie, where their background is fitted, and the grid on which a model reads them.

Energies follow the table of the multimodal paper (Jia et al., ACS Nano 2026, 10.1021/acsnano.5c16942) and common
EELS tabulations; each near-edge window is 32 eV wide so that all edges share one number of points.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import RecipeError

__all__ = ["NMC_EDGES", "Edge", "EdgeSet", "Line"]


@dataclass(frozen=True, slots=True)
class Line:
    """A feature by which an edge is located: its usual energy (eV) and its full width at half maximum (eV)."""

    name: str
    energy: float
    width: float


@dataclass(frozen=True, slots=True)
class Edge:
    """One core-loss edge. All energies in eV.

    Parameters
    ----------
    name
        Public name, for instance ``"Ni_L"``.
    element, subshell
        Chemical symbol and subshell (``"K"``, ``"L3"``).
    onset
        Tabulated onset.
    background
        Window in which the power-law background is fitted, just before the onset.
    near_edge
        First and last point of the near-edge window that a model reads.
    lines
        White lines (or, for O K, pre-edge and main peak) that locate the edge on a doubtful axis.
    signal
        Window of the strongest structure, in which the signal-to-noise ratio is measured: the background's
        extrapolation error grows with distance and would hide a weak white line in the whole window.
    minimum_end
        A spectrum that ends before this energy is refused for this edge; between it and the end of the window the
        edge counts as partial.
    """

    name: str
    element: str
    subshell: str
    onset: float
    background: tuple[float, float]
    near_edge: tuple[float, float]
    lines: tuple[Line, ...]
    signal: tuple[float, float]
    minimum_end: float

    def __post_init__(self) -> None:
        """Refuse windows that are empty or out of order."""
        ordered = self.background[0] < self.background[1] <= self.near_edge[0] < self.minimum_end <= self.near_edge[1]
        inside = self.near_edge[0] <= self.signal[0] < self.signal[1] <= self.minimum_end
        if not (ordered and inside):
            raise RecipeError(
                f"edge {self.name}: background {self.background} eV must end before the near-edge window "
                f"{self.near_edge} eV, which must hold signal {self.signal} eV and reach minimum_end "
                f"{self.minimum_end} eV"
            )

    def grid(self, points: int) -> NDArray[np.float64]:
        """Energies of the near-edge window.

        Parameters
        ----------
        points
            Number of points.

        Returns
        -------
        numpy.ndarray
            Shape (points,), eV.
        """
        return np.linspace(self.near_edge[0], self.near_edge[1], points)

    def intervals(self, points: int) -> NDArray[np.float64]:
        """Boundaries of the intervals around the points of :meth:`grid`, shape (points + 1,), eV."""
        grid = self.grid(points)
        step = grid[1] - grid[0]
        return np.append(grid - step / 2, grid[-1] + step / 2)


@dataclass(frozen=True, slots=True)
class EdgeSet:
    """An ordered, named set of edges with one number of points for all.

    Parameters
    ----------
    name
        Name of the set, written into results.
    edges
        The edges, by rising energy.
    points
        Number of points of every near-edge grid.
    """

    name: str
    edges: tuple[Edge, ...]
    points: int = 161

    def __post_init__(self) -> None:
        """Refuse sets that are empty, unordered, or name an edge twice."""
        onsets = [edge.onset for edge in self.edges]
        if not self.edges or onsets != sorted(onsets):
            raise RecipeError(f"edge set {self.name}: needs at least one edge, ordered by rising onset; got {onsets}")
        if len(set(self.names)) != len(self.edges):
            raise RecipeError(f"edge set {self.name}: names an edge twice: {self.names}")
        if self.points < 8:
            raise RecipeError(f"edge set {self.name}: {self.points} points are too few for a near-edge grid")

    def __iter__(self) -> Iterator[Edge]:
        """Edges by rising energy."""
        return iter(self.edges)

    def __len__(self) -> int:
        """Return the number of edges."""
        return len(self.edges)

    def __getitem__(self, name: str) -> Edge:
        """Return the edge of that name."""
        for edge in self.edges:
            if edge.name == name:
                return edge
        raise RecipeError(f"no edge {name!r} in the set {self.name!r}; it has {', '.join(self.names)}")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the edges, by rising energy."""
        return tuple(edge.name for edge in self.edges)

    def index(self, name: str) -> int:
        """Position of an edge in the edge stack."""
        return self.names.index(self[name].name)

    def grids(self) -> NDArray[np.float64]:
        """Energies of all near-edge windows, shape (edge, point), eV."""
        return np.stack([edge.grid(self.points) for edge in self.edges])

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings and lists, for provenance and bundles."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> EdgeSet:
        """Rebuild an edge set from :meth:`to_dict`, also after a trip through JSON."""
        edges = tuple(
            Edge(
                **{
                    **edge,
                    "background": tuple(edge["background"]),
                    "signal": tuple(edge["signal"]),
                    "near_edge": tuple(edge["near_edge"]),
                    "lines": tuple(Line(**line) for line in edge["lines"]),
                }
            )
            for edge in content["edges"]
        )
        return cls(name=content["name"], edges=edges, points=content["points"])


NMC_EDGES = EdgeSet(
    name="nmc",
    edges=(
        Edge(
            "O_K", "O", "K", 532.0, (494.0, 524.0), (525.0, 557.0),
            (Line("pre-edge", 529.2, 1.8), Line("main", 540.5, 7.0)), (526.0, 546.0), 548.0,
        ),
        Edge(
            "Mn_L", "Mn", "L3", 640.0, (606.0, 634.0), (634.0, 666.0),
            (Line("L3", 642.5, 3.0), Line("L2", 653.5, 3.5)), (638.5, 648.0), 658.0,
        ),
        Edge(
            "Co_L", "Co", "L3", 779.0, (743.0, 773.0), (773.0, 805.0),
            (Line("L3", 780.0, 3.0), Line("L2", 795.0, 3.5)), (776.0, 785.0), 798.0,
        ),
        Edge(
            "Ni_L", "Ni", "L3", 855.0, (816.0, 847.0), (848.0, 880.0),
            (Line("L3", 854.8, 3.0), Line("L2", 872.0, 3.5)), (851.0, 860.0), 875.0,
        ),
    ),
)  # fmt: skip
"""O K and the Mn, Co and Ni L2,3 edges of lithium nickel manganese cobalt oxides."""
