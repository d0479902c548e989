"""Spatial drift between two images of one specimen, to a fraction of a pixel. A plain function on arrays.

The whole pixels come from the masked normalised cross-correlation (Padfield 2012, 10.1109/TIP.2011.2181402), which
knows where the images overlap and is not drawn towards zero by a window. The fraction comes from robust least squares
on the overlap (Lucas and Kanade 1981), in both directions: where the specimen itself has changed, the difference is an
outlier and loses its weight.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft, ndimage

__all__ = ["Displacement", "measure_displacement"]

FloatArray = NDArray[np.float64]

_LEAST_PIXELS = 8
_LEAST_OVERLAP = 0.3
_LEAST_AGREEMENT = 0.5
# Without a little smoothing, noise that is interpolated draws the result towards certain fractions of a pixel.
_SMOOTHING = 0.7
_STEPS = 30
_HUBER = 1.5


class Displacement(NamedTuple):
    """Where the specimen has moved, pixels along y and x; NaN where it could not be found.

    ``uncertainty``: standard deviation along the less certain direction, pixels. ``agreement``: correlation of the two
    images on each other, 1 for the same.
    """

    y: float
    x: float
    uncertainty: float
    agreement: float

    @property
    def found(self) -> bool:
        """Whether there is an answer."""
        return bool(np.isfinite(self.y + self.x))


_LOST = Displacement(np.nan, np.nan, np.nan, np.nan)


def measure_displacement(reference: ArrayLike, image: ArrayLike, /) -> Displacement:
    """Measure by how much the specimen of one image has moved in another.

    Parameters
    ----------
    reference, image
        Counts, shape (y, x) each; NaN where nothing is known. A common factor between the two does not matter.

    Returns
    -------
    Displacement
        What lies at p in the reference lies at p + displacement in the image. NaN for images of fewer than 8 pixels a
        side, without contrast, or that have too little in common.
    """
    first, second = (_stabilised(np.asarray(one, dtype=np.float64)) for one in (reference, image))
    if first.shape != second.shape or min(first.shape, default=0) < _LEAST_PIXELS or first.ndim != 2:
        return _LOST
    start = _whole_pixels(first, second)
    if start is None:
        return _LOST
    forward = _refined(first, second, start)
    backward = _refined(second, first, -start)
    if forward is None or backward is None:
        return _LOST
    between = (forward[0] - backward[0]) / 2
    sigma = np.sqrt(max(forward[1], backward[1]) ** 2 + np.square((forward[0] + backward[0]) / 2).max())
    agreement = min(forward[2], backward[2])
    if agreement < _LEAST_AGREEMENT:
        return _LOST
    return Displacement(float(between[0]), float(between[1]), float(sigma), float(agreement))


def _stabilised(counts: FloatArray) -> FloatArray:
    """Turn counts into values with the same noise everywhere, NaN kept."""
    with np.errstate(invalid="ignore"):
        return np.sqrt(np.where(np.isfinite(counts), np.maximum(counts, 0.0), np.nan))


def _whole_pixels(first: FloatArray, second: FloatArray) -> FloatArray | None:
    """Displacement in whole pixels where the images correlate best on their overlap; None without contrast."""
    shape = [fft.next_fast_len(2 * size - 1, real=True) for size in first.shape]
    known = [np.isfinite(one).astype(np.float64) for one in (first, second)]
    if not known[0].any() or not known[1].any():
        return None
    level = [float(np.nanmean(one)) for one in (first, second)]
    values = [
        np.where(mask > 0, one - mean, 0.0) for one, mask, mean in zip((first, second), known, level, strict=True)
    ]
    spectra = [fft.rfft2(one, shape) for one in (*known, *values, values[0] ** 2, values[1] ** 2)]
    mask_a, mask_b, a, b, aa, bb = spectra

    def correlated(left: NDArray[np.complex128], right: NDArray[np.complex128]) -> FloatArray:
        return np.asarray(fft.irfft2(np.conj(left) * right, shape))

    overlap = np.round(correlated(mask_a, mask_b))
    enough = overlap >= _LEAST_OVERLAP * min(known[0].sum(), known[1].sum())
    pixels = np.where(enough, overlap, 1.0)
    sum_a, sum_b = correlated(a, mask_b), correlated(mask_a, b)
    product = correlated(a, b) - sum_a * sum_b / pixels
    spread_a = correlated(aa, mask_b) - sum_a**2 / pixels
    spread_b = correlated(mask_a, bb) - sum_b**2 / pixels
    # Where nearly all contrast lies outside the overlap, noise would correlate as well as the specimen.
    least = [1e-3 * float((one**2).sum()) for one in values]
    enough &= (spread_a > max(least[0], 1e-12)) & (spread_b > max(least[1], 1e-12))
    if not enough.any():
        return None
    score = np.where(enough, product / np.sqrt(np.where(enough, spread_a * spread_b, 1.0)), -np.inf)
    place = np.array(np.unravel_index(int(np.argmax(score)), score.shape))
    size = np.array(score.shape)
    return np.where(place > size // 2, place - size, place).astype(np.float64)


def _refined(first: FloatArray, second: FloatArray, start: FloatArray) -> tuple[FloatArray, float, float] | None:
    """Displacement, its standard deviation and the correlation; None where the images do not say."""
    known = ndimage.binary_erosion(np.isfinite(first), border_value=1)
    seen = ndimage.binary_erosion(np.isfinite(second), border_value=1)
    smooth, target = (
        ndimage.gaussian_filter(np.where(np.isfinite(one), one, np.nanmean(one)), _SMOOTHING, mode="nearest")
        for one in (first, second)
    )
    spline = ndimage.spline_filter(smooth, order=3, mode="nearest")
    grid = np.indices(first.shape, dtype=np.float64)
    edge = np.array(first.shape)[:, None, None] - 1.0
    at = start.copy()
    for _ in range(_STEPS):
        where = grid - at[:, None, None]
        inside = (where >= 0).all(axis=0) & (where <= edge).all(axis=0) & seen
        inside &= ndimage.map_coordinates(known.astype(np.float64), where, order=0, mode="nearest") > 0
        if inside.sum() < _LEAST_OVERLAP * first.size / 2:
            return None
        model = _at(spline, where)[inside]
        slopes = [(_at(spline, where + step) - _at(spline, where - step))[inside] / 0.2 for step in _HALF_STEPS]
        values = target[inside]
        # Brightness and darkness of the whole may change: beam current, a new gain.
        design = np.stack([-slopes[0], -slopes[1], model, np.ones_like(model)], axis=1)
        weight, solution = np.ones(values.size), np.zeros(4)
        for _again in range(5):
            root = np.sqrt(weight)[:, None]
            solution = np.linalg.lstsq(design * root, values * root[:, 0], rcond=None)[0]
            residual = values - design @ solution
            scale = 1.4826 * float(np.median(np.abs(residual))) + 1e-12
            weight = 1.0 / np.maximum(1.0, np.abs(residual) / (_HUBER * scale))
        if solution[2] <= 0.1:
            return None
        step = np.clip(solution[:2] / solution[2], -1.0, 1.0)
        at += step
        if np.abs(at - start).max() > 3.0:
            return None
        if np.abs(step).max() < 1e-4:
            break
    inverse = np.linalg.pinv(design.T @ (weight[:, None] * design))
    # Smoothed noise is alike in neighbouring pixels.
    alike = max(1.0, 4.0 * np.pi * _SMOOTHING**2)
    sigma = float(np.sqrt(alike * inverse.diagonal()[:2].max()) * scale / solution[2])
    if not np.isfinite(sigma) or sigma > 1.0:
        return None
    centred = [one - np.average(one, weights=weight) for one in (model, values)]
    spread = np.sqrt((weight * centred[0] ** 2).sum() * (weight * centred[1] ** 2).sum())
    return at, sigma, float((weight * centred[0] * centred[1]).sum() / spread) if spread > 0 else 0.0


_HALF_STEPS = 0.1 * np.eye(2)[:, :, None, None]


def _at(spline: FloatArray, where: FloatArray) -> FloatArray:
    """Values of a spline at places, shape (2, y, x)."""
    return np.asarray(ndimage.map_coordinates(spline, where, order=3, mode="nearest", prefilter=False))
