"""One page that tells all of a run: maps, means, flags in words, what was found, where the maps come from."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from eelsmap.plot.layout import layout_of
from eelsmap.plot.quality_page import HEIGHT, LEFT, LINE_HEIGHT, RIGHT, Page, new_page, wrapped
from eelsmap.plot.report_answers import answers_height, draw_answers
from eelsmap.plot.report_panels import MOST_MAPS, draw_panels, grid_in, signs_of
from eelsmap.plot.report_table import draw_table, report_figures, table_height
from eelsmap.plot.report_words import accuracy_words, found_words, made_words
from eelsmap.plot.style import MUTED

if TYPE_CHECKING:
    from eelsmap.mapping.planned_image import PlannedImage
    from eelsmap.mapping.property_maps import PropertyMaps

__all__ = ["plot_report"]

_HEAD, _FOOT = 1.42, 0.3
_SUBJECT, _GAP = 0.82, 0.04
_BELOW_HEADING = 0.22
_QUALITY = ("counts", "novelty")
_LEAST_MAPS = 3.4
_MOST_LINES = 9

Sentences = list[tuple[str, list[str]]]


def plot_report(maps: PropertyMaps, /, *, image: PlannedImage | None = None, title: str = "") -> Figure:
    """Draw one page (A4) that reports a run.

    Parameters
    ----------
    maps
        The maps; lazy ones are computed. Up to two axes.
    image
        The planned image that they were made from, which knows its metadata as well; None for maps from a file.
    title
        Title of the page; by default that of the spectrum image, or the name of its file.

    Returns
    -------
    matplotlib.figure.Figure
        Needs no screen; ``figure.savefig("report.pdf")``.

    Raises
    ------
    ValueError
        If the maps have more than two axes.
    """
    if len(maps.shape) > 2:
        raise ValueError(
            f"the maps have {len(maps.shape)} axes, and a page shows one or two; report a slice of the spectrum image, "
            "such as signal.inav[:, :, 0]"
        )
    maps.compute(progress=False)
    if maps.shape and layout_of(maps.shape) == "number":
        # One pixel is one spectrum, however many axes it has.
        stack = np.array([maps.array(name).item() for name in maps], dtype=np.float32)
        maps = type(maps)(stack, list(maps), [], maps.provenance)
    page = new_page()
    _draw_head(page, maps, title)
    provenance = maps.provenance
    accuracy = wrapped(accuracy_words(provenance), RIGHT - LEFT - 0.6)
    middle = max(table_height(maps), answers_height(maps))
    room = HEIGHT - _FOOT - _HEAD - middle - 0.2 - LINE_HEIGHT * len(accuracy)
    half = (RIGHT - LEFT - 0.3) / 2 - _SUBJECT
    for most in range(_MOST_LINES, 0, -1):
        found, made = (
            [(subject, wrapped(words, half, most=most)) for subject, words in said]
            for said in (found_words(provenance, image), made_words(provenance))
        )
        below = max(_height_of(found), _height_of(made))
        if room - below >= _LEAST_MAPS:
            break
    names = maps.main[:MOST_MAPS]
    heading = "Maps" if maps.shape else "Spectrum"
    if len(maps.main) > len(names):
        heading += f" (the first {len(names)} of {len(maps.main)})"
    page.heading(_HEAD, heading)
    page.text(RIGHT, _HEAD + 0.13, signs_of(maps), 6.5, MUTED, right=True)
    begin = _HEAD + _BELOW_HEADING
    grid = grid_in(maps, len(names), room - below - _BELOW_HEADING)
    # What is left of the last row shows the quality of the data.
    spare = grid.rows * grid.columns - len(names) if maps.shape else 0
    names += [name for name in _QUALITY if name in maps and name not in names][:spare]
    draw_panels(page, maps, names, grid, begin)
    top = begin + grid.total + 0.08
    draw_table(page, maps, top)
    draw_answers(page, maps, top)
    top += middle
    _draw_words(page, "What was found and done", found, LEFT, LEFT + (RIGHT - LEFT) / 2 - 0.15, top)
    _draw_words(page, "Where the maps come from", made, LEFT + (RIGHT - LEFT) / 2 + 0.15, RIGHT, top)
    top += below
    for line in accuracy:
        page.text(LEFT, top + 0.1, line, bold=True)
        top += LINE_HEIGHT
    return page.figure


def _draw_head(page: Page, maps: PropertyMaps, title: str) -> None:
    """Write the title, what was mapped, and the key figures."""
    provenance = maps.provenance
    source = str((provenance.get("source") or {}).get("file", ""))
    heading = title or str(provenance.get("title", "")) or source or "Property maps"
    page.text(LEFT, 0.42, textwrap.shorten(heading, 70, placeholder=" …"), 13, bold=True)
    parts = [textwrap.shorten(source, 60, placeholder=" …"), _size_words(maps), str(provenance.get("time", ""))[:10]]
    page.text(LEFT, 0.65, " · ".join(part for part in parts if part), 8, MUTED)
    figures = report_figures(maps)
    pitch = (RIGHT - LEFT) / max(len(figures), 4)
    for number, (value, label) in enumerate(figures):
        page.text(LEFT + number * pitch, 0.97, value, 13, bold=True)
        for line, said in enumerate(textwrap.wrap(label, 24)):
            page.text(LEFT + number * pitch, 1.15 + 0.115 * line, said, 7, MUTED)


def _size_words(maps: PropertyMaps) -> str:
    """Say how many pixels there are, and how large the field is."""
    if not maps.shape:
        return "one spectrum"
    size = " × ".join(map(str, maps.shape)) + " pixels"
    units = {axis["units"] for axis in maps.axes}
    if units == {""} or len(units) > 1:
        return size
    field = " × ".join(f"{axis['size'] * abs(axis['scale']):.3g}" for axis in maps.axes)
    return f"{size}, {field} {units.pop()}"


def _height_of(sentences: Sentences) -> float:
    """Height that :func:`_draw_words` needs, inches."""
    return 0.36 + sum(LINE_HEIGHT * len(lines) + _GAP for _subject, lines in sentences)


def _draw_words(page: Page, heading: str, sentences: Sentences, left: float, right: float, top: float) -> None:
    """Write subjects and sentences."""
    page.heading(top, heading, left=left, right=right)
    at = top + 0.36
    for subject, lines in sentences:
        page.text(left, at, subject, colour=MUTED, bold=True)
        for line in lines:
            page.text(left + _SUBJECT, at, line)
            at += LINE_HEIGHT
        at += _GAP
