"""Rows of evidence: one JSON file per kind of check, every calculated row written at once.

A row is a dictionary with the name of a ``cell``; a program that is killed loses only the row in work. Finished rows go
into the header of a file of cells, where they ship with what they are evidence for:
``python -m eelsmap.library.evidence --cells FILE core_hole=ROWS.json convergence=ROWS.json``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.library.cells import EVIDENCE, load_cells, save_cells
from eelsmap.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from eelsmap.library.cells import Cell

_HALF_HOLE = ("factor", "shift_eV", "unlike", "unlike_corrected")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a file, none where there is no file.

    Raises
    ------
    LibraryError
        The file holds something else.
    """
    if not path.exists():
        return []
    try:
        rows = json.loads(path.read_text())
    except ValueError as error:
        raise LibraryError(f"{path}: not a file of rows ({error})") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "cell" in row for row in rows):
        raise LibraryError(f"{path}: not a list of rows with a cell each")
    return rows


def add_rows(
    path: Path,
    wanted: Sequence[str],
    cells: Mapping[str, Cell],
    calculate: Callable[[Cell, int], dict[str, Any]],
    same: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Calculate the rows that are missing and return all.

    Parameters
    ----------
    path
        JSON file of rows, made if absent.
    wanted
        Names of cells; ``NAME:SITE`` for another than the first oxygen atom.
    cells
        Cells by name.
    calculate
        Makes the row of one oxygen of a cell.
    same
        What a row must hold besides cell and site to count as made.

    Raises
    ------
    LibraryError
        A name is not among the cells, or a cell has not as many oxygen atoms.
    """
    rows = read_rows(path)
    for item in wanted:
        name, _, number = item.partition(":")
        site = int(number or 0)
        if name not in cells:
            raise LibraryError(f"no cell named {name}; there are {len(cells)}, such as {next(iter(cells), 'none')}")
        if not 0 <= site < len(cells[name].oxygen):
            raise LibraryError(f"{name} has {len(cells[name].oxygen)} oxygen atoms, not one of number {site}")
        made = {"cell": name, "site": site, **(same or {})}
        if any(all(row.get(key) == value for key, value in made.items()) for row in rows):
            continue
        row = calculate(cells[name], site)
        rows.append(row)
        with whole_file(path) as part:
            part.write_text(json.dumps(rows, indent=1) + "\n")
        print(json.dumps(row), flush=True)
    return rows


def attach(path: Path, evidence: Mapping[str, list[dict[str, Any]]]) -> None:
    """Put rows into the header of a file of cells, in place of those of the same kind; the cells stay as they are."""
    cells, header, bin_edges = load_cells(path)
    kept = {key: value for key, value in header.items() if key not in ("schema", "settings")}
    save_cells(cells, path, header["settings"], {**kept, **evidence}, bin_edges)


def described(header: Mapping[str, Any]) -> list[str]:
    """Lines that say what the evidence in the header of a file of cells amounts to."""
    lines = []
    for row in header.get("reproduction", []):
        lines.append(
            f"reproduced {row['cell']} ({row['settings']}): CDF difference {row['cumulative_difference']:.4f}, worst "
            f"site {row['worst_site']:.4f}, E_F {row['fermi_difference_eV']:+.2f} eV"
        )
    for row in header.get("functional", []):
        lines.append(
            f"functional {row['settings']}, {row['cells']} cells ({row['cell']}): pre-edge share r = "
            f"{row['correlation']:.3f}, {row['slope']:+.3f} per Li, moments from those of the valences "
            f"{row['moment_error']:.2f} Bohr magnetons rms"
            + (f"; vacancy cells {row['vacancy']:+.3f} from the line" if "vacancy" in row else "")
        )
    for row in header.get("convergence", []):
        lines.append(
            f"convergence {row['cell']}, {row['variant']}: CDF difference {row['placed']:.4f} as placed (worst site "
            f"{row['placed_worst_site']:.4f}), {row['aligned']:.4f} in shape, shift {row['shift_eV']:+.2f} eV, "
            f"pre-edge share {row['pre_edge_share']:+.4f}"
        )
    half = [row for row in header.get("core_hole", []) if row["hole"] == 0.5 and "shift_eV" in row]
    if half:
        mean = {key: float(np.mean([row[key] for row in half])) for key in _HALF_HOLE}
        spread = {key: float(np.std([row[key] for row in half])) for key in _HALF_HOLE}
        lines.append(
            f"half a core hole in {len(half)} oxygen atoms: pre-edge times {mean['factor']:.3f} +- "
            f"{spread['factor']:.3f}, main edge {mean['shift_eV']:+.2f} +- {spread['shift_eV']:.2f} eV; CDF difference "
            f"from the initial state {mean['unlike']:.3f}, after factor and shift {mean['unlike_corrected']:.3f}"
        )
    return lines


def main() -> None:
    """Command line: attach files of rows to a file of cells."""
    import argparse

    parser = argparse.ArgumentParser(description="Put rows of evidence into a file of oxygen K cells.")
    parser.add_argument("--cells", type=Path, required=True, help="file of cells, rewritten")
    parser.add_argument("rows", nargs="+", help="KIND=FILE, such as core_hole=core_hole.json")
    arguments = parser.parse_args()
    evidence = {}
    for item in arguments.rows:
        kind, _, name = item.partition("=")
        if kind not in EVIDENCE or not Path(name).is_file():
            parser.error(f"{item}: want KIND=FILE with KIND one of {', '.join(EVIDENCE)} and an existing file")
        evidence[kind] = read_rows(Path(name))
    attach(arguments.cells, evidence)
    print(", ".join(f"{len(rows)} rows of {kind}" for kind, rows in evidence.items()))


if __name__ == "__main__":
    main()
