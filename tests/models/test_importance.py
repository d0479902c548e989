from itertools import pairwise

import numpy as np
import pytest

import eelsmap
from eelsmap.errors import RecipeError
from eelsmap.features import feature_names
from eelsmap.models import load_model
from eelsmap.models.importance import model_importance
from eelsmap.models.permutation import energy_windows, permutation_importance, with_window
from eelsmap.recipe import Recipe
from tests.models.small_model import small_model, stack


@pytest.fixture(scope="module")
def model():
    return load_model("nmc")


def test_shares_add_up_to_one_over_energies_and_other_features(model):
    importance = model_importance(model, "li_content")
    for by_edge, others in (
        (importance.gain, importance.other_gain), (importance.splits, importance.other_splits)
    ):  # fmt: skip
        assert sum(share.sum() for share in by_edge.values()) + sum(others.values()) == pytest.approx(1.0)
        assert all((share >= 0).all() for share in by_edge.values())


def test_split_counts_are_those_of_the_trees(tmp_path):
    small = small_model(tmp_path / "model")
    importance = model_importance(small, "li_content")
    splits = [
        int(line.split("[f")[1].split("<")[0])
        for tree in small.boosters["li_content"].get_dump()
        for line in tree.splitlines()
        if "[" in line
    ]
    names = feature_names(small.recipe)
    of_edge = [names[feature].startswith(("cdf O_K", "aligned O_K")) for feature in splits]
    assert importance.splits["O_K"].sum() == pytest.approx(np.mean(of_edge))
    for name, share in importance.other_splits.items():
        assert share == pytest.approx(splits.count(names.index(name)) / len(splits))


def test_a_model_loses_most_without_the_edge_that_it_reads(model):
    library = eelsmap.load_library("nmc")
    lithium = permutation_importance(model, library, "li_content", rows=250, repeats=1)
    assert lithium.metric == "RMSE"
    assert set(lithium.by_window) == set(model.recipe.used_edges)
    assert max(lithium.by_group, key=lithium.by_group.get) == "shape O_K"
    total = {name: rises.sum() for name, rises in lithium.by_window.items()}
    assert max(total, key=total.get) == "O_K"


def test_a_class_is_measured_by_its_auroc(tmp_path):
    small = small_model(tmp_path / "model")
    found = permutation_importance(small, eelsmap.load_library("nmc"), "vacancy_probability", rows=100, repeats=1)
    assert found.metric == "1 - AUROC"
    assert 0 <= found.error <= 1


def test_a_window_of_other_spectra_leaves_everything_else_alone():
    net, seen = stack().net, stack().seen[:, 1]
    window = energy_windows(Recipe())["Mn_L"][3]
    partner = np.roll(np.flatnonzero(seen), 1)
    others = net.copy()
    others[seen] = net[partner]
    changed = with_window(net, others, 1, window, seen)
    np.testing.assert_array_equal(changed[~seen], net[~seen])
    np.testing.assert_array_equal(changed[:, [0, 2, 3]], net[:, [0, 2, 3]])
    outside = np.ones(161, dtype=bool)
    outside[window] = False
    np.testing.assert_array_equal(changed[seen, 1][:, outside], net[seen, 1][:, outside])
    share = changed[seen, 1][:, window].sum(axis=1) / net[seen, 1].sum(axis=1)
    np.testing.assert_allclose(share, net[partner, 1][:, window].sum(axis=1) / net[partner, 1].sum(axis=1))
    np.testing.assert_allclose(with_window(net, net, 1, window, seen), net)


def test_windows_cover_each_edge_once():
    for name, windows in energy_windows(Recipe()).items():
        assert windows[0].start == 0, name
        assert windows[-1].stop == 161
        assert all(left.stop == right.start for left, right in pairwise(windows))


def test_an_unknown_property_is_refused(model):
    with pytest.raises(RecipeError, match="no property 'voltage'"):
        model_importance(model, "voltage")
