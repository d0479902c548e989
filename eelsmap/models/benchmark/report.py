"""The comparison as a page of tables: our figures beside the published ones, and why they differ.

Every number comes from the results of a run; ``docs/benchmark.md`` is this page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from eelsmap.models.benchmark.aims import aim_rows
from eelsmap.models.benchmark.estimators import MODELS
from eelsmap.models.benchmark.pipelines import FEATURES, REDUCTIONS
from eelsmap.models.benchmark.plan import AIM_EFFORT, AIM_FEATURE, AIM_TASKS, ALL_EDGES, JUDGED, PAPERS, Item, plan
from eelsmap.models.benchmark.published import DIFFERENCES, ENVIRONMENT_ACCURACY, STATEMENTS
from eelsmap.models.benchmark.results import Results
from eelsmap.models.benchmark.robustness import curves_section, robustness_section
from eelsmap.models.benchmark.tables import (
    COLUMNS,
    SETTINGS,
    edge_rows,
    model_item,
    number,
    paragraph,
    scores_table,
    table,
)
from eelsmap.models.benchmark.tasks import TASKS

__all__ = ["benchmark_page"]


def benchmark_page(results: Results, /, *, figures: str | None = None) -> str:
    """Write the page.

    Parameters
    ----------
    results
        Results of a run; what was not run is left out of its tables.
    figures
        What stands before the names of the figures, such as ``"images/"``; a page without figures when None.

    Returns
    -------
    str
        Markdown.
    """
    parts = [_head(results), _aims(results)]
    for title, rows in (
        ("Features (XGBoost, no reduction)", [(e.title, Item(feature=name)) for name, e in FEATURES.items()]),
        ("Reductions (CDF, XGBoost)", [(e.title, Item(reduction=name)) for name, e in REDUCTIONS.items()]),
        ("Models (CDF; the network reads raw curves)", [(e.title, model_item(name)) for name, e in MODELS.items()]),
        ("All edges against each alone (CDF, XGBoost)", edge_rows(Item())),
    ):
        parts.append(_both_settings(results, title, rows))
    if figures is not None:
        parts.append(f"![Features, reductions and models side by side]({figures}benchmark_comparison.png)")
    parts += [
        _published(results),
        robustness_section(results, figures),
        curves_section(results, figures),
        _everything(results),
    ]
    parts.append(_LIMITS)
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(results: Results) -> str:
    """Say what this is."""
    content = results.content
    minutes = sum(entry["seconds"] for entry in content["results"]) / 60
    judged = results.entry(Item())
    counted = ""
    if judged is not None:
        structures, local = judged["scores"]["li_content"], judged["scores"]["environment"]
        counted = (
            f" Held-out families: {structures['train']} structures of {structures['families']} families "
            f"({local['train']} environments) train, {structures['judge']} structures ({local['judge']} environments) "
            "judge."
        )
    made = paragraph(
        f"""Printed by `eelsmap benchmark` from the library {content["library"]} (sha256
        {content["library_sha256"][:12]}), seed {content["seed"]}; {len(content["results"])} items, {minutes:.0f}
        minutes of one core. Everything on this page is **simulated**. {_missing(content["left_out"])}"""
    )
    judging = paragraph(
        f"""Both see each edge alone in a window of 32 eV, 1 eV resolution, **without background and plural
        scattering**, which is the papers' easy condition: the model card measures the whole road. An absent element is
        the constant 0.1 with 2 % Poisson noise. Only calculated O K spectra judge, never those that the surrogate
        filled in.{counted}"""
    )
    return f"""# The comparison of the papers

{made}

It repeats the comparison of Jia et al. (ACS Nano 2026, 10.1021/acsnano.5c16942) and Chen et al. (Chem. Mater. 2024,
10.1021/acs.chemmater.3c02584) under two conditions, side by side:

- *the papers' way*: records dealt at random (a quarter judges), no noise, every axis right;
- *as judged*: whole families of structures (same metals, lithium and defect) held out, 10^4 counts in each edge window,
  every edge of every spectrum shifted by its own ±1 eV.

{judging}

Scores: RMSE of Li content (Li per metal) and of mean metal-oxygen bond length (mean over Ni, Mn, Co); accuracy of the
counts of Li and of the metals in 0.3 nm by the definition of Jia et al.; balanced accuracy of the oxidation state (2,
3, 4; mean over Ni, Mn, Co), of an O vacancy in the structure and of a Ni/Li antisite in 0.3 nm. Lithium-rich structures
count as Li 1."""


def _missing(names: Sequence[str]) -> str:
    """Say what was left out."""
    if not names:
        return "Nothing was left out for want of a package."
    return f"**Left out for want of a package:** {', '.join(names)}."


def _aims(results: Results) -> str:
    """Table of the figures that the project is judged by."""
    rows = aim_rows(results)
    if not rows:
        return ""
    header = ("figure", "aim", "ours", "reached", "records at random", "no noise, no shift", "both", "why not")
    lines = [
        (
            row.title, row.aim, f"**{row.value:.3f}**", "yes" if row.reached else "**no**", number(row.random),
            number(row.clean), number(row.papers), row.reason,
        )
        for row in rows
    ]  # fmt: skip
    effort = AIM_EFFORT
    words = paragraph(
        f"""{FEATURES[AIM_FEATURE].title} to XGBoost; each structure trains {effort.structure.copies} times and each
        environment {effort.environment.copies} times with other noise, {effort.structure.rounds} and
        {effort.environment.rounds} rounds. The columns on the right
        change one condition at a time; without noise and shift there is nothing to vary, so that each record trains
        once there, which can make the figure worse."""
    )
    return f"## The judged figures\n\n{words}\n\n{table(header, lines)}\n\n{_aim_edges(results)}"


def _aim_edges(results: Results) -> str:
    """Judged figures by edge."""
    aim = Item(effort=AIM_EFFORT, tasks=AIM_TASKS, feature=AIM_FEATURE)
    columns = (
        ("li_content", "rmse", "Li RMSE"),
        ("environment", "li_accuracy", "Li counts"),
        ("environment", "metal_accuracy", "metal counts"),
        ("vacancy", "balanced_accuracy", "vacancy"),
        ("local_vacancy", "balanced_accuracy", "vacancy in 0.3 nm"),
        ("antisite", "balanced_accuracy", "antisite in 0.3 nm"),
        ("mean_antisite", "balanced_accuracy", "antisite in the structure"),
    )
    rows = [
        *edge_rows(aim),
        ("all four, CDF only", replace(aim, feature="cdf")),
        ("all four + metals' shares of the counts", replace(aim, shares=True)),
    ]
    words = paragraph(
        """By edge, under the judged conditions. In these windows every edge has the same counts, so the amounts of the
        metals can only be told by what is absent and by shapes; a real spectrum also shows how strong each edge is. The
        last row adds that (each amount known to 15 %)."""
    )
    return f"{words}\n\n{scores_table(results, 'edges', rows, columns)}"


def _both_settings(results: Results, title: str, rows: Iterable[tuple[str, Item]]) -> str:
    """Table of some rows under both conditions, the papers' before the slash."""
    lines = []
    for name, item in rows:
        cells = []
        for task, score, _ in COLUMNS:
            values = [results.score(replace(item, **setting), task, score) for _words, setting in SETTINGS]
            cells.append(" / ".join(number(value) for value in values))
        if any(cell.strip("– /") for cell in cells):
            lines.append((name, *cells))
    if not lines:
        return ""
    words = " / ".join(name for name, _ in SETTINGS)
    return f"## {title}\n\n{words}:\n\n" + table(("", *(name for *_, name in COLUMNS)), lines)


def _published(results: Results) -> str:
    """Our figures beside the published ones."""
    lines = []
    for name, (lithium, metals) in ENVIRONMENT_ACCURACY.items():
        cells = [
            " / ".join(
                number(results.score(replace(model_item(name), **setting), "environment", score))
                for score in ("li_accuracy", "metal_accuracy")
            )
            for _words, setting in SETTINGS
        ]
        lines.append((f"counts (Li / metals), {MODELS[name].title}", f"{lithium:.2f} / {metals:.2f}", *cells))
    lines += _statement_rows(results)
    text = table(("", "published", *(words for words, _ in SETTINGS)), lines)
    reasons = "\n".join(
        f"- *{TASKS[name].title if name in TASKS else name}*: {reason}" for name, reason in DIFFERENCES.items()
    )
    return f"## Beside the published figures\n\n{text}\n\nWhy they differ:\n\n{reasons}"


def _statement_rows(results: Results) -> list[tuple[str, ...]]:
    """Rows of what the papers say in words."""

    def cells(make: Callable[[dict[str, Any]], str]) -> tuple[str, str]:
        return make(PAPERS), make(JUDGED)

    def score(setting: dict[str, Any], task: str, name: str, **changes: Any) -> float | None:
        return results.score(replace(Item(), **setting, **changes), task, name)

    def gain(setting: dict[str, Any]) -> str:
        whole = score(setting, "li_content", "rmse")
        single = [score(setting, "li_content", "rmse", edges=(edge,)) for edge in ALL_EDGES]
        if whole is None or any(value is None for value in single):
            return "–"
        low, high = (100 * (1 - whole / end([v for v in single if v is not None])) for end in (min, max))
        return f"{low:.0f} to {high:.0f} % below one edge"

    def more(setting: dict[str, Any]) -> str:
        gains = []
        for name in ("li_accuracy", "metal_accuracy"):
            whole = score(setting, "environment", name)
            for edge in ALL_EDGES:
                single = score(setting, "environment", name, edges=(edge,))
                if whole is None or single is None:
                    return "–"
                gains.append(whole - single)
        return f"{min(gains):.3f} to {max(gains):.3f} above one edge"

    def aligned(setting: dict[str, Any]) -> str:
        values = [score(setting, "environment", "metal_accuracy", feature=name) for name in ("intensity", "cdf")]
        if None in values:
            return "–"
        return f"{100 * (values[0] - values[1]):+.1f} points (metal counts)"  # type: ignore[operator]

    return [
        ("Li content, RMSE", STATEMENTS["li_rmse"], *cells(lambda s: number(score(s, "li_content", "rmse")))),
        ("Li content, all edges", STATEMENTS["li_gain"], *cells(gain)),
        ("counts, all edges", STATEMENTS["environment_gain"], *cells(more)),
        (
            "vacancy, accuracy",
            STATEMENTS["vacancy"],
            *cells(lambda s: number(score(s, "vacancy", "balanced_accuracy"))),
        ),
        (
            "antisite, accuracy",
            STATEMENTS["antisite"],
            *cells(lambda s: number(score(s, "antisite", "balanced_accuracy"))),
        ),
        ("raw intensity against CDF", STATEMENTS["alignment"], *cells(aligned)),
    ]


def _everything(results: Results) -> str:
    """Say which combinations were run."""
    usual = Item()
    ran = {
        (item["feature"], item["reduction"], item["model"])
        for item in (entry["item"] for entry in results.content["results"])
        if item["what"] == "scores" and item["effort"] == usual.to_dict()["effort"]
    }
    total = len({(item.feature, item.reduction, item.model) for item in plan(full=True)})
    effort = usual.effort
    words = paragraph(
        f"""{len(ran)} of {total} combinations of feature, reduction and model: one of the three is changed at a time;
        `eelsmap benchmark --full` runs the others too. In these tables each structure trains {effort.structure.copies}
        times under noise (once without), each environment once, and boosted trees have {effort.environment.rounds}
        rounds. CPU seconds of each item, all tasks together, are in `benchmark.json`."""
    )
    return f"## What was run\n\n{words}"


_LIMITS = """## Limits

- Simulated spectra of one semi-empirical library train and judge: nothing here says how well a measured spectrum is
  read.
- No background, no plural scattering, one resolution: easier than any measured spectrum.
- Few structures judge: one antisite structure more or less is several points of balanced accuracy.
- Settings of the models were not tuned for each combination. What the judged figures use (features, rounds) was chosen
  by cross-validation over families of the training side."""
