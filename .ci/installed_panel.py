"""What must work from the wheel installed with its napari extra: the panel opens, maps the sample data, and closes."""

import time

import numpy as np


def test_the_panel_maps_the_sample_data(make_napari_viewer, qapp):
    viewer = make_napari_viewer(show=True)
    _, panel = viewer.window.add_plugin_dock_widget("eelsmap")
    end = time.monotonic() + 300

    def until(condition):
        while not condition():
            assert time.monotonic() < end
            qapp.processEvents()
            time.sleep(0.01)

    until(lambda: panel.parts.model_choice.model is not None)
    viewer.open_sample("eelsmap", "nmc_phantom")
    until(lambda: panel.state is not None and panel.state.looked is not None and not panel.looking)
    panel.run()
    until(lambda: not panel.runs.running)
    assert not panel.parts.message.text
    assert np.isfinite(panel.state.maps.array("li_content")).any()
    panel.state.layers.complete()
    names = {layer.metadata.get("eelsmap", {}).get("kind") for layer in viewer.layers}
    assert {"map", "flags", "quality", "spectrum_image"} <= names
