"""The model card: what a model is for, what it learned from, how good it was on what, and what it cannot do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eelsmap.properties import PROPERTIES

__all__ = ["write_card"]

_CONDITIONS = {
    "log_snr": "log10 of the signal-to-noise ratio of all edges",
    "t_over_lambda": "Thickness in mean free paths",
    "axis_uncertainty_eV": "Error of the energy axis, standard deviation in eV",
    "fwhm_eV": "Energy resolution, FWHM in eV",
}


def write_card(manifest: Mapping[str, Any], /) -> str:
    """Write a model card in Markdown from a bundle's manifest; every figure in it was measured by the training."""
    training, library, metrics = manifest["training"], manifest["library"], manifest["metrics"]
    lines = [
        f"# Model `{manifest['name']}` {manifest['version']}",
        "",
        "**For**: maps of lithium content, metal counts, oxidation states and defects from core-loss EELS of layered",
        "lithium nickel manganese cobalt oxides, by the O K and Mn, Co, Ni L2,3 edges or any subset of them; and the",
        "oxidation state of Mn, Co or Ni in any oxide from its own L2,3 edge alone.",
        "",
        f"**Learned from**: {training['spectra']} simulated spectra, blends of records of {training['parents']}",
        f"structures of the library {library['name']} {library['version']} (`{library['sha256'][:12]}`),",
        "seen through a synthetic microscope:",
        "",
        *(f"- {name}: {_plain(value)}" for name, value in training["ranges"].items()),
        "",
        f"**Limits**: {manifest['limits']}",
        "",
        f"**Measured on** {metrics['measured_on']}; not on measured spectra. Intervals are meant to hold the truth in",
        f"{100 * manifest['confidence']:.0f} % of cases; few structures lie behind the calibration, so expect less on",
        "a new kind of material. A defect counts as present when half or more of the probed volume has it.",
        f"{100 * metrics['called_novel']:.1f} % of these spectra were called novel, though they are of the known kind.",
        "All figures were printed by `eelsmap train`, which makes this card; `eelsmap model card NAME` shows it.",
        "",
    ]
    lines += _whole_tables("All conditions", metrics["overall"])
    for condition, parts in metrics["strata"].items():
        lines += _compact_table(_CONDITIONS[condition], parts)
    lines += _compact_table("Edges that the spectrum has", metrics["edges"])
    lines += _alone(metrics["alone"], training)
    return "\n".join(lines)


def _whole_tables(title: str, part: Mapping[str, Mapping[str, float]]) -> list[str]:
    """One table for numbers and one for probabilities."""
    lines = [f"## {title}", "", "| property | n | RMSE | RMSE of the mean | Spearman | coverage | mean width |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    for name, item in part.items():
        if not PROPERTIES[name].probability and item["n"]:
            lines.append(
                f"| {name} | {item['n']} | {item['rmse']:.3f} | {item['truth_std']:.3f} | {item['spearman']:.2f} | "
                f"{100 * item['coverage']:.0f} % | {item['mean_width']:.3f} |"
            )
    lines += ["", "| class | n | present | AUROC | balanced accuracy | Brier score |", "|---|---|---|---|---|---|"]
    for name, item in part.items():
        if PROPERTIES[name].probability and "auroc" in item:
            lines.append(
                f"| {name} | {item['n']} | {item['positives']} | {item['auroc']:.2f} | "
                f"{item['balanced_accuracy']:.2f} | {item['brier']:.3f} |"
            )
    return [*lines, ""]


def _compact_table(title: str, parts: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[str]:
    """One column a range: RMSE (coverage) of numbers, AUROC of classes."""
    lines = [f"## {title}", "", "RMSE (share of intervals that hold the truth); AUROC of classes.", ""]
    lines += [f"| property | {' | '.join(parts)} |", "|---" * (len(parts) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(_cell(name, part.get(name, {})) for part in parts.values())} |"
              for name in PROPERTIES]  # fmt: skip
    return [*lines, ""]


def _cell(name: str, item: Mapping[str, float]) -> str:
    """Figures of one property in one range."""
    if PROPERTIES[name].probability:
        return f"{item['auroc']:.2f}" if "auroc" in item else "–"
    return f"{item['rmse']:.3f} ({100 * item['coverage']:.0f} %)" if item.get("n") else "–"


def _alone(metrics: Mapping[str, Mapping[str, Any]], training: Mapping[str, Any]) -> list[str]:
    """Tell what the specialists of single edges were measured to do."""
    if not metrics:
        return []
    lines = [
        "## The metal's own edge alone, in any oxide",
        "",
        "Specialists answer where one L2,3 edge is seen and nothing else. They learned multiplet spectra of single "
        "ions",
        "in any crystal field, pure or mixed, through wide ranges of everything that a microscope or somebody else's",
        "background subtraction does, and read white lines aligned on themselves:",
        "",
        *(f"- {name}: {_plain(value)}" for name, value in training["alone_ranges"].items()),
        "",
    ]
    for name, item in metrics.items():
        numbers = item["numbers"]
        lines += [
            f"**{name}**, {item['measured_on']}: RMSE {numbers['rmse']:.3f} (of the mean {numbers['truth_std']:.3f}),",
            f"coverage {100 * numbers['coverage']:.0f} %. Nearest valence right:",
            "",
        ]
        lines += [
            f"- {label}: {100 * part['accuracy']:.0f} % of {sum(map(sum, part['confusion']))}"
            for label, part in item.items()
            if isinstance(part, Mapping) and "accuracy" in part
        ]
        lines.append("")
    return lines


def _plain(value: Any) -> str:
    """Readable range."""
    if isinstance(value, (list, tuple)):
        return f"{value[0]:g} to {value[-1]:g}" if len(value) == 2 else ", ".join(f"{item:g}" for item in value)
    return f"{value:g}"
