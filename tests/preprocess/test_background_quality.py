"""Quality of backgrounds on simulated power laws: right fits look right, wrong ones are told."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.preprocess.background_fit import BACKGROUND_METHODS, extrapolate_background, fit_background
from eelsmap.preprocess.background_quality import background_quality

BOUNDARIES = np.linspace(494.0, 524.0, 9)
ENERGY, WIDTH = (BOUNDARIES[1:] + BOUNDARIES[:-1]) / 2, np.diff(BOUNDARIES)


def judged(counts, method="likelihood", averaged=None, gain=1.0, net=None, last=6.0):
    extra = {} if averaged is None else {"averaged": averaged, "averaged_gain": gain / 9}
    fit = fit_background(counts, ENERGY, WIDTH, gain=gain, method=method, exponents=(1.0, 5.0), **extra)
    net = np.ones((len(counts), 4)) if net is None else net
    return background_quality(counts, ENERGY, WIDTH, fit, net, gain=gain, last=last)


def mean_counts(total):
    return total * ENERGY**-3.0 * WIDTH / (ENERGY**-3.0 * WIDTH).sum()


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("method", BACKGROUND_METHODS)
def test_right_fits_look_right(method, averaged):
    random = np.random.default_rng(1)
    gain, expected = 3.0, mean_counts(2e4)
    counts = gain * random.poisson(expected / gain, (6000, 8)).astype(float)
    mean = (counts + gain * random.poisson(8 * expected / gain, (6000, 8))) / 9
    quality = judged(counts, method, mean if averaged else None, gain)
    assert quality.chi_square.mean() == pytest.approx(1.0, abs=0.08)
    assert quality.residual.std() == pytest.approx(1.0, abs=0.08)
    assert abs(quality.residual.mean()) < 0.08


def test_too_much_subtracted_before_the_edge_is_negative_and_too_little_positive():
    expected = mean_counts(1e6)
    curved = expected * (1 + 0.02 * np.linspace(-1, 1, 8) ** 2 * np.array([[1.0], [-1.0]]))
    quality = judged(curved)
    assert quality.residual[0] > 4
    assert quality.residual[1] < -4
    assert (quality.chi_square > 3).all()
    assert judged(curved, last=0.5).residual[1] < -3


def test_negative_share_of_the_net_edge():
    counts = np.tile(mean_counts(1e4), (3, 1))
    net = np.array([[1.0, 2.0, 3.0], [-1.0, 1.0, 2.0], [-1.0, -1.0, -2.0]])
    np.testing.assert_allclose(judged(counts, net=net).negative, [0.0, 0.25, 1.0])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 5), st.sampled_from([np.nan, np.inf, 0.0, -1.0]), st.floats(1e-2, 1e2))
def test_bad_pixels_are_nan_and_touch_nobody(where, bad, scale):
    counts = np.random.default_rng(0).poisson(mean_counts(1e4), (6, 8)).astype(float)
    whole = judged(counts)
    counts[where] = bad
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quality, scaled = judged(counts), judged(scale * counts, gain=scale)
    others = np.arange(6) != where
    for values, same, untouched in zip(quality, scaled, whole, strict=True):
        assert np.isnan(values[where])
        np.testing.assert_allclose(values[others], untouched[others], rtol=1e-9)
        np.testing.assert_allclose(same, values, rtol=1e-7, atol=1e-9)


def test_counts_are_left_alone():
    counts = mean_counts(1e4)[None].copy()
    fit = fit_background(counts, ENERGY, WIDTH)
    net = counts - extrapolate_background(fit, ENERGY, WIDTH)[0]
    copies = counts.copy(), net.copy()
    background_quality(counts, ENERGY, WIDTH, fit, net)
    np.testing.assert_array_equal(copies[0], counts)
    np.testing.assert_array_equal(copies[1], net)
