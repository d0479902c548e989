"""A series mapped from the window: the form, progress, stopping, going on, and errors in words."""

import gc
import shutil
import threading

import pytest

from eelsmap.mapping.series import frame_by_frame
from eelsmap.napari.series.folder_form import SeriesFolderForm
from eelsmap.napari.series.view import SeriesView
from tests.napari.series.small_series import frames_folder, model, small_series

pytestmark = pytest.mark.usefixtures("screen")


@pytest.fixture
def view(make_napari_viewer, screen):
    viewer = make_napari_viewer()
    widget = SeriesView(viewer)
    viewer.window.add_dock_widget(widget, name="eelsmap series", area="bottom")
    widget.set_model(model())
    yield widget
    widget.mapping.run.wait(60)
    widget.close_series()


@pytest.fixture
def frames(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(4):
        shutil.copy(frames_folder() / f"roll_{number}.dm4", folder)
    return folder


def test_maps_appear_frame_by_frame_and_a_stopped_run_goes_on(view, frames, tmp_path, until, monkeypatch):
    out, parts, run = tmp_path / "out", view.parts, view.mapping.run
    made, stopped = [], threading.Event()
    make = frame_by_frame.map_frame

    def counted(path, *arguments, **options):
        made.append(path.name)
        if len(made) == 3:
            assert stopped.wait(60)
        return make(path, *arguments, **options)

    monkeypatch.setattr(frame_by_frame, "map_frame", counted)
    view.mapping.start(str(frames), "small", str(out), {"core": "li_content<9"}, "per_frame")
    assert not parts.map_button.isEnabled()
    assert parts.stop_button.isVisibleTo(view)
    # The third frame is being mapped: those before it are there to be seen.
    until(lambda: len(made) == 3 and view.frames is not None and len(view.frames) == 2)
    assert "li_content" in view.layers.layers
    assert (parts._progress.value(), parts._progress.maximum()) == (2, 4)
    parts.stop_button.click()
    stopped.set()
    until(lambda: not run.running)
    assert parts.message.text.startswith("Stopped; the frames that are done are kept")
    view.mapping.start(str(frames), "small", str(out), {"core": "li_content<9"}, "per_frame")
    until(lambda: not run.running)
    assert "4 of 4 frames mapped" in parts.message.text
    # What was done is not done again; the frame within which the run was stopped is.
    assert made == [f"roll_{number}.dm4" for number in (0, 1, 2, 2, 3)]
    until(lambda: len(view.frames) == 4)
    assert view.viewer.dims.nsteps[0] == 4
    assert view.frames.series.regions == ["core"]
    assert parts.map_button.isEnabled()


def test_a_watched_folder_is_mapped_as_it_fills_until_stopped(view, frames, tmp_path, until, monkeypatch):
    monkeypatch.setattr("eelsmap.napari.series.mapping._WATCH_EVERY", 0.1)
    waiting = (frames / "roll_3.dm4").rename(tmp_path / "roll_3.dm4")
    view.mapping.start(str(frames), "small", str(tmp_path / "out"), {}, "per_frame", True)
    until(lambda: view.frames is not None and len(view.frames) == 3)
    shutil.copy(waiting, frames)
    until(lambda: len(view.frames) == 4)
    assert view.mapping.run.running
    view.parts.stop_button.click()
    until(lambda: not view.mapping.run.running)
    assert "4 of 4 frames mapped" in view.parts.message.text
    assert (tmp_path / "out" / "series.hspy").exists()


def test_what_goes_wrong_is_said_and_what_is_shown_stays(view, frames, tmp_path, until):
    view.open(small_series(), view.viewer)
    layers = list(view.viewer.layers)
    for arguments, words in (
        ((str(frames / "*.emd"), "small", str(tmp_path / "a"), {}, "per_frame"), "there is no frame of a series"),
        ((str(frames), "small", str(tmp_path / "b"), {"core": "nickel<3"}, "per_frame"), "there is no map 'nickel'"),
        ((str(frames), "absent", str(tmp_path / "c"), {}, "per_frame"), "absent"),
        ((str(frames), "small", str(frames / "roll_0.dm4"), {}, "per_frame"), "roll_0.dm4"),
    ):
        view.mapping.start(*arguments)
        until(lambda: not view.mapping.run.running)
        assert words in view.parts.message.text
        assert "Traceback" not in view.parts.message.text
        assert view.parts.map_button.isEnabled()
        assert list(view.viewer.layers)[-len(layers) :] == layers
    assert view.frames.series.folder == small_series().folder


def test_closing_the_viewer_ends_the_run(make_napari_viewer, frames, tmp_path, until, screen):
    viewer = make_napari_viewer()
    widget = SeriesView(viewer)
    viewer.window.add_dock_widget(widget, name="eelsmap series")
    widget.set_model(model())
    widget.mapping.start(str(frames), "small", str(tmp_path / "out"), {}, "per_frame")
    task = widget.mapping.run._task
    until(lambda: (tmp_path / "out" / "frames").is_dir())
    viewer.close()
    del widget
    gc.collect()
    until(lambda: not task._thread.is_alive())
    # The folder is given back: what is there is whole, and the next run goes on.
    assert not (tmp_path / "out" / ".lock").read_text()


def test_the_form_says_what_it_finds_and_hands_on_what_was_asked(qtbot, frames, tmp_path):
    form = SeriesFolderForm()
    qtbot.addWidget(form)
    assert not form.start.isEnabled()
    form.frames.setText(str(tmp_path / "absent"))
    assert form.said.startswith("No frame there")
    form.frames.setText(str(frames / "roll_*.dm4"))
    assert (form.said, form.start.isEnabled()) == ("4 frames found.", True)
    assert form.out.text() == str(frames / "eelsmap_series")
    form.regions.setText("core = li_content<0.5; all of it")
    asked = []
    form.asked.connect(lambda *answer: asked.append(answer))
    form.start.click()
    assert "Region 'all of it'" in form.said
    form.regions.setText("core = li_content<0.5; thick = counts>50%")
    form.axis.setCurrentIndex(2)
    form.start.click()
    regions = {"core": "li_content<0.5", "thick": "counts>50%"}
    assert asked == [(str(frames / "roll_*.dm4"), "nmc", str(frames / "eelsmap_series"), regions, "tracked", False)]
    form.frames.setText(str(tmp_path / "*.dm4"))
    assert (form.said.startswith("No frame there:"), form.start.isEnabled()) == (True, False)
    form.watch.setChecked(True)
    assert (form.said, form.start.isEnabled()) == ("No frame there yet.", True)
    form.start.click()
    assert asked[-1][-1] is True
    form.out.setText(" ")
    form.start.click()
    assert form.said == "Give a folder for the results."
