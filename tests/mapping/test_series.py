"""A series of .dm4 frames: what becomes of each, and whether the trends follow the truth."""

import json
import os
import shutil
import socket

import hyperspy.api as hs
import numpy as np
import pandas as pd
import pytest

import eelsmap
from eelsmap import whole_file
from eelsmap.errors import EelsmapError, FileReadError, RecipeError, RunCancelledError
from eelsmap.mapping.series import MapSeries, map_series
from eelsmap.mapping.series import run as series_run
from eelsmap.mapping.series.table import read_rows
from tests.mapping.series_frames import CURRENT, DRIFT, DWELL, ENERGY, SCALE, SHAPE, results, write_rolled, write_series
from tests.models.small_model import small_model

GOOD = ["run_b.dm4", "run_a.dm4", "run_d.dm4", "run_c.dm4"]


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """The phantom series by the shipped model, with its truth."""
    folder = tmp_path_factory.mktemp("phantoms")
    truth = write_series(folder)
    regions = {"thick": "counts>50%", "everything": np.ones(SHAPE, dtype=bool)}
    series = map_series(str(folder / "run_*.dm4"), "nmc", out=folder / "out", regions=regions)
    return series, truth


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_model(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def rolled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rolled")
    write_rolled(folder)
    return folder


@pytest.fixture(scope="module")
def done(rolled, model, tmp_path_factory):
    """Results of the rolled frames, mapped once for all tests that begin with a finished series."""
    return map_series(rolled, model, out=tmp_path_factory.mktemp("done")).folder


@pytest.fixture
def finished(done, tmp_path):
    """A copy of those results that a test may change."""
    return shutil.copytree(done, tmp_path / "finished")


def test_the_table_says_what_became_of_every_frame(mapped):
    table = mapped[0].frames.set_index("file")
    assert table.index.tolist() == [*GOOD[:3], "run_e_truncated.dm4", "run_small.dm4", GOOD[3], "run_z_copy.dm4"]
    assert (table.loc[GOOD, "status"] == "mapped").all()
    assert table.loc["run_e_truncated.dm4", "status"] == "failed"
    assert "truncated" in table.loc["run_e_truncated.dm4", "reason"]
    assert table.loc["run_small.dm4", "status"] == "other size"
    assert table.loc["run_small.dm4", "reason"] == "9 x 11 pixels; most frames of the series have 14 x 18"
    assert table.loc["run_z_copy.dm4", "status"] == "duplicate"
    assert table.loc["run_z_copy.dm4", "reason"] == "the same bytes as run_c.dm4"
    assert table.loc[GOOD, "seconds"].tolist() == [0, 120, 240, 360]
    written = pd.read_csv(mapped[0].folder / "frames.csv")
    assert written.drop(columns="path").shape == (7, table.shape[1])
    assert not any(column.startswith("_") for column in written)


def test_drift_in_space_and_energy_is_recovered(mapped):
    table = mapped[0].frames.set_index("file").loc[GOOD]
    assert np.abs(table[["drift_y_px", "drift_x_px"]].to_numpy() - DRIFT).max() < 0.2
    assert np.abs(table["axis_offset_change_eV"].to_numpy() - ENERGY).max() < 0.3
    assert (table["drift_uncertainty_px"] < 0.1).all()
    assert (table["drift_check_px"].to_numpy()[1:] < 0.1).all()
    assert table["axis_mode"].tolist()[2:] == ["global", "global"]


def test_dose_adds_up_and_says_what_it_leaves_out(mapped):
    table = mapped[0].frames.set_index("file")
    dose = CURRENT * 1e-9 * DWELL / 1.602176634e-19 / (100 * SCALE**2)
    assert np.allclose(table.loc[GOOD, "dose_e_per_A2"], dose)
    # Four whole frames and the small one; the truncated one exposed the specimen too, but nobody knows by how much.
    assert table["dose_accumulated_e_per_A2"].iloc[-1] == pytest.approx(5 * dose)
    assert table["dose_unknown_frames"].tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert np.isnan(table.loc["run_z_copy.dm4", "electrons"])


def test_trends_follow_the_truth_within_their_intervals(mapped):
    series, truth = mapped
    trends = series.trends()
    for name in ("li_content", "ni_valence"):
        found = trends[(trends["property"] == name) & (trends["region"] == "thick")]
        maps = [truth[number][name][truth[number]["thickness"] > 0.5].mean() for number in range(4)]
        assert ((found["lower"] <= maps) & (maps <= found["upper"])).all()
        assert (found["standard_error"] > 0).all()
    lithium = series.summary().set_index(["region", "property"]).loc[("thick", "li_content")]
    assert lithium["change"] == pytest.approx(maps_change(truth), abs=0.1)


def maps_change(truth):
    first, last = (np.mean(truth[at]["li_content"][truth[at]["thickness"] > 0.5]) for at in (0, 3))
    return last - first


def test_maps_lie_on_each_other_and_open_lazily(mapped):
    series, _truth = mapped
    signal = series["li_content"]
    assert signal._lazy
    assert signal.data.shape == (4, *SHAPE)
    assert signal.axes_manager.navigation_axes[0].units == "s"
    assert signal.axes_manager.navigation_axes[0].scale == 120
    assert [axis.units for axis in signal.axes_manager.signal_axes] == ["nm", "nm"]
    counts = np.asarray(series["counts"].data)
    seen = np.isfinite(counts).all(axis=0)
    for number in range(1, 4):
        assert np.corrcoef(counts[0][seen], counts[number][seen])[0, 1] > 0.98
    # The specimen moved down: the last rows of the first frame are not seen any more.
    assert np.isnan(counts[3, -2:]).all()
    stack = hs.load(series.folder / "series.hspy", lazy=True)
    assert stack.data.chunksize == (1, 1, *SHAPE)
    assert list(stack.metadata.EELSMap.names) == list(series)
    with pytest.raises(KeyError, match="no map 'nickel'"):
        series["nickel"]


def test_the_same_call_again_does_nothing(mapped, monkeypatch):
    series, _truth = mapped
    before = results(series.folder)
    monkeypatch.setattr(series_run, "write_store", None)
    monkeypatch.setattr("eelsmap.mapping.series.frame_by_frame.map_frame", None)
    regions = {"thick": "counts>50%", "everything": np.ones(SHAPE, dtype=bool)}
    again = map_series(str(series.folder.parent / "run_*.dm4"), "nmc", out=series.folder, regions=regions)
    assert results(series.folder) == before
    assert repr(again) == repr(series)


def test_other_regions_need_no_new_maps(rolled, model, finished, tmp_path, monkeypatch):
    monkeypatch.setattr("eelsmap.mapping.series.frame_by_frame.map_frame", None)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[4:8, 5:9] = True
    np.save(tmp_path / "mask.npy", mask)
    series = map_series(rolled, model, out=finished, regions={"box": tmp_path / "mask.npy"})
    assert series.regions == ["box"]
    # The box follows the specimen, of which it holds the same pixels in every frame.
    assert series.frames["box_pixels"].tolist() == [16, 16, 16, 16]
    with pytest.raises(EelsmapError, match="its mask has 3 x 3 pixels, the frames 14 x 18"):
        map_series(rolled, model, out=finished, regions={"box": np.ones((3, 3))})
    with pytest.raises(RecipeError, match="there is no map 'nickel'"):
        map_series(rolled, model, out=finished, regions={"box": "nickel<3"})


def test_stopped_at_any_write_it_ends_with_the_same_bytes(rolled, model, done, tmp_path, monkeypatch):
    stopped, choose, replace = 0, np.random.default_rng(0), os.replace

    class StoppedError(BaseException):
        pass

    for _ in range(60):
        left = int(choose.integers(4, 10))

        def stop_at(source, target):
            nonlocal left
            left -= 1
            if not left:
                raise StoppedError
            replace(source, target)

        monkeypatch.setattr(whole_file.os, "replace", stop_at)
        try:
            map_series(rolled, model, out=tmp_path / "b")
        except StoppedError:
            stopped += 1
        else:
            break
    assert stopped >= 3
    assert results(tmp_path / "b") == results(done)


def test_cancelled_at_any_moment_it_keeps_what_is_done_and_goes_on(rolled, model, done, tmp_path, monkeypatch):
    monkeypatch.setattr("eelsmap.mapping.blocks._BLOCK_PIXELS", 40)
    choose, kept = np.random.default_rng(0), [0]
    for _ in range(60):
        # Asked before each of four headers and frames, and before and after each of seven blocks of one.
        left = int(choose.integers(2, 20))

        def cancelled():
            nonlocal left
            left -= 1
            return left < 0

        try:
            map_series(rolled, model, out=tmp_path / "b", cancelled=cancelled)
        except RunCancelledError:
            kept.append(len(list((tmp_path / "b" / "frames").glob("*.npy"))))
            assert not (tmp_path / "b" / ".lock").read_text()
            assert len(read_rows(tmp_path / "b")) == kept[-1]
        else:
            break
    assert len(kept) > 3
    assert kept == sorted(kept)
    assert kept[-1] == 3
    assert results(tmp_path / "b") == results(done)


def test_a_series_is_cancelled_within_a_frame(rolled, model, tmp_path, monkeypatch):
    monkeypatch.setattr("eelsmap.mapping.blocks._BLOCK_PIXELS", 40)
    asked = []

    def cancelled():
        asked.append(1)
        # Four headers, the first frame, before its first block, after each of two.
        return len(asked) == 8

    with pytest.raises(RunCancelledError, match="the same run again makes the others"):
        map_series(rolled, model, out=tmp_path / "out", cancelled=cancelled)
    assert not list((tmp_path / "out" / "frames").iterdir())


def test_a_changed_model_starts_afresh_and_says_so(rolled, model, finished):
    before, said = set((finished / "frames").iterdir()), []
    map_series(rolled, model, out=finished, recipe=model.recipe.with_axis_mode("none"), say=said.append)
    assert said[0] == "another recipe than in the run before: every frame is mapped afresh"
    assert not before & set((finished / "frames").iterdir())
    assert "fresh" in (finished / "run.log").read_text()


def test_a_frame_with_other_content_is_mapped_afresh(rolled, model, finished, tmp_path):
    frames = shutil.copytree(rolled, tmp_path / "frames")
    shutil.copy(frames / "roll_3.dm4", frames / "roll_1.dm4")
    (frames / "roll_2.dm4").unlink()
    series = map_series(frames, model, out=finished)
    assert series.frames["status"].tolist() == ["mapped", "mapped", "duplicate"]
    assert results(finished) == results(map_series(frames, model, out=tmp_path / "b").folder)


def test_a_shared_axis_is_that_of_the_first_frame(mapped, model, tmp_path):
    frames = [mapped[0].folder.parent / name for name in GOOD]
    table = map_series(frames, model, out=tmp_path, axis="shared").frames
    assert table["axis_mode"].tolist() == ["none"] + 3 * ["none (shared)"]
    # What each frame itself shows is there all the same.
    assert np.abs(table["axis_offset_change_eV"].to_numpy() - ENERGY).max() < 0.3


def test_a_tracked_axis_follows_the_edges(mapped, model, tmp_path):
    frames = [mapped[0].folder.parent / name for name in GOOD]
    series = map_series(frames, model, out=tmp_path, axis="tracked")
    assert series.frames["axis_mode"].tolist() == ["none"] + 3 * ["none (tracked)"]
    keys = [json.loads(path.read_text())["axis"] for path in (tmp_path / "frames").glob("*.json")]
    applied = sorted(-axis["offset_eV"]["O_K"] for axis in keys)
    assert np.abs(np.array(applied) - sorted(ENERGY)).max() < 0.3
    own = next(axis["uncertainty_eV"] for axis in keys if "way" not in axis)
    assert all(axis["uncertainty_eV"] > own for axis in keys if "way" in axis)


def test_two_runs_on_one_folder_are_refused(rolled, model, finished):
    def second(_sentence):
        with pytest.raises(EelsmapError, match=rf"process {os.getpid()} on .* is mapping a series into this folder"):
            map_series(rolled, model, out=finished)

    map_series(rolled, model, out=finished, say=second)
    lock = finished / ".lock"
    assert not lock.read_text()
    # The process died without a word: the system has taken its lock back.
    lock.write_text(json.dumps({"pid": 2**22 + 1, "host": socket.gethostname()}))
    map_series(rolled, model, out=finished)
    lock.write_text(json.dumps({"pid": 1, "host": "another-microscope"}))
    with pytest.raises(EelsmapError, match="process 1 on another-microscope has not given this folder back"):
        map_series(rolled, model, out=finished)


def test_a_full_disk_ends_with_a_sentence_and_keeps_what_is_done(rolled, model, tmp_path, monkeypatch):
    save = np.save

    def full(path, array):
        if len(list((tmp_path / "frames").glob("*.json"))) == 2:
            raise OSError(28, "No space left on device")
        save(path, array)

    with monkeypatch.context() as patch:
        patch.setattr("eelsmap.mapping.series.mapped_frame.np.save", full)
        with pytest.raises(EelsmapError, match="no space left on the disk"):
            map_series(rolled, model, out=tmp_path)
    assert len(MapSeries.load(tmp_path).frames) == 2
    assert (map_series(rolled, model, out=tmp_path).frames["status"] == "mapped").all()


def test_foreign_folders_and_empty_patterns_are_refused(rolled, model, tmp_path):
    with pytest.raises(FileReadError, match="no frame of a series"):
        map_series(str(tmp_path / "*.dm4"), model, out=tmp_path)
    (tmp_path / "frames.csv").write_text("mine")
    with pytest.raises(EelsmapError, match=r"frames\.csv exists and is not of a series"):
        map_series(rolled, model, out=tmp_path)
    with pytest.raises(FileReadError, match="holds no series"):
        MapSeries.load(tmp_path / "nowhere")
    with pytest.raises(RecipeError, match="axis = 'each'"):
        map_series(rolled, model, out=tmp_path, axis="each")


def test_watching_takes_frames_that_have_stopped_growing(rolled, model, finished, tmp_path, monkeypatch):
    frames = tmp_path / "frames"
    frames.mkdir()
    waiting, clock = sorted(rolled.iterdir()), 0.0
    whole = waiting[2].read_bytes()

    def sleep(seconds):
        nonlocal clock
        clock += seconds
        turn = round(clock / seconds)
        if turn in (2, 4):
            shutil.copy(waiting[turn // 2 - 1], frames)
        if turn in (6, 7, 8):
            (frames / waiting[2].name).write_bytes(whole[: turn * len(whole) // 8])

    monkeypatch.setattr(series_run.time, "sleep", sleep)
    monkeypatch.setattr(series_run.time, "monotonic", lambda: clock)
    said = []
    series = map_series(frames, model, out=tmp_path / "out", watch=5, watch_for=40, say=said.append)
    assert series.frames["status"].tolist() == ["mapped"] * 3
    assert not any("failed" in sentence for sentence in said)
    assert results(series.folder) == results(map_series(frames, model, out=finished).folder)


def test_ending_the_watch_keeps_what_is_there(rolled, model, finished, monkeypatch):
    turns = []

    def sleep(_seconds):
        turns.append(1)
        if len(turns) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(series_run.time, "sleep", sleep)
    said = []
    series = map_series(rolled, model, out=finished, watch=1, say=said.append)
    assert said[-1] == "stopped watching"
    assert len(series.frames) == 4
    assert series["li_content"].data.shape[0] == 4


@pytest.mark.parametrize("at", [1, 3, 8, 12])
def test_cancelling_the_watch_keeps_what_an_earlier_run_has_made(rolled, model, finished, at):
    said, asked, before = [], [], results(finished)
    (finished / ".finished.json").unlink()

    def cancelled():
        asked.append(1)
        # In the first nap, when the frames are not yet settled; at a header; at a frame; after the first pass.
        return len(asked) >= at

    series = map_series(rolled, model, out=finished, watch=0.1, say=said.append, cancelled=cancelled)
    assert said[-1] == "stopped watching"
    assert len(series.frames) == 4
    assert results(finished) == before


def test_lines_and_single_images_are_series_too(rolled, model, tmp_path):
    signal = eelsmap.load(rolled / "roll_0.dm4")
    for number in range(2):
        signal.inav[:, 6 + number].save(tmp_path / f"line_{number}.hspy")
    series = map_series(tmp_path / "line_*.hspy", model, out=tmp_path / "out")
    assert series["li_content"].data.shape == (2, SHAPE[1])
    assert series.frames["drift_from"].tolist() == ["not measured"] * 2
