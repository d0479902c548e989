"""Pixels through the whole road: counts in, properties out. A plain function on arrays, for any executor."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.models.model import Model
from eelsmap.preprocess.extraction import extract_edges
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
    digest = hashlib.sha256()
    _feed(digest, plan)
    return digest.hexdigest(), recipe.sha256


def _feed(digest: hashlib._Hash, value: Any) -> None:
    """Add a value, whatever it holds, to a hash."""
    if isinstance(value, np.ndarray):
        digest.update(f"{value.shape} {value.dtype}".encode() + np.ascontiguousarray(value).tobytes())
    elif is_dataclass(value):
        for item in fields(value):
            digest.update(item.name.encode())
            _feed(digest, getattr(value, item.name))
    elif isinstance(value, Mapping):
        for key in sorted(value):
            digest.update(repr(key).encode())
            _feed(digest, value[key])
    elif isinstance(value, tuple | list):
        digest.update(f"{len(value)} ".encode())
        for item in value:
            _feed(digest, item)
    else:
        digest.update(f"{value!r};".encode())
