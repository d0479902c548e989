import os
import pickle
import subprocess
import sys
import threading
from functools import cache

import llvmlite.binding
import numba
import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.models import fast_trees
from eelsmap.models.fast_trees import FastTrees, TreesByWidth
from eelsmap.models.model_loading import load_model
from eelsmap.models.ubjson import read_ubjson
from tests.models.small_model import features
from tests.models.ubjson_writer import write_ubjson

WIDTH = 21
TREES = {
    "plain": {"objective": "reg:squarederror", "max_depth": 5},
    "absolute": {"objective": "reg:absoluteerror", "max_depth": 4},
    "huber": {"objective": "reg:pseudohubererror", "max_depth": 3},
    "quantile": {"objective": "reg:quantileerror", "quantile_alpha": 0.7, "max_depth": 3},
    "odds": {"objective": "binary:logistic", "max_depth": 6},
    "raw odds": {"objective": "binary:logitraw", "max_depth": 3},
    "shallow": {"objective": "reg:squarederror", "max_depth": 2},
    "too deep": {"objective": "reg:squarederror", "max_depth": 9, "min_child_weight": 0},
    "lossguide": {"objective": "reg:squarederror", "max_depth": 6, "max_leaves": 9, "grow_policy": "lossguide"},
    "fine": {"objective": "reg:squarederror", "max_depth": 6, "max_bin": 1000, "min_child_weight": 8,
             "subsample": 0.5, "eta": 0.8},
    "stump": {"objective": "reg:squarederror", "max_depth": 3, "gamma": 1e9},
    "dart": {"booster": "dart", "objective": "reg:squarederror", "max_depth": 3, "rate_drop": 0.5},
}  # fmt: skip
LAID_OUT = {"plain", "absolute", "huber", "odds", "shallow", "lossguide", "fine", "stump"}


@cache
def table(rows=1500):
    """Features with gaps; the last is never missing, and one takes few values."""
    random = np.random.default_rng(3)
    values = random.normal(size=(rows, WIDTH)).astype(np.float32)
    values[:, 2] = np.round(values[:, 2])
    values[:, 3] *= np.float32(1e-41)
    values[:, 4] *= np.float32(1e30)
    values[:, :-1][random.random((rows, WIDTH - 1)) < 0.15] = np.nan
    return values


@cache
def boosters():
    """One booster of every kind."""
    values = table()
    label = np.nan_to_num(values[:, 0]) + np.nan_to_num(values[:, 1]) * values[:, -1] + 0.3 * np.isnan(values[:, 5])
    result = {}
    for name, own in TREES.items():
        odds = own["objective"].startswith("binary")
        target = label > 0.8 if odds else label
        seen = values
        if name == "fine":
            # All on one feature, which so gets more thresholds than a byte counts.
            target, seen = np.nan_to_num(np.sin(60 * values[:, 0])), values.copy()
            seen[:, 1:] = np.nan
        matrix = xgboost.DMatrix(seen, label=target, nthread=1)
        trained = xgboost.train({"nthread": 1, "seed": 1, "max_bin": 64, **own}, matrix, num_boost_round=25)
        result[name] = xgboost.Booster({"nthread": 1}, model_file=bytearray(trained.save_raw("ubj")))
    return result


@cache
def laid_out():
    return FastTrees.of(boosters(), WIDTH)


@cache
def splits():
    """Every number that a feature is compared with."""
    parts = [np.zeros(0, np.float32)]
    for booster in boosters().values():
        learner = read_ubjson(bytes(booster.save_raw("ubj")))["learner"]["gradient_booster"]
        trees = learner.get("gbtree", learner)["model"]["trees"]
        parts += [tree["split_conditions"][tree["left_children"] >= 0].astype(np.float32) for tree in trees]
    return np.unique(np.concatenate(parts))


def margins(matrix, names=None):
    names = list(boosters()) if names is None else names
    return np.stack([boosters()[name].inplace_predict(matrix, predict_type="margin") for name in names], axis=1)


def agree(matrix, trees=None):
    found = (laid_out() if trees is None else trees).predict(matrix)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, margins(matrix), rtol=0, atol=1e-6)


def test_what_is_laid_out():
    assert set(laid_out().layout.trees) == LAID_OUT
    ranks = laid_out().layout.ranks
    assert np.bincount(ranks.feature)[0] > 1
    assert set(ranks.levels) == {5, 7, 8}


def test_margins_are_those_of_xgboost():
    agree(table())
    plain = list(LAID_OUT - {"odds"})
    np.testing.assert_array_equal(laid_out().predict(table(), plain), margins(table(), plain))


def test_values_at_the_thresholds_and_beside_them():
    random = np.random.default_rng(0)
    near = np.concatenate([splits(), np.nextafter(splits(), np.float32(np.inf)),
                           np.nextafter(splits(), np.float32(-np.inf))])  # fmt: skip
    odd = np.float32([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1e-40, 3.4e38, -3.4e38])
    for numbers in (near, odd, np.concatenate([near, odd])):
        agree(random.choice(numbers, (700, WIDTH)))


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_any_rows(data):
    rows = data.draw(st.integers(1, 5))
    number = st.floats(width=32) | st.sampled_from(list(map(float, splits())))
    values = data.draw(st.lists(number, min_size=rows * WIDTH, max_size=rows * WIDTH))
    agree(np.array(values, dtype=np.float32).reshape(rows, WIDTH))


@pytest.mark.parametrize("rows", [0, 1, 63, 64, 65, 511, 512, 513])
def test_any_number_of_rows(rows):
    found = laid_out().predict(table()[:rows])
    assert found.shape == (rows, len(TREES))
    if rows:
        agree(table()[:rows])
    np.testing.assert_array_equal(found, laid_out().predict(table())[:rows])


def test_every_layout_of_memory():
    values = table()[:100]
    wanted = laid_out().predict(values)
    for other in (np.asfortranarray(values), values.astype(np.float64), np.repeat(values, 2, axis=0)[::2]):
        np.testing.assert_array_equal(laid_out().predict(other), wanted)
    frozen = values.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(laid_out().predict(frozen), wanted)


def test_from_another_process():
    # As distributed sends arrays: beside the pickle, read-only where they arrive.
    buffers = []
    sent = pickle.dumps(laid_out(), protocol=5, buffer_callback=buffers.append)
    received = pickle.loads(sent, buffers=[bytes(part.raw()) for part in buffers])  # noqa: S301
    assert not received.layout.trees["plain"].leaf.flags.writeable
    np.testing.assert_array_equal(received.predict(table()), laid_out().predict(table()))


def test_some_names_and_values():
    found = laid_out().predict(table(), ["odds", "raw odds", "plain"], as_value={"odds", "plain"})
    for column, name in enumerate(("odds", "raw odds", "plain")):
        kind = "margin" if name == "raw odds" else "value"
        wanted = boosters()[name].inplace_predict(table(), predict_type=kind)
        np.testing.assert_allclose(found[:, column], wanted, rtol=0, atol=1e-6)
    assert (found[:, 0] > 0).all()
    assert (found[:, 0] < 1).all()
    assert laid_out().predict(table(), []).shape == (len(table()), 0)


def test_trees_that_never_split():
    alone = FastTrees.of({"stump": boosters()["stump"]}, WIDTH)
    assert alone.layout.ranks.feature.size == 0
    np.testing.assert_array_equal(alone.predict(table())[:, 0], margins(table(), ["stump"])[:, 0])


def test_another_number_of_features_is_refused():
    with pytest.raises(ValueError, match="21 features instead of 20"):
        FastTrees.of(boosters(), 20)
    for wrong in (table()[:, :-1], table()[0]):
        with pytest.raises(ValueError, match=r"where \(n, 21\) is read"):
            laid_out().predict(wrong)


class Doctored:
    """A booster whose nodes were changed."""

    def __init__(self, key, value):
        document = read_ubjson(bytes(boosters()["plain"].save_raw("ubj")))
        tree = document["learner"]["gradient_booster"]["model"]["trees"][3]
        tree[key] = tree[key].copy()
        tree[key][0] = value
        self.content = write_ubjson(document)

    def num_features(self):
        return WIDTH

    def save_raw(self, kind):
        return self.content


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [("left_children", 10**8, "child"), ("right_children", -7, "child"), ("split_indices", WIDTH, "feature"),
     ("split_indices", -1, "feature")],
)  # fmt: skip
def test_nodes_that_do_not_exist_are_refused(key, value, what):
    with pytest.raises(ValueError, match=f"trees of it name a {what} that does not exist"):
        FastTrees.of({"it": Doctored(key, value)}, WIDTH)


@pytest.mark.parametrize(("key", "value"), [("left_children", 0), ("split_conditions", np.nan), ("split_type", 1)])
def test_what_only_xgboost_can_read_is_left_to_it(key, value):
    assert not FastTrees.of({"it": Doctored(key, value)}, WIDTH).layout.trees


def test_threads_side_by_side():
    wanted = laid_out().predict(table())
    found = {}

    def work(number):
        found[number] = [laid_out().predict(table()) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for results in found.values():
        for result in results:
            np.testing.assert_array_equal(result, wanted)


def test_without_numba_xgboost_answers(monkeypatch):
    monkeypatch.setattr(fast_trees, "_compiled", [None])
    np.testing.assert_array_equal(laid_out().predict(table()), margins(table()))


def test_shipped_model_on_features_and_noise():
    model = load_model("nmc")
    trees = TreesByWidth(model.boosters)
    random = np.random.default_rng(5)
    rows = features()
    mixed = np.where(random.random(rows.shape) < 0.3, random.permutation(rows.ravel()).reshape(rows.shape), rows)
    for width, matrix in (
        (rows.shape[1], np.concatenate([rows, mixed])),
        (85, random.normal(0, 0.1, (500, 85)).astype(np.float32)),
    ):
        names = [name for name, booster in model.boosters.items() if booster.num_features() == width]
        assert names
        wanted = np.stack([model.boosters[name].inplace_predict(matrix, predict_type="margin") for name in names], 1)
        np.testing.assert_allclose(trees.predict(matrix, names), wanted, rtol=0, atol=1e-6)
        assert set(FastTrees.of({name: model.boosters[name] for name in names}, width).layout.trees) == set(names)


SCRIPT = """
import sys
import numpy as np, xgboost
from eelsmap.models.fast_trees import FastTrees, _kernels
values = np.random.default_rng(0).normal(size=(200, 7)).astype(np.float32)
values[::9, 2] = np.nan
matrix = xgboost.DMatrix(values, label=values[:, 0] * values[:, 1], nthread=1)
trees = {d: xgboost.train({"max_depth": d, "nthread": 1}, matrix, num_boost_round=20) for d in (2, 5, 6)}
fast = FastTrees.of(trees, 7)
assert set(fast.layout.trees) == set(trees) and _kernels() is not None
for column, booster in enumerate(trees.values()):
    assert np.array_equal(fast.predict(values)[:, column], booster.inplace_predict(values))
"""


@pytest.mark.parametrize("features", ["", "+avx,+avx2,+sse4.2"], ids=["a plain processor", "half as wide vectors"])
def test_on_another_processor(features, tmp_path):
    if features and not llvmlite.binding.get_host_cpu_features().get("avx2", False):
        pytest.skip("this processor does not have AVX2")
    kind = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": features, "NUMBA_CACHE_DIR": str(tmp_path)}
    call = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(call, env={**os.environ, **kind}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert any(tmp_path.rglob("*.nbi"))


def test_compiled_where_nothing_can_be_kept_on_disk():
    names = {}
    exec(compile("def double(values):\n    values *= 2\n", "<no file>", "exec"), names)  # noqa: S102
    with pytest.raises(RuntimeError, match="cannot cache"):
        numba.njit(cache=True)(names["double"])
    values = np.ones(3)
    fast_trees._compile(names["double"], "void(float64[:])")(values)
    assert (values == 2).all()
