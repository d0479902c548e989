"""Ways of fitting the background on simulated power laws: their error bars, their bias, and what others compute."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.errors import RecipeError
from eelsmap.preprocess.background import extrapolate_power_law, fit_power_law
from eelsmap.preprocess.background_combination import choose_exponents
from eelsmap.preprocess.background_fit import BACKGROUND_METHODS, extrapolate_background, fit_background

BOUNDARIES = np.linspace(494.0, 524.0, 9)
ENERGY, WIDTH = (BOUNDARIES[1:] + BOUNDARIES[:-1]) / 2, np.diff(BOUNDARIES)
BEYOND, STEP = np.linspace(525.0, 557.0, 161), np.full(161, 0.2)
WINDOWS = [BEYOND <= 528.0, (BEYOND >= 526.0) & (BEYOND <= 546.0), BEYOND > 0]
EXPONENTS = (2.0, 4.0)
ALL = [(method, averaged) for method in BACKGROUND_METHODS for averaged in (False, True)]


def expected(total, energy=ENERGY, width=WIDTH, exponent=3.0):
    density = (energy / 500.0) ** -exponent * width
    norm = ((ENERGY / 500.0) ** -exponent * WIDTH).sum()
    return total / norm * density


def fitted(counts, method, averaged=None, gain=1.0, exponents=EXPONENTS, neighbours=9):
    extra = {} if averaged is None else {"averaged": averaged, "averaged_gain": gain / neighbours}
    return fit_background(counts, ENERGY, WIDTH, gain=gain, method=method, exponents=exponents, **extra)


def recorded(total, number, seed=0, gain=1.0):
    """Counts of pixels and the means of their neighbourhoods of nine, the pixel among them."""
    random = np.random.default_rng(seed)
    mean = expected(total) / gain
    own = gain * random.poisson(mean, (number, 8)).astype(float)
    return own, (own + gain * random.poisson(8 * mean, (number, 8))) / 9


@pytest.mark.parametrize(("method", "averaged"), ALL)
def test_exact_power_law_is_continued_exactly(method, averaged):
    counts = np.stack([expected(1e9), expected(3e11)])
    fit = fitted(counts, method, counts if averaged else None, exponents=(2.0, 3.0, 5.0))
    background, variance = extrapolate_background(fit, BEYOND, STEP, windows=WINDOWS)
    np.testing.assert_allclose(background, [expected(t, BEYOND, STEP) for t in (1e9, 3e11)], rtol=3e-4)
    assert variance.shape == (2, 3)
    assert (variance > 0).all()


@pytest.mark.parametrize("total", [1e3, 1e4, 1e5, 1e6])
@pytest.mark.parametrize(("method", "averaged"), ALL)
def test_errors_of_extrapolated_sums_are_what_is_stated(method, averaged, total):
    counts, mean = recorded(total, 4000, gain=2.0)
    sample, noise = (mean, 2.0 / 9) if averaged else (counts, 2.0)
    exponents = choose_exponents(sample[:500], ENERGY, WIDTH, gain=noise)
    fit = fitted(counts, method, mean if averaged else None, gain=2.0, exponents=exponents)
    assert not fit.failed.any()
    background, variance = extrapolate_background(fit, BEYOND, STEP, windows=WINDOWS)
    truth = expected(total, BEYOND, STEP)
    for window, stated in zip(WINDOWS, variance.T, strict=True):
        error = background[:, window].sum(axis=1) - truth[window].sum()
        assert (error / np.sqrt(stated)).std() == pytest.approx(1.0, abs=0.08)
        bias = abs(error.mean() / error.std())
        if method == "likelihood":
            assert bias < 0.06
        else:
            # Logarithms and exponents kept between limits leave some tenths of an error bar at 1e3 counts.
            assert bias < 0.06 + 9 / np.sqrt(total)


@pytest.mark.parametrize("method", ["two_area", "likelihood"])
@pytest.mark.parametrize("length", [5.0, 8.0, 12.0])
def test_nothing_is_left_before_the_edge_after_a_short_window(method, length):
    """The complaint of hyperspy issue 3511, with 600 counts in the whole window."""
    number = 20000
    boundaries = np.linspace(530.0 - length, 530.0, 9)
    energy, width = (boundaries[1:] + boundaries[:-1]) / 2, np.diff(boundaries)
    mean = 600 * (energy**-3.0 * width) / (energy**-3.0 * width).sum()
    counts = np.random.default_rng(3).poisson(mean, (number, 8)).astype(float)
    fit = fit_background(counts, energy, width, method=method)
    left = counts - extrapolate_background(fit, energy, width)[0]
    for part in (slice(None), slice(-2, None), slice(-4, None)):
        residual = left[:, part].sum(axis=1)
        bias = residual.mean() / max(residual.std() / np.sqrt(number), 1e-4 * mean[part].sum())
        assert abs(bias) < 4.0


def test_likelihood_is_unbiased_where_the_weighted_fit_subtracts_too_much():
    counts, _ = recorded(200, 20000, seed=1)
    truth = expected(200, BEYOND, STEP).sum()
    bias = {}
    for method in ("weighted", "likelihood"):
        fit = fitted(counts, method)
        total = extrapolate_background(fit, BEYOND, STEP)[0][~fit.failed].sum(axis=1)
        bias[method] = (total.mean() - truth) / (total.std() / np.sqrt(len(total)))
    assert abs(bias["likelihood"]) < 3.5
    assert bias["weighted"] > 10


def test_two_areas_agree_with_hyperspy():
    hs = pytest.importorskip("hyperspy.api")
    from hyperspy.components1d import PowerLaw

    step, energy = 0.25, 400 + 0.25 * np.arange(800)
    counts = np.random.default_rng(1).poisson(200 * (energy / 500) ** -3.0, (6, 800)).astype(float)
    signal = hs.signals.Signal1D(counts)
    axis = signal.axes_manager[-1]
    axis.scale, axis.offset, axis.is_binned = step, energy[0], True
    amplitude, exponent = PowerLaw().estimate_parameters(signal, 494.0, 524.0, out=True)
    first, last = axis.value_range_to_indices(494.0, 524.0)
    part = slice(first, last - (first + last) % 2)
    # HyperSpy takes the centre of a channel for its lower boundary.
    fit = fit_background(counts[:, part], energy[part] + step / 2, np.full(800, step)[part], method="two_area")
    np.testing.assert_allclose(fit.exponent, exponent, rtol=1e-4)
    np.testing.assert_allclose(fit.log_amplitude + fit.exponent * np.log(fit.reference), np.log(amplitude), rtol=1e-6)
    theirs = amplitude[:, None] * BEYOND ** -exponent[:, None] * STEP
    np.testing.assert_allclose(extrapolate_background(fit, BEYOND, STEP)[0], theirs, rtol=1e-4)
    # With the boundaries where they are, less is subtracted by r / E times half a channel.
    true = fit_background(counts[:, part], energy[part], np.full(800, step)[part], method="two_area")
    over = fit.density(np.array([520.0])) / true.density(np.array([520.0])) - 1
    np.testing.assert_allclose(over[:, 0], exponent / 520.0 * step / 2, rtol=0.2)


def test_likelihood_agrees_with_hyperspy():
    hs = pytest.importorskip("hyperspy.api")
    from hyperspy.components1d import PowerLaw

    step, energy = 0.5, 494.25 + 0.5 * np.arange(60)
    counts = np.random.default_rng(2).poisson(100 * (energy / 500) ** -3.0, (3, 60)).astype(float)
    fit = fit_background(counts, energy, np.full(60, step), method="likelihood")
    for index, spectrum in enumerate(counts):
        signal = hs.signals.Signal1D(spectrum)
        axis = signal.axes_manager[-1]
        axis.scale, axis.offset, axis.is_binned = step, energy[0], True
        model, component = signal.create_model(), PowerLaw(A=200 * 500**3.0, r=3.0)
        model.append(component)
        precise = {"maxiter": 5000, "maxfev": 5000, "xatol": 1e-9, "fatol": 1e-12}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(optimizer="Nelder-Mead", loss_function="ML-poisson", options=precise)
        assert fit.exponent[index] == pytest.approx(component.r.value, rel=1e-4)
        amplitude = np.exp(fit.log_amplitude[index] + fit.exponent[index] * np.log(fit.reference))
        assert amplitude == pytest.approx(component.A.value, rel=1e-4)
        assert np.sqrt(fit.covariance[index, 1]) == pytest.approx(component.r.std, rel=0.02)


def test_weighted_is_the_power_law_of_before():
    counts, _ = recorded(2e3, 50)
    fit = fit_power_law(counts, ENERGY, WIDTH, gain=2.0)
    background, variance = extrapolate_background(fitted(counts, "weighted", gain=2.0), BEYOND, STEP, windows=WINDOWS)
    for index, window in enumerate(WINDOWS):
        alone, stated = extrapolate_power_law(fit, BEYOND[window], STEP[window])
        np.testing.assert_array_equal(background[:, window], alone)
        np.testing.assert_array_equal(variance[:, index], stated)
    for index, spectrum in enumerate(counts):
        x = np.log(ENERGY / fit.reference)
        slope, _ = np.polyfit(x, np.log(spectrum / WIDTH), 1, w=np.sqrt(spectrum))
        assert fit.exponent[index] == pytest.approx(-slope, rel=1e-9)


def test_a_window_with_gaps_is_summed_too():
    counts, _ = recorded(1e4, 3)
    apart = (BEYOND < 530) | (BEYOND > 550)
    for method in BACKGROUND_METHODS:
        fit = fitted(counts, method)
        _, variance = extrapolate_background(fit, BEYOND, STEP, windows=[apart])
        _, alone = extrapolate_background(fit, BEYOND[apart], STEP[apart], windows=[np.ones(apart.sum(), bool)])
        np.testing.assert_allclose(variance, alone, rtol=1e-12)


def test_averaging_over_neighbours_makes_the_extrapolation_better():
    counts, mean = recorded(1e4, 2000)
    for method in BACKGROUND_METHODS:
        scatter = [
            extrapolate_background(fitted(counts, method, averaged), BEYOND, STEP)[0].sum(axis=1).std()
            for averaged in (None, mean)
        ]
        assert scatter[1] < 0.6 * scatter[0]


def test_fixed_exponents_keep_the_background_within_what_the_image_shows():
    steep = np.stack([expected(1e6, exponent=exponent) for exponent in (1.0, 3.0, 6.0)])
    fit = fitted(steep, "fixed_exponents", exponents=(2.0, 4.0))
    assert (fit.coefficients >= 0).all()
    assert (fit.coefficients == 0).tolist() == [[False, True], [False, False], [True, False]]
    lower, higher = choose_exponents(recorded(1e5, 400)[0], ENERGY, WIDTH)
    assert 2.0 < lower < 3.0 < higher < 4.0
    assert higher - lower == pytest.approx(3.92 / np.sqrt(1e5) / 0.017, rel=0.2)
    assert choose_exponents(np.zeros((3, 8)), ENERGY, WIDTH) == (2.0, 6.0)
    same = choose_exponents(np.tile(expected(1e12), (3, 1)), ENERGY, WIDTH)
    assert same[1] - same[0] == pytest.approx(0.1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 0.0, -50.0])
@pytest.mark.parametrize(("method", "averaged"), ALL)
def test_a_bad_pixel_disturbs_no_other(method, averaged, bad):
    counts, mean = recorded(1e4, 5)
    counts[2] = bad
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = fitted(counts, method, mean if averaged else None)
        background, variance = extrapolate_background(fit, BEYOND, STEP, windows=WINDOWS)
    assert fit.failed.tolist() == [False, False, True, False, False]
    assert np.isfinite(background).all()
    good = [0, 1, 3, 4]
    alone = fitted(counts[good], method, mean[good] if averaged else None)
    for one, other in zip(
        (background[good], variance[good]),
        extrapolate_background(alone, BEYOND, STEP, windows=WINDOWS),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(ALL),
    st.lists(st.lists(st.integers(0, 5000), min_size=8, max_size=8), min_size=0, max_size=6),
    st.floats(1e-3, 1e3),
    st.integers(0, 6),
)
def test_scale_blocks_and_order_change_nothing_else(way, rows, scale, cut):
    method, averaged = way
    counts = np.array(rows, dtype=float).reshape(-1, 8)
    before = counts.copy()

    def road(counts, gain):
        mean = np.full_like(counts, 1.0) * expected(1e4) * gain if averaged else None
        fit = fitted(counts, method, mean, gain=gain)
        background, variance = extrapolate_background(fit, BEYOND, STEP, windows=WINDOWS)
        return fit.failed, np.where(fit.failed[:, None], 0, background), np.where(fit.failed[:, None], 0, variance)

    failed, background, variance = road(counts, 1.0)
    np.testing.assert_array_equal(counts, before)
    other = road(scale * counts, scale)
    np.testing.assert_array_equal(other[0], failed)
    np.testing.assert_allclose(other[1], scale * background, rtol=1e-9)
    np.testing.assert_allclose(other[2], scale**2 * variance, rtol=1e-9)
    for order in (np.arange(len(counts))[::-1], np.arange(len(counts))[:cut], np.arange(len(counts))[cut:]):
        part = road(counts[order], 1.0)
        np.testing.assert_array_equal(part[0], failed[order])
        np.testing.assert_allclose(part[1], background[order], rtol=1e-9)
        np.testing.assert_allclose(part[2], variance[order], rtol=1e-9)


def test_impossible_orders_are_refused_by_name():
    counts, mean = recorded(1e4, 2)
    with pytest.raises(RecipeError, match="'magic'"):
        fit_background(counts, ENERGY, WIDTH, method="magic")
    with pytest.raises(RecipeError, match="averaged_gain"):
        fit_background(counts, ENERGY, WIDTH, averaged=mean)
    for exponents in ((), (3.0, 3.0), (1.0, 2.0, 3.0, 4.0, 5.0), (np.nan, 1.0)):
        with pytest.raises(RecipeError, match="exponents"):
            fit_background(counts, ENERGY, WIDTH, method="fixed_exponents", exponents=exponents)
