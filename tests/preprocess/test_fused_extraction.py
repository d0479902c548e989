from dataclasses import replace

import numpy as np
import pytest

from eelsmap.edges import NMC_EDGES
from eelsmap.errors import PixelFlag
from eelsmap.preprocess import DetectorFaults, extract_edges, make_plan
from eelsmap.preprocess.cleaning import cleaned
from eelsmap.preprocess.coverage import covered_points
from eelsmap.preprocess.fused_extraction import can_be_fused, clean_few, net_edge
from eelsmap.recipe import BackgroundStep, NoiseStep, PluralScatteringStep, Recipe, SpikeStep
from tests.preprocess.spectra import spectrum

pytest.importorskip("numba")

RECIPE = Recipe()
FULL = np.arange(460.0, 960.0, 0.25)


def counts(n=12, energy=FULL, seed=0):
    """Counts with a spike, an empty row, rows that are not finite and one below zero."""
    block = np.random.default_rng(seed).poisson(spectrum(energy, scale=3), (n, energy.size)).astype(np.float32)
    block[1, 300] += 60000
    block[2], block[3, 50], block[4, 60] = 0, np.nan, np.inf
    block[5] *= -1
    return block


def plan_of_clean_pixels():
    """Nothing is wrong with the detector, so that the block is left as it is."""
    sample = np.random.default_rng(9).poisson(spectrum(FULL, scale=3), (100, FULL.size))
    plan = make_plan(sample, FULL, RECIPE)
    assert plan.faults is None or not plan.faults.any
    return plan


def one_edge(block, plan, recipe, index, details, shift=None):
    """Net counts and sums of one edge by the compiled road, with the windows of the NumPy road's details."""
    edge = recipe.edge_set.edges[index]
    pixels = clean_few(block, plan, recipe)
    covered = covered_points(edge, index, plan.energy - plan.zero_loss, plan.axis, recipe)
    grid = edge.grid(recipe.edge_set.points)[covered]
    windows = [np.ones(grid.size, bool), (grid >= edge.signal[0]) & (grid <= edge.signal[1])]
    net = np.full((len(block), len(recipe.edge_set), covered.size), np.nan)
    if shift is not None:
        shift = np.where(pixels.finite, shift, 0.0)
    found = net_edge(net, index, edge, pixels, details.boundaries, covered, windows, plan, shift=shift)
    return net[:, index], found


def assert_same(block, plan, recipe, shift=None):
    stack = extract_edges(block, plan, recipe, shift=shift, details=True)
    for index, name in enumerate(recipe.edge_set.names):
        if name not in stack.details:
            continue
        details = stack.details[name]
        net, found = one_edge(block, plan, recipe, index, details, shift)
        size = details.gross.max()
        np.testing.assert_allclose(net, stack.net[:, index], rtol=1e-9, atol=1e-10 * size)
        np.testing.assert_allclose(found.sums[:, 0], stack.net_counts[:, index], rtol=1e-9, atol=1e-9 * size)
        np.testing.assert_allclose(found.ratios[:, 1], stack.snr[:, index], rtol=1e-8, atol=1e-9)
        np.testing.assert_array_equal(found.failed, details.fit.failed)
    return stack


@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64"])
@pytest.mark.parametrize("shifted", [False, True])
def test_net_edges_are_those_of_the_numpy_road(dtype, shifted):
    block = counts()
    plan = plan_of_clean_pixels()
    if dtype == "uint16":
        block = np.nan_to_num(np.maximum(block, 0), posinf=0)
    shift = np.random.default_rng(1).normal(0, 2, len(block)) if shifted else None
    stack = assert_same(block.astype(dtype), plan, RECIPE, shift)
    assert len(stack.details) == len(NMC_EDGES)
    assert stack.flags[1] & np.uint32(PixelFlag.SPIKE_REPAIRED)


@pytest.mark.parametrize(("start", "stop", "edges"), [(460, 876, 4), (500, 960, 4), (600, 960, 3), (460, 700, 2)])
def test_cut_axes_and_missing_edges(start, stop, edges):
    energy = FULL[(start <= FULL) & (stop >= FULL)]
    block = counts(energy=energy)
    plan = make_plan(block, energy, RECIPE)
    assert len(assert_same(block, plan, RECIPE).details) == edges


def test_a_detector_that_needs_repair():
    block = counts(400)
    block[:, 500], block[:, 700] = 0, 30000
    block[:, 1000:] *= 1.3
    block = np.minimum(block, 20000)
    block[6:40, 250] = 20000
    plan = make_plan(block, FULL, RECIPE)
    assert plan.faults is not None
    assert plan.faults.any
    assert_same(block, plan, RECIPE)


@pytest.mark.parametrize("enabled", [True, False])
def test_cleaning_is_that_of_the_numpy_road(enabled):
    block, plan = counts(), plan_of_clean_pixels()
    recipe = replace(RECIPE, spikes=SpikeStep(enabled=enabled))
    expected, found = cleaned(block, plan, recipe), clean_few(block, plan, recipe)
    whole = found.block.astype(float)
    whole[found.rows] = found.replaced
    np.testing.assert_array_equal(whole, expected.counts)
    np.testing.assert_array_equal(found.finite, expected.finite)
    np.testing.assert_array_equal(found.spikes, expected.spikes)
    np.testing.assert_array_equal(found.negative, expected.negative)
    np.testing.assert_allclose(found.own, expected.own, rtol=1e-12)
    assert found.spikes.any() == enabled
    assert np.may_share_memory(found.block, block)


def test_saturation_is_told_of_rows_that_are_finite():
    block, plan = counts(), plan_of_clean_pixels()
    nothing = np.zeros(FULL.size, dtype=bool)
    plan = replace(plan, faults=DetectorFaults(nothing, nothing, None, (), float(block[6:].max()), ""))
    rows, found = clean_few(block, plan, RECIPE).full
    expected = cleaned(block, plan, RECIPE).saturated
    np.testing.assert_array_equal(rows, np.flatnonzero(expected.any(axis=1)))
    np.testing.assert_array_equal(found, expected[rows])
    assert (rows >= 6).any()


def test_steps_that_are_not_compiled_take_the_numpy_road():
    plan = make_plan(counts(), FULL, RECIPE)
    assert can_be_fused(plan, RECIPE)
    for step in (
        {"background": BackgroundStep(method="likelihood")},
        {"background": BackgroundStep(neighbours=1.0)},
        {"noise": NoiseStep(average=1.0)},
        {"plural_scattering": PluralScatteringStep(method="fourier_ratio")},
    ):
        assert not can_be_fused(plan, replace(RECIPE, **step))


def test_no_pixels():
    block = counts()
    plan = make_plan(block, FULL, RECIPE)
    found = clean_few(block[:0], plan, RECIPE)
    assert found.own.shape == (0,)
    assert found.replaced.shape == (0, FULL.size)
