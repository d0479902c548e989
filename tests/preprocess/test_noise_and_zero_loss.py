import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eelsmap.preprocess import estimate_gain, zero_loss_positions
from tests.preprocess.spectra import spectrum

ENERGY = np.arange(-30.0, 100.0, 0.25)


@pytest.mark.parametrize("gain", [0.2, 1.0, 7.0])
def test_gain_is_read_from_the_scatter(gain):
    expected = spectrum(np.arange(460.0, 960.0, 0.25))
    counts = gain * np.random.default_rng(0).poisson(expected / gain, (30, expected.size))
    assert estimate_gain(counts) == pytest.approx(gain, rel=0.08)


@pytest.mark.parametrize("sample", [np.zeros((3, 200)), np.full((2, 200), np.nan), np.ones((1, 10))])
def test_gain_falls_back_to_one_when_there_is_nothing_to_tell(sample):
    assert estimate_gain(sample) == 1.0


@given(st.floats(-20, 60), st.floats(0.3, 2.0))
def test_zero_loss_is_found_between_channels(position, width):
    peak = 1e5 * np.exp(-4 * np.log(2) * ((ENERGY - position) / width) ** 2)
    assert zero_loss_positions(peak[None], ENERGY)[0] == pytest.approx(position, abs=0.03)


def test_zero_loss_of_an_empty_or_broken_spectrum_is_nan():
    block = np.zeros((3, ENERGY.size))
    block[1] = np.nan
    block[2, 120] = 10
    assert np.isnan(zero_loss_positions(block, ENERGY)).tolist() == [True, True, False]
