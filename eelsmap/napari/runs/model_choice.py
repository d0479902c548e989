"""Which model: those that come with eelsmap, or one from disk; its card one click away."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from eelsmap.models import Model, load_model, shipped_models
from eelsmap.napari.window.background_task import BackgroundTask

__all__ = ["ModelChoice"]


class ModelChoice(QWidget):
    """Choose a model; it is loaded in the background and handed on by :attr:`loaded`."""

    loaded = Signal(object)
    failed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model: Model | None = None
        self._task: BackgroundTask | None = None
        self._names = QComboBox()
        self._names.setAccessibleName("Model")
        for name in shipped_models():
            self._names.addItem(name, name)
        self._names.currentIndexChanged.connect(lambda _: self.load())
        self._card = QPushButton("&Card")
        self._card.setToolTip("What the model learned from, its limits, and on what its errors were measured")
        self._card.setEnabled(False)
        self._card.clicked.connect(self.show_card)
        browse = QPushButton("&Other…")
        browse.setToolTip("Open a model from a zip file")
        browse.clicked.connect(self._ask)
        folder = QPushButton("Folder…")
        folder.setToolTip("Open a model from its folder")
        folder.clicked.connect(self._ask_folder)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._names, stretch=1)
        for button in (self._card, browse, folder):
            row.addWidget(button)
        self._said = QLabel()
        self._said.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self._said)

    def load(self) -> None:
        """Load the chosen model in the background."""
        if self._task is not None:
            self._task.forget()
        wanted = self._names.currentData()
        self.model = None
        self._card.setEnabled(False)
        self._said.setText("Loading…")
        self._task = BackgroundTask(lambda: load_model(wanted), self._take, self._refuse, self).start()

    def add(self, path: Path) -> None:
        """Choose a model from disk."""
        self._names.addItem(path.stem, str(path))
        self._names.setItemData(self._names.count() - 1, str(path), 3)
        self._names.setCurrentIndex(self._names.count() - 1)

    def show_card(self) -> QDialog:
        """Show the card of the model in a window of its own; returns the window."""
        dialog = QDialog(self)
        dialog.setWindowTitle(f"Model {self._names.currentText()}")
        dialog.resize(760, 620)
        text = QTextBrowser()
        text.setMarkdown(self.model.card if self.model is not None else "")
        text.setOpenExternalLinks(True)
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(dialog.reject)
        layout = QVBoxLayout(dialog)
        layout.addWidget(text)
        layout.addWidget(close)
        dialog.show()
        return dialog

    def stop(self) -> None:
        """Forget a model that is still loading, since the window closes."""
        if self._task is not None:
            self._task.forget()

    def _take(self, model: Model) -> None:
        """Hand a loaded model on."""
        self.model = model
        self._card.setEnabled(True)
        simulated = "simulated" in str(model.manifest.get("limits", "")).lower()
        learned = "learned from simulated spectra; see its card for what its errors were measured on."
        self._said.setText(f"{model.name} {model.version}: {learned if simulated else 'see its card for its limits.'}")
        self.loaded.emit(model)

    def _refuse(self, words: str) -> None:
        """Say why a model cannot be used."""
        self._said.setText(words)
        self.failed.emit(words)

    def _ask(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Model", "", "Models (*.zip);;All files (*)")
        if path:
            self.add(Path(path))

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Folder of a model")
        if path:
            self.add(Path(path))
