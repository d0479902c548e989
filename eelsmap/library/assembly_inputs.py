"""The files that a library is assembled from: those of the package, of a run, or given one by one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from eelsmap.library.assemble import DATA, assemble
from eelsmap.library.cells import cell_files, gather
from eelsmap.library.gpaw_oxygen_k import STANDARD
from eelsmap.library.relaxed import load_relaxed
from eelsmap.library.white_lines import WhiteLines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from eelsmap.library.cells import Cell
    from eelsmap.library.store import Library

__all__ = ["AssemblyInputs", "assemble_files", "gather_relaxed"]


@dataclass(frozen=True)
class AssemblyInputs:
    """Files of an assembly.

    Parameters
    ----------
    cells
        Compact file of calculated cells.
    relaxed
        Compact file of relaxed structures; None, or a file that is absent, for none.
    multiplets
        Grid of L2,3 multiplets.
    surrogate
        Surrogate of the O K calculation; needed where there are relaxed structures.
    """

    cells: Path = DATA / "oxygen_k_cells.npz"
    relaxed: Path | None = DATA / "relaxed_cells.npz"
    multiplets: Path = DATA / "multiplets.npz"
    surrogate: Path | None = DATA / "oxygen_k_surrogate.npz"

    def replaced(self, **paths: Path | None) -> AssemblyInputs:
        """Return the same files but for those given; None keeps a file."""
        return replace(self, **{name: path for name, path in paths.items() if path is not None})

    def hashes(self) -> dict[str, str]:
        """Return the sha256 of every file that is there, by role."""
        result = {}
        for field in fields(self):
            path = getattr(self, field.name)
            if path is not None and path.is_file():
                result[field.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        return result


def gather_relaxed(sources: Sequence[Path]) -> list[Cell]:
    """Read relaxed structures of compact files, folders and runs (their folder ``relaxed``), the last of each name."""
    cells = {cell.name: cell for path in cell_files(sources, "relaxed") for cell in load_relaxed(path)}
    return [cells[name] for name in sorted(cells)]


def assemble_files(
    inputs: AssemblyInputs,
    run: Path | None = None,
    *,
    calculated_only: bool = False,
    report: Callable[[str], Any] | None = None,
) -> Library:
    """Assemble a library from files.

    Parameters
    ----------
    inputs
        The files.
    run
        Folder of a run, whose finished cells and relaxed structures are added to those of the files; cells of other
        settings than the standard ones are left out then, as both cannot stand in one library.
    calculated_only
        Leave structures without a calculated O K edge out.
    report
        Called with lines that say what is done.

    Returns
    -------
    Library

    Raises
    ------
    LibraryError
        A file is missing or damaged, there is no calculated cell, or no surrogate for structures that need one.
    """
    say = report or (lambda line: None)
    folders = [] if run is None else [folder for name in ("cells", "relaxed") if (folder := run / name).is_dir()]
    cells, header, bin_edges = gather(
        [inputs.cells, *(f for f in folders if f.name == "cells")], None if run is None else STANDARD.name
    )
    say(f"{len(cells)} calculated cells ({', '.join(sorted({cell.settings for cell in cells}))})")
    relaxed: list[Cell] = []
    if not calculated_only:
        stored = [inputs.relaxed] if inputs.relaxed is not None and inputs.relaxed.is_file() else []
        relaxed = gather_relaxed([*stored, *(f for f in folders if f.name == "relaxed")])
    known = {cell.name for cell in cells}
    relaxed = [cell for cell in relaxed if cell.name not in known]
    surrogate = None
    if relaxed and inputs.surrogate is not None and inputs.surrogate.is_file():
        from eelsmap.library.surrogate import load_surrogate

        surrogate = load_surrogate(inputs.surrogate)
    say(f"{len(relaxed)} relaxed structures without a calculated O K edge")
    lines = WhiteLines.from_file(inputs.multiplets)
    return assemble(
        cells, header, bin_edges, lines, relaxed=relaxed, surrogate=surrogate, inputs=inputs.hashes(), report=say
    )
