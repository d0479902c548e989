"""A spectrum image of which one value is known, as reference spectra: sums over groups of its pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from eelsmap.errors import NO_ANSWER, EelsmapError, NoEdgesError
from eelsmap.io import load
from eelsmap.library.label_table import RANGES, label_name
from eelsmap.mapping import plan_signal
from eelsmap.models.evaluation_measured import MeasuredSet, Specimen, read_measured_set
from eelsmap.preprocess import extract_edges
from eelsmap.recipe import Recipe

__all__ = ["image_specimens", "measured_set", "stated_value"]

_MOST_PIXELS = 65536
_SEEN = 0.5
"""Share of the pixels in which an edge must rise above noise."""


def image_specimens(
    path: Path, labels: dict[str, float], recipe: Recipe, /, *, axis_mode: str | None = None, parts: int = 16
) -> list[Specimen]:
    """Make reference spectra of a spectrum image.

    Parameters
    ----------
    path
        A core-loss spectrum image.
    labels
        What is known of all of it.
    recipe
        The road of the model that will be corrected.
    axis_mode
        Another way to treat the energy axis than the recipe says.
    parts
        Into how many sums of neighbouring pixels it is divided.

    Returns
    -------
    list of Specimen
        Of one group: they are never on both sides of a validation.

    Raises
    ------
    EelsmapError
        The file cannot be read or mapped, or holds no pixel with an edge.
    """
    core = load([path], lazy=True)[0]
    recipe = recipe if axis_mode is None else recipe.with_axis_mode(axis_mode)
    image = plan_signal(core, recipe)
    counts, known = image.every(max(1, -(-int(np.prod(core.data.shape[:-1])) // _MOST_PIXELS)))
    stack = extract_edges(counts, image.plan, recipe, **known)
    answered = (stack.flags & np.uint32(NO_ANSWER)) == 0
    if not answered.any():
        raise NoEdgesError(f"{path}: no pixel of it can be used as a reference")
    groups = np.array_split(np.flatnonzero(answered), min(parts, int(answered.sum())))
    specimens = []
    for number, group in enumerate(groups, 1):
        specimen = Specimen(f"{path.name} part {number}", path.name, labels=dict(labels))
        for index, edge in enumerate(recipe.edge_set):
            if stack.coverage[index] > 0 and (~stack.weak[group, index]).mean() >= _SEEN:
                # What the axis does not hold is not made up: the spectrum ends where the axis does.
                grid = edge.grid(recipe.edge_set.points)[: round(stack.coverage[index] * recipe.edge_set.points)]
                specimen.spectra[edge.name] = grid, stack.net[group, index, : grid.size].sum(axis=0)
                specimen.files[edge.name] = path.name
        if specimen.spectra:
            specimens.append(specimen)
    return specimens


def measured_set(
    spectra: Path | None,
    labels: Path | None,
    images: Sequence[str],
    recipe: Recipe,
    /,
    *,
    axis_mode: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> MeasuredSet:
    """Gather spectra with known values from a folder, from images, or from both.

    Parameters
    ----------
    spectra, labels
        As for :func:`eelsmap.models.evaluation_measured.read_measured_set`; no folder when None.
    images
        Each ``FILE:property=value``.
    recipe, axis_mode
        As for :func:`image_specimens`.
    progress
        Called with the number of specimens of the folder that were read, and of all.

    Returns
    -------
    MeasuredSet
        An image that cannot be used is a refused specimen. ``table_sha256`` covers what was stated of the images too.

    Raises
    ------
    EelsmapError
        Neither was given, the table cannot be read, or a stated value has another form.
    """
    if spectra is None and not images:
        raise EelsmapError("no spectra: give --spectra DIR, --image FILE:PROPERTY=VALUE, or both")
    stated = [stated_value(text) for text in images]
    given = MeasuredSet([], [], [], "", 0)
    if spectra is not None:
        given = read_measured_set(spectra, labels, progress=progress)
    for path, values in stated:
        try:
            given.specimens.extend(image_specimens(path, values, recipe, axis_mode=axis_mode))
        except EelsmapError as error:
            given.specimens.append(Specimen(path.name, path.name, labels=values, refusal=str(error)))
    given.files += len(images)
    if images:
        given.table_sha256 = hashlib.sha256("\n".join((given.table_sha256, *sorted(images))).encode()).hexdigest()
    return given


def stated_value(text: str, /) -> tuple[Path, dict[str, float]]:
    """Take ``FILE:property=value[,property=value]`` apart.

    Raises
    ------
    EelsmapError
        It has another form, or a property or value is not known.
    """
    path, colon, values = text.rpartition(":")
    labels = {}
    for part in values.split(","):
        name, _, value = part.partition("=")
        label = label_name(name)
        try:
            number = float(value)
        except ValueError:
            label = None
        if not (colon and path) or label is None or not RANGES[label][0] <= number <= RANGES[label][1]:
            raise EelsmapError(f"{text!r} is not FILE:property=value; known properties: {', '.join(RANGES)}")
        labels[label] = number
    return Path(path), labels
