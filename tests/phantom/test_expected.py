from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.errors import EnergyAxisError, LibraryError, RecipeError
from eelsmap.library.store import Mixture
from eelsmap.phantom import cross_section, expected_counts
from eelsmap.phantom.expected import COUNT_WINDOW

AXIS = 465.0 + 0.25 * np.arange(2048)
BARE = {"t_over_lambda": 0.0, "background_ratio": 0.0, "fwhm_eV": 0.0}


def mixed(library, *records):
    return library.mix(np.array(records)[:, None], np.ones((len(records), 1)))


def record(library, ni, mn, li_count):
    found = np.flatnonzero(
        (library.labels["ni_count"] == ni)
        & (library.labels["mn_count"] == mn)
        & (library.labels["li_count"] == li_count)
        & (library.labels["vacancy"] == 0)
        & (library.labels["antisite"] == 0)
    )
    return int(found[0])


def window_sum(energy, counts, low, high):
    return counts[..., (energy >= low) & (energy < high)].sum(-1)


@given(counts=st.floats(0.0, 1e8))
@settings(max_examples=20, deadline=None)
def test_counts_are_those_of_the_oxygen_window_and_scale_linearly(library, counts):
    mixture = mixed(library, 0)
    spectrum = expected_counts(mixture, AXIS, grids=library.grids, counts=counts)
    unit = expected_counts(mixture, AXIS, grids=library.grids, counts=1.0)
    assert np.allclose(spectrum, counts * unit)
    # Channels at the ends of the window lie half inside it.
    assert window_sum(AXIS, spectrum, *COUNT_WINDOW)[0] == pytest.approx(counts, rel=0.01)
    assert (spectrum >= 0).all()


def test_zero_counts_and_no_atoms_give_zero(library):
    mixture = mixed(library, 0, 1)
    assert (expected_counts(mixture, AXIS, grids=library.grids, counts=0.0) == 0).all()
    nothing = Mixture(
        {name: np.full_like(values, np.nan) for name, values in mixture.spectra.items()},
        {name: np.zeros(2) for name in mixture.atoms},
        mixture.labels,
    )
    assert (expected_counts(nothing, AXIS, grids=library.grids, counts=1e5) == 0).all()


@pytest.mark.parametrize("axis", [AXIS[400:], AXIS[:300], 650.0 + 0.5 * np.arange(300)])
def test_the_scale_does_not_depend_on_what_the_axis_covers(library, axis):
    mixture = mixed(library, 0, 5)
    whole = expected_counts(
        mixture, np.arange(440.0, 1000.0, axis[1] - axis[0]) + axis[0] % 0.5, grids=library.grids, counts=1e5
    )
    part = expected_counts(mixture, axis, grids=library.grids, counts=1e5)
    start = round((axis[0] - (440.0 + axis[0] % 0.5)) / (axis[1] - axis[0]))
    assert np.allclose(part, whole[:, start : start + axis.size], rtol=2e-3)


@pytest.mark.parametrize("dispersion", [0.05, 0.1, 0.5, 1.0])
def test_counts_per_energy_do_not_depend_on_the_dispersion(library, dispersion):
    mixture = mixed(library, record(library, 1, 1, 1))
    axis = np.arange(480.0, 950.0, dispersion)
    fine_axis = np.arange(480.0, 950.0, 0.02)
    options = {"grids": library.grids, "counts": 1e6, "fwhm_eV": 1.5}
    coarse = expected_counts(mixture, axis, **options)[0]
    fine = expected_counts(mixture, fine_axis, **options)[0]
    for low, high in ((495, 520), (525, 560), (636, 660), (775, 800), (850, 880)):
        edges = (low - dispersion / 2, high - dispersion / 2)
        expected = window_sum(fine_axis + 0.01, fine, *edges)
        assert window_sum(axis, coarse, low - 1e-6, high - 1e-6) == pytest.approx(expected, rel=3e-3)


@given(shift=st.floats(-3.0, 3.0), column=st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_a_shift_moves_its_own_edge_and_keeps_its_counts(library, shift, column):
    name, near = {1: ("Mn_L", (634, 660)), 2: ("Co_L", (772, 802)), 3: ("Ni_L", (846, 880))}[column]
    mixture = mixed(library, record(library, 1, 1, 3))
    shifts = np.zeros((1, 4))
    shifts[0, column] = shift
    options = {"grids": library.grids, "counts": 1e6, **BARE}
    axis = np.arange(500.0, 950.0, 0.1)
    still = expected_counts(mixture, axis, **options)[0]
    moved = expected_counts(mixture, axis, edge_shift_eV=shifts, **options)[0]
    inside = (axis > near[0]) & (axis < near[1])
    change = np.interp(axis[inside] - shift, axis, still) if column == 1 else None
    peak = axis[inside][moved[inside].argmax()] - axis[inside][still[inside].argmax()]
    assert peak == pytest.approx(shift, abs=0.11), name
    assert np.allclose(moved[axis < 620], still[axis < 620])
    if change is not None:
        # The continuum of O K below stays, so compare away from the steep flanks only.
        oxygen = still[(axis > 615) & (axis < 625)].mean()
        assert moved[inside].sum() - still[inside].sum() == pytest.approx(
            change.sum() - still[inside].sum(), abs=0.03 * oxygen * inside.sum()
        )


def test_every_row_has_its_own_settings(library):
    records = np.arange(10)
    rng = np.random.default_rng(1)
    rows = {
        "counts": rng.uniform(1e4, 1e6, 10),
        "fwhm_eV": rng.uniform(0.3, 2.5, 10),
        "t_over_lambda": rng.uniform(0.0, 1.2, 10),
        "background_ratio": rng.uniform(1.0, 4.0, 10),
        "background_exponent": rng.uniform(2.5, 4.0, 10),
        "edge_shift_eV": rng.normal(0.0, 0.5, (10, 4)),
        "edge_amplitude": rng.uniform(0.7, 1.3, (10, 4)),
        "white_line_scale": rng.uniform(0.7, 1.3, 10),
        "psf_tail_fraction": rng.uniform(0.0, 0.1, 10),
    }
    block = expected_counts(mixed(library, *records), AXIS, grids=library.grids, **rows)
    for row in (0, 4, 9):
        alone = expected_counts(
            mixed(library, records[row]),
            AXIS,
            grids=library.grids,
            **{key: value[[row]] for key, value in rows.items()},
        )
        # The block's widest settings decide how far its transforms reach beyond the axis: a few parts in 10^5.
        assert np.allclose(block[row], alone[0], rtol=1e-4)


def test_more_rows_than_a_block_are_all_computed(library):
    mixture = mixed(library, *([0, 7] * 150))
    block = expected_counts(mixture, AXIS, grids=library.grids, counts=1e5)
    assert np.allclose(block[::2], block[0])
    assert np.allclose(block[1::2], block[1])


@pytest.mark.parametrize("thickness", [0.0, 0.4, 1.1])
@pytest.mark.parametrize("ratio", [1.0, 2.5])
def test_background_ratio_and_exponent_are_what_a_measurement_reads(library, thickness, ratio):
    mixture = mixed(library, record(library, 1, 1, 1))
    axis = np.arange(470.0, 900.0, 0.25)
    options = {"grids": library.grids, "counts": 1e6, "t_over_lambda": thickness, "background_exponent": 3.1}
    spectrum = expected_counts(mixture, axis, background_ratio=ratio, **options)[0]
    before = (axis > 480) & (axis < 515)
    slope, level = np.polyfit(np.log(axis[before] / 532.0), np.log(spectrum[before]), 1)
    assert -slope == pytest.approx(3.1, abs=0.01)
    background = np.exp(level) * (axis / 532.0) ** slope
    step = (spectrum - background)[(axis >= 560) & (axis < 574)].mean()
    assert np.exp(level) / step == pytest.approx(ratio, rel=0.02)


def test_bare_edges_have_the_cross_sections_of_the_table(library):
    mixture = mixed(library, record(library, 1, 1, 1))
    axis = np.arange(500.0, 950.0, 0.25)
    spectrum = expected_counts(mixture, axis, grids=library.grids, counts=1e6, **BARE)[0]
    oxygen = spectrum[(axis > 600) & (axis < 601)].mean()
    oxygen_section = cross_section("O_K")
    per_atom = oxygen / (6 * oxygen_section.continuum * (600.5 / 557) ** -oxygen_section.exponent)
    for name, element, energy, last in (("Mn_L", "Mn", 669, 672), ("Ni_L", "Ni", 886, 888)):
        section = cross_section(name)
        here = spectrum[np.argmin(abs(axis - energy))]
        for below, count, end in (("O_K", 6, 557), ("Mn_L", 1, 672), ("Co_L", 1, 812)):
            if last > end:
                other = cross_section(below)
                here -= per_atom * count * other.continuum * (energy / end) ** -other.exponent
        assert here == pytest.approx(per_atom * mixture.atoms[element][0] * section.continuum, rel=0.01)


def test_white_line_scale_works_on_the_lines_and_not_on_the_continuum(library):
    mixture = mixed(library, *[record(library, 1, 1, 1)] * 2)
    options = {"grids": library.grids, "counts": 1e6, **BARE}
    axis = np.arange(500.0, 950.0, 0.25)
    plain, scaled = expected_counts(mixture, axis, white_line_scale=np.array([1.0, 1.5]), **options)
    scaled = scaled * plain[(axis > 600) & (axis < 620)].sum() / scaled[(axis > 600) & (axis < 620)].sum()
    foot = plain[(axis > 615) & (axis < 625)].mean()
    line = (axis > 640.5) & (axis < 643)
    assert (scaled[line] - foot).max() / (plain[line] - foot).max() == pytest.approx(1.45, abs=0.08)
    assert np.allclose(scaled[(axis > 662) & (axis < 671)], plain[(axis > 662) & (axis < 671)], rtol=0.01)


def test_an_absent_element_leaves_no_edge(library):
    without, with_it = record(library, 3, 0, 1), record(library, 2, 1, 1)
    axis = np.arange(500.0, 950.0, 0.25)
    spectra = expected_counts(mixed(library, without, with_it), axis, grids=library.grids, counts=1e6, **BARE)
    around = (axis > 620) & (axis < 700)
    decay = np.diff(spectra[:, around], axis=1)
    assert (decay[0] < 0).all()
    assert decay[1].max() > 0
    assert np.isfinite(spectra).all()


def test_the_end_of_the_axis_is_no_cliff(library):
    spectra = expected_counts(
        mixed(library, 0), AXIS, grids=library.grids, counts=1e5, fwhm_eV=2.0, psf_tail_fraction=0.1
    )[0]
    fitted = np.polyval(np.polyfit(np.log(AXIS[-300:-100]), np.log(spectra[-300:-100]), 1), np.log(AXIS[-20:]))
    assert np.allclose(spectra[-20:], np.exp(fitted), rtol=0.01)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"counts": -1.0}, "counts"),
        ({"counts": np.ones(3)}, "counts has shape"),
        ({"fwhm_eV": np.nan}, "fwhm_eV"),
        ({"t_over_lambda": -0.1}, "t_over_lambda"),
        ({"edge_shift_eV": np.zeros((2, 3))}, "edge_shift_eV"),
    ],
)
def test_impossible_settings_are_refused(library, changes, message):
    with pytest.raises(RecipeError, match=message):
        expected_counts(mixed(library, 0, 1), AXIS, grids=library.grids, **{"counts": 1e5, **changes})


@pytest.mark.parametrize("axis", [AXIS[::-1], np.r_[500.0, 501.0, 503.0], np.array([500.0]), np.arange(-10.0, 900.0)])
def test_impossible_axes_are_refused(library, axis):
    with pytest.raises(EnergyAxisError):
        expected_counts(mixed(library, 0), axis, grids=library.grids, counts=1e5)


def test_incomplete_mixtures_are_refused(library):
    mixture = mixed(library, 0)
    with pytest.raises(LibraryError, match="no energy grid"):
        expected_counts(mixture, AXIS, grids={"O_K": library.grids["O_K"]}, counts=1e5)
    without_oxygen = replace(mixture, spectra={"Ni_L": mixture.spectra["Ni_L"]})
    with pytest.raises(LibraryError, match="O K"):
        expected_counts(without_oxygen, AXIS, grids=library.grids, counts=1e5)
