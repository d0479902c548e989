"""What references change about a model: an optional part ``corrections.json`` of its bundle.

Two places. *Before the features*: each edge is moved along energy and broadened, where references show that a
microscope's axis or resolution is not what the model expects. *After the trees*: a property becomes
``offset + slope * prediction + residual``, where the residual is a linear function of the cumulative distributions
(``ridge``) or further boosted trees that are a part of the bundle of their own; its interval is multiplied by a factor.
Everything is plain numbers, so a corrected model is as safe to load as any other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from eelsmap.features import feature_energies, feature_names
from eelsmap.models.strict_json import read_json
from eelsmap.preprocess.edge_stack import EdgeStack
from eelsmap.properties import PROPERTIES
from eelsmap.recipe import Recipe

if TYPE_CHECKING:
    from xgboost import Booster

__all__ = ["CORRECTIONS", "NO_CORRECTIONS", "Corrections", "Ridge", "distribution_columns", "floored_half", "tree_name"]

CORRECTIONS = "corrections.json"
"""Name of the part of a bundle."""
VERSION = 1
APPLIES_TO = ("any", "one edge", "several edges")
_TAIL_EV = 3.0
_SMALLEST_HALF = 0.02
"""Of the physical range."""
_FWHM_PER_SIGMA = float(np.sqrt(8 * np.log(2)))
_LARGEST_SHIFT_EV = 30.0
_LARGEST_FWHM_EV = 10.0


@dataclass(frozen=True)
class Ridge:
    """Linear correction of one property on the cumulative distributions.

    Parameters
    ----------
    mean, weights
        Shape (column,), of the columns of the feature matrix that are distributions; a missing edge counts as the mean.
    limit
        Largest correction either way: no spectrum is moved further than a reference was.
    """

    mean: tuple[float, ...]
    weights: tuple[float, ...]
    limit: float

    def __call__(self, distributions: NDArray[np.floating], /) -> NDArray[np.float64]:
        """Correction of n spectra from their distributions (n, column), shape (n,)."""
        centred = np.nan_to_num(distributions.astype(np.float64) - np.asarray(self.mean), nan=0.0)
        # einsum, unlike BLAS, sums every row alike however many rows there are.
        moved: NDArray[np.float64] = np.einsum("nc,c->n", centred, np.asarray(self.weights))
        return np.clip(moved, -self.limit, self.limit)


@dataclass(frozen=True)
class Corrections:
    """All that references change.

    Parameters
    ----------
    shift, fwhm
        By edge: added to the energies, and full width at half maximum of the Gaussian that it is broadened by, eV.
    affine
        By property: offset and slope of the correction.
    ridge
        By property: linear correction on the distributions.
    trees
        Properties that have further trees in the bundle, under :func:`tree_name`.
    interval_factor
        By property: factor on the half width of the interval.
    novelty_factor
        Factor on the threshold above which a spectrum is called novel.
    applies_to
        ``"one edge"`` where values of spectra with a single edge are corrected, because the references were such (a
        model answers them by other trees than spectra with several), ``"several edges"``, or ``"any"``. What is done
        before the features holds for all: it is about the microscope.
    """

    shift: Mapping[str, float] = field(default_factory=dict)
    fwhm: Mapping[str, float] = field(default_factory=dict)
    affine: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    ridge: Mapping[str, Ridge] = field(default_factory=dict)
    trees: tuple[str, ...] = ()
    interval_factor: Mapping[str, float] = field(default_factory=dict)
    novelty_factor: float = 1.0
    applies_to: str = "any"

    def on_stack(self, stack: EdgeStack, recipe: Recipe, /) -> EdgeStack:
        """Move and broaden the edges of n pixels.

        Parameters
        ----------
        stack
            Edges as extracted; left as it is.
        recipe
            The road.

        Returns
        -------
        EdgeStack
            The same object where there is nothing to change; else with ``net`` of its own and the same ``flags``.
        """
        moved = {name: value for name, value in self.shift.items() if value}
        widened = {name: value for name, value in self.fwhm.items() if value}
        if not (moved or widened):
            return stack
        net = stack.net.copy()
        for index, edge in enumerate(recipe.edge_set):
            grid = edge.grid(recipe.edge_set.points)
            step = float(grid[1] - grid[0])
            if edge.name in moved:
                net[:, index] = _moved(net[:, index], moved[edge.name] / step, round(_TAIL_EV / step))
            if edge.name in widened:
                sigma = widened[edge.name] / _FWHM_PER_SIGMA / step
                net[:, index] = gaussian_filter1d(net[:, index], sigma, axis=-1, mode="nearest")
        return stack._replace(net=net)

    def on_values(
        self,
        values: NDArray[np.float32],
        features: NDArray[np.float32],
        seen: NDArray[np.bool_],
        targets: Sequence[str],
        recipe: Recipe,
        boosters: Mapping[str, Booster],
        /,
    ) -> NDArray[np.float32]:
        """Correct predictions and their intervals.

        Parameters
        ----------
        values
            Shape (n, 3 * property): prediction, lower and upper end of each; left as it is.
        features
            Feature matrix that they were predicted from, shape (n, feature).
        seen
            Which edges are seen, shape (n, edge); see :attr:`applies_to`.
        targets
            Properties in the order of the columns.
        recipe
            The road.
        boosters
            Trees of the bundle by name.

        Returns
        -------
        numpy.ndarray
            Corrected, inside the physical range.
        """
        changed = {*self.affine, *self.ridge, *self.trees, *self.interval_factor}
        if not changed:
            return values
        number = seen.sum(axis=1)
        rows = {"any": number > 0, "one edge": number == 1, "several edges": number > 1}[self.applies_to]
        result = values.copy()
        distributions = features[:, distribution_columns(recipe)] if self.ridge else None
        for index, name in enumerate(targets):
            if name not in changed:
                continue
            columns = slice(3 * index, 3 * index + 3)
            value, lower, upper = values[:, columns].astype(np.float64).T
            # Limits of the physical range cut one side of an interval; the other side still tells its width.
            half = np.maximum(value - lower, upper - value)
            offset, slope = self.affine.get(name, (0.0, 1.0))
            corrected = offset + slope * value
            if name in self.ridge and distributions is not None:
                corrected += self.ridge[name](distributions)
            if name in self.trees:
                corrected += boosters[tree_name(name)].inplace_predict(features).astype(np.float64)
            half = half * abs(slope)
            if name in self.interval_factor:
                half = self.interval_factor[name] * floored_half(name, half)
            stacked = np.stack([corrected, corrected - half, corrected + half], axis=1)
            limited = np.clip(stacked, *PROPERTIES[name].limits)
            result[:, columns] = np.where(rows[:, None], limited, values[:, columns])
        return result

    def to_json(self) -> str:
        """Text of the part, the same for the same corrections."""
        return json.dumps({"version": VERSION, **asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Corrections:
        """Rebuild from :meth:`to_json`.

        Raises
        ------
        BundleError, ValueError
            It is none of this version, or says what no correction can.
        """
        content = read_json(text if isinstance(text, bytes) else text.encode(), CORRECTIONS)
        if content.pop("version", None) != VERSION:
            raise ValueError(f"{CORRECTIONS} is of another version")
        try:
            for key in ("shift", "fwhm", "interval_factor"):
                content[key] = {str(name): float(value) for name, value in content[key].items()}
            content["affine"] = {name: (float(pair[0]), float(pair[1])) for name, pair in content["affine"].items()}
            content["ridge"] = {
                name: Ridge(tuple(map(float, item["mean"])), tuple(map(float, item["weights"])), float(item["limit"]))
                for name, item in content["ridge"].items()
            }
            content["trees"] = tuple(map(str, content["trees"]))
            content["novelty_factor"] = float(content["novelty_factor"])
            result = cls(**content)
            result._check()
        except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
            raise ValueError(f"{CORRECTIONS} says what no correction can ({error!r:.100})") from error
        return result

    def check_parts(self, recipe: Recipe, boosters: Mapping[str, Booster], /) -> None:
        """Raise ValueError where corrections, recipe and trees of a bundle do not fit each other."""
        columns, width = int(distribution_columns(recipe).sum()), len(feature_names(recipe))
        for name, ridge in self.ridge.items():
            if not len(ridge.mean) == len(ridge.weights) == columns:
                raise ValueError(f"the correction of {name} does not fit the {columns} points of the recipe")
        for name in self.trees:
            if tree_name(name) not in boosters:
                raise ValueError(f"no trees for the correction of {name}")
            if boosters[tree_name(name)].num_features() != width:
                raise ValueError(f"the trees of the correction of {name} do not read {width} features")
        unknown = [name for name in (*self.shift, *self.fwhm) if name not in recipe.edge_set.names]
        unknown += [name for name in (*self.affine, *self.ridge, *self.trees) if name not in PROPERTIES]
        if unknown:
            raise ValueError(f"corrects {unknown[0]}, which the recipe does not know")

    def _check(self) -> None:
        """Refuse numbers that no correction can have."""
        numbers = [*self.shift.values(), *self.fwhm.values(), *self.interval_factor.values(), self.novelty_factor]
        numbers += [number for pair in self.affine.values() for number in pair]
        numbers += [number for item in self.ridge.values() for number in (*item.mean, *item.weights, item.limit)]
        if not np.isfinite(numbers).all():
            raise ValueError("a correction is no finite number")
        far = any(abs(value) > _LARGEST_SHIFT_EV for value in self.shift.values())
        wide = any(not 0 <= value <= _LARGEST_FWHM_EV for value in self.fwhm.values())
        negative = any(value <= 0 for value in (*self.interval_factor.values(), self.novelty_factor))
        if far or wide or negative or self.applies_to not in APPLIES_TO:
            raise ValueError("a shift, a width, a factor or what it applies to is out of any sensible range")


NO_CORRECTIONS = Corrections()
"""What a model has that nobody corrected."""


def floored_half(name: str, half: NDArray[np.float64], /) -> NDArray[np.float64]:
    """Half widths (n,) of a property's intervals before they get a factor, none less than a small share of its range.

    Without a floor one reference with next to no interval would decide the factor of all.
    """
    low, high = PROPERTIES[name].limits
    return np.maximum(half, _SMALLEST_HALF * (high - low))


def tree_name(name: str, /) -> str:
    """Name under which the further trees of a property lie in a bundle, without ending."""
    return f"{name}_correction"


def distribution_columns(recipe: Recipe, /) -> NDArray[np.bool_]:
    """Which columns of the feature matrix are cumulative distributions, shape (feature,)."""
    columns: NDArray[np.bool_] = np.isfinite(feature_energies(recipe))
    return columns


def _moved(net: NDArray[np.float64], points: float, tail: int) -> NDArray[np.float64]:
    """Move spectra (n, point) up by a number of grid points; what comes in goes on as the spectrum begins or ends."""
    count = net.shape[1]
    position = np.arange(count) - points
    low = np.clip(np.floor(position).astype(int), 0, count - 1)
    high = np.minimum(low + 1, count - 1)
    share = np.clip(position - low, 0.0, 1.0)
    result: NDArray[np.float64] = (1 - share) * net[:, low] + share * net[:, high]
    beyond = position > count - 1
    result[:, beyond] = net[:, -tail:].mean(axis=1, keepdims=True)
    return result
