"""What the report says in words: what was found and done, where the maps come from, what their accuracy rests on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eelsmap.errors import EelsmapError
from eelsmap.io.metadata import notes_of
from eelsmap.mapping.script import model_manifest, recipe_changes

if TYPE_CHECKING:
    from eelsmap.mapping.planned_image import PlannedImage

__all__ = ["accuracy_words", "found_words", "made_words"]

_EDGE = re.compile(r"\b([A-Z][a-z]?)_([KLM][0-9]?)\b")
_MINUS = re.compile(r"(?<![\w.])-(?=\d)")
_PACKAGES = ("hyperspy", "exspy", "numpy", "xgboost")
_SHORT = 12

Said = list[tuple[str, str]]


def found_words(provenance: Mapping[str, Any], image: PlannedImage | None = None, /) -> Said:
    """Say what was found in the spectrum image and what was done about it.

    Parameters
    ----------
    provenance
        As :attr:`eelsmap.PropertyMaps.provenance`; whatever it lacks is left out.
    image
        The planned image, which knows its metadata and notes as well.

    Returns
    -------
    list of tuple of str
        Subject and sentence.
    """
    said: Said = []
    axis = provenance.get("axis") or {}
    if axis.get("message"):
        good = axis.get("uncertainty_eV")
        said.append(("Energy axis", axis["message"] + (f"; good to about {good:.1f} eV" if good is not None else "")))
    drift = (provenance.get("drift") or {}).get("message")
    if drift:
        said.append(("Drift", drift))
    if provenance.get("detector"):
        said.append(("Detector", str(provenance["detector"])))
    if "windows" in provenance:
        moved = [f"{edge} {start:.0f} to {stop:.0f} eV" for edge, (start, stop, *_why) in provenance["windows"].items()]
        said.append(("Background", f"windows moved: {', '.join(moved)}" if moved else "fitted in the usual windows"))
    noise = [f"variance of the counts is {provenance['gain']:.2f} times their mean"] if "gain" in provenance else []
    noise += [str(provenance[key]) for key in ("denoising", "averaging") if provenance.get(key, "none") != "none"]
    if noise:
        said.append(("Noise", "; ".join(noise)))
    said.append(("Low loss", _low_loss_words(provenance)))
    if image is not None:
        missing = image.core.metadata.get_item("EELSMap.missing") or []
        words = f"{', '.join(missing).replace('_', ' ')}: not in the file" if missing else "complete"
        said.append(("Metadata", "; ".join([words, *_other_notes(image)])))
    return [(subject, _sentence(words)) for subject, words in said]


def made_words(provenance: Mapping[str, Any], /) -> Said:
    """Say from what and with what the maps were made.

    Parameters
    ----------
    provenance
        As :attr:`eelsmap.PropertyMaps.provenance`; whatever it lacks is left out.

    Returns
    -------
    list of tuple of str
        Subject and sentence.
    """
    said: Said = []
    source, model = provenance.get("source") or {}, provenance.get("model") or {}
    if provenance.get("partial"):
        said.append(("Incomplete", str(provenance["partial"])))
    file = [str(source.get("file", "")), str(source.get("signal", ""))]
    if source.get("sha256"):
        file.insert(1, f"sha256 {str(source['sha256'])[:_SHORT]}")
    said.append(("File", "; ".join(part for part in file if part) or "a signal in memory"))
    if model:
        name = f"{model.get('name', '')} {model.get('version', '')}".strip()
        digest = f", sha256 {str(model['sha256'])[:_SHORT]}" if model.get("sha256") else ""
        trained = f"; trained on {model['trained_on']}" if model.get("trained_on") else ""
        said.append(("Model", f"{name}{digest}{trained}"))
    elif "classical" in provenance:
        classical = provenance["classical"]
        assumed = f"; assumed: {classical['assumed']}" if classical.get("assumed") else ""
        said.append(
            ("Model", f"None: read from the edges; cross sections {classical.get('cross_sections', '')}{assumed}")
        )
    else:
        said.append(("Model", "None was asked"))
    said.append(("Recipe", _sentence(_recipe_words(provenance))))
    versions = provenance.get("versions") or {}
    made = [f"eelsmap {provenance.get('eelsmap_version', '')}".strip(), str(provenance.get("time", ""))]
    made += [f"{name} {versions[name]}" for name in _PACKAGES if name in versions]
    said.append(("Made by", ", ".join(part for part in made if part)))
    return said


def accuracy_words(provenance: Mapping[str, Any], /) -> str:
    """Say in one sentence on what the accuracy of the maps was measured.

    Parameters
    ----------
    provenance
        As :attr:`eelsmap.PropertyMaps.provenance`. Where it does not say it itself, the model is asked if it is at
        hand.

    Returns
    -------
    str
        Never empty.
    """
    model = provenance.get("model") or {}
    if "classical" in provenance:
        return (
            "Accuracy: no model was asked; the errors hold counting noise and the fit of the background, and were "
            "tested on simulated spectra, not on measured ones."
        )
    if not model:
        return "Accuracy: these maps describe the recorded counts; no model was asked and no accuracy is claimed."
    manifest = model_manifest(provenance) or {}
    corrected = model.get("corrected") or manifest.get("corrected") or {}
    measured = model.get("measured_on") or (manifest.get("metrics") or {}).get("measured_on")
    on = str(measured or "simulated spectra of structures that were not trained on")
    if corrected:
        return (
            f"Accuracy: the model was corrected by {corrected.get('spectra', 'some')} spectra of "
            f"{corrected.get('specimens', 'some')} measured reference specimens and judged on "
            f"{corrected.get('measured_on', 'them')} (see its card); the errors beside the means were measured before "
            f"that, on {on}."
        )
    return (
        f"Accuracy: the errors beside the means were measured on {on}, and never on measured spectra; how far the "
        "values are off on this specimen is not known."
    )


def _other_notes(image: PlannedImage) -> list[str]:
    """Take the notes on the file, without those on what has a line of its own."""
    return [note for note in notes_of(image.core) if not note.startswith("low loss")]


def _low_loss_words(provenance: Mapping[str, Any]) -> str:
    """Say whether there was a low loss and whether it belongs to the same moment."""
    reason = str(provenance.get("low_loss", "none"))
    if reason in ("", "none"):
        return "none was given"
    file = (provenance.get("low_loss_source") or {}).get("file")
    state = provenance.get("low_loss_simultaneous")
    said = f"simultaneous: {state} ({reason})" if state else reason
    return f"{file or 'given'}; {said}"


def _recipe_words(provenance: Mapping[str, Any]) -> str:
    """Say what was done otherwise than usual."""
    digest = f" (sha256 {str(provenance['recipe_sha256'])[:_SHORT]})" if provenance.get("recipe_sha256") else ""
    try:
        changes = recipe_changes(provenance)
    except EelsmapError:
        return f"not recorded{digest}"
    if changes is None:
        return f"what was changed is not known, since the model is not at hand{digest}"
    if not changes:
        return f"{'the model’s own' if provenance.get('model') else 'the usual one'}, unchanged{digest}"
    listed = [f"{step.replace('_', ' ')}: {name.replace('_', ' ')} {_value(value)}"
              for step, fields in changes.items() for name, value in fields.items()]  # fmt: skip
    return f"changed: {'; '.join(listed)}{digest}"


def _value(value: Any) -> str:
    """Value of a field of a recipe."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value).replace("_", " ")


def _sentence(words: str) -> str:
    """Names of edges as one writes them, a true minus, and a capital at the beginning."""
    words = _EDGE.sub("\\1\N{NO-BREAK SPACE}\\2", words)
    return _MINUS.sub("\N{MINUS SIGN}", words[:1].upper() + words[1:])
