"""Make the screenshots of docs/panel.md: the panel on the phantom, before and after a run, by pointer and over time.

Needs a screen, or Xvfb:
``xvfb-run -a -s "-screen 0 1600x1000x24 +extension GLX" python examples/panel_screenshots.py [--out docs/images]``
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import napari
from napari.settings import get_settings
from qtpy.QtWidgets import QApplication

import eelsmap
from eelsmap.napari.image.layers import counts_layer
from eelsmap.napari.panel import EelsmapPanel
from eelsmap.phantom import Microscope


def main() -> None:
    """Write every screenshot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    out = parser.parse_args().out
    warnings.simplefilter("ignore")
    for theme, names in (("dark", ("found", "maps", "spectrum", "valence")), ("light", ("", "", "light", ""))):
        _one_image(out, theme, names)
    _series(out)


def _one_image(out: Path, theme: str, names: tuple[str, str, str, str]) -> None:
    """Before the run, after it, with the pointer on a pixel, and another choice of maps."""
    viewer, panel = _window(theme)
    phantom = eelsmap.make_phantom((64, 64), microscope=Microscope(counts=4e5))
    data, keywords, _ = counts_layer(eelsmap.io.prepare(phantom.signal()), "NMC phantom")
    viewer.add_image(data, **keywords)
    _until(lambda: panel.state is not None and panel.state.looked is not None and not panel.looking)
    _grab(viewer, out, names[0])
    panel.run()
    _until(lambda: not panel.runs.running)
    panel.state.layers.complete()
    _grab(viewer, out, names[1])
    _point(viewer, panel.state.layer, (22.0, 40.0))
    _grab(viewer, out, names[2])
    panel.state.layers.show_preset("valence")
    panel.state.layers.complete()
    _grab(viewer, out, names[3])
    viewer.close()


def _series(out: Path) -> None:
    """Show a time series with its trend."""
    from eelsmap.mapping.series import map_series
    from eelsmap.phantom.series import make_series, write_series

    viewer, panel = _window("dark")
    with tempfile.TemporaryDirectory() as folder:
        frames = write_series(make_series(), Path(folder) / "frames")
        series = map_series(frames, panel.parts.model_choice.model, out=Path(folder) / "maps")
        panel.open_series()
        panel.series.open(series)
        _rest(3.0)
        viewer.dims.set_current_step(0, len(frames) // 2)
        _grab(viewer, out, "series")
        viewer.close()


def _window(theme: str) -> tuple[Any, EelsmapPanel]:
    """Open a viewer with the panel, its model loaded."""
    get_settings().appearance.theme = theme
    viewer = napari.Viewer(show=True)
    viewer.window._qt_window.resize(1280, 800)
    panel = EelsmapPanel(viewer)
    viewer.window.add_dock_widget(panel, name="eelsmap", area="right")
    _until(lambda: panel.parts.model_choice.model is not None)
    return viewer, panel


def _point(viewer: Any, layer: Any, pixel: tuple[float, ...]) -> None:
    """Move the pointer to a pixel, and give the library time to be there."""
    moved = SimpleNamespace(type="mouse_move", position=layer.data_to_world(pixel), modifiers=(), button=None)
    for _ in range(2):
        for answer in viewer.mouse_move_callbacks:
            answer(viewer, moved)
        _rest(1.5)


def _until(condition: Callable[[], bool]) -> None:
    """Let the window work until a condition holds."""
    while not condition():
        _rest(0.01)


def _rest(seconds: float) -> None:
    """Let the window work for some time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.instance().processEvents()
        time.sleep(0.005)


def _grab(viewer: Any, out: Path, name: str) -> None:
    """Write what the window shows."""
    _rest(1.0)
    if name:
        viewer.window._qt_window.grab().save(str(out / f"panel_{name}.png"))


if __name__ == "__main__":
    main()
