import json

import numpy as np
import pytest
import xgboost

import eelsmap
from eelsmap.models.device_booster import gpu_booster

WIDTH = 9


def table(rows=400):
    """Features with gaps."""
    random = np.random.default_rng(7)
    values = random.normal(size=(rows, WIDTH)).astype(np.float32)
    values[random.random(values.shape) < 0.1] = np.nan
    return values


def trained(**options):
    """A booster whose labels lie far from zero, so that where a sum begins is seen in its rounding."""
    values = table()
    label = np.nan_to_num(values[:, 0]) + 3.7
    if "logistic" in options["objective"]:
        label = (label > 4.1).astype(np.float32)
    matrix = xgboost.DMatrix(values, label=label, nthread=1)
    depth = {} if options.get("booster") == "gblinear" else {"max_depth": 4}
    return xgboost.train({"nthread": 1, "seed": 0, **depth, **options}, matrix, num_boost_round=60)


def as_a_gpu_adds(booster, values):
    """Margins summed as XGBoost's GPU predictor does: leaves from nothing on, the starting value last."""
    learner = json.loads(booster.save_raw("json"))["learner"]
    start = np.float32(learner["learner_model_param"]["base_score"].strip("[]"))
    if learner["objective"]["name"] == "binary:logistic":
        start = -np.log(np.float32(1) / start - np.float32(1), dtype=np.float32)
    leaf = booster.predict(xgboost.DMatrix(values, nthread=1), pred_leaf=True).astype(int)
    total = np.zeros(len(values), dtype=np.float32)
    for place, tree in enumerate(learner["gradient_booster"]["model"]["trees"]):
        total += np.array(tree["split_conditions"], dtype=np.float32)[leaf[:, place]]
    return start + total


@pytest.mark.parametrize(
    "options", [{"objective": "reg:squarederror"}, {"objective": "binary:logistic", "base_score": 0.3}], ids=str
)
def test_a_gpu_adds_up_what_the_cpu_adds_up(options):
    booster, values = trained(**options), table()
    before = booster.inplace_predict(values, predict_type="margin")
    moved = gpu_booster(booster)
    assert (as_a_gpu_adds(booster, values) != before).any()
    np.testing.assert_array_equal(as_a_gpu_adds(moved, values), before)
    for kind in ("margin", "value"):
        said = booster.inplace_predict(values, predict_type=kind)
        np.testing.assert_array_equal(moved.inplace_predict(values, predict_type=kind), said)
    np.testing.assert_array_equal(booster.inplace_predict(values, predict_type="margin"), before)


def test_boosters_of_a_model_say_the_same():
    random = np.random.default_rng(0)
    boosters = eelsmap.load_model("nmc").boosters
    for name in ("ni_valence", "li_count_spread", "vacancy_probability", "mn_valence_alone"):
        booster = boosters[name]
        values = random.normal(size=(50, booster.num_features())).astype(np.float32)
        said = booster.inplace_predict(values, predict_type="margin")
        moved = gpu_booster(booster)
        np.testing.assert_array_equal(moved.inplace_predict(values, predict_type="margin"), said, err_msg=name)
        np.testing.assert_array_equal(as_a_gpu_adds(moved, values), said, err_msg=name)


@pytest.mark.parametrize(
    "options",
    [
        {"objective": "reg:squarederror", "booster": "dart", "rate_drop": 0.5},
        {"objective": "reg:squarederror", "booster": "gblinear", "updater": "coord_descent"},
        {"objective": "reg:absoluteerror"},
    ],
    ids=str,
)
def test_other_boosters_are_copied_as_they_are(options):
    booster, values = trained(**options), table()
    moved = gpu_booster(booster)
    assert moved is not booster
    said = booster.predict(xgboost.DMatrix(values, nthread=1))
    np.testing.assert_array_equal(moved.predict(xgboost.DMatrix(values, nthread=1)), said)
