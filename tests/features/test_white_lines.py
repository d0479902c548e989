import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.edges import NMC_EDGES
from eelsmap.features import white_line_features, white_line_names

POINTS = NMC_EDGES.points
NAMES = {edge.name: white_line_names(edge) for edge in NMC_EDGES if edge.subshell == "L3"}


def lines(edge, shift=0.0, distance=None, ratio=0.5, width=1.5, level=0.0):
    """Two Gaussian lines and a continuum, shape (1, point)."""
    grid = edge.grid(POINTS)
    l3, l2 = (line.energy for line in edge.lines)
    apart = l2 - l3 if distance is None else distance
    first = np.exp(-0.5 * ((grid - l3 - shift) / width) ** 2)
    second = ratio * np.exp(-0.5 * ((grid - l3 - shift - apart) / width) ** 2)
    step = 0.2 * (0.5 + np.arctan((grid - l3 - shift) / 1.0) / np.pi)
    return (first + second + step + level)[None]


def feature(edge, spectrum, name):
    return white_line_features(spectrum, edge)[0, NAMES[edge.name].index(f"{name} {edge.name}")]


@pytest.mark.parametrize("name", list(NAMES))
@settings(max_examples=25, deadline=None)
@given(shift=st.floats(-2.0, 2.0), scale=st.floats(1e-3, 1e6))
def test_only_the_position_moves_with_the_axis_and_nothing_with_the_scale(name, shift, scale):
    edge = NMC_EDGES[name]
    still = white_line_features(lines(edge), edge)[0]
    moved = white_line_features(scale * lines(edge, shift), edge)[0]
    assert moved[0] - still[0] == pytest.approx(shift, abs=0.05)
    both = np.isfinite(still) & np.isfinite(moved)
    both[0] = False
    np.testing.assert_allclose(moved[both], still[both], rtol=0.02, atol=0.03)


@pytest.mark.parametrize("name", list(NAMES))
def test_distance_and_ratio_are_read_off(name):
    edge = NMC_EDGES[name]
    usual = edge.lines[1].energy - edge.lines[0].energy
    wider = lines(edge, distance=usual + 1.0)
    assert feature(edge, wider, "l2_distance") - feature(edge, lines(edge), "l2_distance") == pytest.approx(1, abs=0.1)
    strong, usual_ratio = (feature(edge, lines(edge, ratio=ratio), "area_ratio") for ratio in (0.7, 0.5))
    assert strong > usual_ratio + 0.1
    assert feature(edge, lines(edge, width=2.0), "l3_width") > feature(edge, lines(edge), "l3_width")


def test_a_constant_below_the_edge_is_taken_off():
    edge = NMC_EDGES["Mn_L"]
    plain, raised = (white_line_features(lines(edge, level=level), edge)[0] for level in (0.0, 0.3))
    shape = [place for place, name in enumerate(NAMES["Mn_L"]) if name.startswith("aligned Mn_L")]
    both = [place for place in shape if np.isfinite(plain[place])]
    np.testing.assert_allclose(raised[both], plain[both], atol=2e-3)
    assert raised[NAMES["Mn_L"].index("baseline Mn_L")] > plain[NAMES["Mn_L"].index("baseline Mn_L")]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_any_noise_gives_numbers_or_nan(rows, seed):
    edge = NMC_EDGES["Co_L"]
    features = white_line_features(np.random.default_rng(seed).normal(size=(rows, POINTS)), edge)
    assert features.shape == (rows, len(NAMES["Co_L"]))
    assert features.dtype == np.float32
    assert (np.isnan(features) | (np.abs(features) <= 1e3)).all()


def test_rows_do_not_depend_on_their_neighbours():
    edge = NMC_EDGES["Ni_L"]
    block = np.random.default_rng(0).poisson(50 * lines(edge) + 5, (7, POINTS)).astype(float)
    together = white_line_features(block, edge)
    alone = np.concatenate([white_line_features(row[None], edge) for row in block])
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-9)


def test_an_empty_spectrum_has_no_shape():
    features = white_line_features(np.zeros((1, POINTS)), NMC_EDGES["Mn_L"])[0]
    shape = [place for place, name in enumerate(NAMES["Mn_L"]) if name.startswith("aligned")]
    assert np.isnan(features[shape]).all()
