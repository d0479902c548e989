"""The whole road, from a signal to its edges: moving, scaling, reordering or cutting up an image changes what it must.

Simulated images of the synthetic microscope, with every way of treatment that a recipe offers.
"""

from dataclasses import replace
from functools import cache

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import eelsmap
from eelsmap.edges import NMC_EDGES
from eelsmap.errors import NO_ANSWER, NoEdgesError, NotASpectrumImageError, PixelFlag
from eelsmap.features.classical import classical_estimates
from eelsmap.io import attach_low_loss, prepare
from eelsmap.mapping.planned_image import PlannedImage, plan_signal
from eelsmap.mapping.quality_maps import quality_of_image
from eelsmap.phantom import Microscope
from eelsmap.preprocess import extract_edges
from eelsmap.preprocess.edge_stack import EdgeStack
from eelsmap.preprocess.local_average import averaging_depth
from eelsmap.recipe import BackgroundStep, NoiseStep, PluralScatteringStep, Recipe
from tests.preprocess.spectra import spectrum

RECIPES = {
    "default": Recipe(),
    "two areas": Recipe(background=BackgroundStep(method="two_area")),
    "likelihood": Recipe(background=BackgroundStep(method="likelihood")),
    "fixed exponents": Recipe(background=BackgroundStep(method="fixed_exponents")),
    "neighbours": Recipe(background=BackgroundStep(neighbours=1.0)),
    "average": Recipe(noise=NoiseStep(average=1.0)),
    "denoise": Recipe(noise=NoiseStep(denoise=True)),
    "deconvolve": Recipe(plural_scattering=PluralScatteringStep("fourier_ratio")),
    "all": Recipe(
        background=BackgroundStep(method="likelihood", neighbours=1.0),
        noise=NoiseStep(average=0.7, denoise=True),
        plural_scattering=PluralScatteringStep("fourier_ratio", fwhm=1.2),
    ),
}
EVERY = pytest.mark.parametrize("name", RECIPES)
SOME = pytest.mark.parametrize("name", ["default", "fixed exponents", "average", "deconvolve", "all"])
# A whole road takes a quarter of a second; to look for a simpler failure would take minutes.
FEW = settings(max_examples=2, deadline=None, phases=(Phase.explicit, Phase.generate))

SHAPE = (9, 12)
CORE_AXIS, LOW_AXIS = (465.0, 0.5), (-30.0, 0.5)
SCOPE = Microscope(
    counts=2e6, t_over_lambda=0.8, drift_eV=0.0, row_jump_eV=0.0, spike_rate=0.0, dual_eels=True,
    offset=CORE_AXIS[0], dispersion=CORE_AXIS[1], channels=900,
    low_loss_offset=LOW_AXIS[0], low_loss_dispersion=LOW_AXIS[1], low_loss_channels=300,
)  # fmt: skip


@cache
def recorded():
    """Core loss and low loss of a particle in vacuum, which nobody can write to."""
    phantom = eelsmap.make_phantom(SHAPE, microscope=SCOPE)
    arrays = [np.asarray(data, dtype=np.float64) for data in (phantom.core_loss, phantom.low_loss)]
    for array in arrays:
        array.setflags(write=False)
    return arrays


@cache
def drifting():
    """The same in a tall scan that drifts by several electronvolts."""
    phantom = eelsmap.make_phantom((20, 8), microscope=replace(SCOPE, drift_eV=4.0, row_jump_eV=0.3, counts=8e6))
    return phantom.core_loss, phantom.low_loss


def image_of(recipe, core=None, low=None, *, moved=0.0, simultaneous=False) -> PlannedImage:
    """Plan a pair whose axes are both displaced."""
    known = recorded()
    pair = []
    for data, (offset, scale) in zip((core, low), (CORE_AXIS, LOW_AXIS), strict=True):
        signal = hs.signals.Signal1D(known[len(pair)] if data is None else data)
        axis = signal.axes_manager.signal_axes[0]
        axis.offset, axis.scale, axis.units = offset + moved, scale, "eV"
        signal.set_signal_type("EELS")
        pair.append(prepare(signal.as_lazy() if isinstance(data, da.Array) else signal, name="the image"))
    attach_low_loss(pair[0], pair[1], stated=simultaneous)
    return plan_signal(pair[0], recipe)


def edges_of(image: PlannedImage, **options) -> EdgeStack:
    counts, known = image.every(1)
    return extract_edges(counts, image.plan, image.recipe, **known, **options)


@cache
def plain(recipe, simultaneous=False, moved=0.0):
    image = image_of(recipe, simultaneous=simultaneous, moved=moved)
    return image, edges_of(image)


def answered(stack):
    """Pixels whose four edges are all seen."""
    return stack.seen.all(axis=1) & (stack.flags & np.uint32(NO_ANSWER) == 0)


def assert_same(found, wanted, pixels=None, *, tolerance, factor=1.0, flags=True):
    """Net edges within a share of each image's highest point, ratios within the same share of themselves."""
    pixels = answered(wanted) if pixels is None else pixels
    assert pixels.any()
    highest = factor * wanted.net[pixels].max(axis=(0, 2), keepdims=True)
    np.testing.assert_allclose(found.net[pixels] / highest, factor * wanted.net[pixels] / highest, atol=tolerance)
    np.testing.assert_allclose(found.snr[pixels], wanted.snr[pixels], rtol=10 * tolerance)
    if flags:
        np.testing.assert_array_equal(found.flags, wanted.flags)


def near(place, reach):
    """Pixels within a square around one, shape (n,)."""
    away = np.abs(np.indices(SHAPE) - np.reshape(place, (2, 1, 1))).max(axis=0)
    return (away <= reach).ravel()


def reach_of(recipe):
    """How many pixels away another one has a say."""
    return averaging_depth(recipe.noise.average) + averaging_depth(recipe.background.neighbours)


# Energy


@EVERY
@given(
    moved=st.tuples(st.sampled_from([-1, 1]), st.floats(3.0, 20.0)).map(np.prod),
)
@FEW
def test_an_offset_of_the_axis_is_found_and_changes_no_edge(name, moved):
    recipe, other = RECIPES[name], 6.0
    one, (two, wanted) = image_of(recipe, moved=moved), plain(recipe, moved=other)
    assert one.plan.axis.mode == two.plan.axis.mode == "global"
    np.testing.assert_allclose(np.subtract(two.plan.axis.offset, one.plan.axis.offset), moved - other, atol=1e-6)
    for name, found in one.plan.axis.displacements.items():
        assert found - moved == pytest.approx(two.plan.axis.displacements[name] - other, abs=0.0011)
    # Deconvolution sets a power law of the recorded energies apart before anybody knows how wrong they are.
    tolerance = 0.03 if recipe.plural_scattering.method != "none" else 1e-9
    assert_same(edges_of(one), wanted, tolerance=tolerance)


@SOME
@given(moved=st.floats(-15.0, 15.0))
@FEW
def test_an_offset_of_both_axes_is_taken_out_by_the_zero_loss_peak(name, moved):
    recipe = RECIPES[name]
    image, wanted = plain(recipe, simultaneous=True)
    other = image_of(recipe, moved=moved, simultaneous=True)
    assert other.plan.axis.mode == "zero_loss"
    assert other.plan.zero_loss == pytest.approx(image.plan.zero_loss + moved, abs=1e-9)
    assert other.plan.axis.displacements == pytest.approx(image.plan.axis.displacements, abs=0.0011)
    tolerance = 0.03 if recipe.plural_scattering.method != "none" else 1e-9
    assert_same(edges_of(other), wanted, tolerance=tolerance)


# Counts


@EVERY
@given(exponent=st.floats(-6.0, 6.0))
@FEW
def test_a_factor_on_the_counts_scales_them_and_nothing_else(name, exponent):
    recipe = RECIPES[name]
    factor = 10.0**exponent
    image, wanted = plain(recipe)
    other = image_of(recipe, recorded()[0] * factor)
    one, two = image.plan, other.plan
    assert [two.gain, two.minimum_counts] == pytest.approx([factor * one.gain, factor * one.minimum_counts], rel=1e-9)
    assert two.axis.displacements == pytest.approx(one.axis.displacements, abs=0.0011)
    assert two.axis.uncertainty == pytest.approx(one.axis.uncertainty, rel=1e-9)
    assert two.axis.message == one.axis.message
    assert two.windows == one.windows
    assert two.faults.message == one.faults.message
    assert two.drift.message == one.drift.message
    found = edges_of(other)
    # A spectrum is averaged over its neighbours in single precision.
    tolerance = 1e-6 if reach_of(recipe) else 1e-9
    assert_same(found, wanted, tolerance=tolerance, factor=factor)
    np.testing.assert_allclose(found.counts, factor * wanted.counts, rtol=1e-6)


@pytest.mark.parametrize("name", ["default", "all"])
def test_ratios_do_not_know_the_unit_of_the_counts(name):
    recipe = RECIPES[name]
    image, _ = plain(recipe)
    other = image_of(recipe, recorded()[0] * 1e3)
    one, two = (
        classical_estimates(edges_of(each, details=True), NMC_EDGES, beam_energy_kV=200.0, collection_mrad=50.0)
        for each in (image, other)
    )
    seen = answered(edges_of(image))
    for answer in one:
        for value, wanted in zip(two[answer], one[answer], strict=True):
            np.testing.assert_allclose(value[seen], wanted[seen], rtol=1e-4, atol=1e-4, err_msg=answer)


# The order of the pixels and how they are cut up


@EVERY
@given(seed=st.integers(0, 99))
@FEW
def test_pixels_do_not_know_where_they_are(name, seed):
    """Only which pixels are its neighbours, if these have a say."""
    recipe = RECIPES[name]
    recipe = replace(recipe, energy_axis=replace(recipe.energy_axis, rows=False))
    order = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    rng = np.random.default_rng(seed)
    tolerance = 1e-6
    if name == "fixed exponents":
        # Chosen from groups of pixels in the order of the image.
        tolerance = 0.01
    if reach_of(recipe):
        order = np.rot90(order, rng.integers(1, 4))[:: rng.choice([-1, 1])]
    else:
        order = rng.permutation(order.ravel()).reshape(SHAPE)
    core, low = (data.reshape(-1, data.shape[-1])[order.ravel()].reshape(*order.shape, -1) for data in recorded())
    found, wanted = edges_of(image_of(recipe, core, low)), plain(recipe)[1]
    back = np.argsort(order.ravel())
    assert_same(found.rows(back), wanted, tolerance=tolerance)


@pytest.mark.parametrize("name", ["default", "fixed exponents", "all"])
def test_an_image_upside_down_drifts_the_other_way(name):
    recipe = RECIPES[name]
    core, low = drifting()
    one, other = image_of(recipe, core, low), image_of(recipe, core[::-1], low[::-1])
    assert one.plan.drift.applied
    np.testing.assert_allclose(other.plan.drift.shift[::-1], one.plan.drift.shift, atol=1e-6)
    np.testing.assert_allclose(other.plan.drift.uncertainty[::-1], one.plan.drift.uncertainty, atol=1e-6)
    order = np.arange(160).reshape(20, 8)[::-1].ravel()
    tolerance = 0.01 if name == "fixed exponents" else 1e-5
    assert_same(edges_of(other).rows(order), edges_of(one), tolerance=tolerance)


class Edges:
    """Net edges, signal-to-noise and flags of every pixel, as maps are made."""

    def __init__(self, image):
        self.plan, self.recipe = image.plan, image.recipe
        self.names = range(len(NMC_EDGES) * (NMC_EDGES.points + 2) + 1)

    def __call__(self, counts, **known):
        stack = extract_edges(counts, self.plan, self.recipe, **known)
        net = stack.net.reshape(len(counts), -1)
        return np.column_stack([net, stack.net_counts, stack.snr, stack.flags]).astype(np.float32)


@EVERY
@given(chunks=st.tuples(st.integers(1, 9), st.integers(1, 12), st.integers(100, 900)), simultaneous=st.booleans())
@FEW
def test_blocks_of_any_size_give_the_same(name, chunks, simultaneous):
    recipe = RECIPES[name]
    image, _ = plain(recipe, simultaneous=simultaneous)
    lazy = [da.from_array(data, chunks=(*chunks[:2], min(chunks[2], data.shape[-1]))) for data in recorded()]
    other = image_of(recipe, *lazy, simultaneous=simultaneous)
    assert other.plan.axis == image.plan.axis
    wanted, found = (np.asarray(each.map(Edges(each))) for each in (image, other))
    np.testing.assert_array_equal(found[..., -1], wanted[..., -1])
    highest = np.nanmax(np.abs(wanted), axis=(0, 1))
    np.testing.assert_allclose(found / highest, wanted / highest, atol=1e-6)


@pytest.mark.parametrize("name", ["default", "all"])
def test_a_series_is_treated_frame_by_frame(name):
    """Equal frames, so that neighbours in the third direction lend what a pixel has itself."""
    recipe = RECIPES[name]
    image, wanted = plain(recipe)
    core, low = (np.stack([data] * 2) for data in recorded())
    other = replace(image_of(recipe, core, low), plan=image.plan)
    counts, known = other.every(1)
    found = extract_edges(counts, image.plan, recipe, **known)
    for frame in (slice(0, 108), slice(108, 216)):
        assert_same(found.rows(frame), wanted, tolerance=1e-6)


CUTS = {"one pixel": np.s_[4:5, 6:7], "one spectrum": np.s_[4, 6], "two rows": np.s_[4:6], "one column": np.s_[:, 6]}


@pytest.mark.parametrize("name", ["default", "neighbours", "all"])
@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_few_pixels_are_enough(name, cut):
    recipe = RECIPES[name]
    core, low = (data[cut] for data in recorded())
    image = image_of(recipe, core, low)
    found, wanted = edges_of(image), plain(recipe)[1]
    place = np.arange(108).reshape(SHAPE)[cut].ravel()
    whole = answered(wanted.rows(place)) & answered(found)
    assert whole.any()
    assert np.isfinite(found.net[whole]).all()
    if not reach_of(recipe) and not recipe.noise.denoise and recipe.background.method != "fixed_exponents":
        highest = wanted.net[place[whole]].max(axis=(0, 2), keepdims=True)
        # The axis of fewer pixels is corrected by edges that are found with more noise.
        np.testing.assert_allclose(found.net[whole] / highest, wanted.net[place[whole]] / highest, atol=0.03)


# Bad pixels


@SOME
@pytest.mark.parametrize("bad", [np.nan, -1.0], ids=["NaN", "negative"])
def test_a_bad_pixel_disturbs_no_other(name, bad):
    recipe = RECIPES[name]
    image, wanted = plain(recipe)
    # The first pixel of the particle, so that there are others out of its reach.
    place = tuple(np.argwhere(answered(wanted).reshape(SHAPE))[0])
    core = recorded()[0].copy()
    core[place] = -core[place] if bad < 0 else bad
    other = image_of(recipe, core)
    far = ~near(place, reach_of(recipe))
    counts, known = other.every(1)
    same_plan = extract_edges(counts, image.plan, recipe, **known)
    assert_same(same_plan, wanted, far & ((wanted.flags & PixelFlag.NOT_FINITE) == 0), tolerance=1e-9, flags=False)
    pixels = answered(wanted) & far
    if not pixels.any():
        return
    # What is decided for the whole image is decided with one pixel less.
    found = edges_of(other)
    assert_same(found, wanted, pixels, tolerance=0.02, flags=False)
    np.testing.assert_array_equal(found.flags[pixels], wanted.flags[pixels])


@SOME
@pytest.mark.parametrize("bad", [np.nan, 0.0, -1.0], ids=["NaN", "zero", "negative"])
def test_a_bad_pixel_has_no_answer(name, bad):
    recipe = RECIPES[name]
    core = recorded()[0].copy()
    core[4, 6] = -core[4, 6] if bad < 0 else bad
    flag = edges_of(image_of(recipe, core)).flags.reshape(SHAPE)[4, 6]
    assert flag & np.uint32(NO_ANSWER)
    assert flag & np.uint32({-1.0: PixelFlag.NEGATIVE_COUNTS, 0.0: PixelFlag.LOW_COUNTS}.get(bad, PixelFlag.NOT_FINITE))


@pytest.mark.parametrize("name", ["default", "all"])
@pytest.mark.parametrize("level", [0.0, 0.02, 30.0])
def test_an_image_of_vacuum_is_refused(name, level):
    recipe = RECIPES[name]
    core = np.random.default_rng(0).poisson(level, (6, 8, 900)).astype(float)
    low = np.broadcast_to(recorded()[1][0, 0], (6, 8, 300))
    kind = NotASpectrumImageError if level == 0 else NoEdgesError
    with pytest.raises(kind, match=r"^the image: "):
        image_of(recipe, core, low)


# Noise


def uniform(shape, recipe):
    """The same spectrum in every pixel but for its noise, and which pixels have all their neighbours."""
    energy = CORE_AXIS[0] + CORE_AXIS[1] * np.arange(900)
    rng = np.random.default_rng(0)
    core = rng.poisson(spectrum(energy, scale=5.0), (*shape, 900)).astype(float)
    low = rng.poisson(recorded()[1][4, 6], (*shape, 300)).astype(float)
    inside = np.zeros(shape, dtype=bool)
    inside[tuple(slice(3, -3) if length > 6 else slice(None) for length in shape)] = True
    return image_of(recipe, core, low), inside.ravel()


@pytest.mark.parametrize(
    ("name", "shape"),
    [("default", (250,)), ("neighbours", (18, 18)), ("deconvolve", (250,))]
    + [("average", shape) for shape in ((300,), (1, 300), (18, 18))],
    ids=str,
)
def test_the_noise_that_is_stated_is_there(name, shape):
    image, inside = uniform(shape, RECIPES[name])
    stack = edges_of(image)
    for index, edge in enumerate(NMC_EDGES):
        grid = edge.grid(NMC_EDGES.points)
        net = stack.net[inside, index][:, (grid >= edge.signal[0]) & (grid <= edge.signal[1])].sum(axis=1)
        # Measured, the model's noise scaled with the pixel's gain: 0.75 to 1.05; few pixels stay independent.
        assert 0.65 < net.std() / np.median(net / stack.snr[inside, index]) < 1.25, edge.name


@pytest.mark.parametrize("name", ["default", "average"])
def test_chi_square_is_one_where_the_background_is_right(name):
    image, inside = uniform((16, 16), RECIPES[name])
    maps = quality_of_image(image)
    # Only before the first edge is the background of these shapes a power law.
    assert np.median(maps.array("background_chi2_O_K").ravel()[inside]) == pytest.approx(1.0, abs=0.4)


# Numbers


@pytest.mark.parametrize("kind", ["uint16", ">u2", ">f4"])
@pytest.mark.parametrize("name", ["fixed exponents", "all"])
def test_types_of_numbers_and_their_order_in_memory(kind, name):
    recipe = RECIPES[name]
    # The zero-loss peak must fit into 16 bits.
    whole = [np.round(factor * data) for factor, data in zip((1.0, 0.05), recorded(), strict=True)]
    wanted = edges_of(image_of(recipe, *whole))
    core, low = (np.asfortranarray(data.astype(kind)) for data in whole)
    for array in (core, low):
        array.setflags(write=False)
    found = edges_of(image_of(recipe, core, low))
    assert_same(found, wanted, tolerance=1e-6)


@pytest.mark.parametrize("name", ["default", "denoise", "all"])
def test_what_is_given_is_left_alone(name):
    recipe = RECIPES[name]
    core, low = (data.copy() for data in recorded())
    core[0, 0] = np.nan
    core[4, 6, 300] += 1e6
    before = core.copy(), low.copy()
    lazy = [da.from_array(data, chunks=(4, 5, -1)) for data in (core, low)]
    for pair in ((core, low), lazy):
        image = image_of(recipe, *pair)
        np.asarray(image.map(Edges(image)))
        edges_of(image, details=True)
    np.testing.assert_array_equal(core, before[0])
    np.testing.assert_array_equal(low, before[1])
