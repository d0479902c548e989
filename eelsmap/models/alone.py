"""The valence of a metal from its own L2,3 edge alone: what the specialist trees read.

A spectrum that holds one edge and nothing else may come from any oxide of the metal, off any axis. The trees that
learned layered oxides by four edges at once are the wrong ones to ask then. The specialists read white lines that are
aligned on themselves (:mod:`eelsmap.features.white_lines`) and learned single edges of all crystal fields
(:mod:`eelsmap.models.alone_training`).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import Edge
from eelsmap.features import white_line_features, white_line_names
from eelsmap.models.novelty import Novelty, fit_novelty
from eelsmap.preprocess.edge_stack import EdgeStack
from eelsmap.recipe import Recipe

__all__ = [
    "AloneSpace",
    "alone_curves",
    "alone_features",
    "alone_names",
    "edge_log_snr",
    "fit_alone_space",
    "stands_alone",
]


_DIRECTIONS = 20


@dataclass(frozen=True)
class AloneSpace:
    """What the training spectra of a specialist look like.

    Trees split one feature at a time; scores along the main directions of all shapes spare them the detour.

    Parameters
    ----------
    mean
        Mean aligned shape, (bin,).
    components
        Main directions about it, orthonormal, (direction, bin).
    novelty
        Cloud of the aligned cumulative distributions.
    """

    mean: NDArray[np.float64]
    components: NDArray[np.float64]
    novelty: Novelty

    def with_scores(self, features: NDArray[np.float32], edge: Edge, /) -> NDArray[np.float32]:
        """Append the scores along the main directions to features (n, feature)."""
        # einsum, unlike BLAS, sums every row alike however many rows there are.
        scores = np.einsum("nb,kb->nk", _shapes(features, edge) - self.mean, self.components)
        return np.concatenate([features, scores.astype(np.float32)], axis=1)

    def to_bytes(self) -> bytes:
        """Numpy archive of all arrays; :func:`eelsmap.models.bundle_content.checked_alone` reads it."""
        buffer = io.BytesIO()
        np.savez(buffer, shape_mean=self.mean, shape_components=self.components, **self.novelty.arrays())  # type: ignore[arg-type]
        return buffer.getvalue()


def fit_alone_space(
    features: NDArray[np.float32], log_snr: NDArray[np.float64], group: NDArray[np.intp], edge: Edge, /
) -> AloneSpace:
    """Learn what the training spectra of a specialist look like; parameters as in their table."""
    shapes = _shapes(features, edge)
    mean = shapes.mean(axis=0)
    _, vectors = np.linalg.eigh((shapes - mean).T @ (shapes - mean))
    curves = alone_curves(features, edge)[:, None]
    novelty = fit_novelty(curves, log_snr[:, None], np.ones((len(curves), 1), dtype=bool), group)
    return AloneSpace(mean, np.ascontiguousarray(vectors[:, ::-1][:, :_DIRECTIONS].T), novelty)


def alone_names(edge: Edge, /) -> list[str]:
    """Name of each feature of :func:`alone_features`; scores along :class:`AloneSpace` follow them."""
    return [*white_line_names(edge), f"log_snr {edge.name}", f"coverage {edge.name}", "axis_uncertainty"]


def alone_features(
    stack: EdgeStack, name: str, recipe: Recipe, /, *, axis_uncertainty: NDArray[np.float64] | float
) -> NDArray[np.float32]:
    """Features of one edge for its specialist.

    Parameters
    ----------
    stack
        Edges of n spectra.
    name
        Name of the edge.
    recipe
        The road.
    axis_uncertainty
        What may remain wrong of the energy axis, for each spectrum, shape (n,), or for all, eV; NaN where nobody knows.

    Returns
    -------
    numpy.ndarray
        Shape (n, feature), in the order of :func:`alone_names`.
    """
    index = recipe.edge_set.index(name)
    n = len(stack.net)
    columns: list[NDArray[Any]] = [
        white_line_features(stack.net[:, index], recipe.edge_set[name]),
        edge_log_snr(stack, index)[:, None],
        np.full((n, 1), stack.coverage[index]),
        np.broadcast_to(np.reshape(axis_uncertainty, (-1, 1)), (n, 1)),
    ]
    return np.concatenate(columns, axis=1).astype(np.float32)


def alone_curves(features: NDArray[np.float32], edge: Edge, /) -> NDArray[np.float64]:
    """Cumulative distributions of the aligned shapes among the features, shape (n, bin)."""
    return np.cumsum(_shapes(features, edge), axis=1)


def _shapes(features: NDArray[np.float32], edge: Edge) -> NDArray[np.float64]:
    """Aligned shapes among the features, shape (n, bin), zero where the spectrum does not reach."""
    columns = [place for place, name in enumerate(alone_names(edge)) if name.startswith("aligned ")]
    return np.nan_to_num(features[:, columns].astype(np.float64))


def edge_log_snr(stack: EdgeStack, index: int, /) -> NDArray[np.float64]:
    """log10 of the signal-to-noise ratio of one edge, shape (n,)."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.log10(np.clip(np.nan_to_num(stack.snr[:, index], nan=0.0), 0.1, None)))


def stands_alone(stack: EdgeStack, index: int, /) -> NDArray[np.bool_]:
    """Spectra in which this edge is seen and no other, shape (n,)."""
    seen = stack.seen
    return np.asarray(seen[:, index] & (seen.sum(axis=1) == 1))
