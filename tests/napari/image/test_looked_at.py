"""What is found in an image before it is mapped, and what the user says about it."""

from dataclasses import replace

import numpy as np
import pytest

import eelsmap
from eelsmap.io import LowLossError
from eelsmap.napari.image.found_words import found_lines
from eelsmap.napari.image.looked_at import Corrections, corrected, look_at
from eelsmap.phantom import Microscope
from eelsmap.recipe import EnergyAxisStep, Recipe
from tests.small_images import image, window


@pytest.fixture(scope="module")
def phantom():
    return eelsmap.make_phantom((6, 8), microscope=Microscope(counts=1e6, dual_eels=True))


def said(looked):
    return {line.label: (line.state, line.text) for line in found_lines(looked)}


def test_edges_axis_and_metadata_are_found():
    lines = said(look_at(corrected(image(), Corrections()), Recipe()))
    assert lines["Image"][1].startswith("6 × 8 pixels")
    assert lines["Edges"] == ("good", "O K, Mn L, Co L, Ni L found")
    assert lines["Energy axis"][0] == "good"
    assert "beam energy" in lines["Metadata lack"][1]
    assert lines["Low loss"][1].startswith("none")


def test_an_axis_that_is_off_is_proposed_to_be_moved_and_may_be_moved_by_hand():
    shifted = image(offset=460.0 - 12.0)
    assert said(look_at(corrected(shifted, Corrections()), Recipe()))["Energy axis"][0] == "doubt"
    by_hand = Recipe(energy_axis=EnergyAxisStep(offset=12.0))
    assert said(look_at(corrected(shifted, Corrections()), by_hand))["Energy axis"][0] == "good"


def test_an_offset_by_hand_gives_the_maps_of_the_right_axis():
    right = eelsmap.map_properties(image(), axis_mode="none")
    moved = replace(Recipe(), energy_axis=EnergyAxisStep(mode="none", offset=12.0))
    model = eelsmap.load_model("nmc")
    recipe = replace(model.recipe, energy_axis=moved.energy_axis)
    by_hand = eelsmap.map_properties(image(offset=448.0), model, recipe=recipe)
    for name in right.properties:
        np.testing.assert_allclose(by_hand.array(name), right.array(name), atol=1e-6)


def test_an_image_without_edges_is_a_problem_in_words():
    looked = look_at(corrected(window(460, 500), Corrections()), Recipe())
    assert looked.image is None
    assert said(looked)["Cannot be mapped"] == ("bad", looked.problem)
    assert looked.problem


def test_what_the_user_knows_completes_the_metadata():
    signal = corrected(image(), Corrections(beam_energy=300.0, collection_angle=40.0, convergence_angle=30.0))
    known = look_at(signal, Recipe()).description["acquisition"]
    assert known["beam_energy"]["value"] == 300.0
    assert known["collection_angle"]["value"] == 40.0


def test_a_low_loss_from_a_file_is_attached_as_the_user_says(tmp_path, phantom):
    low_file, core = tmp_path / "low.hspy", phantom.signal()
    phantom.low_loss_signal().save(low_file)
    lines = said(look_at(corrected(core, Corrections(low_loss=low_file)), Recipe()))
    assert lines["Low loss"] == ("doubt", "unknown whether recorded with the core loss: not used for the axis")
    lines = said(look_at(corrected(core, Corrections(low_loss=low_file, simultaneous=True)), Recipe()))
    assert lines["Low loss"][0] == "good"


def test_a_low_loss_of_other_pixels_is_refused(tmp_path, phantom):
    low_file = tmp_path / "low.hspy"
    phantom.low_loss_signal().inav[:3].save(low_file)
    with pytest.raises(LowLossError, match="not of the same scan"):
        corrected(phantom.signal(), Corrections(low_loss=low_file))


def test_the_signal_stays_as_it_is():
    signal = image()
    before = signal.metadata.as_dictionary()
    corrected(signal, Corrections(beam_energy=200.0))
    assert signal.metadata.as_dictionary() == before
