"""The phantom as sample data: counts in front, truth behind."""

import numpy as np
import pytest

import eelsmap.phantom
from eelsmap.napari.sample_data import nmc_phantom
from eelsmap.phantom import Microscope, make_phantom
from eelsmap.properties import PROPERTIES


@pytest.mark.parametrize("dual", [False, True])
def test_phantom_layers(monkeypatch, dual):
    phantom = make_phantom((6, 8), microscope=Microscope(dual_eels=dual))
    monkeypatch.setattr(eelsmap.phantom, "make_phantom", lambda: phantom)
    *truth, (counts, keywords, kind) = nmc_phantom()
    assert kind == "image"
    np.testing.assert_array_equal(counts, phantom.core_loss.sum(axis=-1, dtype=float))
    assert keywords["units"] == ["nm", "nm"]
    signal = keywords["metadata"]["eelsmap"]["signal"]
    assert (signal.low_loss is not None) == dual
    if dual:
        assert signal.metadata.EELSMap.low_loss_simultaneous == "yes"
    names = [layer[1]["metadata"]["eelsmap"]["property"] for layer in truth]
    assert names == list(PROPERTIES)
    for values, options, layer_kind in truth:
        assert layer_kind == "image"
        assert values.shape == (6, 8)
        assert options["visible"] is False
        item = PROPERTIES[options["metadata"]["eelsmap"]["property"]]
        assert tuple(options["contrast_limits"]) == item.limits
        assert options["units"] == ["nm", "nm"]
