"""Frames of a series: which files, what their headers say, in which order."""

import math
import shutil

import numpy as np
import pytest

from eelsmap.errors import RecipeError
from eelsmap.io.frames import Frame, find_frames, order_frames, read_frame
from tests.mapping.series_frames import CURRENT, DWELL, SCALE, write_frame


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames")
    data = np.random.default_rng(0).poisson(50, (3, 4, 64)).astype(np.float32)
    for name, minute in (("run_10", 1), ("run_9", 2), ("run_1", 3)):
        write_frame(folder / f"{name}.dm4", data + minute, offset=450.0, step=8.0, minute=minute)
    (folder / "run_2.dm4").write_bytes((folder / "run_1.dm4").read_bytes()[:3000])
    (folder / "notes.txt").write_text("charged")
    (folder / ".run_3.dm4").write_text("half written")
    return folder


def test_a_pattern_a_folder_and_a_list_find_the_same_files_once(folder):
    names = ["run_1.dm4", "run_2.dm4", "run_9.dm4", "run_10.dm4"]
    assert [path.name for path in find_frames(folder)] == names
    assert find_frames(str(folder / "run_*.dm4")) == find_frames(folder)
    assert find_frames([folder / "run_9.dm4", folder]) == [folder / "run_9.dm4", *(
        folder / name for name in names if name != "run_9.dm4"
    )]  # fmt: skip
    assert find_frames(str(folder / "*.dm3")) == []
    assert find_frames(folder / "run_4.dm4") == [folder / "run_4.dm4"]


def test_paths_are_resolved(folder, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    assert find_frames(["link/run_1.dm4", folder / "run_1.dm4"]) == [folder.resolve() / "run_1.dm4"]


def test_a_header_says_when_and_how_it_was_recorded(folder):
    frame = read_frame(folder / "run_9.dm4")
    assert frame.time == "2026-11-21T10:02:00"
    assert frame.shape == (3, 4)
    assert frame.pixels == 12
    assert frame.dwell_s == pytest.approx(DWELL)
    assert frame.current_nA == pytest.approx(CURRENT)
    assert frame.pixel_nm2 == pytest.approx(SCALE**2)
    assert not frame.reason
    assert Frame.from_dict(frame.to_dict()) == frame


def test_what_cannot_be_read_is_a_frame_with_a_reason(folder, tmp_path):
    broken = read_frame(folder / "run_2.dm4")
    assert "truncated" in broken.reason
    assert len(broken.sha256) == 64
    missing = read_frame(tmp_path / "run.dm4")
    assert "no such file" in missing.reason
    assert missing.sha256 == ""


def test_frames_go_by_time_and_what_cannot_be_read_stays_behind_its_name(folder):
    frames = [read_frame(path) for path in find_frames(folder)]
    ordered, used = order_frames(frames)
    assert used == "time"
    assert [frame.path.name for frame in ordered] == ["run_10.dm4", "run_9.dm4", "run_1.dm4", "run_2.dm4"]
    assert order_frames(frames[::-1])[0] == ordered
    named, used = order_frames(frames, "name")
    assert used == "name"
    assert [frame.path.name for frame in named] == ["run_1.dm4", "run_2.dm4", "run_9.dm4", "run_10.dm4"]


def test_without_all_times_frames_go_by_name(folder, tmp_path):
    frames = [read_frame(folder / "run_9.dm4"), Frame(tmp_path / "run_8.hspy", "0", shape=(3, 4))]
    ordered, used = order_frames(frames)
    assert used == "name"
    assert ordered == frames[::-1]
    with pytest.raises(RecipeError, match=r"run_8\.hspy: holds no acquisition time"):
        order_frames(frames, "time")
    with pytest.raises(RecipeError, match="order = 'date'"):
        order_frames(frames, "date")


def test_zero_counts_as_missing_and_folders_have_a_hash(tmp_path):
    import hyperspy.api as hs

    signal = hs.signals.Signal1D(np.ones((2, 3, 64)))
    signal.set_signal_type("EELS")
    axis = signal.axes_manager.signal_axes[0]
    axis.units, axis.offset, axis.scale = "eV", 450.0, 8.0
    signal.metadata.set_item("Acquisition_instrument.TEM.beam_current", 0.0)
    signal.save(tmp_path / "one.hspy")
    frame = read_frame((tmp_path / "one.hspy").resolve())
    assert not frame.reason
    assert math.isnan(frame.current_nA)
    assert math.isnan(frame.dwell_s)
    assert math.isnan(frame.pixel_nm2)
    assert frame.time == ""
    folder = tmp_path / "two.zspy"
    folder.mkdir()
    shutil.copy(tmp_path / "one.hspy", folder / "data")
    first = read_frame(folder).sha256
    (folder / "data").write_text("other")
    assert len(first) == 64
    assert read_frame(folder).sha256 != first
