"""The phantom as napari sample data: a spectrum image whose truth is known."""

from __future__ import annotations

from eelsmap.napari.layers import LayerData, counts_layer, image_layer
from eelsmap.properties import PROPERTIES

__all__ = ["nmc_phantom"]


def nmc_phantom() -> list[LayerData]:
    """Make the NMC phantom: its counts, and below them, hidden, the truth of each property.

    Returns
    -------
    list of tuple
        Layer data. The spectrum image stands in the metadata of the counts layer.
    """
    from eelsmap.io import attach_low_loss, prepare
    from eelsmap.phantom import make_phantom

    phantom = make_phantom()
    signal = prepare(phantom.signal(), name="NMC phantom")
    low_loss = phantom.low_loss_signal()
    if low_loss is not None:
        attach_low_loss(signal, prepare(low_loss, name="NMC phantom, low loss"), stated=True)
    axes = [
        {"scale": axis.scale, "offset": axis.offset, "units": axis.units}
        for axis in signal.axes_manager.navigation_axes[::-1]
    ]
    layers = []
    for name, item in PROPERTIES.items():
        values = phantom.truth.get(name, phantom.truth.get(name.replace("_probability", "_fraction")))
        if values is None:
            continue
        data, keywords, kind = image_layer(
            values, axes, f"truth: {item.label}", colormap=item.colormap, limits=item.limits
        )
        keywords["visible"] = False
        keywords["metadata"] = {"eelsmap": {"kind": "truth", "property": name, "unit": item.unit}}
        layers.append((data, keywords, kind))
    return [*layers, counts_layer(signal, "NMC phantom")]
