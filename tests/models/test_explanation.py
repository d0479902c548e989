import itertools
import json
import math

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

import eelsmap
from eelsmap.errors import PixelFlag, RecipeError
from eelsmap.features import feature_names
from eelsmap.models import load_model
from eelsmap.models.alone import alone_names
from eelsmap.models.energy_shares import (
    bin_boundaries,
    edge_columns,
    place_aligned,
    share_over_energies,
    usual_shares,
)
from eelsmap.models.explanation import explain, explain_stack, tree_shap
from eelsmap.models.explanation_check import replacement_agreement
from eelsmap.recipe import FeatureStep, Recipe
from tests.models.small_model import small_model, stack


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return small_model(tmp_path_factory.mktemp("small") / "model")


@pytest.fixture(scope="module")
def shipped():
    return load_model("nmc")


def expected_given(node, row, known):
    """Path-dependent conditional expectation of one tree: unknown features follow the cover of the training rows."""
    if "leaf" in node:
        return node["leaf"]
    yes, no = (next(child for child in node["children"] if child["nodeid"] == node[way]) for way in ("yes", "no"))
    feature = int(node["split"].removeprefix("f"))
    if feature in known:
        return expected_given(yes if row[feature] < node["split_condition"] else no, row, known)
    total = yes["cover"] + no["cover"]
    return (yes["cover"] * expected_given(yes, row, known) + no["cover"] * expected_given(no, row, known)) / total


def test_tree_shap_is_the_shapley_value_by_its_definition():
    random = np.random.default_rng(0)
    table = random.normal(size=(400, 4)).astype(np.float32)
    label = table[:, 0] * table[:, 1] + np.sin(table[:, 2]) + 0.1 * table[:, 3]
    settings_ = {"max_depth": 3, "nthread": 1, "base_score": 0.3}
    booster = xgboost.train(settings_, xgboost.DMatrix(table, label=label), num_boost_round=3)
    trees = [json.loads(text) for text in booster.get_dump(with_stats=True, dump_format="json")]
    for row in table[:5]:

        def value(known, row=row):
            return 0.3 + sum(expected_given(tree, row, known) for tree in trees)

        shapley = np.zeros(4)
        for feature in range(4):
            others = [other for other in range(4) if other != feature]
            for size in range(4):
                weight = math.factorial(size) * math.factorial(3 - size) / math.factorial(4)
                for known in itertools.combinations(others, size):
                    shapley[feature] += weight * (value({*known, feature}) - value(set(known)))
        found = tree_shap(booster, row[None])[0]
        np.testing.assert_allclose(found[:4], shapley, atol=1e-5)
        assert found[4] == pytest.approx(value(set()), abs=1e-5)


def test_contributions_add_up_to_the_prediction(small):
    for target in small.targets:
        explanation = explain_stack(small, stack(), target, axis_uncertainty=0.7)
        np.testing.assert_allclose(explanation.total(), explanation.value, atol=1e-4)
        assert np.ptp(explanation.value) > 0.1


def test_an_edge_that_is_missing_contributes_by_name_and_at_no_energy(small):
    explanation = explain_stack(small, stack(), "li_content", axis_uncertainty=0.7)
    missing = ~stack().seen
    for index, name in enumerate(small.recipe.used_edges):
        assert not explanation.contributions[name][missing[:, index]].any()
        assert not explanation.others[f"unseen {name}"][~missing[:, index]].any()
        assert np.isnan(explanation.intensity[name][missing[:, index]]).all()
    assert np.abs(explanation.others["unseen O_K"]).max() > 1e-3


def test_contributions_lie_where_the_spectrum_differs_from_the_usual():
    boundaries = bin_boundaries(Recipe())["O_K"]
    centres = (boundaries[1:] + boundaries[:-1]) / 2
    usual = np.full(161, 1.0)
    more, less = np.abs(centres - 530) < 1, np.abs(centres - 550) < 4
    spectrum = usual + 20.0 * more / more.sum() - 20.0 * less / less.sum()
    below = np.searchsorted(boundaries, [540.0])
    carried = share_over_energies(np.ones((1, 1)), below, spectrum[None] / 161, usual / 161)[0]
    assert carried.sum() == pytest.approx(1.0)
    assert carried[np.abs(centres - 530) < 1.2].sum() == pytest.approx(0.5)
    assert carried[centres > 541].sum() == pytest.approx(0.5)
    assert carried.min() >= 0


def test_aligned_bins_are_laid_where_the_maximum_is():
    boundaries = bin_boundaries(Recipe())["Mn_L"]
    centres = (boundaries[1:] + boundaries[:-1]) / 2
    from_maximum = np.arange(-6.75, 19, 0.5)
    contribution = np.zeros((2, from_maximum.size))
    contribution[:, 20] = [1.0, -2.0]
    placed = place_aligned(contribution, from_maximum, np.array([642.0, 645.0]), boundaries)
    np.testing.assert_allclose(placed.sum(axis=1), [1.0, -2.0])
    for row, maximum in zip(placed, (642.0, 645.0), strict=True):
        found = (row * centres).sum() / row.sum()
        assert found == pytest.approx(maximum + from_maximum[20], abs=0.05)


@settings(max_examples=60, deadline=None)
@given(
    bins=st.integers(3, 30),
    seed=st.integers(0, 2**31),
    smoothing=st.sampled_from([0.0, 0.5, 3.0]),
    same=st.booleans(),
)
def test_carrying_to_energies_keeps_every_sum(bins, seed, smoothing, same):
    random = np.random.default_rng(seed)
    shares = random.normal(0.1, 1.0, (3, bins))
    usual = shares[0] if same else random.random(bins)
    below = np.unique(random.integers(1, bins, 5))
    contribution = random.normal(size=(3, below.size))
    carried = share_over_energies(contribution, below, shares, usual, smoothing=smoothing)
    np.testing.assert_allclose(carried.sum(axis=1), contribution.sum(axis=1), atol=1e-9)
    # Nothing is blown up either: no more is carried about than there was.
    assert (np.abs(carried).sum(axis=1) <= np.abs(contribution).sum(axis=1) + 1e-9).all()
    boundaries = np.linspace(600.0, 630.0, bins + 1)
    placed = place_aligned(random.normal(size=(3, 7)), np.arange(7) * 0.5, random.uniform(590, 640, 3), boundaries)
    assert placed.shape == (3, bins)


@pytest.mark.parametrize("stride", [1, 2, 7])
def test_points_lie_at_the_upper_end_of_their_bins(stride):
    recipe = Recipe(features=FeatureStep(stride=stride))
    names = feature_names(recipe)
    for edge in recipe.used_edges:
        columns = edge_columns(names, recipe, edge)
        energies = [float(names[column].split()[2]) for column in columns.points]
        upper = bin_boundaries(recipe)[edge][columns.below]
        np.testing.assert_allclose(upper, np.array(energies) + 0.1, atol=0.006)
        assert names[columns.maximum].split()[1] == edge
        assert len(columns.bins) == columns.from_maximum.size > 40


def test_columns_of_a_specialist_are_found_by_the_same_names():
    recipe = Recipe()
    names = alone_names(recipe.edge_set["Mn_L"])
    columns = edge_columns(names, recipe, "Mn_L")
    assert columns.points == []
    assert len(columns.bins) > 40
    assert edge_columns(names, recipe, "Ni_L").bins == []


def test_the_usual_spectrum_has_the_points_that_the_model_keeps(small):
    stride = small.recipe.features.stride
    for index, shares in enumerate(usual_shares(small).values()):
        curve = np.cumsum(shares)
        assert curve[-1] == pytest.approx(1.0)
        np.testing.assert_allclose(curve[::-1][::stride][::-1][:-1], small.novelty.mean[index], atol=1e-9)


def test_given_spectra_are_explained_as_they_are_predicted(shipped):
    library = eelsmap.load_library("nmc")
    chosen = np.flatnonzero((library.split == "test") & (library.kind == "structure"))[:4]
    spectra = {edge: (library.grids[edge], np.nan_to_num(library.spectra[edge][chosen])) for edge in library.grids}
    explanation = explain(shipped, spectra, "li_content")
    np.testing.assert_allclose(explanation.total(), explanation.value, atol=1e-4)
    table = shipped.predict(spectra)
    np.testing.assert_allclose(np.clip(explanation.value, 0, 1), table["li_content"], atol=1e-5)
    np.testing.assert_array_equal(explanation.flags, table["flags"] & ~np.uint32(PixelFlag.NOVEL))


def test_a_property_without_its_edge_is_not_explained(shipped):
    library = eelsmap.load_library("nmc")
    oxygen = np.nan_to_num(library.spectra["O_K"][:1])
    explanation = explain(shipped, {"O_K": (library.grids["O_K"], oxygen)}, "ni_valence")
    assert np.isnan(explanation.value).all()
    assert not any(values.any() for values in explanation.by_edge().values())


def test_a_valence_from_one_edge_alone_is_explained_by_its_specialist(shipped):
    library = eelsmap.load_library("nmc")
    chosen = np.flatnonzero((library.split == "test") & (library.kind == "structure") & (library.atoms["Mn"] > 0))[:3]
    spectra = {"Mn_L": (library.grids["Mn_L"], library.spectra["Mn_L"][chosen])}
    explanation = explain(shipped, spectra, "mn_valence")
    np.testing.assert_allclose(explanation.total(), explanation.value, atol=1e-4)
    table = shipped.predict(spectra)
    np.testing.assert_allclose(np.clip(explanation.value, 2, 4), table["mn_valence"], atol=1e-4)
    assert np.abs(explanation.contributions["Mn_L"]).sum() > 0.1


def test_an_unknown_property_names_those_there_are(small):
    with pytest.raises(RecipeError, match="no property 'voltage'; it has li_content"):
        explain_stack(small, stack(), "voltage", axis_uncertainty=0.7)


def test_carried_contributions_tell_better_what_a_change_does_than_those_left_at_their_features(shipped):
    found = replacement_agreement(shipped, eelsmap.load_library("nmc"), "li_content", rows=150)
    assert found["carried"] > 0.3
    assert found["windows"] > 100
