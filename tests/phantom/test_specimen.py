from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.errors import LibraryError, RecipeError
from eelsmap.phantom import TRUTH_NAMES, Specimen
from eelsmap.phantom.geometry import particle_geometry
from eelsmap.phantom.records import blend_records

SHAPE = (36, 44)


@pytest.fixture(scope="module")
def specimen(library):
    return Specimen.build(library, SHAPE, seed=3)


def test_only_held_out_records_are_used(library, specimen):
    assert (library.split[specimen.records] == "test").all()
    assert (library.kind[specimen.records] == "structure").all()


def test_no_filled_in_spectrum_and_no_other_phase_is_used(library):
    number = np.arange(len(library)) % 4
    origin = np.where(number == 0, "surrogate", library.origin)
    phase = np.where(number == 1, "rock salt", library.phase)
    made = Specimen.build(replace(library, origin=origin, phase=phase), SHAPE, seed=3)
    assert len(made.records)
    assert (number[made.records] >= 2).all()


def test_lithium_is_what_was_wanted_in_pristine_material(library, specimen):
    wanted = particle_geometry(SHAPE, seed=3)
    truth = specimen.truth(library)
    pristine = (truth["vacancy_fraction"] < 1e-9) & (truth["antisite_fraction"] < 1e-9)
    assert pristine.sum() > 300
    assert np.allclose(truth["li_content"][pristine], wanted.lithium[pristine], atol=5e-3)
    assert np.nanmin(truth["li_content"]) < 0.1
    assert np.nanmax(truth["li_content"]) > 0.9


def test_truth_is_the_weighted_label_of_what_is_there(library, specimen):
    truth = specimen.seen_by(2.0).truth(library)
    amounts = specimen.seen_by(2.0).amounts
    for row, column in ((10, 20), (18, 22), (26, 14)):
        share = amounts[:, row, column] / amounts[:, row, column].sum()
        for name in ("li_content", "ni_count", "mn_count"):
            assert truth[name][row, column] == pytest.approx(share @ library.labels[name][specimen.records])
        nickel = share * library.atoms["Ni"][specimen.records]
        valence = np.nan_to_num(library.labels["ni_valence"][specimen.records])
        assert truth["ni_valence"][row, column] == pytest.approx(nickel @ valence / nickel.sum())


def test_truth_has_every_map_and_none_in_vacuum(library, specimen):
    truth = specimen.truth(library)
    assert tuple(truth) == TRUTH_NAMES
    vacuum = truth["thickness"] == 0
    assert vacuum[0, 0]
    for name in TRUTH_NAMES[:10]:
        assert truth[name].shape == SHAPE
        assert np.isnan(truth[name][vacuum]).all()
        assert np.isfinite(truth[name][~vacuum]).all() or name.endswith("_valence")


def test_metals_sum_to_three(library, specimen):
    truth = specimen.truth(library)
    total = truth["ni_count"] + truth["mn_count"] + truth["co_count"]
    assert np.allclose(total[truth["thickness"] > 0], 3.0)


def test_all_regions_are_there(library, specimen):
    truth = specimen.truth(library)
    inside = truth["thickness"] > 0
    assert truth["hole"].sum() > 5
    assert not inside[truth["hole"] > 0].any()
    assert (truth["vacancy_fraction"][inside] > 0.6).sum() > 5
    assert (truth["antisite_fraction"][inside] > 0.6).sum() > 50
    assert truth["thickness"].max() == pytest.approx(1.0)
    # Two grains: nickel-poor and nickel-rich.
    assert (truth["ni_count"][inside] < 1.2).sum() > 50
    assert (truth["ni_count"][inside] > 1.8).sum() > 50


def test_probe_blurs_labels_and_thickness_alike(library, specimen):
    sharp, seen = specimen.truth(library), specimen.seen_by(3.0).truth(library)
    assert (seen["thickness"] > 0).sum() > (sharp["thickness"] > 0).sum()
    assert seen["thickness"].sum() == pytest.approx(sharp["thickness"].sum(), rel=1e-3)
    jump = np.abs(np.diff(sharp["ni_count"], axis=1))
    softened = np.abs(np.diff(seen["ni_count"], axis=1))
    assert np.nanmax(softened) < 0.6 * np.nanmax(jump)
    assert specimen.seen_by(0.0) is specimen


@given(seed=st.integers(0, 10_000), rows=st.integers(1, 24), columns=st.integers(1, 24))
@settings(max_examples=40, deadline=None)
def test_any_shape_and_seed_can_be_drawn(seed, rows, columns):
    drawn = particle_geometry((rows, columns), seed=seed)
    for values in (drawn.thickness, drawn.lithium, drawn.surface, drawn.vacancy):
        assert values.shape == (rows, columns)
        assert ((values >= 0) & (values <= 1)).all()


def test_one_pixel_holds_material(library):
    truth = Specimen.build(library, (1, 1), hole=False).truth(library)
    assert truth["thickness"][0, 0] == 1.0
    assert np.isfinite(truth["li_content"][0, 0])


def test_what_the_library_lacks_is_said(library):
    plain = replace(library, labels={**library.labels, "antisite": np.zeros(len(library))})
    poor = Specimen.build(plain, SHAPE)
    assert any("antisite" in note for note in poor.notes)
    assert np.nanmax(poor.truth(plain)["antisite_fraction"]) == 0.0


def test_no_pristine_record_is_refused(library):
    with pytest.raises(LibraryError, match="'environment'"):
        Specimen.build(library, SHAPE, kind="environment")


@pytest.mark.parametrize(
    "options", [{"lithium": (0.0, 1.5)}, {"scale_nm": 0.0}, {"shape": (0, 5)}, {"compositions": ((1.0, 0.0, 0.0),)}]
)
def test_impossible_specimens_are_refused(library, options):
    with pytest.raises(RecipeError, match="specimen"):
        Specimen.build(library, **options)


@given(wanted=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20))
@settings(max_examples=30, deadline=None)
def test_blend_has_the_lithium_and_the_metals_wanted(wanted):
    content = np.array([0.1, 0.35, 0.35, 0.6, 0.9])
    shares = np.array([[1, 0, 0], [0.5, 0.5, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0]], dtype=float)
    blend = blend_records(content, shares, np.array(wanted), (1.0, 0.0, 0.0))
    assert blend.shape == (len(wanted), 5)
    assert np.allclose(blend.sum(axis=1), 1.0)
    assert (blend >= 0).all()
    assert np.allclose(blend @ content, np.clip(wanted, 0.1, 0.9), atol=2e-3)
    # Pure nickel reaches every lithium content, so the manganese records are hardly needed.
    assert (blend @ shares[:, 0] > 0.97).all()


def test_blend_changes_smoothly_with_lithium():
    rng = np.random.default_rng(0)
    content, metals = rng.uniform(0, 1, 60), rng.dirichlet(np.ones(3), 60)
    blend = blend_records(content, metals, np.linspace(0.2, 0.8, 200), (0.6, 0.2, 0.2))
    assert np.abs(np.diff(blend, axis=0)).sum(axis=1).max() < 0.15
    assert np.abs(blend @ metals - [0.6, 0.2, 0.2]).max() < 0.05


def test_a_single_record_stands_for_everything():
    blend = blend_records(np.array([0.4]), np.array([[1.0, 0, 0]]), np.array([0.0, 0.4, 1.0]), (0.0, 1.0, 0.0))
    assert np.array_equal(blend, np.ones((3, 1)))


def test_no_record_is_refused():
    with pytest.raises(LibraryError):
        blend_records(np.ones(0), np.ones((0, 3)), np.ones(1), (1.0, 0.0, 0.0))
