import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from eelsmap.edges import NMC_EDGES
from eelsmap.features.classical import classical_estimates, classical_names
from eelsmap.preprocess import extract_edges, make_plan
from eelsmap.recipe import Recipe
from tests.preprocess.spectra import spectrum

ENERGY = np.arange(460.0, 960.0, 0.25)
RECIPE = Recipe().with_axis_mode("none")


def counts(n=200, scale=20.0, seed=0, **options):
    return np.random.default_rng(seed).poisson(spectrum(ENERGY, scale=scale, **options), (n, ENERGY.size)).astype(float)


def estimates(block, plan=None, **options):
    plan = plan or make_plan(block, ENERGY, RECIPE)
    return classical_estimates(extract_edges(block, plan, RECIPE, details=True, **options), NMC_EDGES)


@pytest.fixture(scope="module")
def many():
    return estimates(counts())


@pytest.mark.parametrize("name", classical_names(NMC_EDGES))
def test_scatter_is_what_the_error_says(many, name):
    value, error = many[name]
    assert np.isfinite(value).all()
    # Where an onset falls between points, its noise is partly that of the height, which is left out.
    assert value.std() == pytest.approx(np.median(error), rel=0.5 if name.startswith("onset") else 0.2)


@pytest.mark.parametrize("name", classical_names(NMC_EDGES))
def test_fewer_counts_bring_no_bias(many, name):
    truth, error = many[name][0].mean(), many[name][1].mean()
    value, own = estimates(counts(scale=4.0, seed=1))[name]
    assert np.nanmean(value) == pytest.approx(truth, abs=4 * error / 14 + 0.25 * np.nanmean(own))


def two_step_edges(ratio):
    """Power law, O K, and L2,3 edges whose continuum rises by two thirds and one third; areas of the lines known."""
    total = spectrum(ENERGY, heights=(100.0, 0.0, 0.0, 0.0))
    for edge in NMC_EDGES.edges[1:]:
        for line, share, area in zip(edge.lines, (2 / 3, 1 / 3), (ratio, 1.0), strict=True):
            sigma = line.width / 2.355
            total = total + 200 * area * np.exp(-0.5 * ((ENERGY - line.energy) / sigma) ** 2) / sigma
            total = total + 60 * share * 0.5 * (1 + erf(ENERGY - line.energy))
    return total


@pytest.mark.parametrize("ratio", [1.2, 2.5])
def test_l3_l2_ratio_is_that_of_the_lines(ratio):
    block = np.random.default_rng(0).poisson(200 * two_step_edges(ratio), (100, ENERGY.size)).astype(float)
    found = estimates(block)
    for name in ("Mn_L", "Co_L", "Ni_L"):
        # Under a metal lies the tail of the metal before, which is no power law.
        assert found[f"l3_l2_ratio_{name}"].value.mean() == pytest.approx(ratio, rel=0.08)


def test_onsets_move_with_the_edge(many):
    moved = estimates(counts(displacements=(0.0, 1.0, 0.0, -0.5), seed=2))
    for name, distance in (("O_K", 0.0), ("Mn_L", 1.0), ("Co_L", 0.0), ("Ni_L", -0.5)):
        found = moved[f"onset_{name}"].value.mean() - many[f"onset_{name}"].value.mean()
        assert found == pytest.approx(distance, abs=0.08)


def test_composition_follows_the_heights(many):
    twice = estimates(counts(heights=(100.0, 160.0, 60.0, 60.0), seed=3))
    before, after = many["share_mn"].value.mean(), twice["share_mn"].value.mean()
    assert after / (1 - after) == pytest.approx(2 * before / (1 - before), rel=0.05)
    total = sum(many[f"share_{metal}"].value for metal in ("mn", "co", "ni"))
    np.testing.assert_allclose(total, 1.0)


@settings(max_examples=10, deadline=None)
@given(st.floats(0.2, 50.0))
def test_scaling_counts_and_gain_changes_nothing(factor):
    block = counts(4)
    one, other = estimates(block), estimates(factor * block)
    for name in one:
        np.testing.assert_allclose(other[name].value, one[name].value, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(other[name].error, one[name].error, rtol=1e-3)


def test_pixels_are_independent():
    block = counts(6)
    plan = make_plan(block, ENERGY, RECIPE)
    whole = estimates(block, plan)
    single = estimates(block[4:5], plan)
    for name in whole:
        np.testing.assert_allclose(single[name].value[0], whole[name].value[4], rtol=1e-7)


def test_what_is_missing_or_lost_gives_no_answer():
    block = counts(20, heights=(100.0, 80.0, 0.0, 60.0))
    found = estimates(block)
    assert np.isnan(found["l3_l2_ratio_Co_L"].value).mean() > 0.9
    assert np.nanmean(found["share_co"].value) < 0.05
    block[3] = np.nan
    assert np.isnan(estimates(block)["l3_l2_ratio_Mn_L"].value[3])
    short = ENERGY < 700
    plan = make_plan(block[:3, short], ENERGY[short], RECIPE)
    stack = extract_edges(block[:3, short], plan, RECIPE, details=True)
    found = classical_estimates(stack, NMC_EDGES)
    assert np.isnan(found["share_mn"].value).all()
    assert np.isfinite(found["l3_l2_ratio_Mn_L"].value).all()
