from dataclasses import replace

import numpy as np
import pytest

import eelsmap
from eelsmap.commands.demo import image_of
from eelsmap.errors import NO_ANSWER, NoEdgesError, NotASpectrumImageError, PixelFlag
from eelsmap.phantom import Microscope


@pytest.fixture(scope="module")
def model():
    return eelsmap.load_model("nmc")


@pytest.fixture(scope="module")
def phantom():
    return eelsmap.make_phantom((20, 26), microscope=Microscope(counts=1e6))


@pytest.fixture(params=["eager", "lazy"])
def signal(request, phantom):
    signal = phantom.signal()
    return signal.as_lazy() if request.param == "lazy" else signal


def test_maps_lie_on_the_navigation_axes_of_the_input(signal, model):
    maps = eelsmap.map_properties(signal, model)
    assert maps.is_lazy == signal._lazy
    maps.compute(progress=False)
    for name in ("li_content", "li_content_lower", "li_content_upper", "flags"):
        axes = maps[name].axes_manager
        assert [axis.size for axis in axes.navigation_axes] == [26, 20]
        assert [axis.scale for axis in axes.navigation_axes] == [
            axis.scale for axis in signal.axes_manager.navigation_axes
        ]
        assert {axis.units for axis in axes.navigation_axes} == {"nm"}


def test_lazy_equals_eager_bit_for_bit(phantom, model):
    eager = eelsmap.map_properties(phantom.signal(), model)
    lazy = eelsmap.map_properties(phantom.signal().as_lazy(), model).compute(progress=False)
    for name in eager:
        np.testing.assert_array_equal(lazy.array(name), eager.array(name))


def test_other_chunks_change_nothing_that_matters(phantom, model):
    signal = phantom.signal().as_lazy()
    whole = eelsmap.map_properties(signal, model).compute(progress=False)
    signal.data = signal.data.rechunk((3, 5, 100))
    pieces = eelsmap.map_properties(signal, model).compute(progress=False)
    np.testing.assert_array_equal(pieces.array("flags"), whole.array("flags"))
    np.testing.assert_allclose(pieces.array("counts"), whole.array("counts"))
    # Rounding can move a feature across a split of a tree; anything larger would be a mistake.
    differs = np.abs(pieces.array("li_content") - whole.array("li_content")) > 1e-6
    assert differs.mean() < 0.01


def test_all_maps_come_from_one_pass(phantom, model):
    reads = []
    signal = phantom.signal().as_lazy()
    sampled = eelsmap.map_properties(signal, model)
    signal.data = signal.data.map_blocks(lambda block: reads.append(block.shape) or block, meta=signal.data._meta)
    maps = eelsmap.map_properties(signal, model)
    reads.clear()
    maps.compute(progress=False)
    assert len(reads) == signal.data.npartitions
    assert len(maps) == len(sampled)


def test_hole_and_vacuum_are_flagged_entirely(phantom, signal, model):
    flags = eelsmap.map_properties(signal, model).compute(progress=False).array("flags")
    hole = np.asarray(phantom.truth["hole"], dtype=bool)
    assert hole.any()
    assert ((flags[hole] & NO_ANSWER) != 0).all()


def test_a_bad_pixel_changes_no_other(phantom, model):
    clean = eelsmap.map_properties(phantom.signal(), model)
    spoiled = phantom.signal().deepcopy()
    spoiled.change_dtype("float32")
    # Off the lattice of no sample: the plan is made of all pixels of so small an image, so compare flags only there.
    spoiled.data[7, 9] = np.nan
    maps = eelsmap.map_properties(spoiled, model)
    assert maps.array("flags")[7, 9] & PixelFlag.NOT_FINITE
    assert np.isnan(maps.array("li_content")[7, 9])
    others = np.ones(maps.shape, dtype=bool)
    others[7, 9] = False
    difference = maps.array("li_content")[others] - clean.array("li_content")[others]
    assert np.nanmean(np.abs(difference)) < 0.01


@pytest.mark.parametrize("cut", [np.s_[8, 12], np.s_[8], np.s_[8:9, 10:14]], ids=["one pixel", "one line", "one row"])
def test_any_number_of_pixels_is_mapped(phantom, model, cut):
    inav = phantom.signal()
    small = type(inav)(inav.data[cut], metadata=inav.metadata.as_dictionary())
    energy, given = small.axes_manager.signal_axes[0], inav.axes_manager.signal_axes[0]
    energy.scale, energy.offset, energy.units = given.scale, given.offset, "eV"
    maps = eelsmap.map_properties(small, model)
    assert maps.shape == inav.data[cut].shape[:-1]
    assert np.isfinite(maps.array("li_content")).any()


def test_maps_survive_a_file_with_their_provenance(phantom, model, tmp_path):
    maps = eelsmap.map_properties(phantom.signal(), model)
    maps.save(tmp_path / "maps.hspy")
    back = eelsmap.PropertyMaps.load(tmp_path / "maps.hspy")
    assert back.provenance == maps.provenance
    assert back.provenance["model"]["sha256"] == model.sha256
    assert eelsmap.Recipe.from_dict(__import__("json").loads(back.provenance["recipe"])) == model.recipe
    np.testing.assert_array_equal(back.array("flags"), maps.array("flags"))


@pytest.mark.parametrize("drift", [6.0, 12.0])
def test_drift_is_taken_away_by_a_simultaneous_low_loss_or_by_the_edges_of_each_row(model, drift):
    drifting = Microscope(counts=3e6, drift_eV=drift, dual_eels=True)
    phantom = eelsmap.make_phantom((16, 20), microscope=drifting)
    truth = phantom.truth["co_valence"]
    left = replace(model.recipe, energy_axis=replace(model.recipe.energy_axis, rows=False))
    errors, novel = {}, {}
    for name, signal, recipe in (
        ("low loss", image_of(phantom), None), ("rows", phantom.signal(), None), ("nothing", phantom.signal(), left)
    ):  # fmt: skip
        maps = eelsmap.map_properties(signal, model, recipe=recipe)
        errors[name] = np.sqrt(np.nanmean((maps.array("co_valence") - truth) ** 2))
        novel[name] = np.nanmean(maps.array("novelty") > 1)
        assert maps.provenance["axis"]["mode"].startswith("zero_loss") == (name == "low loss")
        assert maps.provenance["drift"].get("applied", False) == (name == "rows")
    assert max(errors["low loss"], errors["rows"]) < errors["nothing"]
    # Values hardly suffer, as shapes do not move with the axis; but edges that lie elsewhere are seen to.
    assert max(novel["low loss"], novel["rows"]) < 0.02 < novel["nothing"]


def test_an_axis_that_is_off_is_found_and_put_right(model):
    off = Microscope(counts=3e6, axis_offset_error=7.0, drift_eV=0.0)
    maps = eelsmap.map_properties(eelsmap.make_phantom((12, 16), microscope=off).signal(), model)
    assert maps.provenance["axis"]["mode"] == "global"
    assert maps.provenance["axis"]["offset_eV"]["O_K"] == pytest.approx(-7.0, abs=1.2)


def test_an_image_without_edges_is_refused(phantom, model):
    carbon = phantom.signal().deepcopy()
    carbon.axes_manager.signal_axes[0].offset = 100.0
    carbon.axes_manager.signal_axes[0].scale = 0.1
    with pytest.raises(NoEdgesError, match="none of the edges"):
        eelsmap.map_properties(carbon, model)


def test_an_image_of_nothing_is_refused(phantom, model):
    empty = phantom.signal().deepcopy()
    empty.data = np.zeros_like(empty.data)
    with pytest.raises(NotASpectrumImageError, match="no pixel has finite counts"):
        eelsmap.map_properties(empty, model)


def test_the_signal_method_does_the_same(phantom, model):
    signal = phantom.signal()
    signal.set_signal_type("MultiEdgeEELS")
    maps = signal.map_properties(model)
    np.testing.assert_array_equal(
        maps.array("li_content"), eelsmap.map_properties(phantom.signal(), model).array("li_content")
    )


def test_a_distributed_client_gives_the_same(phantom, model):
    distributed = pytest.importorskip("distributed")
    expected = eelsmap.map_properties(phantom.signal(), model)
    with distributed.Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None):
        maps = eelsmap.map_properties(phantom.signal().as_lazy(), model).compute(progress=False)
    np.testing.assert_array_equal(maps.array("li_content"), expected.array("li_content"))
