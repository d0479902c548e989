"""The library file, schema 2: saving, loading, and refusing what does not follow the schema.

One npz without pickled objects. ``header`` is a JSON text; the other arrays are:

==========================  ======================  ==================================================================
name                        shape, type             meaning
==========================  ======================  ==================================================================
``grid/EDGE``               (points,) float64       energies of the edge, eV
``site/EDGE/counts``        (2, sites, points) u1   site spectra as 16-bit integers: differences along energy modulo
                                                    65536, low bytes and high bytes apart (packs well)
``site/EDGE/offset, step``  (sites,) float32        spectrum = offset + step * integer, units of the edge step per atom
``site/EDGE/start``         (records + 1,) int32    record r is made of entries start[r] to start[r + 1] of
``site/EDGE/site``          (entries,) int32        rows of counts, and their
``site/EDGE/weight``        (entries,) float32      shares, which sum to 1 (no entry: the element is absent)
``atoms/ELEMENT``           (records,) float64      atoms for three sites of the metal layers
``label/NAME``              (records,) float64      see ``header["labels"]`` for unit and meaning
``parent``                  (records,) int32        index into parent_names
``parent_names``            (structures,) text      names of the structures
``kind, split, origin,``    (records,) text         structure | environment; train | test | reference;
``phase``                                           calculated | surrogate | imported; layered | lithium-rich | ...
``source``                  (records,) int          index into ``header["sources"]``: how each edge was obtained
``structure/NAME``          (structures or atoms)   see `eelsmap.library.structure`; absent in imported libraries
==========================  ======================  ==================================================================

The header holds ``schema``, ``name``, ``labels``, ``probe``, ``sources``, ``tools`` (versions), the settings of every
step, and ``hashes``: the sha256 of type, shape and bytes of every array and of the rest of the header, all of which are
checked on loading.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import asdict
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.library.array_digest import array_digest
from eelsmap.library.content import ELEMENT_OF_EDGE, Library, Mixture, Record, library_from_records
from eelsmap.library.labels import LABELS
from eelsmap.library.site_table import SiteTable
from eelsmap.library.structure import structure_arrays, structures_from_arrays
from eelsmap.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = [
    "ELEMENT_OF_EDGE",
    "SCHEMA",
    "SHIPPED",
    "Library",
    "Mixture",
    "Record",
    "library_from_records",
    "load_library",
    "save_library",
]

SCHEMA = 2
SHIPPED = {"nmc": "nmc_library.npz"}
_SITE_FIELDS = ("offset", "step", "start", "site", "weight")
_TEXTS = ("kind", "split", "origin", "phase")


def array_hashes(library: Library) -> dict[str, str]:
    """Return the sha256 of every array that a library has in its file, by name."""
    return {name: array_digest(values) for name, values in _arrays(library)[0].items()}


def save_library(library: Library, path: Path) -> None:
    """Write a library file, whole or not at all; the same library gives the same bytes.

    Parameters
    ----------
    library
        The library; the hashes in the file are made here.
    path
        File to write.
    """
    arrays, sources = _arrays(library)
    header = {key: value for key, value in library.header.items() if key not in ("hashes", "schema", "sources")}
    header |= {
        "schema": SCHEMA,
        "labels": {name: asdict(LABELS[name]) for name in library.labels if name in LABELS},
        "sources": sources,
    }
    header["hashes"] = {name: array_digest(values) for name, values in arrays.items()} | {
        "header": _header_digest(header)
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


def _arrays(library: Library) -> tuple[dict[str, NDArray], list[dict[str, str]]]:
    """All arrays of a file by name, and the table of sources that one of them points into."""
    rows = [json.dumps(entry, sort_keys=True) for entry in library.source]
    place = {entry: index for index, entry in enumerate(sorted(set(rows)))}
    arrays: dict[str, NDArray] = {
        "parent": library.parent.astype(np.int32),
        "parent_names": np.array(library.parent_names),
        "source": np.array([place[row] for row in rows], dtype=np.int32),
    }
    arrays |= {name: getattr(library, name) for name in _TEXTS}
    groups: dict[str, Mapping[str, NDArray]] = {
        "grid": library.grids,
        "atoms": library.atoms,
        "label": library.labels,
        "structure": structure_arrays(library.structures),
    }
    for edge, table in library.sites.items():
        groups[f"site/{edge}"] = {name: getattr(table, name) for name in _SITE_FIELDS} | {
            "counts": _packed(table.counts)
        }
    for group, members in groups.items():
        arrays |= {f"{group}/{name}": values for name, values in members.items()}
    return arrays, [json.loads(entry) for entry in place]


def _packed(counts: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Differences along energy modulo 65536 as (2, sites, points) bytes: neighbouring points are nearly alike."""
    steps = counts.copy()
    steps[:, 1:] -= counts[:, :-1]
    return np.stack([steps & 0xFF, steps >> 8]).astype(np.uint8)


def _unpacked(packed: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Inverse of `_packed`."""
    steps = packed[0] | packed[1].astype(np.uint16) << 8
    return np.cumsum(steps, axis=1, dtype=np.uint16)


def _header_digest(header: Mapping[str, object]) -> str:
    """Return the sha256 of a header without its hashes."""
    plain = {key: value for key, value in header.items() if key != "hashes"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> Library:
    """Read and check one file."""
    try:
        with np.load(path, allow_pickle=False) as content:
            header = json.loads(str(content["header"]))
            schema = header["schema"]
            if schema != SCHEMA:
                raise LibraryError(_other_schema(path, schema))
            arrays = {name: content[name] for name in content.files if name != "header"}
            hashes = dict(header["hashes"])
    except (OSError, KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise LibraryError(f"{path}: not a library file ({error})") from error
    found = {name: array_digest(values) for name, values in arrays.items()} | {"header": _header_digest(header)}
    wrong = sorted(name for name in {*found, *hashes} if found.get(name) != hashes.get(name))
    if wrong:
        raise LibraryError(f"{path}: damaged or changed, these parts do not match their sha256: {', '.join(wrong)}")

    try:
        return _library(header, arrays)
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise LibraryError(f"{path}: does not follow the schema of a library ({error!r})") from error


def _library(header: dict[str, Any], arrays: Mapping[str, NDArray]) -> Library:
    """Library of the header and the arrays of a file."""

    def group(prefix: str) -> dict[str, NDArray]:
        start = len(prefix) + 1
        return {name[start:]: values for name, values in arrays.items() if name.startswith(prefix + "/")}

    grids = group("grid")
    sites = {}
    for edge in grids:
        own = group(f"site/{edge}")
        sites[edge] = SiteTable(_unpacked(own["counts"]), **{name: own[name] for name in _SITE_FIELDS})
    names = tuple(arrays["parent_names"].tolist())
    return Library(
        grids=grids,
        sites=sites,
        atoms=group("atoms"),
        labels=group("label"),
        parent=arrays["parent"].astype(np.int64),
        parent_names=names,
        source=tuple(header["sources"][i] for i in arrays["source"].tolist()),
        header=header,
        structures=structures_from_arrays(names, group("structure")),
        **{name: arrays[name] for name in _TEXTS},
    )


def _other_schema(path: Path, schema: object) -> str:
    """Say what to do with a file of another version."""
    text = f"{path}: library schema {schema}; this version of eelsmap reads {SCHEMA}."
    if schema == 1:
        return f"{text} Assemble it again from its cells: eelsmap library assemble --cells FILE --out {path.name}"
    return f"{text} Install the version of eelsmap that wrote it, or a newer one"
