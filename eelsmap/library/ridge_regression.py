"""Ridge regression through the matrix of scalar products of the rows: what fitting and active choice share.

All functions take the Gram matrix of all rows (training, held out, averages) and the indices of the rows that train.
Rows and targets are centred on the training rows, which stands for an intercept. In this dual form a fit costs the
cube of the number of training rows, whatever the number of descriptor columns (Hirai et al., Phys. Rev. Materials 6,
115601 (2022); Rasmussen and Williams, Gaussian Processes for Machine Learning, MIT Press (2006), chapter 2).
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from eelsmap.errors import LibraryError
from eelsmap.library.descriptors import MIXED_UNITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: Weight of a block whose columns were brought to one scale, against 1 of SOAP and ACSF.
MIXED_WEIGHT = 0.3
NMF_ITERATIONS = 400


@dataclass(frozen=True)
class Scaling:
    """Mean (F,) and scale (F,) of the columns of some blocks side by side: scaled = (raw - mean) * scale."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]


def scaling(blocks: dict[str, NDArray], names: Sequence[str]) -> Scaling:
    """Bring blocks to one size: a mean square row length of 1 (0.3 for hand-made ones) in these rows.

    Columns keep their relative size inside SOAP and ACSF: a column that hardly varies in training must not be blown
    up, or one unusual neighbour would rule a prediction.
    """
    means, scales = [], []
    for name in names:
        block = blocks[name]
        deviation = block.std(axis=0)
        if name in MIXED_UNITS:
            # A column that is constant in training says nothing; it keeps its own unit, not an infinite one.
            scale = MIXED_WEIGHT / np.where(deviation > 1e-6, deviation, 1.0) / np.sqrt(block.shape[1])
        else:
            scale = np.full(block.shape[1], 1 / np.sqrt((deviation**2).sum()))
        means.append(block.mean(axis=0))
        scales.append(scale)
    return Scaling(np.concatenate(means), np.concatenate(scales))


def family_folds(families: Sequence[str], count: int) -> NDArray[np.int64]:
    """Fold of each row, so that no family is in two folds; families are dealt out in the order of their hashes."""
    names = sorted(set(families), key=lambda name: hashlib.sha256(f"fold|{name}".encode()).hexdigest())
    if len(names) < count:
        raise LibraryError(f"{len(names)} families of cells are too few for {count} folds; calculate more cells")
    fold = {name: index % count for index, name in enumerate(names)}
    return np.array([fold[name] for name in families])


class Regression:
    """Ridge regression trained on some rows of a Gram matrix.

    Parameters
    ----------
    gram
        (N, N) scalar products of all rows.
    chosen
        Indices of the n training rows.
    ridge
        Strength, in units of the squared row length.
    """

    def __init__(self, gram: NDArray, chosen: NDArray, ridge: float) -> None:
        self._gram, self._chosen, self._ridge = gram, chosen, ridge
        inner = gram[np.ix_(chosen, chosen)]
        self._column, self._total = inner.mean(axis=0), inner.mean()
        centred = inner - self._column - self._column[:, None] + self._total
        self._factor = cho_factor(centred + ridge * np.eye(len(chosen)), lower=True)

    def _kernel(self, rows: NDArray) -> NDArray:
        outer = self._gram[np.ix_(rows, self._chosen)]
        return outer - outer.mean(axis=1, keepdims=True) - self._column + self._total

    def predict(self, targets: NDArray, rows: NDArray) -> NDArray[np.float64]:
        """Predict (m, k) for some rows from the targets (n, k) of the training rows."""
        mean = targets.mean(axis=0)
        return self._kernel(rows) @ cho_solve(self._factor, targets - mean) + mean

    def leverage(self, rows: NDArray) -> NDArray[np.float64]:
        """Return x (X'X + ridge)^-1 x' of some rows, (m,)."""
        kernel = self._kernel(rows)
        outer = self._gram[np.ix_(rows, self._chosen)].mean(axis=1)
        length = self._gram[rows, rows] - 2 * outer + self._total
        return (length - (kernel * cho_solve(self._factor, kernel.T).T).sum(axis=1)) / self._ridge


def components_of(spectra: NDArray, method: str, count: int) -> tuple[NDArray, NDArray, NDArray]:
    """Split spectra (n, p) into components.

    Parameters
    ----------
    spectra
        Training spectra.
    method
        ``"NMF"`` (scikit-learn, deterministic start) or ``"PCA"``.
    count
        Number of components k.

    Returns
    -------
    coefficients, components, base
        (n, k), (k, p), (p,): spectra are about coefficients @ components + base.
    """
    if method == "NMF":
        from sklearn.decomposition import NMF
        from sklearn.exceptions import ConvergenceWarning

        model = NMF(count, init="nndsvda", max_iter=NMF_ITERATIONS, tol=1e-4)
        with warnings.catch_warnings():
            # The last digits of the factors do not matter: what they leave out of the spectra is measured.
            warnings.simplefilter("ignore", ConvergenceWarning)
            coefficients = model.fit_transform(spectra)
        return coefficients, model.components_, np.zeros(spectra.shape[1])
    base = spectra.mean(axis=0)
    left, values, right = np.linalg.svd(spectra - base, full_matrices=False)
    return left[:, :count] * values[:count], right[:count], base
