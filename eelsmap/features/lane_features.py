"""Features of many pixels written while their net counts are in the cache: nothing but features reaches memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eelsmap.features.fused_features import aligned_width, oxygen_rules, white_line_rules
from eelsmap.features.lane_kernels import lane_oxygen_kernel, lane_room, lane_white_line_kernel
from eelsmap.recipe import Recipe

__all__ = ["FeatureWriter"]


class FeatureWriter:
    """Writes the features of one edge after another into the columns in which a feature matrix holds them.

    Parameters
    ----------
    recipe
        The road.
    """

    def __init__(self, recipe: Recipe, /) -> None:
        edges, points = recipe.edge_set, recipe.edge_set.points
        self._recipe = recipe
        self._stride = recipe.features.stride
        self._kept = (points - 1) // self._stride
        used = [edges.index(name) for name in recipe.used_edges]
        self._distribution = {index: place * self._kept for place, index in enumerate(used)}
        self.middle = len(used) * self._kept
        """Where the columns begin that hold no shapes."""
        self.middle_end = self.middle + 2 * len(used) + (len(used) if recipe.features.relative_intensity else 0)
        self._aligned: dict[int, int] = {}
        column = self.middle_end
        for index in used:
            self._aligned[index] = column if recipe.features.aligned else -1
            column += aligned_width(edges.edges[index]) if recipe.features.aligned else 0
        self.width = column + 1
        """How many columns there are; the last is the uncertainty of the axis."""

    def write(self, table: NDArray[np.float32], index: int, net: NDArray[np.float64], /) -> None:
        """Write the shapes of one edge.

        Parameters
        ----------
        table
            Rows of the feature matrix, shape (n, feature), C-contiguous.
        index
            Which edge of the set.
        net
            Net counts, shape (group, point, 8), of the same rows.
        """
        if index not in self._distribution:
            return
        edge = self._recipe.edge_set.edges[index]
        where = self._distribution[index], self._stride, self._aligned[index]
        rules = (oxygen_rules if edge.subshell == "K" else white_line_rules)(edge, net.shape[1])
        room = lane_room(net.shape[1], rules.weights, rules.centres.size)
        if edge.subshell == "K":
            lane_oxygen_kernel(
                net, table, *where, rules.grid, rules.weights, rules.boundary, rules.centres, rules.ranges, rules.rule,
                room,
            )  # fmt: skip
            return
        lane_white_line_kernel(
            net, table, *where, rules.grid, rules.weights, rules.boundary, rules.centres, rules.under_l3, rules.ranges,
            rules.rule, room,
        )  # fmt: skip

    def columns(self, index: int, /) -> NDArray[np.intp]:
        """Columns that :meth:`write` writes for an edge."""
        if index not in self._distribution:
            return np.empty(0, dtype=np.intp)
        places = [self._distribution[index] + np.arange(self._kept)]
        if self._aligned[index] >= 0:
            places.append(self._aligned[index] + np.arange(aligned_width(self._recipe.edge_set.edges[index])))
        return np.concatenate(places)

    def judge(self, table: NDArray[np.float32], weak: NDArray[np.bool_], seen: NDArray[np.bool_], /) -> None:
        """Put what stands for weak and for missing edges in place of what noise gave, in place.

        Parameters
        ----------
        table
            The feature matrix, shape (n, feature).
        weak, seen
            Edges that count as absent, and those that rise above noise, shape (n, edge).
        """
        points = self._recipe.edge_set.points
        first = points - 1 - self._kept * self._stride
        absent = ((first + self._stride * np.arange(self._kept) + 1) / points).astype(np.float32)
        for index, column in self._distribution.items():
            if weak[:, index].any():
                rows = np.flatnonzero(weak[:, index])
                table[rows, column : column + self._kept] = absent
            aligned = self._aligned[index]
            if aligned >= 0 and not seen[:, index].all():
                rows = np.flatnonzero(~seen[:, index])
                table[rows, aligned : aligned + aligned_width(self._recipe.edge_set.edges[index])] = np.nan

    def leave_out(self, table: NDArray[np.float32], index: int, /) -> None:
        """Mark an edge that the axis does not cover, in place."""
        if index in self._distribution:
            column = self._distribution[index]
            table[:, column : column + self._kept] = np.nan
