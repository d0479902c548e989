"""The reader offers itself for spectrum images only, and gives an image with the signal behind it."""

import shutil

import hyperspy.api as hs
import numpy as np
import pytest

from eelsmap.errors import FileReadError
from eelsmap.mapping import PropertyMaps
from eelsmap.napari.image.layers import image_layer
from eelsmap.napari.reader import get_reader
from eelsmap.signals import LazyMultiEdgeEELS


def saved(folder, shape, units="µm", name="image.hspy"):
    signal = hs.signals.Signal1D(np.random.default_rng(0).poisson(9, (*shape, 300)).astype(np.uint16))
    axis = signal.axes_manager.signal_axes[0]
    axis.offset, axis.scale, axis.units = 500, 1, "eV"
    for number, navigation in enumerate(signal.axes_manager.navigation_axes):
        navigation.scale, navigation.offset, navigation.units = 0.001 * (number + 1), 0.5, units
    signal.set_signal_type("EELS")
    signal.save(folder / name)
    return str(folder / name), signal


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (2, 3, 4)])
def test_counts_with_scale_and_units(tmp_path, shape):
    path, signal = saved(tmp_path, shape)
    [(data, keywords, kind)] = get_reader(path)(path)
    assert kind == "image"
    expected = signal.data.sum(axis=-1)
    np.testing.assert_array_equal(data.reshape(shape), expected)
    assert data.ndim == max(2, len(shape))
    assert len(keywords["scale"]) == len(keywords["translate"]) == len(keywords["units"]) == data.ndim
    if shape:
        # Array order: the last axis is x, which has 1 nm a pixel.
        assert keywords["scale"][-1] == pytest.approx(1)
        assert keywords["units"] == ["nm"] * data.ndim
        assert keywords["translate"][-1] == pytest.approx(500)
    low, high = keywords["contrast_limits"]
    assert low < high
    assert keywords["name"] == "image"
    behind = keywords["metadata"]["eelsmap"]["signal"]
    assert isinstance(behind, LazyMultiEdgeEELS)
    assert behind.data.shape == (*shape, 300)


def test_real_files(shared_data):
    path = str(shared_data / "nmc_si_doped/tm_o_core_loss.dm3")
    [(data, keywords, _kind)] = get_reader(path)(path)
    assert data.shape == (2, 21)
    assert keywords["scale"] == pytest.approx([2.0459, 2.0459], rel=1e-4)
    assert keywords["units"] == ["nm", "nm"]
    dm4 = str(shared_data / "reader_samples/EELS_SI.dm4")
    assert get_reader(dm4)(dm4)[0][0].shape == (2, 2)


def test_survey_images_are_left_to_others(shared_data):
    assert get_reader(str(shared_data / "nmc_si_doped/tm_o_survey.dm3")) is None


def test_other_files_are_left_to_others(tmp_path):
    for name in ("picture.png", "absent.dm4"):
        assert get_reader(str(tmp_path / name)) is None
    (tmp_path / "picture.png").write_bytes(b"png")
    assert get_reader(str(tmp_path / "picture.png")) is None
    assert get_reader(str(tmp_path)) is None
    hs.signals.Signal2D(np.zeros((4, 5))).save(tmp_path / "image.hspy")
    assert get_reader(str(tmp_path / "image.hspy")) is None


def test_zspy_folders(tmp_path):
    (tmp_path / "folder.dm4").mkdir()
    assert get_reader(str(tmp_path / "folder.dm4")) is None
    (tmp_path / "empty.zspy").mkdir()
    with pytest.raises(FileReadError, match=r"empty\.zspy"):
        get_reader(str(tmp_path / "empty.zspy"))(str(tmp_path / "empty.zspy"))
    storage = pytest.importorskip("zarr.storage", reason="zarr is not installed")
    if not hasattr(storage, "NestedDirectoryStore"):
        pytest.skip("rosettasciio reads .zspy with zarr 2 only, and here is zarr 3, which napari's extras bring")
    path, signal = saved(tmp_path, (3, 4), name="image.zspy")
    [(data, keywords, _kind)] = get_reader(path)(path)
    np.testing.assert_array_equal(data, signal.data.sum(axis=-1))
    assert keywords["units"] == ["nm", "nm"]


def test_a_phantom_file(tmp_path):
    from eelsmap.phantom import Microscope, make_phantom

    phantom = make_phantom((4, 5), microscope=Microscope(dual_eels=True))
    core = phantom.signal()
    core.save(tmp_path / "core.hspy")
    path = str(tmp_path / "core.hspy")
    [(data, keywords, _kind)] = get_reader(path)(path)
    np.testing.assert_array_equal(data, phantom.core_loss.sum(axis=-1, dtype=float))
    assert keywords["metadata"]["eelsmap"]["kind"] == "spectrum_image"


def test_saved_maps_are_layers(tmp_path):
    axes = [
        {"name": "y", "size": 3, "scale": 2.0, "offset": 0.0, "units": "nm"},
        {"name": "x", "size": 4, "scale": 2.0, "offset": 0.0, "units": "nm"},
    ]
    names = ["ni_count", "li_content", "li_content_lower", "li_content_upper", "counts", "flags"]
    stack = np.arange(72, dtype=np.float32).reshape(3, 4, 6)
    path = str(PropertyMaps(stack, names, axes, {}).save(tmp_path / "maps.hspy"))
    layers = get_reader(path)(path)
    told = [(kind, keywords["metadata"]["eelsmap"]["property"]) for _data, keywords, kind in layers]
    assert told == [("image", "counts"), ("image", "ni_count"), ("image", "li_content"), ("vectors", "flags")]
    assert [keywords["visible"] for _data, keywords, _kind in layers] == [False, False, True, True]
    np.testing.assert_array_equal(layers[2][0], stack[..., 1])
    assert layers[2][1]["scale"] == [2, 2]
    assert isinstance(layers[2][1]["metadata"]["eelsmap"]["maps"], PropertyMaps)


def test_counts_of_large_images_come_after_the_viewer_opened(tmp_path, monkeypatch, make_napari_viewer, until):
    from eelsmap.napari import reader

    monkeypatch.setattr(reader, "_AT_ONCE", 0)
    viewer = make_napari_viewer()
    path, signal = saved(tmp_path, (40, 70))
    [(data, keywords, _kind)] = get_reader(path)(path)
    layer = viewer.add_image(data, **keywords)
    until(lambda: np.isfinite(layer.data).all() and layer.contrast_limits[0] > 0)
    np.testing.assert_array_equal(layer.data, signal.data.sum(axis=-1))
    assert layer.contrast_limits[1] < 1.2 * layer.data.max()


def test_the_viewer_says_in_words_why_a_file_does_not_open(tmp_path, shared_data, make_napari_viewer, monkeypatch):
    from napari.utils import notifications

    said = []
    monkeypatch.setattr(notifications, "show_error", said.append)
    make_napari_viewer()
    content = (shared_data / "reader_samples/EELS_SI.dm4").read_bytes()
    path = tmp_path / "cut.dm4"
    path.write_bytes(content[: len(content) // 2])
    assert get_reader(str(path))(str(path)) == [(None,)]
    assert len(said) == 1
    assert "truncated" in said[0]


def test_a_damaged_file_says_why_when_it_is_read(shared_data, tmp_path):
    content = (shared_data / "reader_samples/EELS_SI.dm4").read_bytes()
    path = tmp_path / "cut.dm4"
    path.write_bytes(content[: len(content) // 2])
    read = get_reader(str(path))
    with pytest.raises(FileReadError, match=r"cut\.dm4.*truncated"):
        read(str(path))


def test_several_files(tmp_path):
    one, _ = saved(tmp_path, (3, 4), name="one.hspy")
    two, _ = saved(tmp_path, (3, 4), name="two.hspy")
    layers = get_reader([one, two])([one, two])
    assert [keywords["name"] for _data, keywords, _kind in layers] == ["one", "two"]
    shutil.copy(one, tmp_path / "three.tif")
    assert get_reader([one, str(tmp_path / "three.tif")]) is None


@pytest.mark.parametrize("units", ["", "px", "s⁻¹"])
def test_unknown_units_become_pixels(units):
    axes = [{"scale": 2.0, "offset": 0.0, "units": "nm"}, {"scale": 3.0, "offset": 0.0, "units": units}]
    _data, keywords, _kind = image_layer(np.ones((3, 4)), axes, "a", colormap="gray")
    assert keywords["units"] == ["pixel", "pixel"]
    assert keywords["scale"] == [2.0, 3.0]


@pytest.mark.parametrize("values", [np.full((2, 2), np.nan), np.zeros((2, 2)), np.full((2, 2), 7.0)])
def test_contrast_limits_are_never_empty(values):
    axes = [{"scale": 1.0, "offset": 0.0, "units": "nm"}] * 2
    low, high = image_layer(values, axes, "a", colormap="gray")[1]["contrast_limits"]
    assert np.isfinite([low, high]).all()
    assert low < high


def test_napari_accepts_the_layers(tmp_path):
    layers = pytest.importorskip("napari.layers", reason="napari is not installed")
    path, _signal = saved(tmp_path, (3, 4))
    [(data, keywords, _kind)] = get_reader(path)(path)
    assert layers.Image(data, **keywords).data.shape == (3, 4)
