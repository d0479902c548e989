import copy

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.errors import BundleError
from eelsmap.models import trees as trees_module
from eelsmap.models import ubjson
from eelsmap.models.trees import check_trees, load_booster
from eelsmap.models.ubjson import UbjsonError, read_ubjson
from tests.models.small_model import features, small_parts
from tests.models.ubjson_writer import write_ubjson

TREES = small_parts()[1]["li_content.ubj"]
WIDTH = features().shape[1]


def changed(change):
    """Bytes of the small trees after a change of the parsed document."""
    document = copy.deepcopy(read_ubjson(TREES))
    learner = document["learner"]
    model = learner["gradient_booster"]["model"]
    for tree in model["trees"]:
        for name, values in tree.items():
            if isinstance(values, np.ndarray):
                tree[name] = values.copy()
    change(learner, model, model["trees"][0])
    return write_ubjson(document)


def put(name, node, value):
    def change(learner, model, tree):
        tree[name][node] = value

    return change


def setting(path, key, value):
    def change(learner, model, tree):
        part = {"learner": learner, "model": model, "tree": tree}[path[0]]
        for name in path[1:]:
            part = part[name]
        part[key] = value

    return change


def root_alone(learner, model, tree):
    for name, values in tree.items():
        if isinstance(values, np.ndarray):
            tree[name] = values[:0]
    tree["tree_param"]["num_nodes"] = "0"


def loop(learner, model, tree):
    # Two nodes that are each other's parent, apart from the rest.
    tree["left_children"][3], tree["right_children"][3] = 4, 5
    tree["parents"][4] = tree["parents"][5] = 3


PARAMETERS = ("learner", "learner_model_param")
HOSTILE = {
    "a child far away": (put("left_children", 0, 10**8), "not in its tree"),
    "a child just beyond": (put("left_children", 0, 15), "not in its tree"),
    "a negative child": (put("left_children", 0, -5_000_000), "not in its tree"),
    "the root as its child": (put("right_children", 0, 0), "not in its tree"),
    "one child": (put("right_children", 0, -1), "one child"),
    "the same child twice": (put("left_children", 0, 2), "another parent|reached twice|add up"),
    "a loop": (loop, "another parent|reached twice|add up"),
    "another parent": (put("parents", 2, 5), "another parent"),
    "a root with a parent": (put("parents", 0, 3), "root has a parent"),
    "a feature far away": (put("split_indices", 0, 10**8), f"beyond the {WIDTH}"),
    "a feature just beyond": (put("split_indices", 0, WIDTH), f"beyond the {WIDTH}"),
    "a negative feature": (put("split_indices", 0, -1), f"beyond the {WIDTH}"),
    "a condition that is no number": (put("split_conditions", 1, np.nan), "not finite"),
    "an infinite leaf": (put("split_conditions", 14, np.inf), "not finite"),
    "a category": (put("split_type", 0, 1), "categories"),
    "no weight": (put("sum_hessian", 0, 0.0), "add up"),
    "weights that do not add up": (put("sum_hessian", 14, 1e6), "add up"),
    "no nodes": (root_alone, "has no nodes"),
    "fewer nodes than stated": (setting(("tree", "tree_param"), "num_nodes", "16"), "does not fit its 16 nodes"),
    "absurdly many nodes": (setting(("tree", "tree_param"), "num_nodes", "999999999"), "is the most"),
    "more digits than any number": (setting(("tree", "tree_param"), "num_nodes", "9" * 5000), "no number"),
    "vectors for leaves": (setting(("tree", "tree_param"), "size_leaf_vector", "1000000"), "is the most"),
    "deleted nodes": (setting(("tree", "tree_param"), "num_deleted", "1"), "deleted"),
    "a place that another tree has": (setting(("tree",), "id", 1), "another place"),
    "trees of other features": (setting(("tree", "tree_param"), "num_feature", "2"), "other features"),
    "other features": (setting(PARAMETERS, "num_feature", "2"), "other features"),
    "no features": (setting(PARAMETERS, "num_feature", "0"), "no features"),
    "absurdly many outputs": (setting(PARAMETERS, "num_target", "1000000000"), "no number|is the most"),
    "absurdly many classes": (setting(PARAMETERS, "num_class", "99999999"), "is the most"),
    "two outputs": (setting(PARAMETERS, "num_target", "2"), "give 2 numbers instead of 1"),
    "a score that is no number": (setting(PARAMETERS, "base_score", "[nan]"), "no number"),
    "a score beyond all numbers": (setting(PARAMETERS, "base_score", "[1e999]"), "no number"),
    "many scores": (setting(PARAMETERS, "base_score", "[0,0,0]"), "does not fit the outputs"),
    "another objective": (setting(("learner", "objective"), "name", "nonsense"), "'nonsense' is not read"),
    "an objective without parameters": (setting(("learner", "objective"), "reg_loss_param", "x"), "not a mapping"),
    "another booster": (setting(("learner", "gradient_booster"), "name", "dart"), "not 'gbtree'"),
    "names of features": (setting(("learner",), "feature_names", ["a"]), "feature_names is not empty"),
    "attributes of any kind": (setting(("learner",), "attributes", {"a": {"b": "c"}}), "more than text"),
    "more trees than there are": (
        setting(("model", "gbtree_model_param"), "num_trees", "99999"), "not the number of trees",
    ),
    "trees for other outputs": (setting(("model",), "tree_info", [0, 0, 0, 9]), "tree_info does not fit"),
    "rounds beyond the trees": (setting(("model",), "iteration_indptr", [0, 1, 2, 9]), "iteration_indptr"),
    "a part that nobody knows": (setting(("model",), "surprise", "x"), "unknown 'surprise'"),
    "a tree that is a text": (setting(("model",), "trees", ["x"] * 4), "not a mapping"),
    "no trees": (setting(("model",), "trees", []), "not the number of trees"),
}  # fmt: skip


def test_the_writer_writes_what_xgboost_writes():
    assert write_ubjson(read_ubjson(TREES)) == TREES


@pytest.mark.parametrize("name", ["li_content.ubj", "li_content_spread.ubj", "vacancy_probability.ubj"])
def test_trees_that_xgboost_wrote_load_and_predict_the_same(name):
    content = small_parts()[1][name]
    found = check_trees(content, name)
    assert found["features"] == WIDTH
    assert found["trees"] == 4
    assert 1 <= found["depth"] <= 3
    plain = xgboost.Booster()
    plain.load_model(bytearray(content))
    np.testing.assert_array_equal(
        load_booster(content, name).inplace_predict(features()), plain.inplace_predict(features())
    )


@pytest.mark.parametrize(
    ("settings_", "outputs"),
    [
        ({"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.9]}, 2),
        ({"objective": "multi:softprob", "num_class": 3}, 3),
        ({"objective": "reg:pseudohubererror"}, 1),
        ({"objective": "binary:logitraw", "max_depth": 9, "min_child_weight": 1}, 1),
        ({"objective": "reg:squarederror", "gamma": 1.0}, 1),
    ],
)
def test_trees_of_other_objectives_are_read(settings_, outputs):
    label = (np.arange(300) % outputs if outputs == 3 else features()[:, -1] > 1.5).astype(float)
    matrix = xgboost.QuantileDMatrix(features(), label=label)
    booster = xgboost.train({"nthread": 1, "max_depth": 3, **settings_}, matrix, num_boost_round=3)
    content = bytes(booster.save_raw("ubj"))
    assert check_trees(content, "trees", outputs=outputs)["outputs"] == outputs
    if outputs > 1:
        with pytest.raises(BundleError, match=f"give {outputs} numbers instead of 1"):
            check_trees(content, "trees")


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_trees_never_reach_xgboost(case, monkeypatch):
    class Reached(xgboost.Booster):
        def load_model(self, *_):
            raise AssertionError

    monkeypatch.setattr(xgboost, "Booster", Reached)
    change, words = HOSTILE[case]
    with pytest.raises(BundleError, match=words):
        load_booster(changed(change), "trees.ubj")


def test_trees_deeper_than_any_use_are_refused(monkeypatch):
    monkeypatch.setattr(trees_module, "_DEEPEST", 2)
    with pytest.raises(BundleError, match="deeper than 2"):
        check_trees(TREES, "trees.ubj")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "ends early"),
        (b"{", "ends early"),
        (b"\x80\x04pickle", "unknown marker"),
        (b"[#L" + b"\x7f" * 8, "an array of"),
        (b"[$d#L" + b"\x7f" * 8, "ends early"),
        (b"[$d#L" + b"\xff" * 8, "ends early"),
        (b"[$Z#L" + b"\0" * 8, "unknown kind"),
        (b"[i\1]", "without a stated length"),
        (b"[#i\1" * 50, "nested deeper"),
        (b"SL" + b"\x7f" * 8, "a text of"),
        (b"Si\1\xff", "no text"),
        (b"{i\1ai\1i\1ai\2}", "'a' comes twice"),
        (b"i\1i\1", "follow the end"),
        (b"{i\1aN}", "unknown marker"),
    ],
)
def test_what_xgboost_does_not_write_is_not_read(content, words):
    with pytest.raises(UbjsonError, match=words):
        read_ubjson(content)


def test_the_number_of_values_is_limited(monkeypatch):
    monkeypatch.setattr(ubjson, "_VALUES", 5)
    with pytest.raises(UbjsonError, match="more than 5 values"):
        read_ubjson(write_ubjson({"a": {"b": {}, "c": {}}, "d": {}, "e": {}, "f": {}}))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content):
    try:
        read_ubjson(content)
    except UbjsonError:
        return


def test_trees_with_flipped_bytes_are_refused_or_work():
    draw = np.random.default_rng(7)
    worked = 0
    for _ in range(500):
        content = bytearray(TREES)
        for at in draw.integers(0, len(content), draw.choice([1, 1, 2, 4])):
            content[at] = draw.choice([content[at] ^ (1 << draw.integers(8)), draw.integers(256), 0, 255])
        try:
            booster = load_booster(bytes(content), "trees.ubj")
        except BundleError:
            continue
        worked += 1
        table = np.resize(features()[:2], (2, booster.num_features()))
        booster.inplace_predict(table)
        booster.predict(xgboost.DMatrix(table, nthread=1), pred_contribs=True)
    assert 0 < worked < 500
