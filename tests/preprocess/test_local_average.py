import warnings

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.mapping.blocks import with_neighbours
from eelsmap.preprocess.local_average import averaging_depth, averaging_fwhm, averaging_gain, local_average


@pytest.mark.parametrize("shape", [(5,), (9, 5), (7, 8, 5), (4, 5, 6, 5)])
@pytest.mark.parametrize("sigma", [0.0, 0.7, 2.5])
def test_a_uniform_image_stays_what_it_is_up_to_its_borders(shape, sigma):
    counts = np.broadcast_to(np.arange(1.0, 6.0), shape)
    np.testing.assert_allclose(local_average(counts, sigma=sigma), counts, rtol=1e-12)


def test_weights_are_gaussian_and_counts_are_shared():
    counts = np.zeros((21, 21, 1))
    counts[10, 10] = 1.0
    spread = local_average(counts, sigma=1.5)[..., 0]
    assert spread.sum() == pytest.approx(1.0)
    assert spread[10, 12] / spread[10, 10] == pytest.approx(np.exp(-0.5 * (2 / 1.5) ** 2))
    assert spread[10, 13] == pytest.approx(spread[13, 10])
    reach = np.flatnonzero(spread[10])
    assert reach[0] == 10 - averaging_depth(1.5)
    assert reach[-1] == 10 + averaging_depth(1.5)


@pytest.mark.parametrize("ndim", [0, 1, 2])
@pytest.mark.parametrize("sigma", [0.0, 0.5, 1.0, 2.0])
def test_the_noise_goes_down_by_the_stated_factor(ndim, sigma):
    shape = (*(400, 60)[:ndim], 400 if ndim < 2 else 20)
    noise = np.random.default_rng(0).standard_normal(shape)
    inner = tuple(slice(6, -6) for _ in range(ndim))
    measured = local_average(noise, sigma=sigma)[inner].var()
    assert measured == pytest.approx(averaging_gain(sigma, ndim), rel=0.12)


def test_the_stated_factor_is_that_of_a_gaussian():
    assert averaging_gain(2.0, 2) == pytest.approx(1 / (4 * np.pi * 4), rel=0.02)
    assert averaging_gain(0.0, 2) == 1.0
    assert averaging_gain(1.0, 0) == 1.0


@pytest.mark.parametrize("sigma", [1.0, 2.0, 4.0])
def test_a_line_is_as_wide_as_stated(sigma):
    fine = 21
    # A pixel seen at a finer scale: a Gaussian of its own width, spread by the average.
    x = (np.arange(81 * fine) - 81 * fine / 2) / fine
    pixel = np.exp(-4 * np.log(2) * x**2)
    profile = local_average(pixel[:, None], sigma=sigma * fine)[:, 0]
    width = (profile > profile.max() / 2).sum() / fine
    assert width == pytest.approx(averaging_fwhm(sigma), rel=0.05)


@settings(deadline=None)
@given(st.integers(0, 2**31), st.floats(0.3, 3.0), st.sampled_from([np.nan, np.inf, -np.inf]))
def test_a_bad_pixel_stays_alone(seed, sigma, bad):
    random = np.random.default_rng(seed)
    counts = random.poisson(100, (7, 9, 4)).astype(float)
    row, column = random.integers(7), random.integers(9)
    counts[row, column, random.integers(4)] = bad
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        averaged = local_average(counts, sigma=sigma)
    wrong = ~np.isfinite(averaged).all(axis=-1)
    assert wrong.sum() == 1
    assert wrong[row, column]
    # Nothing takes the place of the missing pixel.
    uniform = np.full((7, 9, 4), 100.0)
    uniform[row, column] = np.nan
    around = local_average(uniform, sigma=sigma)
    np.testing.assert_allclose(around[np.isfinite(around)], 100.0, rtol=1e-12)


def test_an_image_of_bad_pixels_is_no_error():
    assert np.isnan(local_average(np.full((3, 4, 2), np.nan), sigma=1.0)).all()
    assert local_average(np.zeros((0, 4, 2)), sigma=1.0).shape == (0, 4, 2)


@settings(deadline=None)
@given(st.integers(0, 2**31), st.floats(0.1, 100.0))
def test_scaling_and_turning_the_image_turns_and_scales_the_average(seed, factor):
    counts = np.random.default_rng(seed).poisson(20, (6, 5, 3)).astype(float)
    plain = local_average(counts, sigma=1.2)
    np.testing.assert_allclose(local_average(factor * counts, sigma=1.2), factor * plain, rtol=1e-9)
    np.testing.assert_allclose(local_average(counts.swapaxes(0, 1), sigma=1.2), plain.swapaxes(0, 1), rtol=1e-9)
    np.testing.assert_allclose(local_average(counts[::-1], sigma=1.2), plain[::-1], rtol=1e-9)


@pytest.mark.parametrize("chunks", [(4, 4, 6), (5, 20, 6), (15, 20, 6)])
def test_blocks_make_no_difference(chunks):
    counts = np.random.default_rng(1).poisson(30, (15, 20, 6)).astype(float)
    counts[3, 4] = np.nan
    lazy = with_neighbours(
        local_average, da.from_array(counts, chunks=chunks), depth=averaging_depth(1.3), dtype=float, sigma=1.3
    )
    np.testing.assert_allclose(lazy.compute(), local_average(counts, sigma=1.3), rtol=1e-12)
