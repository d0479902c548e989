import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.phantom.scattering import (
    gaussian_transfer,
    plural_scattering_transfer,
    scatter,
    single_scattering,
    tail_transfer,
)

LENGTH = 2048


def kernel(transfer):
    return np.fft.irfft(transfer, n=LENGTH, axis=-1)


def no_spread(rows):
    return {"fwhm_eV": np.zeros(rows), "tail_fraction": np.zeros(rows), "tail_eV": 8.0}


@given(dispersion=st.floats(0.05, 1.0))
@settings(deadline=None)
def test_single_scattering_is_a_distribution_with_its_peak_at_the_plasmon(dispersion):
    distribution = single_scattering(4096, dispersion)
    assert distribution.sum() == pytest.approx(1.0)
    assert (distribution >= 0).all()
    assert distribution.argmax() * dispersion == pytest.approx(24.0, abs=2.5)


@given(fwhm=st.floats(0.0, 8.0), dispersion=st.floats(0.02, 1.5))
@settings(deadline=None)
def test_gaussian_kernel_has_unit_area_no_negative_lobe_and_its_width(fwhm, dispersion):
    shape = kernel(gaussian_transfer(np.array([fwhm]), LENGTH, dispersion))[0]
    assert shape.sum() == pytest.approx(1.0)
    assert shape.min() > -1e-9
    lags = np.minimum(np.arange(LENGTH), LENGTH - np.arange(LENGTH)) * dispersion
    if 2 * dispersion < fwhm < 100 * dispersion:
        assert np.sqrt((shape * lags**2).sum()) == pytest.approx(fwhm / 2.3548, rel=0.01)


def test_no_resolution_leaves_the_spectrum():
    assert np.allclose(gaussian_transfer(np.zeros(1), LENGTH, 0.3), 1.0)


@given(fraction=st.floats(0.0, 0.9), decay=st.floats(0.5, 40.0))
@settings(deadline=None)
def test_tail_kernel_keeps_the_rest_at_home(fraction, decay):
    shape = kernel(tail_transfer(np.array([fraction]), decay, LENGTH, 0.3))[0]
    assert shape.sum() == pytest.approx(1.0)
    assert shape.min() > -1e-9
    assert shape[0] >= 1.0 - fraction - 1e-9
    if fraction > 0.01:
        assert shape[11] / shape[10] == pytest.approx(np.exp(-0.3 / decay), rel=1e-3)


@given(thickness=st.floats(0.0, 3.0))
@settings(deadline=None)
def test_plural_scattering_is_a_poisson_series(thickness):
    transfer = plural_scattering_transfer(np.array([thickness]), 8192, 0.5)
    series = np.fft.irfft(transfer, n=8192, axis=-1)[0]
    once = single_scattering(501, 0.5)
    loss = np.arange(8192) * 0.5
    assert series.sum() == pytest.approx(1.0)
    assert series[0] == pytest.approx(np.exp(-thickness), rel=1e-6)
    assert (series * loss).sum() == pytest.approx(thickness * (once * loss[:501]).sum(), abs=1e-2)


def test_plural_scattering_matches_an_explicit_sum():
    once = np.zeros(8192)
    once[:501] = single_scattering(501, 0.5)
    spectrum, power, expected = np.fft.rfft(once), np.ones(4097), np.zeros(8192)
    weight = np.exp(-0.8)
    for order in range(12):
        expected += weight * np.fft.irfft(power, n=8192)
        power, weight = power * spectrum, weight * 0.8 / (order + 1)
    series = np.fft.irfft(plural_scattering_transfer(np.array([0.8]), 8192, 0.5), n=8192)[0]
    assert np.abs(series - expected).max() < 1e-9


@given(thickness=st.floats(0.0, 1.5), position=st.integers(20, 200))
@settings(deadline=None)
def test_scattering_only_moves_electrons(thickness, position):
    spectra = np.zeros((1, 4000))
    spectra[0, position] = 1000.0
    result = scatter(spectra, 0.5, t_over_lambda=np.array([thickness]), **no_spread(1))
    # 1900 eV of axis above the line: what is lost beyond it is a thousandth at most.
    assert result.sum() == pytest.approx(1000.0, rel=1e-3)
    assert result[0, :position].sum() < 1e-6
    assert result[0, position] == pytest.approx(1000.0 * np.exp(-thickness), rel=1e-6)


def test_what_leaves_the_axis_does_not_come_back_at_its_start():
    spectra = np.zeros((1, 1000))
    spectra[0, 990] = 1.0
    result = scatter(spectra, 0.3, t_over_lambda=np.array([0.7]), **no_spread(1))
    assert result[0, :900].sum() < 1e-4
    assert result.sum() < 0.6
