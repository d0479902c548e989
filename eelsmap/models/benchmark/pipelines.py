"""Features and reductions of the comparison by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from eelsmap.features.gaussian import GaussianFeatures
from eelsmap.features.intensity import DistributionFeatures, IntensityFeatures
from eelsmap.features.polynomial import PolynomialFeatures
from eelsmap.features.reduction import AutoencoderReduction, IsomapReduction, LinearReduction
from eelsmap.features.transformer import EdgeTransformer, JoinedFeatures, Transformer
from eelsmap.features.wavelet import WaveletFeatures
from eelsmap.models.benchmark.spectra import DISPERSION_EV

__all__ = ["FEATURES", "REDUCTIONS"]


@dataclass(frozen=True, slots=True)
class _Feature:
    """A feature: readable name, and how it is made for a number of edges."""

    title: str
    make: Callable[[int], EdgeTransformer]


@dataclass(frozen=True, slots=True)
class _Reduction:
    """A reduction: readable name, package beyond the core that it needs, and how it is made; None reduces nothing."""

    title: str
    package: str | None
    make: Callable[[int], Transformer | None]


def _joined(edges: int) -> EdgeTransformer:
    """Join a coarse CDF and wavelets of 1 to 3 eV; chosen by cross-validation over training families."""
    parts = (DistributionFeatures(stride=4), WaveletFeatures(widths=(4, 8, 12), stride=4))
    return JoinedFeatures(edges, DISPERSION_EV, parts)


FEATURES: dict[str, _Feature] = {
    "intensity": _Feature("raw intensity", lambda edges: IntensityFeatures(edges, DISPERSION_EV)),
    # Every second channel: neighbours of a cumulative sum say the same, and trees take half the time.
    "cdf": _Feature("CDF", lambda edges: DistributionFeatures(edges, DISPERSION_EV, stride=2)),
    "polynomial_2.5": _Feature("polynomial 2.5 eV", lambda edges: PolynomialFeatures(edges, DISPERSION_EV, 2.5)),
    "polynomial_5": _Feature("polynomial 5 eV", lambda edges: PolynomialFeatures(edges, DISPERSION_EV, 5.0)),
    "polynomial_10": _Feature("polynomial 10 eV", lambda edges: PolynomialFeatures(edges, DISPERSION_EV, 10.0)),
    "gaussian": _Feature("20 Gaussians", lambda edges: GaussianFeatures(edges, DISPERSION_EV)),
    "cwt": _Feature("CWT", lambda edges: WaveletFeatures(edges, DISPERSION_EV)),
    # Not in the papers. Trees compare one number with a threshold: a cumulative sum says where intensity lies, a wide
    # wavelet how a line is shaped, and the shift moves the two in different ways.
    "cdf_cwt": _Feature("CDF and wide wavelets", _joined),
}
"""Features by name; ``make`` takes the number of edges. All but the last are the papers'."""

REDUCTIONS: dict[str, _Reduction] = {
    "none": _Reduction("none", None, lambda _seed: None),
    "svd": _Reduction("truncated SVD, 90 %", None, lambda _seed: LinearReduction(centred=False)),
    "pca": _Reduction("PCA, 90 %", None, lambda _seed: LinearReduction()),
    "isomap": _Reduction("Isomap, as many", "sklearn", lambda _seed: IsomapReduction()),
    "autoencoder": _Reduction("autoencoder, as many", "torch", lambda seed: AutoencoderReduction(seed=seed)),
    "pca_3": _Reduction("PCA, 3", None, lambda _seed: LinearReduction(dimensions=3)),
}
"""Reductions by name; ``make`` takes a seed. "As many" dimensions as PCA needs for 90 % of the variance."""
