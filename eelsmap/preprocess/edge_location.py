"""Where the edges really are on a recorded axis: a matched filter on the mean spectrum.

Each edge is described by its lines (white lines, or pre-edge and main peak for O K) on steps over a smooth
background. The template slides over the axis; at every shift background and template are fitted together by least
squares, and the shift that explains most of the spectrum's structure is where the edge is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from eelsmap.edges import Edge, EdgeSet
from eelsmap.preprocess.edge_rise import find_rise
from eelsmap.preprocess.windows import channel_positions, counts_between, running_sum

__all__ = ["EdgeLocation", "locate_edges"]

_BEFORE, _AFTER = 22.0, 6.0
_LEAST_BEFORE, _LEAST_SHORT = 4.0, 6.0
_STEP = 0.25
_WIDTHS = (0.5, 0.9, 1.4)
_MINIMUM_EXPLAINED = 0.35
_MINIMUM_SIGNIFICANCE = 6.0
_LARGEST_DISPERSION_ERROR = 0.06
_SLACK = 3.0


@dataclass(frozen=True, slots=True)
class EdgeLocation:
    """Where an edge was found.

    Parameters
    ----------
    edge
        Name of the edge.
    displacement
        Recorded minus usual energy, eV: negative when the axis reads too low.
    explained
        Share of the structure above a smooth background that the template explains, 0 to 1.
    significance
        Height of the strongest line in standard deviations of what the template leaves unexplained.
    uncertainty
        Standard deviation of the displacement that comes from the way of finding it, eV; what valence does is not in
        it.
    """

    edge: str
    displacement: float
    explained: float
    significance: float
    uncertainty: float = 0.3


def locate_edges(
    spectrum: NDArray[np.float64],
    energy: NDArray[np.float64],
    edges: EdgeSet,
    /,
    *,
    search: float = 25.0,
    expected: float = 0.0,
) -> dict[str, EdgeLocation]:
    """Find the edges of a set in one spectrum.

    Parameters
    ----------
    spectrum
        Mean counts of the bright pixels, shape (channel,).
    energy
        Recorded energies, ascending, shape (channel,), eV.
    edges
        The edges to look for.
    search
        Largest displacement, eV.
    expected
        Displacement that is known beforehand, from a zero-loss peak, eV.

    Returns
    -------
    dict
        Edge name to :class:`EdgeLocation`, only for edges that stand out clearly.
    """
    energy, spectrum = _on_steps(energy, spectrum)
    found = {}
    for edge in edges:
        location = _locate(edge, energy, spectrum, search)
        if location is not None:
            found[edge.name] = location
    kept = _consistent(found, edges)
    # An edge that the axis cuts off passes for a whole one displaced; one that the axis holds must vouch for it.
    if not any(_holds(edges[name], energy, expected) for name in kept):
        return {}
    return _with_rises(kept, energy, spectrum, edges)


def _with_rises(
    found: dict[str, EdgeLocation], energy: NDArray[np.float64], spectrum: NDArray[np.float64], edges: EdgeSet
) -> dict[str, EdgeLocation]:
    """Add the edges that rise where those that were found say they must, in the order of the set."""
    onsets = [edges[name].onset for name in found]
    displacements = [location.displacement for location in found.values()]
    result = {}
    for edge in edges:
        if edge.name in found:
            result[edge.name] = found[edge.name]
            continue
        expected = float(np.interp(edge.onset, onsets, displacements))
        rise = find_rise(edge, energy - expected, spectrum)
        if rise is not None and abs(rise.displacement) <= _SLACK:
            result[edge.name] = EdgeLocation(
                edge.name, expected + rise.displacement, rise.contrast, rise.significance, rise.uncertainty
            )
    return result


def _holds(edge: Edge, energy: NDArray[np.float64], displacement: float) -> bool:
    """Whether the axis holds enough of an edge, displaced, to recognise it."""
    begins, ends = energy[0] - displacement, energy[-1] - displacement
    return bool(begins <= edge.near_edge[0] - _LEAST_BEFORE and ends >= edge.near_edge[1] - _AFTER - _LEAST_SHORT)


def _consistent(found: dict[str, EdgeLocation], edges: EdgeSet) -> dict[str, EdgeLocation]:
    """Drop what no axis could do: neighbours displaced so differently that one of them was mistaken.

    A cut-off L3 line passes for the L2 line of an edge further down, for instance.
    """
    kept = dict(found)
    while True:
        names = list(kept)
        apart = [
            (first, second)
            for first, second in pairwise(names)
            if abs(kept[first].displacement - kept[second].displacement)
            > _SLACK + _LARGEST_DISPERSION_ERROR * (edges[second].onset - edges[first].onset)
        ]
        if not apart:
            return kept
        doubtful = {name for pair in apart for name in pair}
        # The one that disagrees with both its neighbours is the mistake; else the less certain of the two.
        del kept[min(doubtful, key=lambda name: (-sum(name in pair for pair in apart), kept[name].significance))]


def _on_steps(
    energy: NDArray[np.float64], spectrum: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bring a spectrum to the steps by which templates slide: positions are wanted to a fraction of one only."""
    half = 0.5 * (energy[-1] - energy[0]) / (energy.size - 1)
    count = int((energy[-1] - energy[0] + 2 * half) / _STEP)
    boundaries = energy[0] - half + _STEP * np.arange(count + 1)
    counts = counts_between(running_sum(spectrum[None]), channel_positions(boundaries, energy))[0]
    return boundaries[:-1] + 0.5 * _STEP, counts


def _locate(
    edge: Edge, energy: NDArray[np.float64], spectrum: NDArray[np.float64], search: float
) -> EdgeLocation | None:
    """Slide the template of one edge over the axis; None when nothing stands out."""
    usual = _steps_of(edge)
    reach = round(search / _STEP)
    # Where the first step of the template lies on the axis, in steps, when the edge is not displaced.
    home = round((usual[0] - energy[0]) / _STEP)
    offset = energy[0] + _STEP * home - usual[0]
    firsts = np.arange(home - reach, home + reach + 1)
    displacements = _STEP * np.arange(-reach, reach + 1) + offset
    scores = np.zeros(firsts.size)
    fits = np.zeros((firsts.size, 2))
    # At the ends of the axis part of the template is cut off; every part that is left is fitted on its own.
    lows = np.maximum(0, -firsts)
    highs = np.minimum(usual.size, energy.size - firsts)
    for low, high in np.unique(np.stack([lows, highs], axis=1), axis=0).tolist():
        if high - low >= 16 and _holds(edge, usual[low:high], 0.0):
            places = np.flatnonzero((lows == low) & (highs == high))
            windows = np.lib.stride_tricks.sliding_window_view(spectrum, high - low)[firsts[places] + low]
            scores[places], fits[places, 0], fits[places, 1] = _fit(edge, low, high, windows)
    best = int(scores.argmax())
    explained, significance = fits[best]
    if scores[best] <= 0 or explained < _MINIMUM_EXPLAINED or significance < _MINIMUM_SIGNIFICANCE:
        return None
    shift = displacements[best]
    if 0 < best < displacements.size - 1 and scores[best - 1] > 0 and scores[best + 1] > 0:
        left, middle, right = scores[best - 1 : best + 2]
        curvature = left - 2 * middle + right
        if curvature < 0:
            shift += _STEP * 0.5 * (left - right) / curvature
    return EdgeLocation(edge.name, float(shift), float(explained), float(significance))


def _steps_of(edge: Edge) -> NDArray[np.float64]:
    """Energies of the template of an edge, eV."""
    low, high = edge.near_edge[0] - _BEFORE, edge.near_edge[1] - _AFTER
    return np.arange(low, high + _STEP / 2, _STEP)


class _Templates(NamedTuple):
    """Linear fits of an edge's lines on a smooth background: what takes the smooth part off, and what solves the rest.

    ``smooth`` (step, 3): orthonormal columns. ``lines`` (step, width x column): the lines and the step of the edge in
    each width, less their own smooth part, as orthonormal columns. ``heights`` (width, line, column): what makes the
    heights of the lines of what a spectrum, less its smooth part, has along these columns.
    """

    smooth: NDArray[np.float64]
    lines: NDArray[np.float64]
    heights: NDArray[np.float64]


@lru_cache(maxsize=256)
def _templates(edge: Edge, low: int, high: int) -> _Templates:
    """Prepare the fits on some of the steps of the template."""
    usual = _steps_of(edge)[low:high]
    x = np.log(usual / usual.mean())
    x = x / np.abs(x).max()
    smooth = np.linalg.qr(np.stack([np.ones_like(x), x, x * x], axis=1))[0]
    columns, heights = [], []
    for width in _WIDTHS:
        lines = [np.exp(-4 * np.log(2) * ((usual - line.energy) / (line.width * width)) ** 2) for line in edge.lines]
        step = np.mean([0.5 * (1 + erf((usual - line.energy) / (line.width * width))) for line in edge.lines], axis=0)
        design = np.stack([*lines, step], axis=1)
        design -= smooth @ (smooth.T @ design)
        left, strength, right = np.linalg.svd(design, full_matrices=False)
        # A line that the axis cuts off leaves nothing to be fitted.
        lost = strength <= 1e-13 * strength[0]
        left[:, lost], strength[lost] = 0.0, np.inf
        columns.append(left)
        heights.append((right.T / strength)[: len(edge.lines)])
    return _Templates(smooth, np.concatenate(columns, axis=1), np.stack(heights))


def _fit(
    edge: Edge, low: int, high: int, windows: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Fit background and template to many pieces of a spectrum (n, step): score, explained share and significance."""
    count = len(windows)
    best = np.zeros((3, count))
    scale = windows.mean(axis=1)
    good = np.isfinite(scale) & (scale > 0)
    flat = np.divide(windows, scale[:, None], out=np.zeros_like(windows), where=good[:, None])
    templates = _templates(edge, low, high)
    flat -= (flat @ templates.smooth) @ templates.smooth.T
    unexplained = np.einsum("ij,ij->i", flat, flat)
    parameters = templates.smooth.shape[1] + templates.heights.shape[2]
    along = (flat @ templates.lines).reshape(count, len(templates.heights), -1)
    for index, solves in enumerate(templates.heights):
        # What is orthogonal adds up in squares.
        remaining = np.maximum(unexplained - (along[:, index] ** 2).sum(axis=1), 0.0)
        heights = along[:, index] @ solves.T
        # An L3 line stands above its L2 line; without this, the L3 line of a cut-off edge passes for an L2 line.
        able = good & (heights > 0).all(axis=1)
        if edge.subshell.startswith("L"):
            able &= heights[:, 0] >= heights[:, 1]
        explained = 1.0 - remaining / np.maximum(unexplained, 1e-300)
        noise = np.sqrt(remaining / max(high - low - parameters, 1))
        score = (unexplained - remaining) * explained
        better = able & (score > best[0])
        significance = heights.max(axis=1) / np.maximum(noise, 1e-300)
        best[:, better] = np.stack([score, explained, significance])[:, better]
    return best[0], best[1], best[2]
