"""Rows, columns and cells of the page's tables."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import replace

from eelsmap.models.benchmark.plan import AIM_TASKS, ALL_EDGES, CURVE_TASKS, JUDGED, PAPERS, Item
from eelsmap.models.benchmark.results import Results

__all__ = ["COLUMNS", "SETTINGS", "edge_rows", "model_item", "number", "paragraph", "scores_table", "table"]

COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("li_content", "rmse", "Li RMSE"),
    ("environment", "li_accuracy", "Li counts"),
    ("environment", "metal_accuracy", "metal counts"),
    ("valence", "balanced_accuracy", "valence"),
    ("bond_length", "rmse", "bond / Å"),
    ("vacancy", "balanced_accuracy", "vacancy"),
    ("antisite", "balanced_accuracy", "antisite"),
)
"""Task, score and short name of each column of a table."""

SETTINGS = (("the papers' way", PAPERS), ("as judged", JUDGED))
"""The two conditions that are printed side by side."""


def model_item(name: str) -> Item:
    """Item of one model in the table of models."""
    return Item(model=name, feature="intensity" if name == "cnn" else "cdf")


def edge_rows(item: Item) -> list[tuple[str, Item]]:
    """All edges, then each alone."""
    tasks = item.tasks if item.tasks != AIM_TASKS else CURVE_TASKS
    rows = [("all four", item)]
    return rows + [(edge.replace("_", " "), replace(item, edges=(edge,), tasks=tasks)) for edge in ALL_EDGES]


def scores_table(
    results: Results, first: str, rows: Iterable[tuple[str, Item]], columns: Sequence[tuple[str, str, str]]
) -> str:
    """Table of one item a row; rows that were not run are left out."""
    lines = []
    for name, item in rows:
        if results.entry(item) is not None:
            lines.append((name, *(number(results.score(item, task, score)) for task, score, _ in columns)))
    return table((first, *(name for *_, name in columns)), lines) if lines else ""


def number(value: float | None) -> str:
    """Three digits, or a dash where nothing was measured."""
    return "–" if value is None else f"{value:.3f}"


def table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Markdown table."""
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def paragraph(text: str) -> str:
    """Break the lines of a paragraph anew."""
    return textwrap.fill(" ".join(text.split()), 120, break_on_hyphens=False, break_long_words=False)
