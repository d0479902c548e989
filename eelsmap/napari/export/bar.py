"""Buttons that bring results out of the panel: maps, figure, report, script, and a running HyperSpy session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QApplication, QFileDialog, QGridLayout, QLabel, QMenu, QPushButton, QWidget

from eelsmap.errors import EelsmapError
from eelsmap.mapping.script import script_of
from eelsmap.napari.export.exporting import (
    KINDS,
    load_lines,
    proposed_path,
    state_words,
    there_is_something,
    write_export,
)
from eelsmap.napari.export.hyperspy_session import hand_over
from eelsmap.napari.window.background_task import BackgroundTask

if TYPE_CHECKING:
    from eelsmap.mapping import PropertyMaps
    from eelsmap.mapping.planned_image import PlannedImage

__all__ = ["ExportBar"]

_COLUMNS = 3
_LONGEST_SAVE = 120.0


class ExportBar(QWidget):
    """Save what was computed, and hand it on.

    Files are written in a thread, one at a time, whole or not at all; the maps stay in memory whatever happens. Maps
    of a run that was stopped are saved as far as they go. The bar shows what there is to save and what is being saved;
    what became of it is told through ``said`` and ``failed``, for the one place where the panel says such things.

    Parameters
    ----------
    parent
        Owner.
    """

    said = Signal(str)
    """What was done, in words."""
    failed = Signal(str)
    """What went wrong and what to do, in words."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._maps: PropertyMaps | None = None
        self._image: PlannedImage | None = None
        self._task: BackgroundTask | None = None
        self._state = ""
        self._label = QLabel()
        self._label.setWordWrap(True)
        self._label.setAccessibleName("What can be saved")
        self._label.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        menu = QMenu(self)
        menu.addAction("&Copy to the clipboard", self.copy_script)
        menu.addAction("&Save as a file…", lambda: self.save("script"))
        self._buttons = {
            "maps": _button("&Maps…", "Save maps", "Save all maps with their provenance (.hspy or OME-TIFF)"),
            "figure": _button("Fi&gure…", "Save figure", "Save the maps as a figure (PNG, PDF or SVG)"),
            "report": _button("Rep&ort…", "Save report", "Save one page on the whole run (PDF or PNG)"),
            "script": _button("Scr&ipt", "Script", "A Python script and a command that repeat this very run"),
            "session": _button(
                "To H&yperSpy",
                "Hand to HyperSpy",
                "Make maps and signal known in the running IPython or Jupyter session",
            ),
        }
        self._buttons["script"].setMenu(menu)
        for kind in ("maps", "figure", "report"):
            self._buttons[kind].clicked.connect(lambda _checked=False, kind=kind: self.save(kind))
        self._buttons["session"].clicked.connect(self.hand_over)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for number, button in enumerate(self._buttons.values()):
            layout.addWidget(button, *divmod(number, _COLUMNS))
        layout.addWidget(self._label, 2, 0, 1, _COLUMNS)
        application = QApplication.instance()
        if application is not None:
            # A file that is being written when napari is closed is written to its end.
            application.aboutToQuit.connect(self._wait)
        self.set_maps(None)

    def set_maps(self, maps: PropertyMaps | None, image: PlannedImage | None = None) -> None:
        """Offer maps.

        Parameters
        ----------
        maps
            The maps, also those of a run that was stopped; None when there are none.
        image
            The planned image that they were made from; the report says more with it.
        """
        self._maps, self._image = maps, image
        self._state = state_words(maps)
        self._show(self._state)
        self._show_ready()

    @property
    def words(self) -> str:
        """What the bar says."""
        return self._label.text()

    @property
    def saving(self) -> bool:
        """Whether a file is being written."""
        return self._task is not None

    def save(self, kind: str) -> None:
        """Ask for a name and save.

        Parameters
        ----------
        kind
            ``"maps"``, ``"figure"``, ``"report"`` or ``"script"``.
        """
        self._ask_and_write(kind, None)

    def copy_script(self) -> None:
        """Copy the script that repeats the run."""
        if self._maps is None:
            return
        try:
            script = script_of(self._maps.provenance)
        except EelsmapError as error:
            self._complain(str(error))
            return
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(script)
        self._say("The script is on the clipboard.")

    def hand_over(self) -> None:
        """Make maps and signal known in the running session; without one, save them and say how to open them."""
        if self._maps is None:
            return
        objects: dict[str, Any] = {"maps": self._maps}
        if self._image is not None:
            objects["signal"] = self._image.core
        try:
            handed = hand_over(objects, _viewer())
        except Exception as error:
            # What a shell does with new names is not ours to foresee.
            self._complain(f"The session did not take the maps ({error}); save them and open the file there.")
            return
        if handed.in_session:
            self._say(f"{handed.words}.")
            return
        known = f"{handed.words}. " if handed.places else ""
        self._show(f"{known}No IPython or Jupyter session runs in this process: save the maps for another one.")
        self._ask_and_write("maps", self._say_how_to_open)

    def _ask_and_write(self, kind: str, then: Callable[[Path], None] | None) -> None:
        """Ask for a name, write in a thread, and say what became of it."""
        if self._maps is None or self.saving:
            return
        maps, image = self._maps, self._image
        proposed = proposed_path(maps, kind)
        name, chosen = QFileDialog.getSaveFileName(self, f"Save {kind}", str(proposed), KINDS[kind])
        if not name:
            return
        path = _with_ending(Path(name), kind, chosen)
        if str(path) != name and path.exists():
            self._complain(f"{path} exists already; choose another name.")
            return
        self._show(f"Saving the {kind}…")

        def done(words: str) -> None:
            self._ended()
            self._say(f"{words[:1].upper()}{words[1:]}.")
            if then is not None:
                then(path)

        def failed(words: str) -> None:
            self._ended()
            self._complain(f"Not saved: {words.rstrip('.')}. The maps are still here; choose another folder or name.")

        self._task = BackgroundTask(lambda: write_export(kind, maps, image, path), done, failed, self)
        self._show_ready()
        self._task.start()

    def _say_how_to_open(self, path: Path) -> None:
        """Copy the lines that open saved maps elsewhere."""
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(load_lines(path))
        self._say(f"Saved {path.name}. On the clipboard, for your session: {load_lines(path)}")

    def _ended(self) -> None:
        """Offer the next save."""
        self._task = None
        self._show_ready()

    def _wait(self) -> None:
        """Wait until a file is written."""
        if self._task is not None:
            self._task.wait(_LONGEST_SAVE)

    def _show_ready(self) -> None:
        """Enable what can be done now."""
        something = there_is_something(self._maps)
        for kind, button in self._buttons.items():
            # The script needs no pixel, and the session takes lazy maps too.
            ready = self._maps is not None if kind in ("script", "session") else something
            button.setEnabled(ready and not self.saving)

    def _say(self, words: str) -> None:
        """Say what was done."""
        self._show(self._state)
        self.said.emit(words)

    def _complain(self, words: str) -> None:
        """Say what went wrong."""
        self._show(self._state)
        self.failed.emit(words)

    def _show(self, words: str) -> None:
        """Show words below the buttons."""
        self._label.setText(words)
        self._label.setVisible(bool(words))


def _button(text: str, name: str, tip: str) -> QPushButton:
    """Make a button."""
    button = QPushButton(text)
    button.setAccessibleName(name)
    button.setToolTip(tip)
    return button


def _with_ending(path: Path, kind: str, chosen: str) -> Path:
    """Give a name the ending that was chosen where it has none of those that are possible."""
    endings = [part.split(")")[0] for part in KINDS[kind].split("(*")[1:]]
    if path.name.lower().endswith((*endings, ".ome.tiff")):
        return path
    ending = next((one for one in endings if f"*{one})" in chosen), endings[0])
    return path.with_name(path.name + ending)


def _viewer() -> Any:
    """Return napari's current viewer; None without one."""
    import napari

    return napari.current_viewer()
