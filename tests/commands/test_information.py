"""What ``eelsmap info --quality`` writes and says, and what it refuses in one line."""

from contextlib import contextmanager

import numpy as np
import pytest
from matplotlib.image import imread

from eelsmap.commands import information
from eelsmap.commands.information import draw_quality
from eelsmap.errors import EelsmapError
from tests.run_command import run
from tests.small_images import image, phantom_counts


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "small.hspy"
    image(phantom_counts()[2:4]).save(path)
    return path


def test_info_draws_the_page_and_says_how_many_pixels_have_an_answer(file, tmp_path):
    page = tmp_path / "new folder" / "quality.png"
    result = run("info", file, "--quality", page)
    assert result.exit_code == 0, result.output
    height, width, _colours = imread(page).shape
    assert height / width == pytest.approx(2**0.5, rel=0.01)
    assert [path.name for path in page.parent.iterdir()] == ["quality.png"]
    lines = result.stdout.splitlines()
    assert lines[-1] == f"figure      {page}"
    (answers,) = (line for line in lines if line.startswith("quality"))
    assert "of 16 pixels have an answer" in answers
    assert any("too few counts" in line for line in lines)


def test_words_and_page_share_one_plan(file, tmp_path, monkeypatch):
    planned, plan = [], information.plan_signal

    def counted(*arguments):
        planned.append(1)
        return plan(*arguments)

    monkeypatch.setattr(information, "plan_signal", counted)
    assert run("info", file, "--quality", tmp_path / "quality.png").exit_code == 0
    assert len(planned) == 1


def test_a_page_is_only_replaced_when_asked(file, tmp_path):
    page = tmp_path / "quality.svg"
    page.write_bytes(b"mine")
    result = run("info", file, "--quality", page)
    assert result.exit_code == 1
    assert "exists; pass --overwrite" in result.output
    assert page.read_bytes() == b"mine"
    seen = []

    @contextmanager
    def bar(path):
        seen.append(path.name)
        yield
        seen.append("computed")

    lines = draw_quality(file, page, overwrite=True, computing=bar)
    assert seen == ["small.hspy", "computed"]
    assert lines[-1].endswith("quality.svg")
    assert page.read_text().startswith("<?xml")


@pytest.mark.parametrize("name", ["quality", "quality.xyz"])
def test_an_ending_that_is_no_picture_is_refused_before_anything_is_computed(file, tmp_path, name):
    with pytest.raises(EelsmapError, match="a figure needs an ending such as"):
        draw_quality(file, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_drawn_is_one_clear_line(tmp_path):
    stack, flat = tmp_path / "stack.hspy", tmp_path / "flat.hspy"
    image(phantom_counts()[None, 2:4]).save(stack)
    image(np.full((2, 3, 1200), 100.0)).save(flat)
    for path, said in ((stack, "3 navigation axes"), (flat, "stands out from the background")):
        result = run("info", path, "--quality", tmp_path / "page.png")
        assert result.exit_code == 1
        (line,) = (line for line in result.output.splitlines() if line.startswith("Error"))
        assert said in line
    assert not (tmp_path / "page.png").exists()


def test_the_line_scan_without_our_edges(shared_data, tmp_path):
    result = run("info", shared_data / "dual_eels" / "titanate_core_loss.dm3", "--quality", tmp_path / "page.png")
    assert result.exit_code == 1
    assert "Error: titanate_core_loss.dm3" in result.output
    assert not (tmp_path / "page.png").exists()
