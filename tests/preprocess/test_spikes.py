import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eelsmap.edges import NMC_EDGES
from eelsmap.preprocess.spikes import remove_spikes
from tests.preprocess.spectra import power_law, spectrum

ENERGY = np.arange(460.0, 960.0, 0.25)


def test_spike_is_replaced_and_nothing_else_is_touched():
    mean = spectrum(ENERGY)
    counts = np.random.default_rng(0).poisson(mean, (20, ENERGY.size)).astype(float)
    spiked = counts.copy()
    spiked[3, 700] += 3000
    cleaned, found = remove_spikes(spiked, mean)
    assert found.tolist() == [int(row == 3) for row in range(20)]
    assert abs(cleaned[3, 700] - mean[700]) < 6 * np.sqrt(mean[700])
    touched = np.zeros(counts.shape, dtype=bool)
    touched[3, 699:702] = True
    np.testing.assert_array_equal(cleaned[~touched], counts[~touched])


@pytest.mark.parametrize("dispersion", [0.1, 0.25, 1.0, 2.0])
@pytest.mark.parametrize("scale", [0.05, 1.0, 50.0])
def test_white_lines_are_never_eaten(dispersion, scale):
    energy = np.arange(460.0, 960.0, dispersion)
    sharp = power_law(energy) * scale
    for edge in NMC_EDGES:
        sharp = sharp + 4000 * scale * np.exp(-4 * np.log(2) * ((energy - edge.lines[0].energy) / 0.6) ** 2)
    counts = np.random.default_rng(1).poisson(sharp, (200, energy.size))
    _, found = remove_spikes(counts, counts.mean(axis=0))
    assert found.sum() == 0


@given(st.integers(0, 2**31))
def test_rows_are_treated_alike_in_any_order(seed):
    random = np.random.default_rng(seed)
    counts = random.poisson(50, (6, 60)).astype(float)
    counts[random.integers(6), random.integers(60)] += 2000
    order = random.permutation(6)
    reference = np.full(60, 50.0)
    cleaned, found = remove_spikes(counts, reference)
    shuffled, shuffled_found = remove_spikes(counts[order], reference)
    np.testing.assert_array_equal(shuffled, cleaned[order])
    np.testing.assert_array_equal(shuffled_found, found[order])


@pytest.mark.parametrize("shape", [(0, 50), (3, 5), (1, 12)])
def test_small_blocks_pass(shape):
    cleaned, found = remove_spikes(np.ones(shape), np.ones(shape[1]))
    np.testing.assert_array_equal(cleaned, np.ones(shape))
    assert found.shape == (shape[0],)
    assert not found.any()
