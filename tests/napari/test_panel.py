"""The panel as a microscopist uses it, in a viewer with a real canvas."""

import time
from pathlib import Path

import numpy as np
import pytest

import eelsmap
from eelsmap.phantom import Microscope
from tests.small_images import image, window

pytest.importorskip("napari", reason="the panel needs the napari extra")


@pytest.fixture
def opened(make_napari_viewer, until):
    """A viewer with the panel, its model loaded."""
    from eelsmap.napari.panel import EelsmapPanel

    viewer = make_napari_viewer(show=True)
    panel = EelsmapPanel(viewer)
    viewer.window.add_dock_widget(panel, name="eelsmap", area="right")
    until(lambda: panel.parts.model_choice.model is not None)
    yield viewer, panel
    panel.close_down()


def drop(viewer, path: Path) -> None:
    """Open a file as dropping it on the canvas does."""
    viewer.window._qt_viewer._qt_open([str(path)], stack=False)


def put(viewer, signal, name="specimen"):
    """Add a spectrum image as the reader would."""
    from eelsmap.napari.image.layers import counts_layer

    data, keywords, _ = counts_layer(eelsmap.io.prepare(signal), name)
    return viewer.add_image(data, **keywords)


def looked(panel):
    state = panel.state
    return state is not None and state.looked is not None and not panel.looking


def test_a_measured_file_is_dropped_mapped_and_explored(opened, until, shared_data):
    viewer, panel = opened
    drop(viewer, shared_data / "nmc_si_doped" / "tm_o_core_loss.dm3")
    until(lambda: looked(panel))
    assert "O K, Mn L, Co L, Ni L found" in panel.parts.summary.texts()
    assert panel.parts.estimate.text().startswith("A run will take about")
    panel.parts.run_button.click()
    until(lambda: not panel.runs.running)
    maps = panel.state.maps
    assert not maps.is_lazy
    again = eelsmap.map_properties(eelsmap.load(shared_data / "nmc_si_doped" / "tm_o_core_loss.dm3"))
    for name in ("li_content", "mn_valence", "flags"):
        np.testing.assert_allclose(maps.array(name), again.array(name), atol=1e-5)
    panel.state.layers.complete()
    layer = panel.state.layers.layers["li_content"]
    shown = np.asarray(layer.data).reshape(maps.shape)
    np.testing.assert_allclose(shown, maps.array("li_content"), atol=1e-6)
    assert [str(unit) for unit in layer.units] == ["nanometer", "nanometer"]


def test_an_image_without_edges_says_so_and_cannot_be_run(opened, until):
    viewer, panel = opened
    put(viewer, window(460, 500))
    until(lambda: looked(panel))
    assert not panel.parts.run_button.isEnabled()
    assert panel.parts.message.text
    assert "Traceback" not in panel.parts.message.text
    panel.run()
    assert panel.state.maps is None


def test_cancel_halfway_and_run_again(opened, until, small_blocks, cancel_after_one_block):
    viewer, panel = opened
    signal = image(lazy=True)
    signal.data = signal.data.rechunk((1, 2, -1))
    put(viewer, signal)
    until(lambda: looked(panel))
    panel.run()
    until(lambda: not panel.runs.running)
    cancel_after_one_block.undo()
    partial = panel.state.maps
    assert partial.is_lazy
    known = np.isfinite(partial.partial("counts"))
    assert known.any()
    assert not known.all()
    panel.run()
    until(lambda: not panel.runs.running)
    assert panel.state.maps is partial
    assert not partial.is_lazy
    whole = eelsmap.map_properties(image())
    np.testing.assert_allclose(partial.array("li_content"), whole.array("li_content"), atol=1e-6)


def test_another_recipe_makes_other_maps_and_the_old_layers_go(opened, until):
    viewer, panel = opened
    put(viewer, image())
    until(lambda: looked(panel))
    panel.run()
    until(lambda: not panel.runs.running)
    until(lambda: panel.state.layers.layers)
    first, layers = panel.state.maps, list(panel.state.layers.layers.values())
    panel.parts.form.set_value("noise", "average", 1.0)
    panel.run()
    until(lambda: not panel.runs.running and looked(panel))
    second = panel.state.maps
    assert "1" in second.provenance["averaging"]
    assert layers
    assert not set(layers) & set(viewer.layers)
    assert not np.allclose(first.array("li_content"), second.array("li_content"), equal_nan=True)


def test_a_recipe_that_cannot_be_used_is_told_and_nothing_is_lost(opened, until):
    viewer, panel = opened
    put(viewer, image())
    until(lambda: looked(panel))
    panel.run()
    until(lambda: not panel.runs.running)
    maps = panel.state.maps
    panel.parts.form.set_value("spikes", "threshold", 1.0)
    panel.run()
    assert "threshold" in panel.parts.message.text
    assert panel.state.maps is maps


def test_two_images_keep_their_own_maps_and_corrections(opened, until):
    viewer, panel = opened
    first = put(viewer, image(), "first")
    until(lambda: looked(panel))
    panel.parts.summary._entries["beam_energy"].setValue(200.0)
    panel.run()
    until(lambda: not panel.runs.running and looked(panel))
    of_first = panel.state.maps
    put(viewer, image(), "second")
    until(lambda: panel.state.layer.name == "second" and looked(panel))
    assert panel.state.maps is None
    assert panel.state.corrections.beam_energy is None
    panel.parts.images.setCurrentIndex(panel.parts.images.findData(id(first)))
    until(lambda: looked(panel))
    assert panel.state.maps is of_first
    assert panel.state.corrections.beam_energy == 200.0
    viewer.layers.remove(first)
    until(lambda: panel.state.layer.name == "second" and looked(panel))


def test_the_viewer_may_be_closed_while_running(make_napari_viewer, until, small_blocks):
    from eelsmap.napari.panel import EelsmapPanel

    viewer = make_napari_viewer(show=True)
    panel = EelsmapPanel(viewer)
    viewer.window.add_dock_widget(panel, name="eelsmap", area="right")
    until(lambda: panel.parts.model_choice.model is not None)
    signal = image(lazy=True)
    signal.data = signal.data.rechunk((1, 1, -1))
    put(viewer, signal)
    until(lambda: looked(panel))
    panel.run()
    until(lambda: panel.runs._fraction > 0 or not panel.runs.running)
    viewer.close()
    assert panel.runs.wait(30)


def test_the_window_is_never_held_up(opened, until, screen):
    viewer, panel = opened
    phantom = eelsmap.make_phantom((64, 64), microscope=Microscope(counts=1e5))
    put(viewer, phantom.signal().as_lazy())
    until(lambda: looked(panel))
    panel.run()
    longest, last = 0.0, time.perf_counter()
    while panel.runs.running:
        screen.processEvents()
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
        time.sleep(0.002)
    # A promise of 0.1 s is measured by benchmarks/panel.py; here a machine that is busy with other tests may be slower.
    assert longest < 3.0
    assert not panel.state.maps.is_lazy
    # The maps fill their cells: the layer of flags has none beside them, lines in the cells take its place.
    panel.state.layers.complete()
    zoom = viewer.scene.camera.zoom
    viewer.reset_view()
    assert viewer.scene.camera.zoom == pytest.approx(zoom)
    assert not panel.state.layers.layers["flags"].visible


def test_everything_can_be_reached_by_keyboard_and_read(opened, until, screen):
    from qtpy.QtWidgets import QAbstractButton, QComboBox, QLabel

    viewer, panel = opened
    viewer.window._qt_window.resize(1280, 800)
    put(viewer, image())
    until(lambda: looked(panel))
    screen.processEvents()
    for kind in (QAbstractButton, QComboBox):
        for widget in panel.findChildren(kind):
            if widget.isVisibleTo(panel) and widget.isEnabled():
                assert widget.focusPolicy().value & 1 or not widget.isVisible(), widget.objectName()
                named = widget.accessibleName() or getattr(widget, "text", lambda: "")() or widget.toolTip()
                assert named, type(widget)
    for label in panel.findChildren(QLabel):
        if label.isVisible() and not label.wordWrap() and label.text():
            assert label.sizeHint().width() <= label.width() + 1, label.text()
    for button in panel.findChildren(QAbstractButton):
        if button.isVisible() and button.text():
            assert button.sizeHint().width() <= button.width() + 1 or button.minimumSizeHint().width() <= button.width()
