"""A sheet of paper on which text and axes are placed in inches from the left and from the top."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from eelsmap.plot.style import INK, LINE

__all__ = ["HEIGHT", "LEFT", "LINE_HEIGHT", "MOST_LINES", "RIGHT", "Page", "new_page", "wrapped"]

WIDTH, HEIGHT = 8.27, 11.69
"""A4, inches."""
LEFT, RIGHT = 0.5, 7.85
"""Ends of what stands on the page, inches from its left."""
LINE_HEIGHT = 0.142
"""Distance of two lines of small text, inches."""

MOST_LINES = 9
"""Lines of one sentence."""

_SMALL = 7.5
_CHARACTERS_PER_INCH = 17.5


@dataclass(frozen=True)
class Page:
    """A figure as a page.

    Parameters
    ----------
    figure
        A figure of A4.
    """

    figure: Figure

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Add axes."""
        return self.figure.add_axes(_box(left, top, width, height))

    def move(self, axes: Axes, left: float, top: float, width: float, height: float) -> None:
        """Move axes."""
        axes.set_position(_box(left, top, width, height))

    def text(
        self, left: float, top: float, words: str, size: float = _SMALL, colour: str = INK, *, bold: bool = False,
        right: bool = False,
    ) -> None:  # fmt: skip
        """Write one line, whose middle lies at `top`, from `left` on or up to it."""
        self.figure.text(
            left / WIDTH, 1 - top / HEIGHT, words, fontsize=size, color=colour, va="center",
            ha="right" if right else "left", fontweight="bold" if bold else "normal",
        )  # fmt: skip

    def heading(self, top: float, words: str, left: float = LEFT, right: float = RIGHT) -> None:
        """Write the title of a part below a hairline."""
        level = 1 - top / HEIGHT
        self.figure.add_artist(Line2D([left / WIDTH, right / WIDTH], [level, level], color=LINE, linewidth=0.7))
        self.text(left, top + 0.13, words, 9.5, bold=True)

    def swatch(self, left: float, top: float, colour: str) -> None:
        """Draw a small patch of colour."""
        patch = Rectangle((0, 0), 1, 1, facecolor=colour, edgecolor="#9aa1ab", linewidth=0.4)
        x, y, width, height = _box(left, top - 0.05, 0.13, 0.1)
        patch.set(xy=(x, y), width=width, height=height, transform=self.figure.transFigure)
        self.figure.add_artist(patch)

    def legend(self, top: float, entries: Sequence[Artist]) -> None:
        """Explain artists in one row."""
        self.figure.legend(
            handles=list(entries), loc="upper left", bbox_to_anchor=(LEFT / WIDTH, 1 - top / HEIGHT),
            ncols=len(entries), frameon=False, fontsize=7, labelcolor=INK, handlelength=1.6, columnspacing=1.5,
            borderpad=0, borderaxespad=0,
        )  # fmt: skip


def new_page() -> Page:
    """Make an empty page that needs no screen."""
    figure = Figure(figsize=(WIDTH, HEIGHT), facecolor="white")
    FigureCanvasAgg(figure)
    return Page(figure)


def wrapped(words: str, width: float, /, *, most: int = MOST_LINES) -> list[str]:
    """Break a text into at most so many lines of a width in inches; what is left out becomes an ellipsis."""
    return textwrap.wrap(words, int(width * _CHARACTERS_PER_INCH), max_lines=most, placeholder=" …")


def _box(left: float, top: float, width: float, height: float) -> tuple[float, float, float, float]:
    """Left, bottom, width and height in parts of the page."""
    return left / WIDTH, 1 - (top + height) / HEIGHT, width / WIDTH, height / HEIGHT
