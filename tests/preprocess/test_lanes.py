import os
import platform
import subprocess
import sys

import numpy as np
import pytest

numba = pytest.importorskip("numba")

from eelsmap.preprocess.lane_math import arc_tangent, exponential, logarithm  # noqa: E402
from eelsmap.preprocess.lane_windows import Stretches, lane_windows  # noqa: E402
from eelsmap.preprocess.lanes import LANES, aligned_rows, gather, gather_pair, load, store, write_rows  # noqa: E402
from eelsmap.preprocess.windows import counts_between, running_sum  # noqa: E402


@numba.njit
def functions(values, result):
    for row in range(values.shape[0]):
        value = load(values, row)
        write_rows(result, LANES * row, 0, exponential(value))
        write_rows(result, LANES * row, 1, logarithm(exponential(value * 0.5)))
        write_rows(result, LANES * row, 2, arc_tangent(value))


@numba.njit
def look_up(table, rows, result):
    first, second = gather_pair(table, load(rows, 0))
    store(result, 0, first)
    store(result, 1, second)
    store(result, 2, gather(table, load(rows, 0)))


def test_functions_are_those_of_numpy():
    random = np.random.default_rng(0)
    values = random.normal(size=(200, LANES)) * 10.0 ** random.uniform(-3, 2, (200, 1))
    # The last row of the table is cut: what lies beyond its end is dropped.
    result = np.zeros((200 * LANES - 3, 3))
    functions(values, result)
    x = values.ravel()[:-3]
    np.testing.assert_allclose(result[:, 0], np.exp(x), rtol=3e-14)
    np.testing.assert_allclose(result[:, 1], x / 2, rtol=3e-14, atol=3e-14)
    np.testing.assert_allclose(result[:, 2], np.arctan(x), rtol=1e-15)


def test_every_lane_reads_a_row_of_its_own():
    table = np.arange(80.0).reshape(10, LANES)
    rows = np.random.default_rng(0).integers(0, 9, LANES)
    result = np.empty((3, LANES))
    look_up(table, rows[None].astype(float), result)
    for row, step in ((0, 0), (1, 1), (2, 0)):
        np.testing.assert_array_equal(result[row], table[rows + step, np.arange(LANES)])


def test_room_begins_at_a_line_of_the_cache():
    assert aligned_rows(5).ctypes.data % 64 == 0
    assert aligned_rows(5).shape == (5, LANES)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4", "i4", "f4", "f8", ">u2"])
@pytest.mark.parametrize("moved", ["not", "by group", "each"])
def test_window_counts_are_those_of_one_pixel_at_a_time(dtype, moved):
    random = np.random.default_rng(0)
    block = random.integers(0, 120, (21, 300)).astype(dtype)
    positions = [np.linspace(20.3, 60.2, 9), np.linspace(-5, 30, 40), np.array([250.0, 299.5, 310.0])]
    shift = {"not": None, "by group": np.repeat([0.0, 1.7, -2.3], 8)[:21], "each": random.normal(0, 3, 21)}[moved]
    found = lane_windows(block, Stretches.of(positions), moved=shift)
    assert found.shape == (3, sum(one.size - 1 for one in positions), LANES)
    total = running_sum(block.astype(float))
    expected = [counts_between(total, one if shift is None else one + shift[:, None]) for one in positions]
    by_pixel = found.transpose(0, 2, 1).reshape(-1, found.shape[1])
    np.testing.assert_allclose(by_pixel[:21], np.concatenate(expected, axis=1), rtol=1e-10, atol=1e-9)
    np.testing.assert_array_equal(by_pixel[21:], np.repeat(by_pixel[20:21], 3, axis=0))
    stretches = Stretches.of(positions)
    room = stretches.room(*block.shape)
    again = lane_windows(block[:9], stretches, moved=None if shift is None else shift[:9], room=room)
    assert np.shares_memory(again, room[0])
    np.testing.assert_array_equal(again[0], found[0])


@pytest.mark.parametrize("processor", ["haswell", "x86-64"])
def test_processors_with_narrower_registers_give_the_same(processor):
    if platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip("not an x86 processor")
    code = (
        "import numpy as np\n"
        "from eelsmap.preprocess.lane_windows import Stretches, lane_windows\n"
        "block = np.random.default_rng(0).integers(0, 999, (9, 100)).astype('u2')\n"
        "found = lane_windows(block, Stretches.of([np.linspace(3.3, 90.1, 30)]), moved=np.arange(9) / 7)\n"
        "print(repr(float(found.sum())), repr(float(np.square(found).sum())))"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, **more}, capture_output=True, text=True, check=True
        ).stdout
        for more in ({}, {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": ""})
    ]
    ours, theirs = ([float(number) for number in text.split()] for text in said)
    np.testing.assert_allclose(theirs, ours, rtol=1e-13)
