"""Scale of the surrogate's uncertainty, from errors on families of cells that did not train."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize
from scipy.stats import spearmanr

from eelsmap.library.ridge_regression import Regression
from eelsmap.library.surrogate_errors import cell_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Quantile of the leverages of held-out atoms beyond which an atom counts as extrapolated.
FAR = 0.99


def level_and_slope(squares: NDArray, leverage: NDArray) -> tuple[float, float]:
    """Find the variance ``level + slope * leverage`` under which squared errors (n,) are most likely (normal)."""

    def cost(logarithms: NDArray) -> float:
        variance = np.exp(logarithms[0]) + np.exp(logarithms[1]) * leverage
        return float(np.mean(np.log(variance) + squares / variance))

    start = np.log([squares.mean() / 2, squares.mean() / 2 / leverage.mean()])
    found = minimize(cost, start, method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-8, "maxiter": 2000})
    return float(np.exp(found.x[0])), float(np.exp(found.x[1]))


def calibrate(
    gram: NDArray, index: NDArray, true: NDArray, predicted: NDArray, fold: NDArray, ridge: float
) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Noise per energy and the two constants of the variance, for atoms and for averages of cells.

    Parameters
    ----------
    gram
        (N, N) scalar products; the first n rows are the training atoms.
    index, true, predicted, fold
        (n,) cell, (n, p) calculated and held-out spectra, (n,) fold of each training atom.
    ridge
        Strength.

    Returns
    -------
    arrays, constants
        ``noise_atom``, ``noise_cell`` (p,); by ``atom`` and ``cell`` the level and slope, and the largest leverage.
    """
    count = len(index)
    numbers = np.unique(index)
    average = (index == numbers[:, None]) / (index == numbers[:, None]).sum(axis=1, keepdims=True)
    own = gram[:count, :count]
    across = average @ own
    # Rows of cell averages follow the rows of atoms: their scalar products are averages too.
    whole = np.block([[own, across.T], [across, across @ average.T]])
    cell_fold = np.array([fold[index == number][0] for number in numbers])
    leverage, cell_leverage = np.zeros(count), np.zeros(len(numbers))
    for number in np.unique(fold):
        model = Regression(whole, np.nonzero(fold != number)[0], ridge)
        leverage[fold == number] = model.leverage(np.nonzero(fold == number)[0])
        judged = np.nonzero(cell_fold == number)[0]
        cell_leverage[judged] = model.leverage(count + judged)
    arrays: dict[str, NDArray] = {}
    constants: dict[str, Any] = {"largest_leverage": float(np.quantile(leverage, FAR))}
    for which, error, distance in (
        ("atom", predicted - true, leverage),
        ("cell", cell_means(predicted - true, index), cell_leverage),
    ):
        noise = np.sqrt((error**2).mean(axis=0))
        level, slope = level_and_slope(((error / noise) ** 2).mean(axis=1), distance)
        arrays[f"noise_{which}"] = noise
        constants[which] = {"level": level, "slope": slope}
    return arrays, constants


def reliability(error: NDArray, deviation: NDArray) -> dict[str, float]:
    """How errors (n, p) compare with the standard deviations (n, p) that were promised.

    Returns
    -------
    dict
        ``within_1`` and ``within_2``: share of all points within one and two deviations (normal: 0.68 and 0.95);
        ``ratio``: root mean square of error over deviation (1); ``rank``: Spearman correlation over rows between
        promised and true error (how well the uncertainty sorts).
    """
    scaled = np.abs(error / deviation)
    sizes = [np.sqrt((values**2).mean(axis=1)) for values in (error, deviation)]
    return {
        "within_1": round(float((scaled < 1).mean()), 3),
        "within_2": round(float((scaled < 2).mean()), 3),
        "ratio": round(float(np.sqrt((scaled**2).mean())), 3),
        "rank": round(float(spearmanr(*sizes).statistic), 3) if len(error) > 2 else float("nan"),
    }
