"""Maps as layers in a real viewer: one a property, hatched flags, partial maps, presets; other layers stay."""

import numpy as np
import pytest

from eelsmap.errors import PixelFlag
from eelsmap.mapping import PropertyMaps
from eelsmap.properties import PROPERTIES

pytest.importorskip("napari", reason="napari is not installed")

NAMES = [
    *(name + ending for name in ("li_content", "ni_valence") for ending in ("", "_lower", "_upper")),
    "li_count", "flags", "novelty", "counts",
]  # fmt: skip
AXES = [
    {"name": axis, "size": size, "scale": 2.0, "offset": 5.0, "units": "nm"} for axis, size in (("y", 12), ("x", 16))
]


def stack_of(shape):
    stack = np.zeros((*shape, len(NAMES)), dtype=np.float32)
    for number, name in enumerate(NAMES):
        stack[..., number] = {"_lower": 0.2, "_upper": 0.8}.get(name[-6:], 0.5)
    stack[..., NAMES.index("ni_valence")] = 3.0
    stack[..., NAMES.index("counts")] = np.arange(np.prod(shape)).reshape(shape)
    flags = stack[..., NAMES.index("flags")]
    flags[...] = 0
    # A hole in one corner, and one pixel unlike all others.
    flags[..., :4] = PixelFlag.LOW_COUNTS | PixelFlag.O_K_WEAK
    flags[..., -1] = PixelFlag.NOVEL
    for number, name in enumerate(NAMES):
        if name not in ("flags", "counts"):
            stack[..., :4, number] = np.nan
    return stack


def maps_of(lazy=False):
    stack = stack_of((12, 16))
    if lazy:
        import dask.array as da

        stack = da.from_array(stack, chunks=(6, 16, len(NAMES)))
    return PropertyMaps(stack, NAMES, AXES, {})


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(800, 560)
    return viewer


def open_maps(viewer, maps=None, name="one"):
    from eelsmap.napari.maps.map_layers import MapLayers

    layers = MapLayers(viewer, maps_of() if maps is None else maps, name=name)
    layers.complete()
    return layers


def shown(layers):
    return {key for key, layer in layers.layers.items() if layer.visible} - {"flags"}


def test_a_layer_a_property_with_range_scale_units_and_words(viewer):
    layers = open_maps(viewer)
    listed = [layer.metadata["eelsmap"]["property"] for layer in viewer.layers][::-1]
    assert listed == ["flags", "li_content", "li_count", "ni_valence", "novelty", "counts"]
    kinds = [layer.metadata["eelsmap"]["kind"] for layer in viewer.layers][::-1]
    assert kinds == ["flags", "map", "map", "map", "quality", "quality"]
    for name in ("li_content", "li_count", "ni_valence"):
        layer = layers.layers[name]
        assert tuple(layer.contrast_limits) == PROPERTIES[name].limits
        assert layer.colormap.name == PROPERTIES[name].colormap
        assert layer.name == f"{PROPERTIES[name].label} ({PROPERTIES[name].unit})"
        assert layer.colorbar.visible
        assert layer.metadata["eelsmap"]["maps"] is layers.maps
    for layer in viewer.layers:
        np.testing.assert_allclose(layer.scale, 2)
        np.testing.assert_allclose(layer.translate, 5)
        assert [str(unit) for unit in layer.units] == ["nanometer", "nanometer"]
    assert viewer.canvas.overlays.scale_bar.visible
    assert layers.layers["counts"].contrast_limits[1] > 180

    said = layers.layers["li_content"].get_status((15, 25), world=True)
    assert said["coordinates"] == (
        "pixel (10, 5): Li content 0.50 (0.20 to 0.80) Li per metal  ·  Li count 0.50 atoms in 0.3 nm"
    )
    hole = layers.layers["li_content"].get_status((15, 5), world=True)["coordinates"]
    assert hole.startswith("pixel (0, 5): flagged: too few counts (vacuum or a hole)")
    assert "O K" not in hole
    assert "Li content: no answer" in hole
    assert "unlike every spectrum" in layers.words_at((15, 35))
    assert layers.words_at((0, 0)) == ""


def test_presets_show_their_maps_only_and_leave_other_layers(viewer):
    layers = open_maps(viewer)
    mine = viewer.add_image(np.zeros((5, 5)), units=("nm", "nm"), name="mine")
    for preset, wanted in (
        ("Li", {"li_content", "li_count"}), ("valence", {"ni_valence"}), ("quality", {"novelty", "counts"}),
        ("all", {"li_content", "li_count", "ni_valence"}),
    ):  # fmt: skip
        layers.show_preset(preset)
        assert shown(layers) == wanted
        assert viewer.canvas.grid.enabled == (len(wanted) > 1)
        assert mine.visible
    assert not layers.available("metals")
    # What the user hid stays hidden when the preset comes again, until its button is pressed twice.
    layers.layers["li_count"].visible = False
    layers.show_preset("valence")
    layers.show_preset("all")
    assert shown(layers) == {"li_content", "ni_valence"}
    layers.show_preset("all")
    assert shown(layers) == {"li_content", "li_count", "ni_valence"}

    layers.show_preset("Li")
    layers.show_side_by_side(False)
    assert shown(layers) == {"li_content"}
    assert not viewer.canvas.grid.enabled
    layers.show_preset("Li")
    assert shown(layers) == {"li_count"}

    layers.show_side_by_side(True)
    layers.show_widths(True)
    layers.complete()
    assert shown(layers) == {"li_content_width", "li_count"}
    width = layers.layers["li_content_width"]
    assert width.metadata["eelsmap"]["kind"] == "interval"
    assert tuple(width.contrast_limits) == (0, 1)
    np.testing.assert_allclose(width.data[:, 4:], 0.6, rtol=1e-6)
    assert np.isnan(width.data[:, :4]).all()

    layers.remove()
    assert [layer.name for layer in viewer.layers] == ["mine"]
    assert not viewer.canvas.grid.enabled


def screenshot(viewer, screen):
    for _ in range(5):
        screen.processEvents()
    return viewer.screenshot(flash=False)[..., :3].astype(int)


def at(viewer, picture, y, x):
    """Part of a screenshot about a pixel of the maps, one cell only."""
    zoom = viewer.scene.camera.zoom
    centre = (
        np.array(picture.shape[:2]) / 2 + (np.array([y, x]) * 2 + 5 - np.array(viewer.scene.camera.center[-2:])) * zoom
    )
    low, high = np.round(centre - zoom).astype(int), np.round(centre + zoom).astype(int)
    return picture[low[0] : high[0], low[1] : high[1]]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_flagged_pixels_are_hatched_and_missing_ones_transparent(viewer, screen, theme):
    viewer.theme = theme
    layers = open_maps(viewer)
    layers.show_preset("Li")
    layers.show_side_by_side(False)
    layers.show_flags(False)
    below = viewer.add_image(np.full((12, 16), 0.5), scale=(2, 2), translate=(5, 5), units=("nm", "nm"),
                             colormap="red", contrast_limits=(0, 1))  # fmt: skip
    viewer.layers.move(len(viewer.layers) - 1, 0)
    plain = screenshot(viewer, screen)
    # Half of full red shines through where there is no answer.
    hole = at(viewer, plain, 5, 1)
    assert np.abs(hole - [128, 0, 0]).max() < 12
    below.visible = False
    assert np.abs(at(viewer, screenshot(viewer, screen), 5, 1) - (0 if theme == "dark" else 255)).max() < 12
    layers.show_flags(True)
    marked = screenshot(viewer, screen)
    for place in ((5, 1), (5, 15)):
        part = at(viewer, marked, *place).sum(axis=-1)
        assert part.max() - part.min() > 500, "no light line beside a dark one"
    # A clean pixel stays as it was.
    assert (at(viewer, marked, 5, 9) == at(viewer, plain, 5, 9)).all()


def test_every_cell_of_a_grid_is_hatched(viewer, screen):
    layers = open_maps(viewer)
    layers.show_preset("Li")
    layers.show_flags(False)
    plain = screenshot(viewer, screen)
    layers.show_flags(True)
    marked = screenshot(viewer, screen)
    rows, columns = viewer.canvas.grid.actual_shape(viewer.layers)
    assert (rows, columns) in ((1, 2), (2, 1))
    for part in np.array_split((marked != plain).any(axis=-1), 2, axis=0 if rows == 2 else 1):
        assert part.mean() > 0.01
    assert not layers.layers["flags"].visible, "the hatching would have a cell for itself"
    # The user's own switch of the grid brings the layer of flags back over the maps.
    viewer.canvas.grid.enabled = False
    layers.complete()
    assert layers.layers["flags"].visible
    layers.layers["flags"].visible = False
    assert not layers.flags_shown


def test_partial_maps_appear_and_deleted_layers_are_left_alone(viewer):
    maps = maps_of(lazy=True)
    layers = open_maps(viewer, maps)
    assert np.isnan(layers.layers["li_content"].data).all()
    assert "not computed yet" in layers.words_at((15, 25))
    seen = []

    def on_block(place, values, fraction):
        layers.update_block(place, values)
        layers.complete()
        seen.append(np.isfinite(layers.layers["li_content"].data).mean())
        assert maps.is_lazy

    maps.compute(progress=False, on_block=on_block)
    assert seen == [0.375, 0.75]
    assert "Li content 0.50 (0.20 to 0.80) Li per metal" in layers.words_at((15, 25))
    layers.finish()
    layers.complete()
    np.testing.assert_array_equal(layers.layers["li_content"].data, maps.array("li_content"))
    assert len(layers.layers["flags"].data) > 0

    viewer.layers.remove(layers.layers["li_content"])
    viewer.layers.remove(layers.layers["flags"])
    layers.update_block((slice(0, 6), slice(None)), stack_of((12, 16))[:6])
    layers.show_preset("valence")
    layers.show_preset("all")
    layers.complete()
    assert "li_content" not in layers.layers
    viewer.layers.clear()
    layers.finish()
    layers.show_flags(False)
    layers.complete()
    assert not layers.layers
    layers.remove()


def test_two_specimens(viewer):
    layers = open_maps(viewer)
    other = open_maps(viewer, name="two")
    assert layers.layers["li_content"].name == "one: Li content (Li per metal)"
    assert other.layers["li_content"].name == "two: Li content (Li per metal)"
    layers.layers["li_content"].name = "my name"
    open_maps(viewer, PropertyMaps(np.ones((12, 16, 1), dtype=np.float32), ["counts"], AXES, {}), name="three")
    assert layers.layers["li_content"].name == "my name"


@pytest.mark.parametrize("shape", [(), (7,), (2, 5, 6)])
def test_other_numbers_of_axes(make_napari_viewer, shape):
    viewer = make_napari_viewer()
    names = ["li_content", "flags"]
    axes = [{"name": str(n), "size": size, "scale": 1.0, "offset": 0.0, "units": "nm"} for n, size in enumerate(shape)]
    stack = np.full((*shape, 2), 0.5, dtype=np.float32)
    stack[..., 1] = PixelFlag.NOVEL
    layers = open_maps(viewer, PropertyMaps(stack, names, axes, {}))
    layer = layers.layers["li_content"]
    assert layer.data.shape == (1,) * max(0, 2 - len(shape)) + shape
    assert layers.layers["flags"].ndim == layer.ndim
    place = (slice(0, 1),) * len(shape)
    layers.update_block(place, stack[place] * 2)
    layers.complete()
    assert "Li content 1.00" in layers.words_at((0,) * layer.ndim)
    if len(shape) == 3:
        viewer.canvas.grid.enabled = True
        viewer.dims.set_current_step(0, 1)
        layers.complete()


def test_saved_maps_open_and_are_served(viewer, tmp_path):
    maps = maps_of()
    path = str(maps.save(tmp_path / "maps.hspy"))
    from eelsmap.napari.maps.map_layers import MapLayers
    from eelsmap.napari.reader import get_reader

    for data, keywords, kind in get_reader(path)(path):
        getattr(viewer, f"add_{kind}")(data, **keywords)
    before = list(viewer.layers)
    assert [layer.name for layer in before if layer.visible] == ["Li content (Li per metal)", "Flags"]
    layers = MapLayers(viewer, before[0].metadata["eelsmap"]["maps"], name="maps")
    layers.complete()
    assert set(layers.layers.values()) == set(viewer.layers) == set(before)
    assert layers.layers["li_content"].colorbar.visible
    assert "Li content 0.50" in layers.words_at((15, 25))
