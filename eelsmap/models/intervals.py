"""Honest intervals: normalised split-conformal for numbers, Venn-Abers for probabilities.

A number's interval is its prediction plus or minus a spread that a second model predicts, times a factor. The factor
is the quantile of |error| / spread on spectra of structures that the model had not seen (Papadopoulos et al. 2002;
Lei et al. 2018, 10.1080/01621459.2017.1307116), taken separately in ranges of the spectrum's signal-to-noise ratio, so
that noisy pixels do not borrow certainty from clean ones.

A probability's interval is the pair of calibrated probabilities that isotonic regression gives when the new spectrum
is taken for a negative and for a positive (Vovk and Petej 2014, arXiv 1211.0025). Few structures lie behind many
simulated spectra, so the pair is widened to what the different held-out groups of structures say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NumberInterval", "ProbabilityInterval", "fit_number_interval", "fit_probability_interval"]


_ENOUGH_OF_A_GROUP = 30


@dataclass(frozen=True)
class NumberInterval:
    """Factors on the predicted spread, by range of log10 signal-to-noise ratio.

    Parameters
    ----------
    boundaries
        Inner boundaries of the ranges, ascending, shape (range - 1,).
    factors
        One a range, shape (range,).
    confidence
        Share of the intervals that should hold the truth.
    """

    boundaries: tuple[float, ...]
    factors: tuple[float, ...]
    confidence: float

    def half_width(self, spread: NDArray[np.float64], log_snr: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Half width of the interval of each spectrum, shape (n,)."""
        position = np.searchsorted(np.asarray(self.boundaries), np.nan_to_num(log_snr, nan=-np.inf))
        return spread * np.asarray(self.factors)[position]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"boundaries": list(self.boundaries), "factors": list(self.factors), "confidence": self.confidence}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> NumberInterval:
        """Rebuild from :meth:`to_dict`."""
        return cls(tuple(content["boundaries"]), tuple(content["factors"]), content["confidence"])


@dataclass(frozen=True)
class ProbabilityInterval:
    """Calibrated probability and its interval on a grid of raw scores, each of shape (score,)."""

    score: tuple[float, ...]
    lower: tuple[float, ...]
    value: tuple[float, ...]
    upper: tuple[float, ...]

    def calibrate(
        self, score: NDArray[np.float64], /
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Probability, lower and upper end of each raw score, shape (n,) each."""
        value, lower, upper = (np.interp(score, self.score, column) for column in (self.value, self.lower, self.upper))
        return value, lower, upper

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {name: list(getattr(self, name)) for name in ("score", "lower", "value", "upper")}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> ProbabilityInterval:
        """Rebuild from :meth:`to_dict`."""
        return cls(*(tuple(content[name]) for name in ("score", "lower", "value", "upper")))


def fit_number_interval(
    error: NDArray[np.float64],
    spread: NDArray[np.float64],
    log_snr: NDArray[np.float64],
    /,
    *,
    group: NDArray[np.intp] | None = None,
    confidence: float = 0.9,
    ranges: int = 6,
) -> NumberInterval:
    """Choose the factors so that intervals hold the truth as often as they say, in every range of noise.

    Parameters
    ----------
    error
        Prediction minus truth of held-out spectra, shape (n,).
    spread
        Predicted spread of the same, positive, shape (n,).
    log_snr
        log10 of their signal-to-noise ratio, shape (n,).
    group
        Group of structures that each was held out with, shape (n,).
    confidence
        Share of the intervals that should hold the truth.
    ranges
        Number of ranges of equal population; the clearest quarter of the last one is a range of its own. Errors there
        follow from the structures and not from noise: the group with the largest ones decides.

    Returns
    -------
    NumberInterval
        The factors.
    """
    boundaries = np.quantile(log_snr, [*np.linspace(0, 1, ranges + 1)[1:-1], 1.0 - 0.25 / ranges])
    position = np.searchsorted(boundaries, log_snr)
    ratio = np.abs(error) / spread
    factors = [_conformal_quantile(ratio[position == index], confidence) for index in range(boundaries.size + 1)]
    if group is not None:
        clearest = position == boundaries.size
        by_group = [ratio[clearest & (group == index)] for index in np.unique(group)]
        enough = [part for part in by_group if part.size >= _ENOUGH_OF_A_GROUP]
        factors[-1] = max([factors[-1], *(_conformal_quantile(part, confidence) for part in enough)])
    return NumberInterval(tuple(boundaries.tolist()), tuple(factors), confidence)


def _conformal_quantile(ratio: NDArray[np.float64], confidence: float) -> float:
    """Finite-sample quantile of split-conformal prediction: ceil((n + 1) c) / n."""
    level = min(1.0, np.ceil((ratio.size + 1) * confidence) / max(ratio.size, 1))
    return float(np.quantile(ratio, level, method="higher"))


def fit_probability_interval(
    score: NDArray[np.float64], truth: NDArray[np.bool_], group: NDArray[np.intp], /, *, points: int = 101
) -> ProbabilityInterval:
    """Calibrate raw scores of held-out spectra, group by group.

    Parameters
    ----------
    score
        Raw scores (log odds) of held-out spectra, shape (n,).
    truth
        Whether the class is present, shape (n,).
    group
        Which held-out group of structures each spectrum belongs to, shape (n,).
    points
        Number of points of the table.

    Returns
    -------
    ProbabilityInterval
        ``value`` from all groups together; ``lower`` and ``upper`` the extremes over groups.
    """
    grid = np.linspace(np.quantile(score, 0.001), np.quantile(score, 0.999), points)
    _, value, _ = _venn_abers(score, truth, grid)
    by_group = [
        _venn_abers(score[group == index], truth[group == index], grid)
        for index in np.unique(group)
        if 0 < truth[group == index].sum() < (group == index).sum()
    ]
    lower = np.min([low for low, _, _ in by_group], axis=0)
    upper = np.max([high for _, _, high in by_group], axis=0)
    return ProbabilityInterval(
        tuple(grid.tolist()),
        tuple(np.minimum(lower, value).tolist()),
        tuple(value.tolist()),
        tuple(np.maximum(upper, value).tolist()),
    )


def _venn_abers(
    score: NDArray[np.float64], truth: NDArray[np.bool_], grid: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Lower, merged and upper probability at each grid score."""
    from scipy.optimize import isotonic_regression

    order = np.argsort(score, kind="stable")
    ordered, label = score[order], truth[order].astype(np.float64)
    # Pool neighbours first: at most 500 blocks are as good as 10 000 points and far quicker.
    size = max(1, ordered.size // 500)
    starts = np.arange(0, ordered.size, size)
    weight = np.diff(np.append(starts, ordered.size)).astype(np.float64)
    mean_score = np.add.reduceat(ordered, starts) / weight
    mean_label = np.add.reduceat(label, starts) / weight
    ends = []
    for assumed in (0.0, 1.0):
        result = np.empty(grid.size)
        for index, value in enumerate(grid):
            place = int(np.searchsorted(mean_score, value))
            fitted = isotonic_regression(np.insert(mean_label, place, assumed), weights=np.insert(weight, place, 1.0))
            result[index] = fitted.x[place]
        ends.append(result)
    low, high = ends
    merged = high / (1.0 - low + high)
    return low, merged, high
