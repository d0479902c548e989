"""Models from bundles: shipped ones by name, others by path, refused where their parts do not fit each other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from eelsmap.errors import BundleError
from eelsmap.features import feature_energies, feature_names
from eelsmap.models.aligned_novelty import aligned_points
from eelsmap.models.alone import alone_names
from eelsmap.models.bundle import read_bundle, shipped_models
from eelsmap.models.bundle_content import BundleContent, bundle_content
from eelsmap.models.corrections import CORRECTIONS, NO_CORRECTIONS, Corrections
from eelsmap.models.model import Model
from eelsmap.properties import PROPERTIES

__all__ = ["load_model"]


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
    manifest, parts, sha256 = read_bundle(name_or_path)
    where = str(name_or_path)
    content = bundle_content(manifest, parts, where)
    model = Model(
        manifest["name"], manifest["version"], sha256, content.recipe, content.targets, content.boosters,
        content.numbers, content.probabilities, content.novelty, content.novelty_aligned, content.alone, manifest,
        content.card, _corrections(parts, content, where),
        "" if where in shipped_models() else str(Path(where).resolve()),
    )  # fmt: skip
    _check_parts(model, where)
    return model


def _corrections(parts: Mapping[str, bytes], content: BundleContent, where: str) -> Corrections:
    """Read what a user's references changed, and check it against the trees that it needs."""
    if CORRECTIONS not in parts:
        return NO_CORRECTIONS
    try:
        corrections = Corrections.from_json(parts[CORRECTIONS])
        corrections.check_parts(content.recipe, content.boosters)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise BundleError(f"{where}: {CORRECTIONS} cannot be used ({error}); get a fresh copy of the bundle") from error
    return corrections


def _check_parts(model: Model, where: str) -> None:
    """Refuse a bundle whose parts do not fit each other."""
    width = len(feature_names(model.recipe))
    points = int(np.isfinite(feature_energies(model.recipe)).sum())
    if model.novelty.mean.size != points:
        raise BundleError(f"{where}: novelty knows {model.novelty.mean.size} points, but the recipe makes {points}")
    aligned = aligned_points(model.recipe)
    if model.novelty_aligned is not None and model.novelty_aligned.mean.shape != aligned:
        known = model.novelty_aligned.mean.shape
        raise BundleError(f"{where}: novelty of aligned edges has the shape {known}, but the recipe makes {aligned}")
    for target in model.targets:
        _check_trees(model, target, width, where)
    for target, space in model.alone.items():
        edge = PROPERTIES[target].edge
        if edge is None:
            raise BundleError(f"{where}: {target} rests on no single edge, but has a specialist for one")
        names = alone_names(model.recipe.edge_set[edge])
        bins = sum(name.startswith("aligned ") for name in names)
        if (
            space.novelty.mean.shape != (1, bins)
            or space.mean.shape != (bins,)
            or space.components.shape[1:] != (bins,)
        ):
            raise BundleError(f"{where}: {target} alone does not know {bins} bins")
        _check_trees(model, f"{target}_alone", len(names) + len(space.components), where)


def _check_trees(model: Model, name: str, width: int, where: str) -> None:
    """Refuse trees that are missing, uncalibrated, or read another number of features."""
    if name not in model.probabilities and name not in model.numbers:
        raise BundleError(f"{where}: no calibration for {name}")
    for trees in [name] if name in model.probabilities else [name, f"{name}_spread"]:
        if trees not in model.boosters:
            raise BundleError(f"{where}: no trees for {trees}")
        if model.boosters[trees].num_features() != width:
            raise BundleError(
                f"{where}: the trees of {trees} read {model.boosters[trees].num_features()} features, "
                f"but the recipe makes {width}"
            )
