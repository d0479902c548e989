"""The command group."""

import builtins

import numpy as np
import pytest
from click.testing import CliRunner

from eelsmap.library import load_library
from eelsmap.library.assemble import DATA
from eelsmap.library.cells import load_cells, save_cells
from eelsmap.library.commands import library


def invoke(*arguments):
    return CliRunner().invoke(library, [str(argument) for argument in arguments])


def test_show_says_what_there_is():
    result = invoke("show")
    assert result.exit_code == 0
    content = load_library("nmc")
    assert f"{len(content)} records of {len(content.parent_names)} structures" in result.output


def test_show_draws_a_page(tmp_path):
    result = invoke("show", "--figure", tmp_path / "page.png")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")


def test_assemble_writes_a_library_that_loads(tmp_path):
    result = invoke("assemble", "--out", tmp_path / "library.npz", "--calculated-only")
    assert result.exit_code == 0, result.output
    made, shipped = load_library(tmp_path / "library.npz"), load_library("nmc")
    assert made.parent_names == tuple(item.name for item in shipped.structures if item.origin == "calculated")
    assert made.sha256 in result.output


def test_assemble_takes_the_cells_of_a_run(tmp_path, shipped_cells):
    from dataclasses import replace

    from eelsmap.library.gpaw_oxygen_k import STANDARD

    cells, header, edges = shipped_cells
    (tmp_path / "cells").mkdir()
    for cell in cells[:2]:
        standard = replace(cell, name=f"new-{cell.name}", settings=STANDARD.name)
        save_cells([standard], tmp_path / "cells" / f"{standard.name}.npz", header["settings"], {}, edges)
    result = invoke("assemble", "--out", tmp_path / "library.npz", "--run", tmp_path, "--calculated-only")
    assert result.exit_code == 0, result.output
    made = load_library(tmp_path / "library.npz")
    assert {f"new-{cell.name}" for cell in cells[:2]} <= set(made.parent_names)
    assert {item.settings for item in made.structures} == {STANDARD.name}


def test_collect_writes_one_file_of_many(tmp_path, shipped_cells):
    cells, header, edges = shipped_cells
    for name, cell in (("a", cells[3]), ("b", cells[0])):
        save_cells([cell], tmp_path / f"{name}.npz", header["settings"], {}, edges)
    out = tmp_path / "all.npz"
    result = invoke("collect", tmp_path / "a.npz", tmp_path / "b.npz", "--out", out, "--settings", "any")
    assert result.exit_code == 0, result.output
    found = load_cells(out)[0]
    assert [cell.name for cell in found] == [cells[0].name, cells[3].name]
    np.testing.assert_array_equal(found[0].intensity, cells[0].intensity)


def test_build_of_nothing_needs_only_a_folder(tmp_path):
    result = invoke("build", "--out", tmp_path / "run", "--limit", "0")
    assert result.exit_code == 0, result.output
    assert "relax: 0 cells" in result.output
    assert "oxygen-k: 0 cells" in result.output


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (("multiplets", "--out", "grid.npz"), "edrixs"),
        (("build", "--out", "run", "--limit", "1", "--stage", "relax", "--again"), "chgnet"),
    ],
)
def test_missing_tools_are_named_with_the_extra(monkeypatch, tmp_path, arguments, missing):
    monkeypatch.chdir(tmp_path)
    real = builtins.__import__

    def without(name, *rest, **options):
        if name.split(".")[0] == missing:
            raise ImportError(f"No module named '{missing}'")
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    result = invoke(*arguments)
    assert result.exit_code == 1
    assert f"No module named '{missing}'" in result.output
    assert 'pip install "eelsmap[simulate]"' in result.output


def test_import_reads_a_folder_with_a_table(tmp_path):
    energy = np.arange(845.0, 885.0, 0.5)
    values = 100 + 900 * (energy > 855) + 2000 * np.exp(-((energy - 855) ** 2))
    np.savetxt(
        tmp_path / "one.csv",
        np.column_stack([energy, values]),
        delimiter=",",
        header="energy_eV,intensity",
        comments="",
    )
    (tmp_path / "labels.csv").write_text("file,edge,li_content,ni_count\none.csv,Ni_L,0.5,3\n")
    result = invoke("import", tmp_path, "--format", "table", "--out", tmp_path / "mine.npz", "--name", "mine")
    assert result.exit_code == 0, result.output
    assert load_library(tmp_path / "mine.npz").name == "mine"


def test_inputs_of_fdmnes_are_written(tmp_path, shipped_cells):
    cell = shipped_cells[0][0]
    result = invoke("fdmnes-inputs", "--out", tmp_path, "--name", cell.name)
    assert result.exit_code == 0, result.output
    assert (tmp_path / cell.name / "O_in.txt").exists()
    result = invoke("fdmnes-inputs", "--out", tmp_path, "--name", "no-such-cell")
    assert result.exit_code == 1
    assert "no structure 'no-such-cell'" in result.output
    assert str(DATA / "oxygen_k_cells.npz") in result.output
