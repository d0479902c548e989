"""Figures of the structures, the split and the valences, for the documentation.

``python -m eelsmap.library.structure_figures [RUN or file ...]`` prints what is planned, how planned and made cells
fall on the sides of the split, and how well the valences of the cells agree with the moments of their own PBE+U
calculation. Without an argument the cells that the package ships are read.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.library.assemble import DATA
from eelsmap.library.build import ordering
from eelsmap.library.cells import Cell, cell_files, load_cells
from eelsmap.library.geometry import CellGeometry
from eelsmap.library.reference_ions import CALCULATED_MOMENTS
from eelsmap.library.split import side
from eelsmap.library.structures import Plan, plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

THIRDS = ("low", "middle", "high")


@dataclass(frozen=True)
class Agreement:
    """Valences of a group of cells: all, flagged ones by reason; and, of the calculated ones, against their moments.

    ``error`` and ``clear_error`` are the root mean square of the PBE+U moment less that of the labelled ion, Bohr
    magnetons, over all metals but five-fold cobalt, and over those of cells that are not flagged; NaN without any.
    ``same`` counts the calculated cells for which those moments alone would give the same valences.
    """

    cells: int
    sites_ambiguous: int
    elements_ambiguous: int
    strained: int
    calculated: int
    contradicted: int
    same: int
    error: float
    clear_error: float


def group(cell: Cell) -> str:
    """Kind of a cell, with its phase where that is not layered."""
    return cell.kind if cell.phase in ("layered", "reference") else f"{cell.phase} {cell.kind}"


def third(cell: Cell) -> str:
    """Lithium per site of the metal layer below 0.34, below 0.67, or above."""
    return THIRDS[int(np.searchsorted((0.34, 0.67), cell.li_content, side="right"))]


def as_cell(planned: Plan) -> Cell:
    """Return a planned structure as a cell that is neither relaxed nor calculated."""
    empty = np.zeros((planned.species.count("O"), 0))
    zero = np.zeros(len(planned.species))
    described = {"phase": planned.phase}
    return Cell(
        planned.name, planned.kind, planned.layer_sites, planned.species, planned.lattice, planned.fractional, zero,
        empty, float("nan"), "", described,
    )  # fmt: skip


def sides(cells: Iterable[Cell]) -> dict[tuple[str, str], Counter[str]]:
    """Count the cells by group and third of the lithium range, then by side; references left out."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for cell in cells:
        if cell.kind != "reference":
            counts[group(cell), third(cell)][side(cell)] += 1
    return dict(sorted(counts.items(), key=lambda item: (item[0][0], THIRDS.index(item[0][1]))))


def agreement(cells: Sequence[Cell]) -> Agreement:
    """Assign the valences of some cells and compare them with the moments of the calculation."""
    numbers: Counter[str] = Counter()
    errors, clear = [], []
    for cell in cells:
        geometry = CellGeometry(cell)
        found = geometry.valences
        for reason in ("sites_ambiguous", "elements_ambiguous", "strained"):
            numbers[reason] += getattr(found, reason)
        if not cell.settings.endswith("-u"):
            continue
        numbers["calculated"] += 1
        numbers["contradicted"] += found.contradicted
        numbers["same"] += found.second_excess < 1e-9
        for metal, valence in zip(cell.metals, found.values, strict=True):
            if not (cell.species[metal] == "Co" and metal in geometry.open_metals):
                moment = abs(cell.details["magnetic_moments"][metal])
                errors.append(moment - CALCULATED_MOMENTS[cell.species[metal]][valence])
                if not found.sites_ambiguous:
                    clear.append(errors[-1])

    def size(values: list[float]) -> float:
        return float(np.sqrt(np.mean(np.square(values)))) if values else float("nan")

    return Agreement(
        cells=len(cells),
        sites_ambiguous=numbers["sites_ambiguous"],
        elements_ambiguous=numbers["elements_ambiguous"],
        strained=numbers["strained"],
        calculated=numbers["calculated"],
        contradicted=numbers["contradicted"],
        same=numbers["same"],
        error=size(errors),
        clear_error=size(clear),
    )


def made_cells(sources: Sequence[Path]) -> list[Cell]:
    """Read relaxed and calculated cells of files and runs, a calculated one in place of a relaxed one of its name."""
    found: dict[str, Cell] = {}
    for subfolder in ("relaxed", "cells"):
        for path in cell_files(sources, subfolder):
            for cell in load_cells(path)[0]:
                if cell.settings or cell.name not in found:
                    found[cell.name] = cell
    if not found:
        raise LibraryError(f"{', '.join(map(str, sources))}: no cells there")
    return [found[name] for name in sorted(found)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="*", type=Path, help="runs, folders or compact files of cells")
    shipped = [path for name in ("relaxed_cells.npz", "oxygen_k_cells.npz") if (path := DATA / name).is_file()]
    made = made_cells(parser.parse_args(arguments).sources or shipped)
    planned = [as_cell(entry) for entry in plan()]
    print(f"planned: {len(planned)} cells (phase, kind, sites of the metal layer: cells, atoms)")
    for phase, kind, metals in sorted({(cell.phase, cell.kind, cell.layer_sites) for cell in planned}):
        own = [cell for cell in planned if (cell.phase, cell.kind, cell.layer_sites) == (phase, kind, metals)]
        atoms = sorted(len(cell.species) for cell in own)
        print(f"  {phase:12} {kind:10} {metals:3}  {len(own):4}  {atoms[0]}-{atoms[-1]}")
    # The program does not make an ordering again that exists under another name.
    present = {ordering(cell) for cell in made} - {None}
    everything = {cell.name: cell for cell in planned if ordering(cell) not in present} | {c.name: c for c in made}
    calculated = [cell for cell in made if cell.settings]
    for words, cells in (("planned and made", list(everything.values())), ("calculated", calculated)):
        total = Counter(side(cell) for cell in cells)
        print(f"split, {words}: " + ", ".join(f"{total[name]} {name}" for name in ("train", "test", "reference")))
        for (kind, level), counts in sides(cells).items():
            print(f"  {kind:22} {level:6}  train {counts['train']:4}  test {counts['test']:4}")
    print("valences: cells, ambiguous (sites, elements), strained | calculated, contradicted, same | error, of clear")
    for kind in [*sorted({group(cell) for cell in made}), "all"]:
        found = agreement([cell for cell in made if kind in ("all", group(cell))])
        print(
            f"  {kind:22} {found.cells:4} {found.sites_ambiguous:4} {found.elements_ambiguous:4} {found.strained:4} |"
            f" {found.calculated:4} {found.contradicted:4} {found.same:4} | {found.error:.3f} {found.clear_error:.3f}"
        )


if __name__ == "__main__":
    main()
