"""What references change: moved and broadened edges, corrected values, and the text that a bundle keeps of it."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.edges import NMC_EDGES
from eelsmap.errors import BundleError
from eelsmap.features import feature_names
from eelsmap.models.corrections import (
    NO_CORRECTIONS,
    Corrections,
    Ridge,
    distribution_columns,
)
from eelsmap.models.interval_correction import conformal_factor
from eelsmap.models.references import Rows
from eelsmap.models.value_corrections import Fitted, add_affine, add_offset, add_ridge, add_trees, corrected_values
from eelsmap.preprocess.given_edges import stack_of_given_edges
from eelsmap.recipe import Recipe

RECIPE = Recipe()
TARGETS = ("li_content", "mn_valence")
POINTS = int(distribution_columns(RECIPE).sum())


def stack(shift=0.0, sigma=1.5, edges=("Mn_L",), n=3):
    given = {}
    for edge in edges:
        energy = NMC_EDGES[edge].grid(161)
        centre = NMC_EDGES[edge].lines[0].energy + shift
        given[edge] = energy, np.tile(np.exp(-0.5 * ((energy - centre) / sigma) ** 2), (n, 1))
    return stack_of_given_edges(given, RECIPE)


@settings(max_examples=40, deadline=None)
@given(shift=st.floats(-4.0, 4.0))
def test_a_shift_moves_an_edge_by_as_much(shift):
    moved = Corrections({"Mn_L": shift}).on_stack(stack(), RECIPE)
    index = NMC_EDGES.index("Mn_L")
    np.testing.assert_allclose(moved.net[:, index], stack(shift).net[:, index], atol=4e-3)


def test_only_the_named_edge_is_moved_and_the_given_stack_stays():
    given = stack(edges=("O_K", "Mn_L"))
    before = given.net.copy()
    moved = Corrections({"Mn_L": 1.0}, {"Mn_L": 1.0}).on_stack(given, RECIPE)
    np.testing.assert_array_equal(given.net, before)
    np.testing.assert_array_equal(moved.net[:, 0], given.net[:, 0])
    assert (moved.net[:, 1] != given.net[:, 1]).any()
    assert np.isnan(moved.net[:, 2]).all()
    assert moved.flags is given.flags
    assert NO_CORRECTIONS.on_stack(given, RECIPE) is given


def test_broadening_adds_in_squares():
    sigma, fwhm = 1.5, 2.0
    broad = Corrections({}, {"Mn_L": fwhm}).on_stack(stack(sigma=sigma), RECIPE)
    together = np.hypot(sigma, fwhm / np.sqrt(8 * np.log(2)))
    expected = stack(sigma=together).net[:, 1]
    np.testing.assert_allclose(broad.net[:, 1] / broad.net[:, 1].max(), expected / expected.max(), atol=2e-3)


def values(n=4):
    """Li content 0.5 and a valence of 3, each with an interval of half width 0.1."""
    return np.tile(np.array([0.5, 0.4, 0.6, 3.0, 2.9, 3.1], dtype=np.float32), (n, 1))


def features(n=4, seed=0):
    table = np.random.default_rng(seed).random((n, len(feature_names(RECIPE)))).astype(np.float32)
    return table


def seen(n=4, edges=4):
    return np.arange(4)[None, :] < np.full((n, 1), edges)


def test_a_line_changes_value_and_interval_inside_the_limits():
    change = Corrections(affine={"mn_valence": (-0.5, 1.2)}, interval_factor={"mn_valence": 2.0, "li_content": 3.0})
    result = change.on_values(values(), features(), seen(), TARGETS, RECIPE, {})
    np.testing.assert_allclose(result[0], [0.5, 0.2, 0.8, 3.1, 3.1 - 0.24, 3.1 + 0.24], atol=1e-5)
    extreme = Corrections(affine={"mn_valence": (5.0, 1.0)}).on_values(
        values(), features(), seen(), TARGETS, RECIPE, {}
    )
    np.testing.assert_allclose(extreme[:, 3:], 4.0)


def test_an_interval_that_the_limits_cut_keeps_its_width():
    cut = values()
    cut[:, 3:] = [4.0, 3.8, 4.0]
    result = Corrections(affine={"mn_valence": (-0.5, 1.0)}).on_values(cut, features(), seen(), TARGETS, RECIPE, {})
    np.testing.assert_allclose(result[0, 3:], [3.5, 3.3, 3.7], atol=1e-5)


@pytest.mark.parametrize(("applies_to", "one", "several"), [("any", 1, 1), ("one edge", 1, 0), ("several edges", 0, 1)])
def test_values_are_corrected_only_where_references_were_alike(applies_to, one, several):
    change = Corrections(affine={"mn_valence": (0.3, 1.0)}, applies_to=applies_to)
    for edges, corrected in ((1, one), (3, several)):
        result = change.on_values(values(), features(), seen(edges=edges), TARGETS, RECIPE, {})
        np.testing.assert_allclose(result[:, 3], 3.3 if corrected else 3.0, atol=1e-5)


def test_a_ridge_moves_no_spectrum_further_than_a_reference_and_ignores_missing_edges():
    weights = np.zeros(POINTS)
    weights[0] = 100.0
    ridge = Ridge((0.0,) * POINTS, tuple(weights), 0.25)
    table = features()
    table[1, 0] = np.nan
    result = Corrections(ridge={"mn_valence": ridge}).on_values(values(), table, seen(), TARGETS, RECIPE, {})
    np.testing.assert_allclose(result[:, 3], [3.25, 3.0, 3.25, 3.25], atol=1e-5)


def test_corrections_survive_their_text():
    change = Corrections(
        {"Mn_L": 0.4}, {"O_K": 1.0}, {"mn_valence": (0.1, 0.9)},
        {"li_content": Ridge((0.1,) * POINTS, (0.2,) * POINTS, 0.3)}, ("mn_valence",), {"mn_valence": 1.5}, 1.2,
        "one edge",
    )  # fmt: skip
    assert Corrections.from_json(change.to_json()) == change


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", 2), ("shift", {"Mn_L": 99}), ("shift", {"Mn_L": float("nan")}), ("fwhm", {"Mn_L": -1}),
        ("interval_factor", {"mn_valence": 0}), ("novelty_factor", -1), ("applies_to", "all"), ("shift", {"Mn_L": "x"}),
        ("more", 1), ("affine", {"mn_valence": [1]}), ("affine", [1]), ("ridge", {"mn_valence": 3}), ("trees", 5),
        ("shift", None), ("fwhm", {"Mn_L": [1]}), ("novelty_factor", {}),
    ],
)  # fmt: skip
def test_garbled_text_is_refused(key, value):
    content = json.loads(NO_CORRECTIONS.to_json())
    content[key] = value
    with pytest.raises((ValueError, BundleError)):
        Corrections.from_json(json.dumps(content))


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=100) | st.text(alphabet='{}[]":,.0123456789aeinshftvr', max_size=100))
def test_no_text_ends_in_another_error(content):
    with pytest.raises((ValueError, BundleError)):
        Corrections.from_json(content)


@pytest.mark.parametrize(
    "change",
    [
        Corrections(shift={"Fe_L": 1.0}), Corrections(affine={"colour": (0.0, 1.0)}),
        Corrections(trees=("mn_valence",)),
        Corrections(ridge={"mn_valence": Ridge((0.0,), (0.0,), 1.0)}),
    ],
)  # fmt: skip
def test_corrections_that_do_not_fit_their_bundle_are_refused(change):
    with pytest.raises(ValueError, match="correct"):
        change.check_parts(RECIPE, {})


def rows(n, wrong, seed=0, noise=0.0):
    """References of which the true valence is a function of what the model says and of one point of the spectrum."""
    random = np.random.default_rng(seed)
    table = features(n, seed)
    predicted = random.uniform(2.3, 3.7, n)
    truth = np.clip(wrong(predicted, table[:, 10]) + noise * random.standard_normal(n), 2, 4)
    columns = np.stack([*([np.full(n, 0.5)] * 3), predicted, predicted - 0.1, predicted + 0.1], axis=1)
    return Rows(table, columns, {"mn_valence": truth}, np.arange(n), seen(n))


def error(fitted, judged):
    found = corrected_values(fitted, judged, TARGETS, RECIPE)[:, 3]
    return float(np.sqrt(np.mean((found - judged.truth["mn_valence"]) ** 2)))


def test_an_offset_and_a_line_are_found():
    def wrong(value, _):
        return 0.4 + 0.9 * value

    learned, judged = rows(30, wrong, 1, 0.01), rows(200, wrong, 2)
    assert error(Fitted(), judged) > 0.05
    assert error(add_offset(Fitted(), learned, TARGETS), judged) < error(Fitted(), judged)
    fitted = add_affine(Fitted(), learned, TARGETS)
    assert error(fitted, judged) < 0.02
    assert fitted.corrections.affine["mn_valence"][1] == pytest.approx(0.9, abs=0.05)
    assert "li_content" not in fitted.corrections.affine


def test_few_references_change_less_than_many():
    def wrong(value, _):
        return value + 0.3

    offsets = [add_offset(Fitted(), rows(n, wrong), TARGETS).corrections.affine["mn_valence"][0] for n in (1, 4, 40)]
    assert offsets == sorted(offsets)
    assert offsets[0] < 0.2
    assert offsets[2] == pytest.approx(0.3, abs=0.02)


def test_a_ridge_finds_what_a_line_cannot_and_does_nothing_on_noise():
    def wrong(value, point):
        return value + 0.5 * (point - 0.5)

    learned, judged = rows(120, wrong, 1), rows(200, wrong, 2)
    columns = ~distribution_columns(RECIPE)
    for table in (learned, judged):  # few points of the spectrum vary, as in spectra
        table.features[:, 40:] = np.where(columns[40:], table.features[:, 40:], 0.5)
    assert error(add_ridge(Fitted(), learned, TARGETS, RECIPE), judged) < 0.5 * error(
        add_affine(Fitted(), learned, TARGETS), judged
    )
    noise = rows(40, lambda value, _: value, 3, 0.2)
    assert error(add_ridge(Fitted(), noise, TARGETS, RECIPE), judged) < error(Fitted(), judged) + 0.1


def test_further_trees_learn_from_references_and_leave_simulated_spectra_alone():
    def wrong(value, point):
        return value + np.where(point > 0.5, 0.4, 0.0)

    learned, judged = rows(60, wrong, 1), rows(200, wrong, 2)
    simulated = features(500, 9)
    simulated[:, distribution_columns(RECIPE)] *= 0.4  # another kind: its points are never above 0.5
    fitted = add_trees(Fitted(), learned, TARGETS, RECIPE, simulated)
    assert fitted.corrections.trees == ("mn_valence",)
    assert error(fitted, judged) < 0.6 * error(Fitted(), judged)
    moved = fitted.boosters["mn_valence_correction"].inplace_predict(simulated)
    assert np.abs(moved).mean() < 0.06


def test_conformal_factors_hold_new_specimens_as_often_as_they_should():
    random = np.random.default_rng(0)
    held = []
    for _ in range(200):
        level = np.abs(random.standard_normal(25))
        score = np.repeat(level, 4) * random.uniform(0.9, 1.1, 100)  # four spectra of a specimen are alike
        factor = conformal_factor(score, np.repeat(np.arange(25), 4))
        held.append(np.mean(np.abs(random.standard_normal(500)) <= factor))
    assert np.mean(held) == pytest.approx(0.92, abs=0.03)


def test_too_few_specimens_give_the_worst_and_never_less_than_one():
    assert conformal_factor(np.array([0.2, 3.0, 0.5]), np.arange(3)) == 3.0
    assert conformal_factor(np.array([0.2, 0.3, 0.5]), np.arange(3)) == 1.0
    assert conformal_factor(np.full(12, 0.2), np.arange(12)) == 1.0
    assert conformal_factor(np.full(30, 0.2), np.arange(30)) == pytest.approx(0.2)
