"""References: measured (or held-out simulated) spectra with known values, and what a model says of them.

Corrections are learned from rows: features, predictions with intervals, known values, and the specimen that each row
belongs to. Whole specimens are held out when anything is judged, because repetitions of one are too alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import LibraryError
from eelsmap.features import feature_matrix
from eelsmap.models.corrections import Corrections
from eelsmap.models.evaluation_measured import MeasuredSet
from eelsmap.models.evaluation_measured.evaluate import known_values
from eelsmap.models.evaluation_measured.stacks import rows_of, stacks_of_specimens
from eelsmap.preprocess.edge_stack import EdgeStack
from eelsmap.properties import PROPERTIES

if TYPE_CHECKING:
    from eelsmap.models.model import Model

__all__ = ["ReferenceSet", "Rows", "measured_references", "whole_groups"]


_MOST_KEPT = 6
"""Feature matrices that are kept for the next time."""


@dataclass(frozen=True)
class Rows:
    """What corrections after the trees are learned from.

    Parameters
    ----------
    features
        Feature matrix, shape (n, feature).
    values
        Predictions, lower and upper ends, shape (n, 3 * property), in the order of the model's columns.
    truth
        Known values by property, NaN where unknown, shape (n,) each.
    group
        Specimen of each row as a number, shape (n,).
    seen
        Which edges are seen, shape (n, edge).
    """

    features: NDArray[np.float32]
    values: NDArray[np.float64]
    truth: dict[str, NDArray[np.float64]]
    group: NDArray[np.intp]
    seen: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.group)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp], /) -> Rows:
        """Only some rows."""
        truth = {name: value[rows] for name, value in self.truth.items()}
        return Rows(self.features[rows], self.values[rows], truth, self.group[rows], self.seen[rows])

    def weights(self) -> NDArray[np.float64]:
        """Weight of each row: every specimen counts the same, however often it was measured; shape (n,)."""
        counts = np.bincount(self.group)[self.group]
        return 1.0 / counts


@dataclass(frozen=True)
class ReferenceSet:
    """References as edge stacks, so that they can be moved and broadened before a model predicts them.

    Parameters
    ----------
    model
        The model that they are to correct.
    stacks
        Stacks with the places of their rows among all.
    truth, group, group_names
        As in :class:`Rows`; the name of each specimen by its number.
    axis_uncertainty
        For the model's features, eV; NaN where nobody knows.
    refused
        Names of what could not be used, with the reason.
    """

    model: Model
    stacks: list[tuple[NDArray[np.intp], EdgeStack]]
    truth: dict[str, NDArray[np.float64]]
    group: NDArray[np.intp]
    group_names: list[str]
    axis_uncertainty: float
    refused: dict[str, str]
    _values: dict[str, NDArray[np.float64]] = field(default_factory=dict, repr=False, compare=False)
    _rows: dict[str, Rows] = field(default_factory=dict, repr=False, compare=False)

    @property
    def edges(self) -> list[str]:
        """Edges that are seen in any reference."""
        names = self.model.recipe.edge_set.names
        return [name for index, name in enumerate(names) if any(stack.seen[:, index].any() for _, stack in self.stacks)]

    def rows(self, shift: Mapping[str, float] | None = None, fwhm: Mapping[str, float] | None = None, /) -> Rows:
        """Features and predictions of all references after their edges were moved and broadened.

        Parameters
        ----------
        shift, fwhm
            By edge, eV; see :class:`eelsmap.models.corrections.Corrections`.
        """
        key = _key(shift, fwhm)
        if key not in self._rows:
            if len(self._rows) >= _MOST_KEPT:
                del self._rows[next(iter(self._rows))]
            self._rows[key] = self._predicted(Corrections(shift or {}, fwhm or {}))
        return self._rows[key]

    def values(
        self, shift: Mapping[str, float] | None = None, fwhm: Mapping[str, float] | None = None, /
    ) -> NDArray[np.float64]:
        """Only the predictions of :meth:`rows`; those of every trial are kept, because they are small."""
        key = _key(shift, fwhm)
        if key not in self._values:
            self._values[key] = self.rows(shift, fwhm).values
        return self._values[key]

    def novelty(self) -> NDArray[np.float64]:
        """How unlike the training spectra each reference is, shape (n,): above 1 it is called novel."""
        result = np.full(len(self.group), np.nan)
        for places, stack in self.stacks:
            copied = stack._replace(flags=stack.flags.copy())
            predicted = self.model.predict_stack(copied, axis_uncertainty=self.axis_uncertainty)
            result[places] = predicted[:, self.model.outputs.index("novelty")]
        return result

    def _predicted(self, corrections: Corrections) -> Rows:
        """Predict with some corrections before the features."""
        n = len(self.group)
        recipe = self.model.recipe
        values = np.full((n, len(self.model.columns)), np.nan)
        seen = np.zeros((n, len(recipe.edge_set)), dtype=bool)
        features = np.empty((n, 0), dtype=np.float32)
        for places, stack in self.stacks:
            # Predicting sets flags in place; the next prediction must not see them.
            moved = corrections.on_stack(stack, recipe)._replace(flags=stack.flags.copy())
            found = feature_matrix(moved, recipe, axis_uncertainty=self.axis_uncertainty)
            if not features.size:
                features = np.full((n, found.shape[1]), np.nan, dtype=np.float32)
            features[places] = found
            predicted = self.model.predict_stack(moved, axis_uncertainty=self.axis_uncertainty)
            values[places] = predicted[:, : values.shape[1]]
            seen[places] = stack.seen
        return Rows(features, values, self.truth, self.group, seen)


def measured_references(
    given: MeasuredSet, model: Model, /, *, axis_uncertainty: float | None = None, relative_intensity: bool = False
) -> ReferenceSet:
    """Make references of measured spectra.

    Parameters
    ----------
    given
        Spectra with known values.
    model
        The model that they are to correct.
    axis_uncertainty
        Standard deviation of the error of the energies, eV; None where nobody knows.
    relative_intensity
        Whether the edges of one specimen share one intensity scale.

    Returns
    -------
    ReferenceSet
        Of all specimens that can be used and of which a property that the model predicts is known.

    Raises
    ------
    LibraryError
        There is none.
    """
    usable = given.usable
    found = stacks_of_specimens(usable, model.recipe, relative_intensity=relative_intensity)
    refused = {specimen.name: specimen.refusal for specimen in given.specimens if specimen.refusal}
    refused |= {usable[place].name: reason for place, reason in found.refused.items()}
    truth = {name: known_values(usable, name) for name in model.targets}
    for name, item in PROPERTIES.items():
        if item.probability and name in truth:
            share = truth[name]
            truth[name] = np.where(share >= 0.5, 1.0, np.where(share <= 1e-9, 0.0, np.nan))
    labelled = np.any([np.isfinite(value) for value in truth.values()], axis=0)
    kept = labelled & ~np.isin(np.arange(len(usable)), list(found.refused))
    if not kept.any():
        raise LibraryError("no reference can be used: " + ("; ".join(list(refused.values())[:3]) or "none has a value"))
    new = np.cumsum(kept) - 1
    stacks = [
        (new[places[kept[places]]], rows_of(stack, np.flatnonzero(kept[places])))
        for places, stack in found.stacks
        if kept[places].any()
    ]
    names = [usable[place].group for place in np.flatnonzero(kept)]
    group_names = list(dict.fromkeys(names))
    number = {name: index for index, name in enumerate(group_names)}
    return ReferenceSet(
        model, stacks, {name: value[kept] for name, value in truth.items() if np.isfinite(value[kept]).any()},
        np.array([number[name] for name in names]), group_names,
        np.nan if axis_uncertainty is None else axis_uncertainty, refused,
    )  # fmt: skip


def _key(shift: Mapping[str, float] | None, fwhm: Mapping[str, float] | None) -> str:
    """Name of some corrections before the features."""
    return repr((sorted((shift or {}).items()), sorted((fwhm or {}).items())))


def whole_groups(group: NDArray[np.intp], parts: int, seed: int, /) -> list[NDArray[np.bool_]]:
    """Deal specimens into parts to be held out one after the other: one specimen each where there are few enough.

    Parameters
    ----------
    group
        Specimen of each row, shape (n,).
    parts
        Most parts.
    seed
        Of the deal.

    Returns
    -------
    list of numpy.ndarray
        Rows that are held out, shape (n,) each.
    """
    names = np.random.default_rng(seed).permutation(np.unique(group))
    dealt: Sequence[NDArray[np.intp]] = np.array_split(names, min(parts, names.size))
    return [np.isin(group, part) for part in dealt]
