"""One page that says how far a spectrum image can be trusted: spectrum, maps, reasons, and what was done, in words."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from eelsmap.plot.layout import layout_of
from eelsmap.plot.quality_grid import draw_grid, grid_height
from eelsmap.plot.quality_numbers import key_figures
from eelsmap.plot.quality_page import HEIGHT, LEFT, LINE_HEIGHT, MOST_LINES, RIGHT, Page, new_page, wrapped
from eelsmap.plot.quality_panels import draw_categories
from eelsmap.plot.quality_spectrum import draw_spectrum
from eelsmap.plot.quality_words import kinds_of, quality_words, reasons_of, sorted_pixels
from eelsmap.plot.style import MUTED

if TYPE_CHECKING:
    from eelsmap.mapping.planned_image import PlannedImage
    from eelsmap.mapping.property_maps import PropertyMaps

__all__ = ["plot_quality"]

_HEAD, _FOOT = 1.42, 0.42
_INSET = 0.95
_SPECTRUM = (1.4, 3.0)
_BELOW_SPECTRUM = 0.43
_LEGEND_ROW, _SECOND_AXIS = 0.17, 0.3
# Left edge of map, of reasons and of sentences, width of reasons and height of the map, inches.
_COLUMNS = {
    "image": (LEFT, 2.2, 4.8, 1.9, 1.5),
    "profile": (LEFT, LEFT, 3.75, 2.3, 0.36),
    "number": (LEFT, LEFT, 3.75, 2.3, 0.0),
}
_SUBJECT, _NUMBER = 0.88, 0.56
_GAP = 0.05
_MOST_WORDS = 4.0


def plot_quality(image: PlannedImage, maps: PropertyMaps, /, *, title: str | None = None) -> Figure:
    """Draw one page (A4) on the quality of a spectrum image.

    Parameters
    ----------
    image
        The planned image, from :func:`eelsmap.mapping.plan_signal`.
    maps
        Its quality maps, from :func:`eelsmap.mapping.quality_maps.quality_of_image`; lazy ones are computed.
    title
        Title of the page; by default the title or the file of the image.

    Returns
    -------
    matplotlib.figure.Figure
        Needs no screen.

    Raises
    ------
    ValueError
        If the image has more than two navigation axes.
    """
    if len(maps.shape) > 2:
        raise ValueError(f"the image has {len(maps.shape)} navigation axes; a page shows a slice with one or two")
    maps.compute(progress=False)
    page = new_page()
    _draw_head(page, image, maps, title)
    page.heading(_HEAD, f"{'Mean spectrum' if maps.shape else 'Spectrum'} and what was found in it")
    axes = page.axes(_INSET, 2.0, RIGHT - _INSET, _SPECTRUM[0])
    legends = [entries for entries in draw_spectrum(axes, image) if entries]
    begin = _HEAD + 0.36 + _LEGEND_ROW * len(legends) + (_SECOND_AXIS if axes.child_axes else 0.0)
    sentences = _sentences(image, maps)
    below = max(_reasons_height(maps), _height_of(sentences))
    room = HEIGHT - _FOOT - below - begin - _BELOW_SPECTRUM
    rows, height = grid_height(room - _SPECTRUM[0], maps)
    spectrum = float(np.clip(room - rows, *_SPECTRUM))
    page.move(axes, _INSET, begin, RIGHT - _INSET, spectrum)
    for number, entries in enumerate(legends):
        page.legend(_HEAD + 0.28 + _LEGEND_ROW * number, entries)
    top = begin + spectrum + _BELOW_SPECTRUM
    draw_grid(page, image, maps, top, height)
    _draw_reasons(page, maps, top + rows)
    _draw_words(page, sentences, _COLUMNS[layout_of(maps.shape)][2], top + rows)
    _draw_source(page, maps)
    return page.figure


def _draw_head(page: Page, image: PlannedImage, maps: PropertyMaps, title: str | None) -> None:
    """Write the title, what the image is, and the key figures."""
    provenance, energy = maps.provenance, image.plan.energy
    source = str(provenance.get("source", {}).get("file", ""))
    heading = title if title is not None else str(provenance.get("title", "")) or source or "spectrum image"
    page.text(LEFT, 0.42, textwrap.shorten(heading, 70, placeholder=" …"), 13, bold=True)
    size = " × ".join(map(str, maps.shape)) + " pixels" if maps.shape else "one spectrum"
    step = (energy[-1] - energy[0]) / (energy.size - 1)
    held = f"{energy[0]:.1f} to {energy[-1]:.1f} eV, {step:.3g} eV a channel".replace("-", "\N{MINUS SIGN}")
    parts = [textwrap.shorten(source, 60, placeholder=" …"), size, held]
    page.text(LEFT, 0.65, " · ".join(part for part in parts if part), 8, MUTED)
    figures = key_figures(image, maps)
    pitch = (RIGHT - LEFT) / len(figures)
    for number, (value, label) in enumerate(figures):
        page.text(LEFT + number * pitch, 0.97, value, 14, bold=True)
        for line, said in enumerate(textwrap.wrap(label, 24)):
            page.text(LEFT + number * pitch, 1.15 + 0.115 * line, said, 7, MUTED)


def _reasons_height(maps: PropertyMaps) -> float:
    """Height that :func:`_draw_reasons` needs, inches."""
    layout = layout_of(maps.shape)
    *_rest, width, height = _COLUMNS[layout]
    reasons = reasons_of(maps)
    lines = len(kinds_of(maps)) + sum(len(wrapped(words, width)) for _pixels, words, _colour in reasons)
    text = 0.36 + LINE_HEIGHT * (lines + bool(reasons)) + 2 * _GAP
    if layout == "image":
        return max(text, 0.3 + height + 0.2)
    return text + (height + 0.1 if height else 0.0)


def _draw_reasons(page: Page, maps: PropertyMaps, top: float) -> None:
    """Draw the kind of every pixel, and write the reasons with their numbers."""
    layout = layout_of(maps.shape)
    left, at_left, sentences, width, height = _COLUMNS[layout]
    page.heading(top, "Answers", right=sentences - 0.25)
    at = top + 0.36
    if height:
        axes = page.axes(left, top + 0.29, 1.5 if layout == "image" else sentences - 0.25 - left, height)
        draw_categories(axes, sorted_pixels(maps), maps)
        at += 0.0 if layout == "image" else height + 0.1
    for pixels, label, colour in kinds_of(maps):
        page.swatch(at_left, at, colour)
        page.text(at_left + _NUMBER, at, str(pixels), bold=True, right=True)
        page.text(at_left + _NUMBER + 0.06, at, label, bold=True)
        at += LINE_HEIGHT
    at += _GAP
    reasons = reasons_of(maps)
    if reasons:
        page.text(at_left, at, "because (a pixel may have several reasons)", colour=MUTED)
        at += LINE_HEIGHT
    for pixels, words, colour in reasons:
        if colour:
            page.swatch(at_left, at, colour)
        page.text(at_left + _NUMBER, at, str(pixels) if colour else "all", right=True)
        for line in wrapped(words, width):
            page.text(at_left + _NUMBER + 0.06, at, line)
            at += LINE_HEIGHT


def _sentences(image: PlannedImage, maps: PropertyMaps) -> list[tuple[str, list[str]]]:
    """Subjects and lines of what is said in words; the longest sentences are cut until all of them have room."""
    width = RIGHT - _COLUMNS[layout_of(maps.shape)][2] - _SUBJECT
    said = quality_words(image, maps)
    for most in range(MOST_LINES, 0, -1):
        lines = [(subject, wrapped(words, width, most=most)) for subject, words in said]
        if _height_of(lines) <= _MOST_WORDS:
            break
    return lines


def _height_of(sentences: list[tuple[str, list[str]]]) -> float:
    """Height that :func:`_draw_words` needs, inches."""
    return 0.36 + sum(LINE_HEIGHT * len(lines) + _GAP for _subject, lines in sentences)


def _draw_words(page: Page, sentences: list[tuple[str, list[str]]], left: float, top: float) -> None:
    """Write what was found and done."""
    page.heading(top, "What was found and done", left=left)
    at = top + 0.36
    for subject, lines in sentences:
        page.text(left, at, subject, colour=MUTED, bold=True)
        for line in lines:
            page.text(left + _SUBJECT, at, line)
            at += LINE_HEIGHT
        at += _GAP


def _draw_source(page: Page, maps: PropertyMaps) -> None:
    """Write what made the page, and by which recipe, along the foot."""
    provenance = maps.provenance
    parts = [
        f"eelsmap {provenance.get('eelsmap_version', '')}".strip(),
        f"recipe {str(provenance['recipe_sha256'])[:8]}" if provenance.get("recipe_sha256") else "",
        str(provenance.get("time", ""))[:10],
        "measured on this image; no model was asked",
    ]
    page.text(LEFT, HEIGHT - 0.27, " · ".join(part for part in parts if part), 7, MUTED)
