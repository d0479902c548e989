"""The library file: schema, saving, loading, and mixing of records.

One npz without pickled objects. A JSON header carries schema version, settings, tool versions and the sha256 of every
array, which is checked on loading. Spectra are intrinsic (lifetime broadening only), per atom, in units of the edge
step.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

SCHEMA = 1
ELEMENT_OF_EDGE = {"O_K": "O", "Mn_L": "Mn", "Co_L": "Co", "Ni_L": "Ni"}
VALENCE_ELEMENT = {"ni_valence": "Ni", "mn_valence": "Mn", "co_valence": "Co"}
SHIPPED = {"nmc": "nmc_library.npz"}


@dataclass(frozen=True)
class Mixture:
    """Weighted means of records: ``spectra`` (n, points) by edge, ``atoms`` (n,) by element, ``labels`` (n,)."""

    spectra: dict[str, NDArray[np.float64]]
    atoms: dict[str, NDArray[np.float64]]
    labels: dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Library:
    """Simulated spectra with labels.

    Parameters
    ----------
    grids
        Energies by edge, (points,) eV.
    spectra
        Intrinsic spectra per atom by edge, (n_records, points); a row of NaN where the element is absent.
    atoms
        Atoms per environment of three metals by element, (n_records,).
    labels
        Targets and flags by name, (n_records,).
    parent
        (n_records,) index into `parent_names`: the cell that a record comes from.
    parent_names
        Names of the cells.
    kind
        (n_records,) ``"structure"`` or ``"environment"``.
    split
        (n_records,) ``"train"`` or ``"test"``; all records of a cell, and of cells of the same metals, lithium and kind
        of defect, are on one side.
    source
        By record, how each edge was obtained.
    header
        Schema version, settings, tool versions, hashes.
    """

    grids: dict[str, NDArray[np.float64]]
    spectra: dict[str, NDArray[np.float32]]
    atoms: dict[str, NDArray[np.float64]]
    labels: dict[str, NDArray[np.float64]]
    parent: NDArray[np.int64]
    parent_names: tuple[str, ...]
    kind: NDArray[np.str_]
    split: NDArray[np.str_]
    source: tuple[dict[str, str], ...]
    header: dict[str, Any]

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.parent)

    @property
    def name(self) -> str:
        """Name of the library."""
        return str(self.header["name"])

    @property
    def version(self) -> str:
        """What is in it: the number of cells and of records."""
        return f"of {len(self.parent_names)} cells and {len(self)} records"

    @property
    def sha256(self) -> str:
        """Identity of the content: hash of the hashes of all arrays."""
        return hashlib.sha256(json.dumps(self.header["hashes"], sort_keys=True).encode()).hexdigest()

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
            weighted by share, valences by share times atoms of the element.

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
            if name in VALENCE_ELEMENT:
                share = shares * self.atoms[VALENCE_ELEMENT[name]][rows]
                labels[name] = _divided(np.where(share > 0, share * chosen, 0.0).sum(axis=1), share.sum(axis=1))
            else:
                labels[name] = (shares * chosen).sum(axis=1)
        return Mixture(spectra, atoms, labels)


def _divided(total: NDArray, weight: NDArray) -> NDArray:
    """Quotient, NaN where the weight is zero."""
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1.0), np.nan)


def _digest(array: NDArray) -> str:
    """Return the sha256 of an array's type, shape and bytes."""
    plain = np.ascontiguousarray(array)
    return hashlib.sha256(f"{plain.dtype.str}{plain.shape}".encode() + plain.tobytes()).hexdigest()


def save_library(library: Library, path: Path) -> None:
    """Write a library file, whole or not at all; the hashes in its header are made here."""
    table = sorted({json.dumps(entry, sort_keys=True) for entry in library.source})
    arrays: dict[str, NDArray] = {
        "parent": library.parent.astype(np.int32),
        "kind": library.kind,
        "split": library.split,
        "parent_names": np.array(library.parent_names),
        "source": np.array([table.index(json.dumps(entry, sort_keys=True)) for entry in library.source]),
    }
    groups: dict[str, Mapping[str, NDArray]] = {
        "grid": library.grids,
        "spectra": library.spectra,
        "atoms": library.atoms,
        "label": library.labels,
    }
    for group, members in groups.items():
        arrays |= {f"{group}/{name}": values for name, values in members.items()}
    header = {key: value for key, value in library.header.items() if key not in ("hashes", "schema", "sources")}
    header |= {
        "schema": SCHEMA,
        "sources": [json.loads(entry) for entry in table],
        "hashes": {name: _digest(values) for name, values in arrays.items()},
    }
    with whole_file(path) as part, part.open("wb") as stream:
        np.savez_compressed(stream, header=np.array(json.dumps(header)), **arrays)  # type: ignore[arg-type]


def load_library(name_or_path: str | Path = "nmc") -> Library:
    """Read a library.

    Parameters
    ----------
    name_or_path
        ``"nmc"`` for the shipped one, or a file.

    Returns
    -------
    Library

    Raises
    ------
    LibraryError
        No such library, a damaged file, another schema, or hashes that do not match.
    """
    if str(name_or_path) in SHIPPED:
        with as_file(files("eelsmap") / "data" / SHIPPED[str(name_or_path)]) as path:
            return _read(path)
    path = Path(name_or_path)
    if not path.is_file():
        raise LibraryError(f"{path}: no such library; shipped: {', '.join(SHIPPED)}, or give the path of a file")
    return _read(path)


def _read(path: Path) -> Library:
    """Read and check one file."""
    try:
        with np.load(path, allow_pickle=False) as content:
            header = json.loads(str(content["header"]))
            schema = header["schema"]
            arrays = {name: content[name] for name in content.files if name != "header"}
            hashes, sources = header["hashes"], header["sources"]
    except (OSError, KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise LibraryError(f"{path}: not a library file ({error})") from error
    if schema != SCHEMA:
        raise LibraryError(f"{path}: library schema {schema}; this version of eelsmap reads {SCHEMA}")
    wrong = [
        name
        for name in sorted(set(arrays) | set(hashes))
        if name not in arrays or hashes.get(name) != _digest(arrays[name])
    ]
    if wrong:
        raise LibraryError(f"{path}: damaged or changed, these parts do not match their sha256: {', '.join(wrong)}")

    def group(prefix: str) -> dict[str, NDArray]:
        return {name.split("/", 1)[1]: values for name, values in arrays.items() if name.startswith(prefix + "/")}

    return Library(
        grids=group("grid"),
        spectra=group("spectra"),
        atoms=group("atoms"),
        labels=group("label"),
        parent=arrays["parent"].astype(np.int64),
        parent_names=tuple(str(name) for name in arrays["parent_names"]),
        kind=arrays["kind"],
        split=arrays["split"],
        source=tuple(sources[i] for i in arrays["source"]),
        header=header,
    )
