import numpy as np
import pytest

import eelsmap
from eelsmap.commands.demo import image_of
from eelsmap.errors import RecipeError
from eelsmap.io import prepare
from eelsmap.mapping import plan_signal
from eelsmap.phantom import Microscope
from eelsmap.recipe import BackgroundStep, NoiseStep, Recipe


@pytest.fixture(scope="module")
def phantom():
    scope = Microscope(counts=1e6, dual_eels=True, drift_eV=2.0, t_over_lambda=0.8)
    return eelsmap.make_phantom((16, 20), microscope=scope)


@pytest.fixture(params=["eager", "lazy"])
def signal(request, phantom):
    image = image_of(phantom)
    return image.as_lazy() if request.param == "lazy" else image


def test_classical_maps_follow_truth_without_a_model(phantom, signal):
    maps = eelsmap.map_classical(signal)
    assert maps.is_lazy == signal._lazy
    truth = phantom.truth
    seen = np.isfinite(maps.array("pre_edge_ratio_O_K"))
    # The O K pre-edge falls with lithium content.
    assert np.corrcoef(maps.array("pre_edge_ratio_O_K")[seen], truth["li_content"][seen])[0, 1] < -0.9
    metals = sum(truth[f"{metal}_count"] for metal in ("ni", "mn", "co"))
    for metal in ("ni", "mn", "co"):
        share = maps.array(f"share_{metal}")
        assert np.nanmean(np.abs(share - truth[f"{metal}_count"] / metals)) < 0.1
    assert "l3_l2_ratio_Mn_L" in maps.properties
    assert "l3_l2_ratio_Mn_L_error" not in maps.properties
    assert maps.unit("onset_Ni_L") == "eV"
    assert maps.provenance["classical"]["cross_sections"].startswith("hydrogenic")


def test_missing_angles_are_said_to_be_assumed(phantom):
    image = phantom.signal()
    del image.metadata.Acquisition_instrument
    assumed = eelsmap.map_classical(image).provenance["classical"]
    assert assumed["assumed"] == "beam energy, collection angle"
    assert assumed["beam_energy_kV"] == 200.0


def test_quality_maps_show_thickness_drift_and_background(phantom, signal):
    maps = eelsmap.map_quality(signal)
    material = phantom.truth["thickness"] > 0.1
    thickness = maps.array("t_over_lambda")
    assert np.corrcoef(thickness[material], phantom.truth["t_over_lambda"][material])[0, 1] > 0.98
    assert np.abs(maps.array("energy_shift") - phantom.truth["drift_eV"])[material].std() < 0.05
    # At a million counts the gain pattern of the detector shows beside shot noise.
    assert 0.6 < np.nanmedian(maps.array("background_chi2_O_K")[material]) < 2.5
    # Never over-subtracted; at these counts the tail of the pre-edge reaches below the onset.
    assert -1.0 < np.nanmedian(maps.array("background_residual_O_K")[material]) < 4.0
    assert np.nanmax(maps.array("negative_fraction_O_K")[material]) < 0.3
    assert not maps.properties


def test_eager_and_lazy_agree(phantom):
    image = image_of(phantom)
    for function in (eelsmap.map_classical, eelsmap.map_quality):
        eager, lazy = function(image), function(image.as_lazy()).compute(progress=False)
        for name in eager:
            np.testing.assert_allclose(lazy.array(name), eager.array(name), rtol=1e-5, atol=1e-6)


def test_denoising_shows_the_pixel_that_its_components_do_not_describe(phantom):
    image = phantom.signal()
    image.data = image.data.astype(float)
    energy = image.axes_manager.signal_axes[0].axis
    image.data[8, 10] += 40 * np.sqrt(image.data[8, 10].max()) * np.exp(-(((energy - 700) / 3) ** 2))
    recipe = Recipe(noise=NoiseStep(denoise=True, components=4))
    misfit = eelsmap.map_quality(image, recipe=recipe).array("components_chi2")
    others = np.delete(misfit.ravel(), 8 * 20 + 10)
    assert misfit[8, 10] > 1.5 * np.nanpercentile(others, 99)


def test_averaging_says_what_it_costs(phantom):
    recipe = Recipe(noise=NoiseStep(average=1.0))
    said = eelsmap.map_classical(phantom.signal(), recipe=recipe, lazy=True).provenance["averaging"]
    assert "2.6 pixels" in said


def test_signals_offer_both(phantom):
    image = phantom.signal()
    image.set_signal_type("MultiEdgeEELS")
    assert "onset_O_K" in image.map_classical()
    assert "axis_uncertainty" in image.map_quality()
    assert "t_over_lambda" not in image.map_quality()


def test_one_plan_serves_all_maps(monkeypatch):
    image = plan_signal(prepare(eelsmap.make_phantom((6, 8), microscope=Microscope(counts=1e6)).signal()), Recipe())
    wanted = {road: road(image.core) for road in (eelsmap.map_classical, eelsmap.map_quality, eelsmap.map_properties)}
    monkeypatch.setattr("eelsmap.mapping.planned_image.make_plan", None)
    for road, maps in wanted.items():
        found = road(image)
        for name in maps:
            np.testing.assert_array_equal(found.array(name), maps.array(name))
    assert eelsmap.map_classical(image, recipe=Recipe()).names
    with pytest.raises(RecipeError, match="planned for another recipe"):
        eelsmap.map_quality(image, recipe=Recipe(background=BackgroundStep(method="two_area")))
    with pytest.raises(RecipeError, match="planned for another recipe"):
        eelsmap.map_properties(image, axis_mode="none")
