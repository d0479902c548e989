"""Which cells train, which test, and which do neither.

A cell is assigned by a hash of its family: whether oxygen is missing, the fractions of the metals and the lithium per
site of the metal layer (per metal in lithium-rich cells), all in lowest terms. So the side does not depend on the size
of the supercell; structures of one formula, exchanged or not, are all on one side, and with them all that symmetry
makes equal; and an assignment never changes when cells are added. References (oxides of one valence, the surface rock
salt) are in the library to be compared with: they neither train nor test.
"""

from __future__ import annotations

import hashlib
from fractions import Fraction
from math import gcd
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eelsmap.library.cells import Cell

#: One of the salts for which planned as well as calculated cells of both sides hold every kind of cell, every third of
#: the lithium range and every valence; chosen by that alone, before any model was fitted to it. Part of the schema.
SALT = "eelsmap-19158"
TEST_SHARE = 0.25


def family(cell: Cell) -> str:
    """Oxygen, metals and lithium of a cell in one string.

    ``"vacancy|Co1 Mn1 Ni2|1/2"`` is any cell of these metals with an oxygen missing and lithium on half as many sites
    as the metal layer has; ``"complete|..."`` has all its oxygen; ``"lithium-rich|Mn1|2"`` has lithium in the metal
    layer and two lithium atoms per metal, with or without all its oxygen (a vacancy in one cell can have the formula of
    another cell); ``"reference|NAME"`` is a reference of that name.
    """
    if cell.kind == "reference":
        return f"reference|{cell.name}"
    counts = {symbol: sum(cell.species[i] == symbol for i in cell.metals) for symbol in ("Co", "Mn", "Ni")}
    divisor = gcd(*counts.values())
    metals = " ".join(f"{symbol}{count // divisor}" for symbol, count in counts.items() if count)
    if cell.phase == "lithium-rich":
        return f"lithium-rich|{metals}|{Fraction(len(cell.lithium), len(cell.metals))}"
    oxygen = "vacancy" if cell.kind == "vacancy" else "complete"
    return f"{oxygen}|{metals}|{Fraction(len(cell.lithium), cell.layer_sites)}"


def side(cell: Cell) -> str:
    """Tell the side: ``"reference"`` for references, else ``"test"`` for a quarter of the families and ``"train"``."""
    return side_of_family(family(cell))


def side_of_family(name: str, salt: str = SALT) -> str:
    """Tell the side of a family by its name."""
    if name.startswith("reference|"):
        return "reference"
    value = int(hashlib.sha256(f"{salt}|{name}".encode()).hexdigest()[:8], 16) / 16**8
    return "test" if value < TEST_SHARE else "train"
