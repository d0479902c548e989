"""Placing, scaling and resampling: what must not change the result does not, and what cannot be used is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.errors import LibraryError
from eelsmap.library.resampling import checked, on_library_grid, placement, resampled, shipped_reference

EDGES = ("O_K", "Mn_L", "Co_L", "Ni_L")


def spectrum(edge, step=0.1, shift=0.0, low=0.0, high=0.0):
    """Mean spectrum of the shipped library on other energies."""
    reference = shipped_reference()
    grid = reference.grids[edge]
    energy = np.arange(grid[0] + low, grid[-1] - high + step / 2, step)
    return checked(energy + shift, np.interp(energy, grid, reference.mean[edge]))


@pytest.mark.parametrize("edge", EDGES)
def test_the_reference_comes_back_as_it_is(edge):
    reference = shipped_reference()
    result = on_library_grid(spectrum(edge), edge)
    np.testing.assert_allclose(result.values, reference.mean[edge], atol=2e-3 * reference.mean[edge].max())


@settings(max_examples=50, deadline=None)
@given(
    edge=st.sampled_from(EDGES),
    factor=st.floats(1e-12, 1e12),
    step=st.sampled_from([0.02, 0.05, 0.09, 0.2, 0.3]),
    scale=st.sampled_from(["continuum", "area"]),
)
def test_units_of_intensity_do_not_matter(edge, factor, step, scale):
    energy, intensity = spectrum(edge, step)
    one = on_library_grid((energy, intensity), edge, scale=scale)
    other = on_library_grid((energy, intensity * factor), edge, scale=scale)
    np.testing.assert_allclose(other.values, one.values, rtol=1e-9, atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(edge=st.sampled_from(EDGES), step=st.sampled_from([0.03, 0.05, 0.2]))
def test_the_sampling_hardly_matters(edge, step):
    energy, intensity = spectrum(edge, 0.01)
    every = round(step / 0.01)
    coarse = on_library_grid((energy[::every], intensity[::every]), edge).values
    fine = on_library_grid((energy, intensity), edge).values
    np.testing.assert_allclose(coarse, fine, atol=0.05 * fine.max())


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_averaging_conserves_area(data):
    count = data.draw(st.integers(50, 400))
    seed = data.draw(st.integers(0, 1000))
    random = np.random.default_rng(seed)
    energy = np.cumsum(random.uniform(0.005, 0.03, count))
    intensity = random.uniform(0, 5, count)
    grid = np.arange(energy[0] + 0.05, energy[-1] - 0.05, 0.1)
    values = resampled(energy, intensity, grid)
    fine = np.linspace(grid[0] - 0.05, grid[-1] + 0.05, 200001)
    area = np.trapezoid(np.interp(fine, energy, intensity), fine)
    assert np.sum(values) * 0.1 == pytest.approx(area, rel=1e-3)


def test_descending_energies_are_turned():
    energy, intensity = spectrum("O_K")
    for got, wanted in zip(checked(energy[::-1], intensity[::-1]), (energy, intensity), strict=True):
        np.testing.assert_array_equal(got, wanted)


@settings(max_examples=20, deadline=None)
@given(edge=st.sampled_from(EDGES), shift=st.integers(-150, 150), step=st.sampled_from([0.1, 0.2, 0.3]))
def test_a_shift_is_found_again(edge, shift, step):
    found = placement([spectrum(edge, step, shift=shift / 10)], edge)
    assert found == pytest.approx(-shift / 10, abs=0.15)


def test_records_are_placed_together_whatever_their_order_and_units():
    spectra = [spectrum("Ni_L", 0.2, shift=3.0 + 0.3 * i) for i in range(3)]
    found = placement(spectra, "Ni_L")
    assert found == pytest.approx(-3.3, abs=0.15)
    assert placement([(energy, 1e3 * intensity) for energy, intensity in spectra[::-1]], "Ni_L") == found


def test_what_lies_too_far_off_is_not_placed():
    with pytest.raises(LibraryError, match="give a shift"):
        placement([spectrum("Mn_L", shift=-300.0)], "Mn_L")


def test_noise_and_nothing_are_not_placed():
    energy = np.arange(820.0, 900.0, 0.3)
    for intensity in (np.random.default_rng(0).normal(size=energy.size), np.zeros(energy.size), np.ones(energy.size)):
        with pytest.raises(LibraryError, match="nothing like it"):
            placement([(energy, intensity)], "Ni_L")


def test_uncovered_ends_are_continued_and_reported():
    result = on_library_grid(spectrum("Ni_L", low=10.0, high=9.0), "Ni_L")
    grid = shipped_reference().grids["Ni_L"]
    assert (result.start, result.end) == pytest.approx((852.0, 879.0))
    assert np.isfinite(result.values).all()
    assert (result.values >= 0).all()
    assert (np.diff(result.values[grid < 851.9]) >= 0).all()
    assert np.ptp(result.values[grid > 879.1]) == 0


@pytest.mark.parametrize(
    ("settings_", "match"),
    [
        ({"low": 20.0}, "starts at 540.0 eV, above its pre-edge"),
        ({"high": 9.0}, "cut off at 548.0 eV; 549 eV is the least"),
        ({"step": 2.5}, "13 points between 525 and 557 eV"),
    ],
)
def test_too_little_of_an_edge_is_refused(settings_, match):
    with pytest.raises(LibraryError, match=match):
        on_library_grid(spectrum("O_K", **settings_), "O_K")


def test_a_gap_is_refused():
    energy, intensity = spectrum("O_K")
    keep = (energy < 535) | (energy > 538)
    with pytest.raises(LibraryError, match="a gap of 3"):
        on_library_grid((energy[keep], intensity[keep]), "O_K")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda e, i: (e, 0 * i), "all zero"),
        (lambda e, i: (e, -i), "largely negative"),
        (lambda e, i: (e, np.where(e > 545, 0.0, i)), "no continuum above 548 eV"),
    ],
)
def test_spectra_without_a_continuum_are_refused(change, match):
    with pytest.raises(LibraryError, match=match):
        on_library_grid(change(*spectrum("O_K")), "O_K")


def test_area_scales_what_has_no_continuum():
    energy, intensity = spectrum("O_K")
    result = on_library_grid((energy, np.where(energy > 545, 0.0, intensity)), "O_K", scale="area")
    mean = shipped_reference().mean["O_K"]
    assert result.values[:200].sum() > mean[:200].sum()


def test_an_unknown_scale_is_refused():
    with pytest.raises(LibraryError, match="scale 'height'"):
        on_library_grid(spectrum("O_K"), "O_K", scale="height")


GOOD = np.linspace(520, 560, 50)


@pytest.mark.parametrize(
    ("energy", "intensity", "match"),
    [
        (GOOD[:5], GOOD[:5], "5 points are too few"),
        (GOOD, GOOD[:-1], "do not belong together"),
        (np.where(np.arange(50) == 7, np.nan, GOOD), GOOD, "row 8, column energy: nan"),
        (GOOD, np.where(np.arange(50) == 9, np.inf, GOOD), "row 10, column intensity: inf"),
        (np.where(np.arange(50) == 20, 500.0, GOOD), GOOD, "row 21, column energy: 500 eV does not come after"),
        (np.repeat(GOOD[:25], 2), GOOD, "row 2, column energy"),
        (["a"] * 50, GOOD, "must be numbers"),
        ([[1, 2], [3]], GOOD, "must be numbers"),
        (None, GOOD, "do not belong together"),
    ],
)
def test_bad_columns_are_named(energy, intensity, match):
    with pytest.raises(LibraryError, match=match):
        checked(energy, intensity)
