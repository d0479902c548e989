import json
import shutil

import numpy as np
import pytest

import eelsmap
from eelsmap.phantom import write_demo
from tests.run_command import run


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("image") / "particle.hspy"
    write_demo(path, shape=(10, 12), counts=1e6)
    return path


def test_help_names_every_command():
    result = run("--help")
    assert result.exit_code == 0
    for command in ("demo", "info", "library", "map", "train"):
        assert command in result.output


def test_map_writes_maps_figure_summary_and_provenance(image, tmp_path):
    result = run("map", image, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"particle_{end}" for end in ("maps.hspy", "maps.png", "summary.csv", "provenance.json")}
    provenance = json.loads((tmp_path / "particle_provenance.json").read_text())
    assert provenance["model"]["sha256"] == eelsmap.load_model("nmc").sha256
    assert provenance["source"]["file"] == "particle.hspy"
    assert "li_content" in (tmp_path / "particle_summary.csv").read_text()
    assert np.isfinite(eelsmap.PropertyMaps.load(tmp_path / "particle_maps.hspy").array("li_content")).any()


def test_results_are_not_overwritten_unasked(image, tmp_path):
    assert run("map", image, "--out", tmp_path).exit_code == 0
    before = (tmp_path / "particle_maps.hspy").read_bytes()
    refused = run("map", image, "--out", tmp_path)
    assert refused.exit_code == 1
    assert "--overwrite" in refused.output
    assert (tmp_path / "particle_maps.hspy").read_bytes() == before
    assert run("map", image, "--out", tmp_path, "--overwrite").exit_code == 0


def test_one_bad_file_never_ends_a_batch(image, tmp_path):
    truncated = tmp_path / "cut.hspy"
    truncated.write_bytes(image.read_bytes()[:4000])
    other = shutil.copy(image, tmp_path / "other.hspy")
    result = run("map", truncated, tmp_path / "missing.dm4", image, other, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "2 of 4 files could not be mapped" in result.output
    assert "cut.hspy" in result.output
    assert "missing.dm4" in result.output
    assert (tmp_path / "out" / "particle_maps.hspy").exists()
    assert (tmp_path / "out" / "other_maps.hspy").exists()


def test_even_an_unforeseen_error_does_not_end_a_batch(image, tmp_path, monkeypatch):
    from eelsmap.commands import map_files

    def load(path, **options):
        if path.name == "odd.hspy":
            raise ZeroDivisionError("odd")
        return eelsmap.load(path, **options)

    monkeypatch.setattr(map_files, "load", load)
    result = run("map", tmp_path / "odd.hspy", image, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "unforeseen ZeroDivisionError: odd" in result.output
    assert (tmp_path / "out" / "particle_maps.hspy").exists()


def test_files_of_one_name_do_not_overwrite_each_other(image, tmp_path):
    (tmp_path / "a").mkdir()
    copy = shutil.copy(image, tmp_path / "a" / image.name)
    assert run("map", image, copy, "--out", tmp_path / "out").exit_code == 0
    assert (tmp_path / "out" / "particle_2_maps.hspy").exists()


def test_an_unknown_model_is_one_clear_line(image, tmp_path):
    result = run("map", image, "--out", tmp_path, "--model", "lfp")
    assert result.exit_code == 1
    assert result.output.strip().splitlines() == [
        "Error: no model named 'lfp' is shipped (there is: nmc) and nothing lies at that path"
    ]


def test_info_says_what_is_there(image):
    result = run("info", image)
    assert result.exit_code == 0, result.output
    for words in ("edge Ni_L", "found", "axis check", "missing", "low loss    none"):
        assert words in result.output


def test_info_of_the_real_image(shared_data):
    result = run("info", shared_data / "nmc_si_doped" / "tm_o_core_loss.dm3")
    assert result.exit_code == 0, result.output
    assert "the absolute energy scale is lost" in result.output
    assert "missing     convergence angle" in result.output.replace("_", " ")


def test_info_of_an_image_without_our_edges(shared_data):
    result = run("info", shared_data / "nmc_si_doped" / "zero_loss.dm3")
    assert result.exit_code == 0, result.output
    assert "none of O_K, Mn_L, Co_L, Ni_L stands out from the background" in result.output


@pytest.mark.parametrize("command", ["info", "map"])
def test_what_is_no_spectrum_image_is_one_clear_line(command, tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    for path in (text, tmp_path, tmp_path / "nothing.dm4"):
        result = run(command, path, *(["--out", tmp_path / "out"] if command == "map" else []))
        assert result.exit_code == 1
        assert str(path) in result.output


def test_demo_maps_a_phantom_and_compares(tmp_path):
    from eelsmap.commands.demo import run_demo

    lines = []
    result = run_demo(tmp_path, shape=(16, 20), counts=1e6, say=lines.append)
    assert all(path.exists() for path in result["files"].values())
    flags = result["metrics"]["flags"]
    assert flags["hole_flagged"] == flags["hole_pixels"] > 0
    assert any("phantom" in line for line in lines)
    assert json.loads((tmp_path / "metrics.json").read_text())["li_content"]["n"] > 0
