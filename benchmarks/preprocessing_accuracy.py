"""Accuracy of preprocessing against known truth: counts, thickness, drift and dispersion, beside exspy and the bound.

Everything here is simulated: library spectra through the synthetic microscope of ``eelsmap.phantom``. For every setting
the same noisy spectra go through eelsmap's road and through exspy's own chain (``remove_background(fast=True)``,
``fourier_ratio_deconvolution``, ``align_zero_loss_peak``) in one run; the Cramér-Rao bound of the net counts stands
beside them. Truth is the edge alone, before background and noise are added.

Run: ``python benchmarks/preprocessing_accuracy.py --docs docs`` (about 6 minutes on one core); without ``--docs`` it
prints the tables only.
"""

from __future__ import annotations

import argparse
import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hyperspy.api as hs
import numpy as np
from numpy.typing import NDArray

import eelsmap
from eelsmap.commands.demo import image_of
from eelsmap.edges import NMC_EDGES
from eelsmap.mapping import plan_signal
from eelsmap.phantom import Microscope, expected_counts, expected_low_loss
from eelsmap.phantom.scattering import scatter
from eelsmap.preprocess import extract_edges, make_plan
from eelsmap.preprocess.precision import net_counts_bound
from eelsmap.preprocess.windows import channel_positions, counts_between, running_sum
from eelsmap.preprocess.zero_loss import zero_loss_positions
from eelsmap.recipe import Recipe
from eelsmap.whole_file import whole_file

Array = NDArray[Any]

STEP = 0.3
ENERGY = 440.0 + STEP * np.arange(1800)
LOW_ENERGY = -30.0 + STEP * np.arange(1600)
FWHM = 1.0
BACKGROUND_RATIO, EXPONENT = 2.5, 2.9
REPEATS = 192
LOW_LOSS_COUNTS = 1e7
COUNTS = (1e2, 1e3, 1e4, 1e5, 1e6)
THICKNESS = (0.1, 0.3, 0.6, 1.0, 1.5)
DRIFT = (0.0, 0.5, 1.0, 2.0, 5.0)
DISPERSION = (0.0, 0.005, 0.01, 0.02, 0.03)
METHODS = ("weighted", "two_area", "likelihood", "fixed_exponents")


class Truth:
    """Edges of one composition, thin and at a thickness, with the background under them, before noise."""

    def __init__(self, counts: float, t_over_lambda: float) -> None:
        library = eelsmap.load_library("nmc")
        pristine = np.flatnonzero((library.kind == "structure") & np.isfinite(library.labels["li_content"]))
        records = pristine[np.linspace(0, len(pristine) - 1, 8).astype(int)]
        mixture = library.mix(records[None], np.full((1, 8), 1 / 8))
        common: dict[str, Any] = {
            "grids": library.grids, "counts": 1.0, "fwhm_eV": FWHM, "t_over_lambda": 0.0, "background_ratio": 0.0
        }  # fmt: skip
        whole = expected_counts(mixture, ENERGY, **common)
        thin = {}
        for index, edge in enumerate(NMC_EDGES):
            only = np.ones(len(NMC_EDGES))
            only[1:] = 0.0
            if index:
                only[index] = 1.0
            thin[edge.name] = expected_counts(mixture, ENERGY, edge_amplitude=only[None], **common)
        for name in NMC_EDGES.names[1:]:
            thin[name] = thin[name] - thin["O_K"]
        if not np.allclose(sum(thin.values()), whole):
            raise AssertionError("the edges do not add up to the whole spectrum")
        options = {"fwhm_eV": np.zeros(1), "tail_fraction": np.zeros(1), "tail_eV": 8.0}
        thick = {
            name: scatter(np.maximum(edge, 0), STEP, t_over_lambda=np.array([t_over_lambda]), **options)
            for name, edge in thin.items()
        }
        height = thick["O_K"][0, (ENERGY > 560) & (ENERGY < 574)].mean()
        background = BACKGROUND_RATIO * height * (ENERGY / NMC_EDGES["O_K"].onset) ** -EXPONENT
        inside = (NMC_EDGES["O_K"].near_edge[0] <= ENERGY) & (NMC_EDGES["O_K"].near_edge[1] >= ENERGY)
        scale = counts / (thick["O_K"][0] + background)[inside].sum()
        self.thin = {name: scale * edge[0] for name, edge in thin.items()}
        self.thick = {name: scale * edge[0] for name, edge in thick.items()}
        self.background = scale * background
        self.total = self.background + sum(self.thick.values())
        self.low_loss = expected_low_loss(
            LOW_ENERGY, counts=LOW_LOSS_COUNTS, t_over_lambda=t_over_lambda, fwhm_eV=FWHM
        )[0]

    def record(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Poisson counts of core and low loss, (pixel, channel) each."""
        return (
            rng.poisson(self.total, (REPEATS, ENERGY.size)).astype(np.float64),
            rng.poisson(self.low_loss, (REPEATS, LOW_ENERGY.size)).astype(np.float64),
        )

    def bound(self, name: str) -> float:
        """Cramér-Rao bound of the net counts in the near-edge window when nothing is known of the edge's shape."""
        edge = NMC_EDGES[name]
        # What lies below is the power law and the edges before, which the background has to stand for.
        below = self.total - sum(self.thick[other] for other in NMC_EDGES.names if NMC_EDGES[other].onset >= edge.onset)
        before = (edge.background[0] <= ENERGY) & (edge.background[1] >= ENERGY)
        under = (edge.near_edge[0] < ENERGY) & (edge.near_edge[1] >= ENERGY)
        used = before | under
        alone = np.where(under, np.maximum(self.thick[name], 1e-9), 0.0)[used]
        return float(net_counts_bound(below[used][None], alone[None], ENERGY[used], shape="free")[0])


def on_grid(spectrum: Array, name: str) -> Array:
    """Bring the counts of a spectrum to the grid of an edge."""
    places = channel_positions(NMC_EDGES[name].intervals(NMC_EDGES.points), ENERGY)
    return counts_between(running_sum(np.atleast_2d(spectrum)), places)


def judge(net: Array, truth: Array) -> dict[str, float]:
    """Bias and scatter of the sum (share of truth), and the distance of the shapes (RMS of cumulative curves)."""
    sums, true_sum = net.sum(axis=1), float(truth.sum())
    good = np.isfinite(sums)
    curves = np.cumsum(net[good], axis=1) / sums[good, None]
    apart = np.sqrt(((curves - np.cumsum(truth) / true_sum) ** 2).mean(axis=1))
    return {
        "bias": float(np.mean(sums[good]) / true_sum - 1),
        "scatter": float(np.std(sums[good]) / true_sum),
        "shape": float(np.median(apart)) if good.any() else float("nan"),
        "lost": float(1 - good.mean()),
    }


def ours(core: Array, low: Array | None, method: str = "weighted") -> dict[str, Array]:
    """Net edges by eelsmap's road, on an axis that is right."""
    recipe = Recipe().with_axis_mode("none")
    recipe = replace(recipe, background=replace(recipe.background, method=method))
    known: dict[str, Array] = {}
    plan = make_plan(core, ENERGY, recipe)
    if low is not None:
        plan = replace(plan, low_loss_energy=LOW_ENERGY)
        known["low_loss"] = low
    stack = extract_edges(core, plan, recipe, **known)
    return {name: stack.net[:, index] for index, name in enumerate(NMC_EDGES.names)}


def exspys(core: Array, low: Array | None) -> dict[str, Array]:
    """Net edges by exspy's chain."""
    signal = _signal(core, ENERGY)
    result = {}
    for edge in NMC_EDGES:
        net = signal.remove_background(signal_range=edge.background, background_type="Power law", fast=True)
        if low is not None:
            net = net.isig[edge.background[0] :]
            # Its extrapolations raise where noise leaves one pixel below zero at the end of an axis; the low loss here
            # holds all that matters.
            net = net.fourier_ratio_deconvolution(
                _signal(low, LOW_ENERGY), threshold=4.0, extrapolate_coreloss=False, extrapolate_lowloss=False
            )
        axis = net.axes_manager.signal_axes[0].axis
        # Its Gaussian zero-loss peak has unit area in eV, not in channels: too large by 1 / channel width.
        counts = net.data if low is None else STEP * net.data
        places = channel_positions(edge.intervals(NMC_EDGES.points), axis)
        result[edge.name] = counts_between(running_sum(counts), places)
    return result


def _signal(data: Array, energy: Array) -> Any:
    """HyperSpy EELS signal of the counts."""
    signal = hs.signals.Signal1D(data.copy())
    axis = signal.axes_manager.signal_axes[0]
    axis.offset, axis.scale, axis.units, axis.name = energy[0], energy[1] - energy[0], "eV", "Energy loss"
    signal.set_signal_type("EELS")
    signal.set_microscope_parameters(beam_energy=200, convergence_angle=10, collection_angle=50)
    return signal


def sweep_counts() -> Iterator[dict[str, Any]]:
    """Vary the counts of a thin specimen: every background method, exspy's two areas, the bound."""
    for counts in COUNTS:
        truth = Truth(counts, 0.3)
        core, _ = truth.record(np.random.default_rng(1))
        runs = {f"eelsmap, {method}": ours(core, None, method) for method in METHODS}
        runs["exspy"] = exspys(core, None)
        for chain, edges in runs.items():
            for name in NMC_EDGES.names:
                wanted = on_grid(truth.thick[name], name)[0]
                found = judge(edges[name], wanted)
                yield {"sweep": "counts", "value": counts, "chain": chain, "edge": name, **found,
                       "bound": truth.bound(name) / wanted.sum()}  # fmt: skip


def sweep_thickness() -> Iterator[dict[str, Any]]:
    """Vary the thickness at 1e5 counts, dual EELS, with and without Fourier-ratio."""
    for thickness in THICKNESS:
        truth = Truth(1e5, thickness)
        core, low = truth.record(np.random.default_rng(2))
        runs = {
            "eelsmap, Fourier-ratio": ours(core, low),
            "eelsmap, as recorded": ours(core, None),
            "exspy, Fourier-ratio": exspys(core, low),
        }
        for chain, edges in runs.items():
            for name in NMC_EDGES.names:
                # exspy keeps the electrons that lost energy in the core alone: fewer by exp(-t / lambda).
                share = np.exp(-thickness) if chain.startswith("exspy") else 1.0
                found = judge(edges[name], share * on_grid(truth.thin[name], name)[0])
                yield {"sweep": "thickness", "value": thickness, "chain": chain, "edge": name, **found}


def sweep_drift() -> Iterator[dict[str, Any]]:
    """Vary the drift of an image: what is left by simultaneous low loss, by rows, and by exspy's alignment."""
    for drift in DRIFT:
        for counts in (1e3, 1e5):
            scope = Microscope(counts=counts, drift_eV=drift, row_jump_eV=0.1 * drift, dual_eels=True, seed=3)
            phantom = eelsmap.make_phantom((32, 40), microscope=scope, seed=3)
            material = phantom.truth["thickness"] > 0.1
            true = phantom.truth["drift_eV"]
            found = {"left alone": np.zeros_like(true)}
            for chain, signal in (
                ("eelsmap, dual EELS", image_of(phantom)),
                ("eelsmap, single EELS", phantom.signal()),
            ):
                image = plan_signal(eelsmap.io.prepare(signal), Recipe())
                shift = image.known().get("shift")
                found[chain] = np.zeros_like(true) if shift is None else np.asarray(shift)[..., 0]
            found["exspy, dual EELS"] = _exspy_shift(image_of(phantom).low_loss)
            for chain, shift in found.items():
                error = (shift - true)[material]
                yield {"sweep": "drift", "value": drift, "counts": counts, "chain": chain,
                       "left_eV": float(np.std(error)), "drift_eV": float(np.std(true[material]))}  # fmt: skip


def _exspy_shift(low_loss: Any) -> Array:
    """Measure what exspy's alignment of the zero-loss peak moved each pixel by."""
    aligned = low_loss.deepcopy()
    aligned.set_signal_type("EELS")
    before = zero_loss_positions(
        aligned.data.reshape(-1, aligned.data.shape[-1]), aligned.axes_manager.signal_axes[0].axis
    )
    aligned.align_zero_loss_peak(calibrate=False, print_stats=False, subpixel=True, show_progressbar=False)
    after = zero_loss_positions(
        aligned.data.reshape(-1, aligned.data.shape[-1]), aligned.axes_manager.signal_axes[0].axis
    )
    return (before - after).reshape(low_loss.data.shape[:-1])


def sweep_dispersion() -> Iterator[dict[str, Any]]:
    """Vary the error of the dispersion, with an offset of 3 eV: what is left at the edges, and what was said to be."""
    for error in DISPERSION:
        for seed in range(3):
            scope = Microscope(counts=1e5, dispersion_error=error, axis_offset_error=3.0, drift_eV=0.0, seed=seed)
            phantom = eelsmap.make_phantom((24, 30), microscope=scope, seed=seed)
            image = plan_signal(eelsmap.io.prepare(phantom.signal()), Recipe())
            true = np.array([edge.onset for edge in NMC_EDGES])
            recorded = scope.recorded_energy(true)
            put_right = np.array([image.plan.axis.usual(index, recorded[index]) for index in range(len(true))])
            yield {"sweep": "dispersion", "value": error, "seed": seed, "chain": "eelsmap",
                   "left_eV": float(np.sqrt(np.mean((put_right - true) ** 2))), "mode": image.plan.axis.mode,
                   "stated_eV": image.plan.axis.uncertainty,
                   "recorded_eV": float(np.sqrt(np.mean((recorded - true) ** 2)))}  # fmt: skip


def mean_over_edges(rows: list[dict[str, Any]], sweep: str, chain: str, value: float, key: str) -> float:
    """Root mean square of a figure over the four edges."""
    found = [row[key] for row in rows if row["sweep"] == sweep and row["chain"] == chain and row["value"] == value]
    return float(np.sqrt(np.mean(np.square(found)))) if found else float("nan")


def tables(rows: list[dict[str, Any]]) -> str:
    """All figures as Markdown tables."""
    parts = []
    for sweep, title, label in (
        ("counts", "Counts in the O K window (t/λ 0.3, no deconvolution)", "counts"),
        ("thickness", "Thickness (1e5 counts, dual EELS; truth: each electron scattered once)", "t/λ"),
    ):
        chosen = [row for row in rows if row["sweep"] == sweep]
        if not chosen:
            continue
        lines = [f"### {title}", "", f"| {label} | chain | " + " | ".join(NMC_EDGES.names) + " | shape |",
                 "|---|---|" + "---|" * (len(NMC_EDGES) + 1)]  # fmt: skip
        for value in dict.fromkeys(row["value"] for row in chosen):
            for chain in dict.fromkeys(row["chain"] for row in chosen):
                cells = []
                for name in NMC_EDGES.names:
                    (row,) = (r for r in chosen if (r["value"], r["chain"], r["edge"]) == (value, chain, name))
                    lost = f" ({100 * row['lost']:.0f} % lost)" if row["lost"] > 0 else ""
                    cells.append(f"{100 * row['bias']:+.1f} ± {100 * row['scatter']:.1f}{lost}")
                shape = mean_over_edges(rows, sweep, chain, value, "shape")
                lines.append(f"| {value:g} | {chain} | " + " | ".join(cells) + f" | {shape:.4f} |")
            if sweep == "counts":
                bounds = [f"± {100 * next(r['bound'] for r in chosen if (r['value'], r['edge']) == (value, name)):.1f}"
                          for name in NMC_EDGES.names]  # fmt: skip
                lines.append(f"| {value:g} | *Cramér-Rao bound* | " + " | ".join(bounds) + " | |")
        parts.append("\n".join(lines))
    drift = [row for row in rows if row["sweep"] == "drift"]
    if drift:
        lines = ["### Drift: standard deviation of what is left of it, eV", "",
                 "| range of the drift | counts | " + " | ".join(dict.fromkeys(row["chain"] for row in drift)) + " |",
                 "|---|---|" + "---|" * len({row["chain"] for row in drift})]  # fmt: skip
        for value in dict.fromkeys(row["value"] for row in drift):
            for counts in dict.fromkeys(row["counts"] for row in drift):
                cells = [f"{row['left_eV']:.2f}" for row in drift if (row["value"], row["counts"]) == (value, counts)]
                lines.append(f"| {value:g} eV | {counts:g} | " + " | ".join(cells) + " |")
        parts.append("\n".join(lines))
    dispersion = [row for row in rows if row["sweep"] == "dispersion"]
    if dispersion:
        lines = ["### Dispersion wrong, and the axis 3 eV off: RMS over the four edges, eV", "",
                 "| error | as recorded | put right | said to remain | corrections |",
                 "|---|---|---|---|---|"]  # fmt: skip
        for value in dict.fromkeys(row["value"] for row in dispersion):
            part = [row for row in dispersion if row["value"] == value]
            mean = {key: np.sqrt(np.mean([row[key] ** 2 for row in part]))
                    for key in ("recorded_eV", "left_eV", "stated_eV")}  # fmt: skip
            modes = ", ".join(dict.fromkeys(row["mode"] for row in part))
            lines.append(f"| {100 * value:g} % | {mean['recorded_eV']:.1f} | {mean['left_eV']:.2f} | "
                         f"{mean['stated_eV']:.2f} | {modes} |")  # fmt: skip
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def write_page(rows: list[dict[str, Any]], page: str, folder: Path) -> None:
    """Write the page and its figure."""
    from eelsmap.plot.preprocessing import plot_preprocessing_accuracy

    figure = plot_preprocessing_accuracy(rows)
    with whole_file(folder / "images" / "preprocessing_accuracy.png") as part:
        figure.savefig(part, dpi=110, format="png")
    head = (
        "# How accurate preprocessing is\n\n"
        "Written by `python benchmarks/preprocessing_accuracy.py --docs docs`. **Simulated spectra** (library spectra "
        "through the synthetic microscope), never measured ones. Each cell is bias ± scatter of the net counts of one "
        "edge in percent of the truth; *shape* is the median distance of the cumulative curves, RMS over the four "
        "edges. The bound is that of one spectrum by itself: `fixed_exponents` takes its exponents from the whole "
        "image, whose spectra have one background here, and lies below it.\n\n"
        "![Accuracy of preprocessing](images/preprocessing_accuracy.png)\n\n"
    )
    with whole_file(folder / "preprocessing_accuracy.md") as part:
        part.write_text(head + page)


SWEEPS = {
    "counts": sweep_counts, "thickness": sweep_thickness, "drift": sweep_drift, "dispersion": sweep_dispersion
}  # fmt: skip


def main() -> None:
    """Run the sweeps, each item written at once, and print or write tables and figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", type=Path, help="folder for the page, the figures and the figures' numbers")
    parser.add_argument("--only", nargs="*", choices=list(SWEEPS), default=list(SWEEPS))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("hyperspy").setLevel(logging.ERROR)
    rows = [row for name in arguments.only for row in SWEEPS[name]()]
    page = tables(rows)
    print(page)
    if arguments.docs is not None:
        with whole_file(arguments.docs / "preprocessing_accuracy.json") as part:
            part.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
        write_page(rows, page, arguments.docs)


if __name__ == "__main__":
    main()
