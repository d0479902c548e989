import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.errors import RecipeError
from eelsmap.phantom import Microscope


@given(error=st.floats(-0.1, 0.1), offset=st.floats(-30.0, 30.0))
@settings(deadline=None)
def test_true_and_recorded_axes_are_inverse(error, offset):
    scope = Microscope(dispersion_error=error, axis_offset_error=offset)
    assert np.allclose(scope.recorded_energy(scope.true_axis()), scope.recorded_axis())


def test_the_measured_axis_can_be_imitated():
    """O K about 11 eV low and Ni L3 about 19.5 eV low, as in the measured NMC line scan."""
    scope = Microscope(dispersion_error=-0.0263, axis_offset_error=-11.0)
    assert scope.recorded_energy(532.0) - 532.0 == pytest.approx(-11.0)
    assert scope.recorded_energy(855.0) - 855.0 == pytest.approx(-19.5, abs=0.1)


@given(drift=st.floats(0.0, 10.0), rows=st.integers(1, 20), columns=st.integers(2, 30))
@settings(deadline=None)
def test_slow_drift_spans_its_range(drift, rows, columns):
    moved = Microscope(drift_eV=drift, row_jump_eV=0.0).drift((rows, columns))
    assert moved.shape == (rows, columns)
    assert np.ptp(moved) == pytest.approx(drift, abs=1e-9)


def test_rows_jump():
    moved = Microscope(drift_eV=0.0, row_jump_eV=0.3).drift((2000, 3))
    assert (np.ptp(moved, axis=1) == 0).all()
    assert moved[:, 0].std() == pytest.approx(0.3, rel=0.1)


def test_one_pixel_does_not_drift():
    assert np.array_equal(Microscope(drift_eV=5.0, row_jump_eV=0.0).drift((1, 1)), [[0.0]])


@pytest.mark.parametrize(
    "setting",
    [
        {"beam_energy_kV": 5.0},
        {"dispersion": 0.0},
        {"counts": -1.0},
        {"t_over_lambda": np.nan},
        {"channels": 3},
        {"dispersion_error": 0.5},
        {"gain_variation": 0.5},
        {"readout_noise": np.inf},
        {"seed": -1},
        {"low_loss_channels": 0},
    ],
)
def test_impossible_settings_are_refused_by_name(setting):
    with pytest.raises(RecipeError, match=next(iter(setting))):
        Microscope(**setting)


def test_an_axis_that_would_truly_start_below_zero_is_refused():
    with pytest.raises(RecipeError, match="true axis"):
        Microscope(offset=50.0, axis_offset_error=60.0)
