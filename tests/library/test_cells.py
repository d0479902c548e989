"""The compact file of cells, and the run folder that feeds it."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from eelsmap.errors import LibraryError
from eelsmap.library.alignment import placement_shifts
from eelsmap.library.assemble import DATA
from eelsmap.library.cells import EVIDENCE, gather, load_cells, save_cells
from eelsmap.library.first_cells import read_first_cells
from eelsmap.library.oxygen_k import CORE_HOLE_SHIFT_EV


def evidence(header):
    return {key: header[key] for key in EVIDENCE if key in header}


def test_round_trip(shipped_cells, tmp_path):
    cells, header, edges = shipped_cells
    save_cells(cells[::-1], tmp_path / "cells.npz", header["settings"], evidence(header), edges)
    again, other, _ = load_cells(tmp_path / "cells.npz")
    assert other == header
    assert [cell.header() for cell in again] == [cell.header() for cell in cells]
    for one, two in zip(again, cells, strict=True):
        np.testing.assert_array_equal(one.intensity, two.intensity)


def test_gathering_takes_the_last_cell_of_a_name(shipped_cells, tmp_path):
    cells, header, edges = shipped_cells
    compact = tmp_path / "compact.npz"
    save_cells(cells[:3], compact, header["settings"], evidence(header), edges)
    (tmp_path / "run" / "cells").mkdir(parents=True)
    newer = [replace(cell, complete_to=55.5) for cell in cells[2:5]]
    for cell in newer:
        save_cells([cell], tmp_path / "run" / "cells" / f"{cell.name}.npz", header["settings"], {}, edges)
    found, own, _ = gather([compact, tmp_path / "run"])
    assert [cell.name for cell in found] == [cell.name for cell in cells[:5]]
    assert [cell.complete_to == 55.5 for cell in found] == [False, False, True, True, True]
    assert evidence(own) == evidence(header)
    assert set(own["settings"]) == {cell.settings for cell in found}
    assert [cell.name for cell in gather([tmp_path / "run" / "cells"])[0]] == [cell.name for cell in cells[2:5]]


def test_gathering_takes_cells_of_the_settings_asked_for(shipped_cells, tmp_path):
    cells, header, edges = shipped_cells
    mixed = [replace(cell, settings=name) for cell, name in zip(cells[:4], "abab", strict=True)]
    save_cells(mixed, tmp_path / "mixed.npz", header["settings"], {}, edges)
    assert [cell.name for cell in gather([tmp_path / "mixed.npz"], "b")[0]] == [cells[1].name, cells[3].name]
    with pytest.raises(LibraryError, match="no calculated cells with the settings c"):
        gather([tmp_path / "mixed.npz"], "c")


def test_cells_of_other_bins_do_not_mix(shipped_cells, tmp_path):
    cells, header, edges = shipped_cells
    save_cells(cells[:1], tmp_path / "a.npz", header["settings"], {}, edges)
    save_cells(cells[1:2], tmp_path / "b.npz", header["settings"], {}, edges + 0.5)
    with pytest.raises(LibraryError, match="other histogram bins"):
        gather([tmp_path / "a.npz", tmp_path / "b.npz"])


def test_lithium_content_by_phase(shipped_cells):
    cell = next(cell for cell in shipped_cells[0] if cell.kind == "pristine" and len(cell.lithium) == 2)
    assert cell.li_content == 2 / cell.layer_sites
    salt = replace(cell, details={"phase": "rock salt"})
    assert salt.li_content == 4 / len(cell.oxygen)


def test_settings_of_every_cell_are_recorded(shipped_cells):
    cells, header, _ = shipped_cells
    assert {cell.settings for cell in cells} <= set(header["settings"])
    # On the scale of energy loss: layered cells reach the last energy that anything is measured by, 556 eV.
    none = np.zeros(0)  # placed by potentials, not by the spectrum
    shift = {cell.name: placement_shifts(cell, none, none).min() + CORE_HOLE_SHIFT_EV for cell in cells}
    end = {cell.name: cell.complete_to + shift[cell.name] for cell in cells}
    assert min(end[cell.name] for cell in cells if cell.phase == "layered") >= 556
    assert min(end.values()) >= 555


def test_other_files_are_refused(tmp_path):
    shutil.copy(DATA / "multiplets.npz", tmp_path / "other.npz")
    with pytest.raises(LibraryError, match="not a file of oxygen K cells"):
        load_cells(tmp_path / "other.npz")


def test_first_cells_are_in_the_package(shared_data, shipped_cells):
    shipped = {cell.name: cell for cell in shipped_cells[0]}
    for cell in read_first_cells(shared_data / "oxygen_k_cells"):
        same = ("name", "kind", "layer_sites", "species", "lattice", "fractional", "moments")
        ours, theirs = shipped[cell.name].header(), cell.header()
        assert {key: ours[key] for key in same} == {key: theirs[key] for key in same}
        # Calculated anew with U: the same oxygen atoms, like spectra, not the same ones.
        assert ours["settings"] != theirs["settings"]
        strength = [each.intensity.sum(axis=1) for each in (shipped[cell.name], cell)]
        np.testing.assert_allclose(*strength, rtol=0.35)
