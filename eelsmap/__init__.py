"""Maps of what a STEM-EELS spectrum image of a lithium battery cathode does not show directly.

``load``, ``load_model``, ``map_properties`` and ``PropertyMaps`` are the main road; ``make_phantom`` gives spectrum
images whose truth is known, ``load_library`` the simulated spectra that the shipped models learned from,
``predict_oxygen_k`` the O K spectra of a structure. ``train`` makes a model, ``evaluate_spectra`` measures it on
spectra of known values, ``calibrate_model`` and ``transfer_model`` correct it by them, ``explain`` says what pushed an
answer. ``map_classical`` gives the answers that need no model, ``map_quality`` and ``map_thickness`` say how far
pixels can be trusted, ``deconvolve`` removes plural scattering. ``map_series`` maps a time series frame by frame. Every
public name is loaded when it is first used, so that ``import eelsmap`` stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from eelsmap._version import __version__

if TYPE_CHECKING:
    from eelsmap.edges import NMC_EDGES, Edge, EdgeSet
    from eelsmap.errors import EelsmapError, PixelFlag, describe_flags
    from eelsmap.io.load import load
    from eelsmap.library import load_library, predict_oxygen_k
    from eelsmap.mapping import PropertyMaps, map_classical, map_properties, map_quality
    from eelsmap.mapping.deconvolution import deconvolve, map_thickness
    from eelsmap.mapping.series import map_series
    from eelsmap.models import load_model
    from eelsmap.models.calibration import calibrate_model
    from eelsmap.models.evaluation_measured import evaluate_spectra
    from eelsmap.models.explanation import explain
    from eelsmap.models.train import train_model as train
    from eelsmap.models.transfer import transfer_model
    from eelsmap.phantom import make_phantom
    from eelsmap.recipe import Recipe

_HOMES = {
    "NMC_EDGES": "eelsmap.edges",
    "Edge": "eelsmap.edges",
    "EdgeSet": "eelsmap.edges",
    "EelsmapError": "eelsmap.errors",
    "PixelFlag": "eelsmap.errors",
    "PropertyMaps": "eelsmap.mapping",
    "Recipe": "eelsmap.recipe",
    "calibrate_model": "eelsmap.models.calibration",
    "deconvolve": "eelsmap.mapping.deconvolution",
    "describe_flags": "eelsmap.errors",
    "evaluate_spectra": "eelsmap.models.evaluation_measured",
    "explain": "eelsmap.models.explanation",
    "load": "eelsmap.io",
    "load_library": "eelsmap.library",
    "load_model": "eelsmap.models",
    "make_phantom": "eelsmap.phantom",
    "map_classical": "eelsmap.mapping",
    "map_properties": "eelsmap.mapping",
    "map_quality": "eelsmap.mapping",
    "map_series": "eelsmap.mapping.series",
    "map_thickness": "eelsmap.mapping.deconvolution",
    "predict_oxygen_k": "eelsmap.library",
    "train": "eelsmap.models.train:train_model",
    "transfer_model": "eelsmap.models.transfer",
}

__all__ = [
    "NMC_EDGES",
    "Edge",
    "EdgeSet",
    "EelsmapError",
    "PixelFlag",
    "PropertyMaps",
    "Recipe",
    "__version__",
    "calibrate_model",
    "deconvolve",
    "describe_flags",
    "evaluate_spectra",
    "explain",
    "load",
    "load_library",
    "load_model",
    "make_phantom",
    "map_classical",
    "map_properties",
    "map_quality",
    "map_series",
    "map_thickness",
    "predict_oxygen_k",
    "train",
    "transfer_model",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its room on first use."""
    if name in _HOMES:
        module, _, other_name = _HOMES[name].partition(":")
        return getattr(import_module(module), other_name or name)
    raise AttributeError(f"module 'eelsmap' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Public names, loaded or not."""
    return sorted(__all__)
