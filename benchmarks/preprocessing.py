"""Alignment, Fourier ratio and background: eelsmap against exspy's own chain, side by side in one run on one thread.

Both start from the same simulated dual-EELS image of known single-scattering truth (drift of the zero-loss peak,
t/lambda of 0.2 to 1.2, Poisson counts) and end with the net O K, Mn L, Co L and Ni L edges of every pixel. exspy's
chain is what its documentation shows: ``align_zero_loss_peak(subpixel=True, also_align=[core])``,
``remove_background(fast=True)`` before each edge, ``fourier_ratio_deconvolution`` of each net edge, with a threshold
for the zero-loss peak given, without which it returns NaN for some pixels, and without the extrapolation of the net
edge, which raises where noise leaves one pixel of the image below zero at the end of the axis. It may be timed on
fewer rows of the same image; the table says on how many pixels. Truth is what the same background fit leaves of the
same spectra without plural scattering and noise.

Run: ``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/preprocessing.py [--rows 64 --columns 64
--exspy-rows 32 --repeats 3 --out table.json]``
"""

from __future__ import annotations

import argparse
import json
import logging
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import dask
import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import NMC_EDGES, Edge
from eelsmap.phantom.low_loss import expected_low_loss
from eelsmap.phantom.scattering import scatter
from eelsmap.preprocess.background import extrapolate_power_law, fit_power_law
from eelsmap.preprocess.plural_scattering import fourier_ratio
from eelsmap.preprocess.windows import channel_positions, counts_between, running_sum
from eelsmap.preprocess.zero_loss import zero_loss_positions

Array = NDArray[Any]

STEP = 0.25
ENERGY = 465.0 + STEP * np.arange(2048)
LOW_ENERGY = -40.0 + STEP * np.arange(1024)
FWHM = 1.5
BLOCK = 1024
THRESHOLD = 4.0
HEIGHTS = (300.0, 200.0, 150.0, 150.0)
EDGES = tuple(NMC_EDGES)
BINS = 8


def simulate(rows: int, columns: int, dtype: str) -> dict[str, Array]:
    """Make counts of core and low loss, drift, thickness and the net edges without plural scattering."""
    generator = np.random.default_rng(0)
    pixels = rows * columns
    drift = np.cumsum(generator.normal(0, 0.02, pixels))
    thickness = np.linspace(0.2, 1.2, pixels)
    below = round(400 / STEP)
    whole = ENERGY[0] + STEP * np.arange(-below, ENERGY.size + below)
    core = np.empty((pixels, ENERGY.size), dtype=dtype)
    low = np.empty((pixels, LOW_ENERGY.size), dtype=dtype)
    for start in range(0, pixels, 256):
        part = slice(start, start + 256)
        single = _single(whole[None] - drift[part, None])
        settings = {"fwhm_eV": np.full(len(single), FWHM), "tail_fraction": np.zeros(len(single)), "tail_eV": 8.0}
        spectra = scatter(single, STEP, t_over_lambda=thickness[part], **settings)
        core[part] = generator.poisson(spectra[:, below : below + ENERGY.size])
        low[part] = generator.poisson(
            expected_low_loss(
                LOW_ENERGY, counts=5e5, t_over_lambda=thickness[part], fwhm_eV=FWHM, zero_loss_eV=drift[part]
            )
        )
    one = np.zeros(1)
    settings = {"t_over_lambda": one, "fwhm_eV": one + FWHM, "tail_fraction": one, "tail_eV": 8.0}
    truth = scatter(_single(whole[None]), STEP, **settings)[:, below : below + ENERGY.size]
    shape = (rows, columns)
    return {
        "core": core.reshape(*shape, -1), "low": low.reshape(*shape, -1), "drift": drift.reshape(shape),
        "thickness": thickness.reshape(shape), "truth": truth[0],
    }  # fmt: skip


def _single(energy: Array) -> Array:
    """Background and edges without plural scattering, at full resolution."""
    edges = sum(_edge(energy, edge, height) for edge, height in zip(EDGES, HEIGHTS, strict=True))
    return 1500.0 * (energy / 500.0) ** -2.9 + edges


def _edge(energy: Array, edge: Edge, height: float) -> Array:
    """Lines on a decaying step, at the usual places."""
    shape = np.zeros_like(energy)
    for line, factor in zip(edge.lines, (3.0, 1.5), strict=True):
        offset = (energy - line.energy) / line.width
        shape += factor * np.exp(-4 * np.log(2) * offset**2)
        shape += 0.5 * (1 + np.tanh(offset)) * (np.maximum(energy, 1.0) / line.energy) ** -3.0
    return height * shape


def ours(core: Array, low: Array, edges: tuple[Edge, ...]) -> list[Array]:
    """Align, deconvolve and subtract the background, a block of pixels at a time."""
    spectra, low_losses = core.reshape(-1, core.shape[-1]), low.reshape(-1, low.shape[-1])
    results = [np.empty((len(spectra), _under(edge).size - 1), dtype=np.float32) for edge in edges]
    for start in range(0, len(spectra), BLOCK):
        part = slice(start, start + BLOCK)
        position = zero_loss_positions(low_losses[part], LOW_ENERGY)
        single = fourier_ratio(
            spectra[part], ENERGY, low_losses[part], LOW_ENERGY, position=position, fwhm=FWHM
        ).counts  # fmt: skip
        total = running_sum(single)
        for edge, result in zip(edges, results, strict=True):
            result[part] = net_edge(total, edge, position[:, None])
    return results


def net_edge(total: Array, edge: Edge, shift: Array | float = 0.0) -> Array:
    """Edge above the power law before it, from running sums."""
    bins, boundary = np.linspace(*edge.background, BINS + 1), _under(edge)
    before = counts_between(total, channel_positions(bins + shift, ENERGY))
    fit = fit_power_law(before, 0.5 * (bins[1:] + bins[:-1]), np.diff(bins))
    background, _ = extrapolate_power_law(fit, 0.5 * (boundary[1:] + boundary[:-1]), np.diff(boundary))
    return counts_between(total, channel_positions(boundary + shift, ENERGY)) - background


def _under(edge: Edge) -> Array:
    """Boundaries of channels under an edge."""
    low, high = edge.near_edge
    return np.arange(low, high + STEP / 2, STEP)


def exspy_chain(core: Any, low: Any, edges: tuple[Edge, ...]) -> list[Any]:
    """Do what exspy's documentation shows."""
    core, low = core.deepcopy(), low.deepcopy()
    low.align_zero_loss_peak(subpixel=True, also_align=[core], print_stats=False, show_progressbar=False)
    settings = {"fwhm": FWHM, "threshold": THRESHOLD}
    results = []
    for edge in edges:
        net = core.remove_background(
            signal_range=edge.background, background_type="PowerLaw", fast=True, zero_fill=True, show_progressbar=False
        )
        results.append(net.fourier_ratio_deconvolution(low, extrapolate_coreloss=False, **settings))
    return results


def as_signal(data: Array, energy: Array) -> Any:
    """Wrap counts for exspy, which wants floating-point numbers."""
    import hyperspy.api as hs

    signal = hs.signals.Signal1D(data.astype(np.float32))
    axis = signal.axes_manager.signal_axes[0]
    axis.offset, axis.scale, axis.units = energy[0], STEP, "eV"
    signal.set_signal_type("EELS")
    return signal


def deviations(edges: tuple[Edge, ...], found: list[Array], truth: Array) -> dict[str, dict[str, float]]:
    """Compare sums and shapes of the edges with truth: medians over the pixels."""
    report = {}
    for edge, net in zip(edges, found, strict=True):
        wanted = net_edge(running_sum(truth[None]), edge)
        total = net.sum(axis=1)
        shape = np.cumsum(net, axis=1) / total[:, None]
        difference = np.abs(shape - np.cumsum(wanted, axis=1) / wanted.sum()).max(axis=1)
        report[edge.name] = {
            "sum": float(np.nanmedian(total / wanted.sum()) - 1),
            "sum_spread": float(np.nanstd(total / np.nanmedian(total))),
            "shape": float(np.nanmedian(difference)),
            "nan": float(np.isnan(net).any(axis=1).mean()),
        }
    return report


def exspy_nets(edges: tuple[Edge, ...], results: list[Any], thickness: Array) -> list[Array]:
    """Cut exspy's results to the edges; in our convention they keep all electrons, and count them in channels."""
    nets = []
    for edge, result in zip(edges, results, strict=True):
        energy = result.axes_manager.signal_axes[0].axis
        data = result.data.reshape(-1, energy.size)
        # exspy leaves the singly scattered electrons only, and its Gaussian has unit area in eV.
        data = data * STEP * np.exp(thickness.reshape(-1, 1))
        nets.append(counts_between(running_sum(data), channel_positions(_under(edge), energy)))
    return nets


def timed(action: Callable[[], Any], repeats: int) -> tuple[Any, float, float]:
    """Return result, wall and CPU seconds of an action, medians after a first run that does not count."""
    action()
    walls, processors = [], []
    for _ in range(repeats):
        wall, processor = time.perf_counter(), time.process_time()
        result = action()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return result, median(walls), median(processors)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--columns", type=int, default=64)
    parser.add_argument("--exspy-rows", type=int, default=32, help="rows of the image that exspy's chain is timed on")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dtype", choices=("uint16", "float32"), default="uint16")
    parser.add_argument("--out", type=Path, help="also write the figures to this JSON file")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    image = simulate(arguments.rows, arguments.columns, arguments.dtype)
    # Pixels of all thicknesses, so that both see the same mixture.
    rows = np.unique(np.linspace(0, arguments.rows - 1, min(arguments.exspy_rows, arguments.rows)).astype(int))
    core, low = as_signal(image["core"][rows], ENERGY), as_signal(image["low"][rows], LOW_ENERGY)
    report: dict[str, Any] = {
        "image": [arguments.rows, arguments.columns, ENERGY.size], "low_loss_channels": LOW_ENERGY.size,
        "dtype": arguments.dtype, "exspy_pixels": int(rows.size * arguments.columns), "repeats": arguments.repeats,
    }  # fmt: skip
    print(
        f"{arguments.rows} x {arguments.columns} x {ENERGY.size} {arguments.dtype}, low loss {LOW_ENERGY.size} "
        f"channels, one thread, median of {arguments.repeats}; exspy on {report['exspy_pixels']} of these pixels"
    )
    print(f"{'align + Fourier ratio + background':40s}{'px/s':>10s}{'CPU s':>9s}{'ratio':>8s}")
    with dask.config.set(scheduler="synchronous"):
        for edges in (EDGES[:1], EDGES):
            label = f"{len(edges)} edge{'s' * (len(edges) > 1)}"
            nets, fast, fast_cpu = timed(
                lambda edges=edges: ours(image["core"], image["low"], edges), arguments.repeats
            )
            theirs, slow, slow_cpu = timed(lambda edges=edges: exspy_chain(core, low, edges), arguments.repeats)
            speed = len(nets[0]) / fast, report["exspy_pixels"] / slow
            pixels = np.concatenate([row * arguments.columns + np.arange(arguments.columns) for row in rows])
            accuracy = {
                "eelsmap": deviations(edges, [net[pixels] for net in nets], image["truth"]),
                "exspy": deviations(edges, exspy_nets(edges, theirs, image["thickness"][rows]), image["truth"]),
            }
            report[label] = {
                "eelsmap_px_per_s": speed[0], "exspy_px_per_s": speed[1], "ratio": speed[0] / speed[1],
                "eelsmap_cpu_s": fast_cpu, "exspy_cpu_s": slow_cpu, "deviation": accuracy,
            }  # fmt: skip
            print(f"{'  eelsmap, ' + label:40s}{speed[0]:10.0f}{fast_cpu:9.2f}{speed[0] / speed[1]:8.1f}")
            print(f"{'  exspy, ' + label:40s}{speed[1]:10.0f}{slow_cpu:9.2f}{1:8.1f}")
    print("against truth, the pixels that both did: sum of the edge, its spread, shape (largest difference of the CDF)")
    for name, edges_found in accuracy.items():
        for edge, found in edges_found.items():
            print(
                f"  {name:8s}{edge:6s}{100 * found['sum']:+7.1f} %{100 * found['sum_spread']:7.1f} %"
                f"{found['shape']:9.4f}   NaN pixels {100 * found['nan']:.0f} %"
            )
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
