"""The phantom as sample data: counts in front, truth behind."""

import numpy as np
import pytest

import eelsmap.phantom.series
from eelsmap.errors import RecipeError
from eelsmap.napari.sample_data import nmc_dual_phantom, nmc_phantom, nmc_series
from eelsmap.phantom import Microscope, make_phantom
from eelsmap.phantom.series import make_series, write_series
from eelsmap.properties import PROPERTIES


@pytest.mark.parametrize("dual", [False, True])
def test_phantom_layers(monkeypatch, dual):
    phantom = make_phantom((6, 8), microscope=Microscope(dual_eels=dual))

    def make(microscope=None):
        assert (microscope is not None and microscope.dual_eels) == dual
        return phantom

    monkeypatch.setattr(eelsmap.phantom, "make_phantom", make)
    *truth, (counts, keywords, kind) = (nmc_dual_phantom if dual else nmc_phantom)()
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


def test_series_runs_over_time(monkeypatch):
    frames = make_series(3, (6, 8))
    monkeypatch.setattr(eelsmap.phantom.series, "make_series", lambda: frames)
    *truth, (counts, keywords, _kind) = nmc_series()
    assert counts.shape == (3, 6, 8)
    assert keywords["units"] == ["s", "nm", "nm"]
    assert keywords["scale"] == [120, 2, 2]
    signal = keywords["metadata"]["eelsmap"]["signal"]
    np.testing.assert_array_equal(signal.data[2], frames[2].phantom.core_loss)
    lithium = next(data for data, options, _kind in truth if options["metadata"]["eelsmap"]["property"] == "li_content")
    assert np.nanmean(lithium[0]) > 1.2 * np.nanmean(lithium[2])


def test_series_files_are_in_order_of_time(tmp_path):
    paths = write_series(make_series(2, (6, 8)), tmp_path)
    assert [path.name for path in paths] == ["frame_0.hspy", "frame_1.hspy"]
    loaded = eelsmap.load(paths)
    assert [signal.metadata.General.time for signal in loaded] == ["10:00:00", "10:02:00"]


def test_a_series_has_two_frames():
    with pytest.raises(RecipeError, match="at least two"):
        make_series(1)
