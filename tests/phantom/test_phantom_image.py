import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from eelsmap.phantom import Microscope, Specimen, make_phantom

SHAPE = (20, 26)
CLEAN = Microscope(
    counts=3e6, gain_variation=0.0, spike_rate=0.0, readout_noise=0.0, drift_eV=0.0, row_jump_eV=0.0, probe_fwhm_nm=0.0
)


def centroid(energy, counts, low, high, before):
    """Centre of the white line above its foot; a window as wide as the line may move."""
    inside, foot = (energy >= low) & (energy < high), (energy >= before[0]) & (energy < before[1])
    net = counts[..., inside] - counts[..., foot].mean(-1, keepdims=True)
    net = np.clip(net, 0.2 * net.max(-1, keepdims=True), None) - 0.2 * net.max(-1, keepdims=True)
    return (net * energy[inside]).sum(-1) / net.sum(-1)


@pytest.fixture(scope="module")
def phantom(library):
    return make_phantom(SHAPE, microscope=CLEAN, library=library, seed=1)


def test_same_seeds_same_bytes(library):
    scope = Microscope(channels=600, dual_eels=True)
    first, again = (make_phantom((5, 9), microscope=scope, library=library, seed=4) for _ in range(2))
    assert first.core_loss.tobytes() == again.core_loss.tobytes()
    assert first.low_loss.tobytes() == again.low_loss.tobytes()
    for name, values in first.truth.items():
        assert values.tobytes() == again.truth[name].tobytes()


@pytest.mark.parametrize("other", [{"seed": 5}, {"scope_seed": 7}])
def test_other_seeds_other_counts(library, other):
    scope = Microscope(channels=600)
    first = make_phantom((5, 9), microscope=scope, library=library, seed=4)
    second = make_phantom(
        (5, 9), microscope=replace(scope, seed=other.get("scope_seed", 0)), library=library, seed=other.get("seed", 4)
    )
    assert not np.array_equal(first.core_loss, second.core_loss)


def test_rows_longer_than_a_segment_are_recorded_to_their_end(library):
    scope = replace(CLEAN, channels=512, counts=1e4)
    specimen = Specimen.build(library, (1, 300), hole=False)
    long = make_phantom(microscope=scope, specimen=specimen, library=library)
    middle = long.truth["thickness"][0] > 0.5
    assert middle[256:].any()
    assert (long.core_loss[0, middle].sum(axis=1) > 1e4).all()


def test_counts_follow_the_thickness(phantom):
    axis = CLEAN.true_axis()
    window = (axis >= 525) & (axis < 557)
    measured = phantom.core_loss[..., window].sum(-1) / 3e6
    assert np.allclose(measured, phantom.truth["thickness"], rtol=0.02, atol=2e-3)


def test_hole_and_vacuum_hold_readout_noise_only(library, phantom):
    empty = phantom.truth["thickness"] == 0
    assert empty[phantom.truth["hole"] > 0].all()
    assert not phantom.core_loss[empty].any()
    noisy = make_phantom(SHAPE, microscope=replace(CLEAN, readout_noise=2.0), library=library, seed=1)
    assert 0 < noisy.core_loss[empty].max() < 14


def test_the_recorded_counts_scatter_as_shot_noise(library):
    scope = replace(CLEAN, t_over_lambda=0.3)
    first, second = (
        make_phantom(SHAPE, microscope=replace(scope, seed=seed), library=library, seed=1).core_loss.astype(float)
        for seed in (0, 1)
    )
    bright = first.sum(-1) > 0.5 * first.sum(-1).max()
    mean, difference = 0.5 * (first + second)[bright], (first - second)[bright]
    assert (difference**2 / (2 * mean)).mean() == pytest.approx(1.0, abs=0.02)


def test_drift_is_in_the_data(library):
    scope = replace(CLEAN, drift_eV=2.0, row_jump_eV=0.3)
    still = make_phantom(SHAPE, microscope=CLEAN, library=library, seed=1)
    moved = make_phantom(SHAPE, microscope=scope, library=library, seed=1)
    axis = scope.recorded_axis()
    bright = still.truth["thickness"] > 0.4
    shift = [centroid(axis, image.core_loss[bright], 636, 648, (630, 635)) for image in (moved, still)]
    assert np.ptp(moved.truth["drift_eV"]) > 1.5
    assert np.abs(shift[0] - shift[1] - moved.truth["drift_eV"][bright]).mean() < 0.15


@pytest.mark.parametrize(("error", "offset"), [(-0.026, -11.0), (0.01, 4.0)])
def test_the_error_of_the_axis_is_in_the_data(library, error, offset):
    scope = replace(CLEAN, dispersion_error=error, axis_offset_error=offset, offset=440.0)
    phantom = make_phantom(SHAPE, microscope=scope, library=library, seed=1)
    true_phantom = make_phantom(SHAPE, microscope=replace(CLEAN, offset=440.0), library=library, seed=1)
    bright = phantom.truth["thickness"] > 0.5
    wrong, right = (image.core_loss[bright].mean(0) for image in (phantom, true_phantom))
    axis = scope.recorded_axis()
    for low, high in ((527, 532), (638, 646), (776, 784), (850, 859)):
        inside = (axis > low) & (axis < high)
        there = axis[inside][right[inside].argmax()]
        around = np.abs(axis - scope.recorded_energy(there)) < 3
        assert axis[around][wrong[around].argmax()] == pytest.approx(scope.recorded_energy(there), abs=0.4)


def test_dual_eels_shares_thickness_drift_and_offset(library):
    scope = replace(
        CLEAN, dual_eels=True, drift_eV=3.0, axis_offset_error=2.0, t_over_lambda=0.8, psf_tail_fraction=0.0
    )
    phantom = make_phantom(SHAPE, microscope=scope, library=library, seed=1)
    axis = scope.low_loss_axis()
    peak = axis[phantom.low_loss.argmax(-1)]
    assert np.abs(peak - phantom.truth["drift_eV"] - 2.0).max() <= 0.5
    inside = np.abs(axis - peak[..., None]) < 2.0
    zero_loss = (phantom.low_loss * inside).sum(-1)
    thickness = np.log(phantom.low_loss.sum(-1) / zero_loss)
    # Some losses lie beyond the end of the axis and a few under the peak.
    assert np.abs(thickness - phantom.truth["t_over_lambda"]).max() < 0.06


def test_counting_detector_writes_integers(library):
    phantom = make_phantom((4, 4), microscope=Microscope(integer_counts=True, channels=64), library=library)
    assert phantom.core_loss.dtype == np.uint16


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1)])
def test_points_and_lines(library, shape):
    phantom = make_phantom(shape, microscope=replace(CLEAN, dual_eels=True), library=library)
    assert phantom.core_loss.shape == (*shape, 2048)
    assert phantom.core_loss.sum() > 0
    assert phantom.low_loss.shape == (*shape, 1024)


def test_memory_stays_near_the_size_of_the_image(library):
    make_phantom((4, 4), library=library)  # imports
    tracemalloc.start()
    phantom = make_phantom((64, 64), library=library)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < phantom.core_loss.nbytes + 60e6


def test_provenance_is_plain(phantom):
    assert all(isinstance(value, str | int | float) for value in phantom.provenance.values())
    assert phantom.provenance["seed"] == 1
