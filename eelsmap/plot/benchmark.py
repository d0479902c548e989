"""Figures of the comparison of the papers: combinations side by side, robustness, learning curve and noise floor."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, ScalarFormatter

from eelsmap.models.benchmark.estimators import MODELS
from eelsmap.models.benchmark.pipelines import FEATURES, REDUCTIONS
from eelsmap.models.benchmark.plan import ALL_EDGES, COUNTS, JUDGED, PAPERS, SHIFTED_FEATURES, SHIFTS_EV, Item
from eelsmap.models.benchmark.published import ENVIRONMENT_ACCURACY
from eelsmap.models.benchmark.robustness import curve_items, floor_items
from eelsmap.models.benchmark.tables import COLUMNS, model_item
from eelsmap.plot.style import INK, LINE, MUTED, ROWS, new_figure, titled_axes
from eelsmap.whole_file import whole_file

if TYPE_CHECKING:
    from eelsmap.models.benchmark.results import Results

__all__ = ["plot_comparison", "plot_floor", "plot_robustness", "save_benchmark_figures"]

_PUBLISHED = "#b8860b"
_COLOURS = {
    "intensity": ROWS[1], "cdf": ROWS[0], "cwt": ROWS[2], "polynomial_5": "#7b4fa3", "polynomial_2.5": "#b79ad0",
    "polynomial_10": "#4b2a6b", "gaussian": MUTED, "cdf_cwt": INK,
}  # fmt: skip
_AIMS = {"rmse": 0.05, "li_accuracy": 0.99, "metal_accuracy": 0.93, "balanced_accuracy": 0.98}
_SIMULATED = (
    "Simulated spectra of the shipped library; each edge alone, without background. Printed by eelsmap benchmark."
)


def plot_comparison(results: Results, /) -> Figure:
    """Draw every combination of the default run: one row each, one column a score.

    Parameters
    ----------
    results
        Results of a run; what was not run is left out.

    Returns
    -------
    matplotlib.figure.Figure
        Needs no screen.
    """
    groups: list[tuple[str, list[tuple[str, Item, str | None]]]] = [
        ("features", [(entry.title, Item(feature=name), None) for name, entry in FEATURES.items()]),
        ("reductions of the CDF", [(e.title, Item(reduction=n), None) for n, e in REDUCTIONS.items() if n != "none"]),
        ("models on the CDF", [(entry.title, model_item(name), name) for name, entry in MODELS.items()]),
        ("one edge", [(edge.replace("_", " "), Item(edges=(edge,)), None) for edge in ALL_EDGES]),
    ]
    names, places, rows = [], [], []
    place = 0.0
    for title, members in groups:
        names.append((place, title))
        for name, item, model in members:
            place += 1.0
            places.append(place)
            rows.append((name, item, model))
        place += 1.8
    footer = [
        "Filled: whole families held out, 10^4 counts in each edge window, every edge shifted by its own ±1 eV. Open: "
        "the papers' way (records at random, no noise, no shift). Diamonds: published accuracies (Jia et al. 2026). "
        "Vertical lines: CDF with XGBoost, no reduction, all edges.",
        _SIMULATED,
    ]
    figure, body = new_figure(11.0, 0.21 * place + 0.7, footer, title="Features, reductions and models side by side")
    panels = body.subplots(1, len(COLUMNS), sharey=True)
    for axes, (task, score, title) in zip(panels, COLUMNS, strict=True):
        for setting, filled in ((PAPERS, False), (JUDGED, True)):
            colour = ROWS[0] if filled else MUTED
            values = [results.score(replace(item, **setting), task, score) for _name, item, _model in rows]
            known = [(value, y) for value, y in zip(values, places, strict=True) if value is not None]
            if known:
                axes.plot(
                    *zip(*known, strict=True), "o", ms=4.5, color=colour, mfc=colour if filled else "white", mew=1
                )
            base = results.score(replace(Item(), **setting), task, score)
            if base is not None:
                axes.axvline(base, color=colour, lw=0.6, ls="-" if filled else ":", zorder=0)
        if task == "environment":
            column = 0 if score == "li_accuracy" else 1
            for y, (_name, _item, model) in zip(places, rows, strict=True):
                if model in ENVIRONMENT_ACCURACY:
                    axes.plot(ENVIRONMENT_ACCURACY[model][column], y, "D", ms=3.5, color=_PUBLISHED, zorder=1)
        titled_axes(axes, title)
        axes.set_ylim(place - 1.0, -0.8)
        axes.grid(axis="y", color=LINE, lw=0.3)
        axes.tick_params(axis="x", labelrotation=40)
    panels[0].set_yticks(places, [name for name, *_ in rows])
    panels[0].tick_params(axis="y", labelcolor=INK, length=0)
    for y, title in names:
        panels[0].text(0.0, y, title, transform=panels[0].get_yaxis_transform(), ha="right", va="center", fontsize=7.5,
                       fontweight="bold", color=INK)  # fmt: skip
    return figure


def plot_robustness(results: Results, /) -> Figure:
    """Draw noise on one edge at a time, correlation under shift, and accuracy under shift; parameters as above."""
    footer = [
        "Left: what each score loses when one edge gets 2 % Poisson noise, mean and range of ten repeats, in shares of "
        "what the model has over the mean of the labels; it learned without noise. Middle: correlation of the features "
        "of a spectrum with those of the same shifted spectrum, mean of all edges. Right: all edges shifted together; "
        "models trained without shifts (lines) and with ±1 eV and noise (dashes).",
        _SIMULATED,
    ]
    figure, body = new_figure(11.0, 3.4, footer, title="Noise on one edge, and shifts")
    panels = body.subplots(1, 3)
    _draw_edge_noise(panels[0], results)
    for name, entry in FEATURES.items():
        found = results.entry(Item(what="correlation", feature=name, tasks=(), **PAPERS))
        if found is not None:
            mean = np.mean([found["scores"][edge] for edge in ALL_EDGES], axis=0)
            panels[1].plot(SHIFTS_EV, mean, color=_COLOURS[name], lw=1.3, label=entry.title)
    titled_axes(panels[1], "correlation with the shifted spectrum", "shift (eV)", "Pearson correlation")
    panels[1].set_ylim(-1.5, 1.1)
    _add_legend(panels[1], "lower center", 2)
    tasks = ("li_content", "environment")
    for name in SHIFTED_FEATURES:
        _draw_shift(panels[2], results, Item(what="shift", feature=name, tasks=tasks, **PAPERS), _COLOURS[name], "-",
                    FEATURES[name].title)  # fmt: skip
    _draw_shift(
        panels[2], results, Item(what="shift", tasks=tasks, **JUDGED), _COLOURS["cdf"], "--", "CDF, ±1 eV trained"
    )
    titled_axes(panels[2], "accuracy of metal counts", "shift (eV)", "accuracy")
    _add_legend(panels[2], "upper left", 1)
    return figure


def _add_legend(axes: Axes, place: Literal["lower center", "upper left"], columns: int) -> None:
    """Name the lines, where there are any."""
    if axes.lines:
        axes.legend(frameon=False, fontsize=6.5, labelcolor=INK, loc=place, ncols=columns)


def _draw_edge_noise(axes: Axes, results: Results) -> None:
    """Loss of each score by edge."""
    found = results.entry(Item(what="edge_noise", **PAPERS))
    dummy = results.entry(replace(model_item("dummy"), **PAPERS))
    titled_axes(axes, "2 % noise on one edge", "", "lost share of the score (%)")
    if found is None or dummy is None:
        return
    colours = (ROWS[1], "#7b4fa3", ROWS[2], ROWS[0])
    for number, (edge, colour) in enumerate(zip(ALL_EDGES, colours, strict=True)):
        for place, (task, score, _title) in enumerate(COLUMNS):
            scores, worst = found["scores"][task], dummy["scores"][task][score]
            span = worst - scores[score]
            losses = [100 * (repeat[score] - scores[score]) / span for repeat in scores[edge]]
            x = place + 0.19 * (number - 1.5)
            axes.bar(
                x, float(np.mean(losses)), 0.17, color=colour, label=edge.replace("_", " ") if place == 0 else None
            )
            axes.plot([x, x], [min(losses), max(losses)], color=INK, lw=0.8)
    axes.axhline(0, color=LINE, lw=0.8)
    axes.set_xticks(range(len(COLUMNS)), [name for *_, name in COLUMNS], rotation=35, ha="right")
    axes.legend(frameon=False, fontsize=6.5, labelcolor=INK)


def _draw_shift(axes: Axes, results: Results, item: Item, colour: str, style: str, label: str) -> None:
    """Accuracy of the metal counts against shift."""
    found = results.entry(item)
    if found is not None:
        values = [scores["metal_accuracy"] for scores in found["scores"]["environment"]["by_shift"]]
        axes.plot(SHIFTS_EV, values, color=colour, ls=style, lw=1.3, label=label)


def plot_floor(results: Results, /) -> Figure:
    """Draw learning curve (above) and noise floor (below) of the judged figures; parameters as above."""
    columns = [column for column in COLUMNS if column[0] in ("li_content", "environment", "vacancy", "antisite")]
    footer = [
        "Whole families held out. Above: a random part of the training families. Below: every edge "
        "shifted by its own ±1 eV; dotted: without noise; dash-dotted: with neither noise nor shift. Dashed: the aim.",
        _SIMULATED,
    ]
    figure, body = new_figure(11.0, 4.6, footer, title="What limits the judged figures")
    panels = body.subplots(2, len(columns))
    floor = dict(floor_items())
    for (above, below), (task, score, title) in zip(panels.T, columns, strict=True):
        points = [
            (entry["scores"][task]["parents"], entry["scores"][task][score])
            for entry in (results.entry(item) for _share, item in curve_items())
            if entry is not None
        ]
        if points:
            x, y = np.array(points, dtype=float).T
            above.plot(x, y, "o-", ms=3.5, lw=1.0, color=ROWS[0])
        counts = sorted([*COUNTS, 1e4])
        values = [
            results.score(item, task, score)
            for item in [item for name, item in floor.items() if name.endswith(("counts", "(judged)**"))]
        ]
        known = [(x, y) for x, y in zip(counts, values, strict=True) if y is not None]
        if known:
            below.plot(*zip(*known, strict=True), "o-", ms=3.5, lw=1.0, color=ROWS[0])
        for name, style in (("no noise", ":"), ("no noise, no shift", "-.")):
            value = results.score(floor[name], task, score)
            if value is not None:
                below.axhline(value, color=ROWS[1], lw=1.0, ls=style)
        for axes in (above, below):
            axes.axhline(_AIMS[score], color=INK, lw=0.8, ls="--")
        titled_axes(above, title, "structures that train")
        titled_axes(below, "", "counts in each edge window")
        above.set_xscale("log")
        below.set_xscale("log")
        above.set_xticks([50, 100, 200, 400, 800])
        above.xaxis.set_major_formatter(ScalarFormatter())
        above.xaxis.set_minor_locator(NullLocator())
    return figure


def save_benchmark_figures(results: Results, folder: Path, /) -> list[Path]:
    """Write the three figures into a folder, made if absent; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        "benchmark_comparison": plot_comparison,
        "benchmark_robustness": plot_robustness,
        "benchmark_floor": plot_floor,
    }
    paths = [folder / f"{name}.png" for name in figures]
    for path, draw in zip(paths, figures.values(), strict=True):
        with whole_file(path) as part:
            draw(results).savefig(part, dpi=150)
    return paths
