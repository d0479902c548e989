"""Colours of trends, from napari's theme."""

from __future__ import annotations

from dataclasses import dataclass

from napari.utils.theme import get_theme
from qtpy.QtGui import QColor

from eelsmap.napari.spectrum.colours import spectrum_colours

__all__ = ["PlotColours", "plot_colours"]

_ON_LIGHT = ("#0b5394", "#b5480f", "#2e7d4f", "#6f4fa0", "#7a5c00", "#00717f", "#a3195b", "#4d4d4d")
_ON_DARK = ("#6db3f2", "#f39c6b", "#7ccf9b", "#bda0ec", "#dcc05a", "#5cc8d6", "#f08db8", "#c8c8c8")
_BAD_ON_LIGHT, _BAD_ON_DARK = "#b00020", "#ff6b6b"
_MIDDLE = 128


@dataclass(frozen=True)
class PlotColours:
    """Colours as Qt takes them.

    Parameters
    ----------
    background, text, muted
        Of the theme: behind everything, words, and axes.
    lines
        Told apart from each other and from the background.
    bad
        For what went wrong.
    """

    background: str
    text: str
    muted: str
    lines: tuple[str, ...]
    bad: str

    def line(self, number: int) -> str:
        """Colour of a line by its number; they start over after the last."""
        return self.lines[number % len(self.lines)]


def plot_colours(theme: str) -> PlotColours:
    """Take the colours of one of napari's themes by its name, also of one that a user made."""
    of_theme = spectrum_colours(get_theme(theme))
    dark = QColor(of_theme.ground).lightness() < _MIDDLE
    lines, bad = (_ON_DARK, _BAD_ON_DARK) if dark else (_ON_LIGHT, _BAD_ON_LIGHT)
    return PlotColours(of_theme.ground, of_theme.ink, of_theme.muted, lines, bad)
