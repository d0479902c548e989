"""How good predictions are: errors, coverage of intervals, and how well probabilities tell classes apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["number_metrics", "probability_metrics", "rank_correlation"]


def rank_correlation(a: NDArray[np.float64], b: NDArray[np.float64], /) -> float:
    """Spearman's rank correlation of two arrays of shape (n,); NaN when one of them is constant."""
    from scipy.stats import rankdata

    ranks = rankdata(a), rankdata(b)
    if np.ptp(ranks[0]) == 0 or np.ptp(ranks[1]) == 0:
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])


def number_metrics(
    truth: NDArray[np.float64],
    value: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    /,
) -> dict[str, float]:
    """Errors and coverage of a numeric property.

    Parameters
    ----------
    truth, value, lower, upper
        Shape (n,); entries where truth or value is NaN are left out.

    Returns
    -------
    dict
        ``n``, ``rmse``, ``mean_error``, ``spearman``, ``coverage`` (share of intervals that hold the truth),
        ``mean_width``, and ``truth_std``: the RMSE of always answering the mean.
    """
    known = np.isfinite(truth) & np.isfinite(value)
    if not known.any():
        return {"n": 0}
    truth, value, lower, upper = truth[known], value[known], lower[known], upper[known]
    slack = 1e-6
    return {
        "n": int(known.sum()),
        "rmse": float(np.sqrt(np.mean((value - truth) ** 2))),
        "mean_error": float(np.mean(value - truth)),
        "spearman": rank_correlation(truth, value),
        "coverage": float(np.mean((truth >= lower - slack) & (truth <= upper + slack))),
        "mean_width": float(np.mean(upper - lower)),
        "truth_std": float(np.std(truth)),
    }


def probability_metrics(truth: NDArray[np.float64], value: NDArray[np.float64], /) -> dict[str, float]:
    """How well a probability tells a class from its absence.

    Parameters
    ----------
    truth
        0, 1, or NaN where the class is neither, shape (n,).
    value
        Predicted probability, shape (n,).

    Returns
    -------
    dict
        ``n``, ``auroc`` (area under the receiver operating characteristic), ``balanced_accuracy`` at one half,
        ``brier`` (mean squared error of the probability), ``positives``.
    """
    from scipy.stats import rankdata

    known = np.isfinite(truth) & np.isfinite(value)
    present, value = truth[known] > 0.5, value[known]
    positives, negatives = int(present.sum()), int((~present).sum())
    if positives == 0 or negatives == 0:
        return {"n": int(known.sum()), "positives": positives}
    rank_sum = rankdata(value)[present].sum()
    return {
        "n": int(known.sum()),
        "positives": positives,
        "auroc": float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives)),
        "balanced_accuracy": float(0.5 * (np.mean(value[present] >= 0.5) + np.mean(value[~present] < 0.5))),
        "brier": float(np.mean((value - present) ** 2)),
    }
