import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from eelsmap.features import cumulative_distribution, feature_energies, feature_matrix, feature_names
from eelsmap.preprocess.edge_stack import EdgeStack
from eelsmap.recipe import FeatureStep, Recipe

positive = arrays(np.float64, (3, 4, 20), elements=st.floats(0.01, 1e6))


@given(positive, st.floats(1e-3, 1e3))
def test_cdf_ignores_scale_rises_and_stays_below_one(stack, scale):
    distribution = cumulative_distribution(stack)
    assert distribution.shape == (3, 4, 19)
    assert (np.diff(distribution, axis=-1) >= 0).all()
    assert (distribution <= 1 + 1e-12).all()
    np.testing.assert_allclose(cumulative_distribution(stack * scale), distribution, rtol=1e-9)


@given(positive, st.integers(1, 6))
def test_stride_keeps_every_nth_point_counted_from_the_last(stack, stride):
    whole = np.concatenate([cumulative_distribution(stack), np.ones((3, 4, 1))], axis=-1)
    np.testing.assert_array_equal(
        cumulative_distribution(stack, stride=stride), whole[..., ::-1][..., ::stride][..., ::-1][..., :-1]
    )


def test_a_shift_moves_the_cdf_far_less_than_the_intensity():
    energy = np.linspace(0, 40, 401)
    one, other = (np.exp(-0.5 * ((energy - centre) / 1.0) ** 2) + 0.02 for centre in (18.0, 23.0))
    correlation = np.corrcoef(one, other)[0, 1], np.corrcoef(*map(cumulative_distribution, (one, other)))[0, 1]
    assert correlation[1] > 0.8 > 0.2 > correlation[0]


@pytest.mark.parametrize("bad", [np.zeros((1, 5)), -np.ones((1, 5)), np.full((1, 5), np.nan)])
def test_what_has_no_area_has_no_cdf(bad):
    assert np.isnan(cumulative_distribution(bad)).all()


# Of spectra that have an edge at all; what is read off lines has no value where there are none.
ALWAYS_KNOWN = ("cdf", "log_snr", "coverage", "share", "log_metals", "axis_uncertainty")


def stack_of(n=3, points=161):
    random = np.random.default_rng(0)
    net = random.uniform(1, 2, (n, 4, points))
    return EdgeStack(
        net, net.sum(axis=2), np.full((n, 4), 50.0), np.zeros((n, 4), bool), np.ones(4), np.full(n, 1e6),
        np.zeros(n, np.uint32),
    )  # fmt: skip


@pytest.mark.parametrize(
    "step", [FeatureStep(), FeatureStep(stride=3), FeatureStep(edges=("Mn_L",)), FeatureStep(relative_intensity=False)]
)
def test_matrix_has_a_name_for_every_column(step):
    recipe = Recipe(features=step)
    matrix = feature_matrix(stack_of(), recipe, axis_uncertainty=0.7)
    assert matrix.shape == (3, len(feature_names(recipe)))
    assert matrix.dtype == np.float32
    assert np.isfinite(matrix[:, [name.startswith(ALWAYS_KNOWN) for name in feature_names(recipe)]]).all()
    assert (matrix[:, -1] == np.float32(0.7)).all()


def test_a_missing_edge_is_nan_in_its_own_columns_only():
    stack = stack_of()
    for values in (stack.net, stack.net_counts, stack.snr):
        values[1, 2] = np.nan
    names = np.array(feature_names(Recipe()))
    lost = np.isnan(feature_matrix(stack, Recipe(), axis_uncertainty=0.7))
    of_edge = np.array(["Co_L" in name for name in names])
    assert lost[1, of_edge].all()
    known = np.array([name.startswith(ALWAYS_KNOWN) for name in names])
    assert not lost[:, ~of_edge & known].any()
    assert not lost[[0, 2]][:, known].any()


def test_shares_of_the_metals_add_up():
    recipe = Recipe()
    matrix = feature_matrix(stack_of(), recipe, axis_uncertainty=0.7)
    shares = [index for index, name in enumerate(feature_names(recipe)) if name.startswith("share")]
    np.testing.assert_allclose(matrix[:, shares].sum(axis=1), 1.0, rtol=1e-6)


def test_energies_belong_to_cdf_columns():
    energies = feature_energies(Recipe())
    assert np.isfinite(energies).sum() == 4 * 160 // Recipe().features.stride
    assert energies[0] == pytest.approx(525.0)
