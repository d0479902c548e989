"""Which records train and which judge: whole families held out, or records dealt at random as the papers do.

Orderings of one formula, and environments of one structure, are nearly alike. A split over records puts them on both
sides, so that a model may remember instead of generalise; a split over families does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import LibraryError

if TYPE_CHECKING:
    from eelsmap.library import Library

__all__ = ["SPLITS", "Sides", "split_records"]

SPLITS = ("families", "records")
_JUDGING_SHARE = 0.25


class Sides(NamedTuple):
    """Records that train (n,) and records that judge (m,)."""

    train: NDArray[np.intp]
    judge: NDArray[np.intp]


def split_records(library: Library, kind: str, split: str, /, *, seed: int) -> Sides:
    """Deal the records of one kind.

    Parameters
    ----------
    library
        The spectral library.
    kind
        ``"structure"`` or ``"environment"``.
    split
        ``"families"``: the library's own sides; ``"records"``: a quarter of all records at random.
    seed
        Seed of the random deal.

    Returns
    -------
    Sides
        References are on neither. Only spectra that were not filled in by the surrogate judge: a model is not measured
        on another model's spectra.

    Raises
    ------
    LibraryError
        One side is empty.
    """
    usable = (library.kind == kind) & (library.split != "reference")
    if split == "families":
        judging = library.split == "test"
    else:
        judging = np.zeros(len(library), dtype=bool)
        rows = np.flatnonzero(usable)
        chosen = np.random.default_rng(seed).permutation(rows)[: round(_JUDGING_SHARE * rows.size)]
        judging[chosen] = True
    sides = Sides(np.flatnonzero(usable & ~judging), np.flatnonzero(usable & judging & (library.origin != "surrogate")))
    if not sides.train.size or not sides.judge.size:
        raise LibraryError(
            f"library {library.name}: split over {split} leaves {sides.train.size} {kind} records to train and "
            f"{sides.judge.size} to judge; the benchmark needs both"
        )
    return sides
