"""Maps beside their truth, and the figures of merit written there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_auc_score

from eelsmap.plot import plot_truth
from eelsmap.plot.truth import compare
from tests.plot.test_plot_maps import overlaps

VALUES = arrays(np.float64, 12, elements=st.floats(0, 1))


def test_figure_names_its_figures_of_merit(make_maps, drawn_texts):
    maps, truth = make_maps((24, 32))
    figure = plot_truth(maps, truth, ["li_content", "ni_valence", "vacancy_probability"], title="phantom")
    texts = drawn_texts(figure)
    assert not overlaps(texts)
    words = " ".join(text for text, _box in texts)
    merit = compare(maps.array("li_content"), truth["li_content"])
    assert f"RMSE {merit['rmse']:.2f}" in words
    for part in ("coverage", "Brier", "AUROC", "truth", "predicted", "phantom", "trained on simulated spectra"):
        assert part in words
    assert f"n {merit['pixels']}" in words


def test_a_probability_is_compared_with_a_fraction(make_maps, drawn_texts):
    maps, truth = make_maps((24, 32))
    figure = plot_truth(maps, {"vacancy_fraction": truth["vacancy_probability"]})
    assert "truth (fraction)" in [text for text, _box in drawn_texts(figure)]


def test_refusals(make_maps):
    maps, truth = make_maps((8, 9))
    with pytest.raises(ValueError, match="no property has a truth"):
        plot_truth(maps, {"thickness": truth["li_content"]})
    with pytest.raises(ValueError, match="truth has shape"):
        plot_truth(maps, {"li_content": truth["li_content"].T})
    with pytest.raises(ValueError, match="images"):
        plot_truth(*make_maps((9,)))


@given(VALUES, VALUES)
def test_merit_of_numbers(predicted, truth):
    merit = compare(predicted, truth, (predicted - 0.1, predicted + 0.1))
    assert merit["rmse"] == pytest.approx(np.sqrt(np.mean((predicted - truth) ** 2)))
    assert merit["bias"] == pytest.approx(np.mean(predicted) - np.mean(truth), abs=1e-12)
    assert merit["coverage"] == np.mean((predicted - 0.1 <= truth) & (truth <= predicted + 0.1))
    assert abs(merit["bias"]) <= merit["rmse"] + 1e-12


@given(VALUES, VALUES)
def test_merit_of_probabilities(predicted, truth):
    merit = compare(predicted, truth, probability=True)
    present = truth >= 0.5
    if 0 < present.sum() < present.size:
        assert merit["auroc"] == pytest.approx(roc_auc_score(present, predicted))
    else:
        assert np.isnan(merit["auroc"])
    assert merit["brier"] == pytest.approx(np.mean((predicted - present) ** 2))


def test_only_pixels_with_both_count():
    predicted = np.array([0.0, np.nan, 1.0, 5.0])
    truth = np.array([0.0, 1.0, 0.0, np.nan])
    assert compare(predicted, truth) == {
        "pixels": 2, "rmse": pytest.approx(np.sqrt(0.5)), "bias": 0.5, "correlation": pytest.approx(np.nan, nan_ok=True)
    }  # fmt: skip
    nothing = compare(np.full(3, np.nan), np.zeros(3))
    assert nothing["pixels"] == 0
    assert np.isnan(nothing["rmse"])
