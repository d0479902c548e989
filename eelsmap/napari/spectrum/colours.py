"""Colours of the spectrum view, from napari's theme. No Qt here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["MARKS", "SpectrumColours", "spectrum_colours"]

MARKS = ("#1fa187", "#e0559a", "#d9a404", "#9b7fe0", "#6fae2e", "#b5763a", "#3d9fd3", "#d9584a")
"""Colours of pinned pixels and regions, in the order in which they are given away; readable on light and dark."""

_DARK_ENOUGH = 0.5


@dataclass(frozen=True)
class SpectrumColours:
    """Colours as ``#rrggbb``.

    Parameters
    ----------
    ground
        Behind the plots.
    ink
        Text, and the spectrum under the pointer.
    muted
        Axes and what is less important.
    faint
        Lines of the nearest library spectra.
    background_window, edge_window
        Fill of the energies where a background is fitted, and of an edge.
    raises, lowers
        Energies that push the answer up and down.
    """

    ground: str
    ink: str
    muted: str
    faint: str
    background_window: str
    edge_window: str
    raises: str
    lowers: str

    def of(self, colour: str) -> str:
        """Return a colour as it is, or the ink where none was given."""
        return colour or self.ink


def spectrum_colours(theme: Any) -> SpectrumColours:
    """Take colours from a theme of napari: something with ``background``, ``text`` and ``icon``."""
    ground, ink, icon = (_hex(getattr(theme, name)) for name in ("background", "text", "icon"))
    dark = _lightness(ground) < _DARK_ENOUGH
    return SpectrumColours(
        ground,
        ink,
        _between(ground, icon, 0.8),
        _between(ground, ink, 0.45),
        _between(ground, "#d9a404", 0.28),
        _between(ground, "#3d7fc9", 0.28),
        "#ff8a3c" if dark else "#c2571a",
        "#4f9bea" if dark else "#0b5394",
    )


def _hex(colour: Any) -> str:
    """Write a colour of a theme as ``#rrggbb``."""
    return str(colour.as_hex("long"))[:7] if hasattr(colour, "as_hex") else str(colour)


def _parts(colour: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _lightness(colour: str) -> float:
    """How light a colour looks, 0 to 1."""
    red, green, blue = _parts(colour)
    return (0.299 * red + 0.587 * green + 0.114 * blue) / 255


def _between(start: str, end: str, share: float) -> str:
    """Mix two colours."""
    mixed = (round((1 - share) * a + share * b) for a, b in zip(_parts(start), _parts(end), strict=True))
    return "#{:02x}{:02x}{:02x}".format(*mixed)
