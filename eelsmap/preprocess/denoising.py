"""Weighted principal components: an option against noise, which says what it took away.

Counts are scaled so that shot noise is alike in all channels and pixels (Keenan and Kotula 2004, 10.1002/sia.1657),
and every spectrum is projected on the components that stand above noise: above the edge of the Marchenko-Pastur law
(1967, 10.1070/SM1967v001n04ABEH001994) by more than its fluctuation (Johnstone 2001, 10.1214/aos/1009210544).

What only a few pixels hold is not among the components. Such a pixel does not fit its projection; it is left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from eelsmap.errors import RecipeError

__all__ = ["Components", "Projection", "fit_components", "project"]

_MOST = 64
_FLUCTUATION = 3.0
_WINDOW = 32
_MISFIT = 5.0


@dataclass(frozen=True)
class Components:
    """What spectra of an image are made of, and what is lost by keeping only that.

    Parameters
    ----------
    scale
        Square root of the mean spectrum, shape (channel,); 0 where no counts are.
    loadings
        Orthonormal components of the scaled spectra, shape (k, channel).
    noise
        Variance of the scaled counts that is left beside the components; `gain` where it is shot noise alone.
    kept_variance
        Share of the variance about the mean spectrum that the components keep.
    lost
        Variance left in each channel over that of noise alone, shape (channel,): above 1 is structure that is lost.
    message
        The decision in words.
    """

    scale: NDArray[np.float64]
    loadings: NDArray[np.float64]
    noise: float
    kept_variance: float
    lost: NDArray[np.float64]
    message: str

    @property
    def variance_factor(self) -> NDArray[np.float64]:
        """By what factor the variance of single channels goes down, shape (channel,); k / channels on average."""
        return np.asarray((self.loadings**2).sum(axis=0))

    def window_variance_factor(self, window: NDArray[np.bool_], /) -> float:
        """By what factor the variance of the sum over a window (mask of channels) goes down.

        Noise that is left runs alike through neighbouring channels, so sums gain far less than single channels.
        """
        inside = self.scale * window
        norm = float(inside @ inside)
        return float(((self.loadings @ inside) ** 2).sum() / norm) if norm > 0 else 1.0


class Projection(NamedTuple):
    """Counts (n, channel) after denoising; ``chi_square`` (n,), mean square of what was removed over that of noise;
    ``kept`` (n,): pixels that the components do not describe, left as they were.
    """  # noqa: D205

    counts: NDArray[np.float64]
    chi_square: NDArray[np.float64]
    kept: NDArray[np.bool_]


def fit_components(sample: NDArray[np.generic], /, *, gain: float = 1.0, components: int | None = None) -> Components:
    """Find the components of an image.

    Parameters
    ----------
    sample
        Counts of some pixels, shape (n, channel); those that are not finite, or hold nothing, are left out.
    gain
        Variance of the counts divided by their mean.
    components
        How many to keep; None keeps those that stand above noise. Noise that neighbouring channels share makes
        this number larger, never smaller.

    Returns
    -------
    Components
        At least one: the mean spectrum is always kept.

    Raises
    ------
    RecipeError
        The sample holds no pixel with counts, or fewer pixels than components are asked for.
    """
    counts = np.asarray(sample, dtype=np.float64)
    counts = counts[np.isfinite(counts).all(axis=1)]
    totals = counts.sum(axis=1)
    counts, totals = counts[totals > 0], totals[totals > 0]
    pixels = len(counts)
    if pixels == 0:
        raise RecipeError("denoising: no pixel of the sample holds counts, so there are no components to find")
    mean = np.maximum(counts.mean(axis=0), 0.0)
    scale = np.sqrt(mean)
    inside = scale > 0
    channels = int(inside.sum())
    most = min(_MOST, pixels, channels)
    if components is not None and not 1 <= components <= most:
        raise RecipeError(
            f"denoising: components = {components} cannot be used; this sample of {pixels} pixels and {channels} "
            f"channels with counts allows 1 to {most}"
        )
    brightness = np.sqrt(totals / totals.mean())
    scaled = np.divide(counts, brightness[:, None] * scale, out=np.zeros_like(counts), where=inside)
    small = pixels < scale.size
    square = (scaled @ scaled.T if small else scaled.T @ scaled) / pixels
    size = square.shape[0]
    values, vectors = eigh(square, subset_by_index=(size - most, size - 1))
    values, vectors = values[::-1], vectors[:, ::-1]
    number, noise = _above_noise(values, float(np.trace(square)), pixels, channels, gain)
    number = number if components is None else components
    left = vectors[:, :number]
    loadings = (scaled.T @ left / np.sqrt(np.maximum(values[:number] * pixels, 1e-300))).T if small else left.T
    residual = scaled - (scaled @ loadings.T) @ loadings
    expected = noise * np.maximum(1.0 - (loadings**2).sum(axis=0), 1e-3) * (1.0 - number / (pixels + number))
    lost = np.where(inside, (residual**2).mean(axis=0) / expected, 1.0)
    about_mean = max(float(np.trace(square) - values[0]), 1e-300)
    kept = float(values[1:number].sum() / about_mean)
    message = (
        f"{number} principal components {'were asked for' if components else 'stand above noise'}; with the mean they "
        f"keep {100 * kept:.3g} % of the variance about it, and remove {100 - 100 * kept:.3g} %"
    )
    return Components(scale, np.ascontiguousarray(loadings), noise, kept, lost, message)


def project(block: NDArray[np.generic], components: Components, /) -> Projection:
    """Replace spectra by their projection on the components; every pixel for itself.

    Parameters
    ----------
    block
        Counts, shape (n, channel).
    components
        Result of :func:`fit_components`.

    Returns
    -------
    Projection
        Rows that are not finite, or that the components do not describe, are unchanged.
    """
    counts = np.asarray(block, dtype=np.float64)
    usable = np.asarray(np.isfinite(counts).all(axis=1))
    scale, loadings = components.scale, components.loadings
    inside = scale > 0
    safe = np.where(usable[:, None], counts, 0.0)
    scaled = np.divide(safe, scale, out=np.zeros_like(safe), where=inside)
    fitted = (scaled @ loadings.T) @ loadings
    # Shot noise of this pixel, not of the mean: its own projection says how many counts each channel should hold. One
    # pixel has a few per cent of the counts of the mean at least, or it is vacuum and nothing can be told of it.
    brightness = np.maximum((fitted * scale).sum(axis=1) / (scale @ scale), 0.0)[:, None]
    variance = components.noise * np.maximum(fitted * np.where(inside, 1.0 / np.where(inside, scale, 1.0), 0.0), 0.0)
    floor = components.noise * np.maximum(0.1 * brightness, 1e-12)
    standard = (scaled - fitted) / np.sqrt(np.maximum(variance, floor))
    freedom = max(int(inside.sum()) - len(loadings), 1)
    chi_square = (standard**2).sum(axis=1) / freedom
    limit = 1.0 + _MISFIT * np.sqrt(2.0 / freedom)
    kept = (chi_square > limit) | (_largest_window(standard) > _MISFIT) | ~usable
    cleaned = np.where(kept[:, None] | ~inside, counts, fitted * scale)
    return Projection(cleaned, np.where(usable, chi_square, np.nan), kept)


def _above_noise(
    values: NDArray[np.float64], trace: float, pixels: int, channels: int, gain: float
) -> tuple[int, float]:
    """How many eigenvalues, descending, lie above what noise alone makes, and its variance."""
    most = len(values)
    small, large = np.sqrt(channels / pixels), np.sqrt(pixels)
    spread = (large + np.sqrt(channels)) * (1 / large + 1 / np.sqrt(channels)) ** (1 / 3) / pixels
    edge = (1.0 + small) ** 2 + _FLUCTUATION * spread
    number, noise = 1, gain
    for number in range(1, most + 1):
        # What is left of all variance after the first components is noise, if no more stand above it.
        freedom = channels * (1.0 - number / channels) * (1.0 - number / max(pixels, number + 1))
        noise = max((trace - values[:number].sum()) / max(freedom, 1.0), 1e-12 * gain)
        if number == most or values[number] <= noise * edge:
            break
    return number, noise


def _largest_window(standard: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest sum over neighbouring channels in standard deviations, shape (n,): a missing edge shows there."""
    n, channels = standard.shape
    if channels < 2 * _WINDOW:
        return np.zeros(n)
    half = _WINDOW // 2
    usable = channels // half * half
    halves = standard[:, :usable].reshape(n, -1, half).sum(axis=2)
    return np.asarray(np.abs(halves[:, 1:] + halves[:, :-1]).max(axis=1) / np.sqrt(_WINDOW))
