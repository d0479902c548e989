"""The line above the plots: which spectra are shown, what is explained, and what can be done with them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from eelsmap.mapping.map_names import map_info
from eelsmap.mapping.pixel_view import PixelView
from eelsmap.napari.spectrum.colours import SpectrumColours

__all__ = ["SpectrumBar"]

_PREFERRED = "li_content"


class SpectrumBar(QWidget):
    """Names of the spectra in their colours, choice of the property to explain, and actions.

    Parameters
    ----------
    parent
        Owner.
    """

    explained_changed = Signal(str)
    unpin_requested = Signal()
    region_requested = Signal()
    copy_requested = Signal()
    save_requested = Signal()
    whole_requested = Signal()
    logarithmic_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names = QLabel()
        self._names.setAccessibleName("Spectra that are shown")
        self._names.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._key = QLabel()
        self._key.setAccessibleName("What the colours of the edges mean")
        self._explained = QComboBox()
        self._explained.setAccessibleName("Property to explain")
        self._explained.setToolTip("Edges are coloured by the energies that pushed this property (exact tree SHAP)")
        self._explained.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._explained.addItem("nothing", "")
        self._explained.currentIndexChanged.connect(lambda _index: self.explained_changed.emit(self.explained))
        label = QLabel("E&xplain")
        label.setBuddy(self._explained)
        self._logarithmic = QCheckBox("&Log")
        self._logarithmic.setChecked(True)
        self._logarithmic.setToolTip("Draw counts on a logarithmic scale")
        self._logarithmic.toggled.connect(self.logarithmic_changed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for widget, stretch in ((self._names, 1), (self._key, 0), (label, 0), (self._explained, 0)):
            layout.addWidget(widget, stretch)
        layout.addWidget(self._logarithmic)
        self._buttons = [
            self._button(layout, text, tip, signal)
            for text, tip, signal in (
                ("&Whole axis", "Show the whole energy axis again", self.whole_requested),
                ("&Copy", "Put the table of values on the clipboard", self.copy_requested),
                ("&Save…", "Write the spectra that are shown to a CSV file", self.save_requested),
                ("&Region", "Draw a rectangle in the image whose mean spectrum is shown", self.region_requested),
                ("&Unpin", "Drop all kept pixels and regions (Shift+U in the image)", self.unpin_requested),
            )
        ]
        self._text = ""

    @property
    def explained(self) -> str:
        """Name of the property that is explained; empty for none."""
        return str(self._explained.currentData() or "")

    def choose(self, name: str) -> None:
        """Explain a property."""
        self._explained.setCurrentIndex(max(0, self._explained.findData(name)))

    def set_properties(self, names: Sequence[str]) -> None:
        """Offer properties; the choice is kept where it is still there."""
        offered = [self._explained.itemData(index) for index in range(1, self._explained.count())]
        if list(names) == offered:
            return
        before = self.explained
        with QSignalBlocker(self._explained):
            self._explained.clear()
            self._explained.addItem("nothing", "")
            for name in names:
                self._explained.addItem(map_info(name).label, name)
            wanted = before if before in names else _PREFERRED if _PREFERRED in names else ""
            self.choose(wanted)
        if self.explained != before:
            self.explained_changed.emit(self.explained)

    def show_views(self, views: Sequence[PixelView], pens: Sequence[str], said: str, colours: SpectrumColours) -> None:
        """Name the spectra in their colours and say what the colours of the edges mean."""
        fitting = self._fitting([view.label for view in views])
        names = [
            f'<span style="color:{pen}"><b>{escape(view.label)}</b></span>'
            for view, pen in zip(views[:fitting], pens, strict=False)
        ]
        more = [f"and {len(views) - fitting} more"] if fitting < len(views) else []
        self._write(" · ".join([*names, *more]))
        key = (
            f'<span style="color:{colours.raises}">■</span> raises <span style="color:{colours.lowers}">■</span> lowers'
            if said
            else ""
        )
        if key != self._key.text():
            self._key.setText(key)
        self._key.setToolTip(said)
        self._names.setToolTip("\n".join(view.label for view in views))
        for button in self._buttons:
            button.setEnabled(True)

    def show_message(self, message: str) -> None:
        """Show a sentence in place of names."""
        self._write(escape(message))
        self._key.clear()
        self._names.setToolTip(message)
        for button in self._buttons[:3]:
            button.setEnabled(False)

    def _fitting(self, names: Sequence[str]) -> int:
        """How many names there is room for; at least one."""
        width = self.fontMetrics().horizontalAdvance
        room = self._names.width() - width(" · and 10 more")
        # Bold letters are a little wider.
        ends = [1.12 * width(" · ".join(names[: number + 1])) for number in range(len(names))]
        return max(1, sum(end < room for end in ends))

    def _write(self, text: str) -> None:
        """Set the text of the names, if it is another one."""
        if text != self._text:
            self._text = text
            self._names.setText(text)

    def _button(self, layout: QHBoxLayout, text: str, tip: str, signal: object) -> QPushButton:
        """Make a button that emits a signal."""
        button = QPushButton(text)
        button.setToolTip(tip)
        button.clicked.connect(lambda: signal.emit())  # type: ignore[attr-defined]
        layout.addWidget(button)
        return button
