"""The model card: what a model is for, what it learned from, how good it was on what, and what it cannot do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eelsmap.properties import PROPERTIES

__all__ = ["write_card"]


def write_card(manifest: Mapping[str, Any], /) -> str:
    """Write a model card in Markdown from a bundle's manifest; every figure in it was measured by the training."""
    training, library, metrics = manifest["training"], manifest["library"], manifest["metrics"]
    ranges = training["ranges"]
    lines = [
        f"# Model `{manifest['name']}` {manifest['version']}",
        "",
        "**For**: maps of lithium content, metal counts, oxidation states and defects from core-loss EELS of layered",
        "lithium nickel manganese cobalt oxides, by the O K and Mn, Co, Ni L2,3 edges or any subset of them.",
        "",
        f"**Learned from**: {training['spectra']} simulated spectra, blends of records of {training['parents']}",
        f"structures of the library {library['name']} {library['version']} (`{library['sha256'][:12]}`),",
        "seen through a synthetic microscope:",
        "",
        *(f"- {name}: {_plain(value)}" for name, value in ranges.items()),
        "",
        f"**Limits**: {manifest['limits']}",
        "",
        f"**Measured on** {metrics['measured_on']}; not on measured spectra. Intervals are meant to hold the truth in",
        f"{100 * manifest['confidence']:.0f} % of cases; few structures lie behind the calibration, so expect less on",
        "a new kind of material. A defect counts as present when half or more of the probed volume has it.",
        f"{100 * metrics['called_novel']:.1f} % of these spectra were called novel, though they are of the known kind.",
        "",
    ]
    lines += _tables("All conditions", metrics["overall"])
    for label, part in metrics["by_log_snr"].items():
        lines += _tables(f"log10 of the signal-to-noise ratio of all edges from {label}", part)
    return "\n".join(lines)


def _tables(title: str, part: Mapping[str, Mapping[str, float]]) -> list[str]:
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


def _plain(value: Any) -> str:
    """Readable range."""
    if isinstance(value, (list, tuple)):
        return f"{value[0]:g} to {value[-1]:g}" if len(value) == 2 else ", ".join(f"{item:g}" for item in value)
    return f"{value:g}"
