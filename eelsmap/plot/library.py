"""One page on a spectral library: its spectra by lithium and valence, its trends, and how many records it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eelsmap.library.labels import METALS
from eelsmap.library.summary import (
    SPIN_ORBIT_EV,
    TOTAL_END_EV,
    ion_spectra,
    pre_edge_end,
    pre_edge_share,
    pristine_rows,
    structure_counts,
    white_line_ratio,
)
from eelsmap.plot.style import INK, LINE, MUTED, ROWS, new_figure, titled_axes

if TYPE_CHECKING:
    from eelsmap.library import Library

__all__ = ["plot_library"]

_LITHIUM = (-0.001, 0.125, 0.375, 0.625, 0.875, 1.001)
_LITHIUM_WORDS = ("0", "1/4", "1/2", "3/4", "1")
_VALENCE_COLOUR = {2: ROWS[0], 3: ROWS[1], 4: ROWS[2]}
_ORIGINS = {"calculated": ("o", ROWS[0]), "surrogate": ("x", ROWS[1]), "imported": ("^", ROWS[2])}
_WINDOW = {"Mn": (635, 665), "Co": (773, 806), "Ni": (848, 882)}
_SPREAD = 0.18
_SIMULATED = "Simulated, intrinsic spectra (lifetime broadening only)"


def plot_library(library: Library, /, *, title: str = "") -> Figure:
    """Draw a library on one page.

    Parameters
    ----------
    library
        The library.
    title
        Title of the figure; the library's name and size when empty.

    Returns
    -------
    matplotlib.figure.Figure
        Needs no screen. Panels for which the library holds nothing say so.
    """
    end = f"the gap at {pre_edge_end(library):.1f} eV" if "O_K" in library.grids else "the gap"
    made = "Imported spectra" if set(library.origin.tolist()) == {"imported"} else _SIMULATED
    over = "sites of an ion" if library.structures else "structures or specimens, mean valence to the nearest number"
    footer = [
        f"{made}, per atom, in units of the edge step. O K: mean of pristine layered structures, lithium to the "
        f"nearest quarter. L2,3: mean over the {over}; band: standard deviation. Pre-edge share: O K area below {end} "
        f"of that below {TOTAL_END_EV:g} eV.",
        f"Library {library.name} {library.version}.",
    ]
    figure, body = new_figure(12.2, 5.9, footer, title=title or f"Library {library.name} {library.version}")
    rows = body.add_gridspec(2, 1)
    above = rows[0].subgridspec(1, 4, width_ratios=[1.15, 1, 1, 1])
    below = rows[1].subgridspec(1, 3, width_ratios=[1.15, 1.15, 1.6])
    _oxygen(body.add_subplot(above[0]), library)
    for column, element in enumerate(METALS, start=1):
        _lines(body.add_subplot(above[column]), library, element)
    _trend(body.add_subplot(below[0]), library)
    _ratios(body.add_subplot(below[1]), library)
    _counts(body.add_subplot(below[2]), library)
    return figure


def _nothing(axes: Axes, text: str) -> None:
    """Say why a panel is empty."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=8, color=MUTED)
    axes.set(xticks=[], yticks=[])


def _oxygen(axes: Axes, library: Library) -> None:
    """Mean O K spectra by lithium content."""
    titled_axes(axes, "O K by lithium content", "energy loss (eV)", "edge step")
    rows = pristine_rows(library)
    if not np.isfinite(library.labels["li_content"][rows]).any():
        _nothing(axes, "no pristine layered structure\nof known lithium with an O K spectrum")
        return
    level = np.digitize(library.labels["li_content"][rows], _LITHIUM) - 1
    for number, words in enumerate(_LITHIUM_WORDS):
        own = rows[level == number]
        if own.size:
            colour = colormaps["viridis"](0.92 * number / 4)
            mean = library.spectra["O_K"][own].mean(axis=0)
            axes.plot(library.grids["O_K"], mean, color=colour, linewidth=1.2, label=f"Li {words} ({own.size})")
    axes.set_xlim(525, 556)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=7, labelcolor=INK, handlelength=1.2, loc="upper right")


def _lines(axes: Axes, library: Library, element: str) -> None:
    """Mean site spectra of the ions of one metal."""
    titled_axes(axes, f"{element} L2,3 by oxidation state", "energy loss (eV)", "")
    found = ion_spectra(library, element)
    if not found:
        _nothing(axes, f"no {element} of known valence")
        return
    energy = library.grids[f"{element}_L"]
    for valence, spectra in found.items():
        mean, spread = spectra.mean(axis=0), spectra.std(axis=0)
        colour = _VALENCE_COLOUR.get(valence, MUTED)
        axes.fill_between(energy, mean - spread, mean + spread, color=colour, alpha=0.2, linewidth=0)
        axes.plot(energy, mean, color=colour, linewidth=1.2, label=f"{element}{valence}+ ({len(spectra)})")
    axes.set_xlim(*_WINDOW[element])
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=7, labelcolor=INK, handlelength=1.2, loc="upper right")


def _trend(axes: Axes, library: Library) -> None:
    """Pre-edge share of pristine structures against lithium."""
    titled_axes(axes, "O K pre-edge against lithium", "Li per site of the metal layers", "pre-edge share")
    text = []
    for origin, (marker, colour) in _ORIGINS.items():
        rows = pristine_rows(library, origin)
        rows = rows[np.isfinite(library.labels["li_content"][rows])]
        if not rows.size:
            continue
        content, share = library.labels["li_content"][rows], pre_edge_share(library, rows)
        shown = {"markeredgewidth": 0.9} if marker == "x" else {"markerfacecolor": "none", "markeredgewidth": 0.8}
        label = f"{origin} ({rows.size})"
        if rows.size > 2 and np.ptp(content) > 0:
            label += f", r = {np.corrcoef(content, share)[0, 1]:.3f}"
        axes.plot(content, share, linestyle="none", marker=marker, markersize=3.6, color=colour, label=label, **shown)
        text.append(label)
    if not text:
        _nothing(axes, "no pristine layered structure\nof known lithium with an O K spectrum")
        return
    axes.legend(frameon=False, fontsize=7, labelcolor=INK, handletextpad=0.2, loc="upper right")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.2 * (high - low))


def _ratios(axes: Axes, library: Library) -> None:
    """L3/L2 of the sites of every ion."""
    titled_axes(axes, "L3/L2 of every ion", "", "ratio of white-line areas")
    names: list[str] = []
    random = np.random.default_rng(0)
    for element in METALS:
        energy = library.grids.get(f"{element}_L", np.zeros(0))
        for valence, spectra in ion_spectra(library, element).items():
            chosen = spectra[random.permutation(len(spectra))[:200]]
            ratio = np.array([white_line_ratio(row, energy, SPIN_ORBIT_EV[element]) for row in chosen])
            place = len(names)
            colour = _VALENCE_COLOUR.get(valence, MUTED)
            jitter = random.uniform(-_SPREAD, _SPREAD, ratio.size)
            axes.plot(place + jitter, ratio, linestyle="none", marker="o", markersize=1.6, color=colour, alpha=0.35)
            axes.plot([place - 0.3, place + 0.3], [ratio.mean()] * 2, color=INK, linewidth=1.2)
            names.append(f"{element}{valence}+")
    if not names:
        _nothing(axes, "no ion of known valence")
        return
    axes.set_xticks(range(len(names)), names, rotation=60)
    axes.grid(axis="y", color=LINE, linewidth=0.4, alpha=0.6)
    axes.set_ylim(0, 1.08 * axes.get_ylim()[1])


def _counts(axes: Axes, library: Library) -> None:
    """Structures by phase and kind, split by origin; the share that tests is written beside."""
    environments = int((library.kind == "environment").sum())
    titled_axes(axes, "Structures", f"structures (and {environments} environments of one oxygen each)", "")
    counts = structure_counts(library)
    groups = sorted({(phase, kind) for phase, kind, _, _ in counts}, reverse=True)
    names = [phase if kind == "reference" else f"{phase}, {kind}" for phase, kind in groups]
    left = np.zeros(len(groups))
    for origin, (_, colour) in _ORIGINS.items():
        width = np.array(
            [sum(n for key, n in counts.items() if (key[0], key[1], key[3]) == (*group, origin)) for group in groups]
        )
        if width.any():
            axes.barh(names, width, left=left, color=colour, alpha=0.8, height=0.62, label=f"{origin} ({width.sum()})")
            left += width
    for place, group in enumerate(groups):
        test = sum(n for key, n in counts.items() if key[:2] == group and key[2] == "test")
        text = f"{left[place]:.0f}" + (f", {test} of them test" if test else "")
        axes.text(left[place], place, f" {text}", va="center", fontsize=7.5, color=MUTED)
    axes.set_xlim(0, 1.35 * left.max())
    axes.tick_params(axis="y", labelcolor=INK)
    axes.legend(frameon=False, fontsize=7, labelcolor=INK, loc="lower right")
