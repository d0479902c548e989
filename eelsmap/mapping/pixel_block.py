"""Pixels through the whole road: counts in, properties out. A plain function on arrays, for any executor."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.features.lane_road import LaneRoad
from eelsmap.models.corrections import NO_CORRECTIONS
from eelsmap.models.model import Model
from eelsmap.preprocess.edge_stack import EdgeStack
from eelsmap.preprocess.extraction import extract_edges
from eelsmap.preprocess.fused_extraction import can_be_fused
from eelsmap.preprocess.plan import Plan
from eelsmap.recipe import Recipe

__all__ = ["PropertyWork", "plan_token"]


class PropertyWork:
    """The properties of pixels, with all that was decided for the image.

    No dataclass: dask would look into every tree of the model for something to compute.

    Parameters
    ----------
    plan
        What was decided for the image.
    recipe
        The road; its edges and features are those of the model.
    model
        The model.
    values_only
        Whether intervals and novelty are left out; values stay the same, to the flags that novelty sets.
    """

    def __init__(self, plan: Plan, recipe: Recipe, model: Model, *, values_only: bool = False) -> None:
        self.plan, self.recipe, self.model, self.values_only = plan, recipe, model, values_only
        self._road: LaneRoad | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what another process works out again at its first block."""
        return {**self.__dict__, "_road": None}

    @property
    def names(self) -> list[str]:
        """Names of the outputs: properties with intervals, novelty, counts, signal-to-noise ratios, flags."""
        quality = [f"snr_{edge}" for edge in self.recipe.edge_set.names]
        return [*(self.model.targets if self.values_only else self.model.outputs), "counts", *quality, "flags"]

    def __dask_tokenize__(self) -> tuple[str, ...]:
        """Identity for dask, which would otherwise serialise every tree to find it."""
        return self.model.sha256, self.model.runs_on, repr(self.values_only), *plan_token(self.plan, self.recipe)

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
        if not (set(known) <= {"shift"} and can_be_fused(self.plan, self.recipe) and self.model.reads_features_only):
            return self._by_stack(counts, known)
        # Two threads that come first at once both make one, and either is right.
        road = self._road = self._road or LaneRoad(self.plan, self.recipe)
        stack, features = road(counts, **known)
        if self.values_only and self.model.corrections is NO_CORRECTIONS:
            predicted = self.model.predict_values(stack, features)
        else:
            predicted = self._chosen(
                self.model.predict_stack(stack, axis_uncertainty=stack.axis_uncertainty, features=features)
            )
        result = _with_quality(predicted, stack)
        # A specialist reads the net counts of an edge that stands alone.
        lone = np.flatnonzero(stack.seen.sum(axis=1) == 1) if self.model.alone else np.empty(0, dtype=np.intp)
        if lone.size:
            result[lone] = self._by_stack(counts[lone], {name: part[lone] for name, part in known.items()})
        return result

    def _by_stack(self, counts: NDArray[np.generic], known: Mapping[str, Any]) -> NDArray[np.float32]:
        """Treat pixels by way of their net counts, as every recipe and every model can."""
        stack = extract_edges(counts, self.plan, self.recipe, **known)
        predicted = self.model.predict_stack(stack, axis_uncertainty=stack.axis_uncertainty)
        return _with_quality(self._chosen(predicted), stack)

    def _chosen(self, predicted: NDArray[np.float32]) -> NDArray[np.float32]:
        """Leave out the columns that nobody asked for."""
        return predicted[:, : 3 * len(self.model.targets) : 3] if self.values_only else predicted


def _with_quality(predicted: NDArray[np.float32], stack: EdgeStack) -> NDArray[np.float32]:
    """Append counts, signal-to-noise ratios and flags to predictions."""
    edges = stack.snr.shape[1]
    result = np.empty((len(predicted), predicted.shape[1] + 2 + edges), dtype=np.float32)
    result[:, : predicted.shape[1]] = predicted
    result[:, -2 - edges] = stack.counts
    result[:, -1 - edges : -1] = stack.snr
    result[:, -1] = stack.flags
    return result


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
