import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.preprocess import fused_numba
from eelsmap.preprocess.fused_spikes import repair_spikes, scan_rows
from eelsmap.preprocess.spikes import remove_spikes
from tests.preprocess.spectra import spectrum

pytest.importorskip("numba")

ENERGY = np.arange(460.0, 960.0, 0.5)
TYPES = ["uint16", "float32", "float64"]


def both_roads(block, mean, **options):
    """Cleaned counts and number of spikes, by the fused road and by NumPy alone."""
    scan = scan_rows(block, mean, **options)
    rows, repaired, spikes = repair_spikes(block, mean, scan, **options)
    fused = np.array(block, dtype=np.float64)
    fused[rows] = repaired
    return (fused, spikes), remove_spikes(block, mean, **options)


@pytest.mark.parametrize("dtype", TYPES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), level=st.floats(0.002, 20.0), gain=st.floats(0.5, 8.0), threshold=st.floats(4, 12))
def test_the_same_spikes_are_found_at_lines_and_at_the_ends_of_the_axis(dtype, seed, level, gain, threshold):
    rng = np.random.default_rng(seed)
    mean = gain * spectrum(ENERGY, scale=level)
    counts = np.round(gain * rng.poisson(mean / gain, (12, ENERGY.size)))
    for row in range(1, 12):
        for channel in rng.choice([0, 1, 2, 3, 4, 5, 364, 365, 640, 996, 997, 998, 999, rng.integers(1000)], 3):
            height = rng.choice([5, 8, 20, 100]) * np.sqrt(gain * (mean[channel] + gain))
            for step in range(rng.integers(1, 5)):
                counts[row, min(channel + step, 999)] += np.round(height * rng.choice([0.1, 1.0]))
    (cleaned, found), (expected, number) = both_roads(counts.astype(dtype), mean, gain=gain, threshold=threshold)
    np.testing.assert_array_equal(found, number)
    np.testing.assert_array_equal(cleaned, expected)


def test_pairs_of_spikes_are_found_where_neither_stands_alone():
    mean = np.full(200, 100.0)
    counts = np.random.default_rng(0).poisson(mean, (40, 200)).astype(np.uint16)
    for row, distance in enumerate((2, 3, 4) * 10):
        counts[row, [50, 50 + distance]] += 2000
    (cleaned, found), (expected, number) = both_roads(counts, mean)
    assert number.sum() >= 60
    np.testing.assert_array_equal(found, number)
    np.testing.assert_array_equal(cleaned, expected)


@pytest.mark.parametrize("dtype", TYPES)
def test_totals_and_negative_counts(dtype):
    block = np.random.default_rng(0).integers(0, 60000, (7, 1003)).astype(dtype)
    if dtype != "uint16":
        block[2, :5] = -1
    scan = scan_rows(block, np.ones(1003))
    np.testing.assert_allclose(scan.total, block.sum(axis=1, dtype=np.float64), rtol=1e-12)
    np.testing.assert_array_equal(scan.negative, (np.asarray(block, dtype=float) < 0).sum(axis=1))
    assert scan.finite.all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 500, 999])
def test_rows_that_are_not_finite_are_told_and_left_alone(bad, place):
    mean = spectrum(ENERGY)
    block = np.random.default_rng(0).poisson(mean, (3, ENERGY.size)).astype(np.float32)
    block[1, place] = bad
    block[1, 300] += 50000
    (cleaned, found), _ = both_roads(block, mean)
    assert scan_rows(block, mean).finite.tolist() == [True, False, True]
    assert not found.any()
    np.testing.assert_array_equal(cleaned, block)


def test_finite_counts_whose_sum_is_not():
    scan = scan_rows(np.full((1, 100), 1e308), np.ones(100))
    assert scan.finite.all()


@pytest.mark.parametrize("shape", [(0, 100), (3, 9), (3, 1), (1, 10)])
def test_little_is_no_harm(shape):
    block = np.ones(shape, dtype=np.uint16)
    block.flags.writeable = False
    (cleaned, found), _ = both_roads(block, np.ones(shape[1]))
    assert found.shape == shape[:1]
    np.testing.assert_array_equal(cleaned, block)


def test_other_types_orders_and_strides_read_the_same():
    mean = spectrum(ENERGY)
    block = np.random.default_rng(0).poisson(mean, (4, ENERGY.size))
    block[2, 300] += 30000
    expected = scan_rows(block.astype(np.float64), mean)
    for other in (block.astype(">u2"), block.astype(">f4"), block.astype(np.uint64), np.asfortranarray(block, "f4")):
        for ours, theirs in zip(scan_rows(other, mean), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_scaled_counts_give_the_same_rows_in_any_unit():
    mean = spectrum(ENERGY)
    block = np.random.default_rng(0).poisson(mean, (20, ENERGY.size)).astype(float)
    block[:, 300] += 400
    expected = scan_rows(block, mean).suspicious
    for unit in (1e-30, 1e30, 1e200):
        np.testing.assert_array_equal(scan_rows(block * unit, mean * unit, gain=unit).suspicious, expected)
    assert expected.all()
    for unit in (1e-30, 1e30):
        single = (block * unit).astype(np.float32)
        np.testing.assert_array_equal(scan_rows(single, mean * unit, gain=unit).suspicious, expected)


def test_a_folder_that_cannot_be_written_only_costs_the_compilation(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    code = (
        "import numpy as np;from eelsmap.preprocess.fused_windows import write_window_counts;"
        "r = np.empty((1, 1, 1)); write_window_counts(r, 0, 0, np.ones((1, 9)), np.array([1, 4.5])); print(r[0, 0, 0])"
    )
    # Below a file no folder can be made, whoever asks.
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "NUMBA_CACHE_DIR": str(blocked / "cache")},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert float(done.stdout) == 3.5


def test_a_full_disk_only_costs_the_compilation(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    kernel = fused_numba.Kernel(lambda value: value + 1)
    monkeypatch.setattr(kernel, "_stored", lambda: full)
    assert kernel(2.0) == 3.0
    assert kernel(3.0) == 4.0
