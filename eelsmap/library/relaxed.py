"""Relaxed structures whose O K edge is not calculated: the same record and file as calculated cells, without histogram.

The surrogate fills their oxygen edges in; a calculated cell of the same name takes the place of a relaxed one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.library.cells import load_cells, save_cells

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from eelsmap.library.cells import Cell


def save_relaxed(cells: Sequence[Cell], path: Path) -> None:
    """Write relaxed structures into one compact file, whole or not at all.

    Raises
    ------
    LibraryError
        A cell holds a calculated histogram: that belongs into a file of calculated cells.
    """
    for cell in cells:
        if cell.intensity.size:
            raise LibraryError(f"{cell.name}: holds a calculated O K edge; save it with save_cells")
    save_cells(cells, path, {}, {}, np.zeros(0))


def load_relaxed(path: Path) -> list[Cell]:
    """Read relaxed structures, by name; their `intensity` is (n_oxygen, 0) and `complete_to` not a number.

    Raises
    ------
    LibraryError
        The file is missing or is not such a file.
    """
    cells, _, _ = load_cells(path)
    if any(cell.intensity.size for cell in cells):
        raise LibraryError(f"{path}: holds calculated O K edges; read it with load_cells")
    return cells
