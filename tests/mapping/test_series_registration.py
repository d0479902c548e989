"""Drift in space: measured to a fraction of a pixel, and taken out without inventing anything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.errors import PixelFlag
from eelsmap.mapping.series.registration import measure_displacement
from eelsmap.mapping.series.shifting import shifted, shifted_flags, source_pixels

FAR = st.floats(-3.0, 3.0)


def particle(shape, moved=(0.0, 0.0), *, grown=0.0, seed=None, counts=3000.0):
    """Counts of a particle with a hole and a bright spot; `grown` eats a part of it."""
    down, right = np.indices(shape, dtype=float)
    y = 2 * (down - moved[0]) / shape[0] - 1
    x = 2 * (right - moved[1]) / shape[1] - 1
    rim = 1 / (1 + np.exp(14 * (np.hypot(1.3 * y, 1.25 * x) - 0.75)))
    image = counts * rim * (1 + 0.3 * x) * (1 - 0.8 * np.exp(-((y - 0.2) ** 2 + (x + 0.3) ** 2) / 0.02))
    image *= 1 - 0.5 * np.exp(-((y + 0.3) ** 2 + (x - 0.3) ** 2) / (0.002 + grown))
    return image + 5 if seed is None else np.random.default_rng(seed).poisson(image + 5).astype(float)


@settings(max_examples=15, deadline=None)
@given(FAR, FAR, st.integers(0, 999))
def test_a_noisy_particle_of_few_pixels_is_found_within_a_tenth_of_a_pixel(y, x, seed):
    found = measure_displacement(particle((14, 18), seed=seed), particle((14, 18), (y, x), seed=seed + 1000))
    assert abs(found.y - y) < 0.1
    assert abs(found.x - x) < 0.1
    assert found.uncertainty < 0.1
    assert found.agreement > 0.95


def test_a_region_that_grows_does_not_pull_the_result():
    found = measure_displacement(particle((40, 48), seed=1), particle((40, 48), (3.3, -5.6), grown=0.06, seed=2))
    assert np.hypot(found.y - 3.3, found.x + 5.6) < 0.1


def test_another_beam_current_and_missing_pixels_change_nothing():
    first, second = particle((24, 30), seed=3), particle((24, 30), (1.4, 2.2), seed=4)
    plain = measure_displacement(first, second)
    brighter = measure_displacement(first, 7 * second)
    assert np.allclose([plain.y, plain.x], [brighter.y, brighter.x], atol=1e-6)
    second[5, 7] = second[15, 12] = np.nan
    holes = measure_displacement(first, second)
    assert np.hypot(holes.y - 1.4, holes.x - 2.2) < 0.1


def test_exchanging_the_images_turns_the_displacement_round():
    first, second = particle((24, 30), seed=3), particle((24, 30), (1.4, 2.2), seed=4)
    there, back = measure_displacement(first, second), measure_displacement(second, first)
    assert np.allclose([there.y, there.x], [-back.y, -back.x], atol=0.02)


@pytest.mark.parametrize(
    "image", [np.zeros((20, 20)), np.full((20, 20), np.nan), np.full((20, 20), 7.0), np.ones((3, 40)), np.ones((0, 0))]
)
def test_images_that_say_nothing_have_no_displacement(image):
    found = measure_displacement(image, image)
    assert not found.found
    assert np.isnan(found.uncertainty)


def test_noise_has_no_displacement():
    random = np.random.default_rng(0)
    assert not measure_displacement(random.poisson(50, (30, 30)), random.poisson(50, (30, 30))).found


@settings(max_examples=25, deadline=None)
@given(st.integers(-9, 9), st.integers(-9, 9))
def test_whole_pixels_are_moved_exactly_and_what_was_not_seen_is_missing(down, right):
    values = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    values[2, 3] = np.nan
    result = shifted(values, (float(down), float(right)))
    rows, columns = source_pixels(values.shape, (-down, -right))
    expected = np.where(rows >= 0, values[rows, columns], np.nan)
    np.testing.assert_array_equal(result, expected)
    flags = shifted_flags(np.ones((6, 8)), (float(down), float(right)), int(PixelFlag.NOT_FINITE))
    np.testing.assert_array_equal(flags, np.where(rows >= 0, 1, int(PixelFlag.NOT_FINITE)))


@settings(max_examples=25, deadline=None)
@given(FAR, FAR)
def test_fractions_interpolate_a_slope_exactly_and_stay_between_the_neighbours(down, right):
    y, x = np.indices((9, 11), dtype=np.float32)
    result = shifted(2 * y - x, (down, right))
    known = np.isfinite(result)
    inside = (y + down >= 0) & (y + down <= 8) & (x + right >= 0) & (x + right <= 10)
    assert (known & inside).sum() >= 0.9 * inside.sum()
    exact = 2 * (y + down) - (x + right)
    np.testing.assert_allclose(result[known & inside], exact[known & inside], atol=2e-4)
    assert result[known].min() >= -10.001
    assert result[known].max() <= 16.001


def test_a_missing_neighbour_does_not_spread():
    values = np.ones((5, 5), dtype=np.float32)
    values[2, 2] = np.nan
    assert np.isnan(shifted(values, (0.25, 0.25))).sum() == 1
    assert np.isnan(values).sum() == 1


def test_the_way_back_is_the_way_there():
    moved = (1.3, -0.7)
    image = particle((20, 24), moved)
    assert np.nanmax(np.abs(shifted(image, moved) - particle((20, 24)))[4:-4, 4:-4]) < 0.12 * image.max()
