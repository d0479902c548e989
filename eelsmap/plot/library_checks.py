"""Three checks of the physics of a library: Ni L3 on delithiation, vacancies and their metals, moments and valences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eelsmap.errors import LibraryError
from eelsmap.library.checks import NICKEL_L3_EV, ion_moments, nickel_centroids, vacancy_valences
from eelsmap.library.reference_ions import REFERENCE_MOMENTS
from eelsmap.plot.style import INK, MUTED, ROWS, new_figure, titled_axes

if TYPE_CHECKING:
    from eelsmap.library import Library

__all__ = ["plot_library_checks"]

_SPREAD = 0.25
_BESIDE, _OTHERS = ROWS[1], ROWS[0]


def plot_library_checks(library: Library, /) -> Figure:
    """Draw the checks of `eelsmap.library.checks`.

    Parameters
    ----------
    library
        A library with structures.

    Returns
    -------
    matplotlib.figure.Figure
        Needs no screen.

    Raises
    ------
    LibraryError
        The library holds no structures (imported spectra).
    """
    if not library.structures:
        raise LibraryError(f"library {library.name}: no structures in it, so its physics cannot be checked")
    low, high = NICKEL_L3_EV
    footer = [
        f"Simulated. Left: pristine layered structures, centroid from {low:g} to {high:g} eV; the positions of the "
        "ions are set, not calculated. Middle: layered structures of four metals and more with one oxygen missing, "
        "mean and standard deviation; line: complete ones by charge balance. Right: six-fold metals of structures "
        "without ambiguity by assigned ion; bars: the moments that the assignment takes for that ion, which were "
        "measured on these structures.",
        f"Library {library.name} {library.version}.",
    ]
    figure, body = new_figure(12.2, 3.3, footer, title="Checks of the physics of the library")
    panels = body.subplots(1, 3)
    _nickel(panels[0], library)
    _vacancies(panels[1], library)
    _moments(panels[2], library)
    return figure


def _nickel(axes: Axes, library: Library) -> None:
    """Centroid of the Ni L3 line against lithium."""
    lithium, centroid = nickel_centroids(library)
    titled_axes(axes, "Ni L3 moves up on delithiation", "Li per site of the metal layers", "centroid (eV)")
    label = f"{lithium.size} structures, r = {np.corrcoef(lithium, centroid)[0, 1]:.2f}"
    axes.plot(lithium, centroid, linestyle="none", marker="o", markersize=3, color=ROWS[0], alpha=0.5, label=label)
    axes.legend(frameon=False, fontsize=7, labelcolor=INK, handletextpad=0.2)


def _vacancies(axes: Axes, library: Library) -> None:
    """Mean valence beside and away from a vacancy against lithium."""
    found = vacancy_valences(library)
    titled_axes(axes, "A vacancy reduces its metals", "Li per site of the metal layers", "mean valence of the metals")
    ends = np.array([0.0, 1.0])
    axes.plot(ends, 4.0 - ends, color=MUTED, linewidth=0.9, label="complete structures")
    contents = np.unique(found.lithium)
    for values, colour, aside, label in (
        (found.others, _OTHERS, -0.008, "elsewhere"),
        (found.beside, _BESIDE, 0.008, "beside the vacancy"),
    ):
        own = [values[found.lithium == content] for content in contents]
        means, spread = [part.mean() for part in own], [part.std() for part in own]
        axes.errorbar(
            contents + aside,
            means,
            spread,
            linestyle="none",
            marker="o",
            markersize=4,
            color=colour,
            lw=0.9,
            label=label,
        )
    axes.legend(frameon=False, fontsize=7, labelcolor=INK, handletextpad=0.4, loc="lower left")


def _moments(axes: Axes, library: Library) -> None:
    """Moments by assigned ion."""
    found = ion_moments(library)
    titled_axes(axes, "Moments and valences agree", "", "CHGNet moment (Bohr magnetons)")
    random = np.random.default_rng(0)
    for place, (ion, values) in enumerate(found.items()):
        chosen = values[random.permutation(values.size)[:300]]
        jitter = random.uniform(-_SPREAD, _SPREAD, chosen.size)
        axes.plot(place + jitter, chosen, linestyle="none", marker="o", markersize=1.8, color=ROWS[0], alpha=0.35)
        reference = REFERENCE_MOMENTS[ion[:-1]][int(ion[-1])]
        axes.plot([place - 0.35, place + 0.35], [reference] * 2, color=INK, linewidth=1.2)
    axes.set_xticks(range(len(found)), [f"{ion}+" for ion in found], rotation=60)
    axes.set_ylim(bottom=0)
