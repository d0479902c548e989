"""The mean spectrum of an image with all that was found in it and decided by it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from eelsmap.plot.quality_numbers import thousands
from eelsmap.plot.style import BACKGROUND_WINDOW, EDGE_WINDOW, INK, LINE, MUTED, NO_ANSWER_HERE, ROWS, quiet_axes
from eelsmap.preprocess.coverage import why_not_covered
from eelsmap.preprocess.extraction import extract_edges

if TYPE_CHECKING:
    from eelsmap.mapping.planned_image import PlannedImage

__all__ = ["draw_spectrum"]

_BEFORE, _AFTER = 12.0, 24.0
_NAME_WIDTH = 13
_FAULT = "#b3261e"
_SAME = 1e-9


def draw_spectrum(axes: Axes, image: PlannedImage, /) -> tuple[list[Artist], list[Artist]]:
    """Draw the mean spectrum of the bright pixels over the recorded axis, weighted so that all edges can be seen.

    Counts are multiplied by (E / E0)^3, with E0 the first onset, which makes a background nearly flat.

    Parameters
    ----------
    axes
        Where to draw.
    image
        The planned image.

    Returns
    -------
    drawn, faults : list of matplotlib.artist.Artist
        Artists for a legend, with their labels; the second list is empty where the detector has no faults in sight.
    """
    plan, edges = image.plan, image.recipe.edge_set
    energy, onset = plan.energy, edges.edges[0].onset

    place = _places(image)
    low = place(0, edges.edges[0].background[0]) - _BEFORE
    high = place(len(edges) - 1, edges.edges[-1].near_edge[1]) + _AFTER
    inside = (energy >= low) & (energy <= high)
    factor, unit = thousands(plan.reference[inside] * (energy[inside] / onset) ** 3)

    def weighted(at: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
        return counts / factor * (at / onset) ** 3

    shown = weighted(energy[inside], plan.reference[inside])
    name = "mean of the bright pixels" if image.core.data.ndim > 1 else "the spectrum"
    (line,) = axes.plot(energy[inside], shown, color=INK, linewidth=0.8, label=name, zorder=3)
    axes.set_xlim(low, high)
    bottom, top = _limits(shown)
    axes.set_ylim(bottom, top)
    for start, stop in ((low, energy[0]), (energy[-1], high)):
        if stop > start:
            axes.axvspan(start, stop, facecolor=NO_ANSWER_HERE, edgecolor="#a3aab4", hatch="////", linewidth=0)
    _draw_backgrounds(axes, image, place, weighted)
    for index, edge in enumerate(edges):
        usual = plan.axis.usual(index, energy - plan.zero_loss)
        held = not why_not_covered(edge, usual, image.recipe)
        start, stop = plan.window(edge)
        spans = ((max(start, float(usual[0])), stop, BACKGROUND_WINDOW), (*edge.signal, EDGE_WINDOW)) if held else ()
        for first, last, colour in spans:
            axes.axvspan(place(index, first), place(index, last), color=colour, linewidth=0, alpha=0.75, zorder=0)
        _mark_edge(axes, image, index, held, place)
    drawn: list[Artist] = [
        line,
        Line2D([], [], color=ROWS[2], linewidth=1.1, linestyle="--", label="background"),
        Patch(facecolor=BACKGROUND_WINDOW, label="where it is fitted"),
        Patch(facecolor=EDGE_WINDOW, label="signal window"),
        Line2D([], [], color=ROWS[1], linewidth=1.0, label="first line of an edge (dashed: not found)"),
    ]
    faults = _draw_faults(axes, image, weighted)
    axes.set_xlabel("recorded energy loss (eV)", fontsize=7.5, color=MUTED, labelpad=2)
    axes.set_ylabel(f"{unit} counts".strip() + f"\n× (E / {onset:.0f} eV)³", fontsize=7.5, color=MUTED)
    quiet_axes(axes)
    axes.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 2, 5, 10]))
    _second_axis(axes, image)
    return drawn, faults


def _places(image: PlannedImage) -> Callable[[int, float], float]:
    """Where an energy of the usual scale lies on the recorded axis, by edge."""
    plan = image.plan
    return lambda index, usual: float(plan.axis.recorded(index, usual)) + plan.zero_loss


def _limits(shown: NDArray[np.float64]) -> tuple[float, float]:
    """Range of the spectrum with room above it for the names of the edges."""
    some = shown[np.isfinite(shown)]
    if not some.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(some, [0.1, 100]))
    span = (high - low) or abs(high) or 1.0
    return low - 0.08 * span, high + 0.3 * span


def _draw_backgrounds(axes: Axes, image: PlannedImage, place: Callable, weighted: Callable) -> None:
    """Draw the background of the mean spectrum below each edge, fitted as in a pixel."""
    # The mean is free of faults and noise already, and holds plural scattering.
    plan = replace(image.plan, faults=None, components=None, low_loss_energy=None)
    shift = np.array([plan.zero_loss]) if plan.zero_loss else None
    stack = extract_edges(plan.reference[None], plan, image.recipe, shift=shift, details=True)
    step = (plan.energy[-1] - plan.energy[0]) / (plan.energy.size - 1)
    for name, part in (stack.details or {}).items():
        if part.fit.failed[0]:
            continue
        index = image.recipe.edge_set.index(name)
        usual = np.linspace(part.boundaries[0], part.grid[-1], 80)
        recorded = np.array([place(index, value) for value in usual])
        counts = part.fit.density(usual)[0] * step * plan.axis.scale[index]
        axes.plot(recorded, weighted(recorded, counts), color=ROWS[2], linewidth=1.1, linestyle="--", zorder=4)


def _mark_edge(axes: Axes, image: PlannedImage, index: int, held: bool, place: Callable) -> None:
    """Mark where an edge was found, or where it would be, and name it."""
    plan, edge = image.plan, image.recipe.edge_set.edges[index]
    usual = edge.lines[0].energy
    location = plan.located.get(edge.name)
    at = place(index, usual) if location is None else usual + location.displacement
    axes.axvline(at, color=ROWS[1], linewidth=1.0, linestyle="--" if location is None else "-", zorder=2)
    second = "not found" if location is None else f"{round(location.displacement, 1) + 0.0:+.1f} eV"
    if not held:
        second = "too little of it on the axis" if plan.energy[0] < at < plan.energy[-1] else "not on the axis"
    above: dict[str, Any] = {
        "xycoords": axes.get_xaxis_transform(),
        "textcoords": "offset points",
        "va": "top",
        "zorder": 5,
    }
    second = "\n".join(textwrap.wrap(second, _NAME_WIDTH)).replace("-", "\N{MINUS SIGN}")
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.75}
    name = edge.name.replace("_", " ")
    axes.annotate(name, (at, 1), xytext=(3, -2), fontsize=8.5, fontweight="bold", color=ROWS[1], bbox=box, **above)
    axes.annotate(second, (at, 1), xytext=(3, -13), fontsize=7.5, color=MUTED, bbox=box, **above)


def _draw_faults(axes: Axes, image: PlannedImage, weighted: Callable) -> list[Artist]:
    """Mark faulty channels along the foot, gain steps, and the level of saturation where it is in sight."""
    plan = image.plan
    faults = plan.faults
    if faults is None:
        return []
    legend: list[Artist] = []
    low, high = axes.get_xlim()
    for mask, marker, name in ((faults.dead, "x", "dead channel"), (faults.hot, "^", "hot channel")):
        at = plan.energy[mask & (plan.energy >= low) & (plan.energy <= high)]
        if at.size:
            legend += axes.plot(at, np.full(at.size, 0.035), marker, color=_FAULT, ms=4.5, mew=1.2, label=name,
                                transform=axes.get_xaxis_transform(), zorder=5)  # fmt: skip
    steps = [plan.energy[step.channel] for step in faults.steps if low <= plan.energy[step.channel] <= high]
    for at in steps:
        line = axes.axvline(at, color=_FAULT, linewidth=0.9, linestyle=":", label="step of the gain")
        legend += [line] if at == steps[0] else []
    if faults.saturation is not None:
        energy = np.linspace(max(low, plan.energy[0]), min(high, plan.energy[-1]), 100)
        level = weighted(energy, np.full(energy.size, faults.saturation))
        if level.min() < axes.get_ylim()[1]:
            legend += axes.plot(energy, level, color=_FAULT, linewidth=1.0, linestyle="-.", label="saturation, a pixel")
    return legend


def _second_axis(axes: Axes, image: PlannedImage) -> None:
    """Add the corrected energies along the top, where one correction holds for all edges and changes them."""
    plan = image.plan
    scale, offset = plan.axis.scale[0], plan.axis.offset[0] - plan.axis.scale[0] * plan.zero_loss
    same = np.ptp(plan.axis.scale) < _SAME and np.ptp(plan.axis.offset) < _SAME
    channel = plan.energy[1] - plan.energy[0]
    change = np.abs(scale * plan.energy + offset - plan.energy).max()
    # Less than a channel could not be read from two axes.
    if plan.axis.absolute_scale_lost or not same or change < channel:
        return

    def corrected(recorded: ArrayLike) -> NDArray[np.float64]:
        return scale * np.asarray(recorded, dtype=np.float64) + offset

    def recorded(corrected: ArrayLike) -> NDArray[np.float64]:
        return (np.asarray(corrected, dtype=np.float64) - offset) / scale

    above = axes.secondary_xaxis("top", functions=(corrected, recorded))
    above.set_xlabel("corrected energy loss (eV)", fontsize=7.5, color=MUTED, labelpad=3)
    above.tick_params(labelsize=7.5, color=LINE, labelcolor=MUTED, length=2.5)
    above.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 2, 5, 10]))
    above.spines["top"].set_color(LINE)
