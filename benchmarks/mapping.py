"""Whole road from counts to maps: eelsmap against the obvious HyperSpy chain, side by side in one run.

The chain does with public HyperSpy and XGBoost calls what a script would do: ``remove_background`` for each of the four
edges, cropping, ``map`` of the cumulative distribution, and one ``predict`` of the same number of trees for each
property, without aligned shapes, intervals, novelty, spikes, quality or flags. Both run in one process with one thread;
each is timed several times in turn, and the ratio is that of the medians.

Run: ``python benchmarks/mapping.py [--rows 32 --columns 32 --repeats 3]``
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from statistics import median
from typing import Any

import dask
import numpy as np
import xgboost

import eelsmap
from eelsmap.edges import NMC_EDGES
from eelsmap.features import feature_names
from eelsmap.phantom import Microscope
from eelsmap.properties import PROPERTIES


def obvious_chain(signal: Any, boosters: dict[str, xgboost.Booster], width: int, stride: int) -> dict[str, np.ndarray]:
    """Do what a HyperSpy script would."""
    columns = []
    for edge in NMC_EDGES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            net = signal.remove_background(
                signal_range=edge.background, background_type="PowerLaw", fast=True, show_progressbar=False
            )
        net.crop_signal(*edge.near_edge)
        net.interpolate_on_axis(_axis(edge), axis=-1, inplace=True)
        distribution = net.map(_distribution, inplace=False, show_progressbar=False, silence_warnings=True)
        kept = distribution.data.reshape(-1, NMC_EDGES.points)[:, ::-stride][:, ::-1]
        columns.append(kept[:, :-1])
    features = np.concatenate(columns, axis=1)
    # The trees also read aligned shapes, quality and composition; the chain has none, so they stay missing.
    padded = np.full((features.shape[0], width), np.nan, dtype=np.float32)
    padded[:, : features.shape[1]] = features
    matrix = xgboost.DMatrix(padded)
    return {name: boosters[name].predict(matrix) for name in PROPERTIES}


def _bright_image(rows: int, columns: int) -> Any:
    """Pixels of a phantom's specimen, repeated to size: HyperSpy's estimate of a power law fails on empty vacuum."""
    signal = eelsmap.make_phantom((64, 64), microscope=Microscope(counts=1e6)).signal()
    spectra = signal.data.reshape(-1, signal.data.shape[-1])
    total = spectra.sum(axis=1)
    spectra = spectra[total > 0.5 * total.max()]
    image = signal.inav[:1, :1].deepcopy()
    image.data = spectra[np.arange(rows * columns) % len(spectra)].reshape(rows, columns, -1)
    image.get_dimensions_from_data()
    image.set_signal_type("EELS")
    return image


def _axis(edge: Any) -> Any:
    from hyperspy.axes import UniformDataAxis

    grid = edge.grid(NMC_EDGES.points)
    step = grid[1] - grid[0]
    # One step inside both ends: interpolation does not go beyond the cropped axis.
    return UniformDataAxis(
        offset=grid[0] + step, scale=(grid[-1] - grid[0] - 2 * step) / (grid.size - 1), size=grid.size
    )


def _distribution(spectrum: np.ndarray) -> np.ndarray:
    total = np.cumsum(spectrum)
    return total / total[-1]


def timed(action: Callable[[], Any]) -> float:
    """Seconds that an action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def main() -> None:
    """Print pixels per second of both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--columns", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    model = eelsmap.load_model("nmc")
    signal = _bright_image(arguments.rows, arguments.columns)
    pixels = arguments.rows * arguments.columns
    width, stride = len(feature_names(model.recipe)), model.recipe.features.stride
    ours, chain = [], []
    with dask.config.set(scheduler="synchronous"):
        for _ in range(arguments.repeats):
            ours.append(timed(lambda: eelsmap.map_properties(signal, model)))
            chain.append(timed(lambda: obvious_chain(signal, dict(model.boosters), width, stride)))
    fast, slow = median(ours), median(chain)
    print(
        f"{arguments.rows} x {arguments.columns} x {signal.data.shape[-1]} phantom, one thread, median of {len(ours)}"
    )
    print(f"obvious HyperSpy chain, {len(PROPERTIES)} properties           {pixels / slow:10.0f} px/s")
    print(f"eelsmap, with intervals, novelty, spikes, flags{pixels / fast:10.0f} px/s")
    print(f"ratio                                          {slow / fast:10.1f}")


if __name__ == "__main__":
    main()
