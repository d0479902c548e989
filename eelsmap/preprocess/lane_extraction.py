"""The default road from counts to net edges for whoever needs no net counts in memory: eight pixels side by side.

What depends on plan and recipe alone is worked out once. Net counts are handed on, a few hundred pixels of one edge at
a time, while they are in the cache.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.preprocess.coverage import tail_points
from eelsmap.preprocess.edge_stack import EdgeStack
from eelsmap.preprocess.fused_extraction import clean_few
from eelsmap.preprocess.fused_numba import as_input
from eelsmap.preprocess.judgement import KnownEdge, known_edges, split_shift
from eelsmap.preprocess.lane_judgement import LaneJudge
from eelsmap.preprocess.lane_net import SEGMENT, lane_net_kernel
from eelsmap.preprocess.lane_windows import Stretches, lane_windows
from eelsmap.preprocess.lanes import LANES, aligned_rows
from eelsmap.preprocess.plan import Plan
from eelsmap.preprocess.windows import channel_positions
from eelsmap.recipe import Recipe

__all__ = ["LaneExtraction", "Visit"]

Visit = Callable[[slice | NDArray[np.intp], int, NDArray[np.float64], NDArray[np.bool_]], None]
"""``visit(rows, edge, net, asked)``; see :class:`LaneExtraction`."""

_AT_ONCE = 256


class LaneExtraction:
    """As :func:`eelsmap.preprocess.extract_edges` by the compiled road, but net counts are shown instead of kept.

    Parameters
    ----------
    plan, recipe
        Such that :func:`eelsmap.preprocess.fused_extraction.can_be_fused` holds.
    """

    def __init__(self, plan: Plan, recipe: Recipe, /) -> None:
        self._plan, self._recipe = plan, recipe
        self._step = (plan.energy[-1] - plan.energy[0]) / (plan.energy.size - 1)
        known = known_edges(plan, recipe)
        self._edges = [_LaneEdge(edge, plan) for edge in known]
        self._judge = LaneJudge(known, plan, recipe)
        self._rooms = threading.local()

    def __call__(
        self, block: NDArray[np.generic], visit: Visit, /, *, shift: NDArray[np.float64] | None = None
    ) -> EdgeStack:
        """Extract the edges of n pixels.

        Parameters
        ----------
        block
            Counts, shape (n, channel).
        visit
            Called as ``visit(rows, edge, net, asked)`` for some rows and one edge at a time, with net counts of shape
            (group, point, 8), eight rows side by side, which are overwritten afterwards, and whether any row of a
            group, shape (group,), holds more counts than vacuum. Rows that spikes were taken out of are shown twice,
            the second time as they are then.
        shift
            As for :func:`eelsmap.preprocess.extract_edges`.

        Returns
        -------
        EdgeStack
            Its ``net`` holds no points.
        """
        pixels = clean_few(block, self._plan, self._recipe)
        finite, error, moved = pixels.finite, None, None
        if shift is not None:
            position, error = split_shift(shift, len(block))
            finite = finite & np.isfinite(position)
            moved = np.where(finite, position, 0.0) / self._step
        said = np.empty((len(self._edges), len(block), 7))
        starts = np.arange(0, len(block), LANES)
        vacuum = finite & (pixels.own < self._plan.minimum_counts)
        asked = ~np.logical_and.reduceat(vacuum, starts) if starts.size else vacuum
        self._extract(pixels.block, visit, moved, asked, said)
        if pixels.rows.size:
            rows = pixels.rows

            def visit_few(
                few: slice | NDArray[np.intp], index: int, net: NDArray[np.float64], asked: NDArray[np.bool_]
            ) -> None:
                visit(rows[few], index, net, asked)

            few = np.empty((len(self._edges), rows.size, 7))
            every = np.ones(-(-rows.size // LANES), dtype=bool)
            self._extract(pixels.replaced, visit_few, None if moved is None else moved[rows], every, few)
            said[:, rows] = few
        return self._judge(pixels, finite, error, said)

    def _extract(
        self,
        counts: NDArray[Any],
        visit: Visit,
        moved: NDArray[np.float64] | None,
        asked: NDArray[np.bool_],
        said: NDArray[np.float64],
    ) -> None:
        """Take the backgrounds of counts (n, channel) off, show what is left, and write what is to be judged.

        `said` (edge, n, 7): whether no background could be fitted, then net counts in each of three windows and the
        same in standard deviations, zero where the fit failed.
        """
        given = as_input(counts)
        for start in range(0, len(given), _AT_ONCE):
            rows = slice(start, min(start + _AT_ONCE, len(given)))
            own = None if moved is None else moved[rows]
            for place, (edge, (windows, net)) in enumerate(zip(self._edges, self._room(given.shape[1]), strict=True)):
                counted = lane_windows(given[rows], edge.stretches, moved=own, room=windows)
                shown = net[: len(counted)]
                lane_net_kernel(counted, *edge.rules, shown, said[place, rows])
                visit(rows, edge.index, shown, asked[start // LANES : start // LANES + len(shown)])

    def _room(self, channels: int) -> list[Any]:
        """Room of this thread for the windows and for the net counts of each edge."""
        if not hasattr(self._rooms, "edges"):
            groups = _AT_ONCE // LANES
            points = self._recipe.edge_set.points
            net = aligned_rows(groups * points).reshape(groups, points, LANES)
            self._rooms.edges = [(edge.stretches.room(_AT_ONCE, channels), net) for edge in self._edges]
        return self._rooms.edges


class _LaneEdge:
    """What the kernels are told of one edge."""

    def __init__(self, known: KnownEdge, plan: Plan) -> None:
        edge, covered, boundaries = known.edge, known.covered, known.boundaries
        self.index = known.place
        first, number = int(np.flatnonzero(covered)[0]), int(covered.sum())
        intervals = edge.intervals(covered.size)[first : first + number + 1]
        self.stretches = Stretches.of([
            channel_positions(plan.axis.recorded(known.place, usual), plan.energy) for usual in (boundaries, intervals)
        ])  # fmt: skip
        energy, width = (boundaries[1:] + boundaries[:-1]) / 2, np.diff(boundaries)
        reference = float(np.sqrt(energy[0] * energy[-1]))
        grid = edge.grid(covered.size)
        points = grid[covered]
        spans = [(int(np.flatnonzero(one)[0]), int(np.flatnonzero(one)[-1]) + 1) if one.any() else (0, 0)
                 for one in known.windows]  # fmt: skip
        cuts = np.array(sorted({0, number, *(cut for span in spans for cut in span)}))
        inside = np.array([(cuts[:-1] >= start) & (cuts[1:] <= stop) for start, stop in spans], dtype=np.float64)
        tail = float(min(tail_points(grid), number))
        x = np.log(points / reference)
        # Middles are rounded to points, and logarithms lie furthest apart where the window begins.
        reach = float((SEGMENT // 2 + 1) * (x[1] - x[0]))
        rule = np.array([float(points[1] - points[0]), plan.gain, float(first), tail, reach])
        self.rules = np.log(energy / reference), width, x, rule, cuts, inside
