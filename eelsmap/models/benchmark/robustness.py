"""The part of the page about noise on one edge, shifts, learning curve and noise floor."""

from __future__ import annotations

from typing import Any

from eelsmap.models.benchmark.pipelines import FEATURES
from eelsmap.models.benchmark.plan import (
    AIM_EFFORT,
    AIM_FEATURE,
    AIM_TASKS,
    ALL_EDGES,
    COUNTS,
    CURVE_TASKS,
    FAMILY_SHARES,
    JUDGED,
    PAPERS,
    SHIFTED_FEATURES,
    SHIFTS_EV,
    Item,
)
from eelsmap.models.benchmark.published import CORRELATION
from eelsmap.models.benchmark.results import Results
from eelsmap.models.benchmark.spectra import Condition
from eelsmap.models.benchmark.tables import COLUMNS, paragraph, scores_table, table

__all__ = ["curve_items", "curves_section", "floor_items", "robustness_section"]


def curve_items() -> list[tuple[float, Item]]:
    """Share of the families and item of each point of the learning curve; the last point is the judged one."""
    common: dict[str, Any] = {"effort": AIM_EFFORT, "tasks": CURVE_TASKS, "feature": AIM_FEATURE, **JUDGED}
    points = [(share, Item(**common, family_share=share)) for share in FAMILY_SHARES]
    return [*points, (1.0, Item(**{**common, "tasks": AIM_TASKS}))]


def floor_items() -> list[tuple[str, Item]]:
    """Condition in words and item of each point of the noise floor."""
    common: dict[str, Any] = {"effort": AIM_EFFORT, "split": "families", "feature": AIM_FEATURE}
    rows = [
        (f"{counts:.0e} counts", Item(**common, tasks=CURVE_TASKS, condition=Condition(counts))) for counts in COUNTS
    ]
    rows.insert(1, ("**1e+04 counts (judged)**", Item(**common, tasks=AIM_TASKS)))
    rows.append(("no noise", Item(**common, tasks=CURVE_TASKS, condition=Condition(None))))
    rows.append(("1e+04 counts, no shift", Item(**common, tasks=CURVE_TASKS, condition=Condition(shift=0.0))))
    rows.append(("no noise, no shift", Item(**common, tasks=AIM_TASKS, condition=PAPERS["condition"])))
    return rows


def robustness_section(results: Results, figures: str | None) -> str:
    """Noise on one edge, shifts."""
    parts = ["## Noise on one edge, and shifts"]
    noisy = results.entry(Item(what="edge_noise", **PAPERS))
    if noisy is not None:
        lines = []
        for task, score, name in COLUMNS:
            scores = noisy["scores"][task]
            loss = [
                sum(repeat[score] for repeat in scores[edge]) / len(scores[edge]) - scores[score] for edge in ALL_EDGES
            ]
            lines.append((name, f"{scores[score]:.3f}", *(f"{value:+.3f}" for value in loss)))
        header = ("", "without noise", *(edge.replace("_", " ") for edge in ALL_EDGES))
        parts.append(
            paragraph(
                """2 % Poisson noise on one edge at a time, change of each score (mean of ten repeats; CDF, XGBoost, the
                papers' way). A larger change means that the model leans on that edge more:"""
            )
            + "\n\n"
            + table(header, lines)
        )
    lines = []
    for feature, entry in FEATURES.items():
        found = results.entry(Item(what="correlation", feature=feature, tasks=(), **PAPERS))
        if found is not None:
            ends = [(found["scores"][edge][0] + found["scores"][edge][-1]) / 2 for edge in ALL_EDGES]
            ones = [(found["scores"][edge][4] + found["scores"][edge][6]) / 2 for edge in ALL_EDGES]
            lines.append(
                (
                    entry.title,
                    CORRELATION.get(feature, "–"),
                    *(f"{a:.2f} / {b:.2f}" for a, b in zip(ones, ends, strict=True)),
                )
            )
    if lines:
        header = ("", "published, 5 eV", *(edge.replace("_", " ") for edge in ALL_EDGES))
        parts.append(
            "Pearson correlation of features with those of the spectrum shifted by ±1 eV / ±5 eV (no noise):\n\n"
            + table(header, lines)
        )
    parts.append(_shift_table(results))
    if figures is not None:
        parts.append(f"![Noise and shifts]({figures}benchmark_robustness.png)")
    return "\n\n".join(part for part in parts if part)


def _shift_table(results: Results) -> str:
    """Loss of accuracy when all edges are shifted together."""
    tasks = ("li_content", "environment")
    rows = [
        (f"{FEATURES[name].title}, trained without shifts", Item(what="shift", feature=name, tasks=tasks, **PAPERS))
        for name in SHIFTED_FEATURES
    ]
    rows.append(("CDF, trained and judged as above", Item(what="shift", tasks=tasks, **JUDGED)))
    lines = []
    for name, item in rows:
        found = results.entry(item)
        if found is not None:
            lithium = found["scores"]["li_content"]["by_shift"]
            metal = found["scores"]["environment"]["by_shift"]
            lines.append(
                (
                    name,
                    *(
                        f"{a['rmse']:.2f} / {b['metal_accuracy']:.2f}"
                        for a, b in zip(lithium[::2], metal[::2], strict=True)
                    ),
                )
            )
    if not lines:
        return ""
    header = ("Li RMSE / accuracy of metal counts", *(f"{shift:+d} eV" for shift in SHIFTS_EV[::2]))
    return "All edges shifted together, the model left as it is:\n\n" + table(header, lines)


def curves_section(results: Results, figures: str | None) -> str:
    """Learning curve and noise floor."""
    columns = tuple(column for column in COLUMNS if column[0] in CURVE_TASKS)
    lines = []
    for share, item in curve_items():
        entry = results.entry(item)
        if entry is not None:
            scores = entry["scores"]
            lines.append(
                (
                    f"{share:.1%}" if share < 1 else "all",
                    f"{scores['li_content']['families']} / {scores['li_content']['parents']}",
                    *(f"{scores[task][name]:.3f}" for task, name, _ in columns),
                )
            )
    parts = ["## Learning curve and noise floor", "As the judged figures, families held out."]
    if lines:
        parts.append(table(("training families", "families / structures", *(name for *_, name in columns)), lines))
    parts.append(scores_table(results, "each edge", floor_items(), columns))
    if figures is not None:
        parts.append(f"![Learning curve and noise floor]({figures}benchmark_floor.png)")
    return "\n\n".join(part for part in parts if part) if len(parts) > 2 else ""
