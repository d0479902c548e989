import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.errors import EnergyAxisError
from eelsmap.phantom import expected_low_loss

WIDE = np.arange(-40.0, 1500.0, 0.5)


@given(thickness=st.floats(0.0, 1.5), drift=st.floats(-5.0, 5.0))
@settings(max_examples=25, deadline=None)
def test_thickness_is_the_log_ratio_and_the_peak_lies_at_the_drift(thickness, drift):
    spectrum = expected_low_loss(WIDE, counts=1e6, t_over_lambda=thickness, fwhm_eV=1.0, zero_loss_eV=drift)[0]
    peak = abs(WIDE - drift) < 2.5
    # A little single scattering lies under the zero-loss peak.
    assert np.log(spectrum.sum() / spectrum[peak].sum()) == pytest.approx(thickness, abs=0.02)
    assert spectrum.sum() == pytest.approx(1e6, rel=2e-3)
    assert (spectrum[peak] * WIDE[peak]).sum() / spectrum[peak].sum() == pytest.approx(drift, abs=0.02)


@given(fwhm=st.floats(0.0, 4.0))
@settings(deadline=None)
def test_no_specimen_leaves_the_zero_loss_peak_only(fwhm):
    spectrum = expected_low_loss(WIDE, counts=1e5, t_over_lambda=0.0, fwhm_eV=fwhm)[0]
    assert spectrum[abs(WIDE) < 8].sum() == pytest.approx(1e5, rel=1e-4)


def test_tail_reaches_to_negative_losses():
    spectrum = expected_low_loss(WIDE, counts=1e5, t_over_lambda=0.0, fwhm_eV=1.0, psf_tail_fraction=0.1)[0]
    assert spectrum[WIDE < -5].sum() / 1e5 == pytest.approx(0.05 * np.exp(-5 / 8), rel=0.05)


def test_rows_follow_the_longest_setting():
    spectra = expected_low_loss(WIDE, counts=[1e4, 2e4, 0.0], t_over_lambda=0.5)
    assert spectra.shape == (3, WIDE.size)
    assert np.allclose(2 * spectra[0], spectra[1])
    assert not spectra[2].any()


def test_crooked_axis_is_refused():
    with pytest.raises(EnergyAxisError, match="low-loss"):
        expected_low_loss([0.0, 1.0, 3.0], counts=1.0)
