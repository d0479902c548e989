import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.edges import NMC_EDGES
from eelsmap.preprocess.drift import measure_drift
from eelsmap.preprocess.edge_location import locate_edges
from eelsmap.preprocess.energy_axis import correct_energy_axis
from eelsmap.preprocess.row_alignment import align_rows, row_displacements, smooth_displacements
from eelsmap.preprocess.windows import shift_counts
from eelsmap.recipe import EnergyAxisStep
from tests.preprocess.spectra import spectrum

ENERGY = np.arange(450.0, 960.0, 0.25)


def scan(drift, *, scale=30.0, own=None, seed=0):
    """Rows whose edges all lie displaced by ``drift``, and by their own chemistry (row, edge)."""
    own = np.zeros((len(drift), 4)) if own is None else own
    mean = [
        spectrum(ENERGY, displacements=tuple(d + o for o in more), scale=scale)
        for d, more in zip(drift, own, strict=True)
    ]
    return np.random.default_rng(seed).poisson(np.array(mean)).astype(float)


def measured(rows, gain=1.0):
    coarse = align_rows(rows, ENERGY)
    mean = shift_counts(rows, coarse / 0.25).mean(axis=0)
    located = locate_edges(mean, ENERGY, NMC_EDGES)
    axis = correct_energy_axis(located, NMC_EDGES, EnergyAxisStep())
    return measure_drift(rows, ENERGY, axis, NMC_EDGES, located=located, coarse=coarse, gain=gain)


@pytest.mark.parametrize("scale", [1.0, 30.0])
@pytest.mark.parametrize(
    "drift",
    [np.linspace(-2.5, 2.5, 24), np.where(np.arange(24) < 9, -1.0, 1.5), 1.5 * np.sin(np.arange(24) * 0.7)],
    ids=["slow", "one jump", "every row"],
)
def test_a_drift_of_all_edges_is_found_and_its_error_is_honest(drift, scale):
    found = measured(scan(drift, scale=scale))
    assert found.applied
    error = found.shift - (drift - drift.mean())
    error -= error.mean()
    assert np.abs(error).max() < 0.4
    assert np.sqrt((error**2).mean()) < 2.5 * np.sqrt((found.uncertainty**2).mean()) + 0.02
    assert "move together" in found.message


def test_a_still_scan_is_left_alone():
    found = measured(scan(np.zeros(24)))
    assert not found.applied
    assert not found.shift.any()


def test_a_valence_that_changes_along_the_scan_is_no_drift():
    own = np.zeros((24, 4))
    own[:, 3] = np.linspace(-1.2, 1.2, 24)
    own[:, 0] = np.linspace(0.5, -0.5, 24)
    found = measured(scan(np.zeros(24), own=own))
    assert not found.applied


def test_chemistry_that_looks_like_a_drift_is_said_to_be_chemistry():
    own = np.zeros((24, 4))
    own[:, 1] = np.linspace(-2.0, 2.0, 24)
    own[:, 2] = np.linspace(-1.0, 1.0, 24)
    found = measured(scan(np.zeros(24), own=own))
    assert not found.applied
    assert "chemistry" in found.message


def test_empty_rows_disturb_nothing_and_lie_between_their_neighbours():
    drift = np.linspace(-2.0, 2.0, 24)
    rows = scan(drift)
    rows[[0, 11, 23]] = 0.0
    found = measured(rows)
    assert found.applied
    assert found.shift[11] == pytest.approx(0.5 * (found.shift[10] + found.shift[12]), abs=0.1)
    assert np.isfinite(found.shift).all()


def test_too_few_rows_say_so():
    assert "too few rows" in measured(scan(np.array([0.0, 3.0]))).message


@settings(max_examples=15, deadline=None)
@given(st.floats(-20, 20), st.floats(0.1, 100))
def test_offset_of_the_axis_and_scale_of_the_counts_change_no_displacement(offset, factor):
    part = (ENERGY > 630) & (ENERGY < 662)
    rows = scan(np.linspace(-0.3, 0.3, 6))[:, part]
    reference, sigma = row_displacements(rows, ENERGY[part])
    moved, same = row_displacements(factor * rows, ENERGY[part] + offset, gain=factor)
    assert moved == pytest.approx(reference, abs=1e-6)
    assert same == pytest.approx(sigma, rel=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(6)))
def test_the_order_of_the_rows_changes_only_the_order(order):
    part = (ENERGY > 630) & (ENERGY < 662)
    rows = scan(np.linspace(-0.3, 0.3, 6))[:, part]
    order = list(order)
    assert row_displacements(rows[order], ENERGY[part])[0] == pytest.approx(
        row_displacements(rows, ENERGY[part])[0][order], abs=1e-9
    )


def test_smoothing_brings_noise_down_and_keeps_a_jump():
    rng = np.random.default_rng(0)
    truth = np.where(np.arange(60) < 30, 0.0, 4.0)
    smooth, error = smooth_displacements(truth + 0.3 * rng.standard_normal(60), np.full(60, 0.3))
    assert np.sqrt(((smooth - truth) ** 2).mean()) < 0.15
    assert (error < 0.3).all()
    assert smooth[30] - smooth[29] > 3.0


def test_rows_that_say_nothing_are_filled():
    smooth, error = smooth_displacements(np.array([0.0, np.nan, 0.2]), np.array([0.1, np.inf, 0.1]))
    assert 0.0 < smooth[1] < 0.2
    assert np.isfinite(error).all()
    assert not smooth_displacements(np.full(3, np.nan), np.full(3, np.inf))[0].any()


def test_the_unit_of_the_counts_changes_no_drift():
    rows = scan(np.linspace(-1.0, 1.0, 24))
    found, other = measured(rows), measured(1e6 * rows, gain=1e6)
    assert other.applied
    np.testing.assert_allclose(other.shift, found.shift, atol=1e-6)
