import warnings
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.errors import RecipeError
from eelsmap.phantom import Microscope, make_phantom
from eelsmap.preprocess.denoising import fit_components, project

ENERGY = 465.0 + 0.5 * np.arange(1024)
WINDOWS = {"O_K": (528.0, 556.0), "Mn_L": (638.0, 662.0), "Co_L": (776.0, 800.0), "Ni_L": (850.0, 880.0)}


@cache
def phantom(counts):
    """Counts of a phantom at a number of counts in the O K window, and what was expected."""
    scope = {"gain_variation": 0.0, "readout_noise": 0.0, "spike_rate": 0.0, "drift_eV": 0.0, "row_jump_eV": 0.0}
    scope |= {"dispersion": 0.5, "channels": 1024}
    bright = make_phantom((16, 24), microscope=Microscope(counts=1e9, **scope)).core_loss.reshape(-1, 1024)
    expected = bright.astype(float) * counts / 1e9
    inside = expected.sum(axis=1) > 0.1 * np.percentile(expected.sum(axis=1), 95)
    expected = expected[inside]
    return np.random.default_rng(0).poisson(expected).astype(float), expected


def net(counts, window):
    """Sum over an edge less what lies in the same width before it."""
    low, high = window
    inside, before = (low <= ENERGY) & (high > ENERGY), (2 * low - high - 5 <= ENERGY) & (low - 5 > ENERGY)
    return counts[:, inside].sum(axis=1) - counts[:, before].sum(axis=1)


@pytest.mark.parametrize("counts", [1e3, 1e5])
def test_edges_are_nearer_to_the_truth(counts):
    noisy, expected = phantom(counts)
    components = fit_components(noisy)
    cleaned = project(noisy, components).counts
    channel = [np.sqrt(((one - expected) ** 2).mean()) for one in (noisy, cleaned)]
    assert channel[1] < 0.25 * channel[0]
    for window in WINDOWS.values():
        before, after = (np.sqrt(((net(one, window) - net(expected, window)) ** 2).mean()) for one in (noisy, cleaned))
        assert after < 0.85 * before
        # Nothing is added or taken on average.
        assert abs((net(cleaned, window) - net(noisy, window)).mean()) < 4 * before / np.sqrt(len(noisy))


def test_pure_noise_leaves_the_mean_alone():
    mean = 2000 * (ENERGY / 500) ** -3
    counts = np.random.default_rng(1).poisson(mean, (600, mean.size))
    components = fit_components(counts)
    assert len(components.loadings) == 1
    assert components.noise == pytest.approx(1.0, rel=0.02)
    assert components.lost == pytest.approx(np.ones(mean.size), abs=0.4)
    projection = project(counts, components)
    assert not projection.kept.any()
    assert projection.chi_square.mean() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("gain", [0.2, 6.0])
def test_noise_that_is_left_is_what_is_stated(gain):
    mean = 500 * (ENERGY / 500) ** -3
    counts = gain * np.random.default_rng(2).poisson(mean, (1500, mean.size))
    components = fit_components(counts, gain=gain)
    assert components.noise == pytest.approx(gain, rel=0.02)
    left = project(counts, components).counts
    window = (ENERGY > 640) & (ENERGY < 660)
    factor = components.window_variance_factor(window)
    assert left[:, window].sum(axis=1).var() / counts[:, window].sum(axis=1).var() == pytest.approx(factor, rel=0.2)
    assert left.var(axis=0).sum() / counts.var(axis=0).sum() == pytest.approx(
        (components.variance_factor * mean).sum() / mean.sum(), rel=0.3
    )


@pytest.mark.parametrize("counts", [1e3, 1e4, 1e5])
@pytest.mark.parametrize("height", [0.3, 1.0])
def test_a_single_odd_pixel_keeps_its_line(counts, height):
    noisy, expected = phantom(counts)
    odd = int(np.argmax(expected.sum(axis=1)))
    line = height * expected[odd, 300] * np.exp(-4 * np.log(2) * ((ENERGY - 600) / 6) ** 2)
    window = (ENERGY > 592) & (ENERGY < 608)
    true, noise = line[window].sum(), np.sqrt((expected[odd] + line)[window].sum())
    got = []
    for seed in range(2):
        image = noisy.copy()
        image[odd] = np.random.default_rng(seed).poisson(expected[odd] + line)
        got.append(project(image, fit_components(image)).counts[odd, window].sum() - expected[odd, window].sum())
    # A line that stands less than seven deviations above its noise may be taken for noise; a stronger one may not.
    bias = np.mean(got) - true
    assert abs(bias) < (2.5 * noise if true > 7 * noise else 7 * noise)


def test_a_phase_that_the_sample_missed_is_left_as_it_is():
    noisy, expected = phantom(1e4)
    components = fit_components(noisy)
    odd = expected[0] * (1 + 3 * np.exp(-4 * np.log(2) * ((ENERGY - 600) / 6) ** 2))
    counts = np.random.default_rng(3).poisson(odd, (20, ENERGY.size)).astype(float)
    projection = project(counts, components)
    assert projection.kept.all()
    np.testing.assert_array_equal(projection.counts, counts)
    assert not project(noisy, components).kept.mean() > 0.01


def test_the_number_can_be_given_and_is_recorded():
    noisy, _ = phantom(1e4)
    components = fit_components(noisy, components=6)
    assert components.loadings.shape == (6, ENERGY.size)
    assert "6 principal components were asked for" in components.message
    assert components.variance_factor.mean() == pytest.approx(6 / ENERGY.size)
    np.testing.assert_allclose(components.loadings @ components.loadings.T, np.eye(6), atol=1e-9)


@pytest.mark.parametrize(("shape", "asked"), [((0, 64), None), ((5, 64), 6), ((80, 64), 65), ((5, 64), 0)])
def test_what_cannot_be_fitted_is_refused(shape, asked):
    with pytest.raises(RecipeError, match="denoising"):
        fit_components(np.ones(shape), components=asked)


def test_empty_pixels_alone_are_refused():
    with pytest.raises(RecipeError, match="holds counts"):
        fit_components(np.zeros((5, 64)))


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**31), st.floats(0.01, 100.0))
def test_order_unit_and_blocks_do_not_matter(seed, unit):
    random = np.random.default_rng(seed)
    counts = random.poisson(50 * (1 + np.outer(random.random(30), np.arange(80) % 20 > 10))).astype(float)
    components = fit_components(counts, components=3)
    plain = project(counts, components)
    order = random.permutation(30)
    shuffled = project(counts[order], components)
    np.testing.assert_allclose(shuffled.counts, plain.counts[order], rtol=1e-9)
    np.testing.assert_array_equal(shuffled.kept, plain.kept[order])
    scaled = project(unit * counts, fit_components(unit * counts, gain=unit, components=3))
    np.testing.assert_allclose(scaled.counts, unit * plain.counts, rtol=1e-7)
    parts = np.concatenate([project(counts[part], components).counts for part in (slice(0, 1), slice(1, 30))])
    np.testing.assert_allclose(parts, plain.counts, rtol=1e-9)


def test_bad_pixels_stay_alone():
    noisy, _ = phantom(1e4)
    components = fit_components(np.vstack([noisy, np.full((1, ENERGY.size), np.nan)]))
    block = noisy[:4].copy()
    block[1, 5] = np.nan
    block[2] = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        projection = project(block, components)
    assert projection.kept[1]
    np.testing.assert_array_equal(projection.counts[1], block[1])
    np.testing.assert_array_equal(projection.counts[2], 0.0)
    np.testing.assert_allclose(projection.counts[[0, 3]], project(noisy[[0, 3]], components).counts, rtol=1e-9)
