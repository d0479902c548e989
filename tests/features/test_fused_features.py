import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.edges import NMC_EDGES
from eelsmap.features import cumulative_distribution, oxygen_edge_features, white_line_features
from eelsmap.features.fused_features import write_aligned, write_distribution
from eelsmap.preprocess.edge_stack import ABSENT_LEVEL
from tests.preprocess.spectra import edge_shape

pytest.importorskip("numba")

POINTS = NMC_EDGES.points
ALIGNED = {"K": oxygen_edge_features, "L3": white_line_features}


def net_counts(n, rng, *, noise=0.05, displacement=3.0, points=POINTS):
    """Edges with noise and doubtful axes, shape (n, edge, point)."""
    net = np.empty((n, len(NMC_EDGES), points))
    for index, edge in enumerate(NMC_EDGES):
        shift = displacement * rng.normal(size=n)
        shape = np.stack([edge_shape(edge.grid(points), edge, displacement=one) for one in shift])
        net[:, index] = shape + noise * shape.max() * rng.normal(size=shape.shape)
    return net


def aligned(net, seen, index, edge):
    width = ALIGNED[edge.subshell](net[:1, index], edge).shape[1]
    features = np.full((len(net), width + 6), 5.0, dtype=np.float32)
    assert write_aligned(features, 2, net, seen, index, edge) == 2 + width
    assert (features[:, :2] == 5).all()
    assert (features[:, 2 + width :] == 5).all()
    return features[:, 2 : 2 + width]


def by_numpy(net, seen, index, edge):
    with np.errstate(all="ignore"):
        expected = ALIGNED[edge.subshell](net[:, index], edge)
    expected[~seen[:, index]] = np.nan
    return expected


@pytest.mark.parametrize("edge", list(NMC_EDGES), ids=NMC_EDGES.names)
@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**31), noise=st.sampled_from([0.0, 0.02, 0.5]), displacement=st.sampled_from([0.0, 1.0, 9.0])
)
def test_aligned_features_are_those_of_numpy(edge, seed, noise, displacement):
    rng = np.random.default_rng(seed)
    net = net_counts(8, rng, noise=noise, displacement=displacement) * 10.0 ** rng.uniform(-3, 6)
    seen = rng.random((8, len(NMC_EDGES))) > 0.2
    index = NMC_EDGES.index(edge.name)
    found, expected = aligned(net, seen, index, edge), by_numpy(net, seen, index, edge)
    # Ratios of noise that cancels may be of any size; what rounding makes of them says nothing either.
    np.testing.assert_allclose(found, expected, rtol=1e-5 if noise > 0.1 else 1e-6, atol=1e-6)


@pytest.mark.parametrize("edge", list(NMC_EDGES), ids=NMC_EDGES.names)
def test_rows_without_sense_are_told_as_numpy_tells_them(edge):
    rng = np.random.default_rng(0)
    net = net_counts(9, rng)
    net[0], net[1], net[2] = 0.0, np.nan, -net[2]
    net[3, :, 80] = np.nan
    net[4, :, 5] = np.nan
    net[5, :, :] = 1.0
    net[6, :, 100:] = 0.0
    net[7, :, :40] = 0.0
    seen = np.ones((9, len(NMC_EDGES)), dtype=bool)
    index = NMC_EDGES.index(edge.name)
    np.testing.assert_allclose(aligned(net, seen, index, edge), by_numpy(net, seen, index, edge), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("points", [33, 100, 321])
def test_grids_of_other_lengths(points):
    net = net_counts(5, np.random.default_rng(points), points=points)
    seen = np.ones((5, len(NMC_EDGES)), dtype=bool)
    for index, edge in enumerate(NMC_EDGES):
        np.testing.assert_allclose(
            aligned(net, seen, index, edge), by_numpy(net, seen, index, edge), rtol=1e-6, atol=1e-6
        )


def test_pixels_know_nothing_of_each_other():
    rng = np.random.default_rng(2)
    net, order = net_counts(6, rng), rng.permutation(6)
    seen = np.ones((6, len(NMC_EDGES)), dtype=bool)
    net.flags.writeable = False
    for index, edge in enumerate(NMC_EDGES):
        whole = aligned(net, seen, index, edge)
        np.testing.assert_array_equal(aligned(net[order], seen, index, edge), whole[order])
        np.testing.assert_array_equal(aligned(net[4:5], seen[4:5], index, edge), whole[4:5])
        scaled = aligned(net * 4.0, seen, index, edge)
        np.testing.assert_array_equal(scaled, whole)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), stride=st.integers(1, 9))
def test_distributions_are_those_of_numpy(seed, stride):
    rng = np.random.default_rng(seed)
    net = net_counts(8, rng, noise=0.1)
    net[0], net[1, 2], net[2] = 0.0, np.nan, -net[2]
    weak = rng.random((8, len(NMC_EDGES))) > 0.8
    weak[0], weak[1] = False, False
    with np.errstate(all="ignore"):
        shape = net / net.sum(axis=-1, keepdims=True)
        shape[weak] = ABSENT_LEVEL
        expected = cumulative_distribution(shape, stride=stride)
    kept = expected.shape[2]
    features = np.full((8, 4 * kept + 3), 5.0, dtype=np.float32)
    column = 1
    for index in range(len(NMC_EDGES)):
        column = write_distribution(features, column, net, weak, index, stride=stride)
    assert column == 1 + 4 * kept
    np.testing.assert_allclose(features[:, 1:column], expected.reshape(8, -1), rtol=1e-6, atol=1e-6)
    assert (features[:, 0] == 5).all()
    assert (features[:, column:] == 5).all()


def test_no_pixels():
    net, mask = np.empty((0, 4, POINTS)), np.empty((0, 4), dtype=bool)
    features = np.empty((0, 200), dtype=np.float32)
    assert write_distribution(features, 0, net, mask, 0, stride=4) == 40
    assert write_aligned(features, 0, net, mask, 0, NMC_EDGES["O_K"]) == 70
    assert write_aligned(features, 0, net, mask, 1, NMC_EDGES["Mn_L"]) == 62
