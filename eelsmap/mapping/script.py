"""From the provenance of maps to a Python script and a command that repeat the very run."""

from __future__ import annotations

import hashlib
import json
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from eelsmap.errors import EelsmapError
from eelsmap.models.bundle import open_bundle, read_manifest
from eelsmap.recipe import Recipe

__all__ = ["command_of", "model_manifest", "recipe_changes", "script_of"]

_STEPS = (
    "energy_axis", "detector", "spikes", "noise", "plural_scattering", "background", "quality"
)  # fmt: skip

# What the command line can say of a recipe; None stands for the value itself, else the one value that a flag sets.
_OPTIONS: dict[tuple[str, str], tuple[str, Any]] = {
    ("energy_axis", "mode"): ("--axis", None),
    ("energy_axis", "offset"): ("--axis-offset", None),
    ("background", "method"): ("--background", None),
    ("background", "neighbours"): ("--neighbours", None),
    ("noise", "average"): ("--average", None),
    ("detector", "saturation"): ("--saturation", None),
    ("plural_scattering", "method"): ("--deconvolve", "fourier_ratio"),
    ("noise", "denoise"): ("--denoise", True),
}

_GIVEN = ("beam_energy", "convergence_angle", "collection_angle")
_MEMORY = "FILE"


def script_of(provenance: Mapping[str, Any], /) -> str:
    """Write a Python script that makes the same maps again.

    Parameters
    ----------
    provenance
        As :attr:`eelsmap.PropertyMaps.provenance`.

    Returns
    -------
    str
        The script, with the command that does the same in its docstring. It refuses another file and another model
        than those of the run, where provenance knows their hashes.

    Raises
    ------
    EelsmapError
        Provenance does not say by which recipe the maps were made.
    """
    changes = recipe_changes(provenance)
    model = provenance.get("model") or {}
    source = provenance.get("source") or {}
    base = "model.recipe" if model else "Recipe()"
    recipe = _recipe_lines(provenance, changes, base)
    function = "map_properties" if model else "map_classical" if "classical" in provenance else "map_quality"
    body = [*_load_lines(provenance), ""]
    if model:
        body += [*_model_lines(model), ""]
    arguments = ["signal", *(["model"] if model else []), *(["recipe=recipe"] if recipe else [])]
    arguments += [f"device={device!r}" for device in _gpu(model)]
    body += [*recipe, f"maps = eelsmap.{function}({', '.join(arguments)}).compute()"]
    body.append(f"maps.save({_file_name(source)!r})")
    code = "\n".join(body)
    imports = [line for line, word in (("import json", "json."), ("from dataclasses import replace", "replace("))
               if word in code]  # fmt: skip
    ours = ["import eelsmap", *(["from eelsmap import Recipe"] if "Recipe" in code else [])]
    head = [*imports, *([""] if imports else []), *ours, ""]
    return "\n".join(['"""' + _docstring(provenance), '"""', "", *head, code, ""])


def command_of(provenance: Mapping[str, Any], /) -> tuple[str, list[str]]:
    """Write the ``eelsmap map`` command that makes the same maps again.

    Parameters
    ----------
    provenance
        As :attr:`eelsmap.PropertyMaps.provenance`.

    Returns
    -------
    command : str
        One line for a shell.
    left_out : list of str
        What the command line cannot say, in words; empty where the command does all.

    Raises
    ------
    EelsmapError
        Provenance does not say by which recipe the maps were made.
    """
    source, model = provenance.get("source") or {}, provenance.get("model") or {}
    changes = recipe_changes(provenance)
    words = ["eelsmap", "map", _path_of(source)]
    left_out = []
    if model:
        words += ["--model", _model_reference(model)]
        words += [word for device in _gpu(model) for word in ("--device", device)]
    else:
        words += ["--also", "classical" if "classical" in provenance else "quality"]
    words += ["--out", f"{PurePath(_file_name(source)).stem}_again"]
    if low_loss := (provenance.get("low_loss_source") or {}).get("path"):
        words += ["--low-loss", low_loss]
    if low_loss and _stated(provenance) is not None:
        left_out.append("whether the low loss was recorded at the same time: the command lets the files decide")
    if changes is None:
        left_out.append("the recipe: the model that it belongs to is not at hand, so what was changed is not known")
    for step, fields in (changes or {}).items():
        for name, value in fields.items():
            option, sets = _OPTIONS.get((step, name), ("", None))
            if option and (sets is None or sets == value):
                words += [option] if sets is not None else [option, f"{value}"]
            else:
                left_out.append(f"{step}.{name} = {value!r}")
    if "path" not in source:
        left_out.append("which file: the signal was in memory")
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words), left_out


def recipe_changes(provenance: Mapping[str, Any], /) -> dict[str, dict[str, Any]] | None:
    """Find what a run did otherwise than the model's own recipe, or, without a model, than the usual one.

    Parameters
    ----------
    provenance
        As :attr:`eelsmap.PropertyMaps.provenance`.

    Returns
    -------
    dict or None
        Step to field to value; empty where nothing was changed. None where the model is not at hand.

    Raises
    ------
    EelsmapError
        Provenance does not say by which recipe the maps were made.
    """
    recipe = _recipe(provenance)
    if provenance.get("model"):
        manifest = model_manifest(provenance)
        if manifest is None:
            return None
        usual = Recipe.from_dict(manifest["recipe"])
    else:
        usual = Recipe()
    if recipe.edge_set != usual.edge_set or recipe.features != usual.features:
        return None
    before, after = usual.to_dict(), recipe.to_dict()
    found = {
        step: {name: value for name, value in after[step].items() if before[step][name] != value} for step in _STEPS
    }
    return {step: fields for step, fields in found.items() if fields}


def model_manifest(provenance: Mapping[str, Any], /) -> dict[str, Any] | None:
    """Read the manifest of the model that made maps, if the same model is at hand.

    Parameters
    ----------
    provenance
        As :attr:`eelsmap.PropertyMaps.provenance`.

    Returns
    -------
    dict or None
        The manifest; None where no model of this name, place and hash is found.
    """
    model = provenance.get("model") or {}
    if not model:
        return None
    try:
        raw, manifest = read_manifest(open_bundle(_model_reference(model)))
    except (EelsmapError, OSError):
        return None
    return manifest if hashlib.sha256(raw).hexdigest() == model.get("sha256") else None


def _recipe(provenance: Mapping[str, Any]) -> Recipe:
    """Rebuild the recipe of the run."""
    try:
        return Recipe.from_dict(json.loads(provenance["recipe"]))
    except (KeyError, TypeError, ValueError) as error:
        raise EelsmapError(
            "these maps do not say by which recipe they were made, so no script can repeat them; map the spectrum "
            "image again with this eelsmap"
        ) from error


def _docstring(provenance: Mapping[str, Any]) -> str:
    """Say what the script repeats, and by which command the same is done."""
    command, left_out = command_of(provenance)
    source = provenance.get("source") or {}
    time = str(provenance.get("time", ""))
    lines = [
        f"Make the maps of {source.get('file') or 'a spectrum image'} again.",
        "",
        f"They were made by eelsmap {provenance.get('eelsmap_version', '')}{f' at {time}' if time else ''}.",
        "A signal that was cut or binned after it was loaded must be cut or binned here as well.",
        "",
        "From the command line:" if not left_out else "From the command line, which cannot say all (below):",
        "",
        f"    {command}",
    ]
    lines += [f"    # left out: {what}" for what in left_out]
    # A name of a file may hold anything; it must not end the docstring.
    return "\n".join(lines).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


def _load_lines(provenance: Mapping[str, Any]) -> list[str]:
    """Load the spectrum image as it was loaded."""
    source = provenance.get("source") or {}
    path, low_loss = _path_of(source), (provenance.get("low_loss_source") or {}).get("path")
    options = ["lazy=True"]
    if low_loss:
        options.append(f"low_loss={low_loss!r}")
    if (stated := _stated(provenance)) is not None:
        options.append(f"low_loss_simultaneous={stated}")
    known = provenance.get("acquisition") or {}
    options += [f"{name}={float(known[name])!r}" for name in _GIVEN if name in known]
    lines = []
    if "path" not in source:
        lines.append(f"# The signal {source.get('file', '')!r} was in memory: save it and put its file here.")
    lines.append(f"signal = eelsmap.load({path!r}, {', '.join(options)})")
    if "sha256" in source and "path" in source:
        lines += [
            f"if signal.metadata.get_item('EELSMap.source.sha256') != {source['sha256']!r}:",
            f"    raise SystemExit({f'{path} was changed since the maps were made'!r})",
        ]
    return lines


def _model_lines(model: Mapping[str, Any]) -> list[str]:
    """Load the model, and refuse another one."""
    said = f"the maps were made by {model.get('name')} {model.get('version')} ({str(model.get('sha256'))[:8]}), this is"
    return [
        f"model = eelsmap.load_model({_model_reference(model)!r})",
        f"if model.sha256 != {str(model.get('sha256'))!r}:",
        f"    raise SystemExit({said!r} + f' {{model.name}} {{model.version}} ({{model.sha256[:8]}})')",
    ]


def _recipe_lines(
    provenance: Mapping[str, Any], changes: dict[str, dict[str, Any]] | None, base: str
) -> list[str]:  # fmt: skip
    """Make the recipe of the run out of the usual one; nothing where it is the usual one."""
    if changes is None:
        return [f"recipe = Recipe.from_dict(json.loads({str(provenance['recipe'])!r}))"]
    if not changes:
        return []
    lines = ["recipe = replace(", f"    {base},"]
    for step, fields in changes.items():
        said = ", ".join(f"{name}={value!r}" for name, value in fields.items())
        lines.append(f"    {step}=replace({base}.{step}, {said}),")
    return [*lines, ")"]


def _path_of(source: Mapping[str, Any]) -> str:
    """Path of the file that was mapped; a word to be replaced where the signal was in memory."""
    return str(source.get("path", _MEMORY))


def _model_reference(model: Mapping[str, Any]) -> str:
    """Name of a shipped model, or path of a bundle."""
    return str(model.get("path") or model.get("name"))


def _gpu(model: Mapping[str, Any]) -> list[str]:
    """Device on which the model computed, where it was not the CPU."""
    device = str(model.get("device", "cpu")).partition(":")[0]
    return [] if device == "cpu" else [device]


def _file_name(source: Mapping[str, Any]) -> str:
    """Name of the maps: that of the file that they were made from."""
    name = PurePath(str(source.get("path") or source.get("file") or "")).stem or "spectrum_image"
    return "".join(sign if sign.isalnum() or sign in "-_. " else "_" for sign in name).replace(" ", "_") + "_maps.hspy"


def _stated(provenance: Mapping[str, Any]) -> bool | None:
    """Whether a user said that the low loss was recorded at the same time; None where files decided."""
    if provenance.get("low_loss") != "as stated by the user":
        return None
    return {"yes": True, "no": False}.get(str(provenance.get("low_loss_simultaneous")))
