"""A planned image hands the same pixels, and all that is known of them, to whatever asks: maps, one pixel, a sample."""

from dataclasses import dataclass, replace

import dask
import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest

import eelsmap
from eelsmap.errors import EnergyAxisError, NoEdgesError, NotASpectrumImageError, RecipeError
from eelsmap.io import attach_low_loss, load, prepare
from eelsmap.mapping.classical_maps import ClassicalWork
from eelsmap.mapping.planned_image import PlannedImage, plan_signal
from eelsmap.mapping.quality_maps import QualityWork
from eelsmap.phantom import Microscope
from eelsmap.preprocess import extract_edges
from eelsmap.preprocess.background_windows import BackgroundWindow
from eelsmap.preprocess.detector import DetectorFaults
from eelsmap.preprocess.drift import Drift
from eelsmap.preprocess.plan import Plan
from eelsmap.recipe import BackgroundStep, EnergyAxisStep, NoiseStep, PluralScatteringStep, Recipe

SCOPE = Microscope(
    counts=2e6, channels=900, dispersion=0.5, t_over_lambda=0.8, drift_eV=4.0, row_jump_eV=0.0, dual_eels=True,
    low_loss_channels=300, low_loss_offset=-30.0, low_loss_dispersion=0.5,
)  # fmt: skip
RECIPES = {
    "default": (Recipe(), set()),
    "neighbours": (Recipe(background=BackgroundStep(neighbours=1.0)), {"around"}),
    "average": (Recipe(noise=NoiseStep(average=1.0)), {"averaged"}),
    "denoise": (Recipe(noise=NoiseStep(denoise=True)), set()),
    "deconvolve": (Recipe(plural_scattering=PluralScatteringStep("fourier_ratio")), {"low_loss"}),
    "all": (
        Recipe(
            background=BackgroundStep(method="likelihood", neighbours=1.0),
            noise=NoiseStep(average=0.7, denoise=True),
            plural_scattering=PluralScatteringStep("fourier_ratio"),
        ),
        {"averaged", "around", "low_loss"},
    ),
}
EVERY = pytest.mark.parametrize("name", RECIPES)


@dataclass(frozen=True)
class Edges:
    """Net counts and flags of a pixel."""

    plan: Plan
    recipe: Recipe

    @property
    def names(self):
        return ("O_K", "Mn_L", "Co_L", "Ni_L", "counts", "flags")

    def __call__(self, counts, **known):
        stack = extract_edges(counts, self.plan, self.recipe, **known)
        return np.column_stack([stack.net_counts, stack.counts, stack.flags]).astype(np.float32)


@pytest.fixture(scope="module")
def phantom():
    return eelsmap.make_phantom((16, 10), microscope=SCOPE)


def signal_of(phantom, *, simultaneous=False, lazy=False, low_loss=True):
    core, low = phantom.signal(), phantom.low_loss_signal()
    pair = [prepare(one.as_lazy() if lazy else one, name="the image") for one in (core, low)]
    if low_loss:
        attach_low_loss(*pair, stated=simultaneous)
    return pair[0]


def work_of(image: PlannedImage):
    return Edges(image.plan, image.recipe)


@EVERY
@pytest.mark.parametrize("simultaneous", [True, False])
def test_what_is_known_is_what_the_recipe_needs(phantom, name, simultaneous):
    recipe, wanted = RECIPES[name]
    image = plan_signal(signal_of(phantom, simultaneous=simultaneous), recipe)
    known = image.known()
    # The scan drifts, whether the low loss says so or its rows.
    assert set(known) == wanted | {"shift"}
    assert (image.plan.drift is None) == simultaneous
    for array in known.values():
        assert array.shape[:-1] == (16, 10)
    assert known["shift"].shape[-1] == 2
    shift = np.asarray(known["shift"])
    if not simultaneous:
        np.testing.assert_array_equal(shift[:, 0, 0], image.plan.drift.shift)
        assert np.ptp(shift[..., 0], axis=1).max() == 0


def test_nothing_is_known_where_nothing_moves(phantom):
    still = phantom.signal()
    recipe = Recipe().with_axis_mode("per_edge")
    image = plan_signal(prepare(still), recipe)
    assert image.known() == {}
    assert image.shifting is None
    assert image.deconvolving is None
    alone = Recipe(noise=NoiseStep(average=1.0), background=BackgroundStep(neighbours=1.0))
    single = plan_signal(prepare(still.inav[5, 8]), alone)
    assert single.known() == {}


@EVERY
@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_one_pixel_and_a_sample_are_those_of_the_map(phantom, name, lazy):
    image = plan_signal(signal_of(phantom, simultaneous=True, lazy=lazy), RECIPES[name][0])
    work = work_of(image)
    maps = np.asarray(image.map(work))
    assert maps.shape == (16, 10, 6)
    assert maps.dtype == np.float32
    for place in ((0, 0), (8, 5), (-3, 4)):
        counts, known = image.at(place)
        assert counts.shape == (1, 900)
        np.testing.assert_allclose(work(counts, **known)[0], maps[place], rtol=1e-5, atol=1e-2)
    for step in (1, 7):
        counts, known = image.every(step)
        np.testing.assert_allclose(work(counts, **known), maps.reshape(-1, 6)[::step], rtol=1e-5, atol=1e-2)


def test_more_is_handed_to_the_work(phantom):
    image = plan_signal(signal_of(phantom, simultaneous=True), Recipe())

    @dataclass(frozen=True)
    class Together:
        names: tuple[str, ...] = ("sum", "shift")

        def __call__(self, counts, *, extra, shift):
            return np.stack([extra.sum(axis=1), shift[:, 0]], axis=1).astype(np.float32)

    extra = np.arange(16 * 10 * 3, dtype=float).reshape(16, 10, 3)
    found = np.asarray(image.map(Together(), {"extra": da.from_array(extra, chunks=(3, 4, 1))}))
    np.testing.assert_array_equal(found[..., 0], extra.sum(axis=-1))
    np.testing.assert_allclose(found[..., 1], np.asarray(image.known()["shift"])[..., 0], rtol=1e-6)


# Identity for dask: what two plans treat differently must never be taken for the same


def other_plans(plan: Plan) -> dict[str, Plan]:
    """Plans that differ in one decision each."""
    channels = plan.energy.size
    none = np.zeros(channels, dtype=bool)
    some = none.copy()
    some[100] = True
    faults = DetectorFaults(none, none, None, (), None, "no faults found")
    components = plan.components
    return {
        "energy": replace(plan, energy=plan.energy + 0.1),
        "axis": replace(plan, axis=replace(plan.axis, offset=tuple(offset + 1 for offset in plan.axis.offset))),
        "gain": replace(plan, gain=2 * plan.gain),
        "reference": replace(plan, reference=2 * plan.reference),
        "minimum_counts": replace(plan, minimum_counts=2 * plan.minimum_counts),
        "zero_loss": replace(plan, zero_loss=plan.zero_loss + 0.3),
        "drift": replace(plan, drift=Drift(np.ones(16), np.ones(16), True, "")),
        "dead channels": replace(plan, faults=replace(faults, dead=some)),
        "hot channels": replace(plan, faults=replace(faults, hot=some)),
        "saturation": replace(plan, faults=replace(faults, saturation=1e4)),
        "another saturation": replace(plan, faults=replace(faults, saturation=2e4)),
        "components": replace(plan, components=replace(components, loadings=components.loadings[:1])),
        "noise of components": replace(plan, components=replace(components, noise=2 * components.noise)),
        "windows": replace(plan, windows=(BackgroundWindow("O_K", 500.0, 524.0, "moved"),)),
        "exponents": replace(plan, exponents={"O_K": (2.0, 4.0)}),
        "low_loss_energy": replace(plan, low_loss_energy=1.1 * plan.low_loss_energy),
        "navigation": replace(plan, navigation=plan.navigation + 1),
    }


@pytest.mark.parametrize("kind", [ClassicalWork, QualityWork])
def test_plans_that_differ_are_told_apart(phantom, kind):
    recipe = Recipe(noise=NoiseStep(denoise=True), plural_scattering=PluralScatteringStep("fourier_ratio"))
    image = plan_signal(signal_of(phantom, lazy=True), recipe)
    plans = other_plans(image.plan)
    token = {name: dask.base.tokenize(kind(plan, recipe)) for name, plan in plans.items()}
    token["as it is"] = dask.base.tokenize(kind(image.plan, recipe))
    assert token["as it is"] == dask.base.tokenize(kind(replace(image.plan), recipe))
    by_token = {}
    for name, one in token.items():
        by_token.setdefault(one, []).append(name)
    assert [names for names in by_token.values() if len(names) > 1] == []


def test_two_plans_in_one_graph_do_not_share_results(phantom):
    # Without drift all arrays have names that dask knows: only the plan tells the tasks apart.
    recipe = Recipe(energy_axis=EnergyAxisStep(rows=False), plural_scattering=PluralScatteringStep("fourier_ratio"))
    image = plan_signal(signal_of(phantom, lazy=True), recipe)
    stretched = replace(image, plan=replace(image.plan, low_loss_energy=1.3 * image.plan.low_loss_energy))
    moved = replace(image, plan=replace(image.plan, axis=replace(image.plan.axis, offset=(3.0,) * 4)))
    images = (image, stretched, moved)
    works = [ClassicalWork(one.plan, recipe) for one in images]
    lazy = [one.map(work) for one, work in zip(images, works, strict=True)]
    assert len({array.name for array in lazy}) == 3
    assert image.map(works[0]).name == lazy[0].name
    together = dask.compute(*lazy)
    for one, work, found in zip(images, works, together, strict=True):
        np.testing.assert_array_equal(found, np.asarray(one.map(work)))
        counts, known = one.at((8, 5))
        np.testing.assert_allclose(found[8, 5], work(counts, **known)[0], rtol=1e-5, atol=1e-5)


def test_two_averages_in_one_graph_do_not_share_results(phantom):
    core = signal_of(phantom, lazy=True)
    images = [plan_signal(core, Recipe(noise=NoiseStep(average=sigma))) for sigma in (0.5, 1.0)]
    together = dask.compute(*(image.known()["averaged"] for image in images))
    for image, found in zip(images, together, strict=True):
        np.testing.assert_array_equal(found, np.asarray(image.known()["averaged"]))
    assert not np.array_equal(*together)


# Neighbours


@pytest.mark.parametrize("shape", [(1, 1), (2, 10), (3,), (1, 2, 3)], ids=str)
@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "pixel by pixel"])
def test_images_smaller_than_the_reach_of_an_average(phantom, shape, lazy):
    recipe = Recipe(noise=NoiseStep(average=1.0), background=BackgroundStep(neighbours=2.0))
    pixels = phantom.core_loss.reshape(-1, 900)
    brightest = np.argsort(-pixels.sum(axis=1))[: int(np.prod(shape))]
    pixels = pixels[brightest].reshape(*shape, 900)
    signal = hs.signals.Signal1D(pixels)
    axis = signal.axes_manager.signal_axes[0]
    axis.offset, axis.scale, axis.units = SCOPE.offset, SCOPE.dispersion, "eV"
    signal.set_signal_type("EELS")
    if lazy:
        signal = signal.as_lazy()
        signal.rechunk(nav_chunks=(1,) * len(shape))
    image = plan_signal(prepare(signal), recipe)
    known = {name: np.asarray(array) for name, array in image.known().items()}
    total = np.asarray(image.core.data, dtype=float).sum()
    # A mean of pixels lies among them.
    assert 0.5 * total < known["averaged"].sum() < 2 * total
    assert np.isfinite(np.asarray(image.map(work_of(image)))[..., 4]).all()
    if np.prod(shape) == 1:
        np.testing.assert_allclose(known["averaged"], np.asarray(image.core.data), rtol=1e-6)


# Errors


def test_errors_name_the_file(phantom, tmp_path):
    signal = phantom.signal()
    flat = signal.deepcopy()
    flat.data = np.random.default_rng(0).poisson(100.0, flat.data.shape).astype(float)
    flat.save(tmp_path / "nothing.hspy")
    with pytest.raises(NoEdgesError, match=r"^nothing\.hspy: .*none of O_K, Mn_L, Co_L, Ni_L stands out"):
        plan_signal(load(tmp_path / "nothing.hspy"), Recipe())
    flat.data[:] = 0
    with pytest.raises(NotASpectrumImageError, match=r"^dark: .*all counts are zero"):
        plan_signal(prepare(flat, name="dark"), Recipe())
    coarse = signal.rebin(scale=(1, 1, 30))
    with pytest.raises(EnergyAxisError, match=r"^coarse: .*15 eV per channel"):
        plan_signal(prepare(coarse, name="coarse"), Recipe())
    with pytest.raises(RecipeError, match=r"^alone: plural scattering can only be removed with a low loss"):
        plan_signal(prepare(signal, name="alone"), RECIPES["deconvolve"][0])
