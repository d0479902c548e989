"""Parameters of the boosted trees, found by the tree-structured Parzen estimator.

As Jia et al. (ACS Nano 2026, 10.1021/acsnano.5c16942) tuned theirs. A trial is judged on spectra of structures that its
trees have not seen: whole families of the training split are held out in turn, never the test split. Trials are written
down one by one by Optuna; a search that was stopped goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import RecipeError
from eelsmap.models.fitting import CLASS, NUMBER, balance, train_trees
from eelsmap.models.metrics import probability_metrics
from eelsmap.models.training_mixtures import group_parents, sample_mixtures
from eelsmap.models.training_spectra import RANGES, TrainingSpectra, join_spectra, make_training_spectra
from eelsmap.properties import PROPERTIES
from eelsmap.recipe import Recipe
from eelsmap.whole_file import whole_file

if TYPE_CHECKING:
    from eelsmap.library import Library

__all__ = ["KINDS", "tune"]

KINDS = {
    "number": ("li_content", "mn_count", "ni_valence"),
    "probability": ("vacancy_probability", "antisite_probability"),
}
"""What is tuned together, and the properties that judge it."""

_LARGEST_LEAVES = 300 * 2**6


def tune(
    library: Library,
    out: Path,
    /,
    *,
    trials: int = 30,
    rows: int = 6000,
    groups: int = 3,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Search the parameters of the trees.

    Parameters
    ----------
    library
        The spectral library; only its training split is used.
    out
        Folder of the search; it holds every trial, and ``tuned.json`` at the end.
    trials
        Number of trials of each kind, earlier ones included.
    rows
        Number of training spectra.
    groups
        Number of groups of structures that are held out in turn.
    seed
        Seed of everything random.
    progress
        Called with the number of finished trials and of all.

    Returns
    -------
    dict
        By kind: ``parameters``, ``error`` of the best trial, ``first_error`` of the trial with the parameters that were
        set by hand, ``trials``; and under ``measured_on`` how it was judged.

    Raises
    ------
    RecipeError
        Optuna is not installed, or the folder holds a search with other settings.
    """
    try:
        import optuna
    except ImportError as error:
        raise RecipeError("tuning needs Optuna: pip install 'eelsmap[train]'") from error
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    out.mkdir(parents=True, exist_ok=True)
    asked = {"rows": rows, "groups": groups, "seed": seed, "library": library.sha256, "ranges": RANGES}
    _same_search(out / "search.json", json.loads(json.dumps(asked)))
    data = _data(library, rows, groups, seed)
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(out / "trials.log")))
    result: dict[str, Any] = {
        "measured_on": f"{data.group.size} simulated spectra, {groups} groups of families held out in turn",
        "library": library.sha256,
        "optuna": optuna.__version__,
    }
    for place, (kind, names) in enumerate(KINDS.items()):
        study = optuna.create_study(study_name=kind, storage=storage, load_if_exists=True)
        # A search that goes on must not draw again what it has drawn.
        drawn = len(study.trials)
        study.sampler = optuna.samplers.TPESampler(seed=seed + 1000 * place + drawn, n_startup_trials=6)
        if not study.trials:
            study.enqueue_trial(_START[kind])

        def objective(trial: Any, names: tuple[str, ...] = names) -> float:
            return _error(data, names, _suggest(trial))

        def finished(_: Any, trial: Any, place: int = place) -> None:
            if progress is not None:
                progress(place * trials + trial.number + 1, trials * len(KINDS))

        done = sum(trial.state.is_finished() for trial in study.trials)
        study.optimize(objective, n_trials=max(trials - done, 0), callbacks=[finished])
        complete = [trial for trial in study.trials if trial.value is not None]
        result[kind] = {
            "parameters": study.best_params,
            "error": study.best_value,
            "first_error": complete[0].value,
            "trials": len(complete),
        }
    with whole_file(out / "tuned.json") as part:
        part.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")
    return result


_START = {
    "number": {
        "max_depth": 5, "eta": 0.08, "rounds": 260, "min_child_weight": 20.0, "subsample": 0.6,
        "colsample_bytree": 0.3, "reg_lambda": 1.0,
    },
    "probability": {
        "max_depth": 4, "eta": 0.08, "rounds": 220, "min_child_weight": 20.0, "subsample": 0.6,
        "colsample_bytree": 0.3, "reg_lambda": 1.0,
    },
}  # fmt: skip


def _suggest(trial: Any) -> dict[str, Any]:
    """Parameters of one trial; many deep trees are not offered: every one costs time in every pixel."""
    depth = trial.suggest_int("max_depth", 3, 7)
    return {
        "max_depth": depth,
        "eta": trial.suggest_float("eta", 0.03, 0.25, log=True),
        "rounds": min(trial.suggest_int("rounds", 80, 400), _LARGEST_LEAVES // 2**depth),
        "min_child_weight": trial.suggest_float("min_child_weight", 2.0, 100.0, log=True),
        "subsample": trial.suggest_float("subsample", 0.4, 1.0),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.1, 0.8),
        "reg_lambda": trial.suggest_float("reg_lambda", 0.1, 50.0, log=True),
    }


def _error(data: TrainingSpectra, names: tuple[str, ...], parameters: dict[str, Any]) -> float:
    """Mean over properties: RMSE over the scatter of the truth, or twice the area above the ROC curve."""
    errors = []
    for name in names:
        known = np.isfinite(data.labels[name])
        features, label, group = data.features[known], data.labels[name][known], data.group[known]
        held_out = np.empty(label.size)
        for index in np.unique(group):
            inside = group == index
            fixed = {**CLASS, **balance(label[~inside])} if PROPERTIES[name].probability else NUMBER
            settings = {**fixed, **parameters}
            held_out[inside] = train_trees(features[~inside], label[~inside], settings).inplace_predict(
                features[inside], predict_type="margin"
            )
        errors.append(_class_error(label, held_out) if PROPERTIES[name].probability else _number_error(label, held_out))
    return float(np.mean(errors))


def _number_error(truth: NDArray[np.float64], value: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean((value - truth) ** 2)) / np.std(truth))


def _class_error(truth: NDArray[np.float64], score: NDArray[np.float64]) -> float:
    return 2.0 * (1.0 - probability_metrics(truth, score)["auroc"])


def _data(library: Library, rows: int, groups: int, seed: int) -> TrainingSpectra:
    random = np.random.default_rng(seed)
    mixtures = sample_mixtures(library, group_parents(library, groups=groups, seed=seed), rows, random)
    return join_spectra(make_training_spectra(library, mixtures, Recipe(), random))


def _same_search(path: Path, asked: dict[str, Any]) -> None:
    """Write down what is searched, or refuse to go on with a search of something else."""
    if path.exists() and json.loads(path.read_text()) != asked:
        raise RecipeError(f"{path.parent}: holds a search with other settings; choose another folder")
    with whole_file(path) as part:
        part.write_text(json.dumps(asked, sort_keys=True))
