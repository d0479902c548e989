"""What was found in the file, with the chance to correct it before running."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from eelsmap.napari.image.found_words import found_lines
from eelsmap.napari.image.looked_at import Corrections, LookedAt
from eelsmap.napari.window.layouts import emptied, unfolding

__all__ = ["FileSummary"]

_ENTRIES = {
    "beam_energy": ("Beam energy", "keV", 1000.0),
    "convergence_angle": ("Convergence semi-angle", "mrad", 200.0),
    "collection_angle": ("Collection semi-angle", "mrad", 500.0),
}
_SIMULTANEOUS = (("as the files say", None), ("in the same pass", True), ("at another time", False))


class FileSummary(QWidget):
    """Lines on what was found, and below them what can be corrected; :attr:`corrected` is emitted with a change."""

    corrected = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        self._said = QLabel("Open a spectrum image (.dm3, .dm4, .hspy, .emd), or take one from File ▸ Open Sample.")
        self._said.setWordWrap(True)
        self._grid = QGridLayout()
        self._grid.setColumnStretch(2, 1)
        self._grid.setHorizontalSpacing(6)
        self._grid.setVerticalSpacing(2)
        layout.addWidget(self._said)
        layout.addLayout(self._grid)
        self._entries: dict[str, QDoubleSpinBox] = {}
        self._low_loss: Path | None = None
        self._correcting = unfolding("Correct what was found", self._form())
        layout.addWidget(self._correcting)
        self._correcting.setVisible(False)

    def show_message(self, text: str) -> None:
        """Show a sentence instead of lines."""
        emptied(self._grid)
        self._said.setText(text)
        self._said.setVisible(True)

    def show_found(self, looked: LookedAt) -> None:
        """Show what was found in an image."""
        emptied(self._grid)
        self._said.setVisible(False)
        self._correcting.setVisible(True)
        for row, line in enumerate(found_lines(looked)):
            mark, label, text = QLabel(line.mark), QLabel(line.label), QLabel(line.text)
            mark.setAccessibleName({"good": "good", "doubt": "doubtful", "bad": "problem"}.get(line.state, ""))
            label.setAlignment(Qt.AlignmentFlag.AlignTop)
            mark.setAlignment(Qt.AlignmentFlag.AlignTop)
            text.setWordWrap(True)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            for column, widget in enumerate((mark, label, text)):
                self._grid.addWidget(widget, row, column)
        known = looked.description["acquisition"]
        for name, entry in self._entries.items():
            value = known.get(name, {}).get("value", 0.0)
            entry.blockSignals(True)
            entry.setValue(value)
            entry.blockSignals(False)

    def set_corrections(self, corrections: Corrections) -> None:
        """Show the corrections of another image."""
        self._low_loss = corrections.low_loss
        self._name_low_loss()
        self._simultaneous.blockSignals(True)
        self._simultaneous.setCurrentIndex([said for _, said in _SIMULTANEOUS].index(corrections.simultaneous))
        self._simultaneous.blockSignals(False)

    def corrections(self) -> Corrections:
        """Return what the user said; an empty entry leaves what the file says."""
        given = {name: entry.value() or None for name, entry in self._entries.items()}
        return Corrections(**given, low_loss=self._low_loss, simultaneous=self._simultaneous.currentData())

    def set_low_loss(self, path: Path | None) -> None:
        """Take a file's low loss as if the user had chosen it."""
        self._low_loss = path
        self._name_low_loss()
        self.corrected.emit()

    def texts(self) -> list[str]:
        """Return all that is said, for tests and screen readers."""
        items = (self._grid.itemAt(place) for place in range(self._grid.count()))
        widgets = [item.widget() for item in items if item is not None]
        return [widget.text() for widget in widgets if isinstance(widget, QLabel)] or [self._said.text()]

    def _form(self) -> QWidget:
        """Entries for what the user knows better."""
        inner = QWidget()
        form = QFormLayout(inner)
        form.setContentsMargins(12, 2, 2, 4)
        for name, (label, unit, largest) in _ENTRIES.items():
            entry = QDoubleSpinBox()
            entry.setRange(0.0, largest)
            entry.setDecimals(1)
            entry.setSuffix(f" {unit}")
            entry.setSpecialValueText("not known")
            entry.setKeyboardTracking(False)
            entry.setAccessibleName(label)
            entry.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            entry.valueChanged.connect(lambda _: self.corrected.emit())
            self._entries[name] = entry
            form.addRow(label, entry)
        self._choose = QPushButton()
        self._choose.clicked.connect(self._ask_low_loss)
        self._drop = QPushButton("None")
        self._drop.setToolTip("Use no low loss from another file")
        self._drop.clicked.connect(lambda: self.set_low_loss(None))
        row = QHBoxLayout()
        row.addWidget(self._choose, stretch=1)
        row.addWidget(self._drop)
        form.addRow("Low loss", row)
        self._simultaneous = QComboBox()
        for words, said in _SIMULTANEOUS:
            self._simultaneous.addItem(words, said)
        self._simultaneous.setAccessibleName("Low loss was recorded")
        self._simultaneous.currentIndexChanged.connect(lambda _: self.corrected.emit())
        form.addRow("Recorded", self._simultaneous)
        note = QLabel("The energy axis is corrected in the recipe below: its mode, or an offset of your own.")
        note.setWordWrap(True)
        form.addRow(note)
        self._name_low_loss()
        return inner

    def _ask_low_loss(self) -> None:
        """Let the user choose a file."""
        path, _ = QFileDialog.getOpenFileName(
            self, "Low loss of the same pixels", "", "Spectrum images (*.dm3 *.dm4 *.hspy *.emd);;All files (*)"
        )
        if path:
            self.set_low_loss(Path(path))

    def _name_low_loss(self) -> None:
        """Name the chosen file on its button."""
        self._choose.setText(self._low_loss.name if self._low_loss else "Choose a file…")
        self._choose.setToolTip(str(self._low_loss or "A file with the low loss of the same pixels"))
        self._drop.setVisible(self._low_loss is not None)
