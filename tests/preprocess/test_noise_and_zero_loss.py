import numpy as np
import pytest

from eelsmap.preprocess import estimate_gain
from tests.preprocess.spectra import spectrum


@pytest.mark.parametrize("gain", [0.2, 1.0, 7.0])
def test_gain_is_read_from_the_scatter(gain):
    expected = spectrum(np.arange(460.0, 960.0, 0.25))
    counts = gain * np.random.default_rng(0).poisson(expected / gain, (30, expected.size))
    assert estimate_gain(counts) == pytest.approx(gain, rel=0.08)


@pytest.mark.parametrize("sample", [np.zeros((3, 200)), np.full((2, 200), np.nan), np.ones((1, 10))])
def test_gain_falls_back_to_one_when_there_is_nothing_to_tell(sample):
    assert estimate_gain(sample) == 1.0
