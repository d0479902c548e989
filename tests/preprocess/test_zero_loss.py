"""The zero-loss peak is found between channels, with an honest error, in noise, asymmetry and saturation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.errors import RecipeError
from eelsmap.phantom.low_loss import expected_low_loss
from eelsmap.preprocess.zero_loss import measure_zero_loss, zero_loss_positions

ENERGY = np.arange(-30.0, 100.0, 0.25)
METHODS = pytest.mark.parametrize("method", ["centroid", "fit"])


def peaks(position, *, counts=1e6, fwhm=1.0, t_over_lambda=0.6):
    return expected_low_loss(
        ENERGY, counts=counts, t_over_lambda=t_over_lambda, fwhm_eV=fwhm, zero_loss_eV=np.atleast_1d(position)
    )


def positions(pixels, seed=0):
    return np.random.default_rng(seed).uniform(-1.5, 1.5, pixels)


@given(st.floats(-20, 60), st.floats(0.3, 2.0))
def test_zero_loss_is_found_between_channels(position, width):
    peak = 1e5 * np.exp(-4 * np.log(2) * ((ENERGY - position) / width) ** 2)
    assert zero_loss_positions(peak[None], ENERGY)[0] == pytest.approx(position, abs=0.03)


@given(st.floats(-20, 60), st.floats(0.5, 2.0))
@settings(deadline=None)
def test_the_fit_is_exact_for_a_gaussian(position, width):
    peak = 1e5 * np.exp(-4 * np.log(2) * ((ENERGY - position) / width) ** 2)
    found = measure_zero_loss(peak[None], ENERGY, method="fit")
    assert found.position[0] == pytest.approx(position, abs=1e-3)
    assert found.fwhm[0] == pytest.approx(width, rel=0.05)


def test_zero_loss_of_an_empty_or_broken_spectrum_is_nan():
    block = np.zeros((3, ENERGY.size))
    block[1] = np.nan
    block[2, 120] = 10
    assert np.isnan(zero_loss_positions(block, ENERGY)).tolist() == [True, True, False]


@METHODS
def test_bad_pixels_neither_warn_nor_disturb(method):
    low = np.random.default_rng(0).poisson(peaks(positions(12))).astype(float)
    whole = measure_zero_loss(low, ENERGY, method=method)
    low[1], low[2, 3], low[4], low[5], low[6] = 0, np.nan, -low[4], 0, 7
    low[5, 100] = 3
    with np.errstate(all="raise", under="ignore"):
        found = measure_zero_loss(low, ENERGY, method=method)
    assert np.isnan(found.position[[1, 2]]).all()
    good = [0, 3, 7, 8, 9, 10, 11]
    for one, other in zip(found, whole, strict=True):
        np.testing.assert_allclose(one[good], other[good], rtol=1e-9)
    assert not measure_zero_loss(low[:0], ENERGY, method=method).position.size


@METHODS
@pytest.mark.parametrize(("counts", "gain"), [(300.0, 1.0), (1e4, 1.0), (1e6, 1.0), (1e5, 15.0)])
def test_the_stated_error_is_the_scatter(method, counts, gain):
    true = positions(1500)
    low = gain * np.random.default_rng(1).poisson(peaks(true, counts=counts) / gain)
    found = measure_zero_loss(low, ENERGY, method=method, gain=gain)
    error = found.position - true
    assert np.isfinite(error).mean() > 0.99
    # Measured ratios 0.99-1.03 (centroid) and 0.92-0.96 (fit, whose outer channels count in part).
    assert np.nanstd(error) == pytest.approx(np.nanmedian(found.uncertainty), rel=0.12)
    assert abs(np.nanmean(error)) < 0.3 * np.nanstd(error) + 2e-3


def test_which_estimator_is_the_better_one():
    # Simulated. Clean peaks: the centroid scatters less. Few-loss asymmetry and saturation: the fit is less biased.
    true = positions(400)
    clean = np.random.default_rng(2).poisson(peaks(true, counts=1e4, t_over_lambda=0.0))
    error = {m: measure_zero_loss(clean, ENERGY, method=m).position - true for m in ("centroid", "fit")}
    assert error["centroid"].std() < 0.8 * error["fit"].std()
    # A shoulder of valence losses 1.5 eV behind the peak.
    shoulder = peaks(true, t_over_lambda=0.0) + 0.05 * peaks(true + 1.5, t_over_lambda=0.0)
    error = {m: measure_zero_loss(shoulder, ENERGY, method=m).position - true for m in ("centroid", "fit")}
    assert abs(error["fit"].mean()) < 0.3 * abs(error["centroid"].mean())
    clipped = peaks(true)
    limit = 0.4 * clipped.max()
    error = {
        m: measure_zero_loss(np.minimum(clipped, limit), ENERGY, method=m, saturation=limit).position - true
        for m in ("centroid", "fit")
    }
    assert np.isfinite(error["fit"]).all()
    assert np.sqrt((error["fit"] ** 2).mean()) < 0.5 * np.sqrt((error["centroid"] ** 2).mean())


@METHODS
def test_saturated_beyond_use_is_nan(method):
    low = peaks(positions(5))
    limit = 1e-3 * low.max()
    found = measure_zero_loss(np.minimum(low, limit), ENERGY, method=method, saturation=limit)
    assert np.isnan(found.position).all()
    assert np.isnan(found.uncertainty).all()
    assert np.isnan(found.fwhm).all()


@METHODS
@given(st.floats(-5, 5), st.floats(0.1, 100.0))
@settings(deadline=None, max_examples=20)
def test_shift_scale_order_and_blocks(method, offset, scale):
    low = np.random.default_rng(3).poisson(peaks(positions(9))).astype(float)
    whole = measure_zero_loss(low, ENERGY, method=method)
    moved = measure_zero_loss(scale * low[::-1], ENERGY + offset, method=method, gain=scale)
    np.testing.assert_allclose(moved.position[::-1], whole.position + offset, atol=1e-9)
    np.testing.assert_allclose(moved.uncertainty[::-1], whole.uncertainty, rtol=1e-6)
    pieces = [measure_zero_loss(low[part], ENERGY, method=method) for part in (slice(0, 1), slice(1, None))]
    np.testing.assert_allclose(np.concatenate([piece.position for piece in pieces]), whole.position, atol=1e-9)


def test_unknown_method_is_refused():
    with pytest.raises(RecipeError, match="'maximum' is unknown; use one of centroid, fit"):
        zero_loss_positions(np.ones((1, ENERGY.size)), ENERGY, method="maximum")


@METHODS
def test_real_pairs(shared_data, method):
    hs = pytest.importorskip("hyperspy.api")
    # Median position, its spread along the line, and width, eV: as measured, the estimators agree to 0.05 eV.
    expected = {
        "dual_eels/titanate_low_loss.dm3": (0.05, 0.12, 1.82),
        "dual_eels/lowloss_spectrum.msa": (0.95, 0.0, 3.14),
        "nmc_si_doped/zero_loss.dm3": (-2.99, 0.12, 2.29),
    }
    for name, (position, spread, width) in expected.items():
        signal = hs.load(shared_data / name)
        data = signal.data.reshape(-1, signal.data.shape[-1])
        found = measure_zero_loss(data, signal.axes_manager.signal_axes[0].axis, method=method)
        assert np.isfinite(found.position).all()
        assert found.position.mean() == pytest.approx(position, abs=0.06)
        assert found.position.std() == pytest.approx(spread, abs=0.02)
        assert np.median(found.fwhm) == pytest.approx(width, abs=0.05)
