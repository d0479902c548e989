"""The result: names, laziness, statistics, files."""

import tempfile
from pathlib import Path

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from eelsmap.errors import FileReadError, NotASpectrumImageError, PixelFlag, describe_flags
from eelsmap.io import load
from eelsmap.mapping.map_names import map_info
from eelsmap.mapping.map_statistics import count_flags
from eelsmap.mapping.property_maps import PropertyMaps
from eelsmap.properties import PROPERTIES
from eelsmap.signals import LazyPropertyMap, PropertyMap

BOTH = pytest.mark.parametrize("lazy", [False, True])
SHAPES = pytest.mark.parametrize("shape", [(), (5,), (2, 21), (2, 3, 4)])
NAMES = [*(name + part for name in PROPERTIES for part in ("", "_lower", "_upper")), "counts", "snr_Ni_L", "flags"]
PROVENANCE = {
    "recipe": {"name": "nmc", "edge_set": {"edges": [{"name": "O_K", "window": [525.0, 557.0]}]}, "nothing": None},
    "model": {"name": "nmc", "version": "1", "sha256": "abc"},
    "versions": {"scikit-learn": "1.9", "numpy": "2.4"},
    "notes": ["first", "second"],
    "empty": [],
    "absolute": True,
}

# HDF5 cannot hold the null character.
TEXT = st.characters(exclude_characters="\0", codec="utf-8")


def make(shape=(2, 21), lazy=False, provenance=PROVENANCE):
    stack = np.random.default_rng(0).random((*shape, len(NAMES))).astype(np.float32)
    stack[..., -1] = int(PixelFlag.NOVEL | PixelFlag.NI_L_MISSING)
    axes = [
        {"name": name, "size": size, "scale": 2.0, "offset": 1.0, "units": "nm"}
        for name, size in zip("zyx"[3 - len(shape) :], shape, strict=True)
    ]
    return PropertyMaps(da.from_array(stack) if lazy else stack, NAMES, axes, provenance), stack


@BOTH
@SHAPES
def test_maps_are_signals_on_the_axes_of_the_image(shape, lazy):
    maps, stack = make(shape, lazy)
    assert list(maps) == NAMES
    assert maps.properties == list(PROPERTIES)
    assert maps.is_lazy == lazy
    assert maps.shape == shape
    for index, name in enumerate(NAMES):
        signal = maps[name]
        assert type(signal) is (LazyPropertyMap if lazy else PropertyMap)
        assert signal.axes_manager.navigation_shape == (shape[::-1] or (1,))
        assert signal.metadata.General.title == map_info(name).title
        assert signal.unit == maps.unit(name)
        assert signal.metadata.EELSMap.model.sha256 == "abc"
        np.testing.assert_array_equal(np.asarray(signal.data).reshape(shape), stack[..., index])
    if shape:
        assert maps["li_content"].axes_manager.navigation_axes[0].units == "nm"
    assert maps["flags"].data.dtype == np.uint32
    assert maps["li_content"].data.dtype == np.float32
    assert maps["li_content"] is maps["li_content"]


def test_unit_and_title():
    maps, _ = make()
    assert maps["li_content"].metadata.General.title == "Li content (Li per metal)"
    assert maps.unit("li_content_upper") == maps.unit("li_content") == "Li per metal"
    assert maps["snr_Ni_L"].metadata.General.title == "Signal to noise, Ni L"


def test_unknown_names_list_the_known_ones():
    maps, _ = make()
    for ask in (maps.__getitem__, maps.unit):
        with pytest.raises(KeyError, match=r"no map 'Li'.*li_content"):
            ask("Li")
    assert "Li" not in maps


def test_properties_of_a_users_model_are_shown_by_their_name():
    maps = PropertyMaps(np.zeros((3, 2), np.float32), ["bond_length", "flags"], [{"name": "x", "size": 3}], {})
    assert maps.properties == ["bond_length"]
    assert maps["bond_length"].metadata.General.title == "bond length"


@pytest.mark.parametrize(
    ("shape", "names"), [((2, 3), ["a", "b"]), ((3, 3), ["a", "b"]), ((4, 2), ["a", "b"]), ((3, 2), ["a", "a"])]
)
def test_wrong_shapes_and_names(shape, names):
    with pytest.raises(ValueError, match=r"shape|twice"):
        PropertyMaps(np.zeros(shape, np.float32), names, [{"name": "x", "size": 3}], {})


def test_one_pass_computes_all():
    calls = []

    def block(values):
        calls.append(1)
        return values

    maps, stack = make((6, 4), lazy=True)
    meta = np.empty((0, 0, 0), np.float32)
    data = da.from_array(stack, chunks=(2, 4, -1)).map_blocks(block, dtype=np.float32, meta=meta)
    maps = PropertyMaps(data, NAMES, maps.axes, {})
    before = maps["li_content"]
    assert maps.compute(progress=False) is maps
    assert not maps.is_lazy
    assert len(calls) == 3
    assert maps["li_content"] is not before
    for name in maps:
        maps.array(name)
    assert len(calls) == 3
    assert maps.compute(progress=True) is maps


def test_progress_is_shown_on_request(capsys):
    make(lazy=True)[0].compute(progress=True)
    assert "100%" in capsys.readouterr().out
    make(lazy=True)[0].compute(progress=False)
    assert capsys.readouterr().out == ""


@BOTH
def test_summary(lazy):
    maps, stack = make(lazy=lazy)
    stack[0, :, NAMES.index("li_content")] = np.nan
    stack[..., NAMES.index("ni_valence")] = np.nan
    maps = PropertyMaps(da.from_array(stack) if lazy else stack, NAMES, maps.axes, {})
    table = maps.summary()
    assert list(table.index) == list(PROPERTIES)
    lithium = table.loc["li_content"]
    values = stack[1, :, NAMES.index("li_content")].astype(float)
    assert lithium["mean"] == pytest.approx(values.mean())
    assert lithium["median"] == pytest.approx(np.median(values))
    assert lithium["standard_deviation"] == pytest.approx(values.std())
    width = stack[1, :, NAMES.index("li_content_upper")] - stack[1, :, NAMES.index("li_content_lower")]
    assert lithium["mean_interval_width"] == pytest.approx(width.mean(), rel=1e-5)
    assert lithium["answered_fraction"] == 0.5
    assert lithium["pixels"] == 42
    assert table.loc["ni_valence", "answered_fraction"] == 0
    assert np.isnan(table.loc["ni_valence", "mean"])


@given(arrays(np.uint32, (3, 4), elements=st.integers(0, 2**20 - 1)))
def test_flag_counts_agree_with_counting_one_by_one(flags):
    expected: dict[str, int] = {}
    for value in flags.ravel():
        for reason in describe_flags(int(value)):
            expected[reason] = expected.get(reason, 0) + 1
    assert count_flags(flags) == expected


@BOTH
def test_flag_counts(lazy):
    counts = make(lazy=lazy)[0].flag_counts()
    assert list(counts.values()) == [42, 42]
    assert list(counts) == describe_flags(int(PixelFlag.NOVEL | PixelFlag.NI_L_MISSING))


@BOTH
@SHAPES
def test_files_keep_everything(tmp_path, shape, lazy):
    maps, stack = make(shape, lazy)
    path = maps.save(tmp_path / "maps")
    assert path.name == "maps.hspy"
    again = PropertyMaps.load(path)
    assert list(again) == NAMES
    assert again.axes == maps.axes
    assert again.provenance == PROVENANCE
    for index, name in enumerate(NAMES):
        np.testing.assert_array_equal(again.array(name), stack[..., index])
    assert again["flags"].data.dtype == np.uint32
    assert [item.name for item in tmp_path.iterdir()] == ["maps.hspy"]


def test_plain_hyperspy_opens_the_file(tmp_path):
    maps, stack = make()
    plain = hs.load(maps.save(tmp_path / "maps.hspy"))
    assert plain.axes_manager.navigation_axes[0].name == "property"
    assert [axis.units for axis in plain.axes_manager.signal_axes] == ["nm", "nm"]
    assert list(plain.metadata.EELSMap.names) == NAMES
    assert plain.metadata.EELSMap.model.sha256 == "abc"
    assert plain.metadata.EELSMap.recipe.edge_set.edges[0]["name"] == "O_K"
    np.testing.assert_array_equal(plain.inav[3].data, stack[..., 3])


def test_numpy_numbers_in_the_provenance(tmp_path):
    maps, _ = make(provenance={"offset": np.float32(1.5), "count": np.int64(3)})
    assert PropertyMaps.load(maps.save(tmp_path / "maps")).provenance == {"offset": 1.5, "count": 3}


def test_saving_never_harms_an_existing_file(tmp_path, monkeypatch):
    maps, stack = make()
    path = maps.save(tmp_path / "maps.hspy")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        maps.save(path)
    before = path.read_bytes()

    def crash(self, target, **kwargs):
        target.write_bytes(b"half")
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(hs.signals.BaseSignal, "save", crash)
        with pytest.raises(OSError, match="disk full"):
            maps.save(path, overwrite=True)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["maps.hspy"]
    changed = PropertyMaps(stack + 1, NAMES, maps.axes, {})
    changed.save(path, overwrite=True)
    np.testing.assert_array_equal(PropertyMaps.load(path).array("counts"), changed.array("counts"))


def test_other_extensions_and_other_files(tmp_path):
    maps, _ = make()
    with pytest.raises(ValueError, match=r"\.hspy.*, not as \.tif"):
        maps.save(tmp_path / "maps.tif")
    hs.signals.Signal1D(np.zeros((2, 9))).save(tmp_path / "other.hspy")
    with pytest.raises(FileReadError, match=r"other\.hspy.*no property maps"):
        PropertyMaps.load(tmp_path / "other.hspy")
    with pytest.raises(FileReadError, match="no such file"):
        PropertyMaps.load(tmp_path / "absent.hspy")
    path = maps.save(tmp_path / "maps.hspy")
    with pytest.raises(NotASpectrumImageError, match=r"PropertyMaps\.load"):
        load(path)


def test_repr_computes_nothing():
    assert repr(make(lazy=True)[0]).startswith("<PropertyMaps, lazy: 2 x 21; li_content, ")
    assert repr(make(())[0]).startswith("<PropertyMaps: one spectrum; ")


def test_provenance_is_a_copy():
    maps, _ = make()
    maps.provenance["notes"].append("third")
    assert maps.provenance == PROVENANCE


@settings(max_examples=20, deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-zA-Z_]{0,12}", fullmatch=True).filter(lambda key: "sig_" not in key),
        st.one_of(st.floats(allow_nan=False), st.integers(-1000, 1000), st.text(TEXT, max_size=20), st.booleans()),
        max_size=5,
    )
)
def test_any_plain_provenance_comes_back(provenance):
    maps = PropertyMaps(np.zeros((3, 1), np.float32), ["li_content"], [{"name": "x", "size": 3}], provenance)
    with tempfile.TemporaryDirectory() as folder:
        assert PropertyMaps.load(maps.save(Path(folder) / "maps")).provenance == provenance
