"""The table that says which file is which edge of which specimen, and what is known about it.

Two forms. Long: ``file,edge,property,value``, a row for each value. Wide: ``file,edge`` and a column for each property.
Either may have a column ``specimen``, by which edges of one specimen belong together; without it the name of the file,
less its ending, is the specimen. An empty value is an unknown one. Names are read without regard to case, spaces and
hyphens (``Mn L2,3`` is ``Mn_L``, ``Mn oxidation state`` is ``mn_valence``); cells may be parted by commas, semicolons
or tabs.
"""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from eelsmap.errors import LibraryError
from eelsmap.library.content import ELEMENT_OF_EDGE
from eelsmap.library.labels import LABELS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["LabelRow", "SpecimenRow", "edge_name", "label_name", "label_rows", "read_label_table"]

#: What may be given, and the range in which it makes sense.
RANGES = {
    "li_content": (0.0, 4 / 3 + 1e-9),
    "li_count": (0.0, 4.0 + 1e-9),
    **dict.fromkeys(("ni_count", "mn_count", "co_count"), (0.0, 3.0 + 1e-09)),
    **dict.fromkeys(("ni_valence", "mn_valence", "co_valence"), (2.0, 4.0)),
    **{name: (1.6, 2.6) for name in LABELS if name.endswith("_bond_length")},
    "vacancy": (0.0, 1.0),
    "antisite": (0.0, 1.0),
}
ALIASES = {"vacancy_probability": "vacancy", "antisite_probability": "antisite"}
DELIMITERS = ",;\t"
_UNKNOWN = ("", "nan", "na", "n/a", "none", "-")
_MOST_NAMED = 10
_VALENCE = re.compile(
    r"(?P<metal>ni|mn|co|)_?(?:valence|valency|oxidation_state|oxidation|valence_state)_?(?P<after>ni|mn|co|)"
)
_EDGE = re.compile(r"(?:o(?:k|1s)?|(?P<metal>mn|co|ni)(?:l|l23|l32|l2l3|l3l2|l3|2p)?)(?:edge)?")
_CHARGE = re.compile(r"(?:ni|mn|co)?\s*(\d(?:\.\d+)?)\s*\+", re.IGNORECASE)


class LabelRow(NamedTuple):
    """One row of a label table: file, edge, name of its specimen, values by label."""

    file: str
    edge: str
    specimen: str
    labels: dict[str, float]


@dataclass
class SpecimenRow:
    """One specimen: its files by edge and what is known about it by label."""

    name: str
    files: dict[str, str] = field(default_factory=dict)
    labels: dict[str, float] = field(default_factory=dict)


def read_label_table(path: Path, /) -> list[SpecimenRow]:
    """Read a label table, all or nothing.

    Parameters
    ----------
    path
        CSV with a header row.

    Returns
    -------
    list of SpecimenRow
        In the order of the table.

    Raises
    ------
    LibraryError
        All rows that are wrong are named, with column and reason: unknown columns, edges or properties, values that are
        no number or out of range, duplicates, contradictions; or the table is missing or empty.
    """
    specimens: dict[str, SpecimenRow] = {}
    seen: set[tuple[str, str]] = set()
    wrong: list[str] = []
    header, rows = _cells(path)
    long = _is_long(header)
    _check_columns(path, header, long)
    for number, row in _rows(header, rows, long):
        try:
            if isinstance(row, LibraryError):
                raise row
            _take(row, specimens, again=long and (row.specimen, row.edge) in seen)
            seen.add((row.specimen, row.edge))
        except LibraryError as error:
            wrong.append(f"row {number}, {error}")
    if wrong:
        more = f"; and {len(wrong) - _MOST_NAMED} more" if len(wrong) > _MOST_NAMED else ""
        raise LibraryError(f"{path}: {'; '.join(wrong[:_MOST_NAMED])}{more}")
    return list(specimens.values())


def label_rows(path: Path, /) -> tuple[list[tuple[int, LabelRow | LibraryError]], list[str]]:
    """Read a label table row by row, so that a bad row is known by its reason and the others can be used.

    Parameters
    ----------
    path
        CSV with a header row; columns that mean nothing here are left out.

    Returns
    -------
    rows : list of (int, LabelRow or LibraryError)
        Line number, and what stands there or what is wrong with it.
    ignored : list of str
        Columns that were left out.

    Raises
    ------
    LibraryError
        The table is missing, empty or has no columns for file and edge.
    """
    header, rows = _cells(path)
    long = _is_long(header)
    ignored = _check_columns(path, header, long, strict=False)
    return list(_rows(header, rows, long)), ignored


def edge_name(text: str, /) -> str | None:
    """Name of an edge however it is written (``Mn_L``, ``Mn L2,3``, ``mn-l23``, ``O K``), or None."""
    found = _EDGE.fullmatch("".join(character for character in text.lower() if character.isalnum()))
    if found is None:
        return None
    return f"{found['metal'].capitalize()}_L" if found["metal"] else "O_K"


def label_name(text: str, edge: str | None = None, /) -> str | None:
    """Name of a label however it is written, or None; a bare ``valence`` is that of the edge's metal."""
    plain = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    plain = ALIASES.get(plain, plain)
    if plain in RANGES:
        return plain
    found = _VALENCE.fullmatch(plain)
    if found is None or (found["metal"] and found["after"]):
        return None
    metal = found["metal"] or found["after"] or (edge or "").removesuffix("_L").lower()
    return f"{metal}_valence" if f"{metal}_valence" in RANGES else None


def _cells(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header in small letters, and the other rows by line number."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        first = next((line for line in text.splitlines() if line.strip()), "")
        delimiter = max(DELIMITERS, key=first.count)
        lines = enumerate(csv.reader(text.splitlines(), skipinitialspace=True, delimiter=delimiter), 1)
        rows = [(number, row) for number, row in lines if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LibraryError(f"{path}: cannot be read ({error})") from error
    if not rows:
        raise LibraryError(f"{path}: empty; a label table has a header such as file,edge,property,value")
    if len(rows) == 1 and {"file", "edge"} <= {cell.strip().lower() for cell in rows[0][1]}:
        raise LibraryError(f"{path}: no rows below the header")
    return [cell.strip().lower() for cell in rows[0][1]], rows[1:]


def _is_long(columns: list[str]) -> bool:
    """Whether every value has a row of its own."""
    return "property" in columns or "value" in columns


def _check_columns(path: Path, columns: list[str], long: bool, *, strict: bool = True) -> list[str]:
    """Refuse a header that is neither form; return the columns that mean nothing."""
    needed = ("file", "edge", "property", "value") if long else ("file", "edge")
    missing = [column for column in needed if column not in columns]
    if missing:
        raise LibraryError(f"{path}: no column {missing[0]!r}; the table needs {', '.join(needed)}")
    known = {*needed, "specimen"}
    unknown = [column for column in columns if column not in known and (long or label_name(column, "Mn_L") is None)]
    if unknown and strict:
        every = sorted(known | (set() if long else {*RANGES, *ALIASES}))
        raise LibraryError(f"{path}: column {unknown[0]!r} is not known; known: {', '.join(every)}")
    if len(set(columns)) < len(columns):
        raise LibraryError(f"{path}: a column is there twice: {', '.join(columns)}")
    return unknown


def _rows(
    columns: list[str], rows: list[tuple[int, list[str]]], long: bool
) -> Iterator[tuple[int, LabelRow | LibraryError]]:
    """Read each row, or say what is wrong with it."""
    for number, row in rows:
        try:
            yield number, _row(row, columns, long)
        except LibraryError as error:
            yield number, error


def _row(row: list[str], columns: list[str], long: bool) -> LabelRow:
    """One row."""
    if len(row) != len(columns):
        raise LibraryError(f"{len(row)} values for {len(columns)} columns")
    cells = {column: cell.strip() for column, cell in zip(columns, row, strict=True)}
    file, edge = cells["file"], edge_name(cells["edge"])
    if not file:
        raise LibraryError("column file: empty")
    if edge is None:
        raise LibraryError(f"column edge: {cells['edge']!r} is not known; known: {', '.join(ELEMENT_OF_EDGE)}")
    if long:
        given = {cells["property"]: cells["value"]} if cells["property"] else {}
        if cells["value"] and not cells["property"]:
            raise LibraryError("column property: empty, but there is a value")
    else:
        given = {key: cells[key] for key in columns if label_name(key, edge) is not None}
    labels: dict[str, float] = {}
    for key, text in given.items():
        label = label_name(key, edge)
        if label is None:
            raise LibraryError(f"column property: {key!r} is not known; known: {', '.join(RANGES)}")
        if text.lower() not in _UNKNOWN:
            labels[label] = _number(text, "value" if long else key, label)
    return LabelRow(file, edge, cells.get("specimen") or file.replace("\\", "/").rsplit(".", 1)[0], labels)


def _take(row: LabelRow, specimens: dict[str, SpecimenRow], *, again: bool) -> None:
    """Add one row to the specimens; `again` where a further value of a file is allowed."""
    specimen = specimens.setdefault(row.specimen, SpecimenRow(row.specimen))
    known = specimen.files.get(row.edge)
    if known is not None and (known != row.file or not again):
        raise LibraryError(f"column edge: specimen {row.specimen} has {row.edge} already, from {known}")
    specimen.files[row.edge] = row.file
    for label, value in row.labels.items():
        before = specimen.labels.setdefault(label, value)
        if before != value:
            raise LibraryError(f"{label} of specimen {row.specimen} is {value:g} here and {before:g} before")


def _number(text: str, column: str, label: str) -> float:
    """Value of a cell; an oxidation state may be written ``Mn4+``."""
    low, high = RANGES[label]
    charge = _CHARGE.fullmatch(text) if label.endswith("_valence") else None
    try:
        value = float(charge[1] if charge else text)
    except ValueError:
        raise LibraryError(f"column {column}: {text!r} is no number") from None
    if not (math.isfinite(value) and low <= value <= high):
        raise LibraryError(f"column {column}: {label} = {text} is not between {low:g} and {high:.4g}")
    return value
