import numpy as np
import pytest

from eelsmap.models.intervals import (
    NumberInterval,
    ProbabilityInterval,
    fit_number_interval,
    fit_probability_interval,
)


@pytest.mark.parametrize("confidence", [0.68, 0.9, 0.95])
def test_intervals_hold_the_truth_as_often_as_they_say_in_every_range_of_noise(confidence):
    random = np.random.default_rng(0)

    def draw(n):
        log_snr = random.uniform(0, 3, n)
        spread = random.uniform(0.5, 2.0, n)
        # The predicted spread misjudges noisy spectra; the factors have to put that right.
        return random.normal(0, spread * (1 + 4 * (log_snr < 1))), spread, log_snr

    interval = fit_number_interval(*draw(20000), confidence=confidence, ranges=6)
    error, spread, log_snr = draw(20000)
    inside = np.abs(error) <= interval.half_width(spread, log_snr)
    for low in (0.0, 1.0, 2.0):
        part = (log_snr >= low) & (log_snr < low + 1)
        assert inside[part].mean() == pytest.approx(confidence, abs=0.02)


def test_an_unknown_noise_gets_the_widest_class_of_its_kind():
    interval = NumberInterval((1.0,), (5.0, 2.0), 0.9)
    np.testing.assert_array_equal(interval.half_width(np.ones(2), np.array([np.nan, 3.0])), [5.0, 2.0])


def test_probabilities_are_calibrated_and_bracketed():
    random = np.random.default_rng(1)
    score = random.normal(0, 2, 6000)
    truth = random.random(6000) < 1 / (1 + np.exp(-score))
    fitted = fit_probability_interval(score, truth, random.integers(0, 3, 6000))
    value, lower, upper = fitted.calibrate(np.array([-3.0, 0.0, 3.0]))
    np.testing.assert_allclose(value, [0.05, 0.5, 0.95], atol=0.06)
    assert (lower <= value).all()
    assert (value <= upper).all()


def test_groups_that_disagree_widen_the_interval():
    random = np.random.default_rng(2)
    score = random.normal(0, 2, 6000)
    group = random.integers(0, 2, 6000)
    agree = random.random(6000) < 1 / (1 + np.exp(-score))
    differ = random.random(6000) < 1 / (1 + np.exp(-score - np.where(group, 2.0, -2.0)))
    widths = []
    for truth in (agree, differ):
        _, lower, upper = fit_probability_interval(score, truth, group).calibrate(np.zeros(1))
        widths.append(upper[0] - lower[0])
    assert widths[1] > widths[0] + 0.3


def test_calibrations_survive_a_dictionary():
    number = NumberInterval((1.0, 2.0), (3.0, 2.0, 1.0), 0.9)
    assert NumberInterval.from_dict(number.to_dict()) == number
    probability = ProbabilityInterval((0.0, 1.0), (0.0, 0.5), (0.1, 0.6), (0.2, 0.9))
    assert ProbabilityInterval.from_dict(probability.to_dict()) == probability
