"""t/lambda is the truth of the simulation, agrees with exspy at the same threshold, and has an honest error."""

import hyperspy.api as hs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.phantom.low_loss import expected_low_loss
from eelsmap.preprocess.thickness import elastic_threshold, estimate_thickness

STEP = 0.25
ENERGY = -40.0 + STEP * np.arange(1024)


def low_loss(t_over_lambda, *, energy=ENERGY, position=0.0, counts=2e6):
    return expected_low_loss(
        energy, counts=counts, t_over_lambda=np.atleast_1d(t_over_lambda), fwhm_eV=1.0, zero_loss_eV=position
    )


@pytest.mark.parametrize(("t_over_lambda", "tolerance"), [(0.1, 0.01), (0.6, 0.01), (1.5, 0.015), (2.5, 0.04)])
def test_truth_comes_back(t_over_lambda, tolerance):
    # Measured on simulated low losses to 216 eV: 0.1005, 0.6011, 1.490 and 2.420.
    low = low_loss(t_over_lambda)
    found = estimate_thickness(low, ENERGY, threshold=elastic_threshold(low, ENERGY))
    assert found.t_over_lambda[0] == pytest.approx(t_over_lambda, rel=tolerance)


@pytest.mark.parametrize("t_over_lambda", [0.3, 0.6, 1.0, 1.5])
def test_the_tail_mends_a_low_loss_that_ends_early(t_over_lambda):
    energy = ENERGY[ENERGY < 110]
    low = low_loss(t_over_lambda, energy=energy)
    with_tail, without = (
        estimate_thickness(low, energy, threshold=2.3, tail=tail).t_over_lambda[0] for tail in (200.0, 0.0)
    )
    assert abs(with_tail - t_over_lambda) < 0.6 * abs(without - t_over_lambda)


def test_the_error_is_the_scatter():
    generator = np.random.default_rng(0)
    low = 7.0 * generator.poisson(np.repeat(low_loss(0.5, counts=1e5), 800, axis=0) / 7.0)
    found = estimate_thickness(low, ENERGY, threshold=2.3, position=0.0, gain=7.0, tail=0.0)
    assert found.t_over_lambda.std() == pytest.approx(np.median(found.error), rel=0.1)


@given(st.floats(-8, 8))
@settings(deadline=None, max_examples=20)
def test_drift_and_offset_change_nothing(shift):
    wanted = estimate_thickness(low_loss(0.5), ENERGY, threshold=3.0, tail=0.0).t_over_lambda
    moved = estimate_thickness(low_loss(0.5), ENERGY + shift, threshold=3.0, tail=0.0).t_over_lambda
    np.testing.assert_allclose(moved, wanted, rtol=1e-9)
    # The peak moves on the axis: what leaves its end is the only difference.
    drifted = estimate_thickness(low_loss(0.5, position=shift), ENERGY, threshold=3.0).t_over_lambda
    np.testing.assert_allclose(drifted, estimate_thickness(low_loss(0.5), ENERGY, threshold=3.0)[0], rtol=5e-3)


def test_what_happens_to_a_pixel_is_its_own_affair():
    generator = np.random.default_rng(1)
    low = generator.poisson(low_loss(generator.uniform(0.1, 1.5, 30))).astype(float)
    whole = estimate_thickness(low, ENERGY, threshold=3.0)
    order = generator.permutation(30)
    mixed = estimate_thickness(low[order], ENERGY, threshold=3.0)
    np.testing.assert_allclose(mixed.t_over_lambda, whole.t_over_lambda[order], rtol=1e-9)
    scaled = estimate_thickness(5.0 * low, ENERGY, threshold=3.0, gain=5.0)
    np.testing.assert_allclose(scaled.t_over_lambda, whole.t_over_lambda, rtol=1e-9)
    np.testing.assert_allclose(scaled.error, whole.error, rtol=1e-9)
    alone = estimate_thickness(low[7:8], ENERGY, threshold=3.0)
    np.testing.assert_allclose(alone.t_over_lambda, whole.t_over_lambda[7:8], rtol=1e-9)
    low[2], low[3, 4], low[5] = 0, np.nan, -low[5]
    with np.errstate(all="raise", under="ignore"):
        damaged = estimate_thickness(low, ENERGY, threshold=3.0)
    assert np.isnan(damaged.t_over_lambda[[2, 3, 5]]).all()
    kept = np.setdiff1d(np.arange(30), [2, 3, 5])
    np.testing.assert_array_equal(damaged.t_over_lambda[kept], whole.t_over_lambda[kept])


def test_threshold_of_nothing_is_nan():
    assert np.isnan(elastic_threshold(np.zeros((3, ENERGY.size)), ENERGY))
    short = ENERGY[ENERGY < 1.0]
    assert np.isnan(elastic_threshold(low_loss(0.5, energy=short), short))


def eels(data, energy):
    signal = hs.signals.Signal1D(np.array(data, dtype=np.float64))
    axis = signal.axes_manager.signal_axes[0]
    axis.offset, axis.scale, axis.units = energy[0], energy[1] - energy[0], "eV"
    signal.set_signal_type("EELS")
    return signal


def test_agreement_with_exspy():
    generator = np.random.default_rng(2)
    low = generator.poisson(low_loss(generator.uniform(0.1, 1.5, 6))).astype(float)
    signal = eels(low, ENERGY)
    thresholds = signal.estimate_elastic_scattering_threshold(window=10.0)
    intensity = signal.estimate_elastic_scattering_intensity(threshold=thresholds).data.ravel()
    theirs = signal.estimate_thickness(threshold=thresholds).data.ravel()
    # exspy counts the whole channels below the one that holds the threshold.
    channel = np.abs(ENERGY - thresholds.data.reshape(-1, 1)).argmin(axis=1)
    for pixel, end in enumerate(ENERGY[channel] - STEP / 2):
        ours = estimate_thickness(low[pixel : pixel + 1], ENERGY, threshold=end, position=0.0, tail=0.0)
        assert ours.zero_loss[0] == pytest.approx(intensity[pixel], rel=1e-4)
        assert ours.t_over_lambda[0] == pytest.approx(theirs[pixel], rel=1e-4)
