import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from eelsmap.preprocess import background_windows, sample_sums, windows
from eelsmap.preprocess.sample_sums import (
    bright_sums,
    channel_sums,
    count_near_top,
    group_sums,
    may_be_noisier,
    noise_medians,
    noise_over_shot,
    row_totals,
    shifted_sum,
)
from eelsmap.preprocess.smoothing import structure_between

pytest.importorskip("numba")


def sample(dtype="f4", rows=150, channels=131):
    counts = np.random.default_rng(0).poisson(40 + 30 * np.sin(np.arange(channels) / 9), (rows, channels))
    return counts.astype(dtype)


def both(monkeypatch, module, action):
    compiled = action()
    monkeypatch.setattr(module, "AVAILABLE", False)
    by_numpy = action()
    monkeypatch.undo()
    return compiled, by_numpy


@pytest.mark.parametrize("dtype", ["u2", "i4", "f4", "f8"])
def test_sums_are_the_same_without_numba(dtype, monkeypatch):
    counts = sample(dtype)
    if dtype.startswith("f"):
        counts[3, 5], counts[4, 0] = np.nan, np.inf
    (total, finite), (expected, known) = both(monkeypatch, sample_sums, lambda: row_totals(counts))
    np.testing.assert_array_equal(finite, known)
    np.testing.assert_allclose(total, expected, rtol=1e-13)
    level = np.median(total[finite])
    scan = counts.reshape(10, 15, -1)
    ours, theirs = both(monkeypatch, sample_sums, lambda: bright_sums(scan, level, stride=2))
    np.testing.assert_allclose(ours, theirs, rtol=1e-13)
    assert ours.any(axis=1).all()
    # In another order in memory, and of bytes, nothing is copied as a whole.
    for other in (np.asfortranarray(scan), scan.astype(scan.dtype.newbyteorder(">")), scan[:, ::-1][:, ::-1]):
        np.testing.assert_array_equal(bright_sums(other, level, stride=2), ours)
    group = np.where(finite, np.arange(len(counts)) % 5, -1)
    group[group == 3] = 2
    for ours, theirs in zip(*both(monkeypatch, sample_sums, lambda: channel_sums(counts, group, 5)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13)
    np.testing.assert_array_equal(group_sums(counts, group, 5), channel_sums(counts, group, 5).sums)
    chosen = np.arange(counts.shape[1]) % 3 > 0
    ours, theirs = both(monkeypatch, sample_sums, lambda: count_near_top(counts, finite, chosen, 70.0, 60.0))
    assert ours == theirs
    assert min(ours) > 0


def test_noise_is_the_same_without_numba(monkeypatch):
    counts = sample()
    counts[7] = 0
    counts[8, ::3] = 0
    ours, theirs = both(monkeypatch, sample_sums, lambda: noise_over_shot(counts, lag=3))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    assert np.isnan(ours[7])
    ours, theirs = both(monkeypatch, sample_sums, lambda: noise_medians(counts, 1.1))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    np.testing.assert_allclose(noise_medians(counts[:75], 1.1), noise_medians(counts[:75].astype("f8"), 1.1))


def test_no_noisy_channel_is_missed_by_the_first_look():
    counts = sample(rows=512).astype(float)
    random = np.random.default_rng(1)
    for place, channel in enumerate(range(10, 130, 10)):
        counts[:, channel] += random.normal(0, 5 * place, len(counts))
    counts[3, 77] += 1e6
    found = noise_medians(counts, 1.0)
    for least in (0.8, 1.2, 1.7, 4.0):
        maybe = may_be_noisier(counts, 1.0, least)
        assert maybe[found > least].all()
        assert maybe.sum() < 2 * max((found > 0.6 * least).sum(), 10)


def test_moved_spectra_are_the_same_without_numba(monkeypatch):
    rows, shift = sample("f8", 6), np.array([0.0, 0.3, -2.5, 200.0, -300.0, 1.0])
    for part in (slice(None), slice(20, 60), slice(100, 131)):
        ours, theirs = both(monkeypatch, windows, lambda part=part: windows.shift_counts(rows, shift, part=part))
        np.testing.assert_allclose(ours, theirs, atol=1e-10)
        np.testing.assert_allclose(ours, windows.shift_counts(rows, shift)[:, part], atol=1e-10)
    ours, theirs = both(monkeypatch, sample_sums, lambda: shifted_sum(rows, shift))
    np.testing.assert_allclose(ours, theirs, atol=1e-10)
    np.testing.assert_allclose(ours, windows.shift_counts(rows, shift).sum(axis=0), atol=1e-10)


@pytest.mark.parametrize(("fine", "coarse"), [(0.7, 3.5), (3.5, 60.0), (0.2, 200.0)])
@pytest.mark.parametrize("channels", [131, 128])
def test_structure_lies_between_two_gaussian_filters(fine, coarse, channels):
    rows = sample("f8", 6, channels)
    wanted = gaussian_filter1d(rows, fine, axis=1) - gaussian_filter1d(rows, coarse, axis=1)
    np.testing.assert_allclose(structure_between(rows, fine, coarse), wanted, atol=1e-11)
    assert structure_between(rows[:0], fine, coarse).shape == (0, channels)


def test_windows_are_judged_alike_without_numba(monkeypatch):
    boundaries = np.linspace(494, 524, 31)
    energy = (boundaries[1:] + boundaries[:-1]) / 2
    counts = np.random.default_rng(0).poisson(1e6 * (energy / 500) ** -3 * (1 + 0.02 * np.sin(energy / 3)))[None]
    places = [(first, last) for first in range(0, 20, 3) for last in range(30, first + 6, -3)]
    ours, theirs = both(
        monkeypatch, background_windows,
        lambda: background_windows._fit_all(counts.astype(float), boundaries, places, np.log(535.0), 1.1, 300),
    )  # fmt: skip
    for place in places:
        np.testing.assert_allclose(ours[place], theirs[place], rtol=1e-9)
    empty = np.zeros((1, 30))
    empty[0, 0] = 5.0
    lost = background_windows._fit_all(empty, boundaries, [(0, 30)], np.log(535.0), 1.1, 300)
    assert set(lost) == {(0, 30)}
