"""Boosted trees laid out for :mod:`eelsmap.models.fast_trees`: small whole numbers instead of features, padded trees.

A feature matters only through the thresholds that it is compared with. They are sorted over all trees of a model, and a
value becomes the number of thresholds that it reaches: one byte, made once for all properties. ``value < threshold``
becomes ``number < rank of the threshold``, exactly. A byte counts 255 thresholds, so a feature with more is split into
parts; and as a missing value goes to the left at some nodes and to the right at others, each part has a column for
either. (Ranks instead of values are what histograms in XGBoost and LightGBM are made of, in training.)

Trees are padded to full ones of one depth, so that every node is compared and no memory is visited by chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eelsmap.models.ubjson import read_ubjson

if TYPE_CHECKING:
    from xgboost import Booster

__all__ = ["DEEPEST", "LANES", "PaddedTrees", "Ranks", "TreeLayout", "lay_out"]

DEEPEST = 6
"""Deeper trees are not laid out: each level doubles the comparisons."""

LANES = 64
"""Rows that are compared at once."""

_SHALLOWEST = 4
_PLAIN = ("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror")
_BYTE = 255
_LEVELS = np.array([5, 7, 8])


@dataclass(frozen=True)
class Ranks:
    """Thresholds of features, in parts that a byte can count.

    Parameters
    ----------
    feature
        Which feature each part is of, shape (part,).
    levels
        Of the search tree of each part's thresholds, shape (part,).
    first
        Where the search tree of each part begins, shape (part,).
    threshold
        Search trees of 2 ** levels - 1 thresholds, level by level, filled up with NaN, which nothing reaches.
    """

    feature: NDArray[np.int64]
    levels: NDArray[np.int64]
    first: NDArray[np.int64]
    threshold: NDArray[np.float32]


@dataclass(frozen=True)
class PaddedTrees:
    """Trees of one booster.

    Parameters
    ----------
    depth
        Of every tree.
    base
        What the trees are added to.
    logistic
        Whether the sum is the log odds of a class.
    node
        Place of the column in a block of :data:`LANES` rows and the byte, four times, from which on a row goes to the
        right, shape (tree, 2 ** depth - 1, 2), level by level.
    leaf
        From left to right, shape (tree, 2 ** depth).
    """

    depth: int
    base: np.float32
    logistic: bool
    node: NDArray[np.uint32]
    leaf: NDArray[np.float32]


@dataclass(frozen=True)
class TreeLayout:
    """Ranks of all features, and the trees of each booster that could be laid out."""

    ranks: Ranks
    trees: Mapping[str, PaddedTrees]


@dataclass(frozen=True)
class _Nodes:
    """Nodes of all trees of a booster, one after another; ``first`` (tree,) are the roots."""

    base: np.float32
    logistic: bool
    first: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    feature: NDArray[np.int64]
    value: NDArray[np.float32]
    default_left: NDArray[np.bool_]


def lay_out(boosters: Mapping[str, Booster], features: int, /) -> TreeLayout:
    """Lay out boosters that read the same features.

    Parameters
    ----------
    boosters
        Name to booster of one output.
    features
        How many features all of them read.

    Returns
    -------
    TreeLayout
        Without boosters of several outputs, of trees deeper than :data:`DEEPEST`, or of an objective whose margin is
        not the sum of its leaves.

    Raises
    ------
    ValueError
        A booster reads another number of features, or nodes that do not exist.
    """
    found: dict[str, tuple[_Nodes, list[NDArray[np.int64]]]] = {}
    for name, booster in boosters.items():
        if booster.num_features() != features:
            raise ValueError(f"the trees of {name} read {booster.num_features()} features instead of {features}")
        nodes = _nodes(booster, features, name)
        levels = None if nodes is None else _levels(nodes)
        if nodes is not None and levels is not None:
            found[name] = nodes, levels
    every = [nodes for nodes, _ in found.values()]
    inner = [nodes.left >= 0 for nodes in every]
    feature = np.concatenate([np.zeros(0, np.int64), *(n.feature[i] for n, i in zip(every, inner, strict=True))])
    value = np.concatenate([np.zeros(0, np.float32), *(n.value[i] for n, i in zip(every, inner, strict=True))])
    left = np.concatenate([np.zeros(0, np.bool_), *(n.default_left[i] for n, i in zip(every, inner, strict=True))])
    ranks, column, byte = _ranks(feature, value, left)
    trees, done = {}, 0
    for (name, (nodes, levels)), within in zip(found.items(), inner, strict=True):
        part = slice(done, done + int(within.sum()))
        place, least = np.zeros(within.size, np.uint32), np.zeros(within.size, np.uint32)
        place[within], least[within] = column[part] * LANES, byte[part] * 0x01010101
        done = part.stop
        packed = np.stack([place, least], axis=1)
        trees[name] = PaddedTrees(
            len(levels) - 1,
            nodes.base,
            nodes.logistic,
            np.ascontiguousarray(np.concatenate([packed[level] for level in levels[:-1]], axis=1)),
            np.ascontiguousarray(nodes.value[levels[-1]]),
        )
    return TreeLayout(ranks, trees)


def _nodes(booster: Booster, features: int, name: str) -> _Nodes | None:
    """Read the nodes of a booster, or None where its margin is something else than a sum of leaves."""
    learner = read_ubjson(bytes(booster.save_raw("ubj")))["learner"]
    parameters, ensemble = learner["learner_model_param"], learner["gradient_booster"]
    if max(int(parameters["num_class"]), int(parameters.get("num_target", "1"))) > 1 or ensemble["name"] != "gbtree":
        return None
    objective = learner["objective"]["name"]
    logistic = objective == "binary:logistic"
    if not logistic and objective not in _PLAIN:
        return None
    base = np.float32(parameters["base_score"].strip("[]"))
    if logistic:
        base = -np.log(np.float32(1) / base - np.float32(1), dtype=np.float32)
    trees = ensemble["model"]["trees"]
    size = np.array([tree["left_children"].size for tree in trees])
    first = np.cumsum(size) - size
    column = {key: np.concatenate([tree[key] for tree in trees]) for key in (
        "left_children", "right_children", "split_indices", "split_conditions", "default_left", "split_type"
    )}  # fmt: skip
    offset = np.repeat(first, size)
    left, right = column["left_children"].astype(np.int64), column["right_children"].astype(np.int64)
    feature = column["split_indices"].astype(np.int64)
    inner = left >= 0
    end = np.repeat(size, size)[inner]
    for what, number, most in (("child", left[inner], end), ("child", right[inner], end),
                               ("feature", feature[inner], features)):  # fmt: skip
        if not ((number >= 0) & (number < most)).all():
            raise ValueError(f"the trees of {name} name a {what} that does not exist")
    value = column["split_conditions"].astype(np.float32)
    if column["split_type"].any() or np.isnan(value).any():
        return None
    left[inner] += offset[inner]
    right[inner] += offset[inner]
    return _Nodes(np.float32(base), logistic, first, left, right, feature, value, column["default_left"] != 0)


def _levels(nodes: _Nodes) -> list[NDArray[np.int64]] | None:
    """Nodes of each level of the padded trees, shapes (tree, 2 ** level): a leaf is followed by itself, twice."""
    level = nodes.first[:, None]
    levels = [level]
    while len(levels) <= _SHALLOWEST or (nodes.left[level] >= 0).any():
        if len(levels) > DEEPEST:
            return None
        leaf = nodes.left[level] < 0
        children = [np.where(leaf, level, child[level]) for child in (nodes.left, nodes.right)]
        level = np.stack(children, axis=2).reshape(len(level), -1)
        levels.append(level)
    return levels


def _ranks(
    feature: NDArray[np.int64], value: NDArray[np.float32], left: NDArray[np.bool_]
) -> tuple[Ranks, NDArray[np.int64], NDArray[np.int64]]:
    """Rank the thresholds of all inner nodes; also the column and the byte of each node."""
    order = np.lexsort((value, feature))
    new_feature = np.diff(feature[order], prepend=-1) != 0
    new_value = new_feature.copy()
    new_value[1:] |= value[order][1:] != value[order][:-1]
    # Rank of each threshold among the distinct ones of its feature.
    distinct = np.cumsum(new_value) - 1
    rank = distinct - distinct[np.maximum.accumulate(np.where(new_feature, np.arange(order.size), 0))]
    new_part = new_value & (rank % _BYTE == 0)
    part = np.cumsum(new_part) - 1
    count = np.bincount(part[new_value], minlength=int(new_part.sum()))
    levels = _LEVELS[np.searchsorted((1 << _LEVELS) - 1, count)]
    size = (1 << levels) - 1
    first = np.cumsum(size) - size
    # Wide loads of the narrow levels of the last search tree reach beyond its end.
    threshold = np.full(int(size.sum()) + _BYTE, np.nan, dtype=np.float32)
    place = rank % _BYTE + 1
    trailing = np.log2(place & -place).astype(np.int64)
    # The k-th threshold in order, from 1 on, lies as many levels above the lowest as k can be halved.
    level = levels[part] - 1 - trailing
    threshold[first[part] + (1 << level) - 1 + (place >> (trailing + 1))] = value[order]
    column, byte = np.empty(order.size, np.int64), np.empty(order.size, np.int64)
    column[order] = 2 * part + ~left[order]
    byte[order] = place
    return Ranks(feature[order][new_part], levels, first, threshold), column, byte
