"""The feature matrix: one row a pixel, the features of all edges side by side (multimodal) or of one (unimodal)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.features.cdf import cumulative_distribution
from eelsmap.features.fused_features import write_aligned, write_distribution
from eelsmap.features.oxygen_edge import oxygen_edge_features, oxygen_edge_names
from eelsmap.features.white_lines import white_line_features, white_line_names
from eelsmap.preprocess.edge_stack import EdgeStack, normalise
from eelsmap.preprocess.fused_numba import AVAILABLE
from eelsmap.recipe import Recipe

__all__ = ["feature_energies", "feature_matrix", "feature_names", "seen_distributions"]


def feature_matrix(
    stack: EdgeStack, recipe: Recipe, /, *, axis_uncertainty: NDArray[np.float64] | float
) -> NDArray[np.float32]:
    """Features of n pixels.

    Parameters
    ----------
    stack
        Edges of n pixels.
    recipe
        The road; its feature step says which edges are used.
    axis_uncertainty
        What may remain wrong of the energy axis, for each pixel, shape (n,), or for all, eV; a feature, so that a model
        trusts positions as far as it should.

    Returns
    -------
    numpy.ndarray
        Shape (n, feature), float32, in the order of :func:`feature_names`; NaN for missing edges.
    """
    use = [recipe.edge_set.index(name) for name in recipe.used_edges]
    n = stack.net.shape[0]
    middle = _without_shapes(stack, recipe)
    uncertainty = np.broadcast_to(np.reshape(axis_uncertainty, (-1, 1)), (n, 1))
    if AVAILABLE:
        return _fused(stack, use, middle, uncertainty, recipe)
    distribution = cumulative_distribution(normalise(stack)[:, use], stride=recipe.features.stride)
    parts: list[NDArray[Any]] = [distribution.reshape(n, -1), middle]
    if recipe.features.aligned:
        parts += [_aligned(stack, index, recipe) for index in use]
    return np.concatenate([*parts, uncertainty], axis=1).astype(np.float32)


def _without_shapes(stack: EdgeStack, recipe: Recipe) -> NDArray[np.float64]:
    """Columns that tell nothing of shapes: noise, coverage and, if wanted, intensities, shape (n, column)."""
    use = [recipe.edge_set.index(name) for name in recipe.used_edges]
    with np.errstate(invalid="ignore"):
        quality = np.log10(np.clip(stack.snr[:, use], 0.1, None))
    parts = [quality, np.where(np.isfinite(stack.snr[:, use]), stack.coverage[use], np.nan)]
    if recipe.features.relative_intensity:
        parts.append(
            _relative_intensity(stack.net_counts[:, use], [recipe.edge_set[e].subshell for e in recipe.used_edges])
        )
    return np.concatenate(parts, axis=1)


def _fused(
    stack: EdgeStack,
    use: list[int],
    middle: NDArray[np.float64],
    uncertainty: NDArray[np.float64],
    recipe: Recipe,
) -> NDArray[np.float32]:
    """Lay out the same matrix with compiled kernels around the columns that are cheap."""
    features = np.empty((len(middle), len(feature_names(recipe))), dtype=np.float32)
    column = 0
    for index in use:
        column = write_distribution(features, column, stack.net, stack.weak, index, stride=recipe.features.stride)
    features[:, column : column + middle.shape[1]] = middle
    column += middle.shape[1]
    if recipe.features.aligned:
        seen = stack.seen
        for index in use:
            column = write_aligned(features, column, stack.net, seen, index, recipe.edge_set.edges[index])
    features[:, column:] = uncertainty
    return features


def _aligned(stack: EdgeStack, index: int, recipe: Recipe) -> NDArray[np.float32]:
    """Features of one edge laid on its own maximum, shape (n, feature); NaN where the edge is not seen."""
    edge = recipe.edge_set.edges[index]
    features = (oxygen_edge_features if edge.subshell == "K" else white_line_features)(stack.net[:, index], edge)
    features[~stack.seen[:, index]] = np.nan
    return features


def _relative_intensity(net_counts: NDArray[np.float64], subshells: list[str]) -> NDArray[np.float64]:
    """Each metal's share of the metals' net counts, then log10 of all metals over oxygen; NaN where an edge is missing.

    Cross sections are constant factors between edges; models are trained over a range of them.
    """
    positive = np.maximum(net_counts, 0.0)
    metal = [index for index, subshell in enumerate(subshells) if subshell != "K"]
    oxygen = [index for index, subshell in enumerate(subshells) if subshell == "K"]
    columns = []
    with np.errstate(invalid="ignore", divide="ignore"):
        metals = np.nansum(positive[:, metal], axis=1)
        columns += [positive[:, index] / metals for index in metal]
        columns += [np.log10(metals / positive[:, index]) for index in oxygen]
    result = np.stack(columns, axis=1) if columns else np.empty((net_counts.shape[0], 0))
    return np.where(np.isfinite(result), result, np.nan)


def feature_names(recipe: Recipe, /) -> list[str]:
    """Name of each column of the feature matrix, for instance ``"cdf Ni_L 853.2"`` or ``"share Co_L"``."""
    return list(_feature_names(recipe))


@lru_cache(maxsize=16)
def _feature_names(recipe: Recipe) -> tuple[str, ...]:
    """Write the names once: every block and every pixel asks for them."""
    edges = [recipe.edge_set[name] for name in recipe.used_edges]
    names = [
        f"cdf {edge.name} {energy:.2f}" for edge in edges for energy in _kept(edge.grid(recipe.edge_set.points), recipe)
    ]
    names += [f"log_snr {edge.name}" for edge in edges] + [f"coverage {edge.name}" for edge in edges]
    if recipe.features.relative_intensity:
        names += [f"share {edge.name}" for edge in edges if edge.subshell != "K"]
        names += [f"log_metals_over {edge.name}" for edge in edges if edge.subshell == "K"]
    if recipe.features.aligned:
        for edge in edges:
            names += oxygen_edge_names(edge) if edge.subshell == "K" else white_line_names(edge)
    return (*names, "axis_uncertainty")


def feature_energies(recipe: Recipe, /) -> NDArray[np.float64]:
    """Energy of each column, eV; NaN for those that belong to no energy."""
    names = feature_names(recipe)
    return np.array([float(name.split()[2]) if name.startswith("cdf ") else np.nan for name in names])


def seen_distributions(
    features: NDArray[np.floating], recipe: Recipe, /
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.bool_]]:
    """Take the cumulative distributions and their noise out of a feature matrix again.

    Parameters
    ----------
    features
        Result of :func:`feature_matrix`, shape (n, feature).
    recipe
        The road.

    Returns
    -------
    distribution, log_snr, seen : numpy.ndarray
        Shapes (n, edge, point), (n, edge) and (n, edge); ``seen`` where an edge is covered and rises above noise.
    """
    edges = len(recipe.used_edges)
    points = len(_kept(recipe.edge_set.edges[0].grid(recipe.edge_set.points), recipe))
    distribution = features[:, : edges * points].reshape(-1, edges, points)
    log_snr = features[:, edges * points : edges * (points + 1)]
    with np.errstate(invalid="ignore"):
        seen = np.isfinite(distribution[..., 0]) & (log_snr >= np.log10(recipe.quality.minimum_snr))
    return distribution, log_snr, seen


def _kept(grid: NDArray[np.float64], recipe: Recipe) -> NDArray[np.float64]:
    """Grid points that the cumulative distribution keeps."""
    return grid[::-1][:: recipe.features.stride][::-1][:-1]
