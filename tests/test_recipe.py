import json

import pytest

from eelsmap import NMC_EDGES, Recipe
from eelsmap.edges import Edge, EdgeSet, Line
from eelsmap.errors import RecipeError
from eelsmap.recipe import BackgroundStep, FeatureStep, QualityStep, SpikeStep


def test_a_recipe_survives_json():
    recipe = Recipe(features=FeatureStep(edges=("O_K",), stride=2), spikes=SpikeStep(enabled=False))
    back = Recipe.from_dict(json.loads(recipe.to_json()))
    assert back == recipe
    assert back.sha256 == recipe.sha256


def test_any_change_changes_the_hash():
    assert Recipe().sha256 != Recipe(quality=QualityStep(minimum_snr=6)).sha256
    assert Recipe().sha256 != Recipe().with_axis_mode("none").sha256


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SpikeStep(threshold=1), "spikes: threshold = 1"),
        (lambda: BackgroundStep(bins=2), "background: bins = 2"),
        (lambda: QualityStep(minimum_relative_counts=1.5), "minimum_relative_counts"),
        (lambda: FeatureStep(kind="magic"), "features: kind = 'magic'"),
        (lambda: Recipe(features=FeatureStep(edges=("Fe_L",))), "no edge 'Fe_L'"),
        (lambda: Recipe.from_dict({"edge_set": NMC_EDGES.to_dict()}), "no recipe of this version"),
        (lambda: EdgeSet("empty", ()), "at least one edge"),
        (lambda: EdgeSet("twice", (NMC_EDGES["O_K"],) * 2), "names an edge twice"),
        (lambda: EdgeSet("backwards", NMC_EDGES.edges[::-1]), "rising onset"),
    ],
)
def test_unusable_values_are_named(make, words):
    with pytest.raises(RecipeError, match=words):
        make()


def test_an_edge_refuses_windows_out_of_order():
    line = Line("L3", 708.0, 3.0)
    with pytest.raises(RecipeError, match="edge Fe_L: background"):
        Edge("Fe_L", "Fe", "L3", 708, (690, 715), (700, 730), (line,), (705, 715), 725)


def test_every_window_of_the_nmc_set_holds_its_lines():
    for edge in NMC_EDGES:
        for line in edge.lines:
            assert edge.near_edge[0] < line.energy < edge.near_edge[1]
    assert NMC_EDGES.grids().shape == (4, 161)
