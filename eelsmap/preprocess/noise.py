"""How noisy counts are: the ratio of their variance to their mean, read from the data itself.

Files seldom say how many counts one electron makes, and detectors smear neighbouring channels. What matters for the
signal-to-noise ratio of an edge is the scatter that is really there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eelsmap.preprocess.sample_sums import noise_over_shot

__all__ = ["GAIN_PIXELS", "estimate_gain"]

_LAG = 3
_MAD_TO_SIGMA = 1.4826

GAIN_PIXELS = 256
"""About as many pixels tell the noise of an image."""


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
    stride = max(1, len(sample) // GAIN_PIXELS)
    counts = np.asarray(sample[::stride])
    counts = counts[np.isfinite(counts).all(axis=1)]
    if counts.shape[0] == 0 or counts.shape[1] < 16 * _LAG:
        return 1.0
    # Var(a - 2b + c) = 6 gain mean for independent channels.
    scaled = noise_over_shot(counts, lag=_LAG)
    scaled = scaled[np.isfinite(scaled)]
    if scaled.size == 0:
        return 1.0
    gain = float(np.median((_MAD_TO_SIGMA * scaled) ** 2))
    return gain if np.isfinite(gain) and gain > 0 else 1.0
