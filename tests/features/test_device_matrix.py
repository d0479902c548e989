import warnings
from dataclasses import replace

import numpy as np
import pytest

import eelsmap
from eelsmap.edges import NMC_EDGES
from eelsmap.features import (
    cumulative_distribution,
    feature_matrix,
    feature_names,
    oxygen_edge_features,
    white_line_features,
)
from eelsmap.features.device_arrays import array_module, to_host
from eelsmap.features.device_choice import device_module
from eelsmap.features.device_matrix import device_matrix
from eelsmap.phantom import Microscope
from eelsmap.preprocess import extract_edges, make_plan
from eelsmap.recipe import Recipe
from tests.devices import KINDS, use


@pytest.fixture(scope="module")
def stack():
    """Edges of a phantom's pixels: vacuum, thin and thick ones, and some that show a single edge."""
    signal = eelsmap.make_phantom((12, 16), microscope=Microscope(counts=3e5)).signal()
    energy = signal.axes_manager.signal_axes[0].axis
    block = np.asarray(signal.data, dtype=np.float64).reshape(-1, energy.size)
    block[::7, energy > 600] = block[::7, np.searchsorted(energy, 590)][:, None] * (energy[energy > 600] / 590) ** -3
    block[5, 100] = np.nan
    found = extract_edges(block, make_plan(block, energy, Recipe()), Recipe())
    assert found.weak.any()
    assert (found.seen.sum(axis=1) == 4).any()
    return found


RECIPES = {
    "usual": Recipe(),
    "two edges, every point": replace(Recipe(), features=replace(Recipe().features, edges=("O_K", "Ni_L"), stride=1)),
    "distributions alone": replace(
        Recipe(), features=replace(Recipe().features, aligned=False, relative_intensity=False)
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_features_are_those_of_the_compiled_road(stack, recipe, kind, monkeypatch):
    module = device_module(use(kind, monkeypatch))
    found = device_matrix(stack, recipe, module, axis_uncertainty=0.4)
    assert array_module(found) is module
    assert found.dtype == np.float32
    expected = feature_matrix(stack, recipe, axis_uncertainty=0.4)
    assert expected.shape == (len(stack.net), len(feature_names(recipe)))
    np.testing.assert_allclose(to_host(found), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_absent_edges_and_rows_without_sense_are_told_as_the_compiled_road_tells_them(stack, kind, monkeypatch):
    module = device_module(use(kind, monkeypatch))
    net, snr, weak, coverage = stack.net.copy(), stack.snr.copy(), stack.weak.copy(), stack.coverage.copy()
    net[:, 2], snr[:, 2], weak[:, 2], coverage[2] = np.nan, np.nan, False, 0.0
    net[0], net[1] = 0.0, np.nan
    weak[3] = True
    odd = stack._replace(net=net, snr=snr, weak=weak, coverage=coverage)
    uncertainty = np.where(np.arange(len(net)) % 2, 0.3, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = to_host(device_matrix(odd, Recipe(), module, axis_uncertainty=uncertainty))
        expected = feature_matrix(odd, Recipe(), axis_uncertainty=uncertainty)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    # Trees split at the very numbers that stand for an absent edge.
    absent = slice(0, feature_names(Recipe()).index("log_snr O_K") // 4)
    np.testing.assert_array_equal(found[3, absent], expected[3, absent])


@pytest.mark.parametrize("kind", KINDS[1:])
@pytest.mark.parametrize("edge", list(NMC_EDGES), ids=NMC_EDGES.names)
def test_features_of_an_edge_on_a_device_are_those_of_numpy(stack, edge, kind, monkeypatch):
    module = device_module(use(kind, monkeypatch))
    net = stack.net[:, NMC_EDGES.index(edge.name)]
    aligned = oxygen_edge_features if edge.subshell == "K" else white_line_features
    moved = module.asarray(net)
    np.testing.assert_allclose(to_host(aligned(moved, edge)), aligned(net, edge), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        to_host(cumulative_distribution(moved, stride=3)), cumulative_distribution(net, stride=3), rtol=1e-6, atol=1e-9
    )
