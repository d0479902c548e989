"""The classical answers of EELS with their errors: white-line ratios, pre-edge share, onsets, relative composition.

A microscopist checks a model against them. They need no training, and each is a few sums of net counts, so that their
statistical errors follow from the counts and from the fitted background exactly; what they leave out (cross sections,
the choice of windows) is said where it is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from eelsmap.cross_sections import cross_section
from eelsmap.edges import Edge, EdgeSet
from eelsmap.preprocess.edge_stack import EdgeDetails, EdgeStack

__all__ = ["Estimate", "classical_estimates", "classical_names", "edge_onset", "net_share", "white_line_ratio"]

FloatArray = NDArray[np.float64]

# Half widths of the windows, in widths of the usual line; what lies past L2 is continuum.
_LINE = 1.4
_PAST_L2 = 1.6
_STEP_WIDTH = 1.0
# The continuum rises by two steps, as the subshells hold four and two electrons.
_L3_SHARE = 2.0 / 3.0
_MAIN = (534.0, 546.0)
_PRE_EDGE = (526.0, 532.5)
_RISE = 0.5
_SMOOTH = 5
_LEAST_HEIGHT = 5.0


class Estimate(NamedTuple):
    """A number of each pixel and its standard deviation, each of shape (n,); NaN where there is none."""

    value: FloatArray
    error: FloatArray


def classical_names(edges: EdgeSet, /) -> list[str]:
    """Names of what :func:`classical_estimates` gives, in its order."""
    metals = [edge for edge in edges if edge.subshell != "K"]
    oxygen = [edge for edge in edges if edge.name == "O_K"]
    names = [f"l3_l2_ratio_{edge.name}" for edge in metals]
    names += [f"pre_edge_ratio_{edge.name}" for edge in oxygen]
    names += [f"onset_{edge.name}" for edge in edges]
    names += [f"share_{edge.element.lower()}" for edge in metals]
    return names + (["metals_per_oxygen"] if oxygen else [])


def classical_estimates(
    stack: EdgeStack, edges: EdgeSet, /, *, beam_energy_kV: float = 200.0, collection_mrad: float = 50.0
) -> dict[str, Estimate]:
    """Everything that the edges of n pixels say without a model.

    Parameters
    ----------
    stack
        Edges of n pixels with their ``details``, from :func:`eelsmap.preprocess.extract_edges`.
    edges
        The edge set.
    beam_energy_kV, collection_mrad
        For the cross sections of the composition.

    Returns
    -------
    dict
        By the names of :func:`classical_names`. Edges that are missing or lost in noise give NaN.

    Notes
    -----
    Errors are statistical: counts and background. Those of the composition leave out the cross sections (hydrogenic
    ones are good to 10-20 % for L2,3) and the white lines, which are part of the counts and differ with valence; those
    of the onsets leave out the axis (``stack.axis_uncertainty``).
    """
    details = stack.details or {}
    found: dict[str, Estimate] = {}
    rows = len(stack.flags)
    for index, edge in enumerate(edges):
        part = details.get(edge.name)
        seen = stack.seen[:, index]
        nothing = Estimate(np.full(rows, np.nan), np.full(rows, np.nan))
        if edge.subshell != "K":
            ratio = nothing if part is None else white_line_ratio(part, edge)
            found[f"l3_l2_ratio_{edge.name}"] = _where(seen, ratio)
        elif edge.name == "O_K":
            ratio = nothing if part is None else _ratio_of_windows(part, _PRE_EDGE, _MAIN)
            found[f"pre_edge_ratio_{edge.name}"] = _where(seen, ratio)
        onset = nothing if part is None else edge_onset(part, edge)
        found[f"onset_{edge.name}"] = _where(seen, onset)
    found.update(_composition(stack, edges, details, beam_energy_kV, collection_mrad))
    return {name: found[name] for name in classical_names(edges)}


def white_line_ratio(part: EdgeDetails, edge: Edge, /) -> Estimate:
    """L3 / L2 ratio of the white lines above a two-step continuum.

    The continuum is a step of two thirds at L3 and one third at L2, as high as what follows L2 (Pearson, Ahn and Fultz,
    Phys. Rev. B 47 (1993) 8471, 10.1103/PhysRevB.47.8471).

    Parameters
    ----------
    part
        One edge of n pixels.
    edge
        An L2,3 edge.

    Returns
    -------
    Estimate
        NaN where the axis ends before the continuum past L2, and where no L2 line stands above it.
    """
    l3, l2 = edge.lines
    past = part.grid >= l2.energy + _PAST_L2 * l2.width
    if past.sum() < 4:
        return _nothing(part)
    windows = [np.abs(part.grid - line.energy) <= _LINE * line.width for line in edge.lines]
    windows.append(past)
    step = _L3_SHARE * _rise(part.grid - l3.energy) + (1.0 - _L3_SHARE) * _rise(part.grid - l2.energy)
    level = step / step[past].mean() / past.sum()
    sums, covariance = _sums_with_covariance(part, windows)
    lines = np.array([[1.0, 0.0, -level[windows[0]].sum()], [0.0, 1.0, -level[windows[1]].sum()]])
    return _ratio(sums @ lines.T, lines @ covariance @ lines.T)


def edge_onset(part: EdgeDetails, edge: Edge, /) -> Estimate:
    """Energy at which an edge has risen to half of its first line, eV.

    Parameters
    ----------
    part
        One edge of n pixels.
    edge
        The edge.

    Returns
    -------
    Estimate
        Found on net counts that are averaged over five points; NaN where the rise does not stand out.
    """
    first = edge.lines[0]
    net = part.gross - part.background
    kernel = np.ones(_SMOOTH) / _SMOOTH
    count = net.shape[1]
    size = count + _SMOOTH - 1
    smooth = np.fft.irfft(np.fft.rfft(net, size) * np.fft.rfft(kernel, size), size)[:, _SMOOTH // 2 :][:, :count]
    inside = (part.grid >= first.energy - 2.0 * first.width) & (part.grid <= first.energy + 1.5 * first.width)
    places = np.flatnonzero(inside)
    if places.size < 5:
        return _nothing(part)
    rows = np.arange(len(net))
    peak = places[smooth[:, places].argmax(axis=1)]
    height = smooth[rows, peak]
    # The last point below half of the height before the peak.
    low = (smooth < _RISE * height[:, None]) & (np.arange(count) < peak[:, None])
    last = np.where(low.any(axis=1), count - 1 - low[:, ::-1].argmax(axis=1), 0)
    rise = smooth[rows, last + 1] - smooth[rows, last]
    step = part.grid[1] - part.grid[0]
    noise = np.sqrt(np.reshape(part.gain, -1) * np.maximum(part.gross[rows, last], 1.0) / _SMOOTH)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = part.grid[last] + step * (_RISE * height - smooth[rows, last]) / rise
        # The slope over the whole rise: that between two points is mostly noise.
        slope = np.abs(height - smooth[rows, last]) / np.maximum(part.grid[peak] - part.grid[last], step)
        error = noise / slope
    clear = low.any(axis=1) & (height > _LEAST_HEIGHT * noise) & (rise > 0)
    return _where(clear, Estimate(value, error))


def net_share(part: EdgeDetails, window: tuple[float, float], /) -> tuple[FloatArray, FloatArray]:
    """Net counts of n pixels in a window (eV) and their variance, each of shape (n,)."""
    inside = (part.grid >= window[0]) & (part.grid <= window[1])
    sums, variance = part.net_sums([inside])
    return sums[:, 0], variance[:, 0]


def _composition(
    stack: EdgeStack, edges: EdgeSet, details: Mapping[str, EdgeDetails], beam: float, collection: float
) -> dict[str, Estimate]:
    """Share of each metal among the metals, and metals over oxygen, from net counts and cross sections."""
    atoms, variance = {}, {}
    for edge in edges:
        if edge.name not in details:
            continue
        part = details[edge.name]
        sums, spread = net_share(part, (part.grid[0], part.grid[-1]))
        weight = 1.0 / _counts_per_atom(edge, part.grid, beam, collection)
        # What is lost in noise is near zero within its error; what could not be extracted is unknown.
        atoms[edge.name] = np.where(part.fit.failed, np.nan, np.maximum(sums, 0.0)) * weight
        variance[edge.name] = spread * weight**2
    metals = [edge for edge in edges if edge.subshell != "K"]
    rows = len(stack.flags)
    result = {
        f"share_{edge.element.lower()}": Estimate(np.full(rows, np.nan), np.full(rows, np.nan)) for edge in metals
    }
    missing = Estimate(np.full(rows, np.nan), np.full(rows, np.nan))
    result["metals_per_oxygen"] = missing
    if any(edge.name not in atoms for edge in metals):
        return result
    total = np.sum([atoms[edge.name] for edge in metals], axis=0)
    spread = np.sum([variance[edge.name] for edge in metals], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        for edge in metals:
            share = atoms[edge.name] / total
            own = variance[edge.name]
            error = np.sqrt((1.0 - share) ** 2 * own + share**2 * (spread - own)) / total
            result[f"share_{edge.element.lower()}"] = _where(total > 0, Estimate(share, error))
        if "O_K" in atoms:
            oxygen = atoms["O_K"]
            ratio = total / oxygen
            error = np.sqrt(spread + ratio**2 * variance["O_K"]) / oxygen
            result["metals_per_oxygen"] = _where((oxygen > 0) & (total > 0), Estimate(ratio, error))
    return result


def _counts_per_atom(edge: Edge, grid: FloatArray, beam: float, collection: float) -> float:
    """Cross section of an edge over a grid: its hydrogenic continuum from the onset on."""
    table = cross_section(edge.name, beam, collection)
    above = grid >= edge.onset
    step = grid[1] - grid[0]
    return float(table.continuum * ((grid[above] / (edge.onset + 30.0)) ** -table.exponent).sum() * step)


def _ratio_of_windows(part: EdgeDetails, upper: tuple[float, float], lower: tuple[float, float]) -> Estimate:
    """Net counts in one window over those in another."""
    if part.grid[-1] < lower[1]:
        return _nothing(part)
    windows = [(part.grid >= low) & (part.grid <= high) for low, high in (upper, lower)]
    sums, covariance = _sums_with_covariance(part, windows)
    return _ratio(sums, covariance)


def _sums_with_covariance(part: EdgeDetails, windows: list[NDArray[np.bool_]]) -> tuple[FloatArray, FloatArray]:
    """Net counts in windows that do not overlap, (n, window), and their covariance, (n, window, window)."""
    number = len(windows)
    pairs = [(first, second) for first in range(number) for second in range(first)]
    sums, variance = part.net_sums([*windows, *(windows[first] | windows[second] for first, second in pairs)])
    covariance = np.zeros((len(sums), number, number))
    for place in range(number):
        covariance[:, place, place] = variance[:, place]
    for place, (first, second) in enumerate(pairs, number):
        shared = 0.5 * (variance[:, place] - variance[:, first] - variance[:, second])
        covariance[:, first, second] = covariance[:, second, first] = shared
    return sums[:, :number], covariance


def _ratio(pair: FloatArray, covariance: FloatArray) -> Estimate:
    """First over second of two numbers, with its error; NaN where the second is not above noise."""
    upper, lower = pair.T
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = upper / lower
        spread = covariance[:, 0, 0] - 2.0 * ratio * covariance[:, 0, 1] + ratio**2 * covariance[:, 1, 1]
        error = np.sqrt(np.maximum(spread, 0.0)) / np.abs(lower)
        clear = lower > 2.0 * np.sqrt(np.maximum(covariance[:, 1, 1], 0.0))
    return _where(clear, Estimate(ratio, error))


def _rise(distance: FloatArray) -> FloatArray:
    """Rise of an edge, smoothed, at each distance from it (eV)."""
    return np.asarray(0.5 * (1.0 + erf(distance / _STEP_WIDTH)))


def _where(clear: NDArray[np.bool_], estimate: Estimate) -> Estimate:
    """Keep an estimate where it is clear, NaN elsewhere."""
    good = clear & np.isfinite(estimate.value) & np.isfinite(estimate.error)
    return Estimate(np.where(good, estimate.value, np.nan), np.where(good, estimate.error, np.nan))


def _nothing(part: EdgeDetails) -> Estimate:
    """No estimate for any pixel."""
    return Estimate(np.full(len(part.gross), np.nan), np.full(len(part.gross), np.nan))
