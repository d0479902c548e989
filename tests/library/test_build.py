"""The resumable program: what it makes, in which order, what it leaves alone; and one cell with the real tools."""

import json
import multiprocessing
from dataclasses import replace

import numpy as np
import pytest

from eelsmap.errors import LibraryError
from eelsmap.library import build, relaxation
from eelsmap.library.cells import load_cells, save_cells
from eelsmap.library.geometry import CellGeometry
from eelsmap.library.gpaw_oxygen_k import BIN_EDGES, STANDARD
from eelsmap.library.reference_ions import CALCULATED_MOMENTS, REFERENCE_MOMENTS
from eelsmap.library.relaxed import load_relaxed, save_relaxed
from eelsmap.library.structures import plan


class PretendRelaxer:
    """Leaves a structure as it is; cobalt oxide fails."""

    def relax(self, species, lattice, fractional):
        if set(species) == {"Co", "O"}:
            raise RuntimeError("not relaxed")
        details = {"evaluations": 1, "seconds": 0.0, "residual_force_eV_per_A": 0.0}
        return relaxation.Relaxed(lattice, fractional, np.ones(len(species)), details)


@pytest.fixture
def small_package(monkeypatch, shipped_cells, tmp_path_factory):
    """A package that holds two layered cells only, so that what a run makes does not depend on what is shipped."""
    folder = tmp_path_factory.mktemp("package")
    kept = [cell for cell in shipped_cells[0] if cell.name in ("pristine-042", "vacancy-104")]
    save_cells(kept, folder / "oxygen_k_cells.npz", {STANDARD.name: STANDARD.as_dict()}, {}, shipped_cells[2])
    monkeypatch.setattr(build, "_DATA", folder)


@pytest.fixture
def pretend_relaxation(monkeypatch, small_package):
    monkeypatch.setattr(relaxation, "Relaxer", PretendRelaxer)


def pretend_oxygen_k(atoms, settings, setup_folder, log=None, core_hole=None, moments=None):
    assert settings == STANDARD
    assert len(moments) == len(atoms)
    oxygen = atoms.get_chemical_symbols().count("O")
    return {
        "intensity": np.ones((oxygen, BIN_EDGES.size - 1), np.float32), "complete_to_eV": 30.0, "fermi_eV": 1.0,
        "magnetic_moments": list(moments), "iterations": 1, "seconds": 0.1, "potential_at_nucleus_eV": [0.0] * oxygen,
        "energy_eV": -1.0,
    }  # fmt: skip


def test_relaxation_goes_on_where_it_stopped(pretend_relaxation, tmp_path):
    assert build.run(tmp_path, 2, stages=["relax"]) == {"relax": 2}
    first = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "relaxed").glob("*.npz")}
    assert build.run(tmp_path, 2, stages=["relax"]) == {"relax": 2}
    assert all((tmp_path / "relaxed" / name).stat().st_mtime_ns == when for name, when in first.items())
    names = [entry.name for entry in plan()[:5] if "CoO" not in entry.name]
    assert sorted(path.stem for path in (tmp_path / "relaxed").glob("*.npz")) == sorted(names)
    # The failure is kept with its reason, and not tried again.
    assert "not relaxed" in (tmp_path / "relaxed" / "reference-CoO.failed").read_text()
    assert not list((tmp_path / "relaxed").glob("*.lock"))


def test_names_are_taken_in_their_order(pretend_relaxation, tmp_path):
    names = [plan()[30].name, plan()[20].name]
    assert build.run(tmp_path, 1, stages=["relax"], names=names) == {"relax": 1}
    assert [path.stem for path in (tmp_path / "relaxed").glob("*.npz")] == names[:1]
    with pytest.raises(LibraryError, match="no-such-cell"):
        build.run(tmp_path, names=["no-such-cell"])
    with pytest.raises(LibraryError, match="stage 'paint'"):
        build.run(tmp_path, stages=["paint"])


def test_a_relaxed_cell_carries_its_phase_and_residuals(pretend_relaxation, tmp_path):
    entry = next(entry for entry in plan() if entry.phase == "lithium-rich")
    build.run(tmp_path, stages=["relax"], names=[entry.name])
    (cell,) = load_relaxed(tmp_path / "relaxed" / f"{entry.name}.npz")
    assert cell.details["phase"] == "lithium-rich"
    assert cell.details["relaxation"]["evaluations"] == 1
    assert cell.layer_sites == entry.layer_sites


def test_orderings_of_the_package_are_not_relaxed_again(shipped_cells):
    present = {build.ordering(cell) for cell in shipped_cells[0]} - {None}
    again = [entry for entry in plan() if build.ordering(entry) in present]
    assert again  # the plan does not know of the package, the program does
    assert len(plan()) - len(again) + len(shipped_cells[0]) >= 850


def test_what_the_package_holds_is_made_again_only_when_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(relaxation, "Relaxer", PretendRelaxer)
    monkeypatch.setattr(build, "oxygen_k_transitions", pretend_oxygen_k)
    # All that is planned lies relaxed in the package: only edges are left to calculate.
    assert build.run(tmp_path / "more", 2) == {"relax": 0, "oxygen-k": 2}
    (cell, _) = [load_cells(path)[0][0] for path in sorted((tmp_path / "more" / "cells").glob("*.npz"))]
    assert cell.name in {stored.name for stored in build._stored()}
    assert build.run(tmp_path / "again", 2, again=True) == {"relax": 2, "oxygen-k": 2}
    assert build.run(tmp_path / "named", names=["reference-MnO"]) == {"relax": 1, "oxygen-k": 1}
    (made,) = load_cells(tmp_path / "named" / "cells" / "reference-MnO.npz")[0]
    np.testing.assert_array_equal(made.moments, np.ones(8))  # from the structure that was relaxed anew


def _hold(path, ready, done):
    with build._claimed(path) as free:
        ready.put(free)
        done.get(timeout=60)


def test_a_cell_in_work_elsewhere_is_passed_over_and_free_after_a_kill(pretend_relaxation, tmp_path):
    (tmp_path / "relaxed").mkdir()
    names = [entry.name for entry in plan()[:2]]
    context = multiprocessing.get_context("spawn")
    ready, done = context.Queue(), context.Queue()
    lock = tmp_path / "relaxed" / f"{names[0]}.lock"
    other = context.Process(target=_hold, args=(lock, ready, done))
    other.start()
    assert ready.get(timeout=60)
    assert build.run(tmp_path, stages=["relax"], names=names) == {"relax": 1}
    assert not (tmp_path / "relaxed" / f"{names[0]}.npz").exists()
    other.kill()
    other.join()
    assert build.run(tmp_path, stages=["relax"], names=names) == {"relax": 1}


def test_oxygen_k_takes_relaxed_cells_and_cells_of_other_settings(
    monkeypatch, pretend_relaxation, shipped_cells, tmp_path
):
    monkeypatch.setattr(build, "oxygen_k_transitions", pretend_oxygen_k)
    outdated = replace(shipped_cells[0][0], settings="gamma-2x2x2", name="pristine-old")
    current = replace(shipped_cells[0][1], settings=STANDARD.name, name="pristine-new")
    name = plan()[0].name
    build.run(tmp_path, stages=["relax"], names=[name])
    assert build._oxygen_k(tmp_path, [outdated, current], None, None, False) == 2
    made = {path.stem: load_cells(path)[0][0] for path in (tmp_path / "cells").glob("*.npz")}
    assert "pristine-new" not in made
    assert made["pristine-old"].settings == STANDARD.name
    np.testing.assert_array_equal(made["pristine-old"].lattice, outdated.lattice)
    assert made[name].details["phase"] == "reference"
    assert made[name].details["energy_eV"] == -1.0


def test_a_missing_tool_is_no_failure_of_a_cell(monkeypatch, tmp_path):
    def absent():
        raise ImportError("No module named 'chgnet'")

    monkeypatch.setattr(relaxation, "Relaxer", absent)
    with pytest.raises(ImportError):
        build.run(tmp_path, 1, stages=["relax"], again=True)
    assert not list((tmp_path / "relaxed").glob("*.failed"))


def test_relaxed_structures_of_a_run_can_be_collected(pretend_relaxation, tmp_path):
    build.run(tmp_path, 3, stages=["relax"])
    cells = [cell for path in (tmp_path / "relaxed").glob("*.npz") for cell in load_relaxed(path)]
    save_relaxed(cells, tmp_path / "all.npz")
    assert len(load_relaxed(tmp_path / "all.npz")) == 3


@pytest.mark.simulation
def test_one_cell_with_the_real_tools(small_package, tmp_path):
    """MnO, relaxed by CHGNet and calculated by GPAW at the settings of the library: a minute of one core."""
    pytest.importorskip("chgnet")
    pytest.importorskip("gpaw")
    name = "reference-MnO"
    assert build.run(tmp_path, 1, names=[name]) == {"relax": 1, "oxygen-k": 1}
    (relaxed,) = load_relaxed(tmp_path / "relaxed" / f"{name}.npz")
    # The tolerance is on forces in coordinates of the strained cell: those of the atoms can be a little larger.
    assert relaxed.details["relaxation"]["residual_force_eV_per_A"] <= 1.2 * relaxation.FORCE_TOLERANCE
    (cell,), header, bin_edges = load_cells(tmp_path / "cells" / f"{name}.npz")
    np.testing.assert_array_equal(cell.lattice, relaxed.lattice)
    assert header["settings"][STANDARD.name] == json.loads(json.dumps(STANDARD.as_dict()))
    assert cell.settings == STANDARD.name
    assert cell.intensity.shape == (4, bin_edges.size - 1)
    assert cell.complete_to > 25
    # The bonds of MnO, 2.22 angstrom, and Mn2+: five unpaired electrons, in the relaxation and in the calculation.
    geometry = CellGeometry(cell)
    assert geometry.bond_length[0] == pytest.approx(2.22, abs=0.06)
    assert geometry.valence[0] == 2
    assert cell.moments[0] == pytest.approx(REFERENCE_MOMENTS["Mn"][2], abs=0.2)
    assert abs(cell.details["magnetic_moments"][0]) == pytest.approx(CALCULATED_MOMENTS["Mn"][2], abs=0.2)
    # The four oxygen atoms of rock salt are equivalent.
    areas = cell.intensity.sum(axis=1)
    np.testing.assert_allclose(areas, areas.mean(), rtol=0.02)
    assert build.run(tmp_path, 1, names=[name]) == {"relax": 0, "oxygen-k": 0}
