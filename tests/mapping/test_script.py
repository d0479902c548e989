"""The script and the command that provenance gives make the very same maps again, and say what they cannot repeat."""

import os
import shlex
from dataclasses import replace

import numpy as np
import pytest

import eelsmap
from eelsmap.errors import EelsmapError
from eelsmap.io.metadata import acquisition
from eelsmap.mapping import PropertyMaps, map_classical, map_properties, map_quality
from eelsmap.mapping.script import command_of, model_manifest, recipe_changes, script_of
from eelsmap.phantom import Microscope
from eelsmap.recipe import Recipe
from tests.run_command import run
from tests.small_images import image, phantom_counts


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("a folder") / "it's small.hspy"
    image(phantom_counts()[1:5]).save(path)
    return path


@pytest.fixture(scope="module")
def model():
    return eelsmap.load_model("nmc")


def require_same(one, other):
    assert list(one) == list(other)
    for name in one:
        np.testing.assert_array_equal(one.array(name), other.array(name), err_msg=name)


def executed(provenance, folder):
    before = os.getcwd()
    os.chdir(folder)
    try:
        names = {}
        exec(compile(script_of(provenance), "script", "exec"), names)  # noqa: S102 - what is tested
    finally:
        os.chdir(before)
    return names["maps"]


def treated(model):
    recipe = model.recipe
    return replace(
        recipe,
        energy_axis=replace(recipe.energy_axis, mode="global"),
        noise=replace(recipe.noise, average=1.25, denoise=True),
        background=replace(recipe.background, method="two_area", neighbours=0.5),
        detector=replace(recipe.detector, saturation=59000.0),
    )


def test_the_script_makes_the_same_maps_and_saves_them(file, model, tmp_path):
    maps = map_properties(eelsmap.load(file, lazy=True), model).compute(progress=False)
    assert recipe_changes(maps.provenance) == {}
    again = executed(maps.provenance, tmp_path)
    require_same(again, maps)
    (saved,) = tmp_path.iterdir()
    require_same(PropertyMaps.load(saved), maps)
    assert again.provenance["recipe_sha256"] == maps.provenance["recipe_sha256"]
    assert script_of(maps.provenance).count("\n") < 30


def test_a_changed_recipe_is_repeated_by_script_and_command(file, model, tmp_path):
    recipe = treated(model)
    maps = map_properties(eelsmap.load(file, lazy=True), model, recipe=recipe).compute(progress=False)
    assert recipe_changes(maps.provenance) == {
        "energy_axis": {"mode": "global"},
        "detector": {"saturation": 59000.0},
        "noise": {"average": 1.25, "denoise": True},
        "background": {"method": "two_area", "neighbours": 0.5},
    }
    require_same(executed(maps.provenance, tmp_path), maps)
    command, left_out = command_of(maps.provenance)
    assert left_out == []
    assert command in script_of(maps.provenance).replace("\\\\", "\\")
    words = shlex.split(command)
    assert words[0] == "eelsmap"
    words[words.index("--out") + 1] = str(tmp_path / "again")
    result = run(*words[1:])
    assert result.exit_code == 0, result.output
    require_same(PropertyMaps.load(next((tmp_path / "again").glob("*_maps.hspy"))), maps)


def test_what_a_command_cannot_say_is_said(file, model):
    recipe = replace(model.recipe, background=replace(model.recipe.background, bins=12))
    maps = map_properties(eelsmap.load(file, lazy=True), model, recipe=recipe)
    _command, left_out = command_of(maps.provenance)
    assert left_out == ["background.bins = 12"]
    script = script_of(maps.provenance)
    assert "# left out: background.bins = 12" in script
    assert "    background=replace(model.recipe.background, bins=12),\n" in script


def test_low_loss_and_corrected_metadata_come_back(tmp_path):
    microscope = Microscope(counts=1e6, channels=1200, offset=460.0, dispersion=0.4, dual_eels=True, drift_eV=3.0)
    phantom = eelsmap.make_phantom((5, 6), microscope=microscope)
    core, low = tmp_path / "core.hspy", tmp_path / "low.hspy"
    phantom.signal().save(core)
    phantom.low_loss_signal().save(low)
    signal = eelsmap.load(core, low_loss=low, low_loss_simultaneous=True, beam_energy=120.0, collection_angle=20.0)
    maps = map_classical(signal)
    # What provenance should say of the low loss and of the metadata; it may say it already.
    provenance = {
        **maps.provenance,
        "low_loss_source": signal.metadata.EELSMap.low_loss_source.as_dictionary(),
        "low_loss_simultaneous": signal.metadata.EELSMap.low_loss_simultaneous,
        "acquisition": acquisition(signal),
    }
    again = executed(provenance, tmp_path)
    require_same(again, maps)
    assert again.provenance["classical"]["beam_energy_kV"] == 120.0
    assert not np.array_equal(
        map_classical(eelsmap.load(core)).array("onset_O_K"), maps.array("onset_O_K"), equal_nan=True
    )
    command, left_out = command_of(provenance)
    assert f"--low-loss {low}" in command
    assert "--also classical" in command
    assert "same time" in left_out[0]


def test_quality_maps_are_repeated(file, tmp_path):
    maps = map_quality(eelsmap.load(file, lazy=True)).compute(progress=False)
    require_same(executed(maps.provenance, tmp_path), maps)


def test_another_file_and_another_model_are_refused(file, model, tmp_path):
    provenance = map_properties(eelsmap.load(file, lazy=True), model).provenance
    other = {**provenance, "source": {**provenance["source"], "sha256": "0" * 64}}
    with pytest.raises(SystemExit, match="was changed since"):
        executed(other, tmp_path)
    other = {**provenance, "model": {**provenance["model"], "sha256": "f" * 64, "version": "9.9"}}
    assert model_manifest(other) is None
    assert recipe_changes(other) is None
    with pytest.raises(SystemExit, match=r"made by nmc 9\.9 \(ffffffff\), this is nmc"):
        executed(other, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_recipe_of_a_model_that_is_not_at_hand_is_written_out(file, model, tmp_path):
    provenance = map_properties(eelsmap.load(file, lazy=True), model, recipe=treated(model)).provenance
    gone = {**provenance, "model": {**provenance["model"], "name": "mine", "path": str(tmp_path / "mine")}}
    script = script_of(gone)
    assert f"load_model({str(tmp_path / 'mine')!r})" in script
    line = next(line for line in script.splitlines() if line.startswith("recipe = "))
    names = {"Recipe": Recipe}
    exec(f"import json\n{line}", names)  # noqa: S102 - what is tested
    assert names["recipe"] == treated(model)


def test_a_signal_in_memory_is_named_and_left_to_be_filled_in(model):
    provenance = map_properties(image(), model).provenance
    script = script_of(provenance)
    compile(script, "script", "exec")
    assert "was in memory: save it and put its file here" in script
    assert "which file: the signal was in memory" in command_of(provenance)[1]


def test_names_of_files_cannot_end_the_docstring(file, model):
    provenance = map_properties(eelsmap.load(file, lazy=True), model).provenance
    odd = '"""\nraise ValueError\n"""\\'
    provenance["source"] |= {"file": odd, "path": odd}
    compile(script_of(provenance), "script", "exec")
    assert "raise ValueError" not in [line.strip() for line in script_of(provenance).split('"""')[2].splitlines()]


def test_maps_without_a_recipe_are_refused_with_what_to_do():
    with pytest.raises(EelsmapError, match="map the spectrum image again"):
        script_of({"source": {"file": "a.dm4"}})
