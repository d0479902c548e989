"""The signal type is found by HyperSpy and carries its low loss through everything that HyperSpy does."""

import subprocess
import sys
from importlib.resources import files

import exspy
import hyperspy.api as hs
import numpy as np
import pytest
import yaml

import eelsmap
from eelsmap.signals import LazyMultiEdgeEELS, MultiEdgeEELS

BOTH = pytest.mark.parametrize("lazy", [False, True])


def spectra(shape=(3, 4), channels=50, offset=500.0):
    signal = hs.signals.Signal1D(np.arange(np.prod(shape, dtype=int) * channels, dtype=float).reshape(*shape, channels))
    signal.axes_manager.signal_axes[0].offset = offset
    signal.axes_manager.signal_axes[0].units = "eV"
    return signal


def pair(lazy=False, shape=(3, 4)):
    core, low = spectra(shape), spectra(shape, 20, -5.0)
    core.set_signal_type("MultiEdgeEELS")
    low.set_signal_type("EELS")
    if lazy:
        core, low = core.as_lazy(), low.as_lazy()
    core.low_loss = low
    return core, low


def test_extension_file_names_classes_that_exist():
    content = yaml.safe_load((files("eelsmap") / "hyperspy_extension.yaml").read_text())
    assert set(content) == {"signals"}
    for name, entry in content["signals"].items():
        module = __import__(entry["module"], fromlist=[name])
        assert getattr(module, name)._signal_type == entry["signal_type"]
        assert name.startswith("Lazy") == entry["lazy"]


def test_hyperspy_imports_and_knows_the_types(tmp_path):
    # From another folder and in a fresh interpreter, as a user would: a broken extension breaks this import.
    code = (
        "import hyperspy.api as hs, numpy as np\n"
        "s = hs.signals.Signal1D(np.ones((2, 9)))\n"
        "s.set_signal_type('MultiEdgeEELS')\n"
        "print(type(s).__name__, type(s.as_lazy()).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["MultiEdgeEELS", "LazyMultiEdgeEELS"]


def test_importing_eelsmap_stays_light(tmp_path):
    code = "import sys, eelsmap; print([m for m in ('hyperspy', 'dask', 'xgboost', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@BOTH
def test_there_and_back_through_signal_types(lazy):
    signal = spectra().as_lazy() if lazy else spectra()
    signal.set_signal_type("MultiEdgeEELS")
    assert type(signal) is (LazyMultiEdgeEELS if lazy else MultiEdgeEELS)
    assert isinstance(signal, exspy.signals.EELSSpectrum)
    assert signal.low_loss is None
    signal.set_signal_type("EELS")
    assert type(signal) is (exspy.signals.LazyEELSSpectrum if lazy else exspy.signals.EELSSpectrum)


def test_lazy_and_back_takes_the_low_loss_along():
    core, low = pair()
    lazy = core.as_lazy()
    assert type(lazy) is LazyMultiEdgeEELS
    assert lazy.low_loss is low
    lazy.low_loss = low.as_lazy()
    lazy.compute(show_progressbar=False)
    assert type(lazy) is MultiEdgeEELS
    assert not lazy.low_loss._lazy
    np.testing.assert_array_equal(lazy.low_loss.data, low.data)


@BOTH
@pytest.mark.parametrize("index", [np.s_[1:3], np.s_[2, 1], np.s_[:, 1], np.s_[::2, :2]])
def test_inav_cuts_both_alike(index, lazy):
    core, low = pair(lazy)
    cut = core.inav[index]
    np.testing.assert_array_equal(np.asarray(cut.data), np.asarray(core.inav[index].data))
    np.testing.assert_array_equal(np.asarray(cut.low_loss.data), np.asarray(low.inav[index].data))
    assert core.low_loss is low


def test_isig_leaves_the_low_loss_alone():
    core, low = pair()
    assert core.isig[10:20].low_loss is low


@BOTH
def test_a_low_loss_that_no_longer_fits_is_dropped_with_a_warning(lazy):
    core, _low = pair(lazy)
    summed = core.sum(0)
    with pytest.warns(UserWarning, match="no longer fits and is dropped"):
        assert summed.low_loss is None
    assert summed.low_loss is None
    assert core.low_loss is not None


def test_a_low_loss_of_other_pixels_is_refused():
    core, _low = pair()
    with pytest.raises(ValueError, match="does not fit"):
        core.low_loss = spectra((5, 4))
    core.low_loss = None
    assert core.low_loss is None


def test_copies_own_their_low_loss():
    core, low = pair()
    copy = core.deepcopy()
    copy.low_loss.data[:] = 0
    assert low.data.any()
    assert not core.metadata.has_item("EELSMap.low_loss")


@BOTH
@pytest.mark.parametrize("shape", [(), (4,), (3, 4)])
def test_saving_and_loading_keeps_the_low_loss(tmp_path, shape, lazy):
    core, low = pair(shape=shape)
    core.metadata.set_item("EELSMap.notes", ["a note"])
    core.save(tmp_path / "both.hspy")
    again = hs.load(tmp_path / "both.hspy", lazy=lazy)
    assert type(again) is (LazyMultiEdgeEELS if lazy else MultiEdgeEELS)
    np.testing.assert_array_equal(np.asarray(again.low_loss.data), low.data)
    assert isinstance(again.low_loss, exspy.signals.EELSSpectrum)
    assert again.low_loss.axes_manager.signal_axes[0].offset == -5
    assert again.metadata.EELSMap.notes == ["a note"]
    assert core.low_loss is low


def test_map_properties_hands_over(monkeypatch):
    core, _low = pair()
    monkeypatch.setattr(eelsmap, "map_properties", lambda *args, **options: (args, options), raising=False)
    assert core.map_properties("other", axis_mode="none") == ((core, "other"), {"axis_mode": "none"})
    assert core.map_properties() == ((core, "nmc"), {})


def test_describe():
    core, _low = pair()
    assert core.describe()["low_loss"]["first"] == -5
