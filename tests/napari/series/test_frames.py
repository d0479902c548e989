"""Frames of a series without a window: maps one by one, regions, spectra where drift is taken out, and words."""

import shutil

import numpy as np
import pytest

import eelsmap
from eelsmap.errors import FileReadError, RecipeError, UnknownModelError
from eelsmap.mapping.series import MapSeries
from eelsmap.napari.series.frame_spectra import model_of
from eelsmap.napari.series.frames import MapCache, SeriesFrames
from eelsmap.napari.series.layers import FrameStack, series_layers, series_of, time_axis
from eelsmap.napari.series.pixels import SeriesPixels
from eelsmap.napari.series.reader import get_series_reader
from eelsmap.napari.series.trends import drawn_trend, finite_runs, table_trends
from eelsmap.napari.series.words import counted_words, frame_words, pixel_words, time_positions, time_words
from tests.napari.series.small_series import BAD, BOX, SHAPE, STEPS, copied, frames_folder, model, small_series

MAPPED = [step for step in range(STEPS) if step != BAD]


@pytest.fixture(scope="module")
def frames():
    return SeriesFrames(small_series())


def test_maps_of_single_frames_are_those_of_the_stack(frames):
    for name in frames.names:
        stack = np.asarray(small_series()[name].data)
        for place, step in enumerate(MAPPED):
            np.testing.assert_array_equal(frames.map(name, step), stack[place])
    assert np.isnan(frames.map("li_content", BAD)).all()
    assert (frames.map("flags", BAD) == 0).all()
    width = frames.map("li_content_upper", 1) - frames.map("li_content_lower", 1)
    np.testing.assert_array_equal(frames.map("li_content_width", 1), width)


def test_the_stack_serves_where_single_frames_were_removed(frames, tmp_path):
    series = copied(tmp_path / "out")
    shutil.rmtree(series.folder / "frames")
    alone = SeriesFrames(series)
    assert alone.names == frames.names
    assert (alone.shape, len(alone)) == (SHAPE, STEPS)
    for name in ("li_content", "flags", "counts"):
        np.testing.assert_array_equal(alone.map(name, 4), frames.map(name, 4))
    assert [axis["scale"] for axis in alone.axes] == [axis["scale"] for axis in frames.axes]


def test_a_drawn_region_has_the_numbers_of_the_same_region_in_the_table(frames):
    known = {}
    trends = list(drawn_trend(frames, "li_content", "drawn", BOX, known))
    # One a frame as it becomes known, and the whole.
    assert len(trends) == STEPS + 1
    assert np.isnan(trends[0].mean[1:]).all()
    box = table_trends(frames, "li_content")[0]
    for part in ("mean", "error", "lower", "upper", "pixels"):
        np.testing.assert_array_equal(getattr(trends[-1], part), getattr(box, part))
    assert np.isfinite(box.mean).tolist() == [step != BAD for step in range(STEPS)]
    assert len(list(drawn_trend(frames, "li_content", "drawn", BOX, known))) == 1
    assert f"box: {box.mean[0]:.3g} ±" in box.words(0)
    assert box.words(BAD) == "box: no answer"


def test_runs_of_known_values():
    nan = np.nan
    assert finite_runs(np.array([nan, 1, 2, nan, 3.0])) == [slice(1, 3), slice(4, 5)]
    assert finite_runs(np.array([nan])) == []


def test_a_stack_makes_only_the_frames_that_are_looked_at():
    whole = np.arange(5 * 3 * 4).reshape(5, 3, 4)
    made = []

    def frame(step):
        made.append(step)
        return whole[step]

    stack = FrameStack(frame, whole.shape, whole.dtype)
    keys = [2, -1, np.int64(3), (2,), (2, slice(None), 1), slice(1, 3), (slice(None), 1, 2), (Ellipsis, 0),
            slice(9, 12), (slice(None, None, 2), slice(1, 3)), [0, 4]]  # fmt: skip
    for key in keys:
        made.clear()
        np.testing.assert_array_equal(stack[key], whole[key])
        expected = np.arange(5)[key[0] if isinstance(key, tuple) and key[0] is not Ellipsis else
                                slice(None) if isinstance(key, tuple) else key]  # fmt: skip
        assert made == np.ravel(expected).tolist()
    np.testing.assert_array_equal(np.asarray(stack), whole)
    assert np.asarray(stack, dtype=np.float32).dtype == np.float32
    with pytest.raises(IndexError):
        stack[5]


def test_the_cache_forgets_the_oldest():
    cache = MapCache(most=3 * 40)
    for number in range(4):
        cache.put(number, np.full(10, number, dtype=np.float32))
        cache.get(0)
    # What was looked at last stays.
    assert [number for number in range(4) if cache.get(number) is not None] == [0, 2, 3]
    assert cache.size == 3 * 40


def test_layers_have_scale_units_and_fixed_limits(frames):
    layers = series_layers(frames)
    assert [keywords["metadata"]["eelsmap"]["name"] for _data, keywords, _kind in layers] == [
        "vacancy_probability", "li_content", "flags"
    ]  # fmt: skip
    data, keywords, kind = layers[1]
    assert (kind, data.shape, data.dtype) == ("image", (STEPS, *SHAPE), np.float32)
    assert keywords["contrast_limits"] == [0.0, 1.0]
    # A time is missing, so that the slider counts frames, from 1 on.
    assert keywords["scale"] == [1.0, 2.0, 2.0]
    assert keywords["translate"] == [1.0, 0.0, 0.0]
    assert keywords["units"] == ["pixel", "nm", "nm"]
    assert [one["visible"] for _data, one, _kind in layers] == [False, True, True]
    judged = np.asarray(layers[2][0])
    assert judged.dtype == np.uint8
    np.testing.assert_array_equal(judged[0] == 1, np.isnan(frames.map("li_content", 0)))
    assert (judged[BAD] == 0).all()
    even = [{"seconds": seconds} for seconds in (5.0, 15.0, 25.0)]
    assert time_axis(even) == (10.0, 5.0, "s")
    assert time_axis([*even, {"seconds": 99.0}]) == (1.0, 1.0, "pixel")


def test_the_reader_takes_folders_of_series_only(tmp_path):
    path = str(small_series().folder)
    layers = get_series_reader(path)(path)
    assert len(layers) == 3
    said = type("Layer", (), {"metadata": layers[0][1]["metadata"]})
    assert series_of(said).folder == small_series().folder
    assert series_of(object()) is None
    assert get_series_reader(str(frames_folder())) is None
    assert get_series_reader([path, path]) is None
    assert get_series_reader(str(frames_folder() / "roll_0.dm4")) is None
    (tmp_path / "series.json").write_text("{}")
    assert get_series_reader(str(tmp_path)) is None


def test_a_series_without_a_mapped_frame_says_so(tmp_path):
    frames = tmp_path / "frames"
    frames.mkdir()
    shutil.copy(frames_folder() / "roll_1b.dm4", frames)
    series = eelsmap.map_series(frames, model(), out=tmp_path / "out")
    empty = SeriesFrames(series)
    assert (len(empty), empty.names, series_layers(empty)) == (1, (), [])
    with pytest.raises(FileReadError, match="no frame of the series is mapped yet"):
        get_series_reader(str(series.folder))(str(series.folder))


def test_spectra_are_those_of_the_pixel_that_the_map_shows(frames):
    pixels = SeriesPixels(frames, model())
    assert (pixels.shape, pixels.properties) == (SHAPE, ("li_content", "vacancy_probability"))
    for step, moved in ((0, 0), (3, 2)):
        reader = pixels.of_step(step)
        raw = eelsmap.load(frames.rows[step]["path"]).data
        # The frames were rolled down by 0, 1, 2, 0 rows.
        np.testing.assert_array_equal(reader.at((5, 6)).counts, raw[5 + moved, 6 - moved])
        # In a layer of the series time comes first.
        np.testing.assert_array_equal(reader.at((step, 5, 6)).counts, raw[5 + moved, 6 - moved])
        view = reader.at((5, 6))
        assert view.label == "row 5, column 6" + (" (recorded at row 7, column 4)" if moved else "")
        assert view.values["li_content"].value == pytest.approx(frames.map("li_content", step)[5, 6], abs=0.02)
        box = reader.mean(BOX)
        assert box.pixels == 16
        moved_box = np.roll(BOX, (moved, -moved), axis=(0, 1))
        np.testing.assert_allclose(box.counts, raw[moved_box].mean(axis=0), rtol=1e-5)
    assert pixels.of_step(3) is reader
    with pytest.raises(RecipeError, match=r"roll_2\.dm4 does not show pixel \(13, 6\).*\+2 and -2 pixels"):
        reader.at((13, 6))
    corner = np.zeros(SHAPE, dtype=bool)
    corner[13, 0] = True
    with pytest.raises(RecipeError, match="shows no pixel of this shape"):
        reader.mean(corner)


def test_a_frame_without_spectra_says_why(frames, tmp_path):
    pixels = SeriesPixels(frames, model())
    with pytest.raises(FileReadError, match=r"roll_1b\.dm4: No maps \(failed\): .*truncated"):
        pixels.of_step(BAD)
    with pytest.raises(FileReadError, match="no frame 99"):
        pixels.of_step(98)
    gone = SeriesFrames(small_series())
    gone.rows[1] = {**gone.rows[1], "path": str(tmp_path / "gone.dm4"), "_chain": "other"}
    with pytest.raises(FileReadError, match=r"gone\.dm4: the file of this frame is gone"):
        SeriesPixels(gone, model()).of_step(1)
    with pytest.raises(UnknownModelError, match=r"small 1\.0\.0 .* not at hand"):
        SeriesPixels(frames).of_step(0)
    assert model_of(small_series(), model()) is model()


def test_only_the_last_few_frames_stay_open(frames):
    pixels = SeriesPixels(frames, model())
    readers = [pixels.of_step(step) for step in MAPPED]
    assert all(pixels.of_step(step) is reader for step, reader in zip(MAPPED, readers, strict=True))
    pixels._kept.popitem(last=False)
    assert pixels.of_step(MAPPED[0]) is not readers[0]


def test_words_of_frames_and_pixels(frames):
    assert frame_words(frames.rows, 1) == "Frame 2 of 5, 60 s: roll_1.dm4"
    assert frame_words(frames.rows, BAD).startswith("Frame 3 of 5: roll_1b.dm4\nNo maps (failed): cannot be decoded")
    assert counted_words(frames.rows) == "4 of 5 frames mapped, 1 failed"
    assert counted_words([]) == "no frame yet"
    assert [time_words(seconds) for seconds in (0.5, 240, 7260, np.nan)] == ["0.5 s", "4 min 00 s", "2 h 01 min", ""]
    words = pixel_words(frames, "li_content", 0, (5, 6))
    assert words.startswith(f"Li content {frames.map('li_content', 0)[5, 6]:.2f} (")
    assert "too few counts" in pixel_words(frames, "li_content", 0, (0, 0))
    assert pixel_words(frames, "li_content", BAD, (5, 6)) == ""


def test_frames_stand_at_their_times(frames):
    positions, words = time_positions(frames.rows)
    # The frame whose time is not known stands between its neighbours.
    assert (positions.tolist(), words) == ([0, 1, 1.5, 2, 3], "time (min)")

    def rows(*seconds):
        return [{"number": number, "seconds": one, "status": "mapped" if number < 4 else "failed"}
                for number, one in enumerate(seconds, start=1)]  # fmt: skip

    assert time_positions(rows(0, 7200, 14400, np.nan))[0].tolist() == [0, 2, 4, 6]
    assert time_positions(rows(0, 60, np.nan))[1] == "frame"
    # A copy has the time of its original; frames that go back in time are counted.
    assert time_positions(rows(0, 60, 120, 120))[0].tolist() == [0, 1, 2, 3]
    assert time_positions(rows(0, 60, 30))[0].tolist() == [1, 2, 3]
    assert time_positions(rows(0))[0].tolist() == [1]


def test_what_is_read_is_what_was_written(tmp_path):
    series = copied(tmp_path / "out")
    assert repr(SeriesFrames(MapSeries.load(series.folder)).rows) == repr(SeriesFrames(small_series()).rows)
