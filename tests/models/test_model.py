import numpy as np
import pytest

from eelsmap import load_library, load_model
from eelsmap.errors import BundleError, EnergyAxisError, PixelFlag, RecipeError
from eelsmap.models.alone_training import ion_mixtures
from eelsmap.models.bundle import write_bundle
from eelsmap.models.edge_spectra import make_edge_spectra
from eelsmap.properties import PROPERTIES
from eelsmap.recipe import Recipe
from tests.models.small_model import small_parts


@pytest.fixture(scope="module")
def model():
    return load_model("nmc")


@pytest.fixture(scope="module")
def given():
    """Library spectra of unseen structures as somebody else would hand them over: energies and net intensities."""
    library = load_library("nmc")
    chosen = np.flatnonzero((library.split == "test") & (library.kind == "structure"))
    spectra = {
        edge: (library.grids[edge], np.nan_to_num(library.spectra[edge][chosen], nan=0.0)) for edge in library.grids
    }
    return spectra, {name: value[chosen] for name, value in library.labels.items()}


def test_columns_are_properties_with_intervals(model, given):
    table = model.predict(given[0])
    assert list(table.columns) == [*model.columns, "novelty", "flags"]
    assert set(model.targets) == set(PROPERTIES)
    for name in model.targets:
        known = table[name].notna()
        low, high = PROPERTIES[name].limits
        assert table.loc[known, f"{name}_lower"].between(low, high).all()
        assert (table.loc[known, f"{name}_lower"] <= table.loc[known, name] + 1e-6).all()
        assert (table.loc[known, name] <= table.loc[known, f"{name}_upper"] + 1e-6).all()


def test_lithium_of_unseen_structures_is_ranked(model, given):
    spectra, labels = given
    table = model.predict(spectra)
    assert np.corrcoef(table["li_content"], labels["li_content"])[0, 1] > 0.8


def test_any_subset_of_edges_is_accepted_and_knows_less(model, given):
    spectra, _ = given
    everything = model.predict(spectra)
    oxygen = model.predict({"O_K": spectra["O_K"]})
    assert (oxygen["flags"] & int(PixelFlag.NI_L_MISSING)).all()
    assert oxygen["ni_valence"].isna().all()
    assert oxygen["li_content"].notna().all()
    width = [(table["ni_count_upper"] - table["ni_count_lower"]).mean() for table in (everything, oxygen)]
    assert width[1] > width[0]


def test_scale_does_not_matter(model, given):
    spectra = given[0]
    scaled = {edge: (energy, 1e4 * intensity) for edge, (energy, intensity) in spectra.items()}
    one, other = model.predict(spectra), model.predict(scaled)
    np.testing.assert_allclose(one["li_content"], other["li_content"], atol=0.02)


def test_one_spectrum_without_a_row_axis(model, given):
    energy, intensity = given[0]["O_K"]
    assert len(model.predict({"O_K": (energy, intensity[0])})) == 1


def test_a_bad_row_is_flagged_and_the_rest_answered(model, given):
    energy, intensity = given[0]["O_K"]
    spoiled = intensity.copy()
    spoiled[1, 5] = np.nan
    table = model.predict({"O_K": (energy, spoiled)})
    assert np.isnan(table["li_content"][1])
    assert table["flags"][1] & int(PixelFlag.NOT_FINITE)
    assert table["li_content"].drop(1).notna().all()


@pytest.mark.parametrize(
    ("spectra", "error", "words"),
    [
        ({}, RecipeError, "no spectra were given"),
        ({"Fe_L": (np.arange(700.0, 740), np.ones(40))}, RecipeError, "no edge 'Fe_L'"),
        ({"O_K": (np.arange(540.0, 560), np.ones(20))}, RecipeError, "O_K: the spectrum covers 540.0-559.0 eV"),
        ({"O_K": (np.arange(520.0, 545, 0.5), np.ones(50))}, RecipeError, "are needed"),
        ({"O_K": (np.arange(520.0, 560), np.ones(39))}, RecipeError, "does not fit an energy axis"),
        ({"O_K": (np.arange(560.0, 520, -1), np.ones(40))}, EnergyAxisError, "descends"),
        (
            {"O_K": (np.arange(520.0, 560), np.ones((2, 40))), "Mn_L": (np.arange(630.0, 670), np.ones((3, 40)))},
            RecipeError,
            "same number of spectra",
        ),
    ],
)
def test_unusable_spectra_are_refused_in_words(model, spectra, error, words):
    with pytest.raises(error, match=words):
        model.predict(spectra)


def oxide(valence, rng, rows=60):
    """Clear simulated Mn L2,3 spectra of pure valences, on an axis that is right to a few tenths of an eV."""
    mixtures = ion_mixtures("mn_valence", Recipe())
    for chunk in make_edge_spectra(mixtures, 4000, rng):
        if chunk.axis_uncertainty < 0.5:
            pure = np.isclose(chunk.valence, valence)
            noise = np.abs(np.diff(chunk.intensity, n=2, axis=1)).mean(axis=1) / chunk.intensity.max(axis=1)
            keep = np.flatnonzero(pure & (noise < 0.05))
            if keep.size >= 3:
                return chunk.energy, chunk.intensity[keep]
    raise AssertionError("no such spectra were drawn")


@pytest.mark.parametrize("valence", [2, 3, 4])
def test_one_edge_alone_tells_the_valence_of_any_oxide(model, valence):
    energy, intensity = oxide(valence, np.random.default_rng(valence))
    table = model.predict({"Mn_L": (energy, intensity)})
    assert abs(np.median(table["mn_valence"]) - valence) < 0.5
    assert (table["novelty"] <= 1).mean() > 0.5
    for wrong in (-2.0, 2.0):
        moved = model.predict({"Mn_L": (energy + wrong, intensity)})
        assert abs(np.median(moved["mn_valence"]) - valence) < 0.5


def test_a_second_edge_takes_the_word_from_the_specialist(model, given):
    spectra, _ = given
    alone = model.predict({"Mn_L": spectra["Mn_L"]})["mn_valence"]
    features = model.predict({"Mn_L": spectra["Mn_L"], "O_K": spectra["O_K"]})["mn_valence"]
    assert not np.allclose(alone, features, equal_nan=True)


def test_an_aligned_novelty_of_another_recipe_is_refused(tmp_path):
    manifest, parts = small_parts()
    # What edges look like on the axis fits the recipe; in the place of the aligned ones it has other bins.
    write_bundle(tmp_path / "other", manifest, {**parts, "novelty_aligned.npz": parts["novelty.npz"]})
    with pytest.raises(BundleError, match="novelty of aligned edges has the shape"):
        load_model(tmp_path / "other")


def test_novelty_and_its_flag_say_the_same(model, given):
    table = model.predict(given[0])
    flagged = (table["flags"] & int(PixelFlag.NOVEL)) != 0
    assert (flagged == (table["novelty"] > 1)).all()


def test_a_spectrum_that_ends_early_is_used_as_far_as_it_goes(model, given):
    energy, intensity = given[0]["Mn_L"]
    keep = energy < 661
    table = model.predict({"Mn_L": (energy[keep], intensity[:, keep])})
    assert (table["flags"] & int(PixelFlag.PARTIAL_EDGE)).all()
