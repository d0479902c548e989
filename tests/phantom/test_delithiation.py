"""A simulated session: the front, the vacancies, and files that went wrong."""

import importlib.util

import numpy as np
import pytest

import eelsmap
from eelsmap.errors import EelsmapError, RecipeError
from eelsmap.phantom import Microscope
from eelsmap.phantom.delithiation import (
    Mishaps,
    delithiation_front,
    make_delithiation,
    specimen_depth,
    write_session,
)
from eelsmap.phantom.true_trends import true_trends

needs_nionswift = pytest.mark.skipif(
    importlib.util.find_spec("nionswift_plugin") is None, reason="nionswift-io is not installed"
)
SCOPE = Microscope(channels=256, offset=480.0, dispersion=2.0, counts=1e5)


@pytest.fixture(scope="module")
def frames():
    return make_delithiation(5, (12, 16), microscope=SCOPE, scale_nm=4.0)


def test_the_front_goes_from_the_rim_to_the_core():
    depth = np.linspace(0, 1, 101)
    contents = np.array([delithiation_front(depth, part) for part in np.linspace(0, 1, 21)])
    assert np.allclose(contents[0], contents.max())
    assert np.allclose(contents[-1], contents.min())
    assert (np.diff(contents, axis=0) <= 0).all()
    assert (np.diff(contents, axis=1) >= 0).all()


def test_truth_changes_as_it_should(frames):
    lithium = [np.nanmean(frame.phantom.truth["li_content"]) for frame in frames]
    vacancies = [np.nanmean(frame.phantom.truth["vacancy_fraction"]) for frame in frames]
    assert (np.diff(lithium) < 0).all()
    assert (np.diff(vacancies) > 0).all()
    assert frames[0].drift == (0.0, 0.0)
    assert np.hypot(*frames[-1].drift) > 1
    assert len({frame.phantom.microscope.axis_offset_error for frame in frames}) == 5


def test_true_trends_move_with_the_specimen(frames):
    core = specimen_depth((12, 16)) > 0.9
    trends = true_trends(frames, {"core": core, "all": np.ones((12, 16))})
    lithium = trends[(trends["region"] == "core") & (trends["property"] == "li_content")]
    assert lithium["seconds"].tolist() == [0, 120, 240, 360, 480]
    assert lithium["truth"].iloc[0] == pytest.approx(frames[0].phantom.truth["li_content"][core].mean())
    last, moved = frames[-1], np.argwhere(core) + np.rint(frames[-1].drift).astype(int)
    assert lithium["truth"].iloc[-1] == pytest.approx(last.phantom.truth["li_content"][tuple(moved.T)].mean())
    vacancies = trends[(trends["region"] == "all") & (trends["property"] == "vacancy_probability")]
    assert vacancies["truth"].iloc[0] == pytest.approx(np.nanmean(frames[0].phantom.truth["vacancy_fraction"]))


@needs_nionswift
def test_a_session_is_written_with_its_mishaps(frames, tmp_path):
    paths = write_session(frames, tmp_path, mishaps=Mishaps(truncated=1, cropped=2, copied=4))
    assert [path.name for path in paths] == [f"frame_{number}.dm4" for number in range(5)]
    whole = eelsmap.load(paths[3])
    assert whole.data.shape == (12, 16, 256)
    assert (whole.metadata.General.date, whole.metadata.General.time) == ("2026-01-01", "10:06:00")
    assert eelsmap.load(paths[2]).data.shape == (8, 10, 256)
    assert paths[4].read_bytes() == paths[3].read_bytes()
    with pytest.raises(EelsmapError, match="truncated"):
        eelsmap.load(paths[1])


@pytest.mark.parametrize("mishaps", [Mishaps(), Mishaps(0, None, None), Mishaps(3, None, 3)])
def test_mishaps_beyond_the_series_are_refused(frames, tmp_path, mishaps):
    with pytest.raises(RecipeError, match="cannot be spoilt"):
        write_session(frames, tmp_path, mishaps=mishaps, suffix=".hspy")
    with pytest.raises(RecipeError, match="at least two"):
        make_delithiation(1)
