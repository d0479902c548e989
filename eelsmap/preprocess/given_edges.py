"""Edges that somebody else extracted: spectra whose background was subtracted already."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eelsmap.edges import Edge
from eelsmap.errors import PixelFlag, RecipeError
from eelsmap.preprocess.coverage import continue_cut_edge
from eelsmap.preprocess.edge_stack import EdgeStack
from eelsmap.preprocess.energy_axis import check_energy_axis
from eelsmap.preprocess.windows import channel_positions, counts_between, running_sum
from eelsmap.recipe import Recipe

__all__ = ["stack_of_given_edges"]

_MAD_TO_SIGMA = 1.4826
_LATEST_START = 1.0
_BESIDE_LINES = 1.5


def stack_of_given_edges(
    spectra: Mapping[str, tuple[ArrayLike, ArrayLike]], recipe: Recipe, /, *, relative_intensity: bool = False
) -> EdgeStack:
    """Bring background-subtracted spectra to the model's grids.

    Parameters
    ----------
    spectra
        Edge name to (energy (channel,) eV, intensity (n, channel) or (channel,)).
    recipe
        The road; background, spikes and axis steps are not applied.
    relative_intensity
        Whether the edges share one intensity scale.

    Returns
    -------
    EdgeStack
        For n spectra; noise is read from the channel-to-channel scatter.

    Raises
    ------
    RecipeError
        No spectra, an unknown edge, unequal numbers of spectra, or too little of an edge.
    EnergyAxisError
        An energy axis cannot be used.
    """
    if not spectra:
        raise RecipeError("no spectra were given; pass at least one edge, for instance {'Mn_L': (energy, intensity)}")
    arrays = {name: _checked(name, recipe.edge_set[name], *pair) for name, pair in spectra.items()}
    numbers = {name: intensity.shape[0] for name, (_, intensity) in arrays.items()}
    if len(set(numbers.values())) > 1:
        raise RecipeError(f"every edge needs the same number of spectra; got {numbers}")
    n = next(iter(numbers.values()))
    edges = recipe.edge_set
    net = np.full((n, len(edges), edges.points), np.nan)
    snr = np.full((n, len(edges)), np.nan)
    weak = np.zeros((n, len(edges)), dtype=bool)
    coverage = np.zeros(len(edges))
    flags = np.zeros(n, dtype=np.uint32)
    for index, edge in enumerate(edges):
        if edge.name not in arrays:
            flags |= np.uint32(PixelFlag.missing(edge.name))
            continue
        energy, intensity = arrays[edge.name]
        finite = np.asarray(np.isfinite(intensity).all(axis=1))
        flags[~finite] |= np.uint32(PixelFlag.NOT_FINITE)
        intensity = np.where(finite[:, None], intensity, 0.0)
        net[:, index], snr[:, index], coverage[index] = _on_grid(energy, intensity, edge, edges.points)
        if coverage[index] < 1:
            flags |= np.uint32(PixelFlag.PARTIAL_EDGE)
        weak[:, index] = ~((snr[:, index] >= recipe.quality.minimum_snr) & (net[:, index].sum(axis=1) > 0))
        flags[weak[:, index]] |= np.uint32(PixelFlag.weak(edge.name))
    flags[weak[:, coverage > 0].all(axis=1)] |= np.uint32(PixelFlag.NO_EDGE)
    net_counts = net.sum(axis=2) if relative_intensity else np.full((n, len(edges)), np.nan)
    return EdgeStack(net, net_counts, snr, weak, coverage, np.nansum(net, axis=(1, 2)), flags)


def _checked(
    name: str, edge: Edge, energy: ArrayLike, intensity: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Energy and two-dimensional intensity of one edge, or a RecipeError that says what is wrong."""
    axis = check_energy_axis(energy)
    values = np.atleast_2d(np.asarray(intensity, dtype=np.float64))
    if values.ndim != 2 or values.shape[1] != axis.size:
        raise RecipeError(
            f"{name}: intensity of shape {values.shape} does not fit an energy axis of {axis.size} channels"
        )
    if edge.subshell == "K":
        latest, earliest = edge.signal[0] + _LATEST_START, edge.minimum_end
    else:
        # Somebody's own extraction is used as far as it goes: its two lines are needed, and little else.
        latest, earliest = (edge.lines[0].energy - _BESIDE_LINES, edge.lines[-1].energy + _BESIDE_LINES)
    if axis[0] > latest or axis[-1] < earliest:
        raise RecipeError(
            f"{name}: the spectrum covers {axis[0]:.1f}-{axis[-1]:.1f} eV; at least {latest:.1f}-{earliest:.1f} eV are "
            "needed"
        )
    return axis, values


def _on_grid(
    energy: NDArray[np.float64], intensity: NDArray[np.float64], edge: Edge, points: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Net intensity on the grid, signal-to-noise ratio in the signal window, covered share."""
    grid = edge.grid(points)
    net = counts_between(running_sum(intensity), channel_positions(edge.intervals(points), energy))
    # Before a spectrum begins there is nothing, as before any onset; past its end it goes on as it ends.
    held = grid <= energy[-1]
    continue_cut_edge(net, grid, held)
    signal = (energy >= edge.signal[0]) & (energy <= edge.signal[1])
    curvature = intensity[:, 2:] - 2 * intensity[:, 1:-1] + intensity[:, :-2]
    scatter = _MAD_TO_SIGMA * np.median(np.abs(curvature), axis=1) / np.sqrt(6.0)
    noise = np.maximum(scatter * np.sqrt(signal.sum()), 1e-6 * np.abs(intensity).sum(axis=1) + 1e-300)
    return net, intensity[:, signal].sum(axis=1) / noise, float(held.mean())
