"""Which cells train and which test.

A cell is assigned by a hash of its family: defect, metals, lithium. Cells of one family can be the same up to symmetry,
so they stay on one side; and an assignment never changes when cells are added.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eelsmap.library.cells import Cell

#: Chosen so that the held-out cells cover all lithium contents and defects; part of the schema from now on.
SALT = "eelsmap-2168"
TEST_SHARE = 0.25


def family(cell: Cell) -> str:
    """Defect, metals and lithium of a cell in one string, for instance ``"vacancy|Co Mn Ni Ni|2"``."""
    metals = sorted(cell.species[i] for i in cell.metals)
    return f"{cell.kind}|{' '.join(metals)}|{len(cell.lithium)}"


def side(cell: Cell) -> str:
    """``"test"`` for about a quarter of the families, ``"train"`` for the others."""
    return side_of_family(family(cell))


def side_of_family(name: str, salt: str = SALT) -> str:
    """Side of a family by its name."""
    value = int(hashlib.sha256(f"{salt}|{name}".encode()).hexdigest()[:8], 16) / 16**8
    return "test" if value < TEST_SHARE else "train"
