"""What stands where in the view of a series, wide or narrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap, QResizeEvent
from qtpy.QtWidgets import (
    QBoxLayout,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from eelsmap.napari.series.trend_plot import TrendPlot
from eelsmap.napari.window.message_line import MessageLine

__all__ = ["SeriesParts"]

_WIDE, _LIST_WIDTH, _LIST_HEIGHT, _ICON = 620, 170, 74, 12


class SeriesParts(QWidget):
    """Choice of the map, buttons, trend plot, list of regions, and what is said; it knows nothing of series.

    :attr:`map_chosen` gives the name of the map that the user chose, :attr:`regions_chosen` tells that other regions
    are to be shown.
    """

    map_chosen = Signal(str)
    regions_chosen = Signal()

    def __init__(self, owner: QWidget) -> None:
        super().__init__(owner)
        self._hidden: set[str] = set()
        self._build()
        # Else napari fills the height of a dock with nothing.
        owner.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        whole = QVBoxLayout(owner)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self)
        self._maps.currentIndexChanged.connect(lambda _: self.map_chosen.emit(self.map_name))
        self._regions.itemChanged.connect(self._checked)
        self.show_running(False)
        self.set_enabled(False)

    @property
    def map_name(self) -> str:
        """Name of the map that is chosen; empty without maps."""
        return str(self._maps.currentData() or "")

    def set_maps(self, titles: Mapping[str, str], properties: int) -> None:
        """Offer maps by name, after so many a line."""
        with QSignalBlocker(self._maps):
            self._maps.clear()
            for name, title in titles.items():
                self._maps.addItem(title, name)
            if len(titles) > properties > 0:
                self._maps.insertSeparator(properties)

    def set_map(self, name: str) -> None:
        """Show which map is chosen."""
        with QSignalBlocker(self._maps):
            self._maps.setCurrentIndex(self._maps.findData(name))

    def set_regions(self, regions: Sequence[tuple[str, str, str]]) -> None:
        """List regions: name, how it was asked for, colour."""
        with QSignalBlocker(self._regions):
            self._regions.clear()
            for name, text, colour in regions:
                icon = QPixmap(_ICON, _ICON)
                icon.fill(QColor(colour))
                item = QListWidgetItem(QIcon(icon), name)
                item.setToolTip(f"{name}: {text}")
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                shown = name not in self._hidden
                item.setCheckState(Qt.CheckState.Checked if shown else Qt.CheckState.Unchecked)
                self._regions.addItem(item)

    def is_shown(self, region: str) -> bool:
        """Whether the trend of a region is to be drawn."""
        return region not in self._hidden

    def set_enabled(self, there: bool) -> None:
        """Allow what needs maps."""
        for part in (self._maps, self.draw_button, self.plot, self._regions):
            part.setEnabled(there)

    def show_counted(self, folder: str, words: str) -> None:
        """Say how many frames there are, and in which folder."""
        self._counted.setText(words)
        self._counted.setToolTip(folder)
        self.refresh.setEnabled(True)

    def show_frame(self, words: str) -> None:
        """Say which frame is shown."""
        self._frame.setText(words.replace("\n", ". "))
        self._frame.setToolTip(words)

    def show_pixel(self, words: str) -> None:
        """Say what is under the pointer."""
        self._pixel.setText(words)
        self._pixel.setToolTip(words)

    def show_running(self, running: bool) -> None:
        """Show progress and the button that stops, or the one that starts."""
        for part in (self._progress, self.stop_button):
            part.setVisible(running)
        self.stop_button.setEnabled(running)
        self.map_button.setEnabled(not running)

    def show_progress(self, sentence: str, number: int, total: int) -> None:
        """Say how far a run is; with a total of 0 that is not known."""
        self._progress.setRange(0, total)
        self._progress.setValue(number)
        self._progress.setToolTip(sentence)
        self.show_frame(sentence)

    def show_stopping(self) -> None:
        """Say that the run is about to end."""
        self.stop_button.setEnabled(False)
        self._progress.setRange(0, 0)
        self.show_frame("Stopping; finished frames are kept")

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - overrides
        """Put the regions beside the plot where there is room, else below."""
        super().resizeEvent(event)
        wide = self.width() >= _WIDE
        for part in (self._body, self._rows, self._lines):
            part.setDirection(QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom)
        self._regions.setMaximumSize(_LIST_WIDTH if wide else 16777215, 16777215 if wide else _LIST_HEIGHT)

    def _build(self) -> None:
        """Make and arrange the parts."""
        self._maps = QComboBox()
        self._maps.setAccessibleName("Map of the series")
        self._maps.setToolTip("Map that is shown, and whose trend is drawn")
        self._maps.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._maps.setMinimumContentsLength(16)
        label = QLabel("&Show")
        label.setBuddy(self._maps)
        self._counted = QLabel()
        self.refresh = _button("Re&fresh", "Look for new frames now; it is done every few seconds anyway")
        self.refresh.setEnabled(False)
        self.open_button = _button("&Open…", "Open the folder of a series, finished or still running")
        self.map_button = _button("&Map a folder…", "Map the frames in a folder as a series")
        self.draw_button = _button("&Draw region", "Draw a region on the maps; its trend appears")
        self.stop_button = _button("S&top", "Stop now; finished frames are kept, and mapping again goes on from there")
        self._progress = QProgressBar()
        self._progress.setAccessibleName("Progress of the series")
        self._progress.setFormat("%v of %m")
        self._progress.setMinimumWidth(90)
        first, second = QHBoxLayout(), QHBoxLayout()
        for part in (label, self._maps, self.draw_button):
            first.addWidget(part)
        second.addWidget(self.open_button)
        second.addWidget(self.map_button)
        second.addWidget(self.refresh)
        self._rows = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._rows.addLayout(first)
        self._rows.addLayout(second)
        self.message = MessageLine()
        self.plot = TrendPlot()
        self._regions = QListWidget()
        self._regions.setAccessibleName("Regions")
        self._regions.setToolTip("Regions whose trends are drawn")
        self._body = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._body.addWidget(self.plot, stretch=1)
        self._body.addWidget(self._regions)
        self._frame, self._pixel = QElidingLabel(), QElidingLabel()
        for said, name in ((self._frame, "Frame"), (self._pixel, "Pixel under the pointer")):
            said.setAccessibleName(name)
            said.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        running = QHBoxLayout()
        running.addWidget(self._progress, stretch=1)
        running.addWidget(self.stop_button)
        self._lines = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._lines.addWidget(self._frame, stretch=1)
        self._lines.addWidget(self._pixel, stretch=1)
        self._lines.addWidget(self._counted)
        self._lines.addLayout(running)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.setSpacing(2)
        layout.addLayout(self._rows)
        layout.addWidget(self.message)
        layout.addLayout(self._body, stretch=1)
        layout.addLayout(self._lines)

    def _checked(self, item: QListWidgetItem) -> None:
        """Show or hide a region."""
        if item.checkState() == Qt.CheckState.Checked:
            self._hidden.discard(item.text())
        else:
            self._hidden.add(item.text())
        self.regions_chosen.emit()


def _button(text: str, hint: str) -> QPushButton:
    """Make a button."""
    button = QPushButton(text)
    button.setToolTip(hint)
    return button
