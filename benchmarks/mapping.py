"""Whole road from counts to maps: eelsmap against two scripts that do it themselves, side by side in one run.

The *obvious chain* does with public HyperSpy and XGBoost calls what a script would do: ``remove_background`` for each
of the four edges, cropping, ``map`` of the cumulative distribution, and one ``predict`` of the same number of trees for
each property, without aligned shapes, intervals, novelty, spikes, quality or flags. The *NumPy loop* goes through the
rows of pixels with the mathematics of eelsmap (window counts, weighted power law, distribution, aligned shapes, noise
and intensities; no spikes, no detector, no drift) and lets XGBoost predict all pixels at once. Both give the
values of the properties and nothing else; eelsmap is timed with everything (intervals, novelty, spikes, flags) and with
the values alone. All run in one process with one thread; each is timed several times in turn, and ratios are those of
the medians of the processor's time.

Run: ``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/mapping.py [--rows 128 --columns 128 --repeats 3]``
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import dask
import numpy as np
import xgboost
from hyperspy.logger import set_log_level

import eelsmap
from eelsmap.edges import NMC_EDGES
from eelsmap.features import feature_names
from eelsmap.features.oxygen_edge import oxygen_edge_features
from eelsmap.features.white_lines import white_line_features
from eelsmap.io import prepare
from eelsmap.mapping.engine import maps_of
from eelsmap.mapping.pixel_block import PropertyWork
from eelsmap.mapping.planned_image import plan_signal
from eelsmap.models.model import Model
from eelsmap.phantom import Microscope
from eelsmap.properties import PROPERTIES
from eelsmap.recipe import BackgroundStep

Array = np.ndarray


def obvious_chain(signal: Any, boosters: Mapping[str, xgboost.Booster], width: int, stride: int) -> dict[str, Array]:
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


def numpy_loop(signal: Any, boosters: Mapping[str, xgboost.Booster], width: int, stride: int) -> dict[str, Array]:
    """Do what a NumPy script would, a row of pixels at a time; the axis is taken as it is."""
    energy = signal.axes_manager.signal_axes[0].axis
    image = signal.data.reshape(-1, *signal.data.shape[-2:])
    rows = [_row_features(row, energy, stride) for row in image]
    features = np.concatenate(rows).astype(np.float32)
    if features.shape[1] != width:
        raise ValueError(f"the trees read {width} features, the loop makes {features.shape[1]}")
    matrix = xgboost.DMatrix(features)
    return {name: boosters[name].predict(matrix) for name in PROPERTIES}


def _row_features(counts: Array, energy: Array, stride: int) -> Array:
    """Window counts, weighted power law, distribution, aligned shape, noise and intensities of a row of pixels."""
    running = np.zeros((len(counts), energy.size + 1))
    np.cumsum(counts, axis=1, dtype=np.float64, out=running[:, 1:])
    distributions, aligned, ratios, sums = [], [], [], []
    for edge in NMC_EDGES:
        bins = np.linspace(*edge.background, BackgroundStep().bins + 1)
        grid = edge.grid(NMC_EDGES.points)
        before = _between(running, bins, energy)
        gross = _between(running, edge.intervals(NMC_EDGES.points), energy)
        # ln A - r ln E by least squares, weighted with the counts.
        middle = np.log((bins[1:] + bins[:-1]) / 2)
        design = np.stack([np.ones_like(middle), middle], axis=1)
        normal = np.einsum("nb,bi,bj->nij", before, design, design)
        target = np.einsum("nb,bi->ni", before * np.log(before / np.diff(bins)), design)
        solution = np.linalg.solve(normal, target[..., None])[..., 0]
        points = np.stack([np.ones_like(grid), np.log(grid)], axis=1)
        background = np.exp(solution @ points.T) * (grid[1] - grid[0])
        net = gross - background
        total = np.cumsum(net, axis=1)
        distributions.append((total / total[:, -1:])[:, ::-stride][:, ::-1][:, :-1])
        aligned.append((oxygen_edge_features if edge.subshell == "K" else white_line_features)(net, edge))
        inside = (grid >= edge.signal[0]) & (grid <= edge.signal[1])
        change = background[:, inside] @ points[inside]
        error = np.einsum("ni,nij,nj->n", change, np.linalg.inv(normal), change)
        noise = np.sqrt(gross[:, inside].sum(axis=1) + error)
        ratios.append(np.log10(np.maximum(net[:, inside].sum(axis=1) / noise, 0.1)))
        sums.append(np.maximum(net.sum(axis=1), 0.0))
    ratio, (oxygen, *metals) = np.stack(ratios, axis=1), sums
    shares = np.stack([*(np.array(metals) / sum(metals)), np.log10(sum(metals) / oxygen)], axis=1)
    known = np.ones_like(ratio), shares, *aligned, np.full((len(counts), 1), 0.6)
    return np.concatenate([*distributions, ratio, *known], axis=1)


def _between(running: Array, boundaries: Array, energy: Array) -> Array:
    """Sum up counts between energies, with parts of channels at either end."""
    position = (boundaries - energy[0]) / (energy[-1] - energy[0]) * (energy.size - 1) + 0.5
    lower = position.astype(int)
    below = running[:, lower]
    return np.diff(below + (position - lower) * (running[:, lower + 1] - below), axis=1)


def values_alone(signal: Any, model: Model) -> Any:
    """Map the properties without intervals and novelty; spikes, detector, drift, quality and flags as ever."""
    image = plan_signal(prepare(signal), model.recipe)
    return maps_of(image, PropertyWork(image.plan, model.recipe, model, values_only=True), {}, lazy=False)


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


def _distribution(spectrum: Array) -> Array:
    total = np.cumsum(spectrum)
    return total / total[-1]


def timed(action: Callable[[], Any]) -> tuple[float, float]:
    """Seconds and seconds of processor time that an action takes."""
    start, used = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - start, time.process_time() - used


def main() -> None:
    """Print pixels per second of all and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--columns", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    model = eelsmap.load_model("nmc")
    signal = _bright_image(arguments.rows, arguments.columns)
    # HyperSpy says at every interpolation that it might go beyond the axis.
    set_log_level("ERROR")
    pixels = arguments.rows * arguments.columns
    width, stride = len(feature_names(model.recipe)), model.recipe.features.stride
    roads: dict[str, Callable[[], Any]] = {
        "obvious HyperSpy chain": lambda: obvious_chain(signal, dict(model.boosters), width, stride),
        "NumPy loop, same mathematics": lambda: numpy_loop(signal, dict(model.boosters), width, stride),
        "eelsmap, values alone": lambda: values_alone(signal, model),
        "eelsmap, intervals, novelty, flags": lambda: eelsmap.map_properties(signal, model),
    }
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in roads}
    with dask.config.set(scheduler="synchronous"):
        # What is compiled or laid out once a process is not timed.
        eelsmap.map_properties(signal.inav[:8, :8], model)
        for _ in range(arguments.repeats):
            for name, action in roads.items():
                spent[name].append(timed(action))
    print(
        f"{arguments.rows} x {arguments.columns} x {signal.data.shape[-1]} {signal.data.dtype} phantom, "
        f"{len(PROPERTIES)} properties, one thread, median of {arguments.repeats}"
    )
    print(f"{'':38s}{'px/s':>9s}{'px/CPU-s':>10s}")
    rate = {}
    for name in roads:
        wall, used = (pixels / median(column) for column in zip(*spent[name], strict=True))
        # On a busy machine only the processor's time can be compared.
        rate[name] = used
        print(f"{name:38s}{wall:9.0f}{used:10.0f}")
    chain, loop, values, everything = rate.values()
    print(f"values alone over the chain                  {values / chain:8.1f}")
    print(f"values alone over the NumPy loop             {values / loop:8.1f}")
    print(f"with intervals, novelty, flags over the chain{everything / chain:8.1f}")


if __name__ == "__main__":
    main()
