import numpy as np
import pytest

from eelsmap.errors import RecipeError
from eelsmap.phantom import cross_section

ONSETS = {"O_K": ("O_K", 532.0), "Mn_L": ("Mn_L3", 640.0), "Co_L": ("Co_L3", 779.0), "Ni_L": ("Ni_L3", 855.0)}


@pytest.mark.parametrize("edge", ONSETS)
@pytest.mark.parametrize(("beam_energy", "collection"), [(60.0, 10.0), (300.0, 100.0)])
def test_table_is_what_exspy_computes(edge, beam_energy, collection):
    from exspy.components import EELSCLEdge

    name, onset = ONSETS[edge]
    component = EELSCLEdge(name, GOS="hydrogenic")
    component.set_microscope_parameters(E0=beam_energy, alpha=0, beta=collection, energy_scale=1.0)
    component.intensity.value = 1
    near, far = component.function(onset + np.array([30.0, 300.0]))
    section = cross_section(edge, beam_energy, collection)
    assert section.continuum == pytest.approx(near, abs=0.006)
    assert section.exponent == pytest.approx(-np.log(far / near) / np.log((onset + 300) / (onset + 30)), abs=0.006)


def test_interpolation_stays_between_its_neighbours():
    section = cross_section("Mn_L", 150.0, 50.0)
    corners = [cross_section("Mn_L", beam, angle) for beam in (100.0, 200.0) for angle in (30.0, 100.0)]
    for value, neighbours in zip(section, zip(*corners, strict=True), strict=True):
        assert min(neighbours) < value < max(neighbours)


def test_beyond_the_table_the_nearest_is_taken():
    assert cross_section("O_K", 400.0, 500.0) == cross_section("O_K", 300.0, 100.0)


@pytest.mark.parametrize(("edge", "beam_energy", "collection"), [("Fe_L", 200, 50), ("O_K", 0, 50), ("O_K", 200, -1)])
def test_impossible_settings_are_refused(edge, beam_energy, collection):
    with pytest.raises(RecipeError, match=r"Fe_L|beam_energy_kV|collection_mrad"):
        cross_section(edge, beam_energy, collection)
