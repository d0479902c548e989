"""Distances of :class:`eelsmap.models.novelty.Novelty` straight from the feature matrix, compiled.

The same numbers as its NumPy functions, up to the order of sums; every row is summed alike however many there are.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.preprocess.fused_numba import Kernel, as_input
from eelsmap.preprocess.lanes import LANES, get_lane, load, multiply_add, spread

__all__ = ["directions_by_point", "distances", "highest"]

_WIDE = 2 * LANES


def directions_by_point(components: NDArray[np.float64], /) -> NDArray[np.float64] | None:
    """Lay orthonormal directions out for :func:`distances`.

    Parameters
    ----------
    components
        Shape (edge, component, point).

    Returns
    -------
    numpy.ndarray or None
        Shape (edge, 2 * point, 8): sixteen components of each point in two rows; None where there are more.
    """
    edges, number, points = components.shape
    if number > _WIDE:
        return None
    result = np.zeros((edges, points, _WIDE))
    result[:, :, :number] = components.transpose(0, 2, 1)
    return result.reshape(edges, points * 2, LANES)


def distances(
    features: NDArray[np.float32],
    columns: NDArray[np.intp],
    seen: NDArray[np.bool_],
    cloud: tuple[NDArray[np.float64], ...],
    /,
    *,
    summed: bool,
) -> NDArray[np.float64]:
    """Distance of each edge from its cloud.

    Parameters
    ----------
    features
        Feature matrix, shape (n, feature).
    columns
        First and last (exclusive) column of each edge's curve, shape (edge, 2).
    seen
        Edges that are asked, shape (n, edge).
    cloud
        Mean (edge, point), directions by point, spread (edge, component), residual (edge,).
    summed
        Whether the columns are to be summed up along energy first, missing ones as zero; a curve with fewer points
        than others ends in its last value.

    Returns
    -------
    numpy.ndarray
        Shape (n, edge); not set where an edge is not seen.
    """
    result = np.empty(seen.shape)
    mean, by_point, spreads, residual = cloud
    # Components that do not exist lie nowhere.
    wide = np.full((len(mean), _WIDE), np.inf)
    wide[:, : spreads.shape[1]] = spreads
    asked = np.array(seen, dtype=np.uint8)
    _distance_kernel(
        as_input(features), np.array(columns, dtype=np.int64), asked, as_input(mean), by_point.reshape(-1, LANES), wide,
        spreads.shape[1], as_input(residual), summed, result,
    )  # fmt: skip
    return result


def highest(
    score: NDArray[np.float64],
    covered: NDArray[np.bool_],
    log_snr: NDArray[np.floating],
    seen: NDArray[np.bool_],
    limits: tuple[NDArray[np.float64], ...],
    /,
) -> NDArray[np.float64]:
    """Largest of the scores over their thresholds, or of how clearly an edge stands alone.

    Parameters
    ----------
    score
        Distances, shape (n, edge).
    covered, log_snr, seen
        As for :meth:`eelsmap.models.novelty.Novelty.relative_score_of_columns`.
    limits
        Boundaries, thresholds and clarities of :class:`eelsmap.models.novelty.Novelty`.

    Returns
    -------
    numpy.ndarray
        Shape (n,); NaN where no edge is seen.
    """
    result = np.empty(len(score))
    boundaries, threshold, alone = (as_input(one) for one in limits)
    _highest_kernel(
        score, np.array(covered), np.array(log_snr, dtype=np.float64), np.array(seen), boundaries, threshold, alone,
        result,
    )  # fmt: skip
    return result


@Kernel
def _highest_kernel(
    score: Any, covered: Any, log_snr: Any, seen: Any, boundaries: Any, threshold: Any, alone: Any, result: Any
) -> None:
    """Write the largest relative scores."""
    edges = score.shape[1]
    for i in range(score.shape[0]):
        largest, number, every = -np.inf, 0, True
        for edge in range(edges):
            every = every and covered[i, edge]
            if not seen[i, edge]:
                continue
            number += 1
            place = 0
            while place < boundaries.shape[1] and boundaries[edge, place] < log_snr[i, edge]:
                place += 1
            value = score[i, edge] / threshold[edge, place]
            # What is no number stays none.
            largest = value if value > largest or math.isnan(value) else largest
        if every and number == 1 and edges > 1:
            for edge in range(edges):
                if seen[i, edge]:
                    largest = max(largest, 10.0 ** (log_snr[i, edge] - alone[edge]))
        result[i] = largest if number > 0 else np.nan


@Kernel
def _distance_kernel(
    features: Any, columns: Any, seen: Any, mean: Any, directions: Any, spreads: Any, number: int, residual: Any,
    summed: bool, result: Any,
) -> None:  # fmt: skip
    """Write distances."""
    edges, points = mean.shape
    for i in range(features.shape[0]):
        row = features[i]
        for edge in range(edges):
            if not seen[i, edge]:
                continue
            first, last = columns[edge, 0], columns[edge, 1]
            a, b, c, d = spread(0.0), spread(0.0), spread(0.0), spread(0.0)
            squares, running = 0.0, 0.0
            for point in range(points):
                value = running
                if first + point < last:
                    value = np.float64(row[first + point])
                    if summed:
                        running += 0.0 if math.isnan(value) else value
                        value = running
                centred = value - mean[edge, point]
                squares += centred * centred
                own, at = spread(centred), 2 * (edge * points + point)
                # Two sums in turn, or each would wait for the last.
                if point % 2 == 0:
                    a, b = multiply_add(own, load(directions, at), a), multiply_add(own, load(directions, at + 1), b)
                else:
                    c, d = multiply_add(own, load(directions, at), c), multiply_add(own, load(directions, at + 1), d)
            a, b = a + c, b + d
            along, inside = 0.0, 0.0
            for lane in range(LANES):
                low, high = get_lane(a, lane), get_lane(b, lane)
                along += low * low + high * high
                low, high = low / spreads[edge, lane], high / spreads[edge, lane + LANES]
                inside += low * low + high * high
            across = squares - along
            across = across if across > 0.0 else 0.0
            result[i, edge] = math.sqrt(inside / number + across / (residual[edge] * residual[edge]))
