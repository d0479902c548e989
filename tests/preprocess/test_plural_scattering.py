"""Fourier ratio and Fourier log give back the single scattering, for every pixel, as exspy does where it is sound."""

import hyperspy.api as hs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.edges import NMC_EDGES
from eelsmap.errors import RecipeError
from eelsmap.phantom.low_loss import expected_low_loss
from eelsmap.phantom.scattering import scatter
from eelsmap.preprocess.background import extrapolate_power_law, fit_power_law
from eelsmap.preprocess.fourier_log import fourier_log
from eelsmap.preprocess.plural_scattering import fourier_ratio
from tests.preprocess.spectra import edge_shape, power_law

STEP = 0.5
ENERGY = 465.0 + STEP * np.arange(1024)
LOW_ENERGY = -40.0 + STEP * np.arange(512)


def scattered(t_over_lambda, *, energy=ENERGY, fwhm=1.5, background=1.0):
    """Expected core loss of a specimen: power law and four edges from 65 eV on, then cut to the axis."""
    step = energy[1] - energy[0]
    below = round(400 / step)
    whole = energy[0] + step * np.arange(-below, energy.size + below)
    single = background * power_law(whole, 2000, 2.9)
    for edge, height in zip(NMC_EDGES, (300.0, 200.0, 150.0, 150.0), strict=True):
        single = single + edge_shape(whole, edge, height)
    one = np.ones(1)
    settings = {"fwhm_eV": fwhm * one, "tail_fraction": 0 * one, "tail_eV": 8.0}
    return scatter(single[None], step, t_over_lambda=t_over_lambda * one, **settings)[:, below : below + energy.size]


def low_loss(t_over_lambda, *, energy=LOW_ENERGY, position=0.0, counts=2e6, fwhm=1.5):
    return expected_low_loss(energy, counts=counts, t_over_lambda=t_over_lambda, fwhm_eV=fwhm, zero_loss_eV=position)


def net_edge(counts, edge, energy=ENERGY):
    """Edge above the power law fitted before it."""
    before = (energy >= edge.background[0]) & (energy < edge.background[1])
    under = (energy >= edge.near_edge[0]) & (energy < edge.near_edge[1])
    index = np.flatnonzero(before)[: before.sum() // 6 * 6].reshape(6, -1)
    fit = fit_power_law(counts[:, index].sum(axis=2), energy[index].mean(axis=1), np.full(6, float(index.shape[1])))
    return counts[:, under] - extrapolate_power_law(fit, energy[under], np.ones(under.sum()))[0]


@pytest.mark.parametrize(("t_over_lambda", "tolerance"), [(0.1, 0.01), (0.6, 0.02), (1.0, 0.03), (1.5, 0.05)])
@pytest.mark.parametrize("edge", list(NMC_EDGES), ids=lambda edge: edge.name)
def test_single_scattering_comes_back(t_over_lambda, tolerance, edge):
    # Simulated, without noise. Measured: at most 0.5 %, 1.4 %, 2.0 % and 3.9 % of the greatest value (O K is worst).
    truth = net_edge(scattered(0.0), edge)
    recorded = scattered(t_over_lambda)
    result = net_edge(fourier_ratio(recorded, ENERGY, low_loss(t_over_lambda), LOW_ENERGY).counts, edge)
    untouched = np.abs(net_edge(recorded, edge) - truth).max()
    error = np.abs(result - truth).max()
    assert error < tolerance * truth.max()
    assert error < 0.1 * untouched
    assert result.sum() == pytest.approx(truth.sum(), rel=tolerance)


def test_without_its_background_set_apart_the_first_edge_is_wrong():
    truth = net_edge(scattered(0.0), NMC_EDGES["O_K"]).sum()
    recorded, low = scattered(0.6), low_loss(0.6)
    found = [
        net_edge(fourier_ratio(recorded, ENERGY, low, LOW_ENERGY, background=apart).counts, NMC_EDGES["O_K"]).sum()
        for apart in (True, False)
    ]
    assert abs(found[0] / truth - 1) < 0.02
    assert abs(found[1] / truth - 1) > 0.1


@given(st.floats(-3, 3))
@settings(max_examples=10, deadline=None)
def test_a_shifted_zero_loss_peak_changes_nothing(shift):
    recorded = scattered(0.6)
    result = [
        fourier_ratio(recorded, ENERGY, low_loss(0.6, position=at), LOW_ENERGY, position=at, fwhm=1.5).counts
        for at in (0.0, shift)
    ]
    np.testing.assert_allclose(result[1], result[0], rtol=2e-3)


@given(st.floats(-8, 8))
@settings(max_examples=10, deadline=None)
def test_an_offset_of_the_core_loss_axis_changes_next_to_nothing(offset):
    # The power law set apart knows the energies; what it takes out is put back.
    recorded, low = scattered(0.6), low_loss(0.6)
    result = [fourier_ratio(recorded, ENERGY + shift, low, LOW_ENERGY).counts for shift in (0.0, offset)]
    np.testing.assert_allclose(result[1], result[0], rtol=2e-3)


@pytest.mark.parametrize("step", [0.2, 0.3, 0.7])
def test_the_low_loss_may_have_other_channels(step):
    recorded = scattered(0.6)
    other = -40 + step * np.arange(round(256 / step))
    wanted = fourier_ratio(recorded, ENERGY, low_loss(0.6), LOW_ENERGY, position=0.0, fwhm=1.5).counts
    found = fourier_ratio(recorded, ENERGY, low_loss(0.6, energy=other), other, position=0.0, fwhm=1.5).counts
    np.testing.assert_allclose(found, wanted, rtol=5e-3)


def test_what_happens_to_a_pixel_is_its_own_affair():
    generator = np.random.default_rng(0)
    counts = generator.poisson(np.repeat(scattered(0.5), 37, axis=0)).astype(np.float32)
    low = generator.poisson(np.repeat(low_loss(0.5), 37, axis=0)).astype(np.float32)
    whole = fourier_ratio(counts, ENERGY, low, LOW_ENERGY)
    before = counts.copy(), low.copy()
    order = generator.permutation(37)
    mixed = fourier_ratio(counts[order], ENERGY, low[order], LOW_ENERGY)
    np.testing.assert_allclose(mixed.counts, whole.counts[order], rtol=1e-9)
    pieces = [fourier_ratio(counts[part], ENERGY, low[part], LOW_ENERGY) for part in (slice(0, 5), slice(5, None))]
    np.testing.assert_allclose(np.concatenate([piece.counts for piece in pieces]), whole.counts, rtol=1e-9)
    np.testing.assert_allclose(
        np.concatenate([piece.variance_factor for piece in pieces]), whole.variance_factor, rtol=1e-9
    )
    scaled = fourier_ratio(3.0 * counts, ENERGY, 3.0 * low, LOW_ENERGY, gain=3.0)
    np.testing.assert_allclose(scaled.counts, 3.0 * whole.counts, rtol=1e-9)
    counts[3], counts[4, 7], low[5], low[6, 2], low[8] = 0, np.nan, 0, np.inf, -low[8]
    with np.errstate(all="raise", under="ignore"):
        damaged = fourier_ratio(counts, ENERGY, low, LOW_ENERGY)
    broken = [4, 5, 6, 8]
    assert np.isnan(damaged.counts[broken]).all()
    assert np.isnan(damaged.variance_factor[broken]).all()
    kept = np.setdiff1d(np.arange(37), [3, *broken])
    np.testing.assert_array_equal(damaged.counts[kept], whole.counts[kept])
    np.testing.assert_array_equal(damaged.counts[3], 0.0)
    np.testing.assert_array_equal(before[0][kept], counts[kept])


def test_one_low_loss_serves_all():
    counts = np.repeat(scattered(0.5), 20, axis=0)
    low = low_loss(0.5)
    shared = fourier_ratio(counts, ENERGY, low, LOW_ENERGY)
    apart = fourier_ratio(counts, ENERGY, np.repeat(low, 20, axis=0), LOW_ENERGY)
    np.testing.assert_allclose(shared.counts, apart.counts, rtol=1e-9)
    assert np.isnan(fourier_ratio(counts, ENERGY, 0 * low, LOW_ENERGY).counts).all()


@pytest.mark.parametrize("damping", [0.0, 1.0])
@pytest.mark.parametrize("counts", [10.0, 1e3, 1e5])
def test_noise_never_makes_a_pixel_nan(counts, damping):
    generator = np.random.default_rng(1)
    low = generator.poisson(np.repeat(low_loss(0.5, counts=counts), 200, axis=0))
    core = generator.poisson(np.repeat(1e-3 * scattered(0.5), 200, axis=0))
    found = fourier_ratio(core, ENERGY, low, LOW_ENERGY, fwhm=1.5, position=0.0, damping=damping)
    seen = low.sum(axis=1) > 0
    assert np.isfinite(found.counts[seen]).all()
    assert np.isfinite(found.variance_factor[seen]).all()


def test_damping_keeps_a_noisy_low_loss_from_flooding_the_result():
    generator = np.random.default_rng(2)
    core = np.repeat(scattered(0.5), 50, axis=0)
    low = generator.poisson(np.repeat(low_loss(0.5, counts=1e4), 50, axis=0))
    spread = {}
    for damping in (0.0, 1.0):
        # A resolution finer than that of the low loss asks for frequencies at which there is only noise.
        result = fourier_ratio(core, ENERGY, low, LOW_ENERGY, fwhm=0.6, position=0.0, damping=damping).counts
        spread[damping] = np.median(result[:, 100:900].std(axis=0) / core[:, 100:900].mean(axis=0))
    # Measured 0.76 % and 0.19 % of the spectrum.
    assert spread[1.0] < 0.5 * spread[0.0]


@pytest.mark.parametrize("window", [5.0, 10.0, 20.0])
def test_the_variance_factor_is_that_of_sums(window):
    generator = np.random.default_rng(3)
    pixels, channels = 600, round(window / STEP)
    recorded = generator.poisson(np.repeat(scattered(0.6), pixels, axis=0)).astype(float)
    found = fourier_ratio(recorded, ENERGY, low_loss(0.6), LOW_ENERGY, fwhm=1.5, window=window)
    variance = [
        image[:, : ENERGY.size // channels * channels].reshape(pixels, -1, channels).sum(axis=2).var(axis=0)
        for image in (found.counts, recorded)
    ]
    # Measured 3.47, 3.51 and 3.47 where 3.43, 3.41 and 3.32 are stated (t/lambda 0.6).
    assert np.median(variance[0] / variance[1]) == pytest.approx(found.variance_factor.mean(), rel=0.08)


def test_options_that_cannot_be_used_are_refused():
    core, low = scattered(0.5), low_loss(0.5)
    with pytest.raises(RecipeError, match="intensity 'most' is unknown"):
        fourier_ratio(core, ENERGY, low, LOW_ENERGY, intensity="most")
    with pytest.raises(RecipeError, match="wants the threshold"):
        fourier_ratio(core, ENERGY, low, LOW_ENERGY, intensity="elastic")
    with pytest.raises(RecipeError, match="1 core losses and 2 low losses"):
        fourier_ratio(core, ENERGY, np.repeat(low, 2, axis=0), LOW_ENERGY)
    with pytest.raises(RecipeError, match="give the threshold"):
        fourier_log(low, LOW_ENERGY)
    with pytest.raises(RecipeError, match="zero-loss peaks of shape"):
        fourier_log(low, LOW_ENERGY, zero_loss=np.ones((1, 5)))


def eels(data, energy):
    signal = hs.signals.Signal1D(np.array(data, dtype=np.float64))
    axis = signal.axes_manager.signal_axes[0]
    axis.offset, axis.scale, axis.units = energy[0], energy[1] - energy[0], "eV"
    signal.set_signal_type("EELS")
    return signal


@pytest.mark.parametrize("extrapolated", [False, True])
def test_fourier_ratio_agrees_with_exspy(extrapolated):
    generator = np.random.default_rng(4)
    core = generator.poisson(np.repeat(scattered(0.5, background=0.0), 3, axis=0)) + 1.0
    low = generator.poisson(np.repeat(low_loss(0.5), 3, axis=0)) + 1.0
    theirs = eels(core, ENERGY).fourier_ratio_deconvolution(
        eels(low, LOW_ENERGY), fwhm=3.0, threshold=5.0,
        extrapolate_lowloss=extrapolated, extrapolate_coreloss=extrapolated,
    )  # fmt: skip
    # The same ends as exspy gives to both: power laws over 100 channels where asked for, and Hann windows.
    prepared = []
    for data, energy, window in ((core, ENERGY, 20), (low, LOW_ENERGY, 100)):
        signal = eels(data, energy)
        if extrapolated:
            signal = signal.power_law_extrapolation(window_size=window, extrapolation_size=100)
        signal.hanning_taper()
        prepared += [signal.data, signal.axes_manager.signal_axes[0].axis]
    # At the low loss's own width the noise of its highest frequencies would depend on the length of the padding.
    # exspy counts whole channels below the threshold.
    end = LOW_ENERGY[np.abs(LOW_ENERGY - 5.0).argmin()] - STEP / 2
    ours = fourier_ratio(
        *prepared, position=0.0, fwhm=3.0, threshold=end, intensity="elastic", damping=0.0, background=False, tail=0.0
    ).counts[:, : ENERGY.size]
    # It leaves no room for the extrapolated channels of the core loss: convolved, they come back at
    # its start (up to 0.4 % of the greatest value).
    first = 400 if extrapolated else 0
    # exspy's Gaussian has unit area in eV, not in channels: its result is 1 / step times too large.
    np.testing.assert_allclose(ours[:, first:], STEP * theirs.data[:, first:], rtol=1e-4, atol=1e-4 * ours.max())


@pytest.mark.parametrize("t_over_lambda", [0.2, 1.0])
def test_fourier_log_agrees_with_exspy(t_over_lambda):
    low = np.random.default_rng(5).poisson(np.repeat(low_loss(t_over_lambda), 3, axis=0)).astype(float)
    peak = np.where(LOW_ENERGY < 5.0, low, 0.0)
    theirs = eels(low, LOW_ENERGY).fourier_log_deconvolution(eels(peak, LOW_ENERGY))
    ours = fourier_log(low, LOW_ENERGY, zero_loss=peak, damping=0.0)
    np.testing.assert_allclose(ours, theirs.data, rtol=1e-4, atol=1e-4 * np.abs(ours).max())
    cut = fourier_log(low, LOW_ENERGY, threshold=5.0 - STEP / 2, position=0.0, damping=0.0)
    np.testing.assert_allclose(cut, ours, rtol=1e-9, atol=1e-9 * np.abs(ours).max())


def test_fourier_log_gives_the_single_losses():
    # Poisson statistics: the single-scattering part of a low loss of thickness t is t exp(-t) times its distribution.
    energy = -40 + STEP * np.arange(1400)
    thin = low_loss(1e-3, energy=energy, counts=1e9) - low_loss(0.0, energy=energy, counts=1e9) * np.exp(-1e-3)
    for t_over_lambda in (0.3, 1.0):
        found = fourier_log(low_loss(t_over_lambda, energy=energy), energy, threshold=4.0, position=0.0)[0]
        wanted = thin[0] / thin.sum() * t_over_lambda * np.exp(-t_over_lambda) * 2e6
        region = (energy > 8) & (energy < 240)
        # Measured 0.2 % and 0.6 % of the greatest value: what lies below the threshold counts as zero loss.
        assert np.abs(found - wanted)[region].max() < 0.01 * wanted.max()


def test_fourier_log_leaves_bad_pixels_alone():
    low = np.repeat(low_loss(0.5), 20, axis=0)
    whole = fourier_log(low, LOW_ENERGY, threshold=4.0)
    low[3], low[4, 5] = 0, np.nan
    with np.errstate(all="raise", under="ignore"):
        damaged = fourier_log(low, LOW_ENERGY, threshold=4.0)
    assert np.isnan(damaged[[3, 4]]).all()
    kept = np.setdiff1d(np.arange(20), [3, 4])
    np.testing.assert_allclose(damaged[kept], whole[kept], rtol=1e-12)
