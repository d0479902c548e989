"""The table that says which file is which edge of which specimen, and what is known about it.

Two forms. Long: ``file,edge,property,value``, a row for each value. Wide: ``file,edge`` and a column for each property.
Either may have a column ``specimen``, by which edges of one specimen belong together; without it the name of the file,
less its ending, is the specimen. An empty value is an unknown one.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from eelsmap.errors import LibraryError
from eelsmap.library.content import ELEMENT_OF_EDGE
from eelsmap.library.labels import LABELS

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SpecimenRow", "read_label_table"]

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
_UNKNOWN = ("", "nan", "na", "none", "-")
_MOST_NAMED = 10


@dataclass
class SpecimenRow:
    """One specimen: its files by edge and what is known about it by label."""

    name: str
    files: dict[str, str] = field(default_factory=dict)
    labels: dict[str, float] = field(default_factory=dict)


def read_label_table(path: Path, /) -> list[SpecimenRow]:
    """Read a label table.

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
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = [row for row in csv.reader(stream, skipinitialspace=True) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LibraryError(f"{path}: cannot be read ({error})") from error
    if not rows:
        raise LibraryError(f"{path}: empty; a label table has a header such as file,edge,property,value")
    columns = [cell.strip().lower() for cell in rows[0]]
    long = "property" in columns or "value" in columns
    _check_columns(path, columns, long)
    if len(rows) == 1:
        raise LibraryError(f"{path}: no rows below the header")
    specimens: dict[str, SpecimenRow] = {}
    wrong: list[str] = []
    for number, row in enumerate(rows[1:], 2):
        try:
            _take(row, columns, long, specimens)
        except LibraryError as error:
            wrong.append(f"row {number}, {error}")
    if wrong:
        more = f"; and {len(wrong) - _MOST_NAMED} more" if len(wrong) > _MOST_NAMED else ""
        raise LibraryError(f"{path}: {'; '.join(wrong[:_MOST_NAMED])}{more}")
    return list(specimens.values())


def _check_columns(path: Path, columns: list[str], long: bool) -> None:
    """Refuse a header that is neither form."""
    needed = ("file", "edge", "property", "value") if long else ("file", "edge")
    missing = [column for column in needed if column not in columns]
    if missing:
        raise LibraryError(f"{path}: no column {missing[0]!r}; the table needs {', '.join(needed)}")
    known = {*needed, "specimen"} | (set() if long else {*RANGES, *ALIASES})
    unknown = [column for column in columns if column not in known]
    if unknown:
        raise LibraryError(f"{path}: column {unknown[0]!r} is not known; known: {', '.join(sorted(known))}")
    if len(set(columns)) < len(columns):
        raise LibraryError(f"{path}: a column is there twice: {', '.join(columns)}")


def _take(row: list[str], columns: list[str], long: bool, specimens: dict[str, SpecimenRow]) -> None:
    """Add one row to the specimens."""
    if len(row) != len(columns):
        raise LibraryError(f"{len(row)} values for {len(columns)} columns")
    cells = {column: cell.strip() for column, cell in zip(columns, row, strict=True)}
    file, edge = cells["file"], cells["edge"].replace(" ", "_").removesuffix("23")
    if not file:
        raise LibraryError("column file: empty")
    if edge not in ELEMENT_OF_EDGE:
        raise LibraryError(f"column edge: {cells['edge']!r} is not known; known: {', '.join(ELEMENT_OF_EDGE)}")
    name = cells.get("specimen") or file.replace("\\", "/").rsplit(".", 1)[0]
    specimen = specimens.setdefault(name, SpecimenRow(name))
    known = specimen.files.get(edge)
    if known is not None and (known != file or not long):
        raise LibraryError(f"column edge: specimen {name} has {edge} already, from {known}")
    specimen.files[edge] = file
    if long:
        given = {cells["property"]: cells["value"]} if cells["property"] else {}
        if cells["value"] and not cells["property"]:
            raise LibraryError("column property: empty, but there is a value")
    else:
        given = {key: cells[key] for key in columns if key in RANGES or key in ALIASES}
    for key, text in given.items():
        label = ALIASES.get(key, key)
        if label not in RANGES:
            raise LibraryError(f"column property: {key!r} is not known; known: {', '.join(RANGES)}")
        if text.lower() in _UNKNOWN:
            continue
        value = _number(text, "value" if long else key, label)
        if specimen.labels.setdefault(label, value) != value:
            raise LibraryError(f"{label} of specimen {name} is {value:g} here and {specimen.labels[label]:g} before")


def _number(text: str, column: str, label: str) -> float:
    """Value of a cell."""
    low, high = RANGES[label]
    try:
        value = float(text)
    except ValueError:
        raise LibraryError(f"column {column}: {text!r} is no number") from None
    if not (math.isfinite(value) and low <= value <= high):
        raise LibraryError(f"column {column}: {label} = {text} is not between {low:g} and {high:.4g}")
    return value
