"""Boosters whose sums round on a GPU as they do on the CPU.

XGBoost on the CPU begins a sum of leaves with the model's starting value; on a GPU it adds that value at the end. In
float32, over some hundred trees, that moves a valence by up to 5e-6. With the starting value put into the leaves of the
first tree both add the same numbers in the same order.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from xgboost import Booster

__all__ = ["gpu_booster"]

_NOTHING = {"reg:squarederror": "[0E0]", "binary:logistic": "[5E-1]"}
"""By objective: the starting value that adds nothing."""


def gpu_booster(booster: Booster, /) -> Booster:
    """Copy a booster, with its starting value in the leaves of its first tree.

    Parameters
    ----------
    booster
        Any booster, left as it is.

    Returns
    -------
    xgboost.Booster
        Says the same on the CPU, to the bit. A plain copy of kinds of boosters that eelsmap does not train.
    """
    from xgboost import Booster

    content = json.loads(booster.save_raw("json"))
    learner = content["learner"]
    objective, kind = learner["objective"]["name"], learner["gradient_booster"]
    parameters = learner["learner_model_param"]
    start = parameters["base_score"].strip("[]")
    if objective not in _NOTHING or kind["name"] != "gbtree" or "," in start or not kind["model"]["trees"]:
        return booster.copy()
    value = np.float32(start)
    if objective == "binary:logistic":
        value = -np.log(np.float32(1) / value - np.float32(1), dtype=np.float32)
    tree = kind["model"]["trees"][0]
    for node, child in enumerate(tree["left_children"]):
        if child < 0:
            tree["split_conditions"][node] = float(value + np.float32(tree["split_conditions"][node]))
    parameters["base_score"] = _NOTHING[objective]
    copied = Booster({"nthread": 1})
    copied.load_model(bytearray(json.dumps(content).encode()))
    return copied
