"""How noisy counts are: the ratio of their variance to their mean, read from the data itself.

Files seldom say how many counts one electron makes, and detectors smear neighbouring channels. What matters for the
signal-to-noise ratio of an edge is the scatter that is really there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["estimate_gain"]

_LAG = 3
_ENOUGH = 256
_MAD_TO_SIGMA = 1.4826


def estimate_gain(sample: NDArray[np.generic], /) -> float:
    """Estimate variance / mean of the counts.

    Parameters
    ----------
    sample
        Counts of some pixels, shape (n, channel); pixels with little signal may be among them. Of many, some
        hundred evenly spaced ones are enough.

    Returns
    -------
    float
        Median over the pixels; 1.0 when there is too little to tell. Second differences over three channels cancel
        the smooth spectrum, and their median ignores edges and spikes.
    """
    stride = max(1, len(sample) // _ENOUGH)
    counts = np.asarray(sample[::stride], dtype=np.float64)
    counts = counts[np.isfinite(counts).all(axis=1)]
    if counts.shape[0] == 0 or counts.shape[1] < 16 * _LAG:
        return 1.0
    middle = counts[:, _LAG:-_LAG]
    curvature = counts[:, 2 * _LAG :] - 2.0 * middle + counts[:, : -2 * _LAG]
    level = (counts[:, 2 * _LAG :] + middle + counts[:, : -2 * _LAG]) / 3.0
    # Var(a - 2b + c) = 6 gain mean for independent channels.
    usable = level > 0
    scaled = np.where(usable, curvature / np.sqrt(6.0 * np.where(usable, level, 1.0)), np.nan)
    enough = usable.mean(axis=1) > 0.5
    if not enough.any():
        return 1.0
    deviation = _MAD_TO_SIGMA * np.nanmedian(np.abs(scaled[enough]), axis=1)
    gain = float(np.median(deviation**2))
    return gain if np.isfinite(gain) and gain > 0 else 1.0
