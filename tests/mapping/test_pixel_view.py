"""What is shown of a pixel is what the maps say of it; what is shown of several is what their sum says."""

from dataclasses import replace

import dask.array as da
import numpy as np
import pytest

import eelsmap
from eelsmap.errors import LibraryError, PixelFlag, RecipeError
from eelsmap.io import attach_low_loss, prepare
from eelsmap.mapping import plan_signal
from eelsmap.mapping.counts_reader import CountsReader
from eelsmap.mapping.nearest_spectra import LibraryInBackground, NearestSpectra
from eelsmap.mapping.pixel_view import PixelReader
from eelsmap.phantom import Microscope
from eelsmap.preprocess.extraction import extract_edges
from eelsmap.recipe import BackgroundStep, NoiseStep, PluralScatteringStep

SCOPE = Microscope(
    counts=1e6, channels=900, dispersion=0.5, t_over_lambda=0.6, drift_eV=3.0, row_jump_eV=0.0, dual_eels=True,
    low_loss_channels=300, low_loss_offset=-30.0, low_loss_dispersion=0.5,
)  # fmt: skip
CORNERS = [(0, 0), (0, 6), (5, 0), (5, 6), (2, 3)]
NAN = (2, 5)
STEPS = {
    "default": {},
    "average": {"noise": NoiseStep(average=1.0)},
    "neighbours": {"background": BackgroundStep(neighbours=0.8)},
    "deconvolve": {"plural_scattering": PluralScatteringStep("fourier_ratio")},
    "all": {
        "background": BackgroundStep(method="likelihood", neighbours=1.0),
        "noise": NoiseStep(average=0.7, denoise=True),
        "plural_scattering": PluralScatteringStep("fourier_ratio"),
    },
}


@pytest.fixture(scope="module")
def model():
    return eelsmap.load_model("nmc")


@pytest.fixture(scope="module")
def reader(phantom, model):
    """Reader of the plain road, for tests that change nothing."""
    return reader_of(signal_of(phantom), model)


@pytest.fixture(scope="module")
def phantom():
    """Make the middle of a particle, so that there is material up to the border, with one broken pixel."""
    return eelsmap.make_phantom((13, 16), microscope=SCOPE)


def signal_of(phantom, *, lazy=False, simultaneous=True, low_loss=True):
    core, low = phantom.signal().inav[4:11, 3:9], phantom.low_loss_signal().inav[4:11, 3:9]
    core.change_dtype("float32")
    core.data[NAN] = np.nan
    pair = [prepare(one.as_lazy() if lazy else one, name="the image") for one in (core, low)]
    if low_loss:
        attach_low_loss(*pair, stated=simultaneous)
    return pair[0]


def reader_of(signal, model, recipe=None, **options):
    return PixelReader(plan_signal(signal, recipe or model.recipe), model, **options)


@pytest.mark.parametrize(("name", "simultaneous", "lazy"), [
    ("default", True, False), ("default", False, True), ("average", False, True), ("neighbours", True, False),
    ("deconvolve", False, False), ("all", True, True),
])  # fmt: skip
def test_a_pixel_is_shown_as_it_is_mapped(phantom, model, name, simultaneous, lazy):
    recipe = replace(model.recipe, **STEPS[name])
    signal = signal_of(phantom, lazy=lazy, simultaneous=simultaneous)
    maps = eelsmap.map_properties(signal, model, recipe=recipe, lazy=False)
    reader = reader_of(signal, model, recipe)
    answered = 0
    for place in CORNERS:
        view = reader.at(place)
        assert view.flag_bits == int(maps.array("flags")[place])
        for target in model.targets:
            expected = [float(maps.array(target + part)[place]) for part in ("", "_lower", "_upper")]
            if np.isnan(expected[0]):
                assert target not in view.values
                continue
            answered += 1
            np.testing.assert_allclose(view.values[target], expected, atol=1e-6)
    assert answered >= 10


def test_a_broken_pixel_has_words_and_no_values(reader):
    view = reader.at(NAN, explain="li_content")
    assert view.values == {}
    assert view.pushes is None
    assert "NaN" in view.flags[0]
    assert not any(edge.seen for edge in view.edges.values())
    assert not np.isfinite(view.counts).any()


def test_backgrounds_run_below_the_edges_they_were_fitted_before(reader):
    view = reader.at((2, 3))
    assert list(view.edges) == list(reader.model.recipe.edge_set.names)
    for edge in view.edges.values():
        before = edge.energy < edge.background_window[1]
        assert edge.energy[0] >= edge.background_window[0]
        ratio = edge.raw[before].sum() / edge.background[before].sum()
        assert ratio == pytest.approx(1.0, abs=0.02)
        onset = (edge.energy > edge.onset) & (edge.energy < edge.onset + 10)
        assert edge.raw[onset].sum() > edge.background[onset].sum()
        assert edge.spectrum.sum() == pytest.approx(1.0)
        assert edge.cdf[-1] == pytest.approx(1.0)
        assert edge.window[0] < edge.onset < edge.window[1]


def test_counts_that_were_treated_are_shown_beside_the_recorded_ones(phantom, model):
    signal = signal_of(phantom)
    plain = reader_of(signal, model).at((2, 3))
    assert plain.edges["O_K"].treated is None
    averaged = reader_of(signal, model, replace(model.recipe, **STEPS["average"])).at((2, 3))
    np.testing.assert_array_equal(plain.counts, averaged.counts)
    noise = np.diff(averaged.edges["Ni_L"].treated).std()
    assert noise < 0.7 * np.diff(averaged.edges["Ni_L"].raw).std()


def test_what_pushes_an_answer_adds_up_to_it(reader):
    view = reader.at((2, 3), explain="mn_valence")
    limits = eelsmap.properties.PROPERTIES["mn_valence"].limits
    assert np.clip(view.pushes.total()[0], *limits) == pytest.approx(view.values["mn_valence"].value, abs=1e-4)
    with pytest.raises(RecipeError):
        reader.at((2, 3), explain="mass")


@pytest.mark.parametrize("lazy", [False, True])
def test_a_mean_is_the_answer_for_the_sum(phantom, model, lazy):
    signal = signal_of(phantom, low_loss=False, lazy=lazy)
    recipe = replace(model.recipe, spikes=replace(model.recipe.spikes, enabled=False)).with_axis_mode("none")
    image = plan_signal(signal, recipe)
    mask = np.zeros((6, 7), dtype=bool)
    mask[1:4, 2:5] = True
    view = PixelReader(image, model).mean(mask, explain="li_content")
    total = np.asarray(signal.data)[mask].astype(float).sum(axis=0)
    plan = replace(image.plan, faults=None)
    stack = extract_edges(total[None], plan, recipe)
    expected = model.predict_stack(stack, axis_uncertainty=stack.axis_uncertainty)[0]
    assert view.label == "mean of 9 pixels"
    assert view.pixels == 9
    np.testing.assert_allclose(view.counts, total / 9, rtol=1e-12)
    for target in model.targets:
        if np.isfinite(expected[model.outputs.index(target)]):
            assert view.values[target].value == pytest.approx(expected[model.outputs.index(target)], abs=1e-6)
    edge = view.edges["O_K"]
    before = edge.energy < edge.background_window[1]
    assert edge.raw[before].sum() == pytest.approx(edge.background[before].sum(), rel=0.01)
    assert view.pushes.value.shape == (1,)


@pytest.mark.parametrize(("name", "simultaneous"), [("default", True), ("default", False), ("all", True)])
def test_a_mean_of_drifting_pixels_has_less_noise_and_sharp_lines(phantom, model, simultaneous, name):
    signal = signal_of(phantom, simultaneous=simultaneous)
    reader = reader_of(signal, model, replace(model.recipe, **STEPS[name]))
    mask = np.ones((6, 7), dtype=bool)
    together, alone = reader.mean(mask), reader.at((2, 3))
    assert together.label == "mean of 41 pixels, 1 left out"
    # One pixel of the other recipe has the noise of its neighbourhood already.
    least = 2.0 if name == "default" else 1.3
    for edge in ("Mn_L", "Ni_L"):
        assert together.edges[edge].snr > least * alone.edges[edge].snr
    # Pixels on axes of their own are laid on each other: the white line is no wider than that of one pixel.
    one, many = (view.edges["Mn_L"].spectrum for view in (alone, together))
    assert many.max() > 0.85 * one.max()
    assert abs(int(many.argmax()) - int(one.argmax())) <= 2
    several = [reader.at(place).values["li_content"].value for place in np.ndindex(6, 7) if place[1] % 3 == 0]
    assert min(several) - 0.05 <= together.values["li_content"].value <= max(several) + 0.05


def test_a_mean_of_one_pixel_is_that_pixel(reader):
    mask = np.zeros((6, 7), dtype=bool)
    mask[4, 1] = True
    assert reader.mean(mask).values == reader.at((4, 1)).values
    assert reader.mean(mask).label == "row 4, column 1"


def test_repaired_spikes_are_told_of_a_mean(phantom, model):
    signal = signal_of(phantom, low_loss=False)
    signal.data[3, 3, 500] += 1e5
    reader = reader_of(signal, model)
    mask = np.zeros((6, 7), dtype=bool)
    mask[3:5, 3:5] = True
    view = reader.mean(mask)
    assert view.flag_bits & PixelFlag.SPIKE_REPAIRED
    assert abs(view.counts[500] / view.counts[495:506].mean() - 1) < 0.2


def test_only_the_blocks_of_the_marked_pixels_are_read(phantom, model):
    signal = signal_of(phantom, low_loss=False)
    image = plan_signal(signal, model.recipe.with_axis_mode("none"))
    read = []

    def noted(block, block_info=None):
        if block_info:
            read.append(block_info[0]["chunk-location"][:2])
        return block

    whole = da.from_array(np.asarray(signal.data), chunks=(2, 3, -1))
    image.core.data = whole.map_blocks(noted, dtype=whole.dtype, meta=whole._meta)
    reader = PixelReader(image, model)
    mask = np.zeros((6, 7), dtype=bool)
    mask[2:4, 1:5] = True
    reader.mean(mask)
    assert set(read) == {(1, 0), (1, 1)}
    read.clear()
    reader.at((5, 6))
    assert set(read) == {(2, 2)}


@pytest.mark.parametrize("index", [(6, 0), (0,), (0, -8), ()])
def test_a_pixel_that_is_not_there_is_refused(reader, index):
    with pytest.raises(RecipeError, match="there is no pixel"):
        reader.at(index)


def test_masks_that_cannot_be_used_are_refused(reader, phantom, model):
    with pytest.raises(RecipeError, match="shape"):
        reader.mean(np.ones((3, 3), dtype=bool))
    with pytest.raises(RecipeError, match="no pixel is marked"):
        reader.mean(np.zeros((6, 7), dtype=bool))
    broken = signal_of(phantom)
    broken.data[:2, :2] = np.nan
    mask = np.zeros((6, 7), dtype=bool)
    mask[:2, :2] = True
    with pytest.raises(RecipeError, match="usable"):
        reader_of(broken, model).mean(mask)


def test_lines_and_single_spectra_are_looked_at_too(phantom, model):
    signal = signal_of(phantom, low_loss=False)
    line = reader_of(prepare(signal.inav[:, 2]), model)
    assert line.at((-1,)).label == "pixel 6"
    mask = np.arange(7) < 4
    assert line.mean(mask).pixels == 4
    single = reader_of(prepare(signal.inav[3, 2]), model)
    assert single.at(()).values == single.mean(np.array(True)).values
    assert single.at(()).label == "the spectrum"


def test_a_spectrum_of_the_library_is_its_own_nearest(model):
    library = LibraryInBackground(model.recipe.edge_set)
    found = library.wait(60)
    assert library.settled
    table = found.tables["Mn_L"]
    for row in (0, len(table.names) // 2, len(table.names) - 1):
        near = found.nearest("Mn_L", table.spectra[row])
        assert len(near) == 3
        assert near[0].distance == pytest.approx(0.0, abs=1e-4)
        assert [item.distance for item in near] == sorted(item.distance for item in near)
        assert len({item.name for item in near}) == 3
    assert found.nearest("Fe_L", table.spectra[0]) == ()
    assert found.nearest("Mn_L", np.full(161, np.nan)) == ()


def test_nearest_spectra_are_shown_once_the_library_has_come(phantom, model):
    library = LibraryInBackground(model.recipe.edge_set)
    reader = reader_of(signal_of(phantom), model, library=library)
    reader.at((2, 3))
    library.wait(60)
    view = reader.at((2, 3))
    for edge in view.edges.values():
        assert len(edge.nearest) == 3
        assert edge.nearest[0].distance < 0.5


def test_without_a_library_there_is_no_nearest_and_no_error(phantom, model, monkeypatch):
    def absent(*_):
        raise LibraryError("not installed")

    monkeypatch.setattr("eelsmap.library.load_library", absent)
    library = LibraryInBackground(model.recipe.edge_set)
    reader = reader_of(signal_of(phantom), model, library=library)
    reader.at((2, 3))
    assert library.wait(10) is None
    assert all(edge.nearest == () for edge in reader.at((2, 3)).edges.values())


def test_a_library_without_an_edge_or_an_element_is_searched_for_the_others(model):
    whole = eelsmap.load_library()
    grids = {name: grid for name, grid in whole.grids.items() if name != "O_K"}
    found = NearestSpectra.of(replace(whole, grids=grids), model.recipe.edge_set)
    assert set(found.tables) == {"Mn_L", "Co_L", "Ni_L"}
    assert all(np.isfinite(table.spectra).all() for table in found.tables.values())


def test_counts_are_read_without_a_model(phantom):
    signal = signal_of(phantom, low_loss=False, lazy=True)
    reader = CountsReader(signal)
    assert reader.shape == (6, 7)
    view = reader.at((1, 1))
    np.testing.assert_array_equal(view.counts, np.asarray(signal.data[1, 1]))
    assert (view.edges, view.values) == ({}, {})
    mean = reader.mean(np.ones((6, 7), dtype=bool))
    assert mean.label == "mean of 41 pixels, 1 left out"
    np.testing.assert_allclose(mean.counts, np.nanmean(np.asarray(signal.data).reshape(42, -1), axis=0), rtol=1e-6)
