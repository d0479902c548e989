"""A series in the viewer: the time slider drives maps, trend marker and words; regions are drawn; frames are added."""

import shutil

import numpy as np
import pytest

from eelsmap.mapping.series import MapSeries, map_series
from eelsmap.napari.series.drawn_regions import drawn_shapes
from eelsmap.napari.series.reader import get_series_reader
from eelsmap.napari.series.trends import table_trends
from eelsmap.napari.series.view import SeriesView
from tests.napari.series.small_series import BAD, BOX, SHAPE, STEPS, copied, frames_folder, model, small_series

pytestmark = pytest.mark.usefixtures("screen")


@pytest.fixture
def view(make_napari_viewer, screen):
    viewer = make_napari_viewer()
    widget = SeriesView(viewer)
    viewer.window.add_dock_widget(widget, name="eelsmap series", area="bottom")
    yield widget
    widget.mapping.run.wait(60)
    widget.trends.drawn.wait(60)
    widget.close_series()


def opened(view, series=None):
    """Open a series, or go back to the start of the one that is open."""
    if view.frames is None:
        view.open(series or small_series(), view.viewer, model())
        view.layers.complete()
    else:
        view._go_to(0)
        view._map_chosen("li_content")
        view.parts.set_map("li_content")
        view.trends.follow_map()
    return view.viewer


def text_of(view):
    viewer = view.viewer
    # While the slider moves nothing is written.
    assert not viewer.canvas.overlays.text.visible
    view.text.write()
    assert viewer.canvas.overlays.text.visible
    return viewer.canvas.overlays.text.text.replace("\n", " ")


def test_time_slider_maps_trend_and_words_go_together(view, until, qtbot):
    # One viewer for all of it: a viewer takes seconds to make.
    a_failed_frame_says_why(view, until)
    maps_follow(view)
    the_pointer_tells_values(view)
    the_trend_moves_the_slider(view, qtbot)


def test_maps_themes_and_keys(view):
    controls_have_names_and_keys(view)
    both_themes_are_readable(view)
    another_map_is_shown_alone(view)


def maps_follow(view):
    viewer = opened(view)
    assert [layer.name for layer in viewer.layers] == [
        "O vacancy (probability)", "Li content (Li per metal)", "Flags"
    ]  # fmt: skip
    layer = view.active_layer
    assert layer.name == "Li content (Li per metal)"
    assert (viewer.dims.nsteps[0], viewer.dims.current_step[0], view.step) == (STEPS, 0, 0)
    told = []
    view.step_changed.connect(told.append)
    for step in (3, BAD, 0):
        viewer.dims.set_current_step(0, step)
        assert view.step == step
        np.testing.assert_array_equal(layer._data_view, view.frames.map("li_content", step))
        assert view.parts.plot.markers[0].value() == pytest.approx([0, 1, 1.5, 2, 3][step])
        assert layer.contrast_limits == [0, 1]
    assert told == [3, BAD, 0]
    assert viewer.dims.axis_labels[0] == "frame"
    assert [str(unit) for unit in layer.units] == ["pixel", "nanometer", "nanometer"]


def a_failed_frame_says_why(view, until):
    viewer = opened(view)
    until(lambda: viewer.canvas.overlays.text.visible)
    assert viewer.canvas.overlays.text.text == "Frame 1 of 5, 0 s: roll_0.dm4"
    view._go_to(BAD)
    assert np.isnan(view.active_layer._data_view).all()
    assert "Frame 3 of 5: roll_1b.dm4 No maps (failed): cannot be decoded" in text_of(view)
    [mark] = view.parts.plot.failed.data
    assert (mark["x"], mark["data"].splitlines()[0]) == (1.5, "Frame 3 of 5: roll_1b.dm4")
    view._go_to(0)
    assert text_of(view) == "Frame 1 of 5, 0 s: roll_0.dm4"


def the_trend_moves_the_slider(view, qtbot):
    viewer = opened(view)
    plot = view.parts.plot
    expected = table_trends(view.frames, "li_content")
    assert [trend.region for trend in expected] == ["box", "bright"]
    for curve, trend in zip(plot.curves, expected, strict=True):
        at, mean = curve.getData()
        np.testing.assert_array_equal(mean, trend.mean)
        assert at.tolist() == [0, 1, 1.5, 2, 3]
    _at, share = plot.flagged.getData()
    assert np.isfinite(share).tolist() == [step != BAD for step in range(STEPS)]
    plot._ask(2.2)
    assert viewer.dims.current_step[0] == 3
    with qtbot.waitSignal(plot.step_asked):
        qtbot.keyClick(plot, _key("Left"))
    assert view.step == BAD
    qtbot.keyClick(plot, _key("End"))
    assert view.step == STEPS - 1
    point = plot.main.vb.mapViewToScene(plot.main.vb.viewRect().center()).toPoint()
    qtbot.mouseClick(plot._view.viewport(), _left(), pos=plot._view.mapFromScene(point.x(), point.y()))
    assert view.step == BAD
    regions = view.parts._regions
    regions.item(0).setCheckState(_checked(False))
    assert len(plot.curves) == 1
    regions.item(0).setCheckState(_checked(True))


def another_map_is_shown_alone(view):
    viewer = opened(view)
    view.parts._maps.setCurrentIndex(view.parts._maps.findData("vacancy_probability"))
    assert [layer.name for layer in viewer.layers if layer.visible] == ["O vacancy (probability)", "Flags"]
    assert view.parts.plot.main.getAxis("left").labelText == "O vacancy"
    # A map without a layer gets one when it is chosen, above those that come after it.
    view.parts._maps.setCurrentIndex(view.parts._maps.findData("li_content_width"))
    assert view.active_layer.name == "Interval width: Li content (Li per metal)"
    assert viewer.layers.index(view.active_layer) == 0
    assert view.active_layer.contrast_limits == [0, 1]
    np.testing.assert_array_equal(view.active_layer._data_view, view.frames.map("li_content_width", 0))
    # And the list of layers chooses too.
    viewer.layers.selection.active = viewer.layers["Li content (Li per metal)"]
    assert view.parts.map_name == "li_content"
    viewer.layers.remove(view.active_layer)
    view._map_chosen("li_content")
    assert view.active_layer in viewer.layers


def test_a_drawn_shape_gets_a_trend_of_its_pixels(view, until):
    viewer = opened(view)
    view._go_to(1)
    view.parts.draw_button.click()
    layer = viewer.layers.selection.active
    assert (layer.name, str(layer.mode)) == ("Regions", "add_polygon")
    # In pixels; centres of the pixels lie at whole numbers.
    layer.add_polygons([np.array([[3.5, 4.5], [7.5, 4.5], [7.5, 8.5], [3.5, 8.5]])])
    until(lambda: "Regions 1" in view.trends.drawn.trends)
    found = drawn_shapes(viewer, view.layers.reference, SHAPE)["Regions 1"]
    np.testing.assert_array_equal(found.pixels, BOX)
    until(lambda: np.isfinite(view.trends.drawn.trends["Regions 1"].mean).sum() == STEPS - 1)
    trend = view.trends.drawn.trends["Regions 1"]
    np.testing.assert_array_equal(trend.mean, table_trends(view.frames, "li_content")[0].mean)
    assert len(view.parts.plot.curves) == 3
    # Another map: another trend of the same shape.
    view.parts._maps.setCurrentIndex(view.parts._maps.findData("counts"))
    until(lambda: view.trends.drawn.trends["Regions 1"].mean[0] > 1)
    counts = view.frames.map("counts", 0)[BOX].mean()
    assert view.trends.drawn.trends["Regions 1"].mean[0] == pytest.approx(counts, rel=1e-6)
    assert len(view.parts.plot.curves) == 1
    layer.selected_data = {0}
    layer.remove_selected()
    until(lambda: not view.trends.drawn.trends)


def test_layers_of_the_reader_are_taken_over(view):
    viewer = view.viewer
    path = str(small_series().folder)
    for data, keywords, _kind in get_series_reader(path)(path):
        viewer.add_image(data, **keywords)
    names = [layer.name for layer in viewer.layers]
    opened(view)
    assert [layer.name for layer in viewer.layers] == names
    view._go_to(3)
    np.testing.assert_array_equal(viewer.layers[1]._data_view, view.frames.map("li_content", 3))


def test_frames_that_are_added_appear(view, until, tmp_path):
    frames = tmp_path / "frames"
    frames.mkdir()
    for name in ("roll_0.dm4", "roll_1.dm4"):
        shutil.copy(frames_folder() / name, frames)
    series = map_series(frames, model(), out=tmp_path / "out")
    viewer = opened(view, series)
    assert (viewer.dims.nsteps[0], str(view.active_layer.units[0])) == (2, "second")
    view._go_to(1)
    layers = list(viewer.layers)
    shutil.copy(frames_folder() / "roll_2.dm4", frames)
    map_series(frames, model(), out=tmp_path / "out")
    view.watch._look()
    until(lambda: len(view.frames) == 3)
    assert list(viewer.layers) == layers
    # Who stands on the latest frame goes on with the next one.
    assert (viewer.dims.nsteps[0], view.step) == (3, 2)
    np.testing.assert_array_equal(view.active_layer._data_view, view.frames.map("li_content", 2))
    assert len(view.parts.plot.curves[0].getData()[0]) == 3
    view._go_to(0)
    shutil.copy(frames_folder() / "roll_1b.dm4", frames)
    map_series(frames, model(), out=tmp_path / "out", order="name")
    view.parts.refresh.click()
    until(lambda: len(view.frames) == 4)
    assert view.step == 0
    assert str(view.active_layer.units[0]) == "pixel"
    assert [view.layers.step == 0, text_of(view)] == [True, "Frame 1 of 4, 0 s: roll_0.dm4"]


def the_pointer_tells_values(view):
    viewer = opened(view)
    event = type("Event", (), {"position": (1.0, 10.0, 12.0)})
    view._pointed(viewer, event)
    value = view.frames.map("li_content", 0)[5, 6]
    assert view.parts._pixel.text().startswith(f"Li content {value:.2f} (")
    # The slider moves under a pointer that rests.
    view._go_to(1)
    assert view.parts._pixel.text().startswith(f"Li content {view.frames.map('li_content', 1)[5, 6]:.2f} (")
    event.position = (1.0, 1000.0, 12.0)
    view._pointed(viewer, event)
    assert view.parts._pixel.text() == ""


def test_words_for_folders_that_cannot_be_opened(view, tmp_path):
    view.open_folder(tmp_path)
    assert "holds no series" in view.parts.message.text
    series = copied(tmp_path / "out")
    for path in (series.folder / "frames").iterdir():
        path.unlink()
    (series.folder / "series.hspy").unlink()
    view.open(MapSeries.load(series.folder))
    assert "No frame of the series is mapped yet" in view.parts._frame.text()
    assert view.step is None


def both_themes_are_readable(view):
    viewer = opened(view)
    inks = []
    for theme in ("light", "dark"):
        viewer.theme = theme
        pen = view.parts.plot.main.getAxis("left").textPen().color().lightness()
        ground = view.parts.plot._view.backgroundBrush().color().lightness()
        assert abs(pen - ground) > 100
        lines = [curve.opts["pen"].color().lightness() for curve in view.parts.plot.curves]
        assert all(abs(line - ground) > 60 for line in lines)
        inks.append(pen)
    assert inks[0] < inks[1]


def controls_have_names_and_keys(view):
    opened(view)
    parts = view.parts
    for part in (parts._maps, parts._regions, parts.plot, parts._frame, parts._pixel, parts._progress):
        assert part.accessibleName()
    keys = [button.text().split("&")[1][0].lower() for button in
            (parts.draw_button, parts.open_button, parts.map_button, parts.refresh, parts.stop_button)]  # fmt: skip
    assert len(set(keys)) == len(keys)


def _key(name):
    from qtpy.QtCore import Qt

    return getattr(Qt.Key, f"Key_{name}")


def _left():
    from qtpy.QtCore import Qt

    return Qt.MouseButton.LeftButton


def _checked(checked):
    from qtpy.QtCore import Qt

    return Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked
