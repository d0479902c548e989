import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eelsmap.preprocess.windows import channel_positions, counts_between, running_sum

ENERGY = np.arange(100.0, 150.0, 0.5)


@given(st.floats(-20, 170), st.floats(0, 60), st.integers(0, 2**31))
def test_counts_are_conserved_however_a_window_is_cut(start, width, seed):
    block = np.random.default_rng(seed).poisson(20, (3, ENERGY.size)).astype(float)
    limits = np.linspace(start, start + width, 7)
    parts = counts_between(running_sum(block), channel_positions(limits, ENERGY))
    whole = counts_between(running_sum(block), channel_positions(limits[[0, -1]], ENERGY))
    np.testing.assert_allclose(parts.sum(axis=1), whole[:, 0], rtol=1e-9, atol=1e-6)


def test_whole_axis_holds_all_counts():
    block = np.random.default_rng(0).poisson(5, (4, ENERGY.size))
    limits = channel_positions([0.0, 1000.0], ENERGY)
    np.testing.assert_array_equal(counts_between(running_sum(block), limits)[:, 0], block.sum(axis=1))


def test_one_channel_is_that_channel():
    block = np.random.default_rng(1).poisson(50, (2, ENERGY.size))
    limits = channel_positions([ENERGY[7] - 0.25, ENERGY[7] + 0.25], ENERGY)
    np.testing.assert_allclose(counts_between(running_sum(block), limits)[:, 0], block[:, 7])


@pytest.mark.parametrize("shift", [0.0, 0.13, -2.4])
def test_positions_for_each_row_equal_positions_for_all(shift):
    total = running_sum(np.random.default_rng(2).poisson(50, (5, ENERGY.size)))
    positions = channel_positions(np.linspace(110, 140, 9) + shift, ENERGY)
    np.testing.assert_array_equal(counts_between(total, positions), counts_between(total, np.tile(positions, (5, 1))))


def test_no_rows():
    assert counts_between(running_sum(np.empty((0, 8))), np.array([1.0, 2.0])).shape == (0, 1)
