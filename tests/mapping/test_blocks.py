import dask.array as da
import numpy as np
import pytest

from eelsmap.mapping.blocks import by_block, lattice, row_numbers, rows_of_sample, sum_rows, with_neighbours

SHAPES = [(7, 11, 32), (40, 32), (3, 4, 5, 32)]


def image(shape):
    return np.random.default_rng(0).poisson(50, shape).astype(np.uint16)


@pytest.mark.parametrize("shape", SHAPES)
def test_sums_of_rows_are_the_same_lazily(shape):
    data = image(shape)
    lazy = da.from_array(data, chunks=(2,) * (len(shape) - 1) + (16,))
    eager = sum_rows(data, above=0.0)
    np.testing.assert_array_equal(sum_rows(lazy, above=0.0), eager)
    rows = data.reshape(eager.shape[0], -1, 32).sum(axis=1)
    np.testing.assert_array_equal(eager, rows)


def test_dim_pixels_and_those_that_are_not_finite_are_left_out_of_rows():
    data = np.ones((2, 3, 4))
    data[0, 1] = np.nan
    data[1, 0] = 0.1
    np.testing.assert_array_equal(sum_rows(data, above=1.0), [[2.0] * 4, [2.0] * 4])


@pytest.mark.parametrize("shape", SHAPES)
def test_rows_of_a_sample_belong_to_its_pixels(shape):
    data = np.broadcast_to(row_numbers(shape[:-1])[..., None], shape).astype(float)
    for pixels in (7, 4096):
        sample = data[lattice(shape[:-1], pixels)].reshape(-1, shape[-1])
        assert len(sample) <= pixels
        np.testing.assert_array_equal(sample[:, 0], rows_of_sample(shape[:-1], pixels=pixels))


@pytest.mark.parametrize("shape", [*SHAPES, (32,)])
def test_kernels_see_pixels_in_a_row_whatever_the_chunks(shape):
    data = image(shape)
    more = data[..., :3].astype(float)
    kernel = lambda block, other, *, factor: factor * (block.sum(axis=1, keepdims=True) + other[:, :2])  # noqa: E731
    wanted = 2 * (data.sum(axis=-1, keepdims=True) + more[..., :2])
    for array in (data, da.from_array(data, chunks=(2,) * (len(shape) - 1) + (8,))):
        found = by_block(kernel, array, more, last=2, dtype=np.float64, factor=2)
        np.testing.assert_array_equal(np.asarray(found), wanted)


def test_neighbours_are_seen_across_blocks():
    data = image((9, 10, 4)).astype(float)

    def smooth(block):
        from scipy.ndimage import uniform_filter1d

        return uniform_filter1d(block, 3, axis=0, mode="nearest")

    lazy = da.from_array(data, chunks=(2, 3, 4))
    np.testing.assert_allclose(np.asarray(with_neighbours(smooth, lazy, depth=1, dtype=float)), smooth(data))
