"""The core-loss spectrum image comes out of real and synthetic files, whatever else they hold."""

import json
import zipfile

import numpy as np
import pytest

from eelsmap.io import EXTENSIONS, describe, load, prepare
from eelsmap.signals import LazyMultiEdgeEELS, MultiEdgeEELS

BOTH = pytest.mark.parametrize("lazy", [False, True])
NMC = "nmc_si_doped/tm_o_core_loss.dm3"


def kind(lazy):
    return LazyMultiEdgeEELS if lazy else MultiEdgeEELS


@pytest.fixture(scope="session")
def velox(shared_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("velox")
    with zipfile.ZipFile(shared_data / "reader_samples/velox_EELS_EDS.zip") as archive:
        archive.extractall(folder)
    pytest.importorskip("sparse", reason="the reader of Velox files with EDS needs sparse")
    return next(folder.glob("*.emd"))


@BOTH
def test_nmc(shared_data, lazy):
    signal = load(shared_data / NMC, lazy=lazy)
    assert type(signal) is kind(lazy)
    assert signal.data.shape == (2, 21, 2048)
    assert signal.metadata.EELSMap.missing == ["convergence_angle"]
    assert signal.metadata.Acquisition_instrument.TEM.beam_energy == 300
    x = signal.axes_manager.navigation_axes[0]
    assert x.units == "nm"
    assert x.scale == pytest.approx(2.0459, rel=1e-4)
    assert signal.low_loss is None
    assert signal.metadata.EELSMap.source.file == "tm_o_core_loss.dm3"
    assert len(signal.metadata.EELSMap.source.sha256) == 64


@BOTH
def test_gatan_dm4(shared_data, lazy):
    signal = load(shared_data / "reader_samples/EELS_SI.dm4", lazy=lazy)
    assert type(signal) is kind(lazy)
    assert signal.data.shape == (2, 2, 2048)
    assert signal.metadata.EELSMap.missing == []


@pytest.mark.parametrize("path", [NMC, "reader_samples/EELS_SI.dm4", "dual_eels/titanate_core_loss.dm3"])
def test_eager_equals_lazy(shared_data, path):
    eager, lazy = load(shared_data / path), load(shared_data / path, lazy=True)
    np.testing.assert_array_equal(eager.data, lazy.data.compute())
    left, right = describe(eager), describe(lazy)
    assert left.pop("lazy") is False
    assert right.pop("lazy") is True
    assert left == right


@BOTH
def test_msa_is_one_spectrum_in_kilovolts(shared_data, lazy):
    signal = load(shared_data / "nmc_si_doped/tm_o_extracted.msa", lazy=lazy)
    assert type(signal) is kind(lazy)
    assert signal.axes_manager.navigation_dimension == 0
    assert signal.metadata.Acquisition_instrument.TEM.beam_energy == 300
    notes = " ".join(signal.metadata.EELSMap.notes)
    assert "which are volts" in notes
    assert ("in memory" in notes) == lazy
    assert signal.metadata.EELSMap.missing == ["convergence_angle", "collection_angle", "dwell_time"]


@BOTH
def test_velox_takes_the_range_with_most_edges(velox, lazy):
    signal = load(velox, lazy=lazy)
    assert type(signal) is kind(lazy)
    report = describe(signal)
    assert report["energy"]["first"] == pytest.approx(480)
    assert report["edges"] == {"O_K": "covered", "Mn_L": "covered", "Co_L": "covered", "Ni_L": "outside"}
    assert report["low_loss"]["first"] == pytest.approx(-21.5, abs=0.01)
    assert report["low_loss"]["simultaneous"] == "yes"
    assert type(signal.low_loss) is kind(lazy)
    assert "of 18" in report["source"]["signal"]
    notes = " ".join(report["notes"])
    assert "left out of the same file: EELS spectrum, 20 x 16 pixels, 800 to" in notes
    assert ("into memory although lazy" in notes) == lazy


def test_velox_acquisition_comes_from_its_own_metadata(velox):
    known = describe(load(velox))["acquisition"]
    assert known["beam_energy"] == {"value": 300.0, "unit": "keV"}
    assert known["convergence_angle"]["value"] == pytest.approx(21.43, abs=0.01)
    assert known["dwell_time"]["value"] == pytest.approx(5e-3)


def test_low_loss_alone_is_noted(shared_data):
    notes = load(shared_data / "nmc_si_doped/zero_loss.dm3").metadata.EELSMap.notes
    assert any("includes zero loss" in note for note in notes)


def test_given_values_win_and_complete(make_image, tmp_path):
    path = tmp_path / "image.hspy"
    image = make_image(metadata={
        "Acquisition_instrument.TEM.beam_energy": 200.0,
        "Acquisition_instrument.TEM.convergence_angle": 0.0,
        "Acquisition_instrument.TEM.Detector.EELS.dwell_time": float("nan"),
    })  # fmt: skip
    image.save(path)
    plain = load(path)
    assert plain.metadata.EELSMap.missing == ["convergence_angle", "collection_angle", "dwell_time"]
    signal = load(path, beam_energy=300, convergence_angle=25, collection_angle=60)
    instrument = signal.metadata.Acquisition_instrument.TEM
    assert (instrument.beam_energy, instrument.convergence_angle) == (300, 25)
    assert instrument.Detector.EELS.collection_angle == 60
    assert signal.metadata.EELSMap.missing == ["dwell_time"]
    assert any("300 keV was given; the file says 200 keV" in note for note in signal.metadata.EELSMap.notes)


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_given_values_must_be_positive(make_image, value):
    with pytest.raises(ValueError, match="convergence_angle"):
        prepare(make_image(), convergence_angle=value)


@BOTH
@pytest.mark.parametrize("extension", sorted({".hspy", ".zspy"} & set(EXTENSIONS)))
def test_bad_counts_are_no_load_error(make_image, tmp_path, extension, lazy):
    if extension == ".zspy":
        pytest.importorskip("zarr", reason="the reader of .zspy files needs zarr")
    image = make_image()
    image.data[0, 0], image.data[1, 1] = np.nan, -5
    image.save(tmp_path / f"bad{extension}")
    signal = load(tmp_path / f"bad{extension}", lazy=lazy)
    assert type(signal) is kind(lazy)
    np.testing.assert_array_equal(np.asarray(signal.data), image.data)


@BOTH
@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (2, 2, 3)])
def test_any_number_of_navigation_axes(make_image, tmp_path, shape, lazy):
    make_image(shape).save(tmp_path / "image.hspy")
    report = describe(load(tmp_path / "image.hspy", lazy=lazy))
    assert report["shape"] == [*shape, 1200]
    assert [axis["size"] for axis in report["navigation"]] == list(shape)
    assert all(axis["units"] == "nm" and axis["scale"] == pytest.approx(2) for axis in report["navigation"])
    assert report["pixels"] == np.prod(shape, dtype=int)
    assert json.loads(json.dumps(report)) == report


def test_energy_is_in_one_chunk(make_image, tmp_path):
    make_image((4, 4)).save(tmp_path / "image.hspy", chunks=(2, 2, 100))
    assert load(tmp_path / "image.hspy", lazy=True).data.chunks[-1] == (1200,)


def test_prepare_leaves_its_input_alone(make_image):
    image = make_image()
    signal = prepare(image)
    assert np.shares_memory(signal.data, image.data)
    assert type(image).__name__ == "EELSSpectrum"
    assert image.axes_manager.navigation_axes[0].units == "µm"
    assert not image.metadata.has_item("EELSMap")
    again = prepare(signal)
    assert again.metadata.EELSMap.as_dictionary() == signal.metadata.EELSMap.as_dictionary()


def test_saved_and_loaded_again_keeps_its_origin(shared_data, tmp_path):
    first = load(shared_data / NMC)
    first.save(tmp_path / "copy.hspy")
    second = load(tmp_path / "copy.hspy")
    source = second.metadata.EELSMap.source
    assert (source.file, source.original_file) == ("copy.hspy", "tm_o_core_loss.dm3")
    assert source.original_sha256 == first.metadata.EELSMap.source.sha256
    assert second.metadata.EELSMap.notes == first.metadata.EELSMap.notes


@BOTH
@pytest.mark.parametrize("version", [3, 4])
def test_gatan_files_written_by_nion_swift(tmp_path, lazy, version):
    writer = pytest.importorskip("nionswift_plugin.DM_IO.dm3_image_utils", reason="nionswift-io writes dm3 and dm4")
    from nion.data import Calibration, DataAndMetadata

    counts = np.random.default_rng(0).poisson(20, (3, 4, 64)).astype(np.float32)
    axes = [(0.0, 0.5, "nm"), (0.0, 0.5, "nm"), (500.0, 2.0, "eV")]
    image = DataAndMetadata.new_data_and_metadata(
        counts,
        data_descriptor=DataAndMetadata.DataDescriptor(False, 2, 1),
        dimensional_calibrations=[Calibration.Calibration(*axis) for axis in axes],
        metadata={"Meta Data": {"Format": "Spectrum image", "Signal": "EELS"}},
    )
    path = tmp_path / f"nion.dm{version}"
    with path.open("wb") as file:
        writer.save_image(image, file, version)
    signal = load(path, lazy=lazy)
    assert type(signal) is kind(lazy)
    np.testing.assert_array_equal(np.asarray(signal.data), counts)
    np.testing.assert_allclose(signal.axes_manager.signal_axes[0].axis, 500 + 2.0 * np.arange(64))
    assert [axis.scale for axis in signal.axes_manager.navigation_axes] == pytest.approx([0.5, 0.5])


def test_what_was_taken_is_logged(shared_data, caplog):
    with caplog.at_level("INFO", logger="eelsmap"):
        load(shared_data / NMC)
    assert "took signal 1 of 1" in caplog.text
