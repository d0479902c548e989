"""What U does to the O K edges: two files of the same cells, calculated without and with it, side by side.

Numpy only; run ``python -m eelsmap.library.functional FILE FILE``. Three questions decide between the functionals: does
the pre-edge share fall linearly with lithium, does a vacancy stand out from that line, and do the electrons sit on the
metals that the valence labels name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.library.cells import load_cells
from eelsmap.library.geometry import CellGeometry
from eelsmap.library.oxygen_k import pre_edge_end, pre_edge_share, pre_edge_to_main
from eelsmap.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from eelsmap.library.cells import Cell

#: Spin moments of the ions in their usual state, Bohr magnetons: low-spin Ni3+, Ni4+, Co3+, Co4+, else high spin.
SPIN_MOMENTS = {
    "Ni": {2: 2.0, 3: 1.0, 4: 0.0},
    "Mn": {2: 5.0, 3: 4.0, 4: 3.0},
    "Co": {2: 3.0, 3: 0.0, 4: 1.0},
}
#: Metals of the two lithium series that are looked at on their own.
SERIES = {"NiMnCo": ("Co", "Mn", "Ni"), "Ni": ("Ni",)}


def shares(cells: Sequence[Cell], bin_edges: NDArray) -> NDArray:
    """Pre-edge share of every cell, (cells,)."""
    return np.array([pre_edge_share(c.intensity.mean(axis=0), bin_edges, pre_edge_end(c, bin_edges)) for c in cells])


def moment_errors(cells: Sequence[Cell]) -> NDArray:
    """Absolute moment of the density functional minus the spin moment of the labelled valence, one per metal."""
    errors = []
    for cell in cells:
        geometry = CellGeometry(cell)
        for metal, valence in geometry.valence.items():
            moment = abs(cell.details["magnetic_moments"][metal])
            errors.append(moment - SPIN_MOMENTS[cell.species[metal]][valence])
    return np.array(errors)


def row(cells: Sequence[Cell], bin_edges: NDArray, which: str) -> dict[str, Any]:
    """Answers for one set of cells at one setting.

    Returns
    -------
    dict
        ``cell`` (words for the set), ``settings``, ``cells``; over pristine cells ``slope`` of the pre-edge share
        against Li, ``correlation``, ``scatter`` (standard deviation about the line), ``ratio_charged`` and
        ``ratio_lithiated`` (pre-edge to main at Li <= 0.34 and >= 0.66); ``vacancy``, ``vacancy_scatter``,
        ``antisite`` (share less the pristine line); ``moment_error`` (root mean square, Bohr magnetons) for all, and
        ``vacancy_moment_error``.
    """
    pristine = [cell for cell in cells if cell.kind == "pristine"]
    lithium = np.array([cell.li_content for cell in pristine])
    if len(pristine) < 3 or np.ptp(lithium) == 0:
        raise LibraryError(f"{which}: {len(pristine)} pristine cells of one Li content make no line")
    share = shares(pristine, bin_edges)
    slope, start = np.polyfit(lithium, share, 1)
    ratios = np.array(
        [pre_edge_to_main(c.intensity.mean(axis=0), bin_edges, pre_edge_end(c, bin_edges)) for c in pristine]
    )
    found: dict[str, Any] = {
        "cell": which,
        "settings": "+".join(sorted({cell.settings for cell in cells})),
        "cells": len(cells),
        "slope": slope,
        "correlation": np.corrcoef(lithium, share)[0, 1],
        "scatter": np.std(share - start - slope * lithium),
        "ratio_charged": ratios[lithium <= 0.34].mean(),
        "ratio_lithiated": ratios[lithium >= 0.66].mean(),
        "moment_error": np.sqrt(np.mean(moment_errors(cells) ** 2)),
    }
    for kind in ("vacancy", "antisite"):
        own = [cell for cell in cells if cell.kind == kind]
        if own:
            distance = shares(own, bin_edges) - start - slope * np.array([cell.li_content for cell in own])
            found |= {kind: distance.mean(), f"{kind}_scatter": distance.std()}
            found[f"{kind}_moment_error"] = np.sqrt(np.mean(moment_errors(own) ** 2))
    return {key: round(float(value), 4) if isinstance(value, float) else value for key, value in found.items()}


def compare(one: Path, other: Path) -> list[dict[str, Any]]:
    """Rows for all cells that two files share, and for the pristine ones of each of `SERIES`; first file first."""
    loaded = [load_cells(path) for path in (one, other)]
    common = {cell.name for cell in loaded[0][0]} & {cell.name for cell in loaded[1][0]}
    rows = []
    for which, metals in {"all": None, **SERIES}.items():
        for cells, _, bin_edges in loaded:
            chosen = [
                cell
                for cell in cells
                if cell.name in common
                and (
                    metals is None
                    or (cell.kind == "pristine" and {cell.species[i] for i in cell.metals} == set(metals))
                )
                and cell.phase == "layered"
            ]
            rows.append(row(chosen, bin_edges, which))
    return rows


def main() -> None:
    """Command line: print the rows, one value a line, the two files beside each other."""
    import argparse

    parser = argparse.ArgumentParser(description="Pre-edges and moments of the same cells in two files.")
    parser.add_argument("files", type=Path, nargs=2, help="files of oxygen K cells")
    parser.add_argument("--rows", type=Path, default=None, help="write the rows to this JSON file")
    arguments = parser.parse_args()
    rows = compare(*arguments.files)
    if arguments.rows is not None:
        with whole_file(arguments.rows) as part:
            part.write_text(json.dumps(rows, indent=1) + "\n")
    for first, second in zip(rows[::2], rows[1::2], strict=True):
        for key, value in first.items():
            print(f"{key:24} {value!s:>24} {second.get(key, '')!s:>24}")
        print()


if __name__ == "__main__":
    main()
