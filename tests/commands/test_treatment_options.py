"""What the options of ``eelsmap map`` and ``info`` make of a recipe, and that every one reaches the results."""

import json
from dataclasses import replace

import h5py
import pytest

import eelsmap
from eelsmap.commands.demo import image_of
from eelsmap.commands.treatment_options import treated_recipe
from eelsmap.errors import RecipeError
from eelsmap.phantom import Microscope
from eelsmap.recipe import AXIS_MODES, BACKGROUND_METHODS, Recipe
from tests.run_command import run


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("image") / "dual.hspy"
    phantom = eelsmap.make_phantom(
        (8, 10), microscope=Microscope(counts=1e6, dual_eels=True, channels=1200, dispersion=0.4)
    )
    image_of(phantom).save(path)
    assert h5py.is_hdf5(path)
    return path


def test_help_names_every_way():
    said = run("map", "--help").output
    for way in (*AXIS_MODES, *BACKGROUND_METHODS):
        assert way in said


def test_nothing_said_changes_nothing():
    assert treated_recipe(Recipe()) == Recipe()


@pytest.mark.parametrize(
    ("options", "step", "field", "value"),
    [
        ({"axis_mode": "none"}, "energy_axis", "mode", "none"),
        ({"background": "likelihood"}, "background", "method", "likelihood"),
        ({"neighbours": 1.5}, "background", "neighbours", 1.5),
        ({"deconvolve": True}, "plural_scattering", "method", "fourier_ratio"),
        ({"average": 0.0}, "noise", "average", 0.0),
        ({"average": 1.2}, "noise", "average", 1.2),
        ({"denoise": True}, "noise", "denoise", True),
        ({"saturation": 6e4}, "detector", "saturation", 6e4),
    ],
)
def test_an_option_changes_its_step_alone(options, step, field, value):
    recipe = treated_recipe(Recipe(), **options)
    changed = replace(getattr(Recipe(), step), **{field: value})
    assert recipe == replace(Recipe(), **{step: changed})


def test_impossible_values_name_what_is_wrong():
    with pytest.raises(RecipeError, match="background: method = 'best'"):
        treated_recipe(Recipe(), background="best")
    with pytest.raises(RecipeError, match="noise: average = -1"):
        treated_recipe(Recipe(), average=-1.0)


def test_map_takes_them_and_writes_the_further_maps(file, tmp_path):
    result = run(
        "map", file, "--out", tmp_path / "maps", "--also", "classical", "--also", "quality", "--deconvolve",
        "--denoise", "--background", "likelihood", "--neighbours", "1",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    for kind in ("", "_classical", "_quality"):
        maps = eelsmap.PropertyMaps.load(tmp_path / "maps" / f"dual{kind}_maps.hspy")
        recipe = Recipe.from_dict(json.loads(maps.provenance["recipe"]))
        assert recipe.plural_scattering.method == "fourier_ratio"
        assert recipe.noise.denoise
        assert recipe.background.method == "likelihood"
        for suffix in ("maps.png", "summary.csv", "provenance.json"):
            assert (tmp_path / "maps" / f"dual{kind}_{suffix}").stat().st_size > 0
    assert "l3_l2_ratio_Mn_L_error" in eelsmap.PropertyMaps.load(tmp_path / "maps" / "dual_classical_maps.hspy")
    again = run("map", file, "--out", tmp_path / "maps", "--also", "classical")
    assert "exists; pass --overwrite" in again.output


def test_a_bad_value_is_one_clear_line(file, tmp_path):
    result = run("map", file, "--out", tmp_path, "--background", "best")
    assert result.exit_code == 1
    assert "Error: background: method = 'best' cannot be used; it must be one of weighted" in result.output
    result = run("info", file, "--axis", "sideways")
    assert "energy axis: mode = 'sideways'" in result.output


def test_info_says_what_was_found_out(file):
    lines = run("info", file).output
    assert "detector    no faults found" in lines
    assert "simultaneous: yes" in lines
