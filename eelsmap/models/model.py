"""A trained model: edge stacks in, properties with intervals out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eelsmap.errors import NO_ANSWER, PixelFlag
from eelsmap.features import feature_matrix
from eelsmap.models.aligned_novelty import relative_score_of_both
from eelsmap.models.alone import AloneSpace, alone_curves, alone_features, edge_log_snr, stands_alone
from eelsmap.models.corrections import NO_CORRECTIONS, Corrections
from eelsmap.models.fast_trees import TreesByWidth
from eelsmap.models.intervals import NumberInterval, ProbabilityInterval
from eelsmap.models.novelty import Novelty
from eelsmap.preprocess.edge_stack import EdgeStack
from eelsmap.preprocess.given_edges import stack_of_given_edges
from eelsmap.properties import PROPERTIES
from eelsmap.recipe import Recipe

if TYPE_CHECKING:
    import pandas as pd
    from xgboost import Booster

__all__ = ["Model", "total_log_snr"]

_SMALLEST_SPREAD = 1e-4


@dataclass(frozen=True)
class Model:
    """Boosted trees for each property, with the recipe that their training spectra went through.

    Parameters
    ----------
    name, version, sha256
        Identity; ``sha256`` covers every part of the bundle.
    recipe
        The road from counts to features.
    targets
        Names of the properties, in the order of the table of properties.
    boosters
        Property name to booster; spreads under ``"<name>_spread"``.
    numbers, probabilities
        Calibration of each property's interval; specialists of one edge alone under ``"<name>_alone"``.
    novelty, novelty_aligned
        What the training spectra look like, on the axis and with each edge laid on its own maximum.
    alone
        By property with a specialist: what its training spectra look like.
    manifest
        The bundle's manifest: training library, metrics, limits in words, licence.
    card
        The model card, Markdown.
    corrections
        What a user's references changed (:mod:`eelsmap.models.calibration`); nothing in a model as it was trained.
    path
        Where the bundle lies; empty for a model that came with eelsmap or was never written.
    """

    name: str
    version: str
    sha256: str
    recipe: Recipe
    targets: tuple[str, ...]
    boosters: Mapping[str, Booster]
    numbers: Mapping[str, NumberInterval]
    probabilities: Mapping[str, ProbabilityInterval]
    novelty: Novelty
    novelty_aligned: Novelty | None
    alone: Mapping[str, AloneSpace]
    manifest: Mapping[str, Any]
    card: str
    corrections: Corrections = NO_CORRECTIONS
    path: str = ""

    @property
    def columns(self) -> list[str]:
        """Names of the predictions: each property, then its ``_lower`` and ``_upper``."""
        return [column for target in self.targets for column in (target, f"{target}_lower", f"{target}_upper")]

    @property
    def outputs(self) -> list[str]:
        """What :meth:`predict_stack` gives for every spectrum: :attr:`columns`, then ``"novelty"``."""
        return [*self.columns, "novelty"]

    @cached_property
    def _trees(self) -> TreesByWidth:
        """The boosters, laid out for fast prediction when they are first asked."""
        return TreesByWidth(self.boosters)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the laid-out trees behind when a model travels to another process, which lays them out again."""
        return {name: value for name, value in self.__dict__.items() if name != "_trees"}

    @property
    def runs_on(self) -> str:
        """What computes: ``"cpu"``, or the name of a GPU (:mod:`eelsmap.models.device_model`)."""
        return "cpu"

    def _features(self, stack: EdgeStack, axis_uncertainty: NDArray[np.float64] | float) -> NDArray[np.float32]:
        """Features of n pixels from their net counts."""
        return feature_matrix(stack, self.recipe, axis_uncertainty=axis_uncertainty)

    @property
    def reads_features_only(self) -> bool:
        """Whether features say all that the model wants to know of a pixel in which several edges are seen."""
        return not (any(self.corrections.shift.values()) or any(self.corrections.fwhm.values()))

    def predict_stack(
        self,
        stack: EdgeStack,
        /,
        *,
        axis_uncertainty: NDArray[np.float64] | float,
        features: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Predict the properties of n pixels.

        Parameters
        ----------
        stack
            Edges of n pixels, from :func:`eelsmap.preprocess.extract_edges` with this model's recipe.
        axis_uncertainty
            What may remain wrong of the energy axis, for each spectrum, shape (n,), or for all, eV; NaN where nobody
            knows.
        features
            The feature matrix of these pixels where it is known already and :attr:`reads_features_only` holds, shape
            (n, feature); `stack` need not hold net counts then, and no specialist is asked about single edges.

        Returns
        -------
        numpy.ndarray
            Shape (n, output), in the order of :attr:`outputs`. NaN where the pixel's flags end the answer, and for
            properties that rest on an edge which is missing or lost in noise. ``novelty`` is the distance from all
            training spectra over what is usual: spectra above 1 get the flag ``NOVEL`` in ``stack.flags``, in place,
            and keep their values. The valence of a metal whose edge is the only one seen comes from a specialist.
        """
        known = features is not None
        if features is None:
            stack = self.corrections.on_stack(stack, self.recipe)
            features = self._features(stack, axis_uncertainty)
        result = np.full((features.shape[0], len(self.outputs)), np.nan, dtype=np.float32)
        answered = (stack.flags & np.uint32(NO_ANSWER)) == 0
        rows = slice(None) if answered.all() else np.flatnonzero(answered)
        novelty, asked = result[:, -1], features[rows]
        if len(asked):
            result[rows, :-1] = self.predict_features(asked, total_log_snr(stack)[rows])
            novelty[rows] = relative_score_of_both(self.novelty, self.novelty_aligned, asked, self.recipe)
        for target in () if known else self.alone:
            self._answer_alone(target, stack, answered, axis_uncertainty, result)
        if self.corrections is not NO_CORRECTIONS:
            result[rows, :-1] = self.corrections.on_values(
                result[rows, :-1], asked, stack.seen[rows], self.targets, self.recipe, self.boosters
            )
            novelty /= self.corrections.novelty_factor
        with np.errstate(invalid="ignore"):
            stack.flags[novelty > 1] |= np.uint32(PixelFlag.NOVEL)
        self._leave_out(result, stack.flags, 3)
        return result

    def predict_values(self, stack: EdgeStack, features: NDArray[np.float32], /) -> NDArray[np.float32]:
        """Predict the properties of n pixels, without intervals and novelty, from features that are known already.

        Parameters
        ----------
        stack, features
            As for :meth:`predict_stack`.

        Returns
        -------
        numpy.ndarray
            Shape (n, property): what :meth:`predict_stack` gives for them.
        """
        result = np.full((len(features), len(self.targets)), np.nan, dtype=np.float32)
        answered = (stack.flags & np.uint32(NO_ANSWER)) == 0
        rows = slice(None) if answered.all() else np.flatnonzero(answered)
        asked = features[rows]
        if len(asked):
            said = self._said(list(self.targets), asked)
            values = np.stack([said[name] for name in self.targets])
            limits = [(-np.inf, np.inf) if name in self.probabilities else PROPERTIES[name].limits for name in said]
            low, high = np.array(limits).T[..., None]
            np.clip(values, low, high, out=values)
            for index, name in enumerate(self.targets):
                table = self.probabilities.get(name)
                if table is not None:
                    values[index] = np.interp(values[index], table.score, table.value)
            result[rows] = values.T
        self._leave_out(result, stack.flags, 1)
        return result

    def _leave_out(self, result: NDArray[np.float32], flags: NDArray[np.uint32], each: int) -> None:
        """Take back what rests on an edge that is not there, in place; `each`: columns of a property."""
        for index, target in enumerate(self.targets):
            edge = PROPERTIES[target].edge
            if edge is not None:
                without = (flags & np.uint32(PixelFlag.weak(edge) | PixelFlag.missing(edge))) != 0
                if without.any():
                    result[without, each * index : each * (index + 1)] = np.nan

    def _answer_alone(
        self,
        target: str,
        stack: EdgeStack,
        answered: NDArray[np.bool_],
        axis_uncertainty: NDArray[np.float64] | float,
        result: NDArray[np.float32],
    ) -> None:
        """Let the specialist of an edge answer where nothing else is seen, in place."""
        edge = PROPERTIES[target].edge
        index = self.recipe.edge_set.index(str(edge))
        rows = answered & stands_alone(stack, index)
        if not rows.any():
            return
        features = alone_features(stack, str(edge), self.recipe, axis_uncertainty=axis_uncertainty)[rows]
        log_snr = edge_log_snr(stack, index)[rows]
        column = 3 * self.targets.index(target)
        space, seen = self.alone[target], self.recipe.edge_set[str(edge)]
        trees = f"{target}_alone"
        said = self._said([trees, f"{trees}_spread"], space.with_scores(features, seen))
        result[rows, column : column + 3] = self._number(target, trees, said, log_snr)
        curves = alone_curves(features, seen)[:, None]
        result[rows, -1] = space.novelty.relative_score(curves, log_snr[:, None], np.ones((len(curves), 1), dtype=bool))

    def _said(self, names: list[str], features: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """Ask boosters about n spectra; each says (n,): the log odds of a class, the value of anything else."""
        numbers = [name for name in names if name not in self.probabilities]
        said = self._trees.predict(features, names, as_value=numbers).astype(np.float64)
        return dict(zip(names, said.T, strict=True))

    def _number(
        self, target: str, trees: str, said: Mapping[str, NDArray[np.float64]], log_snr: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Value, lower and upper end of a numeric property, shape (n, 3)."""
        raw, log_spread = said[trees], said[f"{trees}_spread"]
        half = self.numbers[trees].half_width(np.maximum(np.exp(log_spread), _SMALLEST_SPREAD), log_snr)
        return np.clip(np.stack([raw, raw - half, raw + half], axis=1), *PROPERTIES[target].limits)

    def predict_features(self, features: NDArray[np.float32], log_snr: NDArray[np.float64], /) -> NDArray[np.float32]:
        """Predict from a feature matrix, shape (n, feature), and log10 signal-to-noise, shape (n,)."""
        result = np.empty((features.shape[0], len(self.targets), 3), dtype=np.float32)
        numeric = [target for target in self.targets if target not in self.probabilities]
        said = self._said([*self.targets, *(f"{target}_spread" for target in numeric)], features)
        for index, target in enumerate(self.targets):
            if target in self.probabilities:
                result[:, index] = np.stack(self.probabilities[target].calibrate(said[target]), axis=1)
        if numeric:
            # All at once: what NumPy needs to begin is more than what it needs for some thousand numbers.
            raw, log_spread = (
                np.stack([said[f"{target}{ending}"] for target in numeric]) for ending in ("", "_spread")
            )
            half = np.maximum(np.exp(log_spread), _SMALLEST_SPREAD)
            for row, target in zip(half, numeric, strict=True):
                row[:] = self.numbers[target].half_width(row, log_snr)
            places = [self.targets.index(target) for target in numeric]
            low, high = np.array([PROPERTIES[target].limits for target in numeric]).T[..., None]
            for column, values in enumerate((raw, raw - half, raw + half)):
                result[:, places, column] = np.clip(values, low, high, out=values).T
        return result.reshape(len(result), -1)

    def predict(
        self,
        spectra: Mapping[str, tuple[ArrayLike, ArrayLike]],
        /,
        *,
        relative_intensity: bool = False,
        axis_uncertainty: float | None = None,
    ) -> pd.DataFrame:
        """Predict from spectra whose background was subtracted already.

        Parameters
        ----------
        spectra
            Edge name to (energy, intensity): energy of shape (channel,) in eV, ascending and uniform; intensity of
            shape (n, channel) or (channel,). Edges that are left out are missing modalities.
        relative_intensity
            Whether the edges share one intensity scale, so that their ratios say something about composition.
        axis_uncertainty
            Standard deviation of the error of the energies, eV; None where nobody knows.

        Returns
        -------
        pandas.DataFrame
            n rows; a column for each property, its ``_lower`` and ``_upper``, ``novelty`` (above 1 unlike all training
            spectra) and ``flags``.

        Raises
        ------
        RecipeError
            An edge is unknown, or covers too little of the window that the model reads.
        EnergyAxisError
            An energy axis cannot be used.
        """
        import pandas as pd

        stack = stack_of_given_edges(spectra, self.recipe, relative_intensity=relative_intensity)
        known = np.nan if axis_uncertainty is None else axis_uncertainty
        table = pd.DataFrame(self.predict_stack(stack, axis_uncertainty=known), columns=self.outputs)
        return table.assign(flags=stack.flags)


def total_log_snr(stack: EdgeStack, /) -> NDArray[np.float64]:
    """log10 of the signal-to-noise ratio of all edges together, shape (n,)."""
    squared = np.square(np.maximum(np.nan_to_num(stack.snr, nan=0.0), 0.0)).sum(axis=1)
    return 0.5 * np.log10(np.maximum(squared, 1e-2))
