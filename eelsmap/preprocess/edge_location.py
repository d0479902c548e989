"""Where the edges really are on a recorded axis: a matched filter on the mean spectrum.

Each edge is described by its lines (white lines, or pre-edge and main peak for O K) on steps over a smooth
background. The template slides over the axis; at every shift background and template are fitted together by least
squares, and the shift that explains most of the spectrum's structure is where the edge is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from eelsmap.edges import Edge, EdgeSet

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
    """

    edge: str
    displacement: float
    explained: float
    significance: float


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
    energy, spectrum = _coarsened(energy, spectrum)
    found = {}
    for edge in edges:
        location = _locate(edge, energy, spectrum, search)
        if location is not None:
            found[edge.name] = location
    kept = _consistent(found, edges)
    # An edge that the axis cuts off passes for a whole one displaced; one that the axis holds must vouch for it.
    return kept if any(_holds(edges[name], energy, expected) for name in kept) else {}


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


def _coarsened(
    energy: NDArray[np.float64], spectrum: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum very fine channels: positions are wanted to a fraction of an eV only."""
    step = (energy[-1] - energy[0]) / (energy.size - 1)
    group = max(1, int(_STEP / step))
    keep = energy.size // group * group
    return (
        energy[:keep].reshape(-1, group).mean(axis=1),
        spectrum[:keep].reshape(-1, group).mean(axis=1),
    )


def _locate(
    edge: Edge, energy: NDArray[np.float64], spectrum: NDArray[np.float64], search: float
) -> EdgeLocation | None:
    """Slide the template of one edge over the axis; None when nothing stands out."""
    displacements = np.arange(-search, search + _STEP / 2, _STEP)
    scores = np.zeros(displacements.size)
    fits = np.zeros((displacements.size, 2))
    for index, displacement in enumerate(displacements):
        low = edge.near_edge[0] - _BEFORE + displacement
        high = edge.near_edge[1] - _AFTER + displacement
        inside = (energy >= low) & (energy <= high)
        covered = energy[inside]
        if covered.size < 16 or not _holds(edge, covered, displacement):
            continue
        scores[index], fits[index, 0], fits[index, 1] = _fit(edge, covered - displacement, spectrum[inside])
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


def _fit(edge: Edge, usual: NDArray[np.float64], spectrum: NDArray[np.float64]) -> tuple[float, float, float]:
    """Fit background and template at one shift; return score, explained share and significance."""
    scale = spectrum.mean()
    if not np.isfinite(scale) or scale <= 0:
        return 0.0, 0.0, 0.0
    # Divided by its own power law, the spectrum is flat where there is no edge and the fit is well conditioned.
    x = np.log(usual / usual.mean())
    flat = spectrum / scale
    smooth = np.stack([np.ones_like(x), x, x * x], axis=1)
    residual = flat - smooth @ np.linalg.lstsq(smooth, flat, rcond=None)[0]
    unexplained = float(residual @ residual)
    best = (0.0, 0.0, 0.0)
    for width in _WIDTHS:
        lines = [np.exp(-4 * np.log(2) * ((usual - line.energy) / (line.width * width)) ** 2) for line in edge.lines]
        step = np.mean([0.5 * (1 + erf((usual - line.energy) / (line.width * width))) for line in edge.lines], axis=0)
        design = np.concatenate([smooth, np.stack([*lines, step], axis=1)], axis=1)
        solution, *_ = np.linalg.lstsq(design, flat, rcond=None)
        heights = solution[3 : 3 + len(lines)]
        # An L3 line stands above its L2 line; without this, the L3 line of a cut-off edge passes for an L2 line.
        if (heights <= 0).any() or (edge.subshell.startswith("L") and heights[0] < heights[1]):
            continue
        left = flat - design @ solution
        remaining = float(left @ left)
        explained = 1.0 - remaining / max(unexplained, 1e-300)
        noise = np.sqrt(remaining / max(usual.size - design.shape[1], 1))
        score = (unexplained - remaining) * explained
        if score > best[0]:
            best = (score, explained, float(heights.max() / max(noise, 1e-300)))
    return best
