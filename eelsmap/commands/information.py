"""What is in a file, in words: axes, edges, the check of the energy axis, what the metadata lack."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eelsmap.commands.results import refuse_existing, require_figure, require_folder, save_figure
from eelsmap.errors import EelsmapError
from eelsmap.io import describe, load
from eelsmap.mapping import PlannedImage, plan_signal
from eelsmap.mapping.quality_maps import quality_of_image
from eelsmap.recipe import Recipe

__all__ = ["Inspection", "describe_file", "draw_quality", "information_lines", "inspect_file"]

_DRAWN_AXES = 2


@dataclass(frozen=True)
class Inspection:
    """A file that was opened and planned once, for words and page alike.

    Parameters
    ----------
    path
        The file.
    signal
        What it holds.
    content
        As :func:`describe_file` returns it.
    planned
        The image with its plan, or the error that says why it cannot be mapped.
    """

    path: Path
    signal: Any
    content: dict[str, Any]
    planned: PlannedImage | EelsmapError


def inspect_file(
    path: str | os.PathLike[str],
    /,
    *,
    recipe: Recipe | None = None,
    low_loss: str | os.PathLike[str] | None = None,
) -> Inspection:
    """Open and plan a file; parameters as of :func:`describe_file`."""
    recipe = recipe or Recipe()
    signal = _loaded(path, low_loss)
    content = describe(signal, recipe.edge_set)
    try:
        planned = plan_signal(signal, recipe)
    except EelsmapError as error:
        return Inspection(Path(path), signal, {**content, "problem": str(error)}, error)
    return Inspection(Path(path), signal, {**content, **planned.plan.to_dict()}, planned)


def describe_file(
    path: str | os.PathLike[str],
    /,
    *,
    recipe: Recipe | None = None,
    low_loss: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """Describe a file and check its energy axis against where the edges are found.

    Parameters
    ----------
    path
        A spectrum image file.
    recipe
        The road; the default recipe when None.
    low_loss
        File of the low loss of the same pixels.

    Returns
    -------
    dict
        As :func:`eelsmap.io.describe`, with ``"axis"`` (the proposed correction) and ``"located"`` (edge to share of
        its structure that was recognised), or ``"problem"`` when it cannot be mapped.
    """
    return inspect_file(path, recipe=recipe, low_loss=low_loss).content


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
        if content["drift"]:
            lines.append(f"drift       {content['drift']['message']}")
        lines.append(f"detector    {content['detector']}")
        lines += [f"window      {name} background from {start:.0f} to {stop:.0f} eV: {reason}"
                  for name, (start, stop, reason) in content["windows"].items()]  # fmt: skip
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


def draw_quality(
    file: str | os.PathLike[str] | Inspection,
    figure: str | os.PathLike[str],
    /,
    *,
    recipe: Recipe | None = None,
    low_loss: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    computing: Callable[[Path], Any] | None = None,
) -> list[str]:
    """Draw one page on how far a spectrum image can be trusted.

    Parameters
    ----------
    file
        A spectrum image file, or what :func:`inspect_file` has found in it, which then is not planned again.
    figure
        Where the page goes: .png, .pdf, .svg or what else matplotlib writes. Its folder is made if it does not exist.
    recipe
        The road; the default recipe when None. Not used with an inspected file.
    low_loss
        File of the low loss of the same pixels. Not used with an inspected file.
    overwrite
        Replace an earlier figure.
    computing
        Called with the path before the pixels are computed; returns a context manager, for instance a progress bar.

    Returns
    -------
    list of str
        Lines to print: how many pixels have an answer, the reasons of the others, and where the page is.

    Raises
    ------
    EelsmapError
        The file cannot be read or mapped, its image has more than two navigation axes, or the figure cannot be written
        there.
    """
    from eelsmap.plot import plot_quality
    from eelsmap.plot.quality_words import answered

    target = Path(figure)
    require_figure(target)
    refuse_existing({"figure": target}, overwrite)
    require_folder(target.parent)
    found = file if isinstance(file, Inspection) else inspect_file(file, recipe=recipe, low_loss=low_loss)
    source, axes = found.path, found.signal.data.ndim - 1
    if axes > _DRAWN_AXES:
        raise EelsmapError(
            f"{source.name}: the image has {axes} navigation axes, and a page shows one or two; save a slice of it, "
            "such as signal.inav[:, :, 0], or map all of it with eelsmap.map_quality(signal)"
        )
    if isinstance(found.planned, EelsmapError):
        raise found.planned
    image = found.planned
    maps = quality_of_image(image, lazy=True)
    with nullcontext() if computing is None else computing(source):
        maps.compute(progress=False)
    page = plot_quality(image, maps)
    target.parent.mkdir(parents=True, exist_ok=True)
    save_figure(page, target)
    good = answered(maps)
    lines = [f"quality     {int(good.sum())} of {good.size} pixels have an answer ({100 * good.mean():.0f} %)"]
    lines += [f"            {pixels} {'pixel' if pixels == 1 else 'pixels'}: {reason}"
              for reason, pixels in maps.flag_counts().items()]  # fmt: skip
    return [*lines, f"figure      {target}"]


def _loaded(path: str | os.PathLike[str], low_loss: str | os.PathLike[str] | None) -> Any:
    """Open a file; in a list a path is never taken for a pattern, with a low loss it is a single one anyway."""
    return load([path], lazy=True)[0] if low_loss is None else load(path, lazy=True, low_loss=low_loss)
