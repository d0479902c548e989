"""The options of treatment on whole images: eager and lazy alike, recorded, and refused where they cannot be served."""

from dataclasses import replace

import numpy as np
import pytest

import eelsmap
from eelsmap.commands.demo import compare_with_truth, image_of
from eelsmap.errors import PixelFlag, RecipeError
from eelsmap.phantom import Microscope
from eelsmap.recipe import (
    BackgroundStep,
    DetectorStep,
    FeatureStep,
    NoiseStep,
    PluralScatteringStep,
    Recipe,
)

TREATMENTS = {
    "two areas": {"background": BackgroundStep(method="two_area")},
    "likelihood": {"background": BackgroundStep(method="likelihood")},
    "fixed exponents": {"background": BackgroundStep(method="fixed_exponents")},
    "neighbours": {"background": BackgroundStep(neighbours=1.0)},
    "average": {"noise": NoiseStep(average=1.0)},
    "denoise": {"noise": NoiseStep(denoise=True)},
    "deconvolve": {"plural_scattering": PluralScatteringStep("fourier_ratio")},
    "all": {
        "background": BackgroundStep(method="likelihood", neighbours=1.0),
        "noise": NoiseStep(average=0.7, denoise=True),
        "plural_scattering": PluralScatteringStep("fourier_ratio", fwhm=1.2),
        "detector": DetectorStep(saturation=1e9),
    },
}


@pytest.fixture(scope="module")
def model():
    return eelsmap.load_model("nmc")


@pytest.fixture(scope="module")
def phantom():
    return eelsmap.make_phantom((16, 20), microscope=Microscope(counts=4e5, t_over_lambda=0.8, dual_eels=True))


@pytest.mark.parametrize("name", TREATMENTS)
def test_every_treatment_is_the_same_eagerly_and_lazily_and_close_to_truth(model, phantom, name):
    recipe = replace(model.recipe, **TREATMENTS[name])
    signal = image_of(phantom)
    eager = eelsmap.map_properties(signal, model, recipe=recipe)
    lazy = eelsmap.map_properties(signal.as_lazy(), model, recipe=recipe)
    assert lazy.is_lazy
    lazy.compute(progress=False)
    np.testing.assert_array_equal(lazy.array("flags"), eager.array("flags"))
    np.testing.assert_allclose(lazy.array("counts"), eager.array("counts"), rtol=1e-6)
    # A rounding error may move a feature across a split of a tree.
    differs = np.abs(lazy.array("li_content") - eager.array("li_content")) > 1e-5
    assert differs.mean() < 0.02
    assert compare_with_truth(eager, phantom)["li_content"]["rmse"] < 0.1
    assert Recipe.from_dict(__import__("json").loads(eager.provenance["recipe"])) == recipe


def test_denoising_and_averaging_bring_the_error_down(model):
    phantom = eelsmap.make_phantom((24, 30), microscope=Microscope(counts=2e4))
    error = {
        name: compare_with_truth(
            eelsmap.map_properties(phantom.signal(), model, recipe=replace(model.recipe, noise=noise)), phantom
        )["li_content"]["rmse"]
        for name, noise in (
            ("none", NoiseStep()),
            ("average", NoiseStep(average=1.0)),
            ("pca", NoiseStep(denoise=True)),
        )
    }
    assert error["average"] < 0.85 * error["none"]
    assert error["pca"] < error["none"]


def test_deconvolution_without_a_low_loss_says_what_to_do(model, phantom):
    recipe = replace(model.recipe, plural_scattering=PluralScatteringStep("fourier_ratio"))
    with pytest.raises(RecipeError, match="low loss of the same pixels"):
        eelsmap.map_properties(phantom.signal(), model, recipe=recipe)


def test_a_recipe_of_other_features_is_refused(model, phantom):
    with pytest.raises(RecipeError, match="other edges or features"):
        eelsmap.map_properties(phantom.signal(), model, recipe=Recipe(features=FeatureStep(stride=2)))


def test_a_pixel_without_zero_loss_peak_is_flagged_and_disturbs_no_other(model, phantom):
    recipe = replace(model.recipe, plural_scattering=PluralScatteringStep("fourier_ratio"))
    signal = image_of(phantom)
    whole = eelsmap.map_properties(signal, model, recipe=recipe)
    signal.low_loss.data[8, 10] = 0
    holed = eelsmap.map_properties(signal, model, recipe=recipe)
    assert holed.array("flags")[8, 10] & PixelFlag.NOT_FINITE
    assert np.isnan(holed.array("li_content")[8, 10])
    others = np.ones((16, 20), dtype=bool)
    others[8, 10] = False
    np.testing.assert_array_equal(
        np.isnan(holed.array("li_content"))[others], np.isnan(whole.array("li_content"))[others]
    )


def test_saturated_edges_are_left_out_and_the_others_answer(model, phantom):
    signal = phantom.signal()
    data = signal.data.astype(float)
    level = np.percentile(data[..., :200].max(axis=-1), 60)
    signal.data = np.minimum(data, level)
    recipe = replace(model.recipe, detector=DetectorStep(saturation=float(level)))
    maps = eelsmap.map_properties(signal, model, recipe=recipe)
    flags = maps.array("flags")
    saturated = (flags & PixelFlag.SATURATED) != 0
    assert saturated.any()
    assert ((flags[saturated] & PixelFlag.O_K_WEAK) != 0).any()
    assert np.isfinite(maps.array("li_content")[saturated]).any()


def test_a_dead_channel_inside_a_white_line_is_repaired(model, phantom):
    signal = phantom.signal()
    energy = signal.axes_manager.signal_axes[0].axis
    clean = eelsmap.map_properties(signal, model)
    dead = signal.deepcopy()
    dead.data[..., np.abs(energy - 643.0).argmin()] = 0
    repaired = eelsmap.map_properties(dead, model)
    left = eelsmap.map_properties(dead, model, recipe=replace(model.recipe, detector=DetectorStep(enabled=False)))
    assert "dead" in repaired.provenance["detector"]

    def apart(maps):
        return np.nanmedian(np.abs(maps.array("mn_valence") - clean.array("mn_valence")))

    assert apart(repaired) < 0.5 * apart(left)


def test_masked_values_are_missing(model, phantom):
    signal = phantom.signal()
    mask = np.zeros(signal.data.shape, dtype=bool)
    mask[8, 10, 100] = True
    signal.data = np.ma.MaskedArray(signal.data, mask)
    maps = eelsmap.map_properties(signal, model)
    assert maps.array("flags")[8, 10] & PixelFlag.NOT_FINITE
    assert np.isfinite(maps.array("li_content")[8, 11])
