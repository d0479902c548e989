"""Scores of the comparison, among them the accuracy of atom counts as Jia et al. define it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["balanced_accuracy", "count_accuracy", "root_mean_square_error"]


def count_accuracy(truth: NDArray[np.floating], predicted: NDArray[np.floating], /) -> float:
    """Accuracy of counts, (TP + TN) / (TP + TN + FP + FN) (Jia et al. 2026, 10.1021/acsnano.5c16942).

    Parameters
    ----------
    truth, predicted
        Whole numbers of atoms, shape (n, element).

    Returns
    -------
    float
        TP: atoms predicted rightly; FP: predicted in excess; FN: missed; TN: 1 for every absence predicted rightly;
        each summed over spectra and elements.
    """
    right = np.minimum(truth, predicted).sum() + ((truth == 0) & (predicted == 0)).sum()
    wrong = np.abs(truth - predicted).sum()
    return float(right / (right + wrong))


def balanced_accuracy(truth: NDArray[np.floating], predicted: NDArray[np.floating], /) -> float:
    """Mean, over the classes that occur, of the share of each that is recognised; shapes (n,)."""
    return float(np.mean([np.mean(predicted[truth == value] == value) for value in np.unique(truth)]))


def root_mean_square_error(truth: NDArray[np.floating], predicted: NDArray[np.floating], /) -> float:
    """Root mean square of the difference; shapes (n,)."""
    return float(np.sqrt(np.mean((predicted - truth) ** 2)))
