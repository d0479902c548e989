"""Boosted trees from bytes that nobody vouches for: looked through before XGBoost sees them.

XGBoost follows the numbers of a file as they stand. In XGBoost 3.2 a child or a feature out of range, a node that is
its own child, a tree that states the place of another, vectors for leaves or a booster of another kind end the process
(segmentation fault), and an absurd number of outputs keeps it busy for minutes. So trees are handed over only when
every node is reached exactly once from its root, every number is finite and everything fits everything else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import BundleError
from eelsmap.models.ubjson import UbjsonError, read_ubjson

if TYPE_CHECKING:
    from xgboost import Booster

__all__ = ["check_trees", "load_booster"]

OBJECTIVES = frozenset(
    {"reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:quantileerror", "binary:logistic",
     "binary:logitraw", "multi:softprob"}
)  # fmt: skip
_MOST_OUTPUTS, _MOST_FEATURES, _DEEPEST = 64, 1_000_000, 64
_ROUNDING = 0.01
_NO_PARENT = (2**31 - 1, -1)
_REAL = {"base_weights": 0, "loss_changes": 0, "split_conditions": 0, "sum_hessian": 0}
_WHOLE = {"left_children": 0, "right_children": 0, "parents": 0, "split_indices": 0, "split_type": 0, "default_left": 0}
_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
_NUMBERS = re.compile(r"\[?[-+0-9.eE]{1,40}(,[-+0-9.eE]{1,40}){0,63}\]?")
_COUNT = re.compile(r"[0-9]{1,9}")


def load_booster(content: bytes, name: str, /, *, outputs: int = 1) -> Booster:
    """Check trees and load them for use in one thread.

    Parameters
    ----------
    content
        XGBoost model, UBJSON.
    name
        Said in messages, for instance ``"model.zip: li_content.ubj"``.
    outputs
        How many numbers the trees must give for a spectrum.

    Returns
    -------
    xgboost.Booster
        Ready to predict.

    Raises
    ------
    BundleError
        The trees cannot be used safely; the message says why.
    """
    import xgboost

    check_trees(content, name, outputs=outputs)
    booster = xgboost.Booster({"nthread": 1})
    try:
        booster.load_model(bytearray(content))
    except xgboost.core.XGBoostError as error:
        raise BundleError(f"{name}: XGBoost refuses the trees: {str(error).strip().splitlines()[0]}") from error
    # Blocks run side by side already; threads inside a block would only fight.
    booster.set_param({"nthread": 1})
    return booster


def check_trees(content: bytes, name: str, /, *, outputs: int = 1) -> dict[str, int]:
    """Check boosted trees without XGBoost; parameters and errors as for :func:`load_booster`.

    Returns
    -------
    dict
        ``features``, ``outputs``, ``trees``, ``nodes`` and ``depth``.
    """
    try:
        document = read_ubjson(content)
        found = _checked_document(document)
    except UbjsonError as error:
        raise BundleError(f"{name}: not the trees of a model: {error}") from error
    if found["outputs"] != outputs:
        raise BundleError(f"{name}: the trees give {found['outputs']} numbers instead of {outputs}")
    return found


def _require(condition: object, reason: str) -> None:
    """Raise with a reason."""
    if not condition:
        raise UbjsonError(reason)


def _part(content: Any, where: str, needed: str, optional: str = "") -> dict[str, Any]:
    """Return a mapping that holds all needed keys and no others but optional ones."""
    _require(isinstance(content, dict), f"{where} is not a mapping")
    missing = set(needed.split()) - set(content)
    unknown = set(content) - set(needed.split()) - set(optional.split())
    _require(not missing, f"{where} lacks {', '.join(sorted(missing))}")
    _require(not unknown, f"{where} holds unknown {', '.join(sorted(map(repr, unknown)))}")
    return dict(content)


def _count(content: dict[str, Any], key: str, most: int) -> int:
    """Return a number that is written as text."""
    text = content[key]
    _require(isinstance(text, str) and _COUNT.fullmatch(text), f"{key} is no number")
    _require(int(text) <= most, f"{key} is {text}; {most} is the most that is read")
    return int(text)


def _whole_list(values: Any, name: str) -> NDArray[np.int64]:
    """Array of whole numbers from a list or an array."""
    if isinstance(values, np.ndarray):
        _require(values.dtype.kind in "iu", f"{name} holds no whole numbers")
        return values.astype(np.int64)
    _require(isinstance(values, list) and all(type(value) is int for value in values), f"{name} holds no whole numbers")
    return np.array(values, dtype=np.int64)


def _checked_document(document: Any) -> dict[str, int]:
    """Check a whole model; return its sizes."""
    learner = _part(
        _part(document, "the file", "learner version")["learner"],
        "learner",
        "feature_names feature_types gradient_booster learner_model_param objective",
        "attributes",
    )
    attributes = learner.get("attributes", {})
    plain = isinstance(attributes, dict) and all(isinstance(value, str) for value in attributes.values())
    _require(plain, "attributes hold more than text")
    for key in ("feature_names", "feature_types"):
        _require(len(_as_list(learner[key], key)) == 0, f"{key} is not empty")
    features, outputs = _checked_parameters(learner["learner_model_param"])
    _checked_objective(learner["objective"])
    booster = _part(learner["gradient_booster"], "gradient_booster", "model name")
    _require(booster["name"] == "gbtree", f"the booster is {booster['name']!r}, not 'gbtree'")
    model = _part(booster["model"], "model", "gbtree_model_param tree_info trees", "cats iteration_indptr")
    for key, value in _part(model.get("cats", {}), "cats", "", "enc feature_segments sorted_idx").items():
        _require(len(_as_list(value, key)) == 0, "there are categories, which are not read")
    parameters = _part(model["gbtree_model_param"], "gbtree_model_param", "num_trees", "num_parallel_tree")
    trees = _as_list(model["trees"], "trees")
    _require(_count(parameters, "num_trees", 10**6) == len(trees) > 0, "num_trees is not the number of trees")
    if "num_parallel_tree" in parameters:
        _require(_count(parameters, "num_parallel_tree", 1) == 1, "num_parallel_tree is not 1")
    info = _whole_list(model["tree_info"], "tree_info")
    _require(
        info.size == len(trees) and ((info >= 0) & (info < outputs)).all(), "tree_info does not fit trees and outputs"
    )
    if "iteration_indptr" in model:
        starts = _whole_list(model["iteration_indptr"], "iteration_indptr")
        fits = starts.size > 1 and starts[0] == 0 and starts[-1] == len(trees) and (np.diff(starts) > 0).all()
        _require(fits, "iteration_indptr does not fit the trees")
    nodes, depth = _checked_trees(trees, features)
    return {"features": features, "outputs": outputs, "trees": len(trees), "nodes": nodes, "depth": depth}


def _as_list(values: Any, name: str) -> Any:
    """Return a list or an array, or refuse anything else."""
    _require(isinstance(values, list | np.ndarray), f"{name} is not a list")
    return values


def _checked_parameters(content: Any) -> tuple[int, int]:
    """Numbers of features and of outputs."""
    needed = "base_score num_class num_feature"
    parameters = _part(content, "learner_model_param", needed, "boost_from_average num_target")
    features = _count(parameters, "num_feature", _MOST_FEATURES)
    classes = _count(parameters, "num_class", _MOST_OUTPUTS)
    targets = _count(parameters, "num_target", _MOST_OUTPUTS) if "num_target" in parameters else 1
    outputs = max(classes, targets, 1)
    _require(features > 0, "there are no features")
    _require(classes == 0 or targets <= 1, "there are classes and targets at once")
    if "boost_from_average" in parameters:
        _count(parameters, "boost_from_average", 1)
    scores = _numbers(parameters["base_score"], "base_score")
    _require(scores.size in (1, outputs), "base_score does not fit the outputs")
    return features, outputs


def _numbers(text: Any, name: str) -> NDArray[np.float64]:
    """Finite numbers written as text, in brackets or alone."""
    _require(isinstance(text, str) and _NUMBERS.fullmatch(text), f"{name} is no number")
    try:
        values = np.array([float(part) for part in text.strip("[]").split(",")])
    except ValueError:
        values = np.array([np.nan])
    _require(np.isfinite(values).all(), f"{name} is no number")
    return values


def _checked_objective(content: Any) -> None:
    """Check the name of the objective and that its parameters are numbers."""
    _require(isinstance(content, dict) and isinstance(content.get("name"), str), "the objective has no name")
    _require(content["name"] in OBJECTIVES, f"the objective {content['name']!r} is not read")
    for name, parameters in content.items():
        if name != "name":
            _require(isinstance(parameters, dict), f"{name} is not a mapping")
            for key, value in parameters.items():
                _numbers(value, key)


def _checked_trees(trees: Any, features: int) -> tuple[int, int]:
    """Check all trees at once; return their number of nodes and the depth of the deepest."""
    keys = " ".join([*_REAL, *_WHOLE, *_CATEGORIES, "tree_param", "id"])
    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in (*_REAL, *_WHOLE)}
    sizes = np.zeros(len(trees), dtype=np.int64)
    for number, tree in enumerate(trees):
        content = _part(tree, f"tree {number}", keys)
        # XGBoost puts a tree at the place that it states, and leaves nothing at places that none states.
        _require(type(content["id"]) is int and content["id"] == number, f"tree {number} states another place")
        parameters = _part(
            content["tree_param"], f"tree_param of tree {number}", "num_nodes num_feature size_leaf_vector",
            "num_deleted",
        )  # fmt: skip
        size = sizes[number] = _count(parameters, "num_nodes", 2**24)
        _require(size > 0, f"tree {number} has no nodes")
        _require(_count(parameters, "num_feature", _MOST_FEATURES) == features, f"tree {number} reads other features")
        _require(_count(parameters, "size_leaf_vector", 1) <= 1, f"tree {number} has vectors for leaves")
        _require(_count(parameters, "num_deleted", 2**24) == 0 if "num_deleted" in parameters else True,
                 f"tree {number} holds deleted nodes")  # fmt: skip
        for name in _CATEGORIES:
            _require(len(_as_list(content[name], name)) == 0, "there are categories, which are not read")
        for name, kind in [*((name, "f") for name in _REAL), *((name, "iu") for name in _WHOLE)]:
            values = content[name]
            fits = isinstance(values, np.ndarray) and values.dtype.kind in kind and values.size == size
            _require(fits, f"{name} of tree {number} does not fit its {size} nodes")
            columns[name].append(values)
    table = {name: np.concatenate(values) for name, values in columns.items()}
    for name in _REAL:
        _require(np.isfinite(table[name]).all(), f"{name} holds numbers that are not finite")
    _require((table["split_type"] == 0).all(), "there are categories, which are not read")
    _require((table["default_left"] <= 1).all(), "default_left holds more than 0 and 1")
    whole = {name: table[name].astype(np.int64) for name in _WHOLE}
    return int(sizes.sum()), _checked_nodes(whole, table["sum_hessian"].astype(np.float64), sizes, features)


def _checked_nodes(
    table: dict[str, NDArray[np.int64]], weight: NDArray[np.float64], sizes: NDArray[np.int64], features: int
) -> int:
    """Check that every node is reached exactly once from the root of its tree; return the greatest depth."""
    first = np.cumsum(sizes) - sizes
    offset = np.repeat(first, sizes)
    size = np.repeat(sizes, sizes)
    left, right, parents = table["left_children"], table["right_children"], table["parents"]
    leaf = left == -1
    _require((leaf == (right == -1)).all(), "a node has one child")
    inner = np.flatnonzero(~leaf)
    for child in (left[inner], right[inner]):
        _require(((child > 0) & (child < size[inner])).all(), "a child is not in its tree")
        _require((parents[child + offset[inner]] == inner - offset[inner]).all(), "a child has another parent")
    children = weight[left[inner] + offset[inner]] + weight[right[inner] + offset[inner]]
    fits = (weight > 0).all() and (np.abs(children - weight[inner]) <= _ROUNDING * weight[inner]).all()
    _require(fits, "sum_hessian of children does not add up to that of their parent")
    index = table["split_indices"][inner]
    _require(((index >= 0) & (index < features)).all(), f"a split reads a feature beyond the {features} that there are")
    _require(np.isin(parents[first], _NO_PARENT).all(), "a root has a parent")
    visits = np.zeros(left.size, dtype=np.int64)
    level, depth = first, 0
    while True:
        # Counted one by one: a node that is reached twice at once must not count as one.
        np.add.at(visits, level, 1)
        _require(visits.max() == 1, "a node is reached twice")
        level = level[~leaf[level]]
        if level.size == 0:
            break
        depth += 1
        _require(depth <= _DEEPEST, f"trees are deeper than {_DEEPEST}")
        level = np.concatenate([left[level] + offset[level], right[level] + offset[level]])
    _require(visits.min() == 1, "a node is not reached from its root")
    return depth
