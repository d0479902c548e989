"""Files that cannot be opened are refused with an error that names them and says what to do."""

import logging
from pathlib import Path

import hyperspy.api as hs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eelsmap.errors import FileReadError, NotASpectrumImageError
from eelsmap.io import EXTENSIONS, load
from eelsmap.io.files import expand, file_hash, natural_key

BOTH = pytest.mark.parametrize("lazy", [False, True])


@BOTH
@pytest.mark.parametrize("extension", [*EXTENSIONS, ".tif"])
def test_missing_file(tmp_path, extension, lazy):
    path = tmp_path / f"absent{extension}"
    with pytest.raises(FileReadError, match=r"absent.*no such file"):
        load(path, lazy=lazy)


@BOTH
@pytest.mark.parametrize("extension", [".dm3", ".dm4", ".hspy", ".emd", ".msa"])
def test_empty_file(tmp_path, extension, lazy):
    path = tmp_path / f"nothing{extension}"
    path.touch()
    with pytest.raises(FileReadError, match=r"nothing.*is empty"):
        load(path, lazy=lazy)


def test_folder(tmp_path):
    with pytest.raises(FileReadError, match="is a folder"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["figure.png", "notes.txt", "no_extension", "table.csv"])
def test_unknown_extension(tmp_path, name):
    path = tmp_path / name
    path.write_text("not a spectrum")
    with pytest.raises(FileReadError, match=rf"{name}.*\.dm4"):
        load(path)


@BOTH
@pytest.mark.parametrize("extension", [".dm3", ".dm4", ".hspy", ".emd", ".msa"])
def test_other_content_under_a_known_extension(tmp_path, extension, lazy):
    path = tmp_path / f"picture{extension}"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8)
    with pytest.raises(FileReadError, match="picture"):
        load(path, lazy=lazy)


@BOTH
@pytest.mark.parametrize("kept", [0.001, 0.3, 0.9])
@pytest.mark.parametrize("name", ["nmc_si_doped/tm_o_core_loss.dm3", "reader_samples/EELS_SI.dm4"])
def test_truncated_gatan_file(shared_data, tmp_path, name, kept, lazy):
    content = (shared_data / name).read_bytes()
    path = tmp_path / f"cut{Path(name).suffix}"
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(FileReadError, match=r"cut.*truncated"):
        load(path, lazy=lazy)


@BOTH
@pytest.mark.parametrize("kept", [0.01, 0.5, 0.99])
def test_truncated_hspy(make_image, tmp_path, kept, lazy):
    whole, cut = tmp_path / "whole.hspy", tmp_path / "cut.hspy"
    make_image().save(whole)
    content = whole.read_bytes()
    cut.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(FileReadError, match=r"cut.*truncated"):
        load(cut, lazy=lazy)


@BOTH
@pytest.mark.parametrize("kept", [0.0005, 0.01, 0.5, 0.9])
def test_truncated_msa(shared_data, tmp_path, kept, lazy):
    content = (shared_data / "nmc_si_doped/tm_o_extracted.msa").read_bytes()
    path = tmp_path / "cut.msa"
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(FileReadError, match=r"cut.*truncated"):
        load(path, lazy=lazy)


def test_no_permission(make_image, tmp_path, monkeypatch):
    path = tmp_path / "locked.hspy"
    make_image().save(path)

    def refuse(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    # Tests may run as root, whom no permission stops.
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(FileReadError, match=r"locked.*Permission denied"):
        load(path)


def test_folder_without_permission(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(FileReadError, match=r"image\.dm4: cannot be reached \(Permission denied"):
        load(tmp_path / "image.dm4")


def test_name_too_long(tmp_path):
    with pytest.raises(FileReadError, match=r"cannot be reached|no such file"):
        load(tmp_path / f"{'x' * 5000}.dm4")


def test_reader_package_missing(make_image, tmp_path, monkeypatch):
    path = tmp_path / "image.hspy"
    make_image().save(path)

    def refuse(*args, **kwargs):
        raise ModuleNotFoundError("No module named 'sparse'", name="sparse")

    monkeypatch.setattr(hs, "load", refuse)
    with pytest.raises(FileReadError, match="needs the package sparse"):
        load(path)


def test_out_of_memory_recommends_lazy(make_image, tmp_path, monkeypatch):
    path = tmp_path / "image.hspy"
    make_image().save(path)

    def refuse(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr(hs, "load", refuse)
    with pytest.raises(FileReadError, match="lazy=True"):
        load(path)


def test_hyperspy_does_not_ask_to_report_our_errors(tmp_path, caplog):
    path = tmp_path / "broken.dm3"
    path.write_bytes(b"broken")
    with caplog.at_level(logging.ERROR), pytest.raises(FileReadError):
        load(path)
    assert not [record for record in caplog.records if "report" in record.getMessage()]


@BOTH
@pytest.mark.parametrize("name", ["tm_o_survey.dm3", "tm_o_adf.dm3"])
def test_image_is_no_spectrum_image(shared_data, name, lazy):
    with pytest.raises(NotASpectrumImageError, match=rf"{name}.*holds: image of"):
        load(shared_data / "nmc_si_doped" / name, lazy=lazy)


def test_complex_data_are_no_counts(tmp_path):
    path = tmp_path / "complex.hspy"
    hs.signals.ComplexSignal1D(np.ones((2, 30), dtype=complex)).save(path)
    with pytest.raises(NotASpectrumImageError, match="no EELS spectrum"):
        load(path)


def test_several_files_and_patterns(make_image, tmp_path):
    for frame in (10, 9, 1):
        make_image((1, 2), metadata={"General.title": str(frame)}).save(tmp_path / f"frame_{frame}.hspy")
    by_pattern = load(str(tmp_path / "frame_*.hspy"))
    assert [signal.metadata.General.title for signal in by_pattern] == ["1", "9", "10"]
    by_list = load([tmp_path / "frame_9.hspy", tmp_path / "frame_1.hspy"])
    assert [signal.metadata.General.title for signal in by_list] == ["9", "1"]
    assert len(load([tmp_path / "frame_9.hspy"])) == 1
    with pytest.raises(FileReadError, match="no file matches"):
        load(tmp_path / "other_*.dm4")
    with pytest.raises(TypeError, match="single path"):
        load(str(tmp_path / "frame_*.hspy"), low_loss=tmp_path / "frame_1.hspy")


def test_brackets_in_a_name_are_no_pattern(make_image, tmp_path):
    path = tmp_path / "grain[2].hspy"
    make_image().save(path)
    assert expand(path) is None
    assert load(str(path)).data.shape == (3, 4, 1200)


@given(st.lists(st.integers(0, 10**6), unique=True, min_size=1))
def test_natural_order(numbers):
    paths = [Path(f"run_{number}.dm4") for number in numbers]
    assert [path.stem for path in sorted(paths, key=natural_key)] == [f"run_{number}" for number in sorted(numbers)]


def test_hash_of_small_files_only(tmp_path, monkeypatch):
    path = tmp_path / "a.dm4"
    path.write_bytes(b"abc")
    assert file_hash(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    monkeypatch.setattr("eelsmap.io.files._HASH_LIMIT", 2)
    assert file_hash(path) is None
    assert file_hash(tmp_path) is None
    assert file_hash(tmp_path / "absent") is None
