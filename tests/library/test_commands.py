"""The command group."""

from click.testing import CliRunner

from eelsmap.library import load_library
from eelsmap.library.commands import library


def test_show_says_what_there_is():
    result = CliRunner().invoke(library, ["show"])
    assert result.exit_code == 0
    content = load_library("nmc")
    assert f"{len(content)} records of {len(content.parent_names)} cells" in result.output
    assert "reproduced pristine-018" in result.output


def test_assemble_writes_a_library_that_loads(tmp_path):
    result = CliRunner().invoke(library, ["assemble", "--out", str(tmp_path / "library.npz")])
    assert result.exit_code == 0, result.output
    assert len(load_library(tmp_path / "library.npz")) == len(load_library("nmc"))


def test_build_of_nothing_needs_only_a_folder(tmp_path):
    result = CliRunner().invoke(library, ["build", "--out", str(tmp_path / "run"), "--limit", "0"])
    assert result.exit_code == 0, result.output
    assert "0 cells" in result.output
