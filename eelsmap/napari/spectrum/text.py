"""What the spectrum view says in words and numbers: for its table, the clipboard and files. No Qt here."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import numpy as np

from eelsmap.mapping.map_names import map_info
from eelsmap.mapping.pixel_edges import EdgeView
from eelsmap.mapping.pixel_view import PixelView, PropertyValue

__all__ = [
    "explained_words",
    "flag_words",
    "nearest_words",
    "shown_properties",
    "spectra_csv",
    "value_words",
    "values_tsv",
]

_MINUS = "\N{MINUS SIGN}"


def shown_properties(views: Sequence[PixelView]) -> list[str]:
    """Properties that at least one of the views has an answer for, in the order of the first that has them."""
    return list(dict.fromkeys(name for view in views for name in view.values))


def value_words(value: PropertyValue | None) -> str:
    """Write a value with its interval; a dash where there is no answer."""
    if value is None or not np.isfinite(value.value):
        return "\N{EN DASH}"
    return f"{value.value:.2f} ({value.lower:.2f} to {value.upper:.2f})".replace("-", _MINUS)


def flag_words(views: Sequence[PixelView]) -> str:
    """Write what is to be said of each view, one line each; empty where nothing is."""
    several = len(views) > 1
    lines = []
    for view in views:
        said = list(view.flags)
        if said:
            words = "; ".join(said)
            # The name of a file may come first, which stays as it is.
            plain = words.split(maxsplit=1)[0].isalpha()
            lines.append(
                f"{view.label}: {words}" if several else (words[:1].upper() if plain else words[:1]) + words[1:]
            )
    return "\n".join(lines)


def explained_words(view: PixelView) -> str:
    """Say what the colours of the edges mean for a view; empty where nothing is explained."""
    pushes = view.pushes
    if pushes is None:
        return ""
    edges = ", ".join(
        f"{name.replace('_', ' ')} {float(value[0]):+.2f}".replace("-", _MINUS)
        for name, value in pushes.by_edge().items()
        if np.any(value)
    )
    return (
        f"{map_info(pushes.target).label}: usually {pushes.base:.2f}, here {float(pushes.value[0]):.2f} "
        f"{pushes.unit}; edges push {edges}"
    )


def nearest_words(edge: EdgeView) -> str:
    """Say which simulated spectra an edge looks most like, one line each; why none where there is none."""
    name = edge.name.replace("_", " ")
    if not edge.seen:
        return f"{name}: {edge.words}"
    if not edge.nearest:
        return f"{name}: no library to compare with"
    lines = [
        f"{near.name}, at a resolution of {near.fwhm:g} eV, {100 * near.distance / 2:.1f} % of the area differs"
        for near in edge.nearest
    ]
    return "\n".join([f"{name}, nearest simulated spectra:", *lines])


def values_tsv(views: Sequence[PixelView]) -> str:
    """Table of all views for the clipboard: one row a property, tabs between columns."""
    rows = [["property", "unit", *(f"{view.label}{part}" for view in views for part in ("", " lower", " upper"))]]
    for name in shown_properties(views):
        info = map_info(name)
        row = [info.label, info.unit]
        for view in views:
            value = view.values.get(name)
            row += ["", "", ""] if value is None else [f"{number:.4g}" for number in value]
        rows.append(row)
    rows.append(["remarks", "", *(part for view in views for part in ("; ".join(view.flags), "", ""))])
    return "\n".join("\t".join(row) for row in rows) + "\n"


def spectra_csv(views: Sequence[PixelView]) -> str:
    """Spectra of all views as comma-separated text: one row a channel, with the background where one was fitted."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["spectrum", "energy_eV", "counts", "edge", "background"])
    for view in views:
        under: dict[int, tuple[str, float]] = {}
        for edge in view.edges.values():
            places = np.searchsorted(view.energy, edge.energy)
            for place, counts in zip(places.tolist(), edge.background.tolist(), strict=True):
                under[place] = (edge.name, counts)
        for place, (energy, counts) in enumerate(zip(view.energy.tolist(), view.counts.tolist(), strict=True)):
            name, background = under.get(place, ("", float("nan")))
            known = f"{background:.6g}" if np.isfinite(background) else ""
            writer.writerow([view.label, f"{energy:.6g}", f"{counts:.8g}", name, known])
    return text.getvalue()
