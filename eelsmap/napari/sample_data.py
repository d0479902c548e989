"""The phantom as napari sample data: spectrum images whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.napari.image.layers import LayerData, axes_of, counts_layer, image_layer
from eelsmap.properties import PROPERTIES

__all__ = ["nmc_dual_phantom", "nmc_phantom", "nmc_series"]


def nmc_phantom() -> list[LayerData]:
    """Make the NMC phantom: its counts, and below them, hidden, the truth of each property.

    Returns
    -------
    list of tuple
        Layer data. The spectrum image stands in the metadata of the counts layer.
    """
    from eelsmap.phantom import make_phantom

    return _layers(make_phantom(), "NMC phantom")


def nmc_dual_phantom() -> list[LayerData]:
    """Make the NMC phantom with a low loss recorded at the same time; layers as :func:`nmc_phantom`."""
    from eelsmap.phantom import Microscope, make_phantom

    return _layers(make_phantom(microscope=Microscope(dual_eels=True)), "NMC phantom, dual EELS")


def nmc_series() -> list[LayerData]:
    """Make a time series of a particle that loses lithium: counts over time, and the truth, hidden, below them."""
    from eelsmap.io import prepare
    from eelsmap.phantom.series import make_series, series_signal

    name = "NMC phantom series"
    frames = make_series()
    signal = prepare(series_signal(frames), name=name)
    truth = {key: np.stack([frame.phantom.truth[key] for frame in frames]) for key in frames[0].phantom.truth}
    return [*_truth_layers(truth, signal), counts_layer(signal, name)]


def _layers(phantom: Any, name: str) -> list[LayerData]:
    """Layers of one phantom."""
    from eelsmap.io import attach_low_loss, prepare

    signal = prepare(phantom.signal(), name=name)
    low_loss = phantom.low_loss_signal()
    if low_loss is not None:
        # The phantom's signals hold no time, by which files of one acquisition are known.
        attach_low_loss(signal, prepare(low_loss, name=f"{name}, low loss"), stated=True)
    return [*_truth_layers(phantom.truth, signal), counts_layer(signal, name)]


def _truth_layers(truth: Mapping[str, NDArray[Any]], signal: Any) -> list[LayerData]:
    """Hidden layers of what is true of each property."""
    layers = []
    for name, item in PROPERTIES.items():
        values = truth.get(name, truth.get(name.replace("_probability", "_fraction")))
        if values is None:
            continue
        data, keywords, kind = image_layer(
            values, axes_of(signal), f"truth: {item.label}", colormap=item.colormap, limits=item.limits
        )
        keywords["visible"] = False
        keywords["metadata"] = {"eelsmap": {"kind": "truth", "property": name, "unit": item.unit}}
        layers.append((data, keywords, kind))
    return layers
