from dataclasses import replace

import numpy as np
import pytest

from eelsmap.errors import PixelFlag
from eelsmap.features import feature_matrix
from eelsmap.preprocess import DetectorFaults, extract_edges, make_plan
from eelsmap.recipe import FeatureStep, Recipe
from tests.preprocess.test_fused_extraction import FULL, counts

pytest.importorskip("numba")

from eelsmap.features.lane_road import LaneRoad

RECIPE = Recipe()


def assert_same(block, plan, recipe, shift=None):
    """Stack and features of the short road are those of the NumPy road, which details ask for."""
    stack, features = LaneRoad(plan, recipe)(block, shift=shift)
    expected = extract_edges(block, plan, recipe, shift=shift, details=True)
    for name in ("flags", "weak"):
        np.testing.assert_array_equal(getattr(stack, name), getattr(expected, name))
    for name in ("net_counts", "snr", "counts", "coverage", "axis_uncertainty"):
        ours, theirs = getattr(stack, name), getattr(expected, name)
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10 * np.nanmax(np.abs(theirs)))
    assert stack.net.shape[-1] == 0
    wanted = feature_matrix(expected, recipe, axis_uncertainty=expected.axis_uncertainty)
    finite = (expected.flags & 1) == 0
    np.testing.assert_array_equal(np.isnan(features[finite]), np.isnan(wanted[finite]))
    np.testing.assert_allclose(features[finite], wanted[finite], rtol=2e-6, atol=2e-7)
    return expected


@pytest.mark.parametrize("shift", ["none", "rows", "each"])
@pytest.mark.parametrize("stop", [960, 876, 700])
def test_counts_become_the_same_features_in_one_go(shift, stop):
    energy = FULL[stop >= FULL]
    block = counts(300, energy)
    plan = make_plan(block, energy, RECIPE)
    moved = {
        "none": None,
        "rows": np.repeat(np.arange(30.0), 10) / 20,
        "each": np.random.default_rng(1).normal(0, 1, 300),
    }
    given = moved[shift]
    if shift == "each":
        given = np.stack([given, np.full(300, 0.2)], axis=1)
        given[7] = np.nan
    stack = assert_same(block, plan, RECIPE, given)
    assert (stack.coverage < 1).any() == (stop < 960)


@pytest.mark.parametrize("step", [FeatureStep(stride=1, edges=("Mn_L", "O_K")), FeatureStep(aligned=False),
                                  FeatureStep(relative_intensity=False)])  # fmt: skip
def test_every_choice_of_features_is_laid_out_alike(step):
    recipe = replace(RECIPE, features=step)
    block = counts(20)
    assert_same(block, make_plan(block, FULL, recipe), recipe)


@pytest.mark.parametrize("pixels", [1, 7, 8, 257])
def test_any_number_of_pixels_will_do(pixels):
    block = counts(300)
    plan = make_plan(block, FULL, RECIPE)
    road = LaneRoad(plan, RECIPE)
    stack, whole = road(block)
    part = road(block[:pixels])[1]
    # Of vacuum nobody reads features.
    told = (stack.flags[:pixels] & np.uint32(PixelFlag.LOW_COUNTS)) == 0
    assert told.any()
    np.testing.assert_array_equal(part[told], whole[:pixels][told])
    assert road(block[:0])[1].shape == (0, whole.shape[1])


def test_a_detector_with_faults_takes_the_same_road():
    block = counts(40).astype(np.float32)
    plan = make_plan(np.random.default_rng(3).permutation(block[6:]), FULL, RECIPE)
    dead = np.zeros(FULL.size, dtype=bool)
    dead[400] = True
    steps = np.where(np.arange(FULL.size) > 900, 1.05, 1.0)
    for faults in (
        DetectorFaults(dead, ~dead & False, None, (), None, ""),
        DetectorFaults(dead & False, dead & False, steps, (), float(block[6:].max()), ""),
        DetectorFaults(dead & False, dead & False, None, (), float(np.percentile(block[6:], 99)), ""),
    ):
        assert_same(block, replace(plan, faults=faults), RECIPE)
