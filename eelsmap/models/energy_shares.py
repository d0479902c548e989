"""Carry what the features of an edge contribute to the energies of its spectrum, without losing or making any.

A point of a cumulative distribution at E says how much of an edge's intensity lies below E. It is higher than usual
because there is more intensity than usual somewhere below E and, equally, less than usual somewhere above. So half of
its contribution goes to the energies below E that are in excess, half to those above E that are in deficit (the other
way round where the point is lower than usual), each in proportion to how far it is off.

What a bin of a spectrum laid on its own maximum contributes lies where that bin lies in the spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

from eelsmap.recipe import Recipe

if TYPE_CHECKING:
    from eelsmap.models.model import Model

__all__ = ["EdgeColumns", "bin_boundaries", "edge_columns", "place_aligned", "share_over_energies", "usual_shares"]


@dataclass(frozen=True)
class EdgeColumns:
    """Which columns of a feature matrix belong to the energies of one edge.

    Parameters
    ----------
    points
        Columns of its cumulative distribution.
    below
        How many energy bins lie below each of those points.
    bins
        Columns of the spectrum laid on its own maximum.
    from_maximum
        Middles of those bins, eV from the maximum.
    maximum
        Column that says where the maximum lies, or None.
    """

    points: list[int]
    below: NDArray[np.intp]
    bins: list[int]
    from_maximum: NDArray[np.float64]
    maximum: int | None


def edge_columns(names: list[str], recipe: Recipe, edge: str, /) -> EdgeColumns:
    """Find the columns of an edge among the names of features, which are those of a model or of a specialist."""
    return _edge_columns(tuple(names), recipe, edge)


@lru_cache(maxsize=64)
def _edge_columns(names: tuple[str, ...], recipe: Recipe, edge: str) -> EdgeColumns:
    """Find the columns once: pixel after pixel is explained with the same names."""
    parts = [(column, name.split()) for column, name in enumerate(names)]
    points = [(column, float(words[2])) for column, words in parts if words[:2] == ["cdf", edge]]
    bins = [(column, float(words[2])) for column, words in parts if words[:2] == ["aligned", edge]]
    maximum = [column for column, words in parts if words in (["l3_energy", edge], ["main_energy", edge])]
    boundaries = bin_boundaries(recipe)[edge]
    # A point holds all intensity up to the upper boundary of its own bin.
    below = np.searchsorted(boundaries, [energy for _, energy in points])
    return EdgeColumns(
        [column for column, _ in points],
        below.astype(np.intp),
        [column for column, _ in bins],
        np.array([energy for _, energy in bins]),
        maximum[0] if maximum else None,
    )


def bin_boundaries(recipe: Recipe, /) -> dict[str, NDArray[np.float64]]:
    """Boundaries of the energy bins of each edge that is used, shape (bin + 1,), eV."""
    return dict(_bin_boundaries(recipe))


@lru_cache(maxsize=16)
def _bin_boundaries(recipe: Recipe) -> dict[str, NDArray[np.float64]]:
    """Make the boundaries once; they are not written to."""
    found = {name: recipe.edge_set[name].intervals(recipe.edge_set.points) for name in recipe.used_edges}
    for boundaries in found.values():
        boundaries.setflags(write=False)
    return found


def usual_shares(model: Model, /) -> dict[str, NDArray[np.float64]]:
    """Mean of the training spectra of each edge: share of its intensity in each bin, shape (bin,).

    The model keeps some points of the mean cumulative distribution; a monotone curve is laid through them.
    """
    mean = np.ascontiguousarray(model.novelty.mean, dtype=np.float64)
    return dict(_usual_shares(model.recipe, mean.shape, mean.tobytes()))


@lru_cache(maxsize=16)
def _usual_shares(recipe: Recipe, shape: tuple[int, ...], mean: bytes) -> dict[str, NDArray[np.float64]]:
    """Lay the curves once for a model; they are not written to."""
    means = np.frombuffer(mean).reshape(shape)
    result = {}
    for index, (name, cuts) in enumerate(bin_boundaries(recipe).items()):
        kept = cuts[1:][::-1][:: recipe.features.stride][::-1]
        curve = PchipInterpolator(np.concatenate([cuts[:1], kept]), np.concatenate([[0.0], means[index], [1.0]]))
        result[name] = np.diff(curve(cuts))
        result[name].setflags(write=False)
    return result


def share_over_energies(
    contribution: NDArray[np.floating],
    below: NDArray[np.intp],
    shares: NDArray[np.floating],
    usual: NDArray[np.floating],
    /,
    *,
    smoothing: float = 0.0,
) -> NDArray[np.float64]:
    """Carry the contributions of the points of one edge's cumulative distribution to energies.

    Parameters
    ----------
    contribution
        Contribution of each point, shape (n, point).
    below
        How many bins lie below each point, between 1 and the number of bins - 1, shape (point,).
    shares
        Share of the intensity in each bin, shape (n, bin).
    usual
        What is usual, shape (bin,).
    smoothing
        Standard deviation, in bins, over which differences from the usual are averaged before they are compared, so
        that the noise of single channels does not draw contributions.

    Returns
    -------
    numpy.ndarray
        Shape (n, bin); the sum of each row is that of `contribution`.
    """
    difference = np.asarray(shares - usual, dtype=np.float64)
    if smoothing > 0:
        difference = gaussian_filter1d(difference, smoothing, axis=-1, mode="constant")
    inside = np.arange(usual.size)[None, :] < below[:, None]
    return np.stack(
        [_share(*row, inside, below) for row in zip(contribution.astype(np.float64), difference, strict=True)]
    )


def _share(
    contribution: NDArray[np.float64],
    difference: NDArray[np.float64],
    inside: NDArray[np.bool_],
    below: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Contributions (point,) of one spectrum on the bins of `difference` (bin,)."""
    excess = np.cumsum(difference)[below - 1]
    signed = np.where(excess >= 0, 1.0, -1.0)[:, None] * difference
    result = np.zeros(difference.size)
    for side, wanted, nearest in ((inside, signed, below - 1), (~inside, -signed, below)):
        weight = np.where(side, np.maximum(wanted, 0.0), 0.0)
        total = weight.sum(axis=1)
        known = total > 0
        result += (0.5 * contribution[known] / total[known]) @ weight[known]
        # Where nothing differs on this side, what is said stays at the point itself.
        np.add.at(result, nearest[~known], 0.5 * contribution[~known])
    return result


def place_aligned(
    contribution: NDArray[np.floating],
    from_maximum: NDArray[np.floating],
    maximum: NDArray[np.floating],
    boundaries: NDArray[np.float64],
    /,
) -> NDArray[np.float64]:
    """Lay the contributions of bins counted from a maximum where those bins lie in the spectrum.

    Parameters
    ----------
    contribution
        Shape (n, aligned bin).
    from_maximum
        Middles of the aligned bins, uniform, shape (aligned bin,), eV.
    maximum
        Energy of each spectrum's maximum, shape (n,), eV.
    boundaries
        Of the energy bins, shape (bin + 1,), eV.

    Returns
    -------
    numpy.ndarray
        Shape (n, bin), with the sums of `contribution`: what lies outside goes to the first or last bin.
    """
    half = 0.5 * (from_maximum[1] - from_maximum[0])
    cuts = np.append(from_maximum - half, from_maximum[-1] + half)
    running = np.concatenate([np.zeros((len(contribution), 1)), np.cumsum(contribution, axis=1)], axis=1)
    result = np.empty((len(contribution), boundaries.size - 1))
    for row, (sums, place) in enumerate(zip(running, maximum, strict=True)):
        reached = np.interp(boundaries, place + cuts, sums)
        reached[0], reached[-1] = 0.0, sums[-1]
        result[row] = np.diff(reached)
    return result
