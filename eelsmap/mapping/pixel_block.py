"""Pixels through the whole road: counts in, properties out. A plain function on arrays, for any executor."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.models.model import Model
from eelsmap.preprocess.edge_stack import extract_edges
from eelsmap.preprocess.plan import Plan
from eelsmap.recipe import Recipe

__all__ = ["PropertyWork", "plan_token"]


@dataclass(frozen=True)
class PropertyWork:
    """The properties of pixels, with all that was decided for the image.

    Parameters
    ----------
    plan
        What was decided for the image.
    recipe
        The road; its edges and features are those of the model.
    model
        The model.
    """

    plan: Plan
    recipe: Recipe
    model: Model

    @property
    def names(self) -> list[str]:
        """Names of the outputs: properties with intervals, novelty, counts, signal-to-noise ratios, flags."""
        quality = [f"snr_{edge}" for edge in self.recipe.edge_set.names]
        return [*self.model.outputs, "counts", *quality, "flags"]

    def __dask_tokenize__(self) -> tuple[str, ...]:
        """Identity for dask, which would otherwise serialise every tree to find it."""
        return self.model.sha256, *plan_token(self.plan, self.recipe)

    def __call__(self, counts: NDArray[np.generic], **known: Any) -> NDArray[np.float32]:
        """Treat n pixels.

        Parameters
        ----------
        counts
            Shape (n, channel), any number type.
        known
            What else is known of each pixel; see :func:`eelsmap.preprocess.extract_edges`.

        Returns
        -------
        numpy.ndarray
            Shape (n, output), float32, in the order of :attr:`names`; flags fit exactly.
        """
        stack = extract_edges(counts, self.plan, self.recipe, **known)
        predicted = self.model.predict_stack(stack, axis_uncertainty=stack.axis_uncertainty)
        quality = np.column_stack([stack.counts, stack.snr, stack.flags]).astype(np.float32)
        return np.concatenate([predicted, quality], axis=1)


def plan_token(plan: Plan, recipe: Recipe, /) -> tuple[str, ...]:
    """Short texts that differ where two plans would treat a pixel differently, for dask."""
    arrays = [plan.energy, plan.reference]
    for holder in (plan.drift, plan.faults, plan.components):
        if holder is not None:
            arrays += [value for value in vars(holder).values() if isinstance(value, np.ndarray)]
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()
    decided = (plan.axis, plan.gain, plan.minimum_counts, plan.zero_loss, plan.windows)
    return digest, repr(decided), recipe.sha256
