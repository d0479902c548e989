import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from eelsmap.errors import RecipeError
from eelsmap.features.gaussian import GaussianFeatures, gaussian_sum
from eelsmap.features.intensity import DistributionFeatures, IntensityFeatures
from eelsmap.features.polynomial import PolynomialFeatures, region_slices
from eelsmap.features.reduction import AutoencoderReduction, IsomapReduction, LinearReduction
from eelsmap.features.transformer import JoinedFeatures
from eelsmap.features.wavelet import WaveletFeatures, ricker

TRANSFORMERS = [
    IntensityFeatures(2),
    DistributionFeatures(2, stride=3),
    PolynomialFeatures(2, 0.25, 2.5),
    WaveletFeatures(2, widths=(1, 4)),
    GaussianFeatures(2, 0.25, peaks=5, steps=2),
    JoinedFeatures(2, 0.25, (IntensityFeatures(), PolynomialFeatures())),
]


def spectra(n, edges=2, channels=64, seed=0):
    """Two lines of different strength on a step, shape (n, edges * channels)."""
    random = np.random.default_rng(seed)
    energy = np.arange(channels) * 0.25
    strength = random.uniform(1, 4, (n, edges, 1))
    line = strength * np.exp(-0.5 * ((energy - 5) / 0.8) ** 2) + np.exp(-0.5 * ((energy - 11) / 1.2) ** 2)
    return (line + 0.5 * (energy > 4)).reshape(n, -1), strength[:, 0, 0]


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=lambda item: type(item).__name__)
def test_scikit_learn_can_clone_them_and_put_them_into_pipelines(transformer):
    rows, strength = spectra(60)
    twin = clone(transformer)
    assert twin is not transformer
    assert repr(twin.get_params()) == repr(transformer.get_params())
    fitted = make_pipeline(twin, Ridge(1e-3)).fit(rows[:40], strength[:40])
    assert np.abs(fitted.predict(rows[40:]) - strength[40:]).max() < 0.5 * np.ptp(strength)
    np.testing.assert_allclose(
        transformer.transform(rows), transformer.transform(rows.reshape(60, 2, 64)), err_msg="rows or edges: the same"
    )


@pytest.mark.parametrize("reduction", [LinearReduction(), IsomapReduction(dimensions=2)])
def test_reductions_go_into_pipelines(reduction):
    rows, strength = spectra(80)
    fitted = make_pipeline(DistributionFeatures(2), clone(reduction), Ridge(1e-6)).fit(rows[:60], strength[:60])
    assert np.corrcoef(fitted.predict(rows[60:]), strength[60:])[0, 1] > 0.9


def test_parameters_that_do_not_exist_and_rows_that_do_not_fit_are_refused():
    assert PolynomialFeatures().set_params(width=2.5).width == 2.5
    with pytest.raises(RecipeError, match="no parameter 'breadth'"):
        PolynomialFeatures().set_params(breadth=2.5)
    with pytest.raises(RecipeError, match="cannot be cut into 3 edges"):
        IntensityFeatures(3).transform(np.zeros((2, 64)))
    with pytest.raises(RecipeError, match="fewer than 4 channels"):
        PolynomialFeatures(1, 1.0, 2.0).transform(np.zeros((2, 64)))
    with pytest.raises(RecipeError, match=r"explained = 1\.2"):
        LinearReduction(explained=1.2).fit(np.eye(3))
    with pytest.raises(RecipeError, match="nothing to join"):
        JoinedFeatures(1).transform(np.zeros((2, 64)))


@given(st.integers(4, 300), st.floats(0.05, 1.0), st.floats(1.0, 12.0))
def test_regions_hold_every_channel_once_and_none_is_too_small(channels, dispersion, width):
    if round(width / dispersion) < 4:
        with pytest.raises(RecipeError):
            region_slices(channels, dispersion, width, fewest=4)
        return
    regions = region_slices(channels, dispersion, width, fewest=4)
    assert np.concatenate([np.arange(channels)[region] for region in regions]).tolist() == list(range(channels))
    assert min(region.stop - region.start for region in regions) >= 4


@given(arrays(np.float64, (3, 4), elements=st.floats(-5, 5)))
def test_a_cubic_is_described_by_its_own_coefficients(coefficients):
    basis = np.polynomial.legendre.legvander(np.linspace(-1, 1, 20), 3)
    found = PolynomialFeatures(1, 0.25, 5.0).transform(coefficients @ basis.T)
    np.testing.assert_allclose(found, coefficients, atol=1e-9)


def test_the_ricker_wavelet_has_unit_norm_and_does_not_see_constants():
    for width in (1.0, 3.0, 10.0):
        wavelet = ricker(width, 100)
        # A wavelet as wide as a channel is not sampled well: within 2 %.
        assert (wavelet**2).sum() == pytest.approx(1, abs=0.02 if width == 1 else 1e-6)
        assert abs(wavelet.sum()) < 0.02
    assert np.abs(WaveletFeatures(1).transform(np.full((1, 128), 7.0))).max() < 0.1


def test_a_shifted_line_shifts_its_wavelet_coefficients():
    energy = np.arange(128)
    one, other = (np.exp(-0.5 * ((energy - centre) / 3.0) ** 2)[None] for centre in (60, 64))
    coefficients = WaveletFeatures(1, widths=(4,), stride=4)
    np.testing.assert_allclose(coefficients.transform(one)[0, 8:-8], coefficients.transform(other)[0, 9:-7], atol=1e-6)
    # Strongest where the wavelet is as wide as the line, by its norm a little wider.
    widths = np.arange(1, 11)
    answer = WaveletFeatures(1, widths=tuple(widths), stride=1).transform(one).reshape(10, -1)[:, 60]
    assert 4 <= widths[answer.argmax()] <= 8


def test_gaussians_that_are_there_are_found():
    energy = np.arange(128) * 0.25
    centre, amplitude, width = (
        np.array([[3.1, 11.0, 20.4, 28.2]]),
        np.array([[2.0, 5.0, 1.0, 3.0]]),
        np.full((1, 4), 3.0),
    )
    curve = gaussian_sum(energy, centre, amplitude, width)
    found = GaussianFeatures(1, 0.25, peaks=4, steps=40).transform(curve).reshape(3, 4)
    np.testing.assert_allclose(found[0], centre[0], atol=0.05)
    np.testing.assert_allclose(found[1], amplitude[0], rtol=0.03)
    np.testing.assert_allclose(found[2], width[0], rtol=0.05)


@settings(max_examples=15, deadline=None)
@given(arrays(np.float64, (2, 64), elements=st.floats(0, 1e4)))
def test_gaussians_stay_in_their_regions_whatever_the_curve(curves):
    found = GaussianFeatures(1, 0.5, peaks=8, steps=4).transform(curves).reshape(2, 3, 8)
    assert np.isfinite(found).all()
    edges = np.linspace(0, 32, 9)
    assert (found[:, 0] >= edges[:-1] - 1e-9).all()
    assert (found[:, 0] <= edges[1:] + 1e-9).all()
    assert (found[:, 2] >= 0).all()
    assert (found[:, 2] <= 5).all()


def test_more_steps_fit_better():
    rows, _ = spectra(20, edges=1, channels=128)
    energy = np.arange(128) * 0.25

    def left(steps):
        found = GaussianFeatures(1, 0.25, steps=steps).transform(rows).reshape(20, 3, 20)
        return ((gaussian_sum(energy, found[:, 0], found[:, 1], found[:, 2]) - rows) ** 2).mean()

    assert left(6) < 0.7 * left(0)


def test_linear_reductions_keep_what_scikit_learn_keeps():
    rows = np.random.default_rng(1).normal(size=(60, 12)) @ np.diag(0.7 ** np.arange(12)) + 3.0
    ours, theirs = LinearReduction().fit(rows), PCA(0.9).fit(rows)
    assert ours.components_.shape == theirs.components_.shape
    np.testing.assert_allclose(np.abs(ours.transform(rows)), np.abs(theirs.transform(rows)), atol=1e-9)
    singular = LinearReduction(centred=False).fit(rows)
    count = singular.components_.shape[0]
    kept = TruncatedSVD(count, algorithm="arpack").fit(rows).explained_variance_ratio_
    assert kept.sum() >= 0.9 > kept[:-1].sum()
    assert LinearReduction(dimensions=3).fit_transform(rows).shape == (60, 3)


def test_isomap_unrolls_what_lies_on_a_curve():
    place = np.linspace(0, 1, 120)
    angle = 1 + 5 * place
    rows = np.stack([angle * np.cos(angle), angle * np.sin(angle)], axis=1)
    length = np.append(0, np.cumsum(np.linalg.norm(np.diff(rows, axis=0), axis=1)))
    found = IsomapReduction(dimensions=1, neighbours=5, landmarks=60).fit_transform(rows)[:, 0]
    assert abs(np.corrcoef(found, length)[0, 1]) > 0.99


def test_the_autoencoder_keeps_the_one_thing_that_varies_and_is_repeatable():
    pytest.importorskip("torch")
    rows, strength = spectra(200, edges=1)
    reduction = AutoencoderReduction(dimensions=1, epochs=15, seed=3)
    found = reduction.fit_transform(rows)
    assert found.shape == (200, 1)
    ranks = [np.argsort(np.argsort(values)) for values in (found[:, 0], strength)]
    assert abs(np.corrcoef(*ranks)[0, 1]) > 0.95
    np.testing.assert_array_equal(clone(reduction).fit_transform(rows), found)
