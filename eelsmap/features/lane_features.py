"""Features of many pixels written while their net counts are in the cache: nothing but features reaches memory."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import PixelFlag
from eelsmap.features.fused_features import EdgeRules, aligned_width, oxygen_rules, white_line_rules
from eelsmap.features.lane_kernels import lane_oxygen_kernel, lane_room, lane_white_line_kernel
from eelsmap.features.lane_peaks import least_slack
from eelsmap.preprocess.edge_stack import EdgeStack
from eelsmap.preprocess.fused_numba import Kernel
from eelsmap.recipe import Recipe

__all__ = ["FeatureWriter"]

_SMALLEST_SNR = 0.1
_LOW_COUNTS = int(PixelFlag.LOW_COUNTS)


class FeatureWriter:
    """Writes the features of one edge after another into the columns in which a feature matrix holds them.

    Parameters
    ----------
    recipe
        The road.
    """

    def __init__(self, recipe: Recipe, /) -> None:
        edges, points, stride = recipe.edge_set, recipe.edge_set.points, recipe.features.stride
        kept = (points - 1) // stride
        used = [edges.index(name) for name in recipe.used_edges]
        relative = recipe.features.relative_intensity
        column = len(used) * kept + (3 if relative else 2) * len(used)
        self._edges: dict[int, _EdgeColumns] = {}
        for place, index in enumerate(used):
            edge = edges.edges[index]
            width = aligned_width(edge) if recipe.features.aligned else 0
            rules = (oxygen_rules if edge.subshell == "K" else white_line_rules)(edge, points)
            self._edges[index] = _EdgeColumns(place * kept, kept, stride, column if width else -1, width, rules)
            column += width
        self.width = column + 1
        """How many columns there are; the last is the uncertainty of the axis."""
        first = points - 1 - kept * stride
        # What stands for an edge that is not there.
        self._absent = ((first + stride * np.arange(kept) + 1) / points).astype(np.float32)
        self._columns = np.array([(index, *one.places) for index, one in self._edges.items()], dtype=np.int64)
        metal = np.array([edges.edges[index].subshell != "K" for index in used])
        self._metal = metal if relative else metal[:0]

    def write(
        self, table: NDArray[np.float32], index: int, net: NDArray[np.float64], asked: NDArray[np.bool_], /
    ) -> None:
        """Write the shapes of one edge.

        Parameters
        ----------
        table
            Rows of the feature matrix, shape (n, feature), C-contiguous.
        index
            Which edge of the set.
        net
            Net counts, shape (group, point, 8), of the same rows.
        asked
            Groups that are wanted, shape (group,); the rows of the others are left as they are.
        """
        if index in self._edges:
            self._edges[index].write(table, net, asked)

    def columns(self, index: int, /) -> NDArray[np.intp]:
        """Columns that :meth:`write` writes for an edge."""
        if index not in self._edges:
            return np.empty(0, dtype=np.intp)
        first, kept, aligned, width = self._edges[index].places
        return np.concatenate([first + np.arange(kept), aligned + np.arange(width)])

    def finish(self, table: NDArray[np.float32], stack: EdgeStack, /) -> None:
        """Write what tells nothing of shapes, and put what stands for weak and for missing edges in its place.

        Parameters
        ----------
        table
            The feature matrix, shape (n, feature), in which the shapes of the edges that the axis covers stand; rows
            with too few counts are left as they are.
        stack
            The edges of the same pixels.
        """
        _finish_kernel(
            table, self._columns, self._metal, self._absent, stack.snr, stack.net_counts, stack.weak, stack.coverage,
            stack.axis_uncertainty, stack.flags,
        )  # fmt: skip


class _EdgeColumns:
    """Where the features of one edge stand, and the rules by which they are made."""

    def __init__(self, first: int, kept: int, stride: int, aligned: int, width: int, rules: EdgeRules) -> None:
        self.places = first, kept, aligned, width
        self._where = first, stride, aligned
        line = () if rules.under_l3 is None else (rules.under_l3,)
        self._kernel = lane_oxygen_kernel if rules.under_l3 is None else lane_white_line_kernel
        slack = least_slack(rules.weights)
        self._rules = rules.grid, rules.weights, rules.boundary, rules.centres, *line, rules.ranges, rules.rule, slack
        self._size = rules.grid.size, rules.weights, rules.centres.size, kept
        self._own = threading.local()

    def write(self, table: NDArray[np.float32], net: NDArray[np.float64], asked: NDArray[np.bool_]) -> None:
        """Write the features of the rows of a table."""
        if not hasattr(self._own, "room"):
            self._own.room = lane_room(*self._size)
        self._kernel(net, asked, table, *self._where, *self._rules, self._own.room)


@Kernel
def _finish_kernel(
    table: Any, columns: Any, metal: Any, absent: Any, snr: Any, net_counts: Any, weak: Any, coverage: Any,
    uncertainty: Any, flags: Any,
) -> None:  # fmt: skip
    """Write the columns between and after the shapes, and those of edges that are not seen.

    `columns` (used edge, 5): which edge; first column and number of its distribution; of its aligned shape. `metal`
    (used edge,): whether it is none of oxygen; empty where intensities are not wanted.
    """
    used, missing = len(columns), np.float32(np.nan)
    middle = used * absent.size
    for i in range(table.shape[0]):
        if flags[i] & np.uint32(_LOW_COUNTS):
            continue
        metals = 0.0
        for place in range(metal.size):
            counts = net_counts[i, columns[place, 0]]
            if metal[place] and not math.isnan(counts):
                metals += max(counts, 0.0)
        share = middle + 2 * used
        for place in range(used):
            edge, first, number, aligned, width = columns[place]
            ratio = snr[i, edge]
            known = math.isfinite(ratio)
            table[i, middle + place] = np.float32(ratio if math.isnan(ratio) else math.log10(max(ratio, _SMALLEST_SNR)))
            table[i, middle + used + place] = np.float32(coverage[edge]) if known else missing
            if coverage[edge] == 0.0:
                for k in range(number):
                    table[i, first + k] = missing
            elif weak[i, edge]:
                for k in range(number):
                    table[i, first + k] = absent[k]
            if not known or weak[i, edge]:
                for k in range(width):
                    table[i, aligned + k] = missing
            if metal.size > 0 and metal[place]:
                value = max(net_counts[i, edge], 0.0) / metals
                table[i, share] = np.float32(value) if math.isfinite(value) else missing
                share += 1
        for place in range(metal.size):
            if not metal[place]:
                counts = net_counts[i, columns[place, 0]]
                ratio = metals / max(counts, 0.0)
                value = math.log10(ratio) if ratio > 0.0 else np.nan
                table[i, share] = np.float32(value) if math.isfinite(value) else missing
                share += 1
        table[i, table.shape[1] - 1] = np.float32(uncertainty[i])
