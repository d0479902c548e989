import numpy as np
import pytest

from eelsmap.models.metrics import number_metrics, probability_metrics, rank_correlation


def test_perfect_predictions():
    truth = np.linspace(0, 1, 11)
    metrics = number_metrics(truth, truth, truth, truth)
    assert metrics["rmse"] == 0
    assert metrics["coverage"] == 1
    assert metrics["spearman"] == pytest.approx(1)


def test_unknown_truth_is_left_out_and_errors_are_signed():
    metrics = number_metrics(np.array([0, 1, np.nan]), np.array([0.5, 1.5, 9]), np.zeros(3), np.full(3, 1.2))
    assert metrics["n"] == 2
    assert metrics["mean_error"] == pytest.approx(0.5)
    assert metrics["coverage"] == 1


def test_nothing_known():
    assert number_metrics(*(np.full(3, np.nan) for _ in range(4))) == {"n": 0}
    assert probability_metrics(np.array([1.0, np.nan]), np.array([0.9, 0.1])) == {"n": 1, "positives": 1}


def test_a_coin_has_an_area_of_one_half_and_an_oracle_of_one():
    random = np.random.default_rng(0)
    truth = (random.random(20000) < 0.3).astype(float)
    assert probability_metrics(truth, random.random(20000))["auroc"] == pytest.approx(0.5, abs=0.02)
    oracle = probability_metrics(truth, truth)
    assert oracle["auroc"] == oracle["balanced_accuracy"] == 1
    assert oracle["brier"] == 0


def test_rank_correlation_knows_ties_and_constants():
    assert rank_correlation(np.array([1, 2, 3.0]), np.array([1, 8, 27.0])) == pytest.approx(1)
    assert np.isnan(rank_correlation(np.ones(4), np.arange(4.0)))
