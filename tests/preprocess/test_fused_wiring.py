from dataclasses import replace

import numpy as np
import pytest

from eelsmap.features import feature_matrix, matrix
from eelsmap.preprocess import extract_edges, make_plan
from eelsmap.recipe import FeatureStep, Recipe
from tests.preprocess.test_fused_extraction import FULL, counts

pytest.importorskip("numba")

RECIPE = Recipe()


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("stop", [960, 876, 700])
def test_both_roads_end_alike(shifted, stop):
    energy = FULL[stop >= FULL]
    block = counts(40, energy)
    plan = make_plan(block, energy, RECIPE)
    shift = np.random.default_rng(1).normal(0, 1, (40, 2)) if shifted else None
    if shifted:
        shift[7] = np.nan
    # Details are kept by the NumPy road only.
    by_numpy = extract_edges(block, plan, RECIPE, shift=shift, details=True)
    compiled = extract_edges(block, plan, RECIPE, shift=shift)
    np.testing.assert_array_equal(compiled.flags, by_numpy.flags)
    np.testing.assert_array_equal(compiled.weak, by_numpy.weak)
    for name in ("net", "net_counts", "snr", "counts", "coverage", "axis_uncertainty"):
        ours, theirs = getattr(compiled, name), getattr(by_numpy, name)
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10 * np.nanmax(np.abs(theirs)))


@pytest.mark.parametrize("step", [FeatureStep(), FeatureStep(stride=1, edges=("Mn_L", "O_K")),
                                  FeatureStep(aligned=False), FeatureStep(relative_intensity=False)])  # fmt: skip
def test_features_are_the_same_without_numba(step, monkeypatch):
    recipe = replace(RECIPE, features=step)
    block = counts(40)
    stack = extract_edges(block, make_plan(block, FULL, recipe), recipe)
    compiled = feature_matrix(stack, recipe, axis_uncertainty=stack.axis_uncertainty)
    monkeypatch.setattr(matrix, "AVAILABLE", False)
    by_numpy = feature_matrix(stack, recipe, axis_uncertainty=stack.axis_uncertainty)
    np.testing.assert_allclose(compiled, by_numpy, rtol=1e-6, atol=1e-6)
