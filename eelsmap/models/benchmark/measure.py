"""One item of the comparison: spectra, features, reduction, model, scores."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import NMC_EDGES
from eelsmap.library.labels import METALS
from eelsmap.models.benchmark.estimators import MODELS, Estimator
from eelsmap.models.benchmark.pipelines import FEATURES, REDUCTIONS
from eelsmap.models.benchmark.plan import SHIFTS_EV, Item
from eelsmap.models.benchmark.spectra import Condition, add_relative_noise, edge_windows
from eelsmap.models.benchmark.splits import split_records
from eelsmap.models.benchmark.tasks import TASKS

if TYPE_CHECKING:
    from eelsmap.library import Library

__all__ = ["Measurement"]

_JUDGED_COPIES = {"structure": 10, "environment": 3}
_NOISE = 0.02
_REPEATS = 10
_AMPLITUDE_LOG_SIGMA = 0.15
_CACHED = 16


class _Rows(NamedTuple):
    """Edge windows (n, edge, channel) and the record of each (n,)."""

    windows: NDArray[np.float32]
    records: NDArray[np.intp]


class _Fitted(NamedTuple):
    """A fitted model with what its rows go through, and the records that judge it."""

    features: Any
    reduction: Any
    model: Estimator
    judge: _Rows


class Measurement:
    """Measures items on one library.

    Parameters
    ----------
    library
        The spectral library.
    """

    def __init__(self, library: Library):
        self.library = library
        self._kept: dict[str, Any] = {}

    def of(self, item: Item) -> dict[str, Any]:
        """Run an item.

        Parameters
        ----------
        item
            What to run.

        Returns
        -------
        dict
            By task, scores by name, under ``layered`` those without lithium-rich structures where there are any, and
            ``families``, ``parents``, ``train``, ``judge``: how many there were; for
            ``"edge_noise"`` and ``"shift"`` lists of such scores by edge or by shift; for ``"correlation"`` means over
            the judging structures by edge.
        """
        if item.what == "correlation":
            return self._correlations(item)
        return {name: self._task(item, name) for name in item.tasks}

    def _task(self, item: Item, name: str) -> dict[str, Any]:
        """Fit the model of one task and judge it."""
        task = TASKS[name]
        fitted, counts = self._fit(item, name)
        truth = task.truth(self.library, fitted.judge.records)

        def scores(windows: NDArray[np.float32], chosen: Any = slice(None)) -> dict[str, float]:
            rows = self._features(item, _Rows(windows, fitted.judge.records), fitted.features, fitted.reduction)
            predicted = fitted.model.predict(rows)
            return {key: round(value, 5) for key, value in task.scores(truth[chosen], predicted[chosen]).items()}

        result: dict[str, Any] = {**scores(fitted.judge.windows), **counts}
        layered = self.library.phase[fitted.judge.records] == "layered"
        if layered.any() and not layered.all():
            result["layered"] = scores(fitted.judge.windows, layered)
        if item.what == "edge_noise":
            rng = _generator(item.seed, "edge noise", name)
            for edge in item.edges:
                column = NMC_EDGES.index(edge)
                result[edge] = [
                    scores(add_relative_noise(fitted.judge.windows, column, _NOISE, rng)) for _ in range(_REPEATS)
                ]
        if item.what == "shift":
            result["by_shift"] = []
            for shift in SHIFTS_EV:
                moved = replace(item.condition, offset=float(shift))
                result["by_shift"].append(scores(self._windows(item, moved, fitted.judge.records, "judge")))
        return result

    def _fit(self, item: Item, name: str) -> tuple[_Fitted, dict[str, int]]:
        """Fit features, reduction and model of one task."""
        task = TASKS[name]
        sides = split_records(self.library, task.kind, item.split, seed=item.seed)
        chosen = self._of_families(sides.train, item)
        noisy = item.condition.counts is not None or item.condition.shift > 0
        training = item.effort.of(task.kind)
        train = np.repeat(chosen, training.copies if noisy else 1)
        judge = np.repeat(sides.judge, _JUDGED_COPIES[task.kind] if noisy else 1)
        features = FEATURES[item.feature].make(len(item.edges))
        rows = self._features(item, _Rows(self._windows(item, item.condition, train, "train"), train), features, None)
        reduction = self._reduction(item, rows)
        if reduction is not None:
            rows = reduction.transform(rows).astype(np.float32)
        model = MODELS[item.model].make(training, item.seed)
        model.fit(rows, task.truth(self.library, train), task.presence)
        counts = {
            "parents": len(set(self.library.parent[chosen].tolist())),
            "families": len({self.library.families[parent] for parent in self.library.parent[chosen]}),
            "train": int(chosen.size),
            "judge": int(sides.judge.size),
            "features": int(rows.shape[1]),
        }
        seen = _Rows(self._windows(item, item.condition, judge, "judge"), judge)
        return _Fitted(features, reduction, model, seen), counts

    def _reduction(self, item: Item, rows: NDArray[np.float32]) -> Any:
        """Fitted reduction, None where nothing is reduced; the same for all tasks with the same rows."""
        name = f"{item.reduction} {item.seed} {zlib.crc32(rows.tobytes())}"

        def fit() -> Any:
            reduction = REDUCTIONS[item.reduction].make(item.seed)
            return None if reduction is None else reduction.fit(rows)

        return self._keep(name, fit)

    def _of_families(self, records: NDArray[np.intp], item: Item) -> NDArray[np.intp]:
        """Keep the records of a share of their families."""
        if item.family_share >= 1:
            return records
        family = np.array([self.library.families[parent] for parent in self.library.parent[records]])
        names = _generator(item.seed, "families").permutation(np.unique(family))
        return records[np.isin(family, names[: max(2, round(item.family_share * names.size))])]

    def _windows(self, item: Item, condition: Condition, records: NDArray[np.intp], side: str) -> NDArray[np.float32]:
        """Edge windows of records; the same for all items of one condition and seed."""
        name = f"{condition} {side} {item.seed} {zlib.crc32(records.tobytes())}"
        return self._keep(
            name, lambda: edge_windows(self.library, records, condition, _generator(item.seed, str(condition), side))
        )

    def _features(self, item: Item, rows: _Rows, features: Any, reduction: Any) -> NDArray[np.float32]:
        """Rows that the model reads."""
        columns = [NMC_EDGES.index(edge) for edge in item.edges]
        name = f"{item.feature} {item.edges} {zlib.crc32(rows.windows.tobytes())}"
        values = self._keep(name, lambda: features.transform(rows.windows[:, columns]).astype(np.float32))
        if item.shares:
            values = np.concatenate([values, self._shares(rows.records, item.seed)], axis=1)
        return values if reduction is None else reduction.transform(values).astype(np.float32)

    def _shares(self, records: NDArray[np.intp], seed: int) -> NDArray[np.float32]:
        """Each metal's share in the counts of all metals; cross sections are known to 15 %."""
        atoms = np.stack([self.library.atoms[element][records] for element in METALS], axis=1)
        factor = np.exp(_generator(seed, "shares", str(records.size)).normal(0.0, _AMPLITUDE_LOG_SIGMA, atoms.shape))
        amount = atoms * factor
        shares: NDArray[np.float32] = (amount / amount.sum(axis=1, keepdims=True)).astype(np.float32)
        return shares

    def _correlations(self, item: Item) -> dict[str, Any]:
        """Pearson correlation of the features of each edge with those of the shifted spectrum, noise-free."""
        records = split_records(self.library, "structure", item.split, seed=item.seed).judge
        features = FEATURES[item.feature].make(1)
        result: dict[str, Any] = {}
        for edge in item.edges:
            column = NMC_EDGES.index(edge)
            present = records[np.isfinite(self.library.spectra[edge][records, 0])]

            def values(shift: float, present: Any = present, column: int = column) -> NDArray[np.float64]:
                moved = replace(item.condition, offset=shift)
                return features.transform(self._windows(item, moved, present, "judge")[:, [column]])

            still = values(0.0)
            result[edge] = [round(_mean_correlation(still, values(float(shift))), 4) for shift in SHIFTS_EV]
        return result

    def _keep(self, name: str, make: Any) -> Any:
        """Make something, or return it when it was made a moment ago."""
        if name in self._kept:
            self._kept[name] = self._kept.pop(name)
        else:
            self._kept[name] = make()
            while len(self._kept) > _CACHED:
                del self._kept[next(iter(self._kept))]
        return self._kept[name]


def _mean_correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Mean over rows of the Pearson correlation of two arrays (n, feature)."""
    one, other = (rows - rows.mean(axis=1, keepdims=True) for rows in (one, other))
    return float(np.mean((one * other).sum(axis=1) / np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))))


def _generator(seed: int, *words: str) -> np.random.Generator:
    """Make a generator of its own for every purpose."""
    return np.random.default_rng([seed, *(zlib.crc32(word.encode()) for word in words)])
