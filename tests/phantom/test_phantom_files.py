import importlib.util
from dataclasses import replace

import hyperspy.api as hs
import numpy as np
import pytest

from eelsmap.errors import EelsmapError, FileReadError
from eelsmap.phantom import Microscope, make_phantom, read_truth, write_demo
from eelsmap.phantom import files as phantom_files

needs_nionswift = pytest.mark.skipif(
    importlib.util.find_spec("nionswift_plugin") is None, reason="nionswift-io is not installed"
)
SCOPE = Microscope(channels=700, dispersion=0.6, offset=455.5, axis_offset_error=-3.0, dual_eels=True, dwell_s=0.02)


@pytest.fixture(scope="module")
def phantom(library):
    return make_phantom((6, 9), microscope=SCOPE, library=library, scale_nm=2.5)


def check_core_loss(signal, phantom):
    x, y, energy = (signal.axes_manager[index] for index in (0, 1, 2))
    assert (x.size, y.size, energy.size) == (9, 6, 700)
    for axis in (x, y):
        assert (axis.scale, axis.offset, str(axis.units)) == (pytest.approx(2.5), 0.0, "nm")
    assert energy.units == "eV"
    assert energy.scale == pytest.approx(0.6)
    assert energy.offset == pytest.approx(455.5)
    instrument = signal.metadata.Acquisition_instrument.TEM
    assert float(instrument.beam_energy) == 200.0
    assert float(instrument.convergence_angle) == 25.0
    assert float(instrument.Detector.EELS.collection_angle) == 50.0
    assert float(instrument.Detector.EELS.dwell_time) == pytest.approx(0.02)
    assert signal.metadata.Signal.signal_type == "EELS"
    assert np.array_equal(np.asarray(signal.data), phantom.core_loss)


def test_signal_carries_axes_metadata_and_provenance(phantom):
    signal = phantom.signal()
    check_core_loss(signal, phantom)
    assert signal.metadata.EELSMap.phantom.seed == 0
    assert "axis_offset_error" in signal.metadata.EELSMap.phantom.microscope


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("ending", ["hspy", pytest.param("dm4", marks=needs_nionswift)])
def test_files_are_read_back_with_their_axes(phantom, tmp_path, ending, lazy):
    written = phantom.save(tmp_path / f"nmc.{ending}")
    assert [path.name for path in written] == [f"nmc.{ending}", f"nmc_low_loss.{ending}", "nmc_truth.hspy"]
    core_loss, low_loss = (hs.load(path, lazy=lazy) for path in written[:2])
    assert core_loss._lazy is lazy
    check_core_loss(core_loss, phantom)
    assert low_loss.axes_manager[2].offset == pytest.approx(-40.0)
    assert np.array_equal(np.asarray(low_loss.data), phantom.low_loss)


@needs_nionswift
def test_integers_survive_in_dm4(library, tmp_path):
    phantom = make_phantom((3, 4), microscope=Microscope(channels=64, integer_counts=True), library=library)
    path = phantom.save(tmp_path / "nmc.dm4")[0]
    back = hs.load(path)
    assert back.data.dtype == np.uint16
    assert np.array_equal(back.data, phantom.core_loss)


@needs_nionswift
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1)])
def test_points_and_lines_survive_in_dm4(library, tmp_path, shape):
    phantom = make_phantom(shape, microscope=Microscope(channels=64), library=library)
    back = hs.load(phantom.save(tmp_path / "nmc.dm4")[0])
    assert back.data.size == phantom.core_loss.size
    assert np.array_equal(back.data.ravel(), phantom.core_loss.ravel())
    energy = back.axes_manager[-1]
    assert (energy.units, energy.size) == ("eV", 64)
    assert energy.offset == pytest.approx(465.0)


def test_truth_survives(phantom, tmp_path):
    truth = read_truth(phantom.save(tmp_path / "nmc.hspy")[-1])
    assert truth.keys() == phantom.truth.keys()
    for name, values in truth.items():
        assert np.array_equal(values, phantom.truth[name], equal_nan=True)


def test_truth_signals_have_the_axes_of_the_image(phantom):
    signals = phantom.truth_signals()
    assert signals.keys() == phantom.truth.keys()
    lithium = signals["li_content"]
    assert [axis.units for axis in lithium.axes_manager.signal_axes] == ["nm", "nm"]
    assert lithium.data.shape == (6, 9)


def test_without_dual_eels_there_is_no_low_loss(library, tmp_path):
    phantom = make_phantom((2, 3), microscope=replace(SCOPE, dual_eels=False), library=library)
    assert phantom.low_loss_signal() is None
    assert len(phantom.save(tmp_path / "nmc.hspy")) == 2


def test_existing_files_are_kept_unless_asked(phantom, tmp_path):
    phantom.save(tmp_path / "nmc.hspy")
    with pytest.raises(EelsmapError, match="exists already"):
        phantom.save(tmp_path / "nmc.hspy")
    phantom.save(tmp_path / "nmc.hspy", overwrite=True)


@pytest.mark.parametrize("name", ["nmc.tif", "nmc"])
def test_other_endings_are_refused(phantom, tmp_path, name):
    with pytest.raises(EelsmapError, match="hspy or"):
        phantom.save(tmp_path / name)


def test_missing_writer_is_named(phantom, tmp_path, monkeypatch):
    monkeypatch.setattr(phantom_files, "find_spec", lambda name: None)
    with pytest.raises(EelsmapError, match="nionswift-io"):
        phantom.save(tmp_path / "nmc.dm4")
    assert not list(tmp_path.iterdir())


def test_truth_of_something_else_is_refused(phantom, tmp_path):
    with pytest.raises(FileReadError, match="no such file"):
        read_truth(tmp_path / "absent.hspy")
    path = phantom.save(tmp_path / "nmc.hspy")[0]
    with pytest.raises(FileReadError, match="no truth maps"):
        read_truth(path)


def test_demo_writes_a_phantom(library, tmp_path, monkeypatch):
    monkeypatch.setattr("eelsmap.phantom.demo.make_phantom", lambda *a, **k: make_phantom(*a, library=library, **k))
    written = write_demo(tmp_path / "demo.hspy", shape=(3, 4), counts=1e4, channels=64)
    assert all(path.is_file() for path in written)
    assert hs.load(written[0]).data.shape == (3, 4, 64)
    with pytest.raises(TypeError):
        write_demo(tmp_path / "other.hspy", colour="blue")
