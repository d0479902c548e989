"""What was found in a spectrum image, line by line, each with how good it is. No Qt here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eelsmap.napari.image.looked_at import LookedAt

__all__ = ["FoundLine", "found_lines"]

_MARKS = {"good": "✓", "doubt": "!", "bad": "✗", "plain": "·"}


@dataclass(frozen=True, slots=True)
class FoundLine:
    """One thing that was found.

    Parameters
    ----------
    state
        ``"good"``, ``"doubt"``, ``"bad"`` or ``"plain"``.
    label
        What it is about.
    text
        What was found.
    """

    state: str
    label: str
    text: str

    @property
    def mark(self) -> str:
        """A sign for the state, so that colour is not needed to tell it."""
        return _MARKS[self.state]


def found_lines(looked: LookedAt) -> list[FoundLine]:
    """Say what was found.

    Parameters
    ----------
    looked
        The image that was looked at.

    Returns
    -------
    list of FoundLine
        Size, energies, edges, axis, low loss, detector, what the metadata lack.
    """
    content = looked.description
    lines = [FoundLine("plain", "Image", _size(content)), FoundLine("plain", "Energies", _energies(content["energy"]))]
    if looked.problem:
        return [*lines, FoundLine("bad", "Cannot be mapped", looked.problem)]
    lines += _edges(content["edges"], content["located"])
    axis = content["axis"]
    moved = axis["mode"] != "none"
    text = f"{axis['message']}; good to about {axis['uncertainty_eV']:.1f} eV"
    lines.append(FoundLine("doubt" if moved else "good", "Energy axis", text))
    if content["drift"].get("applied"):
        lines.append(FoundLine("doubt", "Drift", content["drift"]["message"]))
    lines.append(_low_loss(content["low_loss"]))
    lines.append(FoundLine("plain", "Detector", content["detector"]))
    if content["missing"]:
        lines.append(FoundLine("doubt", "Metadata lack", ", ".join(content["missing"]).replace("_", " ")))
    return lines


def _size(content: dict[str, Any]) -> str:
    """Pixels with their size."""
    axes = content["navigation"]
    if not axes:
        return "a single spectrum"
    pixels = " × ".join(str(axis["size"]) for axis in axes)
    known = [axis for axis in axes if axis["units"] and axis["scale"] > 0]
    size = f" of {known[-1]['scale']:.3g} {known[-1]['units']}" if known else ", of unknown size"
    return f"{pixels} pixels{size}, {content['megabytes']:.4g} MB"


def _energies(energy: dict[str, float]) -> str:
    """Range and dispersion."""
    return (
        f"{energy['first']:.1f} to {energy['last']:.1f} eV, {energy['dispersion']:.3g} eV per channel, "
        f"{energy['channels']} channels"
    )


def _edges(states: dict[str, str], located: dict[str, float]) -> list[FoundLine]:
    """One line for the edges that are whole and recognised, one for each of the others."""
    lines = [_edge(name, state, located.get(name)) for name, state in states.items()]
    good = [line.label for line in lines if line.state == "good"]
    whole = [FoundLine("good", "Edges", f"{', '.join(good)} found")] if good else []
    return whole + [line for line in lines if line.state != "good"]


def _edge(name: str, state: str, recognised: float | None) -> FoundLine:
    """Whether an edge is on the axis and was recognised."""
    label = name.replace("_", " ")
    if state == "outside" and not recognised:
        return FoundLine("bad", label, "outside the axis")
    part = {"covered": "", "partial": ", only partly on the axis"}.get(state, ", off the recorded axis")
    if recognised:
        return FoundLine("good" if not part else "doubt", label, f"found{part}")
    return FoundLine("doubt", label, f"shape not recognised{part}")


def _low_loss(low_loss: dict[str, Any] | None) -> FoundLine:
    """Whether there is a low loss and what it may be used for."""
    if low_loss is None:
        return FoundLine("plain", "Low loss", "none: the axis rests on the edges")
    said = {
        "yes": "recorded with the core loss: its zero-loss peak places every pixel",
        "no": "recorded at another time: not used for the axis",
        "unknown": "unknown whether recorded with the core loss: not used for the axis",
    }[low_loss["simultaneous"]]
    return FoundLine("good" if low_loss["simultaneous"] == "yes" else "doubt", "Low loss", said)
