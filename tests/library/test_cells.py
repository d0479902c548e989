"""The compact file of cells, and the run folder that feeds it."""

import shutil

import numpy as np
import pytest

from eelsmap.errors import LibraryError
from eelsmap.library.assemble import DATA, assemble
from eelsmap.library.cells import EVIDENCE, load_cells, merge, save_cells
from eelsmap.library.first_cells import read_first_cells


def evidence(header):
    return {key: header[key] for key in EVIDENCE}


def test_round_trip(shipped_cells, tmp_path):
    cells, header, edges = shipped_cells
    save_cells(cells[::-1], tmp_path / "cells.npz", header["settings"], evidence(header), edges)
    again, other, _ = load_cells(tmp_path / "cells.npz")
    assert other == header
    assert [cell.header() for cell in again] == [cell.header() for cell in cells]
    for one, two in zip(again, cells, strict=True):
        np.testing.assert_array_equal(one.intensity, two.intensity)


def test_merge_adds_what_is_new_and_keeps_what_is_there(shipped_cells, tmp_path):
    cells, header, edges = shipped_cells
    compact = tmp_path / "compact.npz"
    save_cells(cells[:3], compact, header["settings"], evidence(header), edges)
    (tmp_path / "run" / "cells").mkdir(parents=True)
    for cell in cells[2:5]:
        save_cells([cell], tmp_path / "run" / "cells" / f"{cell.name}.npz", header["settings"], {}, edges)
    assert merge(tmp_path / "run", compact) == 5
    assert merge(tmp_path / "run", compact) == 5
    assert [cell.name for cell in load_cells(compact)[0]] == [cell.name for cell in cells[:5]]


def test_library_follows_from_the_shipped_cells(library, shipped_cells, white_lines):
    rebuilt = assemble(*shipped_cells, white_lines)
    for edge in library.grids:
        np.testing.assert_allclose(rebuilt.spectra[edge], library.spectra[edge], atol=2e-4)
    np.testing.assert_array_equal(rebuilt.split, library.split)
    for name, values in library.labels.items():
        np.testing.assert_allclose(rebuilt.labels[name], values)


def test_settings_of_every_cell_are_recorded(shipped_cells):
    cells, header, _ = shipped_cells
    assert {cell.settings for cell in cells} <= set(header["settings"])
    assert min(cell.complete_to for cell in cells) >= 29


def test_other_files_are_refused(tmp_path):
    shutil.copy(DATA / "multiplets.npz", tmp_path / "other.npz")
    with pytest.raises(LibraryError, match="not a file of oxygen K cells"):
        load_cells(tmp_path / "other.npz")


def test_first_cells_are_in_the_package(shared_data, shipped_cells):
    shipped = {cell.name: cell for cell in shipped_cells[0]}
    for cell in read_first_cells(shared_data / "oxygen_k_cells"):
        assert shipped[cell.name].header() == cell.header() | {"details": shipped[cell.name].details}
        np.testing.assert_array_equal(shipped[cell.name].intensity, cell.intensity)
