"""Counts to features step by step: NumPy functions and compiled kernels side by side in one run on one thread.

Pixels of a phantom, repeated to size, a block at a time as the engine does; every step gets the same input on both
roads, and what it makes of it must agree. Rates are pixels per second of processor time, medians over the repeats after
a first run that does not count (it compiles).

Run: ``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/features.py [--pixels 2048 --repeats 9
--dtype uint16 --out table.json]``
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.features import cumulative_distribution, oxygen_edge_features, white_line_features
from eelsmap.features.fused_features import write_aligned, write_distribution
from eelsmap.phantom import Microscope, make_phantom
from eelsmap.preprocess import extract_edges, make_plan, normalise
from eelsmap.preprocess.background_fit import extrapolate_background, fit_background
from eelsmap.preprocess.cleaning import cleaned
from eelsmap.preprocess.fused_extraction import clean_few
from eelsmap.preprocess.fused_numba import AVAILABLE
from eelsmap.preprocess.fused_windows import subtract_power_law, write_window_counts
from eelsmap.preprocess.plan import Plan
from eelsmap.preprocess.windows import channel_positions, counts_between, running_sum
from eelsmap.recipe import Recipe

Array = NDArray[Any]
RECIPE = Recipe()
EDGES = tuple(RECIPE.edge_set)
POINTS = RECIPE.edge_set.points
STRIDE = RECIPE.features.stride


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pixels", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--dtype", choices=("uint16", "float32"), default="uint16")
    parser.add_argument("--out", type=Path, help="also write the figures to this JSON file")
    arguments = parser.parse_args()
    if not AVAILABLE:
        parser.error("numba is not installed: there is nothing to compare")
    warnings.simplefilter("ignore")
    block, plan = phantom(arguments.pixels, arguments.dtype)
    report: dict[str, Any] = {"pixels": arguments.pixels, "channels": block.shape[1], "dtype": arguments.dtype}
    print(f"{len(block)} pixels x {block.shape[1]} channels {arguments.dtype}, one thread, pixels per CPU-second")
    print(f"{'':22s}{'NumPy':>10s}{'compiled':>10s}{'ratio':>8s}{'largest difference':>22s}")
    spent = [0.0, 0.0]
    for name, by_numpy, compiled in steps(block, plan):
        (theirs, slow), (ours, fast) = (timed(road, arguments.repeats) for road in (by_numpy, compiled))
        difference = largest_difference(ours, theirs)
        spent = [spent[0] + slow, spent[1] + fast]
        report[name] = {"numpy": len(block) / slow, "compiled": len(block) / fast, "difference": difference}
        print(f"{name:22s}{len(block) / slow:10.0f}{len(block) / fast:10.0f}{slow / fast:8.1f}{difference:22.1e}")
    report["together"] = {"numpy": len(block) / spent[0], "compiled": len(block) / spent[1]}
    rates = [len(block) / seconds for seconds in spent]
    print(f"{'together':22s}{rates[0]:10.0f}{rates[1]:10.0f}{rates[1] / rates[0]:8.1f}")
    print("difference: of what the step returns, in units of its largest value")
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def phantom(pixels: int, dtype: str) -> tuple[Array, Plan]:
    """Take pixels of a phantom and the plan of their image."""
    signal = make_phantom((64, 64), microscope=Microscope(counts=4e5), seed=0).signal()
    spectra = np.asarray(signal.data).reshape(-1, signal.data.shape[-1])
    plan = make_plan(spectra, signal.axes_manager.signal_axes[0].axis, RECIPE)
    return spectra[np.arange(pixels) % len(spectra)].astype(dtype), plan


def steps(block: Array, plan: Plan) -> list[tuple[str, Callable[[], Array], Callable[[], Array]]]:
    """Name, NumPy function and kernel of each step; both return what can be compared."""
    n = len(block)
    stack = extract_edges(block, plan, RECIPE)
    bounds = [np.linspace(*plan.window(edge), RECIPE.background.bins + 1) for edge in EDGES]
    places = [
        [
            channel_positions(plan.axis.recorded(index, usual), plan.energy)
            for usual in (bounds[index], edge.intervals(POINTS))
        ]
        for index, edge in enumerate(EDGES)
    ]
    gross, before = windows_by_numpy(block, places)
    grids = [edge.grid(POINTS) for edge in EDGES]
    masks = [masks_of(edge, grid) for edge, grid in zip(EDGES, grids, strict=True)]
    bins = [((one[1:] + one[:-1]) / 2, np.diff(one)) for one in bounds]
    net, room = np.empty_like(gross), np.empty((n, 1, RECIPE.background.bins))
    features = np.empty((n, 2048), dtype=np.float32)

    def compiled_windows() -> Array:
        for index, (below, under) in enumerate(places):
            write_window_counts(room, 0, 0, block, below)
            write_window_counts(net, index, 0, block, under)
        return net

    def net_by_numpy() -> Array:
        result = np.empty_like(gross)
        for index, grid in enumerate(grids):
            fit = fit_background(before[index], *bins[index], gain=plan.gain)
            step = np.full(POINTS, grid[1] - grid[0])
            background, _ = extrapolate_background(fit, grid, step, windows=masks[index])
            result[:, index] = gross[:, index] - background
            for mask in masks[index]:
                result[:, index, mask].sum(axis=1)
        return result

    def compiled_net() -> Array:
        net[:] = gross
        for index, grid in enumerate(grids):
            subtract_power_law(net, index, 0, before[index], bins[index], grid, masks[index], gain=plan.gain)
        return net

    def compiled_distribution() -> Array:
        column = 0
        for index in range(len(EDGES)):
            column = write_distribution(features, column, stack.net, stack.weak, index, stride=STRIDE)
        return features[:, :column]

    def aligned_by_numpy() -> Array:
        parts = []
        for index, edge in enumerate(EDGES):
            part = (oxygen_edge_features if edge.subshell == "K" else white_line_features)(stack.net[:, index], edge)
            part[~stack.seen[:, index]] = np.nan
            parts.append(part)
        return np.concatenate(parts, axis=1)

    def compiled_aligned() -> Array:
        column, seen = 0, stack.seen
        for index, edge in enumerate(EDGES):
            column = write_aligned(features, column, stack.net, seen, index, edge)
        return features[:, :column]

    return [
        (
            "cleaning, spikes",
            lambda: cleaned(block, plan, RECIPE).spikes,
            lambda: clean_few(block, plan, RECIPE).spikes,
        ),
        ("counts in windows", lambda: windows_by_numpy(block, places)[0], compiled_windows),
        ("fit, net, sums", net_by_numpy, compiled_net),
        (
            "distributions",
            lambda: cumulative_distribution(normalise(stack), stride=STRIDE).reshape(n, -1),
            compiled_distribution,
        ),
        ("aligned features", aligned_by_numpy, compiled_aligned),
    ]


def windows_by_numpy(counts: Array, places: list[list[Array]]) -> tuple[Array, list[Array]]:
    """Count under every edge, shape (n, edge, point), and in the bins before each."""
    total = running_sum(counts)
    gross = np.empty((len(counts), len(places), POINTS))
    before = []
    for index, (below, under) in enumerate(places):
        before.append(counts_between(total, below))
        gross[:, index] = counts_between(total, under)
    return gross, before


def masks_of(edge: Any, grid: Array) -> list[Array]:
    """Masks of the whole window, of the strongest structure and of the end of the window."""
    return [np.ones(grid.size, dtype=bool), (grid >= edge.signal[0]) & (grid <= edge.signal[1]), grid >= grid[-1] - 8.0]


def timed(action: Callable[[], Array], repeats: int) -> tuple[Array, float]:
    """Return the result and the median of the seconds of processor time, after a first run that does not count."""
    action()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        result = action()
        seconds.append(time.process_time() - start)
    return result, median(seconds)


def largest_difference(ours: Array, theirs: Array) -> float:
    """Largest difference in units of the largest value; infinite where only one of the two is NaN."""
    ours, theirs = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if (np.isnan(ours) != np.isnan(theirs)).any():
        return float("inf")
    return float(np.nanmax(np.abs(ours - theirs)) / max(np.nanmax(np.abs(theirs)), 1e-300))


if __name__ == "__main__":
    main()
