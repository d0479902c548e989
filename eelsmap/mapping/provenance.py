"""Where maps come from, in plain strings and numbers that .hspy keeps."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import Any

from eelsmap._version import __version__
from eelsmap.io.metadata import acquisition
from eelsmap.mapping.planned_image import PlannedImage
from eelsmap.models.model import Model
from eelsmap.preprocess.local_average import averaging_fwhm

__all__ = ["model_identity", "provenance"]


def provenance(image: PlannedImage, more: Mapping[str, Any], /) -> dict[str, Any]:
    """Say where maps of an image come from.

    Parameters
    ----------
    image
        The image with its plan.
    more
        What else is to be said, for instance which model made the maps.

    Returns
    -------
    dict
        Plain strings, numbers, lists and dicts.
    """
    core, plan, recipe = image.core, image.plan, image.recipe
    packages = ("hyperspy", "exspy", "rosettasciio", "numpy", "scipy", "dask", "xgboost")
    source = core.metadata.get_item("EELSMap.source", None)
    return {
        "eelsmap_version": __version__,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in packages},
        **more,
        "recipe": recipe.to_json(),
        "recipe_sha256": recipe.sha256,
        **plan.to_dict(),
        "averaging": _averaging(recipe.noise.average if plan.navigation else 0.0),
        "source": _as_dict(source),
        "low_loss_source": _as_dict(core.metadata.get_item("EELSMap.low_loss_source", None)),
        "low_loss_simultaneous": str(core.metadata.get_item("EELSMap.low_loss_simultaneous", "")),
        "acquisition": acquisition(core),
        "title": str(core.metadata.get_item("General.title", "")),
        "low_loss": str(core.metadata.get_item("EELSMap.low_loss_reason", "none")),
    }


def _as_dict(value: Any) -> dict[str, Any]:
    """Plain dict of what metadata hold; empty for nothing."""
    return value.as_dictionary() if hasattr(value, "as_dictionary") else (value or {})


def _averaging(sigma: float) -> str:
    """Say over what pixels were averaged, and what that does to the resolution."""
    if sigma == 0:
        return "none"
    return (
        f"over a Gaussian of {sigma:g} pixels (standard deviation): the point spread is {averaging_fwhm(sigma):.1f} "
        "pixels wide at half maximum, and neighbouring pixels are no longer independent"
    )


def model_identity(model: Model, /) -> dict[str, Any]:
    """Name, version and hash of a model, its training, limits and main figures, and what it computes on."""
    corrected = model.manifest.get("corrected") or {}
    return {
        "name": model.name,
        "version": model.version,
        "sha256": model.sha256,
        "trained_on": str(model.manifest.get("trained_on", "")),
        "limits": str(model.manifest.get("limits", "")),
        "measured": _measured(model),
        "measured_on": str(model.manifest.get("metrics", {}).get("measured_on", "")),
        "corrected": {key: corrected[key] for key in ("spectra", "specimens", "measured_on") if key in corrected},
        "path": model.path,
        "device": model.runs_on,
    }


def _measured(model: Model) -> dict[str, dict[str, float]]:
    """Take the main figure of each property from the model's own test, on simulated spectra of unseen structures."""
    overall = model.manifest.get("metrics", {}).get("overall", {})
    return {
        name: {key: float(overall[name][key]) for key in ("rmse", "auroc") if key in overall[name]}
        for name in model.targets
        if {"rmse", "auroc"} & set(overall.get(name, ()))
    }


@cache
def _version(package: str) -> str:
    """Version of an installed package, asked for once; xgboost also goes by the name of its CPU-only build."""
    for name in (package, f"{package}-cpu"):
        try:
            return version(name)
        except ModuleNotFoundError:
            continue
    return "unknown"
