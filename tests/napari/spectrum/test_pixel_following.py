import numpy as np
import pytest

pytest.importorskip("napari")

from qtpy.QtCore import QObject, Signal

from eelsmap.napari.spectrum.colours import MARKS
from eelsmap.napari.spectrum.pixel_following import PixelFollower
from eelsmap.napari.spectrum.pixel_places import outline_of, pixel_at, shape_mask
from eelsmap.napari.spectrum.text import flag_words
from eelsmap.napari.spectrum.view import SpectrumView
from tests.napari.spectrum.pixel_readers import PlainReader

SHAPE = (6, 8)


@pytest.fixture
def stage(request, qtbot):
    """Make a viewer with a layer that is followed: viewer, layer, view, follower.

    A viewer without a window is enough for all but the pointer itself, and much faster.
    """
    made = []

    def make(shape=SHAPE, *, reader=None, layer_shape=None, reader_of_step=None, window=False, **options):
        from napari.components import ViewerModel

        viewer = request.getfixturevalue("make_napari_viewer")() if window else ViewerModel()
        view = SpectrumView(viewer) if window else PlainView()
        if window:
            qtbot.addWidget(view)
        data = np.arange(float(np.prod(layer_shape or shape))).reshape(layer_shape or shape)
        options = {"scale": (2.0,) * data.ndim, "units": ("nm",) * data.ndim, **options}
        layer = viewer.add_image(data, metadata={"eelsmap": {"kind": "map"}}, **options)
        follower = PixelFollower(viewer, view)
        follower.follow(layer, PlainReader(shape) if reader is None else reader, reader_of_step)
        made.append(follower)
        return viewer, layer, view, follower

    yield make
    for follower in made:
        follower.close()


class PlainView(QObject):
    """Keeps what it is told to show."""

    explained_changed = Signal(str)
    unpin_requested = Signal()
    region_requested = Signal()

    def __init__(self):
        super().__init__()
        self.views, self.colours, self.message, self.explained, self.properties = (), (), "", "", ()

    def follow_theme(self, viewer):
        pass

    def set_properties(self, names):
        self.properties = tuple(names)
        self.explained = names[0] if names else ""

    def explain(self, name):
        self.explained = name
        self.explained_changed.emit(name)

    def show_views(self, views, colours):
        self.views, self.colours = tuple(views), tuple(colours)

    def clear(self, message):
        self.views, self.message = (), message

    @property
    def remarks(self):
        return flag_words(self.views)


class Event:
    """A pointer event as napari gives it to callbacks."""

    def __init__(self, position, kind="mouse_move", at=(0.0, 0.0), button=1, modifiers=()):
        self.position, self.type, self.pos = tuple(position), kind, np.asarray(at)
        self.button, self.modifiers = button, modifiers


def move(viewer, layer, place):
    event = Event(layer.data_to_world(place))
    for callback in viewer.mouse_move_callbacks:
        callback(viewer, event)


def click(viewer, layer, place, *, drag=0.0, modifiers=()):
    position = layer.data_to_world(place)
    event = Event(position, "mouse_press", modifiers=modifiers)
    running = [callback(viewer, event) for callback in viewer.mouse_drag_callbacks]
    for generator in running:
        next(generator, None)
    for kind, at in (("mouse_move", (drag, 0.0)), ("mouse_release", (drag, 0.0))):
        event.type, event.pos = kind, np.asarray(at)
        for generator in running:
            next(generator, None)


def labels(view):
    return [shown.label for shown in view.views]


def settled(qtbot, follower):
    qtbot.waitUntil(lambda: follower.idle, timeout=5000)


def test_the_pixel_under_the_pointer_is_shown(stage, qtbot):
    viewer, layer, view, follower = stage()
    move(viewer, layer, (2.3, 4.6))
    qtbot.waitUntil(lambda: labels(view) == ["pixel (2, 5)"])
    move(viewer, layer, (9.0, 4.0))
    settled(qtbot, follower)
    assert labels(view) == ["pixel (2, 5)"]


def test_a_turned_and_moved_image_is_followed_at_its_pixels(stage, qtbot):
    viewer, layer, view, follower = stage(rotate=30.0, translate=(5.0, -40.0), scale=(2.0, 0.5))
    move(viewer, layer, (4, 7))
    qtbot.waitUntil(lambda: labels(view) == ["pixel (4, 7)"])
    click(viewer, layer, (4, 7))
    settled(qtbot, follower)
    points = viewer.layers["Pixels"]
    np.testing.assert_allclose(points.data_to_world(points.data[0]), layer.data_to_world((4, 7)))
    layer.translate = (0.0, 0.0)
    np.testing.assert_allclose(points.data_to_world(points.data[0]), layer.data_to_world((4, 7)))


def test_slow_pixels_are_read_in_a_thread_and_overtaken_ones_never(stage, qtbot):
    import threading
    import time

    reader = PlainReader(SHAPE, seconds=0.15)
    viewer, layer, view, _ = stage(reader=reader)
    start = time.perf_counter()
    for column in range(8):
        move(viewer, layer, (1, column))
    # Eight readings would take 1.2 s.
    assert time.perf_counter() - start < 0.6
    qtbot.waitUntil(lambda: labels(view) == ["pixel (1, 7)"])
    assert reader.asked[-1] == (1, 7)
    assert len(reader.asked) <= 3
    assert threading.main_thread() not in reader.threads


def test_a_click_keeps_a_pixel_and_a_second_one_drops_it(stage, qtbot):
    viewer, layer, view, follower = stage()
    active = viewer.layers.selection.active
    click(viewer, layer, (1, 2))
    move(viewer, layer, (3, 3))
    qtbot.waitUntil(lambda: labels(view) == ["pixel (3, 3)", "pixel (1, 2)"])
    assert viewer.layers.selection.active is active
    assert follower.pinned == ((1, 2),)
    assert view.colours == ("", MARKS[0])
    assert viewer.layers["Pixels"].data.tolist() == [[1.0, 2.0]]
    click(viewer, layer, (1, 2))
    qtbot.waitUntil(lambda: labels(view) == ["pixel (3, 3)"])


def test_a_drag_or_a_click_with_a_modifier_or_on_another_layer_keeps_nothing(stage):
    viewer, layer, _, follower = stage()
    click(viewer, layer, (1, 2), drag=30.0)
    click(viewer, layer, (1, 2), modifiers=("Shift",))
    other = viewer.add_image(np.zeros(SHAPE), units=("nm", "nm"))
    assert viewer.layers.selection.active is other
    click(viewer, layer, (1, 2))
    assert follower.pinned == ()
    viewer.layers.selection.active = layer
    click(viewer, layer, (1, 2))
    assert follower.pinned == ((1, 2),)


def test_points_deleted_in_their_layer_are_dropped(stage, qtbot):
    viewer, layer, view, follower = stage()
    for place in ((1, 2), (3, 4)):
        click(viewer, layer, place)
    points = viewer.layers["Pixels"]
    points.selected_data = {0}
    points.remove_selected()
    assert follower.pinned == ((3, 4),)
    viewer.layers.remove(points)
    assert follower.pinned == ()
    click(viewer, layer, (0, 0))
    qtbot.waitUntil(lambda: labels(view) == ["pixel (0, 0)"])


def test_the_mean_of_drawn_shapes_follows_them(stage, qtbot):
    viewer, _, view, follower = stage()
    follower.draw_region()
    regions = viewer.layers["Regions"]
    assert viewer.layers.selection.active is regions
    assert str(regions.mode) == "add_rectangle"
    regions.add_rectangles(np.array([[0.6, 0.6], [0.6, 3.4], [2.4, 3.4], [2.4, 0.6]]))
    qtbot.waitUntil(lambda: labels(view) == ["mean of 6"])
    regions.data = [regions.data[0], np.array([[4.0, 5.0], [4.0, 7.0], [5.0, 7.0], [5.0, 5.0]])]
    qtbot.waitUntil(lambda: len(labels(view)) == 2)
    assert labels(view)[0] == "mean of 6"
    moved = regions.data[0] + (0.0, 1.0)
    moved[2:, 0] += 1.0
    regions.data = [moved]
    qtbot.waitUntil(lambda: labels(view) == ["mean of 9"])
    follower.unpin()
    settled(qtbot, follower)
    assert len(regions.data) == 0
    assert labels(view) == []


def test_all_marks_go_with_the_key_and_the_button(stage, qtbot):
    viewer, layer, view, follower = stage()
    click(viewer, layer, (1, 2))
    viewer.keymap[next(key for key in viewer.keymap if "U" in str(key))](viewer)
    assert follower.pinned == ()
    click(viewer, layer, (1, 2))
    view.unpin_requested.emit()
    assert follower.pinned == ()
    settled(qtbot, follower)
    assert labels(view) == []


@pytest.mark.parametrize(("shape", "layer_shape", "place", "label"), [
    ((8,), (1, 8), (0, 5), "pixel (5,)"),
    ((), (1, 1), (0, 0), "pixel ()"),
    ((3, 6, 8), (3, 6, 8), (0, 2, 1), "pixel (0, 2, 1)"),
])  # fmt: skip
def test_lines_single_spectra_and_stacks_work_too(stage, qtbot, shape, layer_shape, place, label):
    viewer, layer, view, follower = stage(shape, layer_shape=layer_shape)
    viewer.dims.current_step = (0,) * len(layer_shape)
    move(viewer, layer, place)
    qtbot.waitUntil(lambda: labels(view) == [label])
    follower.draw_region()
    viewer.layers["Regions"].add_rectangles(np.array([[-0.4, -0.4], [-0.4, 0.4], [0.4, 0.4], [0.4, -0.4]]))
    qtbot.waitUntil(lambda: labels(view) == [label, "mean of 1"])


def test_a_series_has_a_reader_for_each_step(stage, qtbot):
    readers = [PlainReader(SHAPE, name=f"step {step}, ") for step in range(3)]
    viewer, layer, view, _ = stage(
        SHAPE, layer_shape=(3, *SHAPE), reader=readers[0], reader_of_step=readers.__getitem__,
        units=("s", "nm", "nm"), scale=(10.0, 2.0, 2.0),
    )  # fmt: skip
    viewer.dims.set_point(0, 0.0)
    move(viewer, layer, (0, 2, 3))
    qtbot.waitUntil(lambda: labels(view) == ["step 0, pixel (2, 3)"])
    click(viewer, layer, (0, 1, 1))
    viewer.dims.set_point(0, 20.0)
    qtbot.waitUntil(lambda: labels(view) == ["step 2, pixel (2, 3)", "step 2, pixel (1, 1)"])


def test_a_pixel_without_an_answer_says_why_and_a_failure_too(stage, qtbot):
    class Broken(PlainReader):
        def at(self, index, *, explain=None):
            if tuple(index) == (5, 5):
                raise OSError(5, "Input/output error", "lost.dm4")
            return super().at(index, explain=explain)

    viewer, layer, view, _ = stage(reader=Broken(SHAPE, bad=[(0, 0)]))
    move(viewer, layer, (0, 0))
    qtbot.waitUntil(lambda: "NaN or infinite counts" in view.remarks)
    assert view.views[0].values == {}
    move(viewer, layer, (5, 5))
    qtbot.waitUntil(lambda: "lost.dm4" in view.remarks)
    move(viewer, layer, (3, 3))
    qtbot.waitUntil(lambda: labels(view) == ["pixel (3, 3)"] and not view.remarks)


def test_only_the_first_spectrum_is_explained_by_what_was_chosen(stage, qtbot):
    reader = PlainReader(SHAPE)
    viewer, layer, view, follower = stage(reader=reader)
    assert view.explained == "li_content"
    move(viewer, layer, (1, 1))
    click(viewer, layer, (2, 2))
    settled(qtbot, follower)
    assert set(zip(reader.asked, reader.explained, strict=True)) >= {((1, 1), "li_content"), ((2, 2), None)}
    view.explain("mn_valence")
    settled(qtbot, follower)
    assert reader.explained[-1] == "mn_valence"


def test_without_a_model_the_counts_are_shown(stage, qtbot):
    import hyperspy.api as hs

    viewer, layer, view, follower = stage()
    signal = hs.signals.Signal1D(np.arange(6 * 8 * 20.0).reshape(6, 8, 20))
    layer.metadata["eelsmap"]["signal"] = signal
    follower.follow(layer, None)
    move(viewer, layer, (2, 3))
    qtbot.waitUntil(lambda: labels(view) == ["row 2, column 3"])
    np.testing.assert_array_equal(view.views[0].counts, signal.data[2, 3])
    assert view.views[0].edges == {}
    del layer.metadata["eelsmap"]["signal"]
    follower.follow(layer, None)
    assert labels(view) == []


def test_another_reader_of_the_same_pixels_keeps_marks_and_a_removed_layer_ends_it(stage, qtbot):
    viewer, layer, view, follower = stage()
    click(viewer, layer, (1, 2))
    settled(qtbot, follower)
    follower.follow(layer, PlainReader(SHAPE, name="again "))
    qtbot.waitUntil(lambda: labels(view) == ["again pixel (1, 2)"])
    follower.follow(layer, PlainReader((3, 4)))
    assert follower.pinned == ()
    viewer.layers.remove(layer)
    assert follower.layer is None
    assert labels(view) == []


def test_a_real_pointer_over_the_canvas_finds_the_pixel(stage, qtbot):
    viewer, _, view, _ = stage(window=True)
    viewer.window._qt_window.resize(800, 600)
    viewer.window._qt_window.show()
    qtbot.waitExposed(viewer.window._qt_window)
    viewer.reset_view()
    canvas = viewer.window._qt_viewer.canvas
    canvas.on_draw(None)
    centre = np.asarray(canvas.view.rect.center if hasattr(canvas.view, "rect") else canvas.size) / 1.0
    canvas._scene_canvas.events.mouse_move(pos=tuple(centre), button=None, modifiers=())
    qtbot.waitUntil(lambda: len(view.views) == 1, timeout=3000)
    assert labels(view)[0] in {f"pixel ({row}, {column})" for row in (2, 3) for column in (3, 4)}


@pytest.mark.parametrize(("place", "shape", "expected"), [
    ((-0.5, 0.49), (3, 4), (0, 0)),
    ((-0.51, 0.0), (3, 4), None),
    ((2.49, 3.49), (3, 4), (2, 3)),
    ((0.0, 3.5), (3, 4), None),
    ((float("nan"), 0.0), (3, 4), None),
    ((0.2, 3.0), (4,), (3,)),
    ((0.6, 3.0), (4,), None),
    ((7.0, 1.0, 2.0), (3, 4), (1, 2)),
])  # fmt: skip
def test_places_become_pixels(place, shape, expected):
    assert pixel_at(place, shape) == expected


def test_shapes_mark_the_pixels_whose_centres_they_cover():
    box = np.array([[0.5, 0.5], [0.5, 3.5], [2.5, 3.5], [2.5, 0.5]])
    assert np.argwhere(shape_mask(box, (5, 6))).tolist() == [[r, c] for r in (1, 2) for c in (1, 2, 3)]
    circle = shape_mask(outline_of(np.array([[0, 0], [0, 20], [20, 20], [20, 0]]), "ellipse"), (21, 21))
    assert circle.sum() == pytest.approx(np.pi * 100, rel=0.05)
    assert not circle[0, 0]
    assert circle[10, 1]
    tiny = np.array([[2.1, 2.1], [2.1, 2.2], [2.2, 2.2]])
    assert np.argwhere(shape_mask(tiny, (5, 6))).tolist() == [[2, 2]]
    line = shape_mask(np.array([[0.0, 0.0], [3.0, 3.0]]), (5, 6), closed=False)
    assert np.argwhere(line).tolist() == [[i, i] for i in range(4)]
    assert shape_mask(box, (6,)).shape == (6,)
    assert not shape_mask(box + 50, (5, 6)).any()
