"""Cramér-Rao bounds against fits of simulated spectra, and against what they must do."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.edges import NMC_EDGES
from eelsmap.errors import RecipeError
from eelsmap.preprocess.background_fit import extrapolate_background, fit_background
from eelsmap.preprocess.precision import net_counts_bound
from tests.preprocess.spectra import edge_shape, power_law

ENERGY = np.arange(494.5, 557.0, 1.0)
BACKGROUND = power_law(ENERGY, 1000.0, 3.0)
EDGE = np.where(ENERGY > 525, edge_shape(ENERGY, NMC_EDGES["O_K"], 200.0), 0.0)
BEFORE = ENERGY < 525


def recorded(number, gain, seed=0):
    mean = (BACKGROUND + EDGE) / gain
    return gain * np.random.default_rng(seed).poisson(mean, (number, ENERGY.size)).astype(float)


def bound(background=BACKGROUND, edge=EDGE, **other):
    return net_counts_bound(np.atleast_2d(background), np.atleast_2d(edge), ENERGY, **other)


@pytest.mark.parametrize("gain", [1.0, 4.0])
def test_subtracting_a_likelihood_background_reaches_the_bound_of_a_free_shape(gain):
    counts = recorded(6000, gain)
    width = np.ones(ENERGY.size)
    fit = fit_background(counts[:, BEFORE], ENERGY[BEFORE], width[BEFORE], gain=gain, method="likelihood")
    for window in (ENERGY > 525, (ENERGY > 526) & (ENERGY < 546)):
        background, variance = extrapolate_background(fit, ENERGY[window], width[window], windows=[window[window]])
        net = counts[:, window].sum(axis=1) - background.sum(axis=1)
        least = bound(gain=gain, shape="free", window=window)[0]
        assert net.std() == pytest.approx(least, rel=0.05)
        assert np.sqrt((variance[:, 0] + gain * counts[:, window].sum(axis=1)).mean()) == pytest.approx(least, rel=0.05)


@pytest.mark.parametrize("gain", [1.0, 4.0])
def test_a_likelihood_fit_of_the_known_shape_reaches_its_bound(gain):
    counts = recorded(6000, gain, seed=1)
    x = np.log(ENERGY / 525)
    parameters = np.tile([0.0, 0.0, 1.0], (len(counts), 1))
    for _ in range(6):
        law = BACKGROUND * np.exp(parameters[:, :1] + parameters[:, 1:2] * x)
        mean = law + parameters[:, 2:] * EDGE
        slopes = np.stack([law, law * x, np.broadcast_to(EDGE, law.shape)], axis=1)
        information = (slopes / mean[:, None]) @ slopes.transpose(0, 2, 1)
        score = (slopes * (counts / mean - 1)[:, None]).sum(axis=2)
        parameters += np.linalg.solve(information, score[..., None])[..., 0]
    net = parameters[:, 2] * EDGE.sum()
    assert net.mean() == pytest.approx(EDGE.sum(), rel=0.01)
    assert net.std() == pytest.approx(bound(gain=gain)[0], rel=0.05)


def test_knowing_more_never_makes_the_bound_worse():
    assert bound()[0] < bound(shape="free")[0]
    # An edge that is certain still has the shot noise of its own counts.
    assert bound(1e-9 * BACKGROUND)[0] == pytest.approx(np.sqrt(EDGE.sum()), rel=1e-3)


@settings(max_examples=25, deadline=None)
@given(
    st.floats(1e-3, 1e3), st.lists(st.floats(0.01, 100.0), min_size=1, max_size=5), st.sampled_from(["known", "free"])
)
def test_scale_and_rows(scale, levels, shape):
    background, edge = np.outer(levels, BACKGROUND), np.outer(levels[::-1], EDGE)
    rows = bound(background, edge, shape=shape)
    np.testing.assert_allclose(
        bound(scale * background, scale * edge, gain=scale, shape=shape), scale * rows, rtol=1e-7
    )
    for index, value in enumerate(rows):
        assert bound(background[index], edge[index], shape=shape)[0] == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("shape", ["known", "free"])
def test_what_cannot_be_told_apart_is_infinite_without_a_warning(shape):
    bad = np.stack([BACKGROUND, np.zeros_like(BACKGROUND), np.full_like(BACKGROUND, np.nan), BACKGROUND])
    edges = np.stack([EDGE, EDGE, EDGE, BACKGROUND])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = bound(bad, edges, shape=shape)
    assert np.isfinite(values).tolist() == [True, False, False, False]
    assert bound(np.empty((0, ENERGY.size)), np.empty((0, ENERGY.size)), shape=shape).shape == (0,)


def test_an_unknown_shape_is_refused():
    with pytest.raises(RecipeError, match="'half'"):
        bound(shape="half")
