"""Boosted trees in numba: the numbers of XGBoost's ``inplace_predict``, bit for bit, several times as fast.

XGBoost follows each row through each tree; more than half of that time is waiting for memory. Here a value is ranked
among the thresholds of all trees once for all properties (:mod:`eelsmap.models.fast_tree_layout`), and 64 rows are
compared with every node of a tree at once (:mod:`eelsmap.models.fast_tree_kernels`). Leaves are added in XGBoost's
order, so that sums round alike.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eelsmap.models.fast_tree_layout import LANES, PaddedTrees, TreeLayout, lay_out

if TYPE_CHECKING:
    from xgboost import Booster

__all__ = ["FastTrees", "TreesByWidth"]

_AT_ONCE = 8 * LANES
"""Rows whose ranks stay in the cache of a core while tree after tree reads them."""

_lock = threading.Lock()
_compiled: list[tuple[Callable[..., None], Callable[..., None]] | None] = []


@dataclass(frozen=True)
class FastTrees:
    """Boosters that read the same features, ready for fast prediction.

    Parameters
    ----------
    features
        How many features all of them read.
    boosters
        Name to booster.
    layout
        Those that the kernels can do; XGBoost does the others, and all where numba is not installed.
    """

    features: int
    boosters: Mapping[str, Booster]
    layout: TreeLayout

    @classmethod
    def of(cls, boosters: Mapping[str, Booster], features: int, /) -> FastTrees:
        """Lay out boosters; see :func:`eelsmap.models.fast_tree_layout.lay_out` for what is refused."""
        return cls(features, dict(boosters), lay_out(boosters, features))

    def predict(
        self, matrix: ArrayLike, names: Sequence[str] | None = None, /, *, as_value: Collection[str] = ()
    ) -> NDArray[np.float32]:
        """Margins of some boosters: log odds of a class, the value of anything else.

        Parameters
        ----------
        matrix
            Features, shape (n, feature); NaN where one is missing.
        names
            Which boosters, in this order; all of them without.
        as_value
            Names of those whose value is wanted: of a class, its probability.

        Returns
        -------
        numpy.ndarray
            Shape (n, booster).

        Raises
        ------
        ValueError
            The matrix has another number of features.
        """
        table = np.ascontiguousarray(matrix, dtype=np.float32)
        if table.ndim != 2 or table.shape[1] != self.features:
            raise ValueError(f"features of shape {table.shape} where (n, {self.features}) is read")
        names = list(self.boosters) if names is None else list(names)
        result = np.empty((len(names), len(table)), dtype=np.float32)
        kernels = _kernels()
        fast = {place: self.layout.trees[name] for place, name in enumerate(names)
                if kernels is not None and name in self.layout.trees}  # fmt: skip
        if kernels is not None and fast:
            self._add(table, fast, result, *kernels)
        for place, name in enumerate(names):
            if place not in fast:
                kind = "value" if name in as_value else "margin"
                result[place] = self.boosters[name].inplace_predict(table, predict_type=kind)
            elif name in as_value and fast[place].logistic:
                with np.errstate(over="ignore"):
                    result[place] = np.float32(1) / (np.float32(1) + np.exp(-result[place]))
        return np.ascontiguousarray(result.T)

    def _add(
        self,
        table: NDArray[np.float32],
        fast: Mapping[int, PaddedTrees],
        result: NDArray[np.float32],
        rank: Callable[..., None],
        add: Callable[..., None],
    ) -> None:
        """Write margins into rows of the result, shape (booster, n)."""
        ranks = self.layout.ranks
        # Padding compares with the first column, which must be there even where no tree splits.
        blocks = _aligned((_AT_ONCE // LANES, max(2 * ranks.feature.size, 1), LANES))
        for first in range(0, len(table), _AT_ONCE):
            rows = slice(first, first + _AT_ONCE)
            rank(table[rows], ranks.feature, ranks.levels, ranks.first, ranks.threshold, blocks)
            for place, trees in fast.items():
                add(blocks, trees.node, trees.leaf, trees.depth, trees.base, result[place, rows])


@dataclass(frozen=True)
class TreesByWidth:
    """Boosters of a model, laid out when the first matrix of as many features comes.

    Parameters
    ----------
    boosters
        Name to booster.
    """

    boosters: Mapping[str, Booster]
    _laid_out: dict[int, FastTrees] = field(default_factory=dict, repr=False, compare=False)

    def predict(
        self, matrix: ArrayLike, names: Sequence[str], /, *, as_value: Collection[str] = ()
    ) -> NDArray[np.float32]:
        """Margins of some boosters that read the same features; see :meth:`FastTrees.predict`."""
        width = np.shape(matrix)[-1]
        with _lock:
            if width not in self._laid_out:
                same = {name: trees for name, trees in self.boosters.items() if trees.num_features() == width}
                self._laid_out[width] = FastTrees.of(same, width)
        return self._laid_out[width].predict(matrix, names, as_value=as_value)


def _aligned(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Bytes that begin at a multiple of :data:`LANES`, as the kernels want them."""
    size = int(np.prod(shape))
    room = np.zeros(size + LANES, dtype=np.uint8)
    skip = -room.ctypes.data % LANES
    return room[skip : skip + size].reshape(shape)


def _kernels() -> tuple[Callable[..., None], Callable[..., None]] | None:
    """Compile what ranks values and what adds trees, once a process; None without numba."""
    with _lock:
        if not _compiled:
            try:
                from eelsmap.models.fast_tree_kernels import ADD_TREES, RANK_VALUES, add_trees, rank_values
            except ImportError:
                _compiled.append(None)
            else:
                _compiled.append((_compile(rank_values, RANK_VALUES), _compile(add_trees, ADD_TREES)))
        return _compiled[0]


def _compile(function: Callable[..., None], signature: Any) -> Any:
    """Compile for one signature, and keep it on disk where some folder can be written to."""
    from numba import njit

    try:
        return njit(signature, nogil=True, cache=True)(function)
    except (OSError, RuntimeError):
        return njit(signature, nogil=True)(function)
