"""A row of buttons that shows the maps of one subject, and boxes for flags and interval widths."""

from __future__ import annotations

from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QButtonGroup, QCheckBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from eelsmap.napari.maps.map_layers import MapLayers
from eelsmap.napari.maps.presets import PRESETS

__all__ = ["PresetBar"]

_TIPS = {
    "Li": "Li content and Li count",
    "metals": "Ni, Mn and Co counts",
    "valence": "Oxidation states of Ni, Mn and Co",
    "defects": "Oxygen vacancies and Ni/Li antisites",
    "quality": "Novelty, counts and signal-to-noise ratios",
    "all": "Every property, side by side",
}


class PresetBar(QWidget):
    """Choose which maps are visible.

    Parameters
    ----------
    parent
        Parent widget.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.layers: MapLayers | None = None
        self.buttons: dict[str, QPushButton] = {}
        self._group = QButtonGroup(self)
        row = QHBoxLayout()
        row.setSpacing(2)
        for number, preset in enumerate(PRESETS, start=1):
            button = QPushButton(preset[0].upper() + preset[1:])
            button.setCheckable(True)
            shortcut = QKeySequence(f"Alt+{number}")
            button.setShortcut(shortcut)
            keys = shortcut.toString(QKeySequence.SequenceFormat.NativeText)
            button.setToolTip(f"{_TIPS[preset]} ({keys}). Press again for the choice you began with.")
            button.setAccessibleName(f"Show {preset}: {_TIPS[preset]}")
            button.clicked.connect(lambda _checked, chosen=preset: self._choose(chosen))
            self._group.addButton(button)
            self.buttons[preset] = button
            # Buttons ask for 80 pixels each, which six of them in a narrow panel do not have.
            button.setMinimumWidth(button.fontMetrics().horizontalAdvance(button.text()) + 8)
            row.addWidget(button, len(button.text()) + 2)
        self.flags = QCheckBox("&Flags")
        self.flags.setToolTip("Hatch the pixels whose answer is missing or doubtful; the status bar says why")
        self.flags.toggled.connect(self._show_flags)
        self.widths = QCheckBox("Interval &width")
        self.widths.setToolTip("Show how wide the interval of each value is, in place of the value")
        self.widths.toggled.connect(self._show_widths)
        boxes = QHBoxLayout()
        boxes.addWidget(self.flags)
        boxes.addWidget(self.widths)
        self.side_by_side = QCheckBox("&Side by side")
        self.side_by_side.setToolTip("Show all maps of a button at once; or one, and the next when it is pressed again")
        self.side_by_side.toggled.connect(self._show_side_by_side)
        boxes.addWidget(self.side_by_side)
        boxes.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addLayout(boxes)
        self.set_layers(None)

    def set_layers(self, layers: MapLayers | None) -> None:
        """Serve the layers of other maps, or none.

        Parameters
        ----------
        layers
            The layers; None leaves the bar disabled.
        """
        if self.layers is not None:
            self.layers.changed = _nothing
        self.layers = layers
        self.setEnabled(layers is not None)
        for preset, button in self.buttons.items():
            button.setEnabled(layers is not None and layers.available(preset))
        if layers is not None:
            layers.changed = self._read
        self._read()

    def _read(self) -> None:
        """Show what the layers show."""
        layers = self.layers
        self._group.setExclusive(False)
        for preset, button in self.buttons.items():
            button.setChecked(layers is not None and layers.preset == preset)
        self._group.setExclusive(True)
        for box, shown in (
            (self.flags, layers is not None and layers.flags_shown),
            (self.widths, layers is not None and layers.widths_shown),
            (self.side_by_side, layers is None or layers.side_by_side),
        ):
            box.blockSignals(True)
            box.setChecked(shown)
            box.blockSignals(False)

    def _choose(self, preset: str) -> None:
        """Show a preset."""
        if self.layers is not None:
            self.layers.show_preset(preset)

    def _show_flags(self, shown: bool) -> None:
        """Hatch flagged pixels or not."""
        if self.layers is not None:
            self.layers.show_flags(shown)

    def _show_widths(self, shown: bool) -> None:
        """Show interval widths or values."""
        if self.layers is not None:
            self.layers.show_widths(shown)

    def _show_side_by_side(self, wanted: bool) -> None:
        """Show all maps of a preset or one."""
        if self.layers is not None:
            self.layers.show_side_by_side(wanted)


def _nothing() -> None:
    """Answer nothing: these layers are served by no bar."""
