import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.errors import RecipeError
from eelsmap.phantom import detect, gain_pattern


@given(level=st.floats(0.0, 1e6), seed=st.integers(0, 2**31))
@settings(deadline=None)
def test_mean_and_variance_are_those_of_shot_noise(level, seed):
    counts = detect(np.full((100, 200), level), np.random.default_rng(seed), dtype=np.float64)
    spread = np.sqrt(level / counts.size)
    assert abs(counts.mean() - level) <= 6 * spread + 1e-12
    assert counts.var() == pytest.approx(level, rel=0.1, abs=6 * spread + 1e-12)


def test_gain_is_shared_by_all_spectra_of_an_image():
    rng = np.random.default_rng(0)
    counts = detect(np.full((4000, 64), 1e4), rng, gain_variation=0.05, dtype=np.float64)
    pattern = counts.mean(0) / 1e4
    # Shot noise of the mean is 0.00016; halves of the image agree on the pattern.
    halves = [counts[part].mean(0) / counts[part].mean() for part in (slice(0, 2000), slice(2000, None))]
    assert pattern.std() == pytest.approx(0.05, rel=0.3)
    assert np.corrcoef(*halves)[0, 1] > 0.99


def test_given_gain_is_used():
    gain = gain_pattern(32, 0.2, np.random.default_rng(3))
    counts = detect(np.full((2000, 32), 1e5), np.random.default_rng(0), gain=gain, dtype=np.float64)
    assert np.allclose(counts.mean(0) / 1e5, gain, rtol=1e-3)
    assert gain.mean() == pytest.approx(1.0)
    assert (gain_pattern(32, 0.0, np.random.default_rng(3)) == 1).all()


def test_spikes_come_at_their_rate_one_or_two_channels_wide():
    counts = detect(np.zeros((2000, 256)), np.random.default_rng(0), spike_rate=0.05, dtype=np.float64)
    hit = counts.any(axis=1)
    assert hit.mean() == pytest.approx(1 - np.exp(-0.05), rel=0.3)
    assert (counts > 0).sum(axis=1).max() <= 6
    single = counts[(counts > 0).sum(axis=1) == 1]
    assert single.sum(axis=1).min() >= 300
    assert counts.sum(axis=1).max() < 3 * 5000


def test_readout_noise_is_cut_at_zero():
    counts = detect(np.zeros((50, 100)), np.random.default_rng(0), readout_noise=2.0)
    assert counts.dtype == np.float32
    assert counts.min() == 0
    assert 2.0 < counts.max() < 12.0


def test_integers_are_rounded_and_cut_at_their_largest_value():
    counts = detect(np.array([[10.0, 1e6]]), np.random.default_rng(0), gain_variation=0.1, dtype=np.uint16)
    assert counts.dtype == np.uint16
    assert counts[0, 1] == 65535


def test_same_seed_same_counts():
    settings = {"gain_variation": 0.01, "spike_rate": 0.3, "readout_noise": 1.0}
    first, again, other = (
        detect(np.full((5, 40), 30.0), np.random.default_rng(seed), **settings) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_shape_is_kept():
    assert detect(np.ones((3, 4, 16)), np.random.default_rng(0), spike_rate=5.0).shape == (3, 4, 16)


@pytest.mark.parametrize(
    ("expected", "settings", "message"),
    [
        (np.array([[-1.0]]), {}, "expected counts"),
        (np.array([[np.nan]]), {}, "expected counts"),
        (np.ones((1, 4)), {"spike_rate": -1.0}, "spike_rate"),
        (np.ones((1, 4)), {"readout_noise": np.inf}, "readout_noise"),
        (np.ones((1, 4)), {"gain_variation": 0.5}, "gain_variation"),
        (np.ones((1, 4)), {"gain": np.ones(3)}, "gain has shape"),
    ],
)
def test_impossible_settings_are_refused(expected, settings, message):
    with pytest.raises(RecipeError, match=message):
        detect(expected, np.random.default_rng(0), **settings)
