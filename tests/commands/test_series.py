"""``eelsmap series``: results in a folder, and a process that is killed at any instant."""

import subprocess
import sys
import time

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from eelsmap.commands.series import AXES, ORDERS, series
from eelsmap.io import frames
from eelsmap.mapping.series import settings
from tests.mapping.series_frames import results, write_rolled
from tests.models.small_model import small_model

RUN = "from eelsmap.commands.series import series; series()"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Frames, one of them truncated, and a bundle."""
    folder = tmp_path_factory.mktemp("series")
    paths = write_rolled(folder, 3)
    (folder / "roll_9.dm4").write_bytes(paths[0].read_bytes()[:20000])
    small_model(folder / "bundle")
    return folder


def arguments(place, out, *more):
    options = ("--model", place / "bundle", "--out", out, "--region", "thick=counts>50%", *more)
    return [str(one) for one in (place / "roll_*.dm4", *options)]


@pytest.fixture(scope="module")
def undisturbed(place):
    result = CliRunner().invoke(series, arguments(place, place / "undisturbed"))
    return result, place / "undisturbed"


def test_the_folder_holds_table_maps_figure_and_movie(undisturbed):
    result, out = undisturbed
    assert result.exit_code == 0, result.output
    assert "1 of 4 frames could not be mapped" in result.output
    assert "roll_9.dm4: failed: cannot be decoded" in result.output
    names = {"frames.csv", "frames.jsonl", "series.json", "series.hspy", "trends.png", "movie.gif"}
    assert names <= set(results(out))
    movie = Image.open(out / "movie.gif")
    assert movie.n_frames == 3
    first = np.asarray(movie.convert("RGB"))
    movie.seek(2)
    assert (np.asarray(movie.convert("RGB")) != first).any()


def test_killed_at_any_instant_it_ends_with_the_same_bytes(place, undisturbed, tmp_path):
    choose, killed = np.random.default_rng(7), 0
    command = [sys.executable, "-W", "ignore", "-c", RUN, *arguments(place, tmp_path / "out")]
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        log = tmp_path / "out" / "run.log"
        said = log.read_text() if log.exists() else ""
        # From the first sentence on, so that the kill hits the work and not the start of Python.
        while process.poll() is None and (log.read_text() if log.exists() else "") == said:
            time.sleep(0.01)
        time.sleep(choose.uniform(0.0, 1.0))
        process.kill()
        killed += process.wait() != 0
    assert killed >= 2
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert results(tmp_path / "out") == results(undisturbed[1])


def test_strict_minds_frames_that_could_not_be_mapped(place, undisturbed):
    assert CliRunner().invoke(series, arguments(place, undisturbed[1], "--strict")).exit_code == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--for", "3"], "--for goes with --watch"),
        (["--region", "thick"], "is not of the form NAME="),
        (["--region", "thick=counts>1"], "'thick' is given twice"),
        (["--region", "a=li_content<x"], "is no condition"),
        (["--region", "a=nowhere.npy"], "cannot be read as a mask"),
        (["--movie", "nickel"], "there is no such map"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_sentence(place, undisturbed, more, said):
    result = CliRunner().invoke(series, arguments(place, undisturbed[1], *more))
    assert result.exit_code != 0
    assert said in f"{result.output} {result.exception}"


def test_the_command_offers_what_there_is():
    assert settings.AXES == AXES
    assert frames.ORDERS == ORDERS
