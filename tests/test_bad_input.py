"""What cannot be mapped is refused by a typed error that names the file, axis or value and says what to do."""

import os
import shutil
from pathlib import Path

import hyperspy.api as hs
import numpy as np
import pytest

import eelsmap
from eelsmap.errors import (
    NO_ANSWER,
    BundleError,
    EelsmapError,
    EnergyAxisError,
    FileReadError,
    NoEdgesError,
    NotASpectrumImageError,
    PixelFlag,
    RecipeError,
    UnknownModelError,
)
from tests.run_command import run
from tests.small_images import CHANNELS, ENERGY, OFFSET, SHAPE, STEP, image, phantom_counts, window

EAGER_AND_LAZY = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
INFO_AND_MAP = pytest.mark.parametrize("command", ["info", "map"])


@pytest.fixture(scope="module")
def model():
    return eelsmap.load_model("nmc")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "good.hspy"
    image().save(path)
    return path


# Files


def truncated(path, good):
    path.write_bytes(good.read_bytes()[:4000])


def almost_whole(path, good):
    path.write_bytes(good.read_bytes()[:-50])


def picture(path, good):
    hs.signals.Signal2D(np.ones((4, 5))).save(path)


def x_rays(path, good):
    image(np.ones((2, 3, 2048)), units="keV", offset=0.0, scale=0.01, kind="EDS_TEM").save(path)


def complex_numbers(path, good):
    hs.signals.ComplexSignal1D(np.ones((2, 30), dtype=complex)).save(path)


def three_channels(path, good):
    image(np.ones((4, 3))).save(path)


def nanometres(path, good):
    image(units="nm").save(path)


def falling(path, good):
    image(offset=940.0, scale=-STEP).save(path)


def property_maps(path, good):
    eelsmap.map_properties(eelsmap.load(good)).save(path)


def one_map(path, good):
    eelsmap.map_properties(eelsmap.load(good))["li_content"].save(path)


BAD_FILES = {
    "missing.dm4": (lambda path, good: None, FileReadError, "no such file"),
    "empty.dm3": (lambda path, good: path.touch(), FileReadError, "is empty"),
    "folder.hspy": (lambda path, good: path.mkdir(), FileReadError, "is a folder"),
    "notes.txt": (lambda path, good: path.write_text("hello"), FileReadError, "extension '.txt' is not known"),
    "page.dm3": (lambda path, good: path.write_text("<html>" * 99), FileReadError, "cannot be decoded as .dm3"),
    "cut.hspy": (truncated, FileReadError, "truncated"),
    "nearly.hspy": (almost_whole, FileReadError, "truncated"),
    "pipe.hspy": (lambda path, good: os.mkfifo(path), FileReadError, "is no regular file"),
    "survey.hspy": (picture, NotASpectrumImageError, "It holds: image of 5 x 4"),
    "eds.hspy": (x_rays, NotASpectrumImageError, "EDS_TEM spectrum, 3 x 2 pixels"),
    "complex.hspy": (complex_numbers, NotASpectrumImageError, "holds no EELS spectrum"),
    "short.hspy": (three_channels, EnergyAxisError, "3 channels along the energy axis"),
    "nm.hspy": (nanometres, EnergyAxisError, "is in 'nm', not in eV"),
    "falling.hspy": (falling, EnergyAxisError, "falls from 940"),
    "maps.hspy": (property_maps, NotASpectrumImageError, "eelsmap.PropertyMaps.load"),
    "map.hspy": (one_map, NotASpectrumImageError, "open it with hyperspy.api.load"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_file(name, good, tmp_path):
    write, error, words = BAD_FILES[name]
    if name == "pipe.hspy" and not hasattr(os, "mkfifo"):
        pytest.skip("this system has no pipes among its files")
    path, out = tmp_path / name, tmp_path / "out"
    write(path, good)
    for lazy in (False, True):
        with pytest.raises(error) as caught:
            eelsmap.load(path, lazy=lazy)
        assert str(caught.value).startswith(f"{path}: ")
        assert words in str(caught.value)
    info = run("info", path)
    mapped = run("map", path, "--out", out)
    assert info.exit_code == mapped.exit_code == 1
    assert info.output.strip() == f"Error: {caught.value}"
    # The name once, not twice.
    assert mapped.output.strip().splitlines() == [str(caught.value), "1 of 1 files could not be mapped"]
    assert not out.exists()


@INFO_AND_MAP
def test_a_file_without_permission(command, good, tmp_path, monkeypatch):
    locked = Path(shutil.copy(good, tmp_path / "locked.hspy"))
    opened = Path.open

    def refuse(self, *args, **kwargs):
        if self == locked:
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *args, **kwargs)

    # Tests may run as root, whom no permission stops.
    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(os, "access", lambda path, mode: mode & os.R_OK == 0)
    result = run(command, locked, *(["--out", tmp_path / "out"] if command == "map" else []))
    assert result.exit_code == 1
    assert f"{locked}: cannot be opened (Permission denied); check its permissions" in result.output


def test_a_file_that_no_pattern_matches(good, tmp_path):
    for arguments in (["info", good.parent / "*.dm9"], ["map", good.parent / "*.dm9", "--out", tmp_path / "out"]):
        result = run(*arguments)
        assert result.exit_code == 1
        assert "*.dm9: no " in result.output


# Axes and counts


def subtracted():
    counts = phantom_counts()
    return image(counts - counts[..., :60].mean(axis=-1, keepdims=True) * (ENERGY / ENERGY[30]) ** -2.7)


def not_uniform():
    signal = image()
    signal.axes_manager.signal_axes[0].convert_to_non_uniform_axis()
    return signal


def every(step):
    counts = phantom_counts()[..., : CHANNELS // step * step]
    return image(counts.reshape(*SHAPE, -1, step).sum(axis=-1), scale=step * STEP, offset=OFFSET)


def padded(first, last):
    counts = phantom_counts()
    counts[..., first:last] = np.nan
    return image(counts)


NOISE = np.random.default_rng(0).normal(0.0, 1.0, (*SHAPE, CHANNELS))
BAD_SIGNALS = {
    "in nm": (lambda: image(units="nm"), EnergyAxisError, "is in 'nm', not in eV"),
    "descending": (lambda: image(offset=940.0, scale=-STEP), EnergyAxisError, "reverse it first"),
    "not uniform": (not_uniform, EnergyAxisError, "not uniform; interpolate it first"),
    "offset NaN": (lambda: image(offset=np.nan), EnergyAxisError, "offset nan"),
    "10 eV per channel": (lambda: every(25), EnergyAxisError, "10 eV per channel"),
    "keV numbers as eV": (lambda: image(offset=0.46, scale=4e-4), NoEdgesError, "look like keV"),
    "uncalibrated": (lambda: image(offset=0.0, scale=1.0, units=""), NoEdgesError, "looks uncalibrated"),
    "five channels": (lambda: image(np.ones((2, 5))), EnergyAxisError, "5 channels"),
    "elsewhere": (lambda: image(offset=100.0, scale=0.1), NoEdgesError, "100.0 to 219.9 eV and none of the edges"),
    "between the edges": (lambda: window(565, 600), NoEdgesError, "565.2 to 600.0 eV"),
    "begins in an edge": (lambda: window(640, 700), NoEdgesError, "0 eV of the background before it (606-634 eV)"),
    "too little before": (lambda: window(515, 560), NoEdgesError, "9 eV of the background before it (494-524 eV)"),
    "ends in an edge": (lambda: window(490, 540), NoEdgesError, "O_K: the axis must reach from 525 to at least 548"),
    "no edges in it": (lambda: image(np.tile(1e9 * ENERGY**-2.7, (2, 2, 1))), NoEdgesError, "none of O_K, Mn_L"),
    "constant": (lambda: image(np.full((2, 3, CHANNELS), 100.0)), NoEdgesError, "none of O_K, Mn_L"),
    "vacuum": (lambda: image(NOISE), NoEdgesError, "none of O_K, Mn_L"),
    "zeros": (lambda: image(np.zeros((2, 3, CHANNELS))), NotASpectrumImageError, "all counts are zero"),
    "negative": (lambda: image(-1.0 - phantom_counts()), NotASpectrumImageError, "sum to less than zero"),
    "NaN": (lambda: padded(0, CHANNELS), NotASpectrumImageError, "every pixel holds NaN or infinite counts"),
    "NaN at the end": (lambda: padded(-20, None), NotASpectrumImageError, "20 of 1200 channels (932.0 to 939.6 eV)"),
    "background subtracted": (subtracted, RecipeError, "before O_K (494-524 eV): the background seems to be"),
    "complex": (lambda: image(phantom_counts().astype(complex)), NotASpectrumImageError, "complex128, not counts"),
    "true and false": (lambda: image(phantom_counts() > 9), NotASpectrumImageError, "bool, not counts"),
    "X-rays": (lambda: image(kind="EDS_TEM"), NotASpectrumImageError, "is of type EDS_TEM"),
    "energy in front": (lambda: image().T, NotASpectrumImageError, "signal.transpose(signal_axes=[...])"),
}  # fmt: skip


@EAGER_AND_LAZY
@pytest.mark.parametrize("name", BAD_SIGNALS)
def test_bad_signal(name, model, lazy):
    make, error, words = BAD_SIGNALS[name]
    signal = make().as_lazy() if lazy else make()
    with pytest.raises(error) as caught:
        eelsmap.map_properties(signal, model)
    assert words in str(caught.value)
    assert str(caught.value).startswith("signal: ")


@pytest.mark.parametrize("name", ["keV numbers as eV", "too little before", "zeros", "background subtracted"])
def test_the_error_names_the_file_and_its_twin_on_the_command_line_says_the_same(name, model, tmp_path):
    make, error, words = BAD_SIGNALS[name]
    path = tmp_path / "bad.hspy"
    make().save(path)
    with pytest.raises(error, match=r"^bad\.hspy: "):
        eelsmap.load(path).map_properties(model)
    info, mapped = run("info", path), run("map", path, "--out", tmp_path / "out")
    assert (info.exit_code, mapped.exit_code) == (0, 1)
    for result in (info, mapped):
        assert words in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "cut", [np.s_[:0], np.s_[:, :0], np.s_[:, :, :0]], ids=["no rows", "no columns", "no channels"]
)
def test_no_pixels(cut, model):
    with pytest.raises(NotASpectrumImageError, match="signal: holds nothing, its shape is"):
        eelsmap.map_properties(image(phantom_counts()[cut]), model)


@pytest.mark.parametrize("thing", [None, "nmc.dm4", phantom_counts, [1, 2]], ids=["None", "path", "function", "list"])
def test_what_is_no_signal(thing, model):
    with pytest.raises(NotASpectrumImageError, match=r"not a HyperSpy signal; open files with eelsmap\.load"):
        eelsmap.map_properties(thing, model)


@EAGER_AND_LAZY
def test_a_pixel_at_fault_is_flagged_and_the_others_are_answered(model, lazy):
    clean = eelsmap.map_properties(image(), model)
    good_pixels = np.argwhere((clean.array("flags") & NO_ANSWER) == 0)
    (a, b, c, d), counts = good_pixels[:4], phantom_counts()
    counts[*a, 300], counts[*b, 700], counts[*c] = np.nan, np.inf, -counts[*c]
    counts[*d] *= 1e-3
    maps = eelsmap.map_properties(image(counts, lazy=lazy), model).compute(progress=False)
    flags = maps.array("flags")
    assert flags[*a] == flags[*b] == PixelFlag.NOT_FINITE
    assert flags[*c] & PixelFlag.NEGATIVE_COUNTS
    assert flags[*d] & PixelFlag.LOW_COUNTS
    answered = np.isfinite(maps.array("li_content"))
    assert not any(answered[*pixel] for pixel in (a, b, c, d))
    assert all(answered[*pixel] for pixel in good_pixels[4:])


# Models


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("lfp", UnknownModelError, "no model named 'lfp' is shipped (there is: nmc)"),
        ("x" * 5000, UnknownModelError, "is shipped (there is: nmc)"),
        ("folder", BundleError, "is no complete model bundle"),
        ("good.hspy", BundleError, "is no complete model bundle"),
    ],
    ids=["unknown", "long", "folder", "image"],
)
def test_bad_model(name, error, words, good, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    shutil.copy(good, "good.hspy")
    with pytest.raises(error) as caught:
        image(kind="MultiEdgeEELS").map_properties(name)
    assert words in str(caught.value)
    result = run("map", good, "--model", name, "--out", "out")
    assert result.exit_code == 1
    assert result.output.strip() == f"Error: {caught.value}"
    assert not Path("out").exists()


# Property maps


def cut_maps(path, good):
    property_maps(path, good)
    hs.load(path).isig[..., :].inav[:3].save(path, overwrite=True)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (shutil.copy, "open spectrum images with eelsmap.load"),
        (one_map, "was saved on its own"),
        (cut_maps, "cut or reordered"),
        (truncated, "truncated"),
        (picture, "holds no property maps"),
    ],
    ids=["image", "one map", "cut", "truncated", "picture"],
)
def test_what_holds_no_property_maps(write, words, good, tmp_path):
    path = tmp_path / "file.hspy"
    write(*((good, path) if write is shutil.copy else (path, good)))
    with pytest.raises(FileReadError) as caught:
        eelsmap.PropertyMaps.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)


def test_every_error_is_one_that_a_script_can_catch():
    errors = {error for _, error, _ in (*BAD_FILES.values(), *BAD_SIGNALS.values())}
    assert all(issubclass(error, EelsmapError) for error in errors)
