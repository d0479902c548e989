"""What is made of the edges of pixels, in one pass: as :func:`eelsmap.preprocess.judgement.judged`, compiled."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import PixelFlag
from eelsmap.preprocess.edge_stack import EdgeStack
from eelsmap.preprocess.fused_extraction import FewCleaned
from eelsmap.preprocess.fused_numba import Kernel
from eelsmap.preprocess.judgement import (
    MINIMUM_WHOLE_SNR,
    OVER_SUBTRACTED,
    UNCERTAIN_AXIS,
    KnownEdge,
    missing_edges,
    spoilt,
)
from eelsmap.preprocess.plan import Plan
from eelsmap.recipe import Recipe

__all__ = ["LaneJudge"]

_NOT_FINITE, _LOW_COUNTS, _NEGATIVE, _FAILED, _NO_EDGE, _SPIKE, _OVER, _UNCERTAIN, _EDGE_FAILED = (
    int(flag)
    for flag in (
        PixelFlag.NOT_FINITE, PixelFlag.LOW_COUNTS, PixelFlag.NEGATIVE_COUNTS, PixelFlag.BACKGROUND_FAILED,
        PixelFlag.NO_EDGE, PixelFlag.SPIKE_REPAIRED, PixelFlag.OVER_SUBTRACTED, PixelFlag.AXIS_UNCERTAIN,
        PixelFlag.EDGE_BACKGROUND_FAILED,
    )
)  # fmt: skip
_NO_ERROR, _NOT_SPOILT = np.empty(0), np.empty((0, 0), dtype=bool)


class LaneJudge:
    """Judges pixels by what was found of their edges.

    Parameters
    ----------
    known
        The edges that the axis covers.
    plan
        What was decided for the image.
    recipe
        The road.
    """

    def __init__(self, known: list[KnownEdge], plan: Plan, recipe: Recipe, /) -> None:
        self._known, self._plan = known, plan
        self._coverage = np.zeros(len(recipe.edge_set))
        for one in known:
            self._coverage[one.place] = one.covered.sum() / one.covered.size
        repaired = plan.faults is not None and bool(plan.faults.dead.any() or plan.faults.hot.any())
        every = int(PixelFlag.SPIKE_REPAIRED) * repaired
        every |= int(PixelFlag.ABSOLUTE_SCALE_LOST) * plan.axis.absolute_scale_lost
        every |= int(PixelFlag.PARTIAL_EDGE) * any(self._coverage[one.place] < 1 for one in known)
        for name in missing_edges(known, recipe):
            every |= int(PixelFlag.missing(name))
        self._index = np.array([one.place for one in known], dtype=np.int64)
        self._weak = np.array([int(PixelFlag.weak(one.edge.name)) for one in known], dtype=np.uint32)
        self._every = np.uint32(every)
        self._limits = (float(plan.minimum_counts), float(recipe.quality.minimum_snr), float(plan.axis.uncertainty))

    def __call__(
        self,
        pixels: FewCleaned,
        finite: NDArray[np.bool_],
        error: NDArray[np.float64] | None,
        said: NDArray[np.float64],
        /,
    ) -> EdgeStack:
        """Judge n pixels.

        Parameters
        ----------
        pixels
            What became of their counts.
        finite
            Whether counts and displacement are, shape (n,).
        error
            Standard deviation of each displacement, shape (n,), eV.
        said
            Of each known edge, shape (edge, n, 7): whether its background failed, net counts and their ratio to their
            error in the whole window, the same of the strongest part, the same of the end.

        Returns
        -------
        EdgeStack
            Its ``net`` holds no points.
        """
        n, edges = len(finite), self._coverage.size
        full, saturated = pixels.full
        lost = _NOT_SPOILT
        if saturated is not None:
            lost = np.zeros((len(self._known), n), dtype=bool)
            for place, one in enumerate(self._known):
                lost[place, full] = spoilt(saturated, one, self._plan)
        stack = EdgeStack(
            np.empty((n, edges, 0)), np.empty((n, edges)), np.empty((n, edges)), np.empty((n, edges), dtype=bool),
            self._coverage, pixels.own, np.empty(n, dtype=np.uint32), np.empty(n),
        )  # fmt: skip
        _judge_kernel(
            said, self._index, self._weak, self._every, self._limits, finite, pixels.own, pixels.spikes,
            pixels.negative, _NO_ERROR if error is None else np.array(error), lost, stack.net_counts, stack.snr,
            stack.weak, stack.flags, stack.axis_uncertainty,
        )  # fmt: skip
        if saturated is not None:
            stack.flags[full[saturated.any(axis=1)]] |= np.uint32(PixelFlag.SATURATED)
        return stack


@Kernel
def _judge_kernel(
    said: Any, index: Any, weak_flag: Any, every: Any, limits: Any, finite: Any, own: Any, spikes: Any, negative: Any,
    error: Any, lost: Any, net_counts: Any, snr: Any, weak: Any, flags: Any, uncertainty: Any,
) -> None:  # fmt: skip
    """Write the arrays of an EdgeStack."""
    minimum_counts, minimum_snr, axis = limits
    for i in range(finite.size):
        for edge in range(snr.shape[1]):
            net_counts[i, edge], snr[i, edge], weak[i, edge] = np.nan, np.nan, False
        found = np.uint32(every)
        material = False
        if not finite[i]:
            found |= np.uint32(_NOT_FINITE)
        elif own[i] < minimum_counts:
            found |= np.uint32(_LOW_COUNTS)
        else:
            material = own[i] >= minimum_counts
        if spikes[i] > 0:
            found |= np.uint32(_SPIKE)
        if negative[i]:
            found |= np.uint32(_NEGATIVE)
        uncertainty[i] = axis if error.size == 0 else math.hypot(axis, error[i])
        if uncertainty[i] > UNCERTAIN_AXIS:
            found |= np.uint32(_UNCERTAIN)
        every_weak, any_failed = True, False
        for place in range(index.size):
            failed, counts, whole = said[place, i, 0] > 0, said[place, i, 1], said[place, i, 2]
            signal, tail = said[place, i, 4], said[place, i, 6]
            edge = index[place]
            net_counts[i, edge], snr[i, edge] = counts, signal
            # The whole window must hold net counts too, or there is nothing to divide by.
            below = not (signal >= minimum_snr and whole >= MINIMUM_WHOLE_SNR)
            if lost.size > 0:
                below = below or lost[place, i]
            weak[i, edge] = below
            every_weak, any_failed = every_weak and below, any_failed or failed
            if below and finite[i]:
                found |= weak_flag[place]
            if tail < -OVER_SUBTRACTED and material:
                found |= np.uint32(_OVER)
        if any_failed and material:
            found |= np.uint32(_EDGE_FAILED)
        if every_weak and finite[i]:
            found |= np.uint32(_NO_EDGE)
            if any_failed:
                found |= np.uint32(_FAILED)
        flags[i] = found
