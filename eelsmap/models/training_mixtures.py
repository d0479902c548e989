"""Which library records a training spectrum averages over: from one local environment to a blend of structures.

A probe sees more than one environment, and a pixel more than one composition. Training spectra are therefore weighted
means of library records, and their labels are the same weighted means. All records of one spectrum come from one group
of parent structures, so that a group can be held out as a whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from eelsmap.library import Library

__all__ = ["MixturePlan", "group_parents", "sample_mixtures", "sample_unseen_mixtures"]

_RECORDS = 6
_DEFECT_SHARE = {"pristine": 0.45, "vacancy": 0.3, "antisite": 0.25}
_STRUCTURE_SHARE = 0.75
_LITHIUM_REACH = 0.25


class MixturePlan(NamedTuple):
    """Records (n, 6) and weights (n, 6) of n spectra, and the group of parents each was drawn from (n,)."""

    records: NDArray[np.intp]
    weights: NDArray[np.float64]
    group: NDArray[np.intp]


def group_parents(library: Library, /, *, groups: int, seed: int) -> dict[int, int]:
    """Deal the training parents into groups that each hold every kind of structure and every lithium content.

    Parameters
    ----------
    library
        The spectral library; only its ``train`` split is used.
    groups
        Number of groups.
    seed
        Seed of the deal.

    Returns
    -------
    dict
        Parent number to group number. Families stay together: other orderings of the same atoms are too alike to
        judge what was learned from them.
    """
    first = {int(parent): index for index, parent in reversed(list(enumerate(library.parent)))}
    members: dict[str, list[int]] = {}
    for parent, index in sorted(first.items()):
        if library.split[index] == "train":
            members.setdefault(library.families[parent], []).append(parent)
    tie = dict(zip(members, np.random.default_rng(seed).random(len(members)), strict=True))

    def likeness(family: str) -> tuple[str, float, float]:
        record = first[members[family][0]]
        return _kind(library, record), float(library.labels["li_content"][record]), float(tie[family])

    order = sorted(members, key=likeness)
    return {parent: place % groups for place, family in enumerate(order) for parent in members[family]}


def sample_mixtures(library: Library, group_of: dict[int, int], n: int, rng: np.random.Generator, /) -> MixturePlan:
    """Draw the records of n training spectra.

    Parameters
    ----------
    library
        The spectral library.
    group_of
        Parent number to group number; other parents are not used.
    n
        Number of spectra.
    rng
        Source of randomness.

    Returns
    -------
    MixturePlan
        Weights sum to one in each row.
    """
    groups = np.array(sorted(set(group_of.values())))
    group = rng.choice(groups, size=n)
    records = np.zeros((n, _RECORDS), dtype=np.intp)
    weights = np.zeros((n, _RECORDS))
    tables = {int(index): _Group(library, group_of, int(index)) for index in groups}
    for row in range(n):
        records[row], weights[row] = tables[int(group[row])].draw(rng)
    return MixturePlan(records, weights, group)


def sample_unseen_mixtures(library: Library, n: int, rng: np.random.Generator, /) -> tuple[MixturePlan, int]:
    """Draw the records of n spectra by which a model is judged: of structures that no model is trained on.

    Structures whose O K edge a surrogate filled in are left out: a model is not measured on another model's spectra.

    Parameters
    ----------
    library
        The spectral library; only its ``test`` split is used.
    n
        Number of spectra.
    rng
        Source of randomness.

    Returns
    -------
    mixtures : MixturePlan
        All in one group.
    structures : int
        Number of structures that they are drawn from.
    """
    judged = (library.split == "test") & (library.origin != "surrogate")
    test = {int(parent): 0 for parent in library.parent[judged]}
    return sample_mixtures(library, test, n, rng), len(test)


def _kind(library: Library, record: int) -> str:
    """Kind of the structure that a structure record stands for."""
    if library.labels["vacancy"][record] > 0:
        return "vacancy"
    return "antisite" if library.labels["antisite"][record] > 0 else "pristine"


class _Group:
    """The records of one group of parents, ready to be drawn from."""

    def __init__(self, library: Library, group_of: dict[int, int], group: int):
        inside = np.array([group_of.get(int(parent)) == group for parent in library.parent])
        structure = np.flatnonzero(inside & (library.kind == "structure"))
        self.lithium = library.labels["li_content"]
        self.structures = {
            kind: np.array([record for record in structure if _kind(library, int(record)) == kind], dtype=np.intp)
            for kind in _DEFECT_SHARE
        }
        self.environments = {
            int(record): np.flatnonzero((library.parent == library.parent[record]) & (library.kind == "environment"))
            for record in structure
        }
        present = [kind for kind in _DEFECT_SHARE if self.structures[kind].size]
        share = np.array([_DEFECT_SHARE[kind] for kind in present])
        self.kinds, self.share = present, share / share.sum()
        self.balance = {kind: self._even_lithium(self.structures[kind]) for kind in present}

    def _even_lithium(self, records: NDArray[np.intp]) -> NDArray[np.float64]:
        """Weights that make every quarter of lithium content equally likely."""
        quarter = np.minimum((self.lithium[records] * 4).astype(int), 3)
        weight = 1.0 / np.bincount(quarter, minlength=4)[quarter]
        return weight / weight.sum()

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """One mixture: a main structure, then partners of like lithium content or its own environments."""
        kind = str(rng.choice(self.kinds, p=self.share))
        main = int(rng.choice(self.structures[kind], p=self.balance[kind]))
        # A defect must lead to count as present; other structures may be blended more evenly.
        leading = rng.uniform(0.5 if kind != "pristine" else 0.3, 1.0)
        rest = (1.0 - leading) * rng.dirichlet(np.ones(_RECORDS - 1))
        weights = np.concatenate([[leading], rest])
        if rng.random() < _STRUCTURE_SHARE or self.environments[main].size == 0:
            pools = ["pristine"] if kind == "pristine" else ["pristine", kind]
            partners = np.concatenate([self.structures[pool] for pool in pools])
            if partners.size == 0:
                partners = np.array([main])
            near = np.exp(-np.abs(self.lithium[partners] - self.lithium[main]) / _LITHIUM_REACH)
            return np.append(main, rng.choice(partners, size=_RECORDS - 1, p=near / near.sum())), weights
        local = rng.choice(self.environments[main], size=_RECORDS - 1)
        if rng.random() < 0.5:
            # Atomic resolution: one environment leads, the structure around it is the probe's tail.
            return np.append(local, main), weights
        return np.append(main, local), weights
