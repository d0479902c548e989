"""Simulated spectra of the structures that no model is trained on, as one table that parts can be exchanged in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.features import feature_matrix, feature_names
from eelsmap.models.training_mixtures import sample_unseen_mixtures
from eelsmap.models.training_spectra import make_training_stacks
from eelsmap.preprocess.edge_stack import EdgeStack
from eelsmap.recipe import Recipe

if TYPE_CHECKING:
    from eelsmap.library import Library

__all__ = ["HeldOut", "held_out_spectra"]


class HeldOut(NamedTuple):
    """Edge stack of n spectra, their features (n, feature) and labels by property (n,)."""

    stack: EdgeStack
    features: NDArray[np.float32]
    labels: dict[str, NDArray[np.float64]]

    def features_of(self, net: NDArray[np.float64], recipe: Recipe) -> NDArray[np.float32]:
        """Features of the same spectra with other net counts (n, edge, point), shape (n, feature)."""
        table = feature_matrix(self.stack._replace(net=net), recipe, axis_uncertainty=0.0)
        # The spectra come from several axes; what depends on the axis alone stays as it was.
        kept = [
            column
            for column, name in enumerate(feature_names(recipe))
            if name.split()[0] in ("coverage", "axis_uncertainty")
        ]
        table[:, kept] = self.features[:, kept]
        return table


def held_out_spectra(library: Library, recipe: Recipe, /, *, rows: int, seed: int) -> HeldOut:
    """Make spectra of the library's ``test`` structures, over the ranges of microscopes of the training.

    Parameters
    ----------
    library
        The spectral library.
    recipe
        The road of the model.
    rows
        Number of spectra; those in which no edge is seen are then left out.
    seed
        Seed of the draw.

    Returns
    -------
    HeldOut
        All in one table.
    """
    random = np.random.default_rng(seed)
    mixtures, _ = sample_unseen_mixtures(library, rows, random)
    chunks = list(make_training_stacks(library, mixtures, recipe, random))
    seen = [chunk.stack.seen.any(axis=1) for chunk in chunks]
    features = [
        feature_matrix(chunk.stack, recipe, axis_uncertainty=chunk.axis_uncertainty)[rows]
        for chunk, rows in zip(chunks, seen, strict=True)
    ]

    def joined(name: str) -> NDArray[np.float64]:
        parts = [getattr(chunk.stack, name)[rows] for chunk, rows in zip(chunks, seen, strict=True)]
        return np.asarray(np.concatenate(parts))

    stack = EdgeStack(
        net=joined("net"),
        net_counts=joined("net_counts"),
        snr=joined("snr"),
        weak=joined("weak").astype(bool),
        coverage=np.ones(len(recipe.edge_set)),
        counts=joined("counts"),
        flags=joined("flags").astype(np.uint32),
    )
    labels = {
        name: np.concatenate([chunk.labels[name][rows] for chunk, rows in zip(chunks, seen, strict=True)])
        for name in chunks[0].labels
    }
    return HeldOut(stack, np.concatenate(features), labels)
