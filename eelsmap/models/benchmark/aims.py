"""The figures that the project is judged by: reached or not, and what stands in the way.

Three comparisons say what limits a figure: the same model without noise and shift, with records instead of families
held out, and with half of the training families.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from eelsmap.models.benchmark.plan import AIM_EFFORT, AIM_FEATURE, AIM_TASKS, ALL_EDGES, CURVE_TASKS, PAPERS, Item
from eelsmap.models.benchmark.results import Results

__all__ = ["AimRow", "aim_rows"]

_AIM = Item(effort=AIM_EFFORT, tasks=AIM_TASKS, feature=AIM_FEATURE)
_NOTABLE = 0.15


@dataclass(frozen=True, slots=True)
class AimRow:
    """One figure: what is asked, what was measured, the same under easier conditions (None: not run), and why not."""

    title: str
    aim: str
    value: float
    reached: bool
    random: float | None
    clean: float | None
    papers: float | None
    reason: str


def aim_rows(results: Results, /) -> list[AimRow]:
    """Compare the judged figures with their aims.

    Parameters
    ----------
    results
        Results of a run.

    Returns
    -------
    list of AimRow
        Those that were measured.
    """
    rows = [
        _row(results, "Li content, RMSE", "li_content", "rmse", 0.05, lower=True),
        _against_single_edges(results),
        _row(results, "counts of Li, accuracy", "environment", "li_accuracy", 0.99),
        _row(results, "counts of metals, accuracy", "environment", "metal_accuracy", 0.93),
        _row(results, "vacancy in the structure, balanced accuracy", "vacancy", "balanced_accuracy", 0.98),
        _row(results, "vacancy in 0.3 nm, balanced accuracy", "local_vacancy", "balanced_accuracy", 0.98),
        _row(results, "antisite in 0.3 nm, balanced accuracy", "antisite", "balanced_accuracy", 0.98),
        _row(results, "antisite in the structure, balanced accuracy", "mean_antisite", "balanced_accuracy", 0.98),
    ]
    return [row for row in rows if row is not None]


def _against_single_edges(results: Results) -> AimRow | None:
    """Error of lithium over that of the best single edge."""

    def ratio(item: Item) -> float | None:
        whole = results.score(item, "li_content", "rmse")
        single = [
            results.score(replace(item, edges=(edge,), tasks=CURVE_TASKS), "li_content", "rmse") for edge in ALL_EDGES
        ]
        known = [value for value in single if value is not None]
        return None if whole is None or len(known) < len(ALL_EDGES) else whole / min(known)

    value = ratio(_AIM)
    if value is None:
        return None
    reached = value <= 0.7
    return AimRow(
        "Li content, RMSE over that of the best edge", "<= 0.70", value, reached, None, None, None,
        "" if reached else "the best edge alone says most of what all say (see the comparison of edges)",
    )  # fmt: skip


def _row(results: Results, title: str, task: str, name: str, aim: float, *, lower: bool = False) -> AimRow | None:
    """Compare one figure."""
    value = results.score(_AIM, task, name)
    if value is None:
        return None
    random = results.score(replace(_AIM, split="records"), task, name)
    clean = results.score(replace(_AIM, condition=PAPERS["condition"]), task, name)
    papers = results.score(replace(_AIM, **PAPERS), task, name)
    sign = -1.0 if lower else 1.0
    reached = sign * value >= sign * aim
    curve = replace(_AIM, tasks=CURVE_TASKS)
    quiet = {
        "noise": results.score(replace(curve, condition=replace(_AIM.condition, counts=None)), task, name),
        "shift": results.score(replace(curve, condition=replace(_AIM.condition, shift=0.0)), task, name),
        "noise and shift": clean,
    }
    half = results.score(replace(curve, family_share=0.5), task, name)
    reason = "" if reached else _reason(value, aim, quiet, random, half)
    return AimRow(title, f"{'<=' if lower else '>='} {aim:g}", value, reached, random, clean, papers, reason)


def _reason(
    value: float, aim: float, quiet: Mapping[str, float | None], random: float | None, half: float | None
) -> str:
    """Say what stands in the way, from nothing but what was measured."""

    def gain(without: float) -> float:
        # Of what is missing, whichever way the score goes.
        return (without - value) / (aim - value)

    parts = []
    known = {name: gain(without) for name, without in quiet.items() if without is not None}
    reached = [name for name, share in known.items() if share >= 1]
    if reached:
        parts.append(f"reached without {' or without '.join(reached)}")
    elif known and max(known.values()) > _NOTABLE:
        best = max(known, key=lambda name: known[name])
        parts.append(f"{known[best]:.0%} of what is missing comes without {best}")
    if random is not None and gain(random) >= 1:
        parts.append("reached with formulas that were seen")
    elif random is not None and gain(random) > _NOTABLE:
        parts.append(f"{gain(random):.0%} comes with formulas that were seen")
    if half is not None and (value - half) / (aim - value) > _NOTABLE:
        parts.append(f"twice the families brought {abs(value - half):.3f}")
    return "; ".join(parts) or "neither noise and shift nor formulas never seen: these spectra overlap"
