"""The feature matrix by array code alone, on the CPU or on a GPU; the compiled road gives the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.features.cdf import cumulative_distribution
from eelsmap.features.matrix import _without_shapes
from eelsmap.features.oxygen_edge import oxygen_edge_features
from eelsmap.features.white_lines import white_line_features
from eelsmap.preprocess.edge_stack import EdgeStack
from eelsmap.recipe import Recipe

__all__ = ["device_matrix"]


def device_matrix(
    stack: EdgeStack, recipe: Recipe, module: Any, /, *, axis_uncertainty: NDArray[np.float64] | float
) -> Any:
    """Features of n pixels, made where an array module computes.

    Parameters
    ----------
    stack
        Edges of n pixels, arrays of NumPy.
    recipe
        The road; its feature step says which edges are used.
    module
        ``numpy`` or ``cupy``.
    axis_uncertainty
        As for :func:`eelsmap.features.feature_matrix`.

    Returns
    -------
    numpy.ndarray or cupy.ndarray
        Shape (n, feature), float32, what :func:`eelsmap.features.feature_matrix` gives up to rounding.
    """
    use = [recipe.edge_set.index(name) for name in recipe.used_edges]
    n = len(stack.net)
    net, seen = module.asarray(stack.net), module.asarray(stack.seen)
    parts = [_distributions(net, module.asarray(stack.weak), index, recipe, module) for index in use]
    parts.append(module.asarray(_without_shapes(stack, recipe)))
    for index in use if recipe.features.aligned else ():
        edge = recipe.edge_set.edges[index]
        features = (oxygen_edge_features if edge.subshell == "K" else white_line_features)(net[:, index], edge)
        parts.append(module.where(seen[:, index, None], features, np.nan))
    uncertainty = np.broadcast_to(np.reshape(np.asarray(axis_uncertainty, dtype=np.float64), (-1, 1)), (n, 1))
    parts.append(module.asarray(np.ascontiguousarray(uncertainty)))
    return module.concatenate(parts, axis=1).astype(np.float32)


def _distributions(net: Any, weak: Any, index: int, recipe: Recipe, module: Any) -> Any:
    """Cumulative distribution of one edge, shape (n, kept); of a weak one that of a constant."""
    counts, points, stride = net[:, index], net.shape[2], recipe.features.stride
    with np.errstate(invalid="ignore", divide="ignore"):
        shape = counts / counts.sum(axis=1, keepdims=True)
    # Trees split at these very numbers: they are not left to the rounding of a sum.
    constant = (np.arange(points) + 1)[::-1][::stride][::-1][:-1] / points
    return module.where(weak[:, index, None], module.asarray(constant), cumulative_distribution(shape, stride=stride))
