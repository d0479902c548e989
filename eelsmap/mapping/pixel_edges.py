"""One edge of one pixel, as it is drawn: recorded counts with background and windows, and what the model sees of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import Edge
from eelsmap.errors import PixelFlag
from eelsmap.mapping.nearest_spectra import NearestSpectra, NearSpectrum
from eelsmap.mapping.pixel_counts import PixelCounts
from eelsmap.preprocess.background_fit import extrapolate_background
from eelsmap.preprocess.edge_stack import EdgeDetails, EdgeStack

__all__ = ["EdgeView", "edge_views"]


@dataclass(frozen=True)
class EdgeView:
    """One edge of one pixel, or of the mean of several.

    Parameters
    ----------
    name
        Name of the edge.
    energy
        Recorded energies from the start of the background window to the end of the edge, shape (channel,), eV.
    raw
        Counts there, shape (channel,).
    background
        The background that was fitted, counts in each of these channels, shape (channel,); NaN where none could be.
    window
        Recorded energies between which the model reads the edge, eV.
    background_window
        Recorded energies between which the background was fitted, eV.
    onset
        Recorded energy of the tabulated onset, eV.
    grid
        Usual energies at which the model reads the edge, shape (point,), eV.
    spectrum
        The edge as the model sees it: share of its intensity in each interval of the grid, shape (point,); NaN where it
        is not seen.
    cdf
        Its cumulative distribution, shape (point,).
    seen
        Whether the edge rises above noise, so that the model reads it.
    words
        Why it is not seen; empty where it is.
    snr
        Net counts in standard deviations.
    nearest
        The simulated spectra that it looks most like, nearest first; empty without a library.
    treated
        Counts to which the background was fitted, where they are others: after averaging, components or the removal of
        plural scattering, shape (channel,); None where they are `raw`.
    """

    name: str
    energy: NDArray[np.float64]
    raw: NDArray[np.float64]
    background: NDArray[np.float64]
    window: tuple[float, float]
    background_window: tuple[float, float]
    onset: float
    grid: NDArray[np.float64]
    spectrum: NDArray[np.float64]
    cdf: NDArray[np.float64]
    seen: bool
    words: str = ""
    snr: float = float("nan")
    nearest: tuple[NearSpectrum, ...] = ()
    treated: NDArray[np.float64] | None = None


def edge_views(
    pixel: PixelCounts,
    shown: tuple[NDArray[np.float64], NDArray[np.float64] | None],
    extracted: EdgeStack,
    corrected: EdgeStack,
    library: NearestSpectra | None,
    /,
) -> dict[str, EdgeView]:
    """Gather what is drawn of each edge that the axis covers.

    Parameters
    ----------
    pixel
        The counts and their road.
    shown
        Counts to draw, shape (channel,): as recorded, and as treated or None; of several pixels their mean.
    extracted
        What the road made of the counts, with details.
    corrected
        The same after a model's corrections; what the model reads.
    library
        Simulated spectra; None for none.

    Returns
    -------
    dict
        Edge name to view, by rising energy.
    """
    edges = pixel.recipe.edge_set
    shift = float(np.ravel(pixel.known["shift"])[0]) if "shift" in pixel.known else 0.0
    if not np.isfinite(shift):
        shift = 0.0
    result = {}
    for index, edge in enumerate(edges):
        part = (extracted.details or {}).get(edge.name)
        if part is None:
            continue
        start, stop = pixel.plan.axis.recorded(index, [part.boundaries[0], edge.near_edge[1]]) + shift
        inside = (pixel.plan.energy >= start) & (pixel.plan.energy <= stop)
        energy = pixel.plan.energy[inside]
        usual = pixel.plan.axis.usual(index, energy - shift)
        shape = _shape(corrected, index)
        seen = bool(np.isfinite(shape).all())
        flag = int(extracted.flags[0])
        result[edge.name] = EdgeView(
            edge.name,
            energy,
            np.asarray(shown[0][inside], dtype=np.float64),
            _background(part, usual, pixel.pixels),
            _recorded(pixel, index, edge.near_edge, shift),
            _recorded(pixel, index, (float(part.boundaries[0]), float(part.boundaries[-1])), shift),
            _recorded(pixel, index, (edge.onset, edge.onset), shift)[0],
            edge.grid(edges.points),
            shape,
            np.cumsum(shape),
            seen,
            "" if seen else _why_not(edge, flag, part),
            float(extracted.snr[0, index]),
            library.nearest(edge.name, shape) if library is not None and seen else (),
            None if shown[1] is None else shown[1][inside],
        )
    return result


def _shape(stack: EdgeStack, index: int) -> NDArray[np.float64]:
    """Share of the intensity of an edge in each interval of its grid; NaN where the edge is not seen."""
    net = stack.net[0, index]
    total = net.sum()
    if not stack.seen[0, index] or not total > 0:
        return np.full(net.size, np.nan)
    return np.asarray(net / total)


def _background(part: EdgeDetails, usual: NDArray[np.float64], pixels: int) -> NDArray[np.float64]:
    """Background in each channel, by usual energy, for one pixel."""
    if bool(part.fit.failed[0]) or usual.size < 2:
        return np.full(usual.size, np.nan)
    counts, _ = extrapolate_background(part.fit, usual, np.full(usual.size, usual[1] - usual[0]))
    return np.asarray(counts[0] / pixels, dtype=np.float64)


def _recorded(pixel: PixelCounts, index: int, usual: tuple[float, float], shift: float) -> tuple[float, float]:
    """Energies as recorded of two energies on the usual scale, eV."""
    low, high = pixel.plan.axis.recorded(index, usual) + shift
    return float(low), float(high)


def _why_not(edge: Edge, flag: int, part: EdgeDetails) -> str:
    """Say in few words why an edge is not seen."""
    if bool(part.fit.failed[0]):
        return "no background fits"
    return "lost in noise or absent" if flag & PixelFlag.weak(edge.name) else "not seen"
