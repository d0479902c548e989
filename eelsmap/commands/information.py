"""What is in a file, in words: axes, edges, the check of the energy axis, what the metadata lack."""

from __future__ import annotations

import os
from typing import Any

from eelsmap.errors import EelsmapError
from eelsmap.io import describe, load
from eelsmap.mapping import plan_signal
from eelsmap.recipe import Recipe

__all__ = ["describe_file", "information_lines"]


def describe_file(path: str | os.PathLike[str], /, *, recipe: Recipe | None = None) -> dict[str, Any]:
    """Describe a file and check its energy axis against where the edges are found.

    Parameters
    ----------
    path
        A spectrum image file.
    recipe
        The road; the default recipe when None.

    Returns
    -------
    dict
        As :func:`eelsmap.io.describe`, with ``"axis"`` (the proposed correction) and ``"located"`` (edge to share of
        its structure that was recognised), or ``"problem"`` when it cannot be mapped.
    """
    recipe = recipe or Recipe()
    # In a list a path is never taken for a pattern.
    signal = load([path], lazy=True)[0]
    content = describe(signal, recipe.edge_set)
    try:
        plan, _ = plan_signal(signal, recipe)
    except EelsmapError as error:
        return {**content, "problem": str(error)}
    return {**content, **plan.to_dict()}


def information_lines(content: dict[str, Any], /) -> list[str]:
    """Lines to print of :func:`describe_file`."""
    energy = content["energy"]
    lines = [
        f"{content['title'] or 'untitled'}: {' x '.join(map(str, content['shape']))} ({content['dtype']}, "
        f"{content['megabytes']:g} MB)",
        f"energy      {energy['first']:.2f} to {energy['last']:.2f} eV, {energy['dispersion']:g} eV per channel",
    ]
    for axis in content["navigation"]:
        size = f"{axis['size']} pixels of {axis['scale']:g} {axis['units'] or '(no unit)'}"
        lines.append(f"axis {axis['name'] or '?':6s} {size}")
    for name, state in content["edges"].items():
        found = content.get("located", {}).get(name)
        said = f"found ({100 * found:.0f} % of its structure recognised)" if found else "its shape not recognised"
        lines.append(f"edge {name:6s} {state} by the recorded axis, {said}")
    lines.append(f"axis check  {content['axis']['message'] if 'axis' in content else content['problem']}")
    if "axis" in content:
        lines.append(f"            energies are good to about {content['axis']['uncertainty_eV']:.1f} eV afterwards")
        lines.append(f"noise       variance of the counts is {content['gain']:.2f} times their mean")
    for name, item in content["acquisition"].items():
        lines.append(f"{name.replace('_', ' '):18s} {item['value']:g} {item['unit']}")
    lines.append(f"missing     {', '.join(content['missing']).replace('_', ' ') or 'nothing'}")
    low_loss = content["low_loss"]
    if low_loss:
        lines.append(f"low loss    {low_loss['first']:.1f} to {low_loss['last']:.1f} eV; simultaneous: "
                     f"{low_loss['simultaneous']} ({low_loss['reason']})")  # fmt: skip
    else:
        lines.append("low loss    none")
    lines += [f"note        {note}" for note in content["notes"]]
    return lines
