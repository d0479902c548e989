"""OME-TIFF of maps: what other programs read from it, that it comes back whole, and what is refused."""

import builtins
import xml.etree.ElementTree as ET
from pathlib import Path

import hyperspy.api as hs
import numpy as np
import pytest
import tifffile

from eelsmap.errors import EelsmapError, FileReadError, PixelFlag
from eelsmap.io import ome_tiff
from eelsmap.io.maps import holds_maps, read_maps, save_maps
from eelsmap.io.ome_tiff import read_ome_tiff, write_ome_tiff
from eelsmap.mapping import PropertyMaps

NAMES = ["li_content", "li_content_lower", "li_content_upper", "t_over_lambda", "flags"]
AXES = {
    "x": ("x", 0.5, "nm"),
    "y": ("y", 0.25, "nm"),
    "t": ("time", 30.0, "s"),
    "z": ("z", 2.0, "µm"),
    "p": ("x", 1.0, ""),
}
PROVENANCE = {
    "title": "charged <NMC> & more",
    "model": {"name": "nmc", "measured": {"li_content": {"rmse": 0.14}}},
    "windows": {"Mn_L": [606.0, 634.0, "moved"]},
    "source": {"file": "μ λ.dm4"},
}


def made(letters, sizes):
    rng = np.random.default_rng(4)
    stack = rng.random((*sizes, len(NAMES))).astype(np.float32)
    stack[..., 0].ravel()[:1] = np.nan
    # Every bit that a flag may have, so that a lost one shows.
    every = int(np.bitwise_or.reduce([int(flag) for flag in PixelFlag]))
    stack[..., -1] = rng.choice([0, 1, every, every - 1], size=sizes)
    axes = [
        {"name": AXES[letter][0], "size": size, "scale": AXES[letter][1], "offset": 7.5, "units": AXES[letter][2]}
        for letter, size in zip(letters, sizes, strict=True)
    ]
    return PropertyMaps(stack, NAMES, axes, PROVENANCE)


def pixels_of(path):
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_ome
        tree = ET.fromstring(tiff.ome_metadata)  # noqa: S314 - written a moment ago
    return next(element for element in tree.iter() if element.tag.endswith("}Pixels"))


KINDS = [("", ()), ("x", (7,)), ("yx", (3, 4)), ("tyx", (2, 3, 4)), ("zyx", (2, 3, 4)), ("pp", (2, 3))]


@pytest.mark.parametrize(("letters", "sizes"), KINDS)
def test_maps_come_back_bit_for_bit(letters, sizes, tmp_path):
    maps = made(letters, sizes)
    path = write_ome_tiff(maps, tmp_path / "maps.ome.tif")
    back = PropertyMaps(*read_ome_tiff(path))
    assert back.axes == maps.axes
    assert back.provenance == maps.provenance
    assert list(back) == list(maps)
    for name in maps:
        np.testing.assert_array_equal(back.array(name), maps.array(name))
        assert back.array(name).dtype == maps.array(name).dtype
    assert [item.name for item in tmp_path.iterdir()] == ["maps.ome.tif"]


@pytest.mark.parametrize(("letters", "sizes"), KINDS)
def test_other_programs_find_names_units_and_sizes(letters, sizes, tmp_path):
    path = write_ome_tiff(made(letters, sizes), tmp_path / "maps.ome.tiff")
    pixels = pixels_of(path)
    channels = [element.get("Name") for element in pixels if element.tag.endswith("}Channel")]
    assert channels == [
        "li_content [Li per metal]", "li_content_lower [Li per metal]", "li_content_upper [Li per metal]",
        "t_over_lambda [t/λ]", "flags [bits]",
    ]  # fmt: skip
    assert pixels.get("Type") == "float"
    assert int(pixels.get("SizeC")) == len(NAMES)
    assert int(pixels.get("SizeT")) == (2 if letters == "tyx" else 1)
    assert int(pixels.get("SizeZ")) == (2 if letters == "zyx" else 1)
    lengths = {letter: pixels.get(f"PhysicalSize{letter.upper()}") for letter in "xyz"}
    assert lengths["x"] == ("0.5" if "x" in letters else None)
    assert lengths["y"] == ("0.25" if "y" in letters else None)
    assert lengths["z"] == ("2.0" if "z" in letters else None)
    if "x" in letters:
        assert pixels.get("PhysicalSizeXUnit", "µm") == "nm"
    if "z" in letters:
        assert pixels.get("PhysicalSizeZUnit", "µm") == "µm"
    if "t" in letters:
        assert (float(pixels.get("TimeIncrement")), pixels.get("TimeIncrementUnit", "s")) == (30.0, "s")
    with tifffile.TiffFile(path) as tiff:
        words = tiff.ome_metadata
        assert tiff.series[0].axes.replace("Q", "") in ("CYX", "TCYX", "ZCYX", "CY", "CX", "C")
    assert "charged &lt;NMC&gt; &amp; more" in words
    assert '<M K="model.measured.li_content.rmse">0.14</M>' in words
    assert '<M K="source.file">μ λ.dm4</M>' in words


def test_hyperspy_reads_values_and_sizes(tmp_path):
    maps = made("yx", (3, 4))
    path = write_ome_tiff(maps, tmp_path / "maps.ome.tif")
    signal = hs.load(path, force_read_resolution=True)
    assert signal.data.shape == (len(NAMES), 3, 4)
    np.testing.assert_array_equal(signal.data[0], maps.array("li_content"))
    x, y = signal.axes_manager.signal_axes
    nanometres = {"µm": 1e3, "nm": 1.0}
    assert x.scale * nanometres[x.units] == pytest.approx(0.5, rel=1e-6)
    assert y.scale * nanometres[y.units] == pytest.approx(0.25, rel=1e-6)


def test_napari_reads_the_values(tmp_path):
    io = pytest.importorskip("napari_builtins.io")
    maps = made("yx", (3, 4))
    [(data, *_rest)] = io.napari_get_reader(str(write_ome_tiff(maps, tmp_path / "maps.ome.tif")))(
        str(tmp_path / "maps.ome.tif")
    )
    assert np.asarray(data).shape == (len(NAMES), 3, 4)
    np.testing.assert_array_equal(np.asarray(data)[-1], maps.array("flags"))


def test_the_ending_decides_and_content_is_known(tmp_path):
    maps = made("yx", (3, 4))
    for name in ("a.hspy", "b", "c.ome.tif", "D.OME.TIFF"):
        path = save_maps(maps, tmp_path / name)
        assert holds_maps(path)
        back = PropertyMaps(*read_maps(path))
        assert back.provenance == maps.provenance
        np.testing.assert_array_equal(back.array("flags"), maps.array("flags"))
    with pytest.raises(ValueError, match=r"saved as \.hspy or \.ome\.tif, not as \.tif"):
        save_maps(maps, tmp_path / "e.tif")
    with pytest.raises(ValueError, match=r"called \.ome\.tif"):
        write_ome_tiff(maps, tmp_path / "e.tif")
    hs.signals.Signal1D(np.zeros((2, 5))).save(tmp_path / "f.hspy")
    assert not holds_maps(tmp_path / "f.hspy")
    assert not holds_maps(tmp_path / "g.dm4")


def test_an_existing_file_stays_unless_asked(tmp_path):
    path = tmp_path / "maps.ome.tif"
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="choose another name"):
        write_ome_tiff(made("x", (3,)), path)
    assert path.read_bytes() == b"mine"
    assert read_ome_tiff(write_ome_tiff(made("x", (3,)), path, overwrite=True))[1] == NAMES


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "maps.ome.tif"
    path.write_bytes(b"mine")

    def fill(part, *_args, **_options):
        Path(part).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", fill)
    with pytest.raises(OSError, match="No space left") as refused:
        write_ome_tiff(made("x", (3,)), path, overwrite=True)
    assert refused.value.filename == str(path)
    assert path.read_bytes() == b"mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_what_the_format_cannot_hold_is_refused(tmp_path):
    with pytest.raises(EelsmapError, match="4 axes, OME-TIFF holds three"):
        write_ome_tiff(made("tzyx", (1, 2, 2, 2)), tmp_path / "a.ome.tif")
    maps = made("x", (3,))
    wide = maps.array("flags").copy()
    wide[0] = 1 << 24
    with pytest.raises(EelsmapError, match="beyond 24 bits"):
        ome_tiff._exact(wide, "flags")
    assert list(tmp_path.iterdir()) == []


def test_without_tifffile_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    imported = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "tifffile":
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(EelsmapError, match="pip install tifffile"):
        write_ome_tiff(made("x", (3,)), tmp_path / "a.ome.tif")


def test_foreign_and_broken_files_are_refused_with_the_reason(tmp_path):
    foreign = tmp_path / "foreign.ome.tif"
    tifffile.imwrite(foreign, np.zeros((2, 3, 4), np.float32), ome=True, photometric="minisblack")
    plain = tmp_path / "plain.ome.tif"
    tifffile.imwrite(plain, np.zeros((3, 4), np.float32))
    for path in (foreign, plain):
        with pytest.raises(FileReadError, match="holds no property maps that eelsmap wrote"):
            read_ome_tiff(path)
    whole = write_ome_tiff(made("yx", (30, 40)), tmp_path / "whole.ome.tif").read_bytes()
    broken = tmp_path / "broken.ome.tif"
    for length in (0, 3, 100, len(whole) // 2):
        broken.write_bytes(whole[:length])
        with pytest.raises(FileReadError, match=r"broken\.ome\.tif"):
            read_ome_tiff(broken)
    with pytest.raises(FileReadError, match="no such file"):
        read_ome_tiff(tmp_path / "nothing.ome.tif")
