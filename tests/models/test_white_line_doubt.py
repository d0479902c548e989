import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap import load_library
from eelsmap.edges import NMC_EDGES
from eelsmap.models.white_line_doubt import vary_white_lines

LIBRARY = load_library("nmc")
LINES = [name for name in LIBRARY.grids if name.endswith("_L")]


def one(name):
    """Spectrum of one structure that holds the metal, (1, point), and its grid."""
    present = np.flatnonzero(np.isfinite(LIBRARY.spectra[name][:, 0]) & (LIBRARY.kind == "structure"))
    return np.asarray(LIBRARY.spectra[name][present[:1]], dtype=float), LIBRARY.grids[name]


def vary(name, farther=0.0, ratio=1.0, width=0.0):
    spectra, grid = one(name)
    values = {"farther": farther, "ratio": ratio, "width": width}
    return vary_white_lines(spectra, grid, NMC_EDGES[name], **{key: np.array([value]) for key, value in values.items()})


def maximum(name, spectrum, line):
    grid = LIBRARY.grids[name]
    near = np.abs(grid - NMC_EDGES[name].lines[line].energy) < 4
    return grid[near][np.argmax(spectrum[0, near])]


@pytest.mark.parametrize("name", LINES)
def test_no_change_leaves_the_spectrum_as_it_is(name):
    np.testing.assert_allclose(vary(name), one(name)[0], atol=1e-9)


@pytest.mark.parametrize("name", LINES)
@settings(max_examples=10, deadline=None)
@given(st.floats(-0.8, 0.8))
def test_l2_moves_and_l3_stays(name, farther):
    moved = vary(name, farther=farther)
    assert maximum(name, moved, 0) == pytest.approx(maximum(name, one(name)[0], 0), abs=0.11)
    assert maximum(name, moved, 1) - maximum(name, one(name)[0], 1) == pytest.approx(farther, abs=0.11)


@pytest.mark.parametrize("name", LINES)
def test_ratio_and_width_do_what_they_say(name):
    spectrum, grid = one(name)
    middle = np.mean([line.energy for line in NMC_EDGES[name].lines])
    weaker = vary(name, ratio=1.3)
    np.testing.assert_allclose(weaker[0, grid < middle - 4], spectrum[0, grid < middle - 4], atol=1e-9)
    assert weaker[0, grid > middle + 2].max() < spectrum[0, grid > middle + 2].max()
    broad = vary(name, width=0.5)
    assert broad.max() < spectrum.max()
    assert broad.sum() == pytest.approx(spectrum.sum(), rel=0.01)


def test_absent_elements_stay_absent():
    absent = np.full((2, LIBRARY.grids["Mn_L"].size), np.nan)
    values = {key: np.array([0.1, 0.2]) for key in ("farther", "width")}
    assert np.isnan(
        vary_white_lines(absent, LIBRARY.grids["Mn_L"], NMC_EDGES["Mn_L"], ratio=np.ones(2), **values)
    ).all()
