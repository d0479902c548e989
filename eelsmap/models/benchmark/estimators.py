"""The models that are compared, all under one interface: fit rows to several numbers, predict them.

Classes (a defect is there or not) are learned as numbers 0 and 1 with balanced weights, but by XGBoost and LightGBM as
log-odds; so one interface serves all models, and one half is the threshold of all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["MODELS", "Effort", "Estimator", "Training", "balanced_weights", "missing_package"]

FloatArray = NDArray[np.float64]

_SEEN_BY_TREE = 150
_SEEN_BY_NODE = 20


@dataclass(frozen=True, slots=True)
class Training:
    """How much is spent on a model.

    Parameters
    ----------
    copies
        How often each record trains, every time with another noise and shift.
    rounds
        Boosting rounds.
    rate
        Shrinkage of each round.
    """

    copies: int
    rounds: int
    rate: float


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is spent on models of structures, and on those of environments, which are seven times as many."""

    structure: Training = Training(3, 100, 0.15)
    environment: Training = Training(1, 100, 0.15)

    def of(self, kind: str) -> Training:
        """Say what is spent on ``"structure"`` or ``"environment"`` records."""
        return self.structure if kind == "structure" else self.environment


class Estimator(Protocol):
    """What every model of the comparison does."""

    def fit(self, rows: NDArray[np.float32], labels: FloatArray, presence: bool) -> None:
        """Learn labels (n, label) of rows (n, feature); a label is NaN where it has no meaning."""

    def predict(self, rows: NDArray[np.float32]) -> FloatArray:
        """Labels (n, label)."""


def balanced_weights(label: FloatArray, presence: bool) -> FloatArray:
    """Weights that make both classes count the same; all 1 for numbers."""
    if not presence:
        return np.ones(label.size)
    positive = label > 0.5
    share = max(float(positive.mean()), 1.0 / label.size)
    return np.where(positive, 0.5 / share, 0.5 / max(1.0 - share, 1.0 / label.size))


class ColumnByColumn:
    """One model a label, for libraries that predict one number or know no missing labels.

    Parameters
    ----------
    make
        From ``presence`` to a function that fits rows, label and weights and returns a predictor.
    """

    def __init__(self, make: Callable[[NDArray[np.float32], FloatArray, FloatArray, bool], Callable[[Any], Any]]):
        self.make = make
        self.predictors: list[Callable[[Any], Any]] = []

    def fit(self, rows: NDArray[np.float32], labels: FloatArray, presence: bool) -> None:
        """Fit each column on the rows that know it."""
        self.predictors = []
        for label in labels.T:
            known = np.isfinite(label)
            weights = balanced_weights(label[known], presence)
            self.predictors.append(self.make(rows[known], label[known], weights, presence))

    def predict(self, rows: NDArray[np.float32]) -> FloatArray:
        """Labels (n, label)."""
        return np.stack([np.asarray(predict(rows), dtype=np.float64) for predict in self.predictors], axis=1)


def _share(features: int) -> float:
    """Share of the features that a tree may use: so many that wide feature sets cost no more than narrow ones."""
    return min(1.0, _SEEN_BY_TREE / features)


def _dummy(_effort: Training, _seed: int) -> Estimator:
    def make(_rows: Any, label: FloatArray, weights: FloatArray, _presence: bool) -> Callable[[Any], Any]:
        mean = float(np.average(label, weights=weights))
        return lambda rows: np.full(len(rows), mean)

    return ColumnByColumn(make)


def _scikit(build: Callable[[], Any], *, scaled: bool) -> Estimator:
    """Wrap a scikit-learn regressor, behind a scaling of columns and label where it needs one."""

    def make(rows: Any, label: FloatArray, weights: FloatArray, _presence: bool) -> Callable[[Any], Any]:
        import warnings

        centre, width = (rows.mean(axis=0), rows.std(axis=0) + 1e-9) if scaled else (0.0, 1.0)
        middle, spread = (label.mean(), label.std() + 1e-9) if scaled else (0.0, 1.0)
        with warnings.catch_warnings():
            # A network that may still improve when its time is over: the time is part of the comparison.
            warnings.simplefilter("ignore")
            fitted = build().fit((rows - centre) / width, (label - middle) / spread, sample_weight=weights)
        return lambda other: middle + spread * fitted.predict((other - centre) / width)

    return ColumnByColumn(make)


def _ridge(_effort: Training, _seed: int) -> Estimator:
    from sklearn.linear_model import RidgeCV

    return _scikit(lambda: RidgeCV(alphas=np.logspace(-2, 5, 8)), scaled=True)


def _mlp(_effort: Training, seed: int) -> Estimator:
    from sklearn.neural_network import MLPRegressor

    return _scikit(
        lambda: MLPRegressor(
            hidden_layer_sizes=(128, 64), alpha=1e-3, early_stopping=True, max_iter=60, random_state=seed
        ),
        scaled=True,
    )


def _forest(_effort: Training, seed: int) -> Estimator:
    from sklearn.ensemble import RandomForestRegressor

    return _scikit(
        lambda: RandomForestRegressor(
            60, max_features=_SEEN_BY_NODE, min_samples_leaf=2, max_samples=0.7, random_state=seed, n_jobs=1
        ),
        scaled=False,
    )


def _gradient_boosting(effort: Training, seed: int) -> Estimator:
    from sklearn.ensemble import GradientBoostingRegressor

    return _scikit(
        lambda: GradientBoostingRegressor(
            n_estimators=effort.rounds, learning_rate=effort.rate, max_depth=4, subsample=0.5,
            max_features=_SEEN_BY_NODE, random_state=seed,
        ),
        scaled=False,
    )  # fmt: skip


def _lightgbm(effort: Training, seed: int) -> Estimator:
    def make(rows: Any, label: FloatArray, weights: FloatArray, presence: bool) -> Callable[[Any], Any]:
        import lightgbm

        settings = {
            "objective": "binary" if presence else "regression", "learning_rate": effort.rate, "num_leaves": 31,
            "feature_fraction": _share(rows.shape[1]), "bagging_fraction": 0.7, "bagging_freq": 1, "seed": seed,
            "num_threads": 1, "verbosity": -1, "deterministic": True, "force_row_wise": True, "min_data_in_leaf": 10,
        }  # fmt: skip
        trees = lightgbm.train(settings, lightgbm.Dataset(rows, label, weight=weights), effort.rounds)
        return trees.predict

    return ColumnByColumn(make)


def _xgboost(effort: Training, seed: int) -> Estimator:
    def make(rows: Any, label: FloatArray, weights: FloatArray, presence: bool) -> Callable[[Any], Any]:
        import xgboost

        settings = {
            "objective": "binary:logistic" if presence else "reg:squarederror", "tree_method": "hist", "max_bin": 64,
            "eta": effort.rate, "max_depth": 5, "subsample": 0.7, "colsample_bytree": _share(rows.shape[1]),
            "min_child_weight": 3, "seed": seed, "nthread": 1,
        }  # fmt: skip
        matrix = xgboost.QuantileDMatrix(rows, label=label, weight=weights, max_bin=settings["max_bin"], nthread=1)
        return xgboost.train(settings, matrix, num_boost_round=effort.rounds).inplace_predict

    return ColumnByColumn(make)


def _network(effort: Training, seed: int) -> Estimator:
    from eelsmap.models.benchmark.network import ConvolutionalNetwork

    return ConvolutionalNetwork(fewest_steps=6 * effort.rounds, seed=seed)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A model of the comparison: readable name, package beyond the core that it needs, and how it is made."""

    title: str
    package: str | None
    make: Callable[[Training, int], Estimator]


MODELS: dict[str, _Entry] = {
    "dummy": _Entry("mean of the training labels", None, _dummy),
    "ridge": _Entry("ridge", "sklearn", _ridge),
    "mlp": _Entry("MLP", "sklearn", _mlp),
    "random_forest": _Entry("random forest", "sklearn", _forest),
    "gradient_boosting": _Entry("gradient boosting", "sklearn", _gradient_boosting),
    "lightgbm": _Entry("LightGBM", "lightgbm", _lightgbm),
    "xgboost": _Entry("XGBoost", None, _xgboost),
    "cnn": _Entry("1-D CNN", "torch", _network),
}
"""Every model by name; ``make`` takes a :class:`Training` and a seed."""


def missing_package(name: str | None, /) -> bool:
    """Tell whether a package (None: none) cannot be imported here."""
    return name is not None and find_spec(name) is None
