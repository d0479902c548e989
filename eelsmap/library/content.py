"""A library in memory: grids, site spectra, records with labels, structures; mixing of records; other probes.

Spectra are intrinsic (lifetime broadening only), per atom, in units of the edge step.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.library.labels import LABELS, METALS
from eelsmap.library.site_table import SiteTable, quantised

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from eelsmap.library.probe import Probe
    from eelsmap.library.structure import LibraryStructure

__all__ = ["ELEMENT_OF_EDGE", "Library", "Mixture", "Record", "library_from_records"]

ELEMENT_OF_EDGE = {"O_K": "O", "Mn_L": "Mn", "Co_L": "Co", "Ni_L": "Ni"}
ELEMENTS = ("Li", "O", *METALS)


@dataclass(frozen=True)
class Mixture:
    """Weighted means of records: ``spectra`` (n, points) by edge, ``atoms`` (n,) by element, ``labels`` (n,)."""

    spectra: dict[str, NDArray[np.float64]]
    atoms: dict[str, NDArray[np.float64]]
    labels: dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Record:
    """One record of somebody else's library, for `library_from_records`.

    Parameters
    ----------
    kind
        ``"structure"`` (average of a whole structure) or ``"environment"``.
    parent
        Name of the structure or specimen that it comes from.
    spectra
        By edge, (points,) on the grid of that edge; None, or no entry, where there is none.
    atoms
        Atoms by element, for three sites of the metal layers; elements that are not named count as absent.
    labels
        Values by name, see `eelsmap.library.labels.LABELS`; what is not named is NaN (counts are taken from `atoms`).
    split
        ``"train"``, ``"test"`` or ``"reference"`` (neither trains nor tests); one for all records of a parent.
    phase
        ``"layered"``, ``"lithium-rich"``, ``"rock salt"`` or ``"reference"``.
    origin
        ``"imported"``, ``"calculated"`` or ``"surrogate"``.
    source
        How each edge was obtained, in words.
    """

    kind: str
    parent: str
    spectra: Mapping[str, ArrayLike | None]
    atoms: Mapping[str, float]
    labels: Mapping[str, float]
    split: str = "train"
    phase: str = "layered"
    origin: str = "imported"
    source: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Library:
    """Simulated spectra with labels.

    Parameters
    ----------
    grids
        Energies by edge, (points,) eV.
    sites
        By edge, spectra of single sites and their shares in the records.
    atoms
        Atoms by element, for three sites of the metal layers, (n_records,).
    labels
        Targets and flags by name, (n_records,); units and meanings in `eelsmap.library.labels.LABELS`.
    parent
        (n_records,) index into `parent_names`: the structure that a record comes from.
    parent_names
        Names of the structures.
    kind
        (n_records,) ``"structure"`` or ``"environment"``.
    split
        (n_records,) ``"train"``, ``"test"`` or ``"reference"``; all records of a structure, and of structures of one
        family, are on one side. References neither train nor test.
    source
        By record, how each edge was obtained.
    header
        Schema version, settings, tool versions, hashes.
    origin
        (n_records,) where the O K spectrum comes from: ``"calculated"``, ``"surrogate"`` or ``"imported"``.
    phase
        (n_records,) ``"layered"``, ``"lithium-rich"``, ``"rock salt"`` or ``"reference"``.
    structures
        The atoms of each parent, in the order of `parent_names`; empty for imported spectra without structures.
    """

    grids: dict[str, NDArray[np.float64]]
    sites: dict[str, SiteTable]
    atoms: dict[str, NDArray[np.float64]]
    labels: dict[str, NDArray[np.float64]]
    parent: NDArray[np.int64]
    parent_names: tuple[str, ...]
    kind: NDArray[np.str_]
    split: NDArray[np.str_]
    source: tuple[dict[str, str], ...]
    header: dict[str, Any]
    origin: NDArray[np.str_]
    phase: NDArray[np.str_]
    structures: tuple[LibraryStructure, ...] = ()

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.parent)

    @cached_property
    def spectra(self) -> dict[str, NDArray[np.float32]]:
        """Spectra per atom by edge, (n_records, points); a row of NaN where the element is absent."""
        return {edge: table.records() for edge, table in self.sites.items()}

    @property
    def name(self) -> str:
        """Name of the library."""
        return str(self.header["name"])

    @property
    def version(self) -> str:
        """What is in it: the number of structures and of records."""
        return f"of {len(self.parent_names)} structures and {len(self)} records"

    @property
    def families(self) -> tuple[str, ...]:
        """Family of each parent (same metals, lithium and defect); its own name where no structure is known."""
        return tuple(structure.family for structure in self.structures) or self.parent_names

    @cached_property
    def sha256(self) -> str:
        """Identity of the content: hash of the hashes of all arrays."""
        from eelsmap.library.store import array_hashes

        return hashlib.sha256(json.dumps(array_hashes(self), sort_keys=True).encode()).hexdigest()

    def with_probe(self, probe: Probe) -> Library:
        """Make the environment records anew, as another probe sees them.

        Parameters
        ----------
        probe
            How atoms are weighted by their distance.

        Returns
        -------
        Library
            The same structures, sites and structure records; one environment per oxygen atom.

        Raises
        ------
        LibraryError
            The library holds no structures (imported spectra).
        """
        from eelsmap.library.environments import collect_records

        if not self.structures:
            raise LibraryError(f"library {self.name}: no structures in it, so its environments cannot be made anew")
        return collect_records(self.structures, self.sites, self.grids, self.header, self._source_of_parent(), probe)

    def _source_of_parent(self) -> list[dict[str, str]]:
        """How each edge was obtained, by parent."""
        first = np.unique(self.parent, return_index=True)[1]
        return [self.source[i] for i in first]

    def mix(self, indices: ArrayLike, weights: ArrayLike) -> Mixture:
        """Mean of several records, as a probe sees that covers several environments.

        Parameters
        ----------
        indices
            (n, k) records.
        weights
            (n, k) shares, not negative; each row is divided by its sum.

        Returns
        -------
        Mixture
            Spectra are per atom: means weighted by share times atoms, NaN where no atom is. Atoms and labels are means
            weighted by share, valences and bond lengths by share times atoms of the element.

        Raises
        ------
        LibraryError
            Shapes differ, or a row has no weight.
        """
        rows, shares = np.asarray(indices), np.asarray(weights, dtype=float)
        if rows.shape != shares.shape or rows.ndim != 2:
            raise LibraryError(
                f"mix needs indices and weights of one shape (n, k), not {rows.shape} and {shares.shape}"
            )
        if not np.isfinite(shares).all() or (shares < 0).any() or (shares.sum(axis=1) <= 0).any():
            raise LibraryError("mix needs weights that are finite, not negative, and above zero in every row")
        shares = shares / shares.sum(axis=1, keepdims=True)
        atoms = {element: (shares * values[rows]).sum(axis=1) for element, values in self.atoms.items()}
        spectra = {}
        for edge, values in self.spectra.items():
            element = ELEMENT_OF_EDGE[edge]
            total = np.zeros((len(rows), values.shape[1]))
            for column in range(rows.shape[1]):
                part = shares[:, column] * self.atoms[element][rows[:, column]]
                # An absent element has NaN for a spectrum and zero for a weight: it must not spoil the sum.
                total += np.where(part[:, None] > 0, part[:, None] * values[rows[:, column]], 0.0)
            spectra[edge] = _divided(total, atoms[element][:, None])
        labels = {}
        for name, column_values in self.labels.items():
            chosen = column_values[rows]
            label = LABELS.get(name)
            if label is not None and label.element is not None:
                share = shares * self.atoms[label.element][rows]
                labels[name] = _divided(np.where(share > 0, share * chosen, 0.0).sum(axis=1), share.sum(axis=1))
            else:
                labels[name] = (shares * chosen).sum(axis=1)
        return Mixture(spectra, atoms, labels)


def library_from_records(
    records: Sequence[Record],
    grids: Mapping[str, ArrayLike],
    *,
    name: str,
    header: Mapping[str, Any] | None = None,
) -> Library:
    """Make a library of spectra that come from elsewhere.

    Parameters
    ----------
    records
        Records in any order; they are kept in it.
    grids
        Energies by edge, (points,) eV, ascending: any of ``"O_K"``, ``"Mn_L"``, ``"Co_L"``, ``"Ni_L"``. A model that is
        trained on the library wants the grids of `eelsmap.library.assemble.GRIDS`, or finer and wider ones.
    name
        Name of the library.
    header
        Anything that should be kept about it as plain values: file, program, settings.

    Returns
    -------
    Library
        Ready to save, to train on and to mix. It has no structures, so `Library.with_probe` refuses.

    Raises
    ------
    LibraryError
        No records, an unknown edge, element, label or word, a spectrum of another length or with values that are not
        finite, a spectrum of an element that is absent, or one parent on both sides of the split.
    """
    if not records:
        raise LibraryError(f"library {name}: no records")
    axes = {edge: np.asarray(values, dtype=float) for edge, values in grids.items()}
    for edge in axes:
        _known(edge, ELEMENT_OF_EDGE, "edge")
    for record in records:
        _check(record, axes)
    parents = list(dict.fromkeys(record.parent for record in records))
    sides: dict[str, str] = {}
    for record in records:
        if sides.setdefault(record.parent, record.split) != record.split:
            raise LibraryError(
                f"parent {record.parent}: records of it are in both {sides[record.parent]} and {record.split}"
            )
    sites = {}
    for edge, axis in axes.items():
        rows = [record.spectra.get(edge) for record in records]
        present = np.array([row is not None for row in rows])
        values = np.array([row for row in rows if row is not None], dtype=float).reshape(-1, axis.size)
        count = int(present.sum())
        empty = SiteTable(*quantised(values), *(np.zeros(0, np.int32),) * 2, np.zeros(0, np.float32))
        sites[edge] = empty.with_records(np.append(0, np.cumsum(present)), np.arange(count), np.ones(count))
    atoms = {element: np.array([float(record.atoms.get(element, 0.0)) for record in records]) for element in ELEMENTS}
    counts = {f"{element.lower()}_count": atoms[element] for element in ("Li", *METALS)}
    return Library(
        grids=axes,
        sites=sites,
        atoms=atoms,
        labels={
            label: np.array(
                [
                    float(record.labels.get(label, counts[label][i] if label in counts else np.nan))
                    for i, record in enumerate(records)
                ]
            )
            for label in LABELS
        },
        parent=np.array([parents.index(record.parent) for record in records], dtype=np.int64),
        parent_names=tuple(parents),
        kind=np.array([record.kind for record in records]),
        split=np.array([record.split for record in records]),
        source=tuple(dict(record.source) for record in records),
        header={"name": name, **(header or {})},
        origin=np.array([record.origin for record in records]),
        phase=np.array([record.phase for record in records]),
    )


_WORDS = {
    "kind": ("structure", "environment"),
    "split": ("train", "test", "reference"),
    "phase": ("layered", "lithium-rich", "rock salt", "reference"),
    "origin": ("calculated", "surrogate", "imported"),
}


def _check(record: Record, axes: Mapping[str, NDArray]) -> None:
    """Refuse a record that does not follow the schema."""
    where = f"record of {record.parent}"
    for attribute, words in _WORDS.items():
        _known(getattr(record, attribute), words, f"{where}: {attribute}")
    for element in record.atoms:
        _known(element, ELEMENTS, f"{where}: element")
    for label in record.labels:
        _known(label, LABELS, f"{where}: label")
    for edge, values in record.spectra.items():
        _known(edge, axes, f"{where}: edge")
        if values is None:
            continue
        if np.shape(values) != axes[edge].shape:
            raise LibraryError(f"{where}: {edge} has shape {np.shape(values)}, its grid {axes[edge].shape}")
        if record.atoms.get(ELEMENT_OF_EDGE[edge], 0.0) <= 0:
            raise LibraryError(f"{where}: a spectrum of {edge}, but no {ELEMENT_OF_EDGE[edge]} among its atoms")


def _known(word: str, words: Any, what: str) -> None:
    """Refuse a word that is not one of several."""
    if word not in words:
        raise LibraryError(f"{what} {word!r} is not known; known: {', '.join(words)}")


def _divided(total: NDArray, weight: NDArray) -> NDArray:
    """Quotient, NaN where the weight is zero."""
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1.0), np.nan)
