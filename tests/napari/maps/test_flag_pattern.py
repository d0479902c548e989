"""Hatching lines lie on flagged pixels and on their outline, and meet end to end as one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from eelsmap.errors import NO_ANSWER, PixelFlag
from eelsmap.napari.maps.flag_pattern import hatch_lines, hatch_vectors, hatched_pixels, period_of

masks = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(lambda shape: arrays(bool, shape))


@settings(deadline=None, max_examples=60)
@given(masks, st.integers(1, 3))
def test_lines_cover_flagged_pixels_and_nothing_else(mask, period):
    lines = hatch_lines(mask, period=period).astype(float)
    steps = np.linspace(0, 1, 8 * max(mask.shape) + 1)[1:-1]
    touched = np.zeros(mask.shape, dtype=bool)
    for start, end in lines:
        points = start + steps[:, None] * (end - start)
        if (start != end).all():
            # A diagonal runs through pixels, corner to corner.
            inside = np.floor(points + 0.5 + 1e-9 * np.array([-1, 1])).astype(int)
            middle = np.abs(points - inside).max(axis=1) < 0.45
            rows, columns = inside[middle].T
            assert mask[rows, columns].all()
            touched[rows, columns] = True
        else:
            # An outline has a flagged pixel on one side and none on the other.
            across = np.array([0.25, 0.0]) if start[0] == end[0] else np.array([0.0, 0.25])
            for point in (start + end) / 2 + [[0.01, 0.01]]:
                sides = []
                for side in (point - across, point + across):
                    row, column = np.floor(side + 0.5).astype(int)
                    sides.append(bool(0 <= row < mask.shape[0] and 0 <= column < mask.shape[1] and mask[row, column]))
                assert sides[0] != sides[1]
    if period == 1:
        np.testing.assert_array_equal(touched, mask)


def test_runs_are_one_line():
    lines = hatch_lines(np.ones((3, 3), dtype=bool), period=1)
    # Five diagonals, four sides.
    assert lines.shape == (9, 2, 2)
    assert hatch_lines(np.zeros((3, 3), dtype=bool), period=1).shape == (0, 2, 2)


def test_thousands_of_single_pixels_get_no_outline():
    mask = np.zeros((400, 400), dtype=bool)
    mask[::2, ::2] = True
    lines = hatch_lines(mask, period=period_of(mask.shape))
    assert len(lines) < 60_000
    assert len(np.unique(np.round(lines.mean(axis=1)).astype(int), axis=0)) == mask.sum()


def test_which_flags_are_hatched():
    flags = np.array([0, PixelFlag.LOW_COUNTS, PixelFlag.NOVEL, PixelFlag.CO_L_WEAK, PixelFlag.PARTIAL_EDGE,
                      PixelFlag.SATURATED, PixelFlag.NI_L_MISSING, NO_ANSWER], dtype=np.uint32)  # fmt: skip
    assert hatched_pixels(flags).tolist() == [False, True, True, False, False, True, False, True]


@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 5)])
def test_vectors_have_a_dark_line_for_each_light_one(shape):
    flags = np.zeros(shape, dtype=np.uint32)
    flags[..., 1, 2] = PixelFlag.NOVEL
    vectors, colours = hatch_vectors(flags)
    assert vectors.shape == (len(colours), 2, len(shape))
    light = colours[:, 0] == 1
    assert light.sum() == (~light).sum() == 5 * (3 if len(shape) == 3 else 1)
    # Directions never leave a slice.
    assert (vectors[:, 1, : len(shape) - 2] == 0).all()
