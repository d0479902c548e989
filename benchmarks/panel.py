"""How responsive the panel is on a large image: first partial map, longest pause of the window, spectrum, memory.

What napari needs by itself to show four layers side by side is measured first, without eelsmap, in the same window.

A spectrum image of the size asked for is written to disk (see ``large_image.py``), opened in a napari window as
dropping it does, and mapped from the panel; a timer in the window notes how long it was kept from answering. Then the
pointer walks over the image with the explanation of one property switched on. Needs a screen, or Xvfb:

``xvfb-run -a -s "-screen 0 1600x1000x24 +extension GLX" python benchmarks/panel.py [--rows 512 --columns 512]``
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import napari
import numpy as np
from large_image import write_image
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from eelsmap.napari.panel import EelsmapPanel

_MOVES = 100
_BEAT_MS = 5


class Pauses:
    """Work the window's events, and keep how long the window did not come to answer: gaps between beats of a timer."""

    def __init__(self) -> None:
        self.turns: list[float] = []
        self.application: Any = QApplication.instance()
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setInterval(_BEAT_MS)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.turns.append(now - self._last)
        self._last = now

    def until(self, condition: Any) -> float:
        """Work until a condition holds; returns the seconds."""
        began = time.perf_counter()
        while not condition():
            self.application.processEvents()
            time.sleep(0.001)
        return time.perf_counter() - began

    def longest(self) -> str:
        """Longest turns in words, and forget them."""
        if not self.turns:
            return "no pause"
        turns, self.turns = np.array(self.turns), []
        over = int(np.sum(turns > 0.1))
        return f"longest pause {1e3 * turns.max():4.0f} ms, 99 % below {1e3 * np.percentile(turns, 99):4.0f} ms, " + (
            f"{over} above 100 ms" if over else "none above 100 ms"
        )


def main() -> None:
    """Print a line a stage."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--columns", type=int, default=512)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.hspy"
        write_image(path, arguments.rows, arguments.columns)
        _measure(path)


def _measure(path: Path) -> None:
    """Open, map and walk over one image."""
    viewer = napari.Viewer(show=True)
    viewer.window._qt_window.resize(1280, 800)
    pauses = Pauses()
    _measure_napari(viewer, pauses)
    panel = EelsmapPanel(viewer)
    viewer.window.add_dock_widget(panel, name="eelsmap", area="right")
    seconds = pauses.until(lambda: panel.parts.model_choice.model is not None)
    print(f"model loaded   {seconds:5.1f} s  {pauses.longest()}")
    began = time.perf_counter()
    viewer.window._qt_viewer._qt_open([str(path)], stack=False)
    seconds = pauses.until(lambda: panel.state is not None)
    print(f"image opened   {time.perf_counter() - began:5.1f} s  {pauses.longest()}")
    seconds = pauses.until(lambda: panel.state.looked is not None and not panel.looking)
    print(f"looked at      {seconds:5.1f} s  {pauses.longest()}  ({panel.parts.estimate.text()})")
    panel.run()
    first = pauses.until(lambda: panel.runs._fraction > 0 or not panel.runs.running)
    print(f"first block    {first:5.1f} s  {pauses.longest()}")
    rest = pauses.until(lambda: not panel.runs.running)
    print(f"whole maps     {first + rest:5.1f} s  {pauses.longest()}")
    pauses.until(lambda: not panel.state.layers._adding.waiting)
    print(f"layers added          {pauses.longest()}")
    panel.state.layers.complete()
    pauses.turns.clear()
    moves = [_move(viewer, panel, pauses, step) for step in range(_MOVES)]
    print(
        f"spectrum       median {1e3 * np.median(moves):.0f} ms, 95 % {1e3 * np.percentile(moves, 95):.0f} ms "
        f"from move to drawn; {pauses.longest()}"
    )
    print(f"memory         at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB in all")
    panel.close_down()
    viewer.close()


def _measure_napari(viewer: Any, pauses: Pauses) -> None:
    """Show four images side by side with colour bars and names, one a turn, and take them away again."""
    for number in range(4):
        QTimer.singleShot(0, lambda: _add_bare(viewer))
        pauses.until(lambda wanted=number + 1: len(viewer.layers) == wanted)
    viewer.canvas.grid.enabled = True
    end = time.perf_counter() + 1
    pauses.until(lambda: time.perf_counter() > end)
    print(f"napari alone             {pauses.longest()}")
    viewer.canvas.grid.enabled = False
    viewer.layers.clear()


def _add_bare(viewer: Any) -> None:
    """Add one image as napari's own users would."""
    layer = viewer.add_image(np.zeros((512, 512), dtype=np.float32), colormap="viridis", contrast_limits=(0, 1))
    layer.colorbar.visible = layer.name_overlay.visible = True


def _move(viewer: Any, panel: EelsmapPanel, pauses: Pauses, step: int) -> float:
    """Move the pointer to another pixel; seconds until its spectrum is drawn."""
    rows, columns = panel.state.maps.shape
    place = (int((0.2 + 0.6 * ((7 * step) % _MOVES) / _MOVES) * rows), int((0.2 + 0.6 * step / _MOVES) * columns))
    layer = panel.state.layer
    viewer.cursor.position = tuple(layer.data_to_world(place))
    before = panel.spectra.views
    moved = SimpleNamespace(type="mouse_move", position=viewer.cursor.position, modifiers=(), button=None)
    for answer in viewer.mouse_move_callbacks:
        answer(viewer, moved)
    return pauses.until(lambda: panel.spectra.views is not before and panel.spectra.views != before)


if __name__ == "__main__":
    main()
