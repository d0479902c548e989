"""Tables of numbers as simulation programs write them: header lines, then energy and one or more columns.

FDMNES writes ``NAME.txt`` (a line of constants that ends in ``= E_edge, Z, ...``, a line of names, the table) and
``NAME_conv.txt`` (names, table). Three-digit exponents lose their letter in Fortran (``1.2-101``), and runs on several
processes have been seen to repeat rows; both are understood. Tables of one column an atom have no header at all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eelsmap.errors import LibraryError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_LOST_LETTER = re.compile(r"(?<=\d)([+-]\d{3})$")
_LARGEST_BYTES = 64 << 20


class TextTable(NamedTuple):
    """Energies (points,) as written, columns (points, k), their names (k), and constants of the header by name."""

    energy: NDArray[np.float64]
    columns: NDArray[np.float64]
    names: tuple[str, ...]
    constants: dict[str, float]


def read_text_table(path: Path) -> TextTable:
    """Read a table of numbers.

    Parameters
    ----------
    path
        Text with columns separated by blanks, tabs or commas.

    Returns
    -------
    TextTable

    Raises
    ------
    LibraryError
        The file is missing, too large, no text, or holds no table; or a row (counted from 1) is no row of it.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise LibraryError(f"{path}: more than {_LARGEST_BYTES >> 20} MB; not a table of spectra")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LibraryError(f"{path}: cannot be read ({error})") from error
    names: list[str] = []
    constants: dict[str, float] = {}
    rows: list[list[float]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        values = _numbers(line)
        if values is None and not rows:
            left, equals, right = line.partition("=")
            given = _numbers(left)
            if equals and given:
                constants |= dict(zip((word.strip() for word in right.split(",")), given, strict=False))
            else:
                names = line.replace(",", " ").split()
        elif values is None or (rows and len(values) != len(rows[0])) or len(values) < 2:
            raise LibraryError(f"{path}: row {number} is no row of the table: {line.strip()[:40]!r}")
        else:
            rows.append(values)
    if not rows:
        raise LibraryError(f"{path}: no table of numbers in it")
    table = np.array(rows)
    repeated = np.append(False, (table[1:] == table[:-1]).all(axis=1))
    table = table[~repeated]
    count = table.shape[1] - 1
    own = tuple(names[1:]) if len(names) == count + 1 else tuple(f"column {i + 1}" for i in range(count))
    return TextTable(table[:, 0], table[:, 1:], own, constants)


def _numbers(line: str) -> list[float] | None:
    """Numbers of a line, None where something else is in it."""
    words = line.replace(",", " ").split()
    try:
        return [float(_LOST_LETTER.sub(r"e\1", word.lower().replace("d", "e"))) for word in words] or None
    except ValueError:
        return None
