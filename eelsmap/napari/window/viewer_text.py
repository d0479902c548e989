"""Words on napari's canvas: which frame is shown, and why it is empty."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["ViewerText"]

_LETTER, _FEWEST = 9.5, 16
"""Width of a letter on the canvas, pixels, and the fewest in a line: a canvas between two docks is narrow."""
_REST_MS = 400


class ViewerText(QObject):
    """Writes on the canvas of a viewer.

    napari takes as long to lay out words as to draw a map, so that they are written when the time slider rests; while a
    series is played there are none.

    Parameters
    ----------
    viewer
        napari's viewer.
    parent
        Owner.
    """

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._canvas = viewer.canvas
        self._overlay = viewer.canvas.overlays.text
        self._words = ""
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self.write)

    def show(self, words: str) -> None:
        """Write some words soon, and nothing until then."""
        self._words = words
        if self._overlay.visible:
            self._overlay.visible = False
        self._rest.start()

    def hide(self) -> None:
        """Write nothing."""
        self._rest.stop()
        if self._overlay.visible:
            self._overlay.visible = False

    def write(self) -> None:
        """Write what is to be shown now."""
        self._rest.stop()
        # Colour bars stand at the top.
        self._overlay.position = "bottom_left"
        columns = max(_FEWEST, int(self._canvas.size[1] / _LETTER))
        self._overlay.text = "\n".join(line for part in self._words.splitlines() for line in wrap(part, columns))
        self._overlay.visible = True
