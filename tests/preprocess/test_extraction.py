import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.edges import NMC_EDGES
from eelsmap.errors import NO_ANSWER, NoEdgesError, NotASpectrumImageError, PixelFlag, describe_flags
from eelsmap.preprocess import extract_edges, make_plan, normalise
from eelsmap.preprocess.windows import channel_positions, counts_between, running_sum
from eelsmap.recipe import Recipe
from tests.preprocess.spectra import edge_shape, power_law, spectrum

RECIPE = Recipe()
ENERGY = np.arange(460.0, 960.0, 0.25)


def counts(n=40, scale=1.0, seed=0, **options):
    return np.random.default_rng(seed).poisson(spectrum(ENERGY, scale=scale, **options), (n, ENERGY.size)).astype(float)


def stack_of(block, **options):
    return extract_edges(block, make_plan(block, ENERGY, RECIPE), RECIPE, **options)


def test_net_counts_are_those_that_were_put_in():
    stack = stack_of(counts(400, scale=20))
    # Under a later edge lie the tails of those before it, which are no power law; the first stands on it alone.
    edge = NMC_EDGES.edges[0]
    alone = running_sum(20 * edge_shape(ENERGY, edge)[None])
    ends = edge.intervals(NMC_EDGES.points)[[0, -1]]
    truth = counts_between(alone, channel_positions(ends, ENERGY))[0, 0]
    assert stack.net_counts[:, 0].mean() == pytest.approx(truth, rel=0.02)
    assert not (stack.flags & NO_ANSWER).any()


@given(scale=st.floats(0.5, 40.0))
@settings(max_examples=15, deadline=None)
def test_scaling_the_counts_scales_net_counts_and_keeps_shapes(scale):
    block = counts(6, scale=10)
    one, other = stack_of(block), stack_of(block * scale)
    np.testing.assert_allclose(other.net_counts, one.net_counts * scale, rtol=1e-6)
    np.testing.assert_allclose(normalise(other), normalise(one), rtol=1e-5, atol=1e-9)


def test_pixels_are_independent_of_their_order_and_of_the_block():
    block = counts(12)
    plan = make_plan(block, ENERGY, RECIPE)
    order = np.random.default_rng(1).permutation(12)
    whole = extract_edges(block, plan, RECIPE)
    shuffled = extract_edges(block[order], plan, RECIPE)
    np.testing.assert_array_equal(shuffled.net, whole.net[order])
    single = extract_edges(block[7:8], plan, RECIPE)
    # Vectorised exponentials round differently in blocks of other lengths, by one unit in the last place.
    np.testing.assert_allclose(single.net[0], whole.net[7], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(single.snr[0], whole.snr[7], rtol=1e-9)


def test_moving_data_and_zero_loss_together_changes_nothing_but_rounding():
    plan = make_plan(counts(40, scale=50), ENERGY, RECIPE)
    expected = spectrum(ENERGY, scale=50)[None]
    moved = np.roll(expected, 8, axis=1)
    shifted = extract_edges(moved, plan, RECIPE, shift=np.array([2.0]))
    straight = extract_edges(expected, plan, RECIPE)
    np.testing.assert_allclose(shifted.net_counts, straight.net_counts, rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_pixel_that_is_not_finite_is_flagged_and_the_rest_is_not(bad):
    block = counts(5)
    plan = make_plan(block, ENERGY, RECIPE)
    block[2, 100] = bad
    stack = extract_edges(block, plan, RECIPE)
    assert stack.flags[2] & PixelFlag.NOT_FINITE
    assert not (np.delete(stack.flags, 2) & NO_ANSWER).any()
    assert [reason[:22] for reason in describe_flags(stack.flags[2])] == ["NaN or infinite counts"]


def test_vacuum_and_negative_counts_are_flagged():
    block = counts(30, scale=10)
    block[3] *= 0.001
    block[4] = -block[4]
    stack = stack_of(block)
    assert stack.flags[3] & PixelFlag.LOW_COUNTS
    assert stack.flags[4] & PixelFlag.NEGATIVE_COUNTS
    assert not (np.delete(stack.flags, [3, 4]) & NO_ANSWER).any()


def test_an_absent_element_is_weak_and_becomes_the_constant():
    stack = stack_of(counts(50, scale=5, heights=(100, 80, 0, 60)))
    weak = stack.weak[:, NMC_EDGES.index("Co_L")]
    assert weak.mean() > 0.95
    constant = normalise(stack)[weak, NMC_EDGES.index("Co_L")]
    assert np.ptp(constant) == 0
    assert (stack.flags[weak] & PixelFlag.CO_L_WEAK).all()


def test_an_axis_without_nickel_misses_nickel_only():
    energy = ENERGY[ENERGY < 830]
    block = counts(20)[:, : energy.size]
    stack = extract_edges(block, make_plan(block, energy, RECIPE), RECIPE)
    assert (stack.flags & PixelFlag.NI_L_MISSING).all()
    assert np.isnan(stack.net[:, 3]).all()
    assert np.isfinite(stack.net[:, :3]).all()
    assert not (stack.flags & NO_ANSWER).any()


def test_an_edge_cut_off_in_its_window_is_used_as_far_as_it_goes():
    energy = ENERGY[ENERGY < 877]
    block = counts(20, scale=5)[:, : energy.size]
    stack = extract_edges(block, make_plan(block, energy, RECIPE), RECIPE)
    assert (stack.flags & PixelFlag.PARTIAL_EDGE).all()
    assert 0.8 < stack.coverage[3] < 1
    assert np.isfinite(stack.net[:, 3]).all()


def test_an_edge_cut_off_before_its_least_end_is_missing():
    energy = ENERGY[ENERGY < 860]
    block = counts(20)[:, : energy.size]
    stack = extract_edges(block, make_plan(block, energy, RECIPE), RECIPE)
    assert (stack.flags & PixelFlag.NI_L_MISSING).all()


def test_plan_refuses_an_axis_without_any_of_the_edges():
    energy = np.arange(50.0, 400.0, 0.5)
    with pytest.raises(NoEdgesError, match=r"covers 50\.0 to 399\.5 eV and none of the edges"):
        make_plan(power_law(energy)[None], energy, RECIPE)


def test_plan_refuses_a_background_without_edges():
    block = np.random.default_rng(0).poisson(power_law(ENERGY), (30, ENERGY.size))
    with pytest.raises(NoEdgesError, match="none of O_K, Mn_L, Co_L, Ni_L stands out"):
        make_plan(block, ENERGY, RECIPE)


@pytest.mark.parametrize("value", [0.0, np.nan, -3.0])
def test_plan_refuses_an_image_without_counts(value):
    with pytest.raises(NotASpectrumImageError, match="no pixel has finite counts"):
        make_plan(np.full((4, ENERGY.size), value), ENERGY, RECIPE)
