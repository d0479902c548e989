"""The store of relaxed structures."""

from dataclasses import replace

import numpy as np
import pytest

from eelsmap.errors import LibraryError
from eelsmap.library.relaxed import load_relaxed, save_relaxed


@pytest.fixture
def relaxed_cells(shipped_cells):
    return [
        replace(cell, intensity=np.zeros((len(cell.oxygen), 0)), complete_to=float("nan"), settings="", details={})
        for cell in shipped_cells[0][:4]
    ]


def test_structures_come_back(relaxed_cells, tmp_path):
    save_relaxed(relaxed_cells[::-1], tmp_path / "relaxed.npz")
    back = load_relaxed(tmp_path / "relaxed.npz")
    assert [cell.name for cell in back] == sorted(cell.name for cell in relaxed_cells)
    for one in back:
        other = next(cell for cell in relaxed_cells if cell.name == one.name)
        assert one.species == other.species
        np.testing.assert_allclose(one.fractional, other.fractional, atol=1e-6)
        np.testing.assert_allclose(one.moments, other.moments, atol=1e-4)
        assert one.intensity.shape == (len(one.oxygen), 0)
        assert np.isnan(one.complete_to)


def test_calculated_cells_are_refused_both_ways(shipped_cells, tmp_path):
    with pytest.raises(LibraryError, match="save_cells"):
        save_relaxed(shipped_cells[0][:1], tmp_path / "relaxed.npz")
    from eelsmap.library.assemble import DATA

    with pytest.raises(LibraryError, match="load_cells"):
        load_relaxed(DATA / "oxygen_k_cells.npz")
    with pytest.raises(LibraryError, match="not a file"):
        load_relaxed(tmp_path / "absent.npz")
