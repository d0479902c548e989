"""Twenty .dm4 frames of a simulated session, mapped unattended: what becomes of each, and whether trends are true.

``benchmarks/series_acceptance.py`` does the same with larger frames, and kills the command twenty times.
"""

import numpy as np
import pytest

from eelsmap.mapping.series import map_series
from eelsmap.phantom import Microscope
from eelsmap.phantom.delithiation import make_delithiation, specimen_depth, write_session
from eelsmap.phantom.true_trends import true_trends

SHAPE = (16, 20)
GOOD = [number for number in range(20) if number not in (6, 11, 15)]


@pytest.fixture(scope="module")
def frames():
    scope = Microscope(counts=1e6, channels=512, offset=480.0, dispersion=1.0)
    return make_delithiation(20, SHAPE, microscope=scope, scale_nm=3.0, drift_px=3.0)


@pytest.fixture(scope="module")
def regions(frames):
    depth, thick = specimen_depth(SHAPE), frames[0].phantom.truth["thickness"] > 0.3
    return {"core": thick & (depth > 0.9), "rim": thick & (depth <= 0.4), "thick": thick}


@pytest.fixture(scope="module")
def series(frames, regions, tmp_path_factory):
    folder = tmp_path_factory.mktemp("session")
    write_session(frames, folder / "frames")
    return map_series(folder / "frames" / "frame_*.dm4", "nmc", out=folder / "out", regions=regions)


@pytest.fixture(scope="module")
def compared(series, frames, regions):
    """Trends with the truth beside them."""
    return series.trends().merge(true_trends(frames, regions), on=["region", "property", "seconds"])


def test_every_frame_has_its_row_and_those_that_went_wrong_say_why(series):
    table = series.frames
    assert table["file"].tolist() == [f"frame_{number:02d}.dm4" for number in range(20)]
    assert (table.loc[GOOD, "status"] == "mapped").all()
    assert table.loc[GOOD, "seconds"].tolist() == [120.0 * number for number in GOOD]
    assert table.loc[[6, 11, 15], "status"].tolist() == ["failed", "other size", "duplicate"]
    reasons = table.loc[[6, 11, 15], "reason"].tolist()
    for reason, said in zip(reasons, ("truncated", "10 x 13 pixels", "the same bytes as frame_14.dm4"), strict=True):
        assert said in reason
    assert series["li_content"].data.shape == (17, *SHAPE)


def test_drift_in_space_and_energy_is_followed_across_the_gaps(series, frames):
    table = series.frames.loc[GOOD]
    moved = np.array([frames[number].drift for number in GOOD])
    assert np.abs(moved).max() > 2
    assert np.hypot(*(table[["drift_y_px", "drift_x_px"]].to_numpy() - moved).T).max() < 0.2
    energy = np.array([frames[number].phantom.microscope.axis_offset_error for number in GOOD])
    assert np.ptp(energy) > 6
    assert np.abs(table["axis_offset_change_eV"].to_numpy() - energy).max() < 0.5


@pytest.mark.parametrize(
    "name", ["li_content", "li_count", "ni_count", "mn_count", "co_count", "ni_valence", "co_valence"]
)
def test_trends_follow_the_truth_within_their_intervals(compared, name):
    part = compared[compared["property"] == name]
    assert len(part) == 3 * len(GOOD)
    assert ((part["lower"] <= part["truth"]) & (part["truth"] <= part["upper"])).all()


def test_the_front_and_the_vacancies_are_seen_to_come(compared):
    for region in ("core", "rim"):
        lithium = compared[(compared["property"] == "li_content") & (compared["region"] == region)]
        assert np.sqrt(np.mean((lithium["mean"] - lithium["truth"]) ** 2)) < 0.05
        # The front comes to the rim first.
        gone = lithium.loc[lithium["mean"] < 0.6, "seconds"].min()
        assert abs(gone - lithium.loc[lithium["truth"] < 0.6, "seconds"].min()) <= 120
    core = compared[(compared["property"] == "vacancy_probability") & (compared["region"] == "core")]
    assert core["mean"].corr(core["truth"]) > 0.9
    assert core["mean"].iloc[-1] > core["mean"].iloc[0] + 0.2


def test_manganese_in_the_vacancy_region_is_where_the_model_errs(compared):
    manganese = compared[compared["property"] == "mn_valence"]
    inside = (manganese["lower"] <= manganese["truth"]) & (manganese["truth"] <= manganese["upper"])
    # Reduced manganese beside vacancies in emptied material is taken for Mn4+: the last frames lie outside.
    assert inside.mean() > 0.85
    assert (manganese.loc[~inside, "mean"] > manganese.loc[~inside, "truth"]).all()
