import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eelsmap.preprocess.background import extrapolate_power_law, fit_power_law

ENERGY = np.linspace(495.0, 523.0, 8)
WIDTH = np.full(8, 4.0)
BEYOND = np.linspace(525.0, 557.0, 161)


@given(st.floats(1.0, 1e6), st.floats(0.5, 6.0))
def test_exact_power_law_is_found_whatever_its_scale(amplitude, exponent):
    counts = (amplitude * (ENERGY / 500) ** -exponent * WIDTH)[None]
    fit = fit_power_law(counts, ENERGY, WIDTH)
    assert fit.exponent[0] == pytest.approx(exponent, rel=1e-6)
    background, variance = extrapolate_power_law(fit, BEYOND, np.full(161, 0.2))
    np.testing.assert_allclose(background[0], amplitude * (BEYOND / 500) ** -exponent * 0.2, rtol=1e-6)
    assert variance[0] > 0


def test_scatter_of_the_extrapolation_is_what_the_variance_says():
    random = np.random.default_rng(0)
    expected = 4000 * (ENERGY / 500) ** -3.0 * WIDTH
    fit = fit_power_law(random.poisson(expected, (4000, 8)).astype(float), ENERGY, WIDTH)
    background, variance = extrapolate_power_law(fit, BEYOND, np.full(161, 0.2))
    total = background.sum(axis=1)
    truth = (4000 * (BEYOND / 500) ** -3.0 * 0.2).sum()
    assert total.mean() == pytest.approx(truth, rel=0.003)
    assert total.std() == pytest.approx(np.sqrt(variance.mean()), rel=0.06)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, -5.0])
def test_a_bad_bin_fails_only_its_own_row(bad):
    counts = np.full((3, 8), 100.0)
    counts[1, 4] = bad
    fit = fit_power_law(counts, ENERGY, WIDTH)
    assert fit.failed.tolist() == [False, True, False]
    assert np.isfinite(fit.exponent[[0, 2]]).all()


def test_gain_scales_the_variance():
    counts = np.full((1, 8), 500.0)
    one, four = (
        extrapolate_power_law(fit_power_law(counts, ENERGY, WIDTH, gain=gain), BEYOND, np.full(161, 0.2))[1][0]
        for gain in (1.0, 4.0)
    )
    assert four == pytest.approx(4 * one)
