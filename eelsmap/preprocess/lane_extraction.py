"""The default road from counts to net edges for whoever needs no net counts in memory: eight pixels side by side.

Net counts are handed on, a few hundred pixels of one edge at a time, while they are in the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import Edge
from eelsmap.preprocess.coverage import tail_points
from eelsmap.preprocess.lane_net import lane_net_kernel
from eelsmap.preprocess.lane_windows import lane_windows
from eelsmap.preprocess.lanes import LANES, aligned_rows
from eelsmap.preprocess.plan import Plan
from eelsmap.preprocess.windows import channel_positions

__all__ = ["EdgeLanes", "Visit", "net_lanes"]

Visit = Callable[[slice, int, NDArray[np.float64]], None]
"""What is done with the net counts of some rows: ``visit(rows, edge, net)``, net of shape (group, point, 8)."""

_AT_ONCE = 256


@dataclass(frozen=True)
class EdgeLanes:
    """What the kernels need to know of one edge.

    Parameters
    ----------
    index, edge
        Which edge of the set.
    boundaries
        Of the bins before it, shape (bin + 1,), eV.
    covered
        Which points the axis holds, without gaps, shape (point,).
    windows
        Masks of covered points, in which net counts are summed up; the first holds all of them.
    """

    index: int
    edge: Edge
    boundaries: NDArray[np.float64]
    covered: NDArray[np.bool_]
    windows: tuple[NDArray[np.bool_], ...]

    @cached_property
    def first(self) -> int:
        """First covered point."""
        return int(np.flatnonzero(self.covered)[0])

    @cached_property
    def number(self) -> int:
        """How many points are covered."""
        return int(self.covered.sum())

    def positions(self, plan: Plan, /) -> list[NDArray[np.float64]]:
        """Boundaries of the bins before the edge and of the points under it, in units of channels."""
        intervals = self.edge.intervals(self.covered.size)[self.first : self.first + self.number + 1]
        return [
            channel_positions(plan.axis.recorded(self.index, usual), plan.energy)
            for usual in (self.boundaries, intervals)
        ]

    @cached_property
    def rules(self) -> tuple[Any, ...]:
        """What :func:`eelsmap.preprocess.lane_net.lane_net_kernel` is told, but for the gain."""
        energy, width = (self.boundaries[1:] + self.boundaries[:-1]) / 2, np.diff(self.boundaries)
        reference = float(np.sqrt(energy[0] * energy[-1]))
        grid = self.edge.grid(self.covered.size)
        points = grid[self.covered]
        spans = [(int(np.flatnonzero(one)[0]), int(np.flatnonzero(one)[-1]) + 1) if one.any() else (0, 0)
                 for one in self.windows]  # fmt: skip
        cuts = np.array(sorted({0, self.number, *(cut for span in spans for cut in span)}))
        inside = np.array([(cuts[:-1] >= start) & (cuts[1:] <= stop) for start, stop in spans], dtype=np.float64)
        tail = float(min(tail_points(grid), self.number))
        return (
            np.log(energy / reference), width, np.log(points / reference), float(points[1] - points[0]), tail, cuts,
            inside,
        )  # fmt: skip


def net_lanes(
    counts: NDArray[Any],
    edges: list[EdgeLanes],
    plan: Plan,
    visit: Visit,
    /,
    *,
    shift: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Extract the edges of n pixels, take their backgrounds off, and show the net counts to somebody.

    Parameters
    ----------
    counts
        Counts, shape (n, channel), finite, any number type.
    edges
        The edges that the axis covers.
    plan
        What was decided for the image.
    visit
        Called for a few hundred pixels of an edge; what it is shown is overwritten afterwards.
    shift
        Displacement of each pixel, shape (n,), eV.

    Returns
    -------
    numpy.ndarray
        Shape (edge, n, 1 + 2 window): whether no background could be fitted, then net counts in each window and the
        same in standard deviations, zero where the fit failed.
    """
    said = np.empty((len(edges), len(counts), 1 + 2 * max((len(edge.windows) for edge in edges), default=0)))
    if not edges:
        return said
    positions = [one for edge in edges for one in edge.positions(plan)]
    ends = np.cumsum([0, *(one.size - 1 for one in positions)])
    step = (plan.energy[-1] - plan.energy[0]) / (plan.energy.size - 1)
    moved = None if shift is None else shift / step
    points = edges[0].covered.size
    room = aligned_rows(-(-min(_AT_ONCE, len(counts)) // LANES) * points).reshape(-1, points, LANES)
    windows = None
    for start in range(0, len(counts), _AT_ONCE):
        rows = slice(start, min(start + _AT_ONCE, len(counts)))
        own = None if moved is None else moved[rows]
        windows = lane_windows(counts[rows], positions, moved=own, room=windows)
        net = room[: len(windows)]
        for place, edge in enumerate(edges):
            x, width, x_points, spacing, tail, cuts, inside = edge.rules
            rule = np.array([spacing, plan.gain, float(edge.first), tail])
            lane_net_kernel(
                windows, ends[2 * place : 2 * place + 2], x, width, x_points, rule, cuts, inside, net,
                said[place, rows],
            )  # fmt: skip
            visit(rows, edge.index, net)
    return said
