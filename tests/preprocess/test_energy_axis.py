import numpy as np
import pytest

from eelsmap.edges import NMC_EDGES
from eelsmap.errors import EnergyAxisError, RecipeError
from eelsmap.preprocess.edge_location import locate_edges
from eelsmap.preprocess.energy_axis import check_energy_axis, correct_energy_axis
from eelsmap.recipe import EnergyAxisStep
from tests.preprocess.spectra import spectrum

ENERGY = np.arange(450.0, 960.0, 0.25)


def located(displacements, seed=0):
    mean = spectrum(ENERGY, displacements=displacements)
    return locate_edges(np.random.default_rng(seed).poisson(mean, (50, ENERGY.size)).mean(axis=0), ENERGY, NMC_EDGES)


@pytest.mark.parametrize("displacements", [(0, 0, 0, 0), (5, 5, 5, 5), (-11, -12.5, -16, -20), (3, -2, 7, 0)])
def test_edges_are_found_where_they_are(displacements):
    found = located(displacements)
    assert list(found) == list(NMC_EDGES.names)
    assert [found[name].displacement for name in NMC_EDGES.names] == pytest.approx(displacements, abs=0.3)


def test_a_smooth_background_has_no_edges():
    mean = spectrum(ENERGY, heights=(0, 0, 0, 0))
    assert locate_edges(np.random.default_rng(0).poisson(mean).astype(float), ENERGY, NMC_EDGES) == {}


@pytest.mark.parametrize(
    ("displacements", "mode", "lost"),
    [
        ((0.3, -0.5, 0.8, 0.2), "none", False),
        ((6, 5.5, 6.4, 6), "global", False),
        (tuple(0.02 * (edge.onset - 532) + 3 for edge in NMC_EDGES), "global", False),
        ((-11, -12.5, -16, -20), "per_edge", True),
    ],
)
def test_simplest_correction_is_chosen_and_puts_every_line_back(displacements, mode, lost):
    correction = correct_energy_axis(located(displacements), NMC_EDGES, EnergyAxisStep())
    assert correction.mode == mode
    assert correction.absolute_scale_lost is lost
    for index, (edge, displacement) in enumerate(zip(NMC_EDGES, displacements, strict=True)):
        recorded = correction.recorded(index, edge.lines[0].energy)
        assert recorded == pytest.approx(edge.lines[0].energy + displacement, abs=1.1)


def test_uncertainty_grows_with_what_is_given_up():
    exact = correct_energy_axis(located((0, 0, 0, 0)), NMC_EDGES, EnergyAxisStep(), zero_loss=0.0)
    trusted = correct_energy_axis(located((0, 0, 0, 0)), NMC_EDGES, EnergyAxisStep())
    lost = correct_energy_axis(located((-11, -12.5, -16, -20)), NMC_EDGES, EnergyAxisStep())
    assert exact.uncertainty < trusted.uncertainty < lost.uncertainty


def test_zero_loss_shift_is_not_counted_twice():
    correction = correct_energy_axis(located((6, 6, 6, 6)), NMC_EDGES, EnergyAxisStep(), zero_loss=6.0)
    assert correction.mode == "zero_loss"
    assert correction.offset == (0.0,) * 4


def test_an_edge_that_was_not_found_moves_with_the_nearest():
    found = located((-11, -12.5, -16, -20))
    del found["Ni_L"]
    correction = correct_energy_axis(found, NMC_EDGES, EnergyAxisStep(mode="per_edge"))
    assert correction.offset[3] == correction.offset[2]
    assert "Ni_L could not be located" in correction.message


@pytest.mark.parametrize(
    ("axis", "words"),
    [
        (ENERGY[::-1], "descends"),
        (np.where(ENERGY > 500, np.nan, ENERGY), "NaN"),
        (ENERGY**1.1, "uniform"),
        (ENERGY[:3], "channels"),
    ],
)
def test_unusable_axes_are_refused_in_words(axis, words):
    with pytest.raises(EnergyAxisError, match=words):
        check_energy_axis(axis)


def test_unknown_mode_is_refused():
    with pytest.raises(RecipeError, match="energy axis: mode = 'best'"):
        EnergyAxisStep(mode="best")
