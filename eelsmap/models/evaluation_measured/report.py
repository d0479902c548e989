"""An evaluation in lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from eelsmap.properties import PROPERTIES

if TYPE_CHECKING:
    from eelsmap.models.evaluation_measured.evaluate import Evaluation

__all__ = ["report_lines", "shift_lines"]

_MOST_REASONS = 8


def report_lines(evaluation: Evaluation, /) -> list[str]:
    """Report counts, figures of every property, confusion matrices, reasons of what was refused."""
    counts, provenance = evaluation.counts, evaluation.provenance
    model = provenance["model"]
    settings = provenance["settings"]
    lines = [
        f"Model {model['name']} {model['version']} ({model['sha256'][:8]}), measured on spectra that you gave: "
        f"{counts['evaluated']} evaluated, {counts['refused']} refused, {counts['bad_rows']} rows of the label table "
        "not usable"
    ]
    if settings["shift_eV"] or settings["random_shift_eV"]:
        lines.append(f"Energies moved by {settings['shift_eV']:+g} eV and at random by up to "
                     f"{settings['random_shift_eV']:g} eV (seed {settings['seed']})")  # fmt: skip
    if counts["evaluated"]:
        share = 100 * counts["novel"] / counts["evaluated"]
        lines.append(f"Called novel (unlike every spectrum that the model has seen): {counts['novel']} ({share:.1f} %)")
    lines += _listed("refused", evaluation.reasons)
    lines += [f"label table {row}" for row in evaluation.bad_rows[:_MOST_REASONS]]
    if len(evaluation.bad_rows) > _MOST_REASONS:
        lines.append(f"label table: {len(evaluation.bad_rows) - _MOST_REASONS} more such rows")
    if provenance["ignored_columns"]:
        lines.append(f"label table: columns left out: {', '.join(provenance['ignored_columns'])}")
    lines += _listed("note", evaluation.notes)
    numbers = {name: item for name, item in evaluation.metrics.items() if not PROPERTIES[name].probability}
    classes = {name: item for name, item in evaluation.metrics.items() if PROPERTIES[name].probability}
    if numbers:
        lines += ["", f"{'property':14s} {'n':>6s} {'RMSE':>7s} {'mean err':>9s} {'mean |err|':>11s} {'Spearman':>9s} "
                  f"{'in interval':>12s} {'mean width':>11s} {'declined':>9s}"]  # fmt: skip
        lines += [_number_line(name, item) for name, item in numbers.items()]
    for name, item in numbers.items():
        lines += _class_lines(name, item)
    if classes:
        lines += ["", f"{'class':22s} {'n':>6s} {'present':>8s} {'AUROC':>7s} {'balanced accuracy':>18s} {'Brier':>7s}"]
        lines += [_probability_line(name, item) for name, item in classes.items()]
    if not evaluation.metrics:
        lines.append("No property that this model predicts is known of any spectrum, so there is nothing to compare.")
    return lines


def shift_lines(evaluations: Sequence[Evaluation], /) -> list[str]:
    """How the figures of each property change with the shift of the energies, one line a shift."""
    lines = []
    for name, item in evaluations[0].metrics.items():
        if PROPERTIES[name].probability:
            continue
        lines += ["", f"{name} against the error of the energy axis",
                  f"{'shift / eV':>11s} {'n':>6s} {'RMSE':>7s} {'in interval':>12s} {'novel':>7s}"
                  + (f" {'accuracy':>9s} {'balanced':>9s}" if "accuracy" in item else "")]  # fmt: skip
        for evaluation in evaluations:
            found, settings = evaluation.metrics[name], evaluation.provenance["settings"]
            shift = f"{settings['shift_eV']:+.2f}"
            if settings["random_shift_eV"]:
                shift += f"±{settings['random_shift_eV']:g}"
            if not found.get("n"):
                lines.append(f"{shift:>11s} {0:6d}")
                continue
            novel = evaluation.counts["novel"] / max(evaluation.counts["evaluated"], 1)
            line = f"{shift:>11s} {found['n']:6d} {found['rmse']:7.3f} {100 * found['coverage']:10.1f} % "
            line += f"{100 * novel:5.1f} %"
            if "accuracy" in found:
                line += f" {100 * found['accuracy']:7.1f} % {100 * found['balanced_accuracy']:7.1f} %"
            lines.append(line)
    return lines


def _listed(word: str, reasons: dict[str, int]) -> list[str]:
    """Reasons with their numbers, the most frequent first."""
    first = list(reasons.items())[:_MOST_REASONS]
    lines = [f"{word} {number} x: {reason}" for reason, number in first]
    if len(reasons) > len(first):
        lines.append(f"{word}: {len(reasons) - len(first)} further reasons; all of them are in predictions.csv")
    return lines


def _number_line(name: str, item: dict[str, Any]) -> str:
    """Figures of one number."""
    if not item.get("n"):
        return f"{name:14s} {0:6d}   no prediction ({item['labelled']} known)"
    return (
        f"{name:14s} {item['n']:6d} {item['rmse']:7.3f} {item['mean_error']:+9.3f} {item['mean_absolute_error']:11.3f} "
        f"{item['spearman']:9.2f} {100 * item['coverage']:10.1f} % {item['mean_width']:11.3f} {item['declined']:9d}"
    )


def _class_lines(name: str, item: dict[str, Any]) -> list[str]:
    """Accuracy and confusion matrix of a number whose known values are classes."""
    if "accuracy" not in item:
        return []
    names = [f"{value:g}" for value in item["classes"]]
    lines = [
        "",
        f"{name}: nearest of the classes {', '.join(names)}: accuracy {100 * item['accuracy']:.1f} ± "
        f"{100 * item['accuracy_error']:.1f} %, balanced {100 * item['balanced_accuracy']:.1f} %; counting "
        f"declined ones as wrong {100 * item['accuracy_of_all']:.1f} %",
        "truth \\ predicted " + "".join(f"{text:>8s}" for text in names) + "   right",
    ]
    for text, row in zip(names, item["confusion"], strict=True):
        right = f"{100 * row[names.index(text)] / sum(row):6.1f} %" if sum(row) else "     - "
        lines.append(f"{text:>17s} " + "".join(f"{number:8d}" for number in row) + f"  {right}")
    return lines


def _probability_line(name: str, item: dict[str, Any]) -> str:
    """Figures of one class."""
    if "auroc" not in item:
        return f"{name:22s} {item['n']:6d} {item['positives']:8d}   needs both present and absent to compare"
    return (
        f"{name:22s} {item['n']:6d} {item['positives']:8d} {item['auroc']:7.2f} "
        f"{100 * item['balanced_accuracy']:16.1f} % {item['brier']:7.3f}"
    )
