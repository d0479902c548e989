"""One block of pixels through the whole road: counts in, maps out. A plain function on arrays, for any executor."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eelsmap.models.model import Model
from eelsmap.preprocess.edge_stack import extract_edges
from eelsmap.preprocess.plan import Plan

__all__ = ["PixelBlock"]


@dataclass(frozen=True)
class PixelBlock:
    """The work on one block, with all that was decided for the image.

    Parameters
    ----------
    plan
        What was decided for the image.
    model
        The model.
    """

    plan: Plan
    model: Model

    @property
    def names(self) -> list[str]:
        """Names of the outputs: properties with intervals, novelty, counts, signal-to-noise ratios, flags."""
        quality = [f"snr_{edge}" for edge in self.model.recipe.edge_set.names]
        return [*self.model.outputs, "counts", *quality, "flags"]

    def __dask_tokenize__(self) -> tuple[str, str, str]:
        """Identity for dask, which would otherwise serialise every tree to find it."""
        plan = self.plan
        arrays = hashlib.sha256(plan.energy.tobytes() + plan.reference.tobytes()).hexdigest()
        return self.model.sha256, arrays, repr((plan.axis, plan.gain, plan.minimum_counts, plan.zero_loss))

    def __call__(self, counts: NDArray[np.generic], shift: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
        """Treat one block.

        Parameters
        ----------
        counts
            Shape (..., channel), any number type.
        shift
            Zero-loss position of each pixel, shape (...), eV; or with a last axis of length 1.

        Returns
        -------
        numpy.ndarray
            Shape (..., output), float32, in the order of :attr:`names`; flags fit exactly.
        """
        navigation = counts.shape[:-1]
        flat = counts.reshape(-1, counts.shape[-1])
        by_pixel = None if shift is None else np.asarray(shift, dtype=np.float64).reshape(-1)
        stack = extract_edges(flat, self.plan, self.model.recipe, shift=by_pixel)
        predicted = self.model.predict_stack(stack, axis_uncertainty=self.plan.axis.uncertainty)
        quality = np.column_stack([stack.counts, stack.snr, stack.flags]).astype(np.float32)
        return np.concatenate([predicted, quality], axis=1).reshape(*navigation, -1)
