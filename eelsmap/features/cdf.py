"""Cumulative distribution of near-edge intensity along energy.

The CDF of an edge is its cumulative intensity divided by the last value. It tolerates energy shifts and noise where
raw intensity does not (Chen et al., Chem. Mater. 2024, 36, 2304, 10.1021/acs.chemmater.3c02584).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eelsmap.features.device_arrays import array_module

__all__ = ["cumulative_distribution"]


def cumulative_distribution(stack: NDArray[np.floating], /, *, stride: int = 1) -> NDArray[np.float64]:
    """Cumulative distribution of each edge.

    Parameters
    ----------
    stack
        Net intensities, shape (..., point), on a uniform grid; they may be negative where noise is. On a GPU as well.
    stride
        Every how many-th point is kept, counted from the last.

    Returns
    -------
    numpy.ndarray
        Shape (..., kept - 1): the last point is 1 by definition and left out. NaN where an edge is missing or its
        intensities do not sum to a positive number.
    """
    xp = array_module(stack)
    total = xp.cumsum(stack, axis=-1, dtype=np.float64)
    last = total[..., -1:]
    with np.errstate(invalid="ignore", divide="ignore"):
        relative: NDArray[np.float64] = xp.where(last > 0, total / last, np.nan)
    kept = relative[..., ::-1][..., ::stride][..., ::-1]
    return kept[..., :-1]
