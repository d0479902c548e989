"""``eelsmap report``: pages on maps and on spectrum images, and what it refuses in one line."""

import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.image import imread

import eelsmap
from eelsmap.commands import report as command
from eelsmap.io.maps import save_maps
from eelsmap.mapping import map_classical
from tests.run_command import run
from tests.small_images import image, phantom_counts


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    image(phantom_counts()[2:4]).save(folder / "image.hspy")
    maps = map_classical(eelsmap.load(folder / "image.hspy"))
    for name in ("maps.hspy", "maps.ome.tif"):
        save_maps(maps, folder / name)
    image(phantom_counts()[None, 2:4]).save(folder / "stack.hspy")
    return folder


def test_maps_from_a_file_become_a_page(files, tmp_path):
    page = tmp_path / "new folder" / "page.png"
    page.parent.mkdir()
    page.write_bytes(b"earlier")
    result = run("report", files / "maps.hspy", "--out", page, "--title", "A specimen", "--overwrite")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{page}\n"
    height, width, _colours = imread(page).shape
    assert height / width == pytest.approx(2**0.5, rel=0.01)
    assert [path.name for path in page.parent.iterdir()] == ["page.png"]


def test_a_spectrum_image_is_mapped_first(files, tmp_path):
    result = run("report", files / "image.hspy", "--out", tmp_path / "page.pdf")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_several_files_go_to_a_folder_and_a_bad_one_does_not_end_the_batch(files, tmp_path):
    (tmp_path / "bad.hspy").write_bytes(b"nothing")
    result = run("report", files / "maps.ome.tif", tmp_path / "bad.hspy", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "1 of 2 files could not be reported" in result.output
    assert f"{tmp_path / 'bad.hspy'}: " in result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["maps_report.pdf"]


def test_a_page_is_only_replaced_when_asked(files, tmp_path):
    page = tmp_path / "page.svg"
    page.write_bytes(b"mine")
    result = run("report", files / "maps.hspy", "--out", page)
    assert result.exit_code == 1
    assert "exists; pass --overwrite" in result.output
    assert page.read_bytes() == b"mine"


def test_a_disk_that_is_full_leaves_the_earlier_page(files, tmp_path, monkeypatch):
    page = tmp_path / "page.pdf"
    page.write_bytes(b"earlier")

    def fill(self, _content):
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill)
    result = run("report", files / "maps.hspy", "--out", page, "--overwrite")
    assert result.exit_code == 1
    assert result.output.endswith(f"Error: {page}: No space left on device\n")
    assert page.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [page]


def test_what_cannot_be_reported_is_one_clear_line_and_nothing_is_computed(files, tmp_path, monkeypatch):
    monkeypatch.setattr(eelsmap.mapping.engine, "maps_of", None)
    maps, spectra, page = files / "maps.hspy", files / "image.hspy", tmp_path / "page.png"
    cases = [
        ((maps, "--out", tmp_path / "page.xyz"), "a figure needs an ending such as"),
        ((maps, "--low-loss", spectra, "--out", page), "leave --low-loss out"),
        ((files / "stack.hspy", "--out", page), "3 navigation axes"),
        ((spectra, "--model", "nothing", "--out", page), "nothing"),
        ((tmp_path / "gone.hspy", "--out", page), "no such file"),
        ((maps, spectra, "--low-loss", spectra, "--out", tmp_path), "one low loss"),
    ]
    for arguments, said in cases:
        result = run("report", *arguments)
        assert result.exit_code == 1, said
        (line,) = (line for line in result.output.splitlines() if line.startswith("Error"))
        assert said in line
    assert list(tmp_path.iterdir()) == []


def test_help_brings_nothing_heavy_along():
    code = (
        "import sys; from click.testing import CliRunner; from eelsmap.cli import main;"
        "assert 'one page' in CliRunner().invoke(main, ['report', '--help']).output;"
        "sys.exit(any(name in sys.modules for name in ('numpy', 'matplotlib', 'hyperspy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert command.report.name == "report"
