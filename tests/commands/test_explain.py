import pytest

from eelsmap.phantom import write_demo
from tests.models.small_model import small_model
from tests.run_command import run


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("image") / "particle.hspy"
    write_demo(path, shape=(6, 8), counts=1e6)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small") / "model"
    small_model(folder)
    return folder


def test_a_pixel_is_explained_in_words_and_as_a_figure(image, model, tmp_path):
    out = tmp_path / "why.png"
    result = run("explain", image, "--model", model, "--pixel", 3, 4, "--out", out)
    assert result.exit_code == 0, result.output
    assert "li_content" in result.output
    assert "usually" in result.output
    assert out.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--pixel", 60, 4], "there is no pixel"),
        (["--position", 3], "there is no pixel"),
        (["--pixel", 3, 4, "--position", 3], "not both"),
        (["--pixel", 3, 4, "--property", "voltage"], "no property 'voltage'"),
        (["--pixel", 0, 0], "no answer for li_content"),
        (["--importance"], "leave FILE out"),
    ],
)
def test_what_cannot_be_explained_is_said_in_one_line(image, model, arguments, words):
    result = run("explain", image, "--model", model, *arguments)
    assert result.exit_code != 0
    assert words in result.output


def test_the_model_is_explained_without_a_file(model, tmp_path):
    out = tmp_path / "looks_at.png"
    result = run("explain", "--model", model, "--importance", "--rows", 64, "--out", out)
    assert result.exit_code == 0, result.output
    assert "rise of the error" in result.output
    assert out.exists()
    assert run("explain", "--model", model).exit_code != 0
