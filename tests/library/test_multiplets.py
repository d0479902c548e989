"""Spin states and L3/L2 ratios of the stored grid; ions calculated anew; the grid program interrupted and resumed."""

import dataclasses

import numpy as np
import pytest

from eelsmap.errors import LibraryError
from eelsmap.library import multiplet_grid
from eelsmap.library.multiplet_grid import load_grid, make_grid
from eelsmap.library.multiplets import IONS, IonModel, calculate


def shape(entry):
    return len(entry["reductions"]), len(entry["ten_dq"]), len(entry["tetragonal"])


def test_every_stored_ground_state_has_its_spin(white_lines):
    assert set(white_lines.sticks) == set(IONS)
    for name, entry in white_lines.header["ions"].items():
        spin = IONS[name].spin
        assert np.shape(entry["spin_squared"]) == shape(entry)
        np.testing.assert_allclose(entry["spin_squared"], spin * (spin + 1), atol=0.35)


def test_stored_grid_was_made_with_the_parameters_in_the_code(white_lines):
    for name, ion in IONS.items():
        entry = white_lines.header["ions"][name]
        assert tuple(entry["ten_dq"]) == ion.ten_dq
        assert tuple(entry["reductions"]) == ion.reductions
        assert tuple(entry["tetragonal"]) == ion.tetragonal
        assert entry["electrons"] == ion.electrons
        assert white_lines.sticks[name].shape[:3] == shape(entry)


def test_every_ion_has_a_tetragonal_axis_that_begins_regular():
    for ion in IONS.values():
        assert ion.tetragonal[0] == 0
        assert len(ion.tetragonal) >= 3
    usual = max(ion.tetragonal[-1] for name, ion in IONS.items() if name not in ("Mn3", "Ni3"))
    assert min(IONS["Mn3"].tetragonal[-1], IONS["Ni3"].tetragonal[-1]) >= 2 * usual


def test_l3_to_l2_ratio_falls_with_valence(white_lines):
    ratio = {name: np.mean(entry["l3_to_l2"]) for name, entry in white_lines.header["ions"].items()}
    assert ratio["Ni2"] > ratio["Ni3"] > ratio["Ni4"] > 1.8
    assert ratio["Mn2"] > ratio["Mn3"] > ratio["Mn4"] > 1.5
    assert ratio["Co2"] > 2 * ratio["Co3"]
    assert ratio["Co2"] == max(ratio.values())


def test_high_spin_cobalt_has_the_higher_branching_ratio(white_lines):
    ions = white_lines.header["ions"]
    assert np.min(ions["Co3-high-spin"]["l3_to_l2"]) > np.max(ions["Co3"]["l3_to_l2"])


def test_sticks_are_complete(white_lines):
    for sticks in white_lines.sticks.values():
        np.testing.assert_allclose(sticks.sum(axis=(3, 4)), 1, atol=1e-5)
        assert sticks.min() > -1e-9


def test_an_older_grid_is_refused_with_the_remedy(white_lines, tmp_path):
    path = tmp_path / "old.npz"
    np.savez(path, header=np.array('{"schema": 1, "ions": {}}'), bin_edges=white_lines.bin_edges)
    with pytest.raises(LibraryError, match="multiplet_grid"):
        load_grid(path)


def small(name, **changes):
    return dataclasses.replace(IONS[name], ten_dq=(1.1,), reductions=(0.7, 0.8), tetragonal=(0.0, 0.2), **changes)


def test_an_interrupted_grid_loses_only_the_ion_in_work(tmp_path, monkeypatch):
    pytest.importorskip("edrixs", reason="its version is written into the grid")
    ions = {"Ni2": small("Ni2"), "Co2": small("Co2")}
    made = []

    def pretend(ion):
        if ion.name == "Co2" and "Co2" not in made:
            made.append("Co2")
            raise KeyboardInterrupt
        made.append(ion.name)
        sticks = np.full((2, 1, 2, 2, multiplet_grid.BIN_EDGES.size - 1), len(made), dtype=np.float32)
        return multiplet_grid._parameters(ion) | {"l3_width_ev": 0.5, "l2_width_ev": 1.0}, sticks

    monkeypatch.setattr(multiplet_grid, "ion_grid", pretend)
    path = tmp_path / "grid.npz"
    with pytest.raises(KeyboardInterrupt):
        make_grid(path, ions)
    assert not path.exists()
    assert make_grid(path, ions) == ["Co2"]
    assert [file.name for file in tmp_path.iterdir()] == ["grid.npz"]
    assert make_grid(path, ions) == []
    changed = ions | {"Ni2": small("Ni2", spin=0.0)}
    assert make_grid(path, changed) == ["Ni2"]
    header, sticks, _ = load_grid(path)
    assert header["ions"]["Ni2"]["spin"] == 0.0
    assert set(sticks) == {"Ni2", "Co2"}


@pytest.mark.simulation
def test_nickel_is_reproduced(white_lines):
    pytest.importorskip("edrixs", reason="edrixs is not installed")
    ion = IONS["Ni2"]
    point = calculate(ion, ion.ten_dq[1], ion.reductions[0], ion.tetragonal[2])
    assert point.spin_squared == pytest.approx(2.0, abs=0.01)
    np.testing.assert_allclose(multiplet_grid.histograms(point)[0], white_lines.sticks["Ni2"][0, 1, 2], atol=1e-4)


@pytest.mark.simulation
def test_blocks_and_real_matrices_give_the_spectrum_of_edrixs_itself():
    edrixs = pytest.importorskip("edrixs", reason="edrixs is not installed")
    ion, ten_dq, reduction, tetragonal = IONS["Ni2"], 1.1, 0.8, 0.2
    atom = edrixs.get_atom_data("Ni", v_name="3d", v_noccu=8, edge="L23")
    initial, final = ([value * reduction for _, value in atom[key]] for key in ("slater_i", "slater_n"))
    initial[0] = edrixs.get_F0("d", initial[1], initial[2])
    final[0] = edrixs.get_F0("d", final[1], final[2])
    final[3] = edrixs.get_F0("dp", final[5], final[6])
    energy_i, energy_n, transitions = edrixs.ed_1v1c_py(
        ("d", "p"),
        shell_level=(0, 0),
        v_soc=(atom["v_soc_i"][0], atom["v_soc_n"][0]),
        c_soc=atom["c_soc"],
        v_noccu=8,
        slater=(initial, final),
        v_cfmat=edrixs.cf_tetragonal_d(ten_dq, 0.25 * tetragonal * ten_dq, tetragonal * ten_dq),
    )
    point = calculate(ion, ten_dq, reduction, tetragonal)
    lowest = energy_i - energy_i.min()
    weight = np.exp(-lowest / (8.617333e-5 * 300))
    weight = np.where(weight > 1e-4, weight, 0) / weight[weight > 1e-4].sum()
    strength = (np.abs(transitions) ** 2).sum(axis=0) / 3 @ weight
    own = point.strength.reshape(energy_n.size, -1).sum(axis=1)
    # Degenerate final states share their strength as they please: compare sums over 0.05 eV.
    bins = np.arange(energy_n.min() - 0.025, energy_n.max() + 0.1, 0.05)
    expected = np.histogram(energy_n, bins, weights=strength)[0]
    found = np.histogram(energy_n, bins, weights=own)[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.simulation
def test_a_wrong_spin_state_is_refused():
    pytest.importorskip("edrixs", reason="edrixs is not installed")
    high_spin = IonModel("Ni", 3, 7, 0.5, (1.0,), (0.8, 0.8))
    with pytest.raises(LibraryError, match="S\\^2"):
        calculate(high_spin, 1.0, 0.8)
