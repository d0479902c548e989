import warnings
from functools import cache
from zipfile import ZipFile

import hyperspy.api as hs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from eelsmap.phantom import Microscope, make_phantom
from eelsmap.preprocess.detector import DetectorFaults, find_detector_faults, repair_detector
from eelsmap.preprocess.noise import estimate_gain
from tests.preprocess.spectra import power_law, spectrum
from tests.real_signals import LINE_SCAN, OTHERS, counts_and_energy

SHAPE = (8, 12)
ENERGY = np.arange(460.0, 972.0, 0.25)
MN_L3 = 642.0


@cache
def phantom(**settings):
    """Counts and energies of a phantom with the noise and spikes of a real detector, but no fault."""
    scope = Microscope(**settings)
    counts = make_phantom(SHAPE, microscope=scope).core_loss.reshape(-1, scope.channels)
    return counts, scope.offset + scope.dispersion * np.arange(scope.channels)


def plain(level=30.0, pixels=80, seed=0):
    thickness = np.random.default_rng(seed).uniform(0.3, 1.0, (pixels, 1))
    return np.random.default_rng(seed).poisson(level * thickness * spectrum(ENERGY)).astype(float)


def found(counts, energy=ENERGY, gain=1.0):
    return find_detector_faults(counts, energy, gain=gain)


SOUND = [
    {},
    {"fwhm_eV": 0.3, "counts": 1e7, "gain_variation": 0.0},
    {"fwhm_eV": 0.3, "counts": 1e6, "dispersion": 0.1, "offset": 520.0},
    {"fwhm_eV": 0.3, "counts": 1e7, "dispersion": 1.0, "channels": 512},
    {"fwhm_eV": 0.3, "gain_variation": 0.02, "drift_eV": 5.0, "row_jump_eV": 1.0, "channels": 1024},
    {"counts": 1e3, "integer_counts": True, "readout_noise": 0.0, "channels": 1024},
    {"counts": 100.0, "readout_noise": 3.0, "channels": 1024},
]


@pytest.mark.parametrize("settings", SOUND)
def test_nothing_is_found_where_nothing_is(settings):
    counts, energy = phantom(**settings)
    faults = found(counts, energy, estimate_gain(counts))
    assert faults.message == "no faults found"
    assert not faults.any
    repaired, saturated = repair_detector(counts, faults)
    assert repaired is counts
    assert saturated is None


@pytest.mark.parametrize("settings", SOUND[:3])
def test_dead_and_hot_channels_are_found_in_a_phantom(settings):
    counts, energy = phantom(**settings)
    counts = counts.copy()
    dead = [100, 101, 102, int(np.searchsorted(energy, MN_L3)), 1500]
    counts[:, dead[:4]] = 0
    counts[:, 1500] *= 0.05
    counts[:, 400] *= 1.5
    faults = found(counts, energy, estimate_gain(counts))
    assert np.flatnonzero(faults.dead).tolist() == dead
    assert np.flatnonzero(faults.hot).tolist() == [400]
    assert f"{dead[3]} ({energy[dead[3]]:.1f} eV)" in faults.message
    assert "hot channels 400" in faults.message


@pytest.mark.parametrize("value", [0.0, 7.0, 900.0])
def test_a_channel_that_never_moves_is_dead(value):
    counts = plain()
    counts[:, [0, 1, 700, 2047]] = value
    assert np.flatnonzero(found(counts).dead).tolist() == [0, 1, 700, 2047]


def test_long_runs_are_no_dead_channels():
    counts = plain()
    counts[:, 300:340] = 0
    counts[:, -100:] = 0
    assert not found(counts).dead.any()


def test_a_channel_that_stands_far_above_in_every_pixel_is_hot():
    counts = plain(level=0.05)
    counts[:, 500] += np.random.default_rng(1).poisson(400, len(counts))
    assert np.flatnonzero(found(counts).hot).tolist() == [500]
    # A spike in one pixel is not, whatever it does to the mean.
    counts = plain(level=0.05)
    counts[7, 500] += 1e5
    assert not found(counts).hot.any()


def test_a_channel_that_scatters_is_hot():
    counts = plain()
    counts[:, 500] *= np.exp(0.4 * np.random.default_rng(2).standard_normal(len(counts)))
    assert np.flatnonzero(found(counts).hot).tolist() == [500]


def test_lines_narrower_than_a_channel_are_no_hot_channels():
    energy = np.arange(460.0, 960.0, 2.0)
    sharp = power_law(energy) * (1 + 2.0 * (energy == 642.0) + 0.5 * (energy == 860.0))
    assert not found(np.random.default_rng(3).poisson(sharp, (300, energy.size)), energy).any


@pytest.mark.parametrize("ratio", [0.8, 0.99, 1.005, 1.1])
@pytest.mark.parametrize("channel", [160, 1024])
def test_a_step_of_the_gain_is_found_and_taken_out(ratio, channel):
    counts = plain(level=800.0)
    stepped = counts.copy()
    stepped[:, channel:] *= ratio
    faults = found(stepped)
    assert [one.channel for one in faults.steps] == [channel]
    assert faults.steps[0].ratio == pytest.approx(ratio, abs=0.001)
    assert f"from channel {channel}" in faults.message
    repaired, _ = repair_detector(stepped, faults)
    np.testing.assert_allclose(repaired / repaired[:, -1:], counts / counts[:, -1:], rtol=0.002)


def test_four_quadrants():
    counts = plain(level=800.0)
    gains = np.repeat([1.0, 1.08, 0.97, 1.03], 512)
    faults = found(counts * gains)
    assert [one.channel for one in faults.steps] == [512, 1024, 1536]
    repaired, _ = repair_detector(counts * gains, faults)
    share = repaired.sum(axis=0) / counts.sum(axis=0)
    np.testing.assert_allclose(share, share[0], rtol=0.003)


@pytest.mark.parametrize("fwhm", [0.5, 0.7, 2.0])
@pytest.mark.parametrize("jump", [0.02, 0.1, 1.0])
def test_an_onset_is_no_step(fwhm, jump):
    # The barest of edges: an onset as wide as the resolution and nothing on top.
    energy = ENERGY[800:1200]
    for place in np.arange(700.0, 700.25, 0.0625):
        onset = 1 + jump * (1 + erf(2 * np.sqrt(np.log(2)) * (energy - place) / fwhm)) / 2
        counts = np.random.default_rng(4).poisson(500 * power_law(energy) * onset, (100, energy.size))
        assert not found(counts, energy).steps


def test_a_step_on_a_coarse_axis_is_told_from_an_onset_only_if_it_falls():
    energy = np.arange(460.0, 972.0, 0.5)
    for ratio, expected in ((1.1, []), (0.9, [700])):
        mean = 300 * power_law(energy) * np.where(np.arange(energy.size) < 700, 1.0, ratio)
        counts = np.random.default_rng(5).poisson(mean, (100, energy.size))
        assert [one.channel for one in found(counts, energy).steps] == expected


@pytest.mark.parametrize("level", [4095.0, 52000.0, 65535.0])
def test_a_plateau_is_saturation(level):
    counts = plain(level=100.0)
    counts *= level / np.percentile(counts, 99.9)
    full = counts > level
    counts = np.minimum(counts, level)
    faults = found(counts, gain=estimate_gain(counts))
    assert faults.saturation == level
    assert not faults.dead.any()
    repaired, saturated = repair_detector(counts, faults)
    assert repaired is counts
    np.testing.assert_array_equal(saturated, full | (counts == level))


def test_the_limit_of_sixteen_bits_is_saturation():
    counts, energy = phantom(counts=1e8, integer_counts=True, channels=1024)
    assert counts.dtype == np.uint16
    faults = found(counts, energy)
    assert faults.saturation == 65535
    assert repair_detector(counts, faults)[1].sum() == (counts == 65535).sum()
    quiet = np.zeros_like(counts[:2])
    assert repair_detector(quiet, faults)[1] is None


def test_few_whole_counts_share_their_largest_value_by_chance():
    assert found(np.random.default_rng(6).poisson(2.0, (400, ENERGY.size)).astype(np.uint16)).saturation is None


@pytest.mark.parametrize(("width", "worst"), [(1.5, 0.05), (2.5, 0.01)])
def test_a_dead_channel_in_a_white_line_is_bridged_by_its_shape(width, worst):
    line = np.exp(-4 * np.log(2) * ((ENERGY - MN_L3) / width) ** 2)
    mean = power_law(ENERGY) + 3000 * line
    for channel in np.flatnonzero(line > 0.1):
        dead = np.zeros(ENERGY.size, dtype=bool)
        dead[channel] = True
        broken = np.where(dead, 0.0, mean)[None]
        repaired, _ = repair_detector(broken, DetectorFaults(dead, ~dead & dead, None, (), None, ""))
        assert abs(repaired[0, channel] - mean[channel]) < worst * 3000
        assert (broken[0, channel]) == 0.0


@pytest.mark.parametrize("run", [1, 2, 3, 5])
@pytest.mark.parametrize("first", [0, 1, 30, 2047])
def test_bridges_reach_the_ends_and_follow_a_slope(run, first):
    dead = np.zeros(ENERGY.size, dtype=bool)
    dead[first : first + run] = True
    slope = np.arange(ENERGY.size, dtype=float)[None] + 5
    repaired, _ = repair_detector(np.where(dead, 0.0, slope), DetectorFaults(dead, ~dead & dead, None, (), None, ""))
    inner = 2 <= first < 2040
    np.testing.assert_allclose(repaired, slope, atol=1e-9 if inner else run + 0.01)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31), st.floats(0.01, 100.0))
def test_order_unit_and_blocks_do_not_matter(seed, unit):
    random = np.random.default_rng(seed)
    counts = random.poisson(100.0, (40, 200)).astype(float)
    counts[:, random.integers(20, 180)] = 0.0
    energy = np.arange(200.0)
    faults = found(counts, energy)
    assert faults.dead.sum() == 1
    order = random.permutation(40)
    again = found(unit * counts[order], energy, gain=unit)
    np.testing.assert_array_equal(again.dead, faults.dead)
    repaired, _ = repair_detector(counts, faults)
    np.testing.assert_allclose(repair_detector(unit * counts[order], again)[0], unit * repaired[order], rtol=1e-9)
    parts = [repair_detector(counts[part], faults)[0] for part in (slice(0, 0), slice(0, 7), slice(7, 40))]
    np.testing.assert_allclose(np.concatenate(parts), repaired, rtol=1e-12)


@pytest.mark.parametrize("counts", [
    np.zeros((0, 64)), np.zeros((5, 64)), np.full((5, 64), np.nan), -np.ones((5, 64)), np.ones((1, 64)),
    np.ones((9, 5)), np.full((20, 64), 7, dtype=np.uint8), np.full((20, 64), 255, dtype=np.uint8),
])  # fmt: skip
def test_what_tells_nothing_holds_no_fault_but_saturation(counts):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        faults = found(counts, np.arange(float(counts.shape[1])))
    assert not faults.dead.any()
    assert not faults.hot.any()
    assert faults.gain_steps is None


def test_bad_pixels_do_not_hide_a_fault():
    counts = plain()
    counts[:, 700] = 0.0
    counts[3] = np.nan
    counts[4] = 0.0
    counts[5, 100] = np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        faults = found(counts)
        repaired, _ = repair_detector(counts, faults)
    assert np.flatnonzero(faults.dead).tolist() == [700]
    assert np.isfinite(repaired).all(axis=1).sum() == len(counts) - 2


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [LINE_SCAN, *OTHERS])
def test_measured_files_hold_no_fault(shared_data, name):
    counts, energy = counts_and_energy(shared_data / name)
    faults = found(counts, energy, estimate_gain(counts))
    assert faults.message == "no faults found"


@pytest.mark.filterwarnings("ignore")
def test_a_dead_channel_in_the_measured_manganese_line_is_repaired(shared_data):
    signal = hs.load(shared_data / "nmc_si_doped/tm_o_core_loss.dm3")
    counts = signal.data.reshape(-1, signal.data.shape[-1])
    energy = signal.axes_manager.signal_axes[0].axis
    # The axis is low by 11 eV.
    top = int(np.argmax(np.where((energy > 625) & (energy < 640), counts.sum(axis=0), 0)))
    broken = counts.copy()
    broken[:, top] = 0
    faults = found(broken, energy, estimate_gain(broken))
    assert np.flatnonzero(faults.dead).tolist() == [top]
    repaired, _ = repair_detector(broken, faults)
    assert repaired[:, top].sum() == pytest.approx(counts[:, top].sum(), rel=0.01)


@pytest.mark.filterwarnings("ignore")
def test_the_velox_file_holds_no_fault(shared_data, tmp_path):
    with ZipFile(shared_data / "reader_samples/velox_EELS_EDS.zip") as archive:
        archive.extractall(tmp_path)
    read = [one for one in hs.load(next(tmp_path.rglob("*.emd"))) if one.metadata.Signal.signal_type == "EELS"]
    assert len(read) == 3
    for signal in read:
        counts = signal.data.reshape(-1, signal.data.shape[-1])
        faults = found(counts, signal.axes_manager.signal_axes[0].axis, estimate_gain(counts))
        assert faults.message == "no faults found"
