"""What the comparison runs: a list of items, each of which is finished, written and never run again.

The whole grid (8 features x 6 reductions x 8 models) would take many hours on one core. The default runs all features
with XGBoost, all reductions of the CDF with XGBoost, and all models on the CDF (the network on raw curves); ``full``
adds every other combination.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from eelsmap.edges import NMC_EDGES
from eelsmap.models.benchmark.estimators import MODELS, Effort, Training, missing_package
from eelsmap.models.benchmark.pipelines import FEATURES, REDUCTIONS
from eelsmap.models.benchmark.spectra import Condition

__all__ = ["JUDGED", "PAPERS", "Item", "left_out", "plan"]

_SCHEMA = 1
"""Changes when the meaning of a result changes: finished items of another schema are run again."""

ALL_EDGES = NMC_EDGES.names
GRID_TASKS = ("li_content", "environment", "valence", "bond_length", "vacancy", "antisite")
DEFECTS = ("vacancy", "antisite", "local_vacancy", "mean_antisite")
AIM_TASKS = ("li_content", "environment", *DEFECTS)
CURVE_TASKS = ("li_content", "environment", "vacancy", "antisite")
AIM_FEATURE = "cdf_cwt"
AIM_EFFORT = Effort(Training(10, 400, 0.06), Training(2, 160, 0.15))
SHIFTS_EV = tuple(range(-5, 6))
SHIFTED_FEATURES = ("intensity", "cdf", "cwt", "polynomial_5")
FAMILY_SHARES = (0.125, 0.25, 0.5)
COUNTS = (1e3, 1e5)

_CONDITION, _EFFORT = Condition(), Effort()


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to run.

    Parameters
    ----------
    what
        ``"scores"``; ``"edge_noise"``: scores with 2 % noise on one edge at a time; ``"shift"``: scores on spectra
        that are all shifted; ``"correlation"``: of features with those of the shifted spectrum.
    feature, reduction, model
        Names of what is combined.
    edges
        Edges that the model reads.
    split
        ``"families"`` or ``"records"``.
    condition
        How the spectra were taken.
    effort
        How much is spent on the model.
    tasks
        Names of the tasks.
    shares
        Whether the share of each metal's counts in those of all metals is a feature too.
    family_share
        Share of the training families that is used.
    seed
        Seed of everything random.
    """

    what: str = "scores"
    feature: str = "cdf"
    reduction: str = "none"
    model: str = "xgboost"
    edges: tuple[str, ...] = ALL_EDGES
    split: str = "families"
    condition: Condition = _CONDITION
    effort: Effort = _EFFORT
    tasks: tuple[str, ...] = GRID_TASKS
    shares: bool = False
    family_share: float = 1.0
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values; equal for equal items."""
        content: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return content

    def key(self, library_sha256: str) -> str:
        """Name of the item's file."""
        identity = json.dumps([_SCHEMA, library_sha256, self.to_dict()], sort_keys=True)
        return hashlib.sha256(identity.encode()).hexdigest()[:20]


PAPERS: dict[str, Any] = {"split": "records", "condition": Condition(counts=None, shift=0.0)}
"""As in the papers: records dealt at random, no noise, every axis right."""
JUDGED: dict[str, Any] = {"split": "families", "condition": _CONDITION}
"""As this project is judged: families held out, 10^4 counts in each edge window, every edge shifted by up to 1 eV."""


def plan(*, seed: int = 0, full: bool = False) -> list[Item]:
    """List what is to be run, the most important first.

    Parameters
    ----------
    seed
        Seed of everything random.
    full
        Every combination of feature, reduction and model.

    Returns
    -------
    list of Item
        Each once; what needs a package that is not installed is left out.
    """
    items = dict.fromkeys([*_aims(seed), *_curves(seed), *_grid(seed), *_robustness(seed)])
    if full:
        items |= dict.fromkeys(_everything(seed))
    return [item for item in items if not missing_package(MODELS[item.model].package) and not _unreduced(item)]


def left_out() -> list[str]:
    """Name the rows that cannot be run here, and the package that they need."""
    entries = [(entry.title, entry.package) for entry in MODELS.values()]
    entries += [(entry.title, entry.package) for entry in REDUCTIONS.values()]
    return [f"{title} (needs {package})" for title, package in entries if missing_package(package)]


def _unreduced(item: Item) -> bool:
    """Tell whether an item's reduction cannot be made here."""
    return missing_package(REDUCTIONS[item.reduction].package)


def _aims(seed: int) -> Iterator[Item]:
    """List what the project is judged by, with its single edges."""
    aim: dict[str, Any] = {"effort": AIM_EFFORT, "tasks": AIM_TASKS, "seed": seed, "feature": AIM_FEATURE}
    yield Item(**aim, **JUDGED)
    yield Item(**{**aim, "feature": "cdf"}, **JUDGED)
    yield Item(**aim, **JUDGED, shares=True)
    for edge in ALL_EDGES:
        yield Item(**{**aim, "tasks": CURVE_TASKS}, **JUDGED, edges=(edge,))
    # The two steps from our conditions to the papers', one at a time and together.
    yield Item(**aim, split="records", condition=JUDGED["condition"])
    yield Item(**aim, split="families", condition=PAPERS["condition"])
    yield Item(**aim, **PAPERS)


def _grid(seed: int) -> Iterator[Item]:
    """All features, all reductions and all models, one of the three at a time, and the single edges."""
    for setting in (PAPERS, JUDGED):
        for feature in FEATURES:
            yield Item(feature=feature, seed=seed, **setting)
        for reduction in REDUCTIONS:
            yield Item(reduction=reduction, seed=seed, **setting)
        for model in MODELS:
            yield Item(model=model, feature=_feature_of(model, "cdf"), seed=seed, **setting)
        for edge in ALL_EDGES:
            yield Item(edges=(edge,), seed=seed, **setting)


def _robustness(seed: int) -> Iterator[Item]:
    """List noise on one edge at a time, and shifts."""
    yield Item(what="edge_noise", seed=seed, **PAPERS)
    for feature in FEATURES:
        yield Item(what="correlation", feature=feature, tasks=(), seed=seed, **PAPERS)
    shifted = ("li_content", "environment")
    for feature in SHIFTED_FEATURES:
        yield Item(what="shift", feature=feature, tasks=shifted, seed=seed, **PAPERS)
    yield Item(what="shift", tasks=shifted, seed=seed, **JUDGED)


def _curves(seed: int) -> Iterator[Item]:
    """Learning curve and noise floor of the judged figures."""
    common: dict[str, Any] = {
        "effort": AIM_EFFORT, "tasks": CURVE_TASKS, "split": "families", "feature": AIM_FEATURE,
    }  # fmt: skip
    for share in FAMILY_SHARES:
        yield Item(**common, condition=JUDGED["condition"], family_share=share, seed=seed)
    for counts in COUNTS:
        yield Item(**common, condition=Condition(counts=counts), seed=seed)
    yield Item(**common, condition=Condition(counts=None), seed=seed)
    yield Item(**common, condition=Condition(shift=0.0), seed=seed)


def _everything(seed: int) -> Iterator[Item]:
    """Every combination."""
    for setting, feature, reduction, model in product((PAPERS, JUDGED), FEATURES, REDUCTIONS, MODELS):
        # The network reads raw curves and nothing else.
        if model != "cnn" or (feature, reduction) == ("intensity", "none"):
            yield Item(feature=feature, reduction=reduction, model=model, seed=seed, **setting)


def _feature_of(model: str, feature: str) -> str:
    """Name the feature that a model reads: the network reads raw curves."""
    return "intensity" if model == "cnn" else feature
