import numpy as np
import pytest

from eelsmap.features import white_line_names
from eelsmap.models.alone import alone_curves, alone_names
from eelsmap.models.alone_training import SPECIALISTS, ion_mixtures, make_alone_spectra
from eelsmap.models.edge_spectra import PARTS, make_edge_spectra
from eelsmap.recipe import Recipe

RECIPE = Recipe()


@pytest.fixture(scope="module")
def manganese():
    return ion_mixtures("mn_valence", RECIPE)


@pytest.fixture(scope="module")
def spectra():
    return make_alone_spectra("mn_valence", ion_mixtures("mn_valence", RECIPE), RECIPE, 1500, np.random.default_rng(0))


def test_every_metal_has_a_specialist():
    assert set(SPECIALISTS) == {"ni_valence", "mn_valence", "co_valence"}


def test_the_same_seed_gives_the_same_spectra(manganese):
    one, other = (next(make_edge_spectra(manganese, 20, np.random.default_rng(3))) for _ in range(2))
    np.testing.assert_array_equal(one.intensity, other.intensity)
    np.testing.assert_array_equal(one.valence, other.valence)


def test_chunks_hold_what_was_asked_for(manganese):
    chunks = list(make_edge_spectra(manganese, 300, np.random.default_rng(0)))
    assert sum(chunk.valence.size for chunk in chunks) == 300
    for chunk in chunks:
        assert chunk.intensity.shape == (chunk.valence.size, chunk.energy.size)
        assert np.isfinite(chunk.intensity).all()
        assert ((chunk.valence >= 2) & (chunk.valence <= 4)).all()
        assert ((chunk.part >= 0) & (chunk.part < PARTS)).all()
    assert {np.isnan(chunk.axis_uncertainty) for chunk in chunks} <= {True, False}


def test_parts_share_no_crystal_field(manganese):
    sticks = manganese.ions.sticks["Mn3"]
    rng = np.random.default_rng(0)
    drawn = {part: manganese.draw_sticks("Mn3", part, rng) for part in range(PARTS)}
    for part, mean in drawn.items():
        own = sticks[part::PARTS].sum(axis=(0, 1)) > 0
        assert (mean.sum(axis=0)[~own] == 0).all()
    assert len({mean.tobytes() for mean in drawn.values()}) == PARTS


def test_white_lines_tell_valences_apart(spectra):
    names = alone_names(RECIPE.edge_set["Mn_L"])
    truth, clear = spectra.labels["mn_valence"], spectra.log_snr > 1.5
    for name, sign in (("l3_energy", 1), ("l2_distance", -1), ("area_ratio", 1)):
        column = spectra.features[:, names.index(f"{name} Mn_L")]
        known = clear & np.isfinite(column)
        assert sign * np.corrcoef(column[known], truth[known])[0, 1] > 0.25, name


def test_curves_never_hold_gaps(spectra):
    edge = RECIPE.edge_set["Mn_L"]
    curves = alone_curves(spectra.features, edge)
    bins = sum(name.startswith("aligned ") for name in white_line_names(edge))
    assert curves.shape == (len(spectra.features), bins)
    assert np.isfinite(curves).all()
