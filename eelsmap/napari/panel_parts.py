"""What stands where in the panel."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from eelsmap.napari.export.bar import ExportBar
from eelsmap.napari.image.file_summary import FileSummary
from eelsmap.napari.maps.preset_bar import PresetBar
from eelsmap.napari.runs.model_choice import ModelChoice
from eelsmap.napari.runs.recipe_form import RecipeForm
from eelsmap.napari.window.layouts import unfolding
from eelsmap.napari.window.message_line import MessageLine

__all__ = ["PanelParts"]


class PanelParts:
    """The parts of the panel, arranged in a widget: what scrolls above, Run and its progress always in sight below.

    Parameters
    ----------
    owner
        The widget that they fill.
    """

    def __init__(self, owner: QWidget) -> None:
        self.images = QComboBox()
        self.images.setAccessibleName("Spectrum image")
        self.images.setToolTip("Spectrum images among the layers")
        self.summary = FileSummary()
        self.model_choice = ModelChoice()
        self.form = RecipeForm()
        steps = "Energy axis, detector, spikes, noise, plural scattering, background, quality"
        fold = unfolding("Steps of treatment", self.form, steps)
        self.form_fold = fold
        self.presets = PresetBar()
        self.export = ExportBar()
        self.series_button = QPushButton("Time &series…")
        self.series_button.setToolTip("Open or map a time series: trends of regions and maps over time")
        self.scroll = self._scrolling(
            ("Spectrum image", (self.images, self.summary)),
            ("Model", (self.model_choice,)),
            ("Recipe", (fold,)),
            ("Maps", (self.presets,)),
            ("Save and hand on", (self.export,)),
            ("", (self.series_button,)),
        )
        self.message = MessageLine()
        self.estimate = QLabel()
        self.estimate.setWordWrap(True)
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setAccessibleName("Progress of the run")
        self.progress.setVisible(False)
        self.run_button = QPushButton("&Run")
        self.run_button.setToolTip("Map every pixel")
        self.cancel_button = QPushButton("&Cancel")
        self.cancel_button.setToolTip("Stop; what is finished stays, and Run goes on from there")
        self.cancel_button.setEnabled(False)
        buttons = QHBoxLayout()
        buttons.addWidget(self.run_button, stretch=2)
        buttons.addWidget(self.cancel_button, stretch=1)
        layout = QVBoxLayout(owner)
        layout.setContentsMargins(2, 2, 2, 6)
        layout.addWidget(self.scroll, stretch=1)
        for part in (self.message, self.estimate, self.progress):
            layout.addWidget(part)
        layout.addLayout(buttons)

    @staticmethod
    def _scrolling(*groups: tuple[str, tuple[QWidget, ...]]) -> QScrollArea:
        """Lay groups of parts below each other, to be scrolled where the screen is low."""
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(4, 4, 4, 4)
        for title, parts in groups:
            box = QGroupBox(title) if title else QWidget()
            within = QVBoxLayout(box)
            within.setContentsMargins(6, 6, 6, 6)
            for part in parts:
                within.addWidget(part)
            column.addWidget(box)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        return scroll
