"""A trained model: edge stacks in, properties with intervals out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eelsmap.errors import NO_ANSWER, BundleError, PixelFlag
from eelsmap.features import feature_energies, feature_matrix, feature_names, seen_distributions
from eelsmap.models.bundle import read_bundle
from eelsmap.models.intervals import NumberInterval, ProbabilityInterval
from eelsmap.models.novelty import Novelty
from eelsmap.preprocess.edge_stack import EdgeStack
from eelsmap.preprocess.given_edges import stack_of_given_edges
from eelsmap.properties import PROPERTIES
from eelsmap.recipe import Recipe

if TYPE_CHECKING:
    import pandas as pd
    from xgboost import Booster

__all__ = ["Model", "load_model", "total_log_snr"]

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
        Calibration of each property's interval.
    novelty
        What the training spectra look like.
    manifest
        The bundle's manifest: training library, metrics, limits in words, licence.
    card
        The model card, Markdown.
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
    manifest: Mapping[str, Any]
    card: str

    @property
    def columns(self) -> list[str]:
        """Names of the predictions: each property, then its ``_lower`` and ``_upper``."""
        return [column for target in self.targets for column in (target, f"{target}_lower", f"{target}_upper")]

    def predict_stack(self, stack: EdgeStack, /, *, axis_uncertainty: float) -> NDArray[np.float32]:
        """Predict the properties of n pixels.

        Parameters
        ----------
        stack
            Edges of n pixels, from :func:`eelsmap.preprocess.extract_edges` with this model's recipe.
        axis_uncertainty
            What may remain wrong of the energy axis, eV.

        Returns
        -------
        numpy.ndarray
            Shape (n, column), in the order of :attr:`columns`. NaN where the pixel's flags end the answer, and for
            properties that rest on an edge which is missing or lost in noise. Spectra unlike the training spectra
            get the flag ``NOVEL`` in ``stack.flags``, in place; they keep their values.
        """
        features = feature_matrix(stack, self.recipe, axis_uncertainty=axis_uncertainty)
        result = np.full((features.shape[0], len(self.columns)), np.nan, dtype=np.float32)
        answered = (stack.flags & np.uint32(NO_ANSWER)) == 0
        if answered.any():
            result[answered] = self.predict_features(features[answered], total_log_snr(stack)[answered])
            novel = self.novelty.relative_score(*seen_distributions(features[answered], self.recipe)) > 1
            stack.flags[np.flatnonzero(answered)[novel]] |= np.uint32(PixelFlag.NOVEL)
        for index, target in enumerate(self.targets):
            edge = PROPERTIES[target].edge
            if edge is not None:
                without = np.uint32(PixelFlag.weak(edge) | PixelFlag.missing(edge))
                result[(stack.flags & without) != 0, 3 * index : 3 * index + 3] = np.nan
        return result

    def predict_features(self, features: NDArray[np.float32], log_snr: NDArray[np.float64], /) -> NDArray[np.float32]:
        """Predict from a feature matrix, shape (n, feature), and log10 signal-to-noise, shape (n,)."""
        result = np.empty((features.shape[0], len(self.columns)), dtype=np.float32)
        for index, target in enumerate(self.targets):
            raw = self.boosters[target].inplace_predict(features, predict_type="margin").astype(np.float64)
            if target in self.probabilities:
                value, lower, upper = self.probabilities[target].calibrate(raw)
            else:
                log_spread = self.boosters[f"{target}_spread"].inplace_predict(features).astype(np.float64)
                half = self.numbers[target].half_width(np.maximum(np.exp(log_spread), _SMALLEST_SPREAD), log_snr)
                value, lower, upper = raw, raw - half, raw + half
            low, high = PROPERTIES[target].limits
            result[:, 3 * index : 3 * index + 3] = np.clip(np.stack([value, lower, upper], axis=1), low, high)
        return result

    def predict(
        self,
        spectra: Mapping[str, tuple[ArrayLike, ArrayLike]],
        /,
        *,
        relative_intensity: bool = False,
        axis_uncertainty: float = 0.7,
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
            Standard deviation of the error of the energies, eV.

        Returns
        -------
        pandas.DataFrame
            n rows; a column for each property, its ``_lower`` and ``_upper``, and ``flags``.

        Raises
        ------
        RecipeError
            An edge is unknown, or covers too little of the window that the model reads.
        EnergyAxisError
            An energy axis cannot be used.
        """
        import pandas as pd

        stack = stack_of_given_edges(spectra, self.recipe, relative_intensity=relative_intensity)
        table = pd.DataFrame(self.predict_stack(stack, axis_uncertainty=axis_uncertainty), columns=self.columns)
        return table.assign(flags=stack.flags)


def total_log_snr(stack: EdgeStack, /) -> NDArray[np.float64]:
    """log10 of the signal-to-noise ratio of all edges together, shape (n,)."""
    squared = np.square(np.maximum(np.nan_to_num(stack.snr, nan=0.0), 0.0)).sum(axis=1)
    return 0.5 * np.log10(np.maximum(squared, 1e-2))


def load_model(name_or_path: str | Path) -> Model:
    """Load a shipped model by name, or a bundle by its path.

    Parameters
    ----------
    name_or_path
        ``"nmc"``, or the path of a bundle folder or zip.

    Returns
    -------
    Model
        Ready to predict.

    Raises
    ------
    UnknownModelError
        No such model is shipped and nothing lies at such a path.
    BundleError
        The bundle is incomplete, damaged, or not of this version.
    """
    import xgboost

    manifest, parts, sha256 = read_bundle(name_or_path)
    try:
        recipe = Recipe.from_dict(manifest["recipe"])
        calibration = json.loads(parts["calibration.json"])
        targets = tuple(manifest["targets"])
        boosters = {}
        for name, content in parts.items():
            if name.endswith(".ubj"):
                booster = xgboost.Booster({"nthread": 1})
                booster.load_model(bytearray(content))
                # Blocks run side by side already; threads inside a block would only fight.
                booster.set_param({"nthread": 1})
                boosters[name.removesuffix(".ubj")] = booster
        numbers = {name: NumberInterval.from_dict(item) for name, item in calibration["numbers"].items()}
        probabilities = {
            name: ProbabilityInterval.from_dict(item) for name, item in calibration["probabilities"].items()
        }
        model = Model(
            manifest["name"], manifest["version"], sha256, recipe, targets, boosters, numbers, probabilities,
            Novelty.from_bytes(parts["novelty.npz"]), manifest, parts["card.md"].decode(),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, xgboost.core.XGBoostError) as error:
        raise BundleError(f"{name_or_path}: the bundle lacks or garbles a part ({error}); get a fresh copy") from error
    _check_parts(model, str(name_or_path))
    return model


def _check_parts(model: Model, where: str) -> None:
    """Refuse a bundle whose parts do not fit each other."""
    unknown = [target for target in model.targets if target not in PROPERTIES]
    if unknown:
        raise BundleError(f"{where}: unknown properties {', '.join(unknown)}; the bundle is of another version")
    width = len(feature_names(model.recipe))
    points = int(np.isfinite(feature_energies(model.recipe)).sum())
    if model.novelty.mean.size != points:
        raise BundleError(f"{where}: novelty knows {model.novelty.mean.size} points, but the recipe makes {points}")
    for target in model.targets:
        needed = [target] if target in model.probabilities else [target, f"{target}_spread"]
        if target not in model.probabilities and target not in model.numbers:
            raise BundleError(f"{where}: no calibration for {target}")
        for name in needed:
            if name not in model.boosters:
                raise BundleError(f"{where}: no trees for {name}")
            if model.boosters[name].num_features() != width:
                raise BundleError(
                    f"{where}: the trees of {name} read {model.boosters[name].num_features()} features, "
                    f"but the recipe makes {width}"
                )
