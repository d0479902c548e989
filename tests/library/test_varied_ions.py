import numpy as np
import pytest

from eelsmap.errors import LibraryError
from eelsmap.library.assemble import DATA
from eelsmap.library.multiplets import IONS
from eelsmap.library.varied_ions import RANGES, IonRange, load_varied_ions, make_varied_ions


@pytest.fixture(scope="module")
def ions():
    return load_varied_ions(DATA / "varied_ions.npz")


def test_every_ion_of_the_multiplet_grid_is_there(ions):
    assert set(ions.sticks) == set(IONS) == set(RANGES)
    for name, drawn in RANGES.items():
        assert ions.sticks[name].shape == (drawn.points, 2, ions.centres.size)
        np.testing.assert_allclose(ions.sticks[name].sum(axis=(1, 2)), 1.0, rtol=1e-5)


def test_fields_lie_in_their_ranges_and_fill_them(ions):
    for name, drawn in RANGES.items():
        ten_dq, reduction, tetragonal = ions.parameters[name].T
        octahedral = ten_dq > 0
        for values, (low, high) in (
            (ten_dq[octahedral], drawn.ten_dq),
            (reduction, drawn.reduction),
            (tetragonal, (min(drawn.tetragonal[0], 0), drawn.tetragonal[1])),
        ):
            assert low - 1e-6 <= values.min()
            assert values.max() <= high + 1e-6
        assert octahedral.all() == (drawn.tetrahedral is None)
        assert np.ptp(reduction) > 0.6 * (drawn.reduction[1] - drawn.reduction[0])


def test_l3_lies_at_zero_and_ratios_fall_with_manganese_valence(ions):
    ratio = []
    for name in ("Mn2", "Mn3", "Mn4"):
        l3 = ions.sticks[name][:, 0] @ ions.centres / ions.sticks[name][:, 0].sum(axis=1)
        np.testing.assert_allclose(l3, 0.0, atol=0.1)
        ratio.append(np.median(ions.sticks[name][:, 0].sum(axis=1) / ions.sticks[name][:, 1].sum(axis=1)))
    assert ratio[0] > ratio[1] > ratio[2]


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "ions.npz"
    path.write_bytes(b"nothing")
    with pytest.raises(LibraryError, match=r"ions\.npz: not a file of varied ions"):
        load_varied_ions(path)
    with pytest.raises(LibraryError, match=r"absent\.npz"):
        load_varied_ions(tmp_path / "absent.npz")


@pytest.mark.simulation
def test_a_stopped_run_goes_on_and_makes_the_same_file(tmp_path, ions):
    pytest.importorskip("edrixs", exc_type=ImportError)
    few = {"Ni2": IonRange(5, (0.7, 2.0), (0.6, 0.85)), "Co3": IonRange(3, (1.9, 3.3), (0.5, 0.7))}

    class StoppedError(Exception):
        pass

    def stop(line):
        raise StoppedError

    whole, again = tmp_path / "whole.npz", tmp_path / "again.npz"
    make_varied_ions(whole, ranges=few)
    with pytest.raises(StoppedError):
        make_varied_ions(again, ranges=few, report=stop)
    assert not again.exists()
    kept = (tmp_path / "again-Ni2.unfinished.npz").stat().st_mtime_ns
    lines = []
    make_varied_ions(again, ranges=few, report=lines.append)
    assert len(lines) == 2
    assert kept
    assert load_varied_ions(again).sha256 == load_varied_ions(whole).sha256
    assert not list(tmp_path.glob("*.unfinished.npz"))


@pytest.mark.simulation
def test_a_field_without_the_spin_is_refused(tmp_path):
    pytest.importorskip("edrixs", exc_type=ImportError)
    # Co3+ is high spin in a weak field: there is no low-spin ground state to be found.
    with pytest.raises(LibraryError, match="Co3: only 0 of 2 crystal fields"):
        make_varied_ions(tmp_path / "ions.npz", ranges={"Co3": IonRange(2, (0.3, 0.6), (0.7, 0.8))})
