"""A calibration in lines of text: errors before and after, way by way."""

from __future__ import annotations

from eelsmap.models.calibration import Attempt, Calibration
from eelsmap.properties import PROPERTIES

__all__ = ["calibration_lines"]


def calibration_lines(result: Calibration, /) -> list[str]:
    """Say what was tried on how many references, the figures of each way, and which is best."""
    references = result.references
    model = references.model
    lines = [
        f"Model {model.name} {model.version} ({model.sha256[:8]}); {len(references.group)} spectra of "
        f"{len(references.group_names)} specimens that you gave. Each specimen was held out when it was judged; "
        "± is the standard error from a bootstrap over specimens.",
        "",
        f"{'way':14s} {'property':22s} {'specimens':>9s} {'error before':>13s} {'after':>7s} {'gain':>16s} "
        f"{'in interval before':>19s} {'after':>7s}",
    ]
    for item in result.attempts:
        lines += [f"{item.way.name:14s} not tried: {item.refusal}"] if item.refusal else _figures(item)
    lines.append("")
    best = result.best
    if best is None:
        lines.append("No way lowers the errors by more than their standard error.")
    else:
        lines.append(f"Best: {best.way.name} ({best.way.words}){_changes(best)}.")
    lines.append("Errors are RMSE, of classes the Brier score. The best of several ways looks a little too good.")
    return lines


def _figures(item: Attempt) -> list[str]:
    """One line a property."""
    lines = []
    for name, found in (item.metrics or {}).items():
        key = "brier" if PROPERTIES[name].probability else "rmse"
        if key not in found["before"] or key not in found["after"]:
            lines.append(f"{item.way.name:14s} {name:22s} {found['specimens']:9d}   no prediction, or one class only")
            continue
        shares = [found[when].get("coverage") for when in ("before", "after")]
        said = ["" if share is None else f"{100 * share:.0f} %" for share in shares]
        lines.append(
            f"{item.way.name:14s} {name:22s} {found['specimens']:9d} {found['before'][key]:13.3f} "
            f"{found['after'][key]:7.3f} {found['gain']:+8.3f} ± {found['gain_error']:5.3f} "
            f"{said[0]:>19s} {said[1]:>7s}"
        )
    return lines


def _changes(item: Attempt) -> str:
    """Numbers of the correction, where they are few."""
    corrections = item.fitted.corrections
    parts = [f"{edge} {value:+.1f} eV" for edge, value in corrections.shift.items()]
    parts += [f"{edge} broadened by {value:.1f} eV" for edge, value in corrections.fwhm.items()]
    parts += [f"{name} {offset:+.3f} + {slope:.3f} x" for name, (offset, slope) in corrections.affine.items()]
    parts += [f"interval of {name} x {factor:.2f}" for name, factor in corrections.interval_factor.items()]
    return ": " + ", ".join(parts) if parts else ""
