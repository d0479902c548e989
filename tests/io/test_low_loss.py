"""A low loss is attached only where it fits, and whether it is simultaneous is found out."""

import numpy as np
import pytest

from eelsmap.io import LowLossError, attach_low_loss, load, prepare
from eelsmap.io.low_loss import simultaneous

BOTH = pytest.mark.parametrize("lazy", [False, True])
DWELL = "Acquisition_instrument.TEM.Detector.EELS.dwell_time"


def times(date, time, dwell=None):
    found = {"General.date": date, "General.time": time}
    return found if dwell is None else {**found, DWELL: dwell}


@BOTH
def test_the_low_loss_of_another_moment_is_told(shared_data, lazy):
    folder = shared_data / "nmc_si_doped"
    signal = load(folder / "tm_o_core_loss.dm3", low_loss=folder / "zero_loss.dm3", lazy=lazy)
    assert signal.low_loss.data.shape == (2, 21, 2048)
    assert signal.low_loss._lazy == lazy
    assert signal.metadata.EELSMap.low_loss_simultaneous == "no"
    assert "6.25 min apart" in signal.metadata.EELSMap.low_loss_reason
    assert "500 µs against 5 s" in signal.metadata.EELSMap.low_loss_reason
    assert signal.metadata.EELSMap.low_loss_source.file == "zero_loss.dm3"


def test_without_times_nothing_is_claimed(shared_data):
    folder = shared_data / "dual_eels"
    signal = load(folder / "titanate_core_loss.dm3", low_loss=folder / "titanate_low_loss.dm3")
    assert signal.metadata.EELSMap.low_loss_simultaneous == "unknown"
    stated = load(
        folder / "titanate_core_loss.dm3", low_loss=folder / "titanate_low_loss.dm3", low_loss_simultaneous=True
    )
    assert stated.metadata.EELSMap.low_loss_simultaneous == "yes"


def test_other_pixels_are_refused(shared_data):
    folder = shared_data / "nmc_si_doped"
    with pytest.raises(LowLossError, match=r"28 x 2 pixels, the core loss 21 x 2 pixels"):
        load(folder / "tm_o_core_loss.dm3", low_loss=folder / "si_low_core_loss.dm3")


def test_a_low_loss_needs_the_zero_loss_peak(make_image):
    with pytest.raises(LowLossError, match="no zero-loss peak"):
        attach_low_loss(prepare(make_image()), prepare(make_image(offset=35)))


@pytest.mark.parametrize(
    ("core", "low", "same_file", "verdict"),
    [
        (times("2024-05-01", "10:00:00"), times("2024-05-01", "10:00:01"), False, True),
        (times("2024-05-01", "10:00:00", 0.1), times("2024-05-01", "10:00:00", 1e-4), False, True),
        (times("2024-05-01", "10:00:00"), times("2024-05-01", "10:00:30"), False, False),
        (times("2024-05-01", "10:00:00"), times("2024-05-02", "10:00:00"), True, False),
        ({}, {}, True, True),
        ({}, {}, False, None),
        ({DWELL: 0.1}, {DWELL: 0.1}, False, None),
        ({DWELL: 5.0}, {DWELL: 0.0005}, False, False),
        ({DWELL: 5.0}, {DWELL: 0.0005}, True, True),
        (times("yesterday", "noon"), {}, False, None),
    ],
)
def test_verdict(make_image, core, low, same_file, verdict):
    found, reason = simultaneous(make_image(metadata=core), make_image(metadata=low), same_file)
    assert found is verdict
    assert reason


def test_the_right_signal_of_a_low_loss_file_is_taken(make_image, tmp_path):
    core, low = tmp_path / "core.hspy", tmp_path / "low.hspy"
    make_image().save(core)
    make_image(offset=-20).save(low)
    signal = load(core, low_loss=low)
    assert signal.low_loss.axes_manager.signal_axes[0].offset == -20
    assert signal.low_loss.axes_manager.navigation_axes[0].units == "nm"
    np.testing.assert_array_equal(signal.low_loss.data, load(low).data)
