"""Cubic polynomials in regions of energy (Torrisi et al., npj Comput. Mater. 2020, 10.1038/s41524-020-00376-6).

The window is cut into regions of one width and a cubic is fitted in each: four coefficients a region say its mean,
slope, curvature and skew. Fitting is linear, so one matrix does all spectra.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import RecipeError
from eelsmap.features.transformer import EdgeTransformer

__all__ = ["PolynomialFeatures", "region_slices"]

_COEFFICIENTS = 4


def region_slices(channels: int, dispersion: float, width: float, /, *, fewest: int = 1) -> list[slice]:
    """Cut a window into regions.

    Parameters
    ----------
    channels
        Channels of the window.
    dispersion, width
        Width of a channel and of a region, eV.
    fewest
        A region needs at least so many channels; a shorter rest at the end joins its neighbour.

    Returns
    -------
    list of slice
        The regions, in order.

    Raises
    ------
    RecipeError
        A region holds too few channels.
    """
    size = round(width / dispersion)
    if size < fewest or channels < fewest:
        raise RecipeError(
            f"features: regions of {width:g} eV in a window of {channels} channels of {dispersion:g} eV hold "
            f"fewer than {fewest} channels; take wider ones"
        )
    starts = list(range(0, channels, size))
    if len(starts) > 1 and channels - starts[-1] < fewest:
        starts.pop()
    return [slice(start, stop) for start, stop in zip(starts, [*starts[1:], channels], strict=True)]


@dataclass(eq=False)
class PolynomialFeatures(EdgeTransformer):
    """Four coefficients of a cubic in each region of each edge.

    Coefficients belong to Legendre polynomials over the region, which hardly depend on each other.

    Parameters
    ----------
    width
        Width of a region, eV; Torrisi et al. and Jia et al. take 2.5, 5 and 10 eV. What is left at the end is a
        region of its own.
    """

    width: float = 5.0

    def _features(self, windows: NDArray[np.float64]) -> NDArray[np.float64]:
        regions = region_slices(windows.shape[-1], self.dispersion, self.width, fewest=_COEFFICIENTS)
        return np.concatenate([windows[..., region] @ _fitting_matrix(region).T for region in regions], axis=-1)


def _fitting_matrix(region: slice) -> NDArray[np.float64]:
    """Matrix that turns the channels of a region into least-squares coefficients, shape (4, channels)."""
    basis = np.polynomial.legendre.legvander(np.linspace(-1.0, 1.0, region.stop - region.start), _COEFFICIENTS - 1)
    return np.asarray(np.linalg.pinv(basis), dtype=np.float64)
