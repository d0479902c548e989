"""What differs between arrays of NumPy and arrays on a GPU: the mathematics of features is written once for both.

A function that serves both takes its functions from :func:`array_module`, makes arrays of its own constants by that
module's ``asarray``, and calls nothing that CuPy lacks; the numbers are those of NumPy up to rounding.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

__all__ = ["array_module", "smoothed", "to_host"]


def array_module(array: Any, /) -> Any:
    """Return the module whose functions take an array: CuPy for its own arrays, NumPy for everything else."""
    return sys.modules["cupy"] if type(array).__module__.partition(".")[0] == "cupy" else np


def smoothed(counts: Any, sigma: float, /) -> Any:
    """Broaden counts (n, point) by a Gaussian of a standard deviation in points; both ends go on as they are."""
    if array_module(counts) is np:
        return gaussian_filter1d(counts, sigma, axis=1, mode="nearest")
    from cupyx.scipy.ndimage import gaussian_filter1d as on_device

    return on_device(counts, sigma, axis=1, mode="nearest")


def to_host(array: Any, /) -> NDArray[Any]:
    """Return the values as an array of NumPy."""
    xp = array_module(array)
    host: NDArray[Any] = np.asarray(array) if xp is np else xp.asnumpy(array)
    return host
