"""The fields of a recipe, step by step, as a form shows them: label, kind, choices, unit and what they do.

The recipe's own dataclasses are the only source: what a field does is read from its docstring, what it may hold is for
the step itself to judge.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, fields, replace
from typing import Any

from eelsmap.recipe import AXIS_MODES, BACKGROUND_METHODS, PLURAL_SCATTERING_METHODS, Recipe

__all__ = ["RecipeField", "RecipeGroup", "changed", "recipe_groups", "with_values"]

# The steps that may be changed without teaching a model anew, in the order of the road.
_STEPS = ("energy_axis", "detector", "spikes", "noise", "plural_scattering", "background", "quality")

_CHOICES = {
    ("energy_axis", "mode"): AXIS_MODES,
    ("plural_scattering", "method"): PLURAL_SCATTERING_METHODS,
    ("background", "method"): BACKGROUND_METHODS,
}

_UNITS = {
    ("energy_axis", "search"): "eV",
    ("energy_axis", "tolerance"): "eV",
    ("energy_axis", "offset"): "eV",
    ("detector", "saturation"): "counts",
    ("spikes", "threshold"): "σ",
    ("noise", "average"): "px",
    ("plural_scattering", "fwhm"): "eV",
    ("background", "minimum_window"): "eV",
    ("background", "neighbours"): "px",
    ("quality", "minimum_snr"): "σ",
}


@dataclass(frozen=True, slots=True)
class RecipeField:
    """One field of one step.

    Parameters
    ----------
    step, name
        Where it stands in the recipe.
    label
        Readable name.
    kind
        ``bool``, ``int``, ``float`` or ``str``.
    choices
        What a ``str`` field may hold.
    unit
        Unit; empty for pure numbers.
    words
        What it does, in words.
    """

    step: str
    name: str
    label: str
    kind: type
    choices: tuple[str, ...]
    unit: str
    words: str


@dataclass(frozen=True, slots=True)
class RecipeGroup:
    """The fields of one step, with its name and what it is for."""

    step: str
    label: str
    words: str
    fields: tuple[RecipeField, ...]


def recipe_groups(recipe: Recipe) -> tuple[RecipeGroup, ...]:
    """Return the steps of a recipe that a user may change, in the order of the road."""
    return tuple(_group(name, getattr(recipe, name)) for name in _STEPS)


def with_values(recipe: Recipe, values: dict[tuple[str, str], Any]) -> Recipe:
    """Return a recipe with some fields changed.

    Parameters
    ----------
    recipe
        The recipe to start from.
    values
        Value of each changed field, by step and name.

    Raises
    ------
    RecipeError
        A value cannot be used; the message names the step, the field and what it must be.
    """
    for step in _STEPS:
        of_step = {name: value for (one, name), value in values.items() if one == step}
        if of_step:
            recipe = replace(recipe, **{step: replace(getattr(recipe, step), **of_step)})
    return recipe


def changed(recipe: Recipe, usual: Recipe) -> list[str]:
    """Say in words which fields differ from those of another recipe, for instance ``Noise: average 1 px``."""
    lines = []
    for group in recipe_groups(recipe):
        for item in group.fields:
            value = getattr(getattr(recipe, item.step), item.name)
            if value != getattr(getattr(usual, item.step), item.name):
                lines.append(f"{group.label}: {item.label.lower()} {_said(value)} {item.unit}".strip())
    return lines


def _group(step: str, value: Any) -> RecipeGroup:
    """Describe one step."""
    words = _documented(type(value))
    known = []
    for item in fields(value):
        place = (step, item.name)
        kind = type(getattr(value, item.name))
        label = item.name.replace("_", " ").capitalize().replace("snr", "SNR")
        known.append(
            RecipeField(step, item.name, label, kind, _CHOICES.get(place, ()), _UNITS.get(place, ""),
                        words.get(item.name, ""))
        )  # fmt: skip
    summary = inspect.cleandoc(type(value).__doc__ or "").partition("\n")[0]
    return RecipeGroup(step, step.replace("_", " ").capitalize(), summary, tuple(known))


def _documented(kind: type) -> dict[str, str]:
    """Read what a numpydoc docstring says of each parameter, as plain text."""
    text = inspect.cleandoc(kind.__doc__ or "").partition("Parameters\n")[2]
    words: dict[str, list[str]] = {}
    names: list[str] = []
    for line in text.splitlines()[1:]:
        if re.fullmatch(r"[a-z_]+(, [a-z_]+)*", line):
            names = line.split(", ")
        elif line.startswith("    "):
            for name in names:
                words.setdefault(name, []).append(line.strip())
    return {name: _plain(" ".join(lines)) for name, lines in words.items()}


def _plain(text: str) -> str:
    """Take the marks of reStructuredText out of a sentence."""
    return re.sub(r":[a-z]+:`~?([^`]*)`", r"\1", text).replace("``", "").replace("*", "")


def _said(value: Any) -> str:
    """Write the value of a field."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value).replace("_", " ")
