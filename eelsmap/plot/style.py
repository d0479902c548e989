"""What all figures share: colours, sizes, titles, and the footer that says where the numbers come from."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from eelsmap.mapping.map_names import map_info

__all__ = [
    "BACKGROUND_WINDOW",
    "BAND",
    "EDGE_WINDOW",
    "INK",
    "LINE",
    "MUTED",
    "NO_ANSWER",
    "NO_ANSWER_HERE",
    "ROWS",
    "footer_text",
    "new_figure",
    "quiet_axes",
    "titled_axes",
    "write_footer",
]

INK = "#1f2328"
MUTED = "#5d6672"
LINE = "#c4c9d0"
NO_ANSWER = "#d9dce1"
"""Fill of pixels that have no answer at all."""
NO_ANSWER_HERE = "#eceef1"
"""Fill of pixels that have no answer for one property; hatched as well."""
BAND = 0.22
"""Opacity of an interval band."""
BACKGROUND_WINDOW, EDGE_WINDOW = "#f1d9a7", "#cfe0f1"
"""Fill of the energies where a background is fitted, and of an edge."""
ROWS = ("#0b5394", "#c2571a", "#2e7d4f")
"""Colours of the rows of a thin image; told apart by colour-blind readers too."""

_SMALL = 7.5
_LINE_HEIGHT = 0.155
_CHARACTERS_PER_INCH = 17.5


def new_figure(
    width: float, body: float, footer: Sequence[str], legend: Sequence[tuple[Artist, str]] = (), title: str = ""
) -> tuple[Figure, SubFigure]:
    """Make a figure of a body and, below it, a legend and footer that cannot run into it.

    Parameters
    ----------
    width, body
        Width of the figure and height of its body, inches.
    footer
        Sentences for the foot.
    legend
        Rectangle, line or text as the sign, and the words, of each entry; one line an entry, long ones wrapped.
    title
        Above the body.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The whole, with a canvas that needs no screen.
    body : matplotlib.figure.SubFigure
        Where the panels go; its layout is constrained.
    """
    columns = int(_CHARACTERS_PER_INCH * (width - 0.6))
    entries = [(artist, textwrap.wrap(text, columns - 8) or [""]) for artist, text in legend]
    lines = [line for sentence in footer for line in textwrap.wrap(sentence, columns)]
    count = sum(len(wrapped) for _artist, wrapped in entries) + len(lines)
    foot = _LINE_HEIGHT * count + (0.12 if entries else 0.0) + 0.24
    head = 0.38 if title else 0.0
    figure = Figure(figsize=(width, head + body + foot), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(w_pad=0.09, h_pad=0.07)  # type: ignore[call-arg]
    grid = figure.add_gridspec(3, 1, height_ratios=[max(head, 1e-3), body, foot])
    top, middle, bottom = (figure.add_subfigure(grid[row, 0]) for row in range(3))
    top.text(0.18 / width, 0.45, title, ha="left", va="center", fontsize=12, fontweight="bold", color=INK)
    _fill_foot(bottom, width, foot, entries, lines)
    return figure, middle


def footer_text(provenance: Mapping[str, Any]) -> list[str]:
    """Say which model made the maps, from what it learned, and what was done to the energy axis.

    Parameters
    ----------
    provenance
        As :attr:`eelsmap.PropertyMaps.provenance`; whatever it lacks is left out.

    Returns
    -------
    list of str
        Sentences.
    """
    model = provenance.get("model", {})
    name = " ".join(str(model[key]) for key in ("name", "version") if model.get(key))
    if model.get("sha256"):
        name += f" ({str(model['sha256'])[:8]})"
    sentences = []
    if name:
        sentences.append(f"Predicted by a model trained on simulated spectra: {name}. Lithium is inferred, not seen.")
    if "classical" in provenance:
        sentences.append(
            "Read from the edges without a model; errors are one standard deviation by counts and background. Cross "
            f"sections: {provenance['classical'].get('cross_sections', '')}."
        )
    measured = _measured_text(model.get("measured", {}))
    if measured:
        sentences.append(measured)
    message = provenance.get("axis", {}).get("message")
    if message:
        sentences.append(f"Energy axis: {message}")
    source = provenance.get("source", {}).get("file")
    made = [f"from {source}" if source else "", f"eelsmap {provenance.get('eelsmap_version', '')}".strip()]
    made.append(str(provenance.get("time", ""))[:10])
    sentences.append(" · ".join(part for part in made if part))
    return sentences


def _measured_text(measured: Mapping[str, Mapping[str, float]]) -> str:
    """Say how good the model was on simulated spectra of structures that it had not seen; empty without figures."""
    errors = [f"{map_info(name).label} {item['rmse']:.2f}" for name, item in measured.items() if "rmse" in item]
    areas = [f"{map_info(name).label} {item['auroc']:.2f}" for name, item in measured.items() if "auroc" in item]
    parts = [f"RMSE {', '.join(errors)}"] if errors else []
    parts += [f"AUROC {', '.join(areas)} (0.5 is guessing)"] if areas else []
    return f"On simulated spectra of unseen structures: {'; '.join(parts)}." if parts else ""


def quiet_axes(axes: Axes) -> None:
    """Light frame and small ticks."""
    axes.tick_params(labelsize=_SMALL, color=LINE, labelcolor=MUTED, length=2.5)
    for side, spine in axes.spines.items():
        spine.set_color(LINE)
        spine.set_visible(side in ("left", "bottom"))


def titled_axes(axes: Axes, title: str, x: str = "", y: str = "") -> None:
    """Title on the left, small words along the axes, light frame."""
    axes.set_title(title, loc="left", fontsize=9.5, fontweight="bold", color=INK, pad=5)
    axes.set_xlabel(x, fontsize=_SMALL, color=MUTED)
    axes.set_ylabel(y, fontsize=_SMALL, color=MUTED)
    quiet_axes(axes)


def write_footer(figure: SubFigure, x: float, y: float, text: str) -> None:
    """Write one small line."""
    figure.text(x, y, text, ha="left", va="center", fontsize=_SMALL, color=MUTED)


def _fill_foot(
    foot: SubFigure, width: float, height: float, entries: Sequence[tuple[Artist, list[str]]], lines: Sequence[str]
) -> None:
    """Place legend entries and footer lines at fixed distances from the top of the foot."""
    at = height - 0.12
    for artist, wrapped in entries:
        for number, line in enumerate(wrapped):
            if number == 0 and isinstance(artist, Rectangle):
                # In fractions like the words beside it: the layout may stretch the foot by its padding.
                artist.set_transform(foot.transSubfigure)
                artist.set(xy=(0.2 / width, (at - 0.05) / height), width=0.26 / width, height=0.1 / height)
                foot.add_artist(artist)
            elif number == 0 and isinstance(artist, Line2D):
                artist.set_transform(foot.transSubfigure)
                artist.set_data([0.2 / width, 0.46 / width], [at / height, at / height])
                foot.add_artist(artist)
            elif number == 0 and isinstance(artist, Text):
                foot.text(0.33 / width, at / height, artist.get_text(), ha="center", va="center", fontsize=9, color=INK)
            foot.text(0.56 / width, at / height, line, ha="left", va="center", fontsize=_SMALL, color=INK)
            at -= _LINE_HEIGHT
    at -= 0.12 if entries else 0.0
    for line in lines:
        write_footer(foot, 0.2 / width, at / height, line)
        at -= _LINE_HEIGHT
