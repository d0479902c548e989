import warnings
from zipfile import ZipFile

import hyperspy.api as hs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.edges import NMC_EDGES
from eelsmap.phantom import Microscope, make_phantom
from eelsmap.preprocess.noise import estimate_gain
from eelsmap.preprocess.spikes import bridge_hot_channels, remove_spikes
from tests.preprocess.spectra import power_law, spectrum
from tests.real_signals import OTHERS, counts_and_energy

ENERGY = np.arange(460.0, 960.0, 0.25)


def line(channels, centre, width):
    return np.exp(-4 * np.log(2) * ((np.arange(channels) - centre) / width) ** 2)


def with_spikes(level, height, shape, rng, pixels=1000, channels=64):
    """Counts on a flat spectrum with one spike a pixel, whose highest channel gets ``height`` more."""
    counts = rng.poisson(level, (pixels, channels)).astype(float)
    first = rng.integers(5, channels - 5, pixels)
    for index, share in enumerate(shape):
        counts[np.arange(pixels), first + index] += np.round(height * share / max(shape))
    return counts


def test_spike_is_replaced_and_nothing_else_is_touched():
    mean = spectrum(ENERGY)
    counts = np.random.default_rng(0).poisson(mean, (20, ENERGY.size)).astype(float)
    spiked = counts.copy()
    spiked[3, 700] += 3000
    before = spiked.copy()
    cleaned, found = remove_spikes(spiked, mean)
    assert found.tolist() == [int(row == 3) for row in range(20)]
    assert abs(cleaned[3, 700] - mean[700]) < 6 * np.sqrt(mean[700])
    touched = np.zeros(counts.shape, dtype=bool)
    touched[3, 699:702] = True
    np.testing.assert_array_equal(cleaned[~touched], counts[~touched])
    np.testing.assert_array_equal(spiked, before)


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


@pytest.mark.parametrize("width", [3.0, 4.0, 6.0])
@pytest.mark.parametrize("background", [10.0, 300.0, 1e4])
@pytest.mark.parametrize("mean_holds", [0.0, 0.02, 0.5])
def test_an_inclusion_keeps_a_line_that_the_mean_spectrum_hardly_has(width, background, mean_holds):
    # Thirty times the background, at any place between two channels.
    random = np.random.default_rng(2)
    expected = np.stack(
        [background * (1 + 30 * line(64, 32 + phase, width)) for phase in random.uniform(-0.5, 0.5, 300)]
    )
    reference = background + mean_holds * (expected.mean(axis=0) - background)
    counts = random.poisson(expected)
    cleaned, found = remove_spikes(counts, reference)
    assert found.sum() == 0
    np.testing.assert_array_equal(cleaned, counts)


def test_another_valence_is_kept_at_the_resolution_of_a_monochromator():
    # 0.3 eV and a natural width of 0.4 eV, 0.1 eV a channel: twice as high as in the mean, and 1.5 eV lower.
    energy = np.arange(630.0, 670.0, 0.1)
    mean = power_law(energy) * (1 + 3 * np.exp(-4 * np.log(2) * ((energy - 643.0) / 2.5) ** 2))
    other = power_law(energy) * (1 + 6 * np.exp(-4 * np.log(2) * ((energy - 641.5) / 0.5) ** 2))
    for scale in (0.01, 1.0, 100.0):
        counts = np.random.default_rng(3).poisson(scale * other, (300, energy.size))
        assert remove_spikes(counts, scale * mean)[1].sum() == 0


@pytest.mark.parametrize("shape", [(1.0,), (0.6, 0.4), (0.4, 0.6)])
@pytest.mark.parametrize("level", [100.0, 1e3, 1e4])
def test_spikes_of_twelve_deviations_are_found(shape, level):
    counts = with_spikes(level, 12 * np.sqrt(level + 1), shape, np.random.default_rng(4))
    found = remove_spikes(counts, np.full(64, level))[1]
    assert (found > 0).mean() > 0.98


@pytest.mark.parametrize("level", [0.0, 0.1, 1.0, 10.0])
def test_strong_spikes_in_weak_counts_are_found(level):
    counts = with_spikes(level, 25 * np.sqrt(level + 1), (1.0,), np.random.default_rng(5))
    cleaned, found = remove_spikes(counts, np.full(64, level))
    assert (found > 0).mean() > 0.999
    assert cleaned.max() < 12 * np.sqrt(level + 1) + level


def test_three_channels_wide_spikes_are_found_where_the_mean_is_smooth():
    counts = with_spikes(300.0, 40 * np.sqrt(300.0), (0.25, 0.5, 0.25), np.random.default_rng(6))
    cleaned, found = remove_spikes(counts, np.full(64, 300.0))
    assert (found > 0).mean() > 0.999
    assert cleaned.max() < 300 + 7 * np.sqrt(300)


def test_a_spike_that_fades_over_three_channels_leaves_nothing():
    counts = np.full((1, 64), 300.0)
    counts[0, 30:33] += [6000, 2000, 900]
    cleaned, found = remove_spikes(counts, np.full(64, 300.0))
    assert found[0] == 1
    np.testing.assert_allclose(cleaned, 300.0)


@pytest.mark.parametrize("distance", [2, 3, 4, 5])
@pytest.mark.parametrize("second", [3000.0, 1500.0, 400.0])
def test_two_spikes_close_to_each_other_are_both_found(distance, second):
    counts = np.random.default_rng(7).poisson(200.0, (50, 64)).astype(float)
    counts[:, 30] += 3000
    counts[:, 30 + distance] += second
    cleaned, found = remove_spikes(counts, np.full(64, 200.0))
    assert (found == 2).all()
    assert cleaned.max() < 200 + 7 * np.sqrt(200)


@pytest.mark.parametrize("channel", [0, 1, 2, 3, 60, 61, 62, 63])
def test_spikes_at_the_ends_of_the_axis(channel):
    counts = np.random.default_rng(8).poisson(200.0, (50, 64)).astype(float)
    counts[:, channel] += 2000
    cleaned, found = remove_spikes(counts, np.full(64, 200.0))
    assert (found == 1).all()
    assert cleaned.max() < 200 + 7 * np.sqrt(200)


@pytest.mark.parametrize("offset", [-6, -3, -1, 0, 2, 5])
@pytest.mark.parametrize("level", [100.0, 1e4])
def test_spikes_half_as_high_again_as_the_white_line_that_they_stand_on_are_found(offset, level):
    mean = level * (1 + 3 * line(80, 40, 8.0))
    counts = np.random.default_rng(9).poisson(mean, (200, 80)).astype(float)
    counts[:, 40 + offset] += 4.5 * level + 25 * np.sqrt(4 * level)
    cleaned, found = remove_spikes(counts, mean)
    assert (found > 0).mean() > 0.99
    # A straight line cuts the top of a line eight channels wide by a sixth of its height.
    error = cleaned[found > 0, 40 + offset] - mean[40 + offset]
    assert abs(np.median(error)) < 0.17 * 3 * level


@pytest.mark.parametrize("scale", [1e-4, 0.003, 0.05, 1.0, 100.0])
def test_no_false_spike_in_a_million_channels(scale):
    mean = spectrum(np.arange(460.0, 960.0, 0.5), scale=scale)
    counts = np.random.default_rng(10).poisson(mean, (1000, mean.size))
    cleaned, found = remove_spikes(counts, mean)
    assert found.sum() == 0
    np.testing.assert_array_equal(cleaned, counts)


@pytest.mark.parametrize(("resolution", "step", "drift"), [(0.3, 0.25, 0.0), (0.3, 0.25, 5.0), (1.0, 0.5, 0.6)])
def test_nothing_is_found_in_a_phantom_without_spikes(resolution, step, drift):
    scope = Microscope(
        fwhm_eV=resolution, dispersion=step, channels=int(450 / step), drift_eV=drift, row_jump_eV=drift / 5,
        spike_rate=0.0, readout_noise=0.0, counts=1e6,
    )  # fmt: skip
    counts = make_phantom((12, 16), microscope=scope).core_loss.reshape(-1, scope.channels)
    assert remove_spikes(counts, counts.mean(axis=0))[1].sum() == 0


@settings(deadline=None)
@given(st.integers(0, 2**31), st.floats(0.01, 1000.0))
def test_the_unit_of_the_counts_does_not_matter(seed, unit):
    random = np.random.default_rng(seed)
    counts = random.poisson(20, (6, 60)).astype(float)
    counts[random.integers(6, size=3), random.integers(60, size=3)] += random.integers(20, 2000, 3)
    cleaned, found = remove_spikes(counts, np.full(60, 20.0))
    scaled, scaled_found = remove_spikes(counts * unit, np.full(60, 20.0 * unit), gain=unit)
    np.testing.assert_array_equal(scaled_found, found)
    np.testing.assert_allclose(scaled, cleaned * unit, rtol=1e-9)


@settings(deadline=None)
@given(st.integers(0, 2**31))
def test_rows_are_treated_alike_in_any_order_and_block(seed):
    random = np.random.default_rng(seed)
    counts = random.poisson(50, (70, 60)).astype(float)
    counts[random.integers(70, size=9), random.integers(60, size=9)] += 2000
    order = random.permutation(70)
    reference = np.full(60, 50.0)
    cleaned, found = remove_spikes(counts, reference)
    shuffled, shuffled_found = remove_spikes(counts[order], reference)
    np.testing.assert_array_equal(shuffled, cleaned[order])
    np.testing.assert_array_equal(shuffled_found, found[order])
    parts = [remove_spikes(counts[part], reference) for part in (slice(0, 7), slice(7, 70))]
    np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), cleaned)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_pass(bad):
    counts = np.full((3, 40), 30.0)
    counts[:, 20] += 1000
    counts[1, 5] = bad
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cleaned, found = remove_spikes(counts, np.full(40, 30.0))
    assert found.tolist() == [1, 0, 1]
    np.testing.assert_array_equal(cleaned[1], counts[1])
    np.testing.assert_array_equal(cleaned[[0, 2]], 30.0)


@pytest.mark.parametrize("shape", [(0, 50), (3, 5), (1, 12), (0, 0), (2, 1)])
def test_small_blocks_pass(shape):
    cleaned, found = remove_spikes(np.ones(shape), np.ones(shape[1]))
    np.testing.assert_array_equal(cleaned, np.ones(shape))
    assert found.shape == (shape[0],)
    assert not found.any()


@pytest.mark.parametrize("level", [0.0, -3.0])
def test_empty_and_negative_pixels_hold_no_spike(level):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert remove_spikes(np.full((2, 50), level), np.zeros(50))[1].sum() == 0


def test_a_hot_channel_is_bridged_in_the_mean_and_found_in_each_pixel():
    mean = np.full(80, 100.0)
    hot = mean.copy()
    hot[40] = 5000
    np.testing.assert_array_equal(bridge_hot_channels(hot, 0), mean)
    assert (remove_spikes(np.stack([hot] * 4), bridge_hot_channels(hot, 0))[1] == 1).all()


def test_the_spike_of_the_measured_line_scan(shared_data):
    # One X-ray near 928 eV, whose charge three neighbouring pixels share, and one at 720 eV in a pixel beside the edge.
    signal = hs.load(shared_data / "nmc_si_doped/tm_o_core_loss.dm3")
    counts = signal.data.reshape(-1, signal.data.shape[-1])
    energy = signal.axes_manager.signal_axes[0].axis
    cleaned, found = remove_spikes(counts, counts.mean(axis=0), gain=estimate_gain(counts))
    assert {int(row): int(number) for row, number in enumerate(found) if number} == {0: 2, 21: 1, 22: 1}
    changed = cleaned != counts
    np.testing.assert_allclose(
        energy[np.flatnonzero(changed.any(axis=0))], [719.3, 719.6, 719.9, 927.8, 928.1, 928.4], atol=0.05
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OTHERS)
def test_other_measured_files_hold_no_spike(shared_data, name):
    counts, _ = counts_and_energy(shared_data / name)
    assert remove_spikes(counts, counts.mean(axis=0, dtype=float), gain=estimate_gain(counts))[1].sum() == 0


@pytest.mark.filterwarnings("ignore")
def test_the_velox_file_holds_no_spike(shared_data, tmp_path):
    with ZipFile(shared_data / "reader_samples/velox_EELS_EDS.zip") as archive:
        archive.extractall(tmp_path)
    read = [one for one in hs.load(next(tmp_path.rglob("*.emd"))) if one.metadata.Signal.signal_type == "EELS"]
    assert len(read) == 3
    for signal in read:
        counts = signal.data.reshape(-1, signal.data.shape[-1])
        assert remove_spikes(counts, counts.mean(axis=0), gain=estimate_gain(counts))[1].sum() == 0
