"""What the parts of a bundle say, checked: recipe, properties, calibration, novelty and trees that fit each other.

Every check raises a BundleError that names the part; nothing of a bundle is used before it is checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import BundleError, EelsmapError, PixelFlag
from eelsmap.models.alone import AloneSpace
from eelsmap.models.array_archive import read_arrays
from eelsmap.models.intervals import NumberInterval, ProbabilityInterval
from eelsmap.models.novelty import Novelty
from eelsmap.models.strict_json import finite_numbers, read_json, require_like
from eelsmap.models.trees import load_booster
from eelsmap.properties import PROPERTIES
from eelsmap.recipe import Recipe

if TYPE_CHECKING:
    from xgboost import Booster

__all__ = [
    "BundleContent",
    "bundle_content",
    "checked_alone",
    "checked_calibration",
    "checked_card",
    "checked_manifest",
    "checked_novelty",
]

CALIBRATION, CARD, NOVELTY, ALIGNED = "calibration.json", "card.md", "novelty.npz", "novelty_aligned.npz"
ALONE, TREES = "_alone.npz", ".ubj"
_MOST_EDGES, _MOST_LINES, _MOST_POINTS, _LARGEST_ENERGY = 16, 8, 2048, 1e5
_LONGEST_NAME = 100
_VERSION = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6}){0,2}([-+.][A-Za-z0-9.]{1,40})?")
_TEXTS = ("name", "version", "eelsmap_version", "licence", "limits", "trained_on")


@dataclass(frozen=True)
class BundleContent:
    """Checked content of a bundle, ready for a model.

    Parameters
    ----------
    recipe
        The road.
    targets
        Names of the properties.
    boosters
        Trees by name of their part, without its ending.
    numbers, probabilities
        Calibrations.
    novelty
        What the training spectra look like.
    novelty_aligned
        The same of edges laid on their own maximum; None in a bundle without it.
    alone
        By property with a specialist of one edge: what its training spectra look like.
    card
        The model card, Markdown.
    """

    recipe: Recipe
    targets: tuple[str, ...]
    boosters: Mapping[str, Booster]
    numbers: Mapping[str, NumberInterval]
    probabilities: Mapping[str, ProbabilityInterval]
    novelty: Novelty
    novelty_aligned: Novelty | None
    alone: Mapping[str, AloneSpace]
    card: str


def bundle_content(manifest: Mapping[str, Any], parts: Mapping[str, bytes], where: str, /) -> BundleContent:
    """Check everything in a bundle and load its trees.

    Parameters
    ----------
    manifest, parts
        From :func:`eelsmap.models.bundle.read_bundle`.
    where
        Path of the bundle, said in messages.

    Returns
    -------
    BundleContent
        Its content.

    Raises
    ------
    BundleError
        A part is missing, or says something that no model can; the message names the part.
    """
    recipe, targets = checked_manifest(manifest, where)
    for name in (CALIBRATION, CARD, NOVELTY):
        if name not in parts:
            raise BundleError(f"{where}: lacks {name}; this is no complete model bundle")
    numbers, probabilities = checked_calibration(parts[CALIBRATION], f"{where}: {CALIBRATION}")
    novelty = checked_novelty(parts[NOVELTY], f"{where}: {NOVELTY}")
    aligned = checked_novelty(parts[ALIGNED], f"{where}: {ALIGNED}") if ALIGNED in parts else None
    alone = {
        target: checked_alone(parts[part], f"{where}: {part}")
        for target in targets
        if (part := f"{target}{ALONE}") in parts
    }
    boosters = {
        name.removesuffix(TREES): load_booster(content, f"{where}: {name}")
        for name, content in parts.items()
        if name.endswith(TREES)
    }
    card = checked_card(parts[CARD], f"{where}: {CARD}")
    return BundleContent(recipe, targets, boosters, numbers, probabilities, novelty, aligned, alone, card)


def checked_card(content: bytes, where: str, /) -> str:
    """Text of a card that a terminal can show: no control characters but ends of lines and tabs."""
    try:
        card = content.decode()
    except UnicodeDecodeError as error:
        raise BundleError(f"{where} is no text") from error
    if not _is_plain(card):
        raise BundleError(f"{where} holds control characters; the bundle cannot be trusted")
    return card


def checked_manifest(manifest: Mapping[str, Any], where: str, /) -> tuple[Recipe, tuple[str, ...]]:
    """Recipe and properties of a manifest, with every other entry that is used checked as well."""
    for key in ("name", "version", "recipe", "targets"):
        if key not in manifest:
            raise BundleError(f"{where}: the manifest lacks {key!r}; this is no complete model bundle")
    for key in _TEXTS:
        require_like(manifest.get(key, ""), "", f"{where}: {key}")
        if not _is_plain(manifest.get(key, "")):
            raise BundleError(f"{where}: {key} holds control characters; the bundle cannot be trusted")
    if not 0 < len(manifest["name"]) <= _LONGEST_NAME or not manifest["name"].isprintable():
        raise BundleError(f"{where}: name is empty, unprintable or longer than {_LONGEST_NAME} letters")
    if not _VERSION.fullmatch(manifest["version"]):
        raise BundleError(f"{where}: version {manifest['version']!r:.60} is not like 1.2.3")
    for key in ("library", "training", "metrics"):
        if not isinstance(manifest.get(key, {}), dict):
            raise BundleError(f"{where}: {key} is not an object")
    _check_metrics(manifest.get("metrics", {}), where)
    targets = manifest["targets"]
    require_like(targets, [""], f"{where}: targets")
    unknown = [target for target in targets if target not in PROPERTIES]
    if unknown or not targets or len(set(targets)) != len(targets):
        said = (
            f"unknown properties {', '.join(unknown)!s:.200}" if unknown else "properties that are none or come twice"
        )
        raise BundleError(f"{where}: {said}; the bundle is of another version")
    return _checked_recipe(manifest["recipe"], where), tuple(targets)


def checked_calibration(
    content: bytes, where: str, /
) -> tuple[dict[str, NumberInterval], dict[str, ProbabilityInterval]]:
    """Calibrations of numbers and of probabilities, by name."""
    document = read_json(content, where)
    if set(document) != {"numbers", "probabilities"}:
        raise BundleError(f"{where} does not hold numbers and probabilities")
    for group in document.values():
        if not isinstance(group, dict) or not all(isinstance(item, dict) for item in group.values()):
            raise BundleError(f"{where} holds something else than calibrations by name")
    numbers = {name: _number(item, f"{where}: {name}") for name, item in document["numbers"].items()}
    probabilities = {name: _probability(item, f"{where}: {name}") for name, item in document["probabilities"].items()}
    return numbers, probabilities


def checked_novelty(content: bytes, where: str, /) -> Novelty:
    """Read what training spectra look like: arrays of shapes that fit each other, finite where they must be."""
    return _novelty(read_arrays(content, where), where)


def checked_alone(content: bytes, where: str, /) -> AloneSpace:
    """Read what training spectra of a specialist look like; as :func:`checked_novelty`."""
    arrays = read_arrays(content, where)
    mean, components = arrays.pop("shape_mean", np.empty(0)), arrays.pop("shape_components", np.empty(0))
    if mean.ndim != 1 or components.ndim != 2 or not components.shape[1] == mean.size > 0:
        raise BundleError(f"{where}: shape_mean and shape_components are missing or do not fit each other")
    if not (np.isfinite(mean).all() and np.isfinite(components).all()):
        raise BundleError(f"{where}: shape_mean or shape_components holds numbers that are not finite")
    return AloneSpace(mean, components, _novelty(arrays, where))


def _novelty(arrays: Mapping[str, NDArray[np.float64]], where: str) -> Novelty:
    """Check the arrays of a novelty."""
    names = [item.name for item in fields(Novelty)]
    if set(arrays) != set(names):
        raise BundleError(f"{where} does not hold just {', '.join(names)}; the bundle is of another version")
    edges, points = arrays["mean"].shape if arrays["mean"].ndim == 2 else (0, 0)
    components = arrays["spread"].shape[-1] if arrays["spread"].ndim == 2 else 0
    ranges = arrays["threshold"].shape[-1] if arrays["threshold"].ndim == 2 else 0
    shapes = {
        "mean": (edges, points), "components": (edges, components, points), "spread": (edges, components),
        "residual": (edges,), "boundaries": (edges, ranges - 1), "threshold": (edges, ranges), "alone": (edges,),
    }  # fmt: skip
    for name, shape in shapes.items():
        if arrays[name].shape != shape or not min(shape, default=0) + (name == "boundaries") > 0:
            raise BundleError(f"{where}: {name} of shape {arrays[name].shape} does not fit the other arrays")
        # An edge that was never seen alone has no limit.
        if not (np.isfinite(arrays[name]) | ((name == "alone") & (arrays[name] == np.inf))).all():
            raise BundleError(f"{where}: {name} holds numbers that are not finite")
    if min(arrays[name].min() for name in ("spread", "residual", "threshold")) <= 0:
        raise BundleError(f"{where}: spread, residual or threshold is not positive")
    if (np.diff(arrays["boundaries"], axis=1) < 0).any():
        raise BundleError(f"{where}: boundaries do not ascend")
    return Novelty(**{name: arrays[name] for name in names})


def _is_plain(text: str) -> bool:
    """Whether a terminal shows a text and does nothing else with it."""
    return all(letter.isprintable() or letter in "\n\r\t" for letter in text)


def _check_metrics(metrics: Mapping[str, Any], where: str) -> None:
    """Check the metrics that are written into maps."""
    overall = metrics.get("overall", {})
    groups = overall.values() if isinstance(overall, dict) else [None]
    for group in groups:
        if not isinstance(group, dict) or not all(type(value) in (int, float, type(None)) for value in group.values()):
            raise BundleError(f"{where}: metrics hold something else than numbers by property")


def _checked_recipe(content: Any, where: str) -> Recipe:
    """Recipe of sizes that can be worked with."""
    require_like(content, Recipe().to_dict(), f"{where}: recipe")
    try:
        recipe = Recipe.from_dict(content)
    except (EelsmapError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise BundleError(f"{where}: {error}; the bundle is of another version") from error
    if recipe.edge_set.points > _MOST_POINTS or len(recipe.edge_set) > _MOST_EDGES:
        raise BundleError(f"{where}: more than {_MOST_EDGES} edges or {_MOST_POINTS} points an edge")
    if recipe.features.stride >= recipe.edge_set.points:
        raise BundleError(f"{where}: a stride of {recipe.features.stride} leaves no point of an edge")
    if len(set(recipe.features.edges)) != len(recipe.features.edges):
        raise BundleError(f"{where}: the features name an edge twice")
    for edge in recipe.edge_set:
        if PixelFlag.__members__.get(f"{edge.name.upper()}_MISSING") is None:
            raise BundleError(
                f"{where}: this eelsmap knows no edge {edge.name!r:.60}; the bundle is of another version"
            )
        energies = (edge.onset, *edge.background, *edge.near_edge, edge.minimum_end, *(x.energy for x in edge.lines))
        if not 0 < len(edge.lines) <= _MOST_LINES or not all(0 < energy <= _LARGEST_ENERGY for energy in energies):
            raise BundleError(f"{where}: edge {edge.name} has lines or energies that no edge has")
        if not all(line.width > 0 for line in edge.lines):
            raise BundleError(f"{where}: edge {edge.name} has a line without width")
    return recipe


def _number(item: dict[str, Any], where: str) -> NumberInterval:
    """Calibration of a number's interval."""
    if set(item) != {"boundaries", "factors", "confidence"}:
        raise BundleError(f"{where} does not hold just boundaries, factors and confidence")
    boundaries = finite_numbers(item["boundaries"], f"{where}: boundaries")
    factors = finite_numbers(item["factors"], f"{where}: factors", at_least=1)
    (confidence,) = finite_numbers([item["confidence"]], f"{where}: confidence")
    if len(factors) != len(boundaries) + 1 or list(boundaries) != sorted(boundaries):
        raise BundleError(f"{where}: boundaries do not ascend, or do not fit the factors")
    if min(factors) < 0 or not 0 < confidence < 1:
        raise BundleError(f"{where}: a factor is negative, or the confidence not between 0 and 1")
    return NumberInterval(tuple(boundaries), tuple(factors), confidence)


def _probability(item: dict[str, Any], where: str) -> ProbabilityInterval:
    """Calibration of a probability."""
    names = ("score", "lower", "value", "upper")
    if set(item) != set(names):
        raise BundleError(f"{where} does not hold just {', '.join(names)}")
    columns = [finite_numbers(item[name], f"{where}: {name}", at_least=2) for name in names]
    if len({len(column) for column in columns}) != 1 or (np.diff(columns[0]) < 0).any():
        raise BundleError(f"{where}: columns are not equally long, or the score does not ascend")
    lower, value, upper = (np.array(column) for column in columns[1:])
    # Rounding may leave an end beyond the value by less than anybody sees.
    ordered = (lower <= value + 1e-9) & (value <= upper + 1e-9) & (lower >= -1e-9) & (upper <= 1 + 1e-9)
    if not ordered.all():
        raise BundleError(f"{where}: probabilities are not between 0 and 1, or the value lies outside its interval")
    return ProbabilityInterval(*(tuple(column) for column in columns))
