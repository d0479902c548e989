"""The shipped library, cells and multiplets, read once."""

import pytest

from eelsmap.library import load_library
from eelsmap.library.assemble import DATA
from eelsmap.library.cells import load_cells
from eelsmap.library.white_lines import WhiteLines


@pytest.fixture(scope="session")
def library():
    return load_library("nmc")


@pytest.fixture(scope="session")
def shipped_cells():
    return load_cells(DATA / "oxygen_k_cells.npz")


@pytest.fixture(scope="session")
def white_lines():
    return WhiteLines.from_file(DATA / "multiplets.npz")
