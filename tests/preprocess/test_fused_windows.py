import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.preprocess.background_fit import extrapolate_background, fit_background
from eelsmap.preprocess.fused_windows import subtract_power_law, write_window_counts
from eelsmap.preprocess.windows import counts_between, running_sum
from tests.preprocess.spectra import power_law

pytest.importorskip("numba")


def counted(block, positions, **options):
    result = np.full((len(block), 3, positions.size + 4), -1.0)
    write_window_counts(result, 1, 2, block, positions, **options)
    untouched = np.delete(result, 1, axis=1)
    assert (untouched == -1).all()
    assert (result[:, 1, :2] == -1).all()
    assert (result[:, 1, positions.size + 1 :] == -1).all()
    return result[:, 1, 2 : positions.size + 1]


@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64"])
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    start=st.floats(-40, 120),
    width=st.floats(0.05, 30.0),
    spread=st.sampled_from([None, 0.0, 3.0, 200.0]),
)
def test_windows_hold_what_the_running_sum_says(dtype, seed, start, width, spread):
    rng = np.random.default_rng(seed)
    block = rng.integers(0, 60000, (5, 100)).astype(dtype)
    positions = start + width * np.arange(12)
    moved = None if spread is None else spread * rng.normal(size=5)
    expected = counts_between(running_sum(block), positions if moved is None else positions + moved[:, None])
    scale = np.asarray(block, dtype=float).sum(axis=1).max()
    np.testing.assert_allclose(counted(block, positions, moved=moved), expected, rtol=1e-9, atol=1e-12 * scale)


def test_blocks_order_and_neighbours_change_nothing():
    rng = np.random.default_rng(0)
    block, moved = rng.poisson(50, (6, 80)).astype(np.float32), rng.normal(size=6)
    positions = np.linspace(10.3, 60.1, 9)
    whole = counted(block, positions, moved=moved)
    np.testing.assert_array_equal(counted(block[::-1], positions, moved=moved[::-1]), whole[::-1])
    np.testing.assert_array_equal(counted(block[2:3], positions, moved=moved[2:3]), whole[2:3])
    block[3] = np.nan
    np.testing.assert_array_equal(counted(block, positions, moved=moved)[[0, 1, 2, 4, 5]], whole[[0, 1, 2, 4, 5]])
    assert counted(block[:0], positions).shape == (0, 8)


def test_a_shift_that_is_not_finite_reads_nothing_outside_the_row():
    block = np.ones((3, 50))
    found = counted(block, np.linspace(5.0, 20.0, 4), moved=np.array([0.0, np.nan, np.inf]))
    np.testing.assert_allclose(found, [[5.0, 5.0, 5.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])


BOUNDARIES = np.linspace(494.0, 524.0, 9)
BINS = (BOUNDARIES[1:] + BOUNDARIES[:-1]) / 2, np.diff(BOUNDARIES)
POINTS = np.linspace(525.0, 557.0, 161)
WINDOWS = [np.ones(161, bool), (POINTS > 526) & (POINTS < 546), POINTS >= 549, np.zeros(161, bool)]


def by_numpy(before, gross, gain):
    """Net counts, sums, variances and failures as :mod:`eelsmap.preprocess.edge_stack` has them."""
    fit = fit_background(before, *BINS, gain=gain)
    step = np.full(161, POINTS[1] - POINTS[0])
    background, model = extrapolate_background(fit, POINTS, step, windows=WINDOWS)
    above = np.stack([gross[:, window].sum(axis=1) for window in WINDOWS], axis=1)
    sums = above - np.stack([background[:, window].sum(axis=1) for window in WINDOWS], axis=1)
    deviation = np.sqrt(gain * np.maximum(above, gain) + np.maximum(model, 0.0))
    return gross - background, sums, np.where(fit.failed[:, None], 0.0, sums / deviation), fit.failed


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31), scale=st.floats(1e-3, 1e4), exponent=st.floats(-30.0, 60.0), gain=st.floats(0.3, 20.0)
)
def test_fit_and_sums_are_those_of_numpy(seed, scale, exponent, gain):
    rng = np.random.default_rng(seed)
    before = rng.poisson(scale * power_law(BINS[0], exponent=exponent) * BINS[1], (6, 8)) * gain
    gross = rng.poisson(0.2 * scale * power_law(POINTS, exponent=exponent), (6, 161)) * gain
    before[1, 3], before[2, 0], before[3, 7] = 0.0, np.nan, -1.0
    before[4] = 0.0
    net = np.full((6, 2, 161), np.nan)
    net[:, 1] = gross
    found = subtract_power_law(net, 1, 0, before, BINS, POINTS, WINDOWS, gain=gain)
    expected, sums, ratios, failed = by_numpy(before, gross, gain)
    size = np.abs(gross).max() + np.abs(expected).max()
    np.testing.assert_allclose(net[:, 1], expected, rtol=1e-9, atol=1e-11 * size)
    np.testing.assert_allclose(found.sums, sums, rtol=1e-9, atol=1e-9 * size)
    np.testing.assert_allclose(found.ratios, ratios, rtol=1e-8, atol=1e-8)
    np.testing.assert_array_equal(found.failed, failed)
    assert failed[1:5].all()
    assert np.isnan(net[:, 0]).all()


def test_steep_backgrounds_end_at_the_same_limits():
    before = np.geomspace(1e300, 1e-300, 8)[None] * np.ones((2, 1))
    before[1] = before[1, ::-1]
    net = np.zeros((2, 1, 161))
    with np.errstate(all="ignore"):
        expected = by_numpy(before, np.zeros((2, 161)), 1.0)
    found = subtract_power_law(net, 0, 0, before, BINS, POINTS, WINDOWS)
    np.testing.assert_allclose(net[:, 0], expected[0], rtol=1e-6)
    np.testing.assert_array_equal(found.failed, expected[3])


def test_part_of_an_edge_and_no_pixels():
    net = np.zeros((0, 1, 161))
    assert subtract_power_law(net, 0, 0, np.empty((0, 8)), BINS, POINTS, WINDOWS).sums.shape == (0, 4)
    net = np.full((1, 1, 161), 7.0)
    before = power_law(BINS[0])[None] * BINS[1]
    windows = [np.ones(100, bool)]
    subtract_power_law(net, 0, 20, before, BINS, POINTS[20:120], windows)
    assert (net[0, 0, :20] == 7).all()
    assert (net[0, 0, 120:] == 7).all()
    assert (net[0, 0, 20:120] < 0).all()
