"""A form that asks which frames are to be mapped, with which model, and where the results go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from eelsmap.io.frames import find_frames
from eelsmap.mapping.series.settings import AXES
from eelsmap.models import shipped_models

__all__ = ["SeriesFolderForm"]

_WAYS = {
    "per_frame": "each frame its own",
    "shared": "the first frame's for all",
    "tracked": "the first frame's, moved as the edges move",
}


class SeriesFolderForm(QDialog):
    """Ask for a folder or pattern of frames, a model and a folder for the results.

    :attr:`asked` gives frames, model (name or path), folder of the results, regions, the way of the energy axis, and
    whether to wait for further frames.
    """

    asked = Signal(str, str, str, dict, str, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Map a series")
        self.setMinimumWidth(520)
        self.frames, self.out = QLineEdit(), QLineEdit()
        self.frames.setPlaceholderText("folder, or pattern such as run_*.dm4")
        self.out.setPlaceholderText("folder; what is there is kept")
        self.model = QComboBox()
        self.model.setEditable(True)
        self.model.addItems(list(shipped_models()))
        self.model.setToolTip("A model that comes with eelsmap, or the path of a bundle")
        self.regions = QLineEdit()
        self.regions.setPlaceholderText("core = li_content<0.5; thick = counts>50%")
        self.regions.setToolTip("Name = condition, several with semicolons; every pixel with an answer if left empty")
        self.axis = QComboBox()
        for way in AXES:
            self.axis.addItem(_WAYS[way], way)
        self.watch = QCheckBox("Wait for &new frames until stopped")
        self.watch.setToolTip("Map frames as the microscope writes them; a file is taken once it has stopped changing")
        self._said = QLabel()
        self._said.setWordWrap(True)
        self._said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        form = QFormLayout()
        rows: tuple[tuple[str, QWidget, QWidget | QHBoxLayout], ...] = (
            ("&Frames", self.frames, _with_button(self.frames, "&Browse…", self._choose_frames)),
            ("&Model", self.model, self.model),
            ("&Results", self.out, _with_button(self.out, "Bro&wse…", self._choose_out)),
            ("Re&gions", self.regions, self.regions),
            ("&Energy axis", self.axis, self.axis),
        )
        for text, field, row in rows:
            label = QLabel(text)
            label.setBuddy(field)
            field.setAccessibleName(text.replace("&", ""))
            form.addRow(label, row)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.start = QPushButton("Ma&p")
        self.start.setDefault(True)
        buttons.addButton(self.start, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.accepted.connect(self._ask)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.watch)
        layout.addWidget(self._said)
        layout.addWidget(buttons)
        self.frames.textChanged.connect(self._found)
        self.watch.toggled.connect(self._found)
        self._found()

    @property
    def said(self) -> str:
        """What the form says about the frames."""
        return self._said.text()

    def _found(self) -> None:
        """Say how many frames there are."""
        text = self.frames.text().strip()
        # A file that is named counts for a series even if it is not there.
        number = sum(path.exists() for path in find_frames(text)) if text else 0
        place = Path(text)
        folder = place if place.is_dir() else place.parent
        # A microscope may not have begun yet.
        waits = bool(text) and self.watch.isChecked() and folder.is_dir()
        self.start.setEnabled(number > 0 or waits)
        if not text:
            self._said.setText("Give the folder of the frames, or a pattern.")
        elif number:
            self._said.setText(f"{number} {'frame' if number == 1 else 'frames'} found.")
        elif waits:
            self._said.setText("No frame there yet.")
        else:
            self._said.setText("No frame there: check the folder and the extension.")
        if (number or waits) and not self.out.isModified():
            self.out.setText(str(folder / "eelsmap_series"))

    def _choose_frames(self) -> None:
        """Ask for the folder of the frames."""
        chosen = QFileDialog.getExistingDirectory(self, "Folder of the frames", self.frames.text())
        if chosen:
            self.frames.setText(chosen)

    def _choose_out(self) -> None:
        """Ask for the folder of the results."""
        chosen = QFileDialog.getExistingDirectory(self, "Folder for the results", self.out.text())
        if chosen:
            self.out.setText(chosen)
            self.out.setModified(True)

    def _ask(self) -> None:
        """Hand on what was filled in, or say what is missing."""
        if not self.out.text().strip():
            self._said.setText("Give a folder for the results.")
            return
        regions = {}
        for part in filter(None, (one.strip() for one in self.regions.text().split(";"))):
            name, sign, condition = (one.strip() for one in part.partition("="))
            if not sign or not name.isidentifier() or not condition or "<" in name or ">" in name:
                self._said.setText(f"Region {part!r}: write a name, =, and a condition, as core = li_content<0.5")
                return
            regions[name] = condition
        self.asked.emit(
            self.frames.text().strip(), self.model.currentText().strip(), self.out.text().strip(), regions,
            str(self.axis.currentData()), self.watch.isChecked(),
        )  # fmt: skip
        self.accept()


def _with_button(field: QLineEdit, text: str, clicked: Callable[[], None]) -> QHBoxLayout:
    """Put a button beside a field."""
    button = QPushButton(text)
    button.clicked.connect(clicked)
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(field, stretch=1)
    row.addWidget(button)
    return row
