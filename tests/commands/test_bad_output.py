"""Results that cannot be written: one clear line, nothing half-finished, and the other files go on."""

import os
import shutil
from pathlib import Path

import hyperspy.api as hs
import pytest

from eelsmap.commands import map_files as map_files_module
from tests.run_command import run
from tests.small_images import image


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "good.hspy"
    image().save(path)
    return path


def test_a_folder_that_cannot_be_written_to_is_refused_before_anything_is_computed(good, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(map_files_module, "map_properties", None)
    for out in (tmp_path / "file", tmp_path / "file" / "deeper"):
        result = run("map", good, "--out", out)
        assert result.exit_code == 1
        assert result.output == (
            f"Error: {tmp_path / 'file'}: is not a folder, so no results can be written to it; choose another folder\n"
        )
    monkeypatch.setattr(os, "access", lambda path, mode: mode & os.W_OK == 0)
    result = run("map", good, "--out", tmp_path / "new")
    assert result.exit_code == 1
    assert result.output == f"Error: {tmp_path}: cannot be written to; choose another folder for the results\n"


FULL = "No space left on device"
REFUSALS = [
    OSError(28, FULL),
    OSError(28, "cannot write (errno = 28,\nbuf = 0)"),
    RuntimeError("flush\nerrno = 28, x"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=["system", "HDF5", "HDF5 flush"])
def test_a_full_disk_leaves_nothing_half_finished_and_the_batch_goes_on(refusal, good, tmp_path, monkeypatch):
    other, out, save = shutil.copy(good, tmp_path / "other.hspy"), tmp_path / "out", hs.signals.BaseSignal.save

    def fill(self, filename, *args, **kwargs):
        if fill.refusals:
            Path(filename).write_bytes(b"half a file")
            raise fill.refusals.pop()
        return save(self, filename, *args, **kwargs)

    fill.refusals = [refusal]
    monkeypatch.setattr(hs.signals.BaseSignal, "save", fill)
    result = run("map", good, other, "--out", out)
    assert result.exit_code == 1
    assert f"{good}: {FULL}: {out / 'good_maps.hspy'}\n" in result.output
    assert {path.name[:11] for path in out.iterdir()} == {"other_maps.", "other_summa", "other_prove"}


def test_an_interruption_leaves_nothing_half_finished(good, tmp_path, monkeypatch):
    def interrupt(self, filename, *args, **kwargs):
        Path(filename).write_bytes(b"half a file")
        raise KeyboardInterrupt

    monkeypatch.setattr(hs.signals.BaseSignal, "save", interrupt)
    assert run("map", good, "--out", tmp_path / "out").exit_code == 1
    assert list((tmp_path / "out").iterdir()) == []


def test_an_unforeseen_fault_of_one_file_does_not_end_the_batch(good, tmp_path, monkeypatch):
    other, mapped = shutil.copy(good, tmp_path / "other.hspy"), map_files_module.map_properties

    def trip(planned, *args, **kwargs):
        if planned.core.metadata.EELSMap.source.file == "good.hspy":
            raise ZeroDivisionError("division by zero")
        return mapped(planned, *args, **kwargs)

    monkeypatch.setattr(map_files_module, "map_properties", trip)
    result = run("map", good, other, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "ZeroDivisionError: division by zero" in result.output
    assert "1 of 2 files could not be mapped" in result.output
    assert (tmp_path / "out" / "other_maps.hspy").exists()


def test_demo_and_train_say_so_too_when_they_cannot_write(tmp_path):
    (tmp_path / "file").touch()
    for command in ("demo", "train"):
        result = run(command, "--out", tmp_path / "file")
        assert result.exit_code == 1
        assert str(tmp_path / "file") in result.output
