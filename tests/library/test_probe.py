"""Weights of atoms: two ways of adding up images, and the limits of narrow and wide probes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.errors import LibraryError
from eelsmap.library.probe import DEFAULT_RADIUS_NM, Probe

LATTICE = np.array([[4.9, 0.1, 0.3], [-2.4, 4.3, 0.2], [1.4, 0.8, 4.7]])
PLACES = np.array([[0.0, 0.0, 0.0], [0.33, 0.71, 0.12], [0.24, 0.26, 0.26], [0.74, 0.74, 0.75]])
CENTRES = np.array([2, 3])


def chance_in_disc(distance, radius, sigma):
    """Weight of a disc blurred by a Gaussian, from the distribution of squared distances."""
    from scipy.stats import ncx2

    return ncx2.cdf((radius / sigma) ** 2, 2, (distance / sigma) ** 2)


def test_both_ways_of_adding_up_images_agree():
    probe = Probe(fwhm_nm=0.19)
    sigma = 1.9 / np.sqrt(8 * np.log(2))
    direct, series = probe._direct(LATTICE, PLACES, CENTRES, sigma), probe._series(LATTICE, PLACES, CENTRES, sigma)
    assert direct.max() > 0.3
    np.testing.assert_allclose(series, direct, atol=1e-8)


def test_a_column_average_is_the_sum_over_the_column():
    probe = Probe(fwhm_nm=0.1, beam=(0, 0.2, 1), depth_nm=1.0)
    along = np.array([0, 0.2, 1]) / np.linalg.norm([0, 0.2, 1])
    images = np.stack(np.meshgrid(*[np.arange(-9, 10)] * 3), axis=-1).reshape(-1, 3)
    vectors = (PLACES - PLACES[CENTRES[0]])[:, None] @ LATTICE + images @ LATTICE
    depth = vectors @ along
    across = np.sqrt(np.clip((vectors**2).sum(axis=-1) - depth**2, 0, None))
    sigma, deep = 1.0 / np.sqrt(8 * np.log(2)), 10 / np.sqrt(8 * np.log(2))
    # Beyond eight standard deviations nothing counts, and the distribution function gives no numbers there.
    weight = np.zeros_like(across)
    near = across < 10 * DEFAULT_RADIUS_NM + 8 * sigma
    weight[near] = chance_in_disc(across[near], 10 * DEFAULT_RADIUS_NM, sigma)
    expected = (weight * np.exp(-0.5 * (depth / deep) ** 2)).sum(axis=1)
    found = probe.weights(LATTICE, PLACES, CENTRES)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_blurred_sphere_is_the_chance_to_end_in_it():
    random = np.random.default_rng(0)
    places = np.array([[0.0, 0, 0], [0.005, 0, 0], [0.03, 0, 0]])
    found = Probe(fwhm_nm=0.15).weights(np.eye(3) * 100, places, [0])[0]
    moved = random.normal(0, 1.5 / np.sqrt(8 * np.log(2)), (200000, 3))
    expected = [(np.linalg.norm(moved + place * 100, axis=1) < 10 * DEFAULT_RADIUS_NM).mean() for place in places]
    np.testing.assert_allclose(found, expected, atol=0.004)


def test_a_narrow_probe_leaves_the_sphere():
    top_hat = Probe(radius_nm=DEFAULT_RADIUS_NM).weights(LATTICE, PLACES, CENTRES)
    assert set(np.unique(top_hat)) <= {0.0, 1.0, 2.0, 3.0}
    narrow = Probe(fwhm_nm=0.05).weights(LATTICE, PLACES, CENTRES)
    np.testing.assert_allclose(narrow, top_hat, atol=0.35)


def test_a_wide_probe_counts_every_atom_alike():
    volume = abs(np.linalg.det(LATTICE))
    expected = 4 / 3 * np.pi * (10 * DEFAULT_RADIUS_NM) ** 3 / volume
    np.testing.assert_allclose(Probe(fwhm_nm=4.0).weights(LATTICE, PLACES, CENTRES), expected, rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(fwhm=st.floats(0.05, 3.0), radius=st.floats(0.12, 0.6), shift=st.floats(-2, 2))
def test_weights_do_not_depend_on_where_a_cell_is_cut(fwhm, radius, shift):
    probe = Probe(fwhm_nm=fwhm, radius_nm=radius)
    weights = probe.weights(LATTICE, PLACES, CENTRES)
    assert (weights >= 0).all()
    moved = probe.weights(LATTICE, (PLACES + shift) % 1, CENTRES)
    np.testing.assert_allclose(moved, weights, rtol=1e-6, atol=1e-6)
    # Each of two atoms sees the other alike.
    everywhere = probe.weights(LATTICE, PLACES, np.arange(4))
    np.testing.assert_allclose(everywhere, everywhere.T, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        {"fwhm_nm": 0.01},
        {"fwhm_nm": -1.0},
        {"fwhm_nm": float("nan")},
        {"radius_nm": 0.0},
        {"fwhm_nm": 1.0, "beam": (0, 0, 0)},
        {"beam": (0, 0, 1)},
        {"fwhm_nm": 1.0, "beam": (0, 0, 1), "depth_nm": 0.0},
    ],
)
def test_impossible_probes_are_refused(values):
    with pytest.raises(LibraryError, match="probe"):
        Probe(**values)


def test_the_fixed_environment_is_no_function_of_distance():
    assert Probe().fixed
    with pytest.raises(LibraryError, match="fixed environment"):
        Probe().weights(LATTICE, PLACES, CENTRES)
