"""Boosted trees of a model: XGBoost's in-place predictor against eelsmap's own, side by side in one run on one thread.

Both give the margins of every property and its spread from the same features, those of a phantom's pixels. Each block
size is timed several times in turn, and the medians of the processor's time are compared. The table also says how far
the two differ, and how long it takes to lay the trees out and to compile.

Run: ``OMP_NUM_THREADS=1 python benchmarks/trees.py [--model nmc --repeats 7 --rows 64 256 2048 8192]``
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import fields
from statistics import median

import dask
import numpy as np
from numpy.typing import NDArray

import eelsmap
from eelsmap.features import feature_names
from eelsmap.mapping.engine import map_properties
from eelsmap.models.fast_trees import FastTrees
from eelsmap.models.model import Model
from eelsmap.phantom import Microscope


def pixel_features(model: Model, rows: int) -> NDArray[np.float32]:
    """Features of a phantom's pixels at three doses, repeated to size."""
    found: list[NDArray[np.float32]] = []

    class Listening(Model):
        """Keeps the features that the trees are given."""

        def predict_features(
            self, features: NDArray[np.float32], log_snr: NDArray[np.float64], /
        ) -> NDArray[np.float32]:
            found.append(features.copy())
            return super().predict_features(features, log_snr)

    listening = Listening(**{field.name: getattr(model, field.name) for field in fields(model)})
    with warnings.catch_warnings(), dask.config.set(scheduler="synchronous"):
        warnings.simplefilter("ignore")
        for counts in (3e4, 3e5, 3e6):
            map_properties(eelsmap.make_phantom((48, 48), microscope=Microscope(counts=counts)).signal(), listening)
    every = np.concatenate(found)
    return every[np.random.default_rng(0).permutation(np.arange(rows) % len(every))]


def seconds(work: Callable[[], object], least: float) -> float:
    """Processor time of one call, over as many as take the least time."""
    calls, start = 0, time.process_time()
    while (spent := time.process_time() - start) < least or not calls:
        work()
        calls += 1
    return spent / calls


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nmc")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 64, 256, 2048, 8192])
    options = parser.parse_args()
    model = eelsmap.load_model(options.model)
    features = pixel_features(model, max(options.rows))
    width = len(feature_names(model.recipe))
    boosters = {name: trees for name, trees in model.boosters.items() if trees.num_features() == width}

    def xgboost_margins(block: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.stack([trees.inplace_predict(block, predict_type="margin") for trees in boosters.values()], axis=1)

    start = time.process_time()
    fast = FastTrees.of(boosters, width)
    laid_out = time.process_time()
    fast.predict(features[:1])
    ready = time.process_time()
    count = sum(len(trees.leaf) for trees in fast.layout.trees.values())
    missing = np.isnan(features).mean()
    print(f"{count} trees of {len(fast.layout.trees)} boosters on {width} features, {missing:.0%} missing")
    print(f"laid out in {laid_out - start:.2f} s, compiled or fetched from disk in {ready - laid_out:.2f} s")
    difference = np.abs(fast.predict(features) - xgboost_margins(features)).max()
    print(f"greatest difference of a margin over {len(features)} rows: {difference:.1e}")
    print(f"{'rows a block':>12}{'XGBoost rows/s':>16}{'eelsmap rows/s':>16}{'times':>8}")
    for rows in options.rows:
        block = np.ascontiguousarray(features[:rows])
        theirs, ours = [], []
        for _ in range(options.repeats):
            theirs.append(seconds(lambda: xgboost_margins(block), 0.2))  # noqa: B023
            ours.append(seconds(lambda: fast.predict(block), 0.2))  # noqa: B023
        old, new = median(theirs), median(ours)
        print(f"{rows:12d}{rows / old:16,.0f}{rows / new:16,.0f}{old / new:8.1f}")


if __name__ == "__main__":
    main()
