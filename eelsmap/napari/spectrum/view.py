"""The spectrum view: counts with backgrounds, each edge as the model sees it, values, and what pushed them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyqtgraph as pg
from napari.utils.theme import get_theme
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QApplication, QFileDialog, QLabel, QSplitter, QVBoxLayout, QWidget

from eelsmap.edges import NMC_EDGES
from eelsmap.mapping.pixel_view import PixelView
from eelsmap.napari.spectrum.bar import SpectrumBar
from eelsmap.napari.spectrum.colours import spectrum_colours
from eelsmap.napari.spectrum.counts_plot import CountsPlot
from eelsmap.napari.spectrum.edge_plots import EdgePlot, push_strengths
from eelsmap.napari.spectrum.text import explained_words, flag_words, nearest_words, spectra_csv, values_tsv
from eelsmap.napari.spectrum.value_table import ValueTable
from eelsmap.whole_file import whole_file

__all__ = ["SpectrumView"]

_WELCOME = "Point at a pixel of a spectrum image or of its maps to see its spectrum; click to keep it."
_FLAG_LINES = 3


class SpectrumView(QWidget):
    """Shows one or more spectra; the first is the one whose nearest spectra and pushes are drawn.

    Parameters
    ----------
    viewer
        napari viewer whose theme is followed; the default theme without.
    parent
        Owner.
    """

    explained_changed = Signal(str)
    """Name of the property to explain; empty for none."""
    unpin_requested = Signal()
    """All kept pixels and regions are to be dropped."""
    region_requested = Signal()
    """The user wants to draw a region."""
    saved = Signal(str)
    """Path of a file that was written."""
    failed = Signal(str)
    """Why something could not be done, in words."""

    def __init__(self, viewer: Any = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Spectrum view")
        self._viewer: Any = None
        self._views: tuple[PixelView, ...] = ()
        self._marks: tuple[str, ...] = ()
        self._colours = spectrum_colours(get_theme("dark"))

        self._bar = SpectrumBar(self)
        self._bar.explained_changed.connect(self.explained_changed)
        self._bar.unpin_requested.connect(self.unpin_requested)
        self._bar.region_requested.connect(self.region_requested)
        self._bar.copy_requested.connect(self.copy_values)
        self._bar.save_requested.connect(self._ask_where_to_save)
        self._bar.logarithmic_changed.connect(self._set_logarithmic)
        self._bar.whole_requested.connect(self._whole_axis)

        left, self._right = pg.GraphicsLayoutWidget(), pg.GraphicsLayoutWidget()
        for canvas, name in ((left, "Counts over energy loss"), (self._right, "Edges as the model sees them")):
            canvas.setAccessibleName(name)
            canvas.ci.layout.setContentsMargins(2, 2, 4, 2)
            canvas.ci.layout.setSpacing(4)
            canvas.setFrameShape(pg.QtWidgets.QFrame.Shape.NoFrame)
            canvas.setMinimumSize(120, 60)
        self._canvases = (left, self._right)
        self._counts: CountsPlot = CountsPlot(left.addPlot())
        self._edges: dict[str, EdgePlot] = {}
        self._make_edges(NMC_EDGES.names)

        self._table = ValueTable()
        self._flags = QLabel()
        self._flags.setWordWrap(True)
        self._flags.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._flags.setAccessibleName("Remarks on the spectra")
        said = QWidget()
        column = QVBoxLayout(said)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._table, 1)
        column.addWidget(self._flags)

        splitter = QSplitter(Qt.Orientation.Horizontal)
        for widget, share in ((left, 5), (self._right, 6), (said, 4)):
            splitter.addWidget(widget)
            splitter.setStretchFactor(splitter.count() - 1, share)
        splitter.setSizes([410, 520, 320])
        splitter.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.setSpacing(2)
        layout.addWidget(self._bar)
        layout.addWidget(splitter, 1)
        self.setMinimumHeight(150)

        if viewer is not None:
            self.follow_theme(viewer)
        else:
            self._recolour()
        self.clear(_WELCOME)

    @property
    def explained(self) -> str:
        """Name of the property whose pushes are wanted; empty for none."""
        return self._bar.explained

    @property
    def views(self) -> tuple[PixelView, ...]:
        """What is shown."""
        return self._views

    @property
    def remarks(self) -> str:
        """What is said of the spectra that are shown; empty where nothing is."""
        return self._flags.toolTip()

    def explain(self, name: str) -> None:
        """Choose the property whose pushes are shown; empty for none."""
        self._bar.choose(name)

    def set_properties(self, names: Sequence[str]) -> None:
        """Offer the properties that can be explained; the choice is kept where it is still there."""
        self._bar.set_properties(names)

    def set_edges(self, names: Sequence[str]) -> None:
        """Show these edges, by name."""
        if tuple(names) != tuple(self._edges):
            self._make_edges(names)
            self._recolour()

    def follow_theme(self, viewer: Any) -> None:
        """Take the colours of a napari viewer, now and whenever its theme changes."""
        if self._viewer is not viewer:
            self._viewer = viewer
            viewer.events.theme.connect(self._recolour)
        self._recolour()

    def show_views(self, views: Sequence[PixelView], colours: Sequence[str]) -> None:
        """Show spectra.

        Parameters
        ----------
        views
            What to show; the first is the one under the pointer.
        colours
            A colour for each, ``#rrggbb``; empty for the colour of text.
        """
        if not views:
            self.clear(_WELCOME)
            return
        self._views, self._marks = tuple(views), tuple(colours)
        named = next((view.edges for view in views if view.edges), None)
        if named is not None and not set(named) <= set(self._edges):
            self.set_edges(tuple(named))
        pens = [self._colours.of(colour) for colour in colours]
        self._counts.show_views(views, pens, self._colours)
        strengths = push_strengths(views[0])
        for name, plot in self._edges.items():
            plot.show_views(views, pens, self._colours, strengths.get(name))
        self._table.show_views(views, pens)
        self._say(flag_words(views))
        self._bar.show_views(views, pens, explained_words(views[0]), self._colours)

    def clear(self, message: str) -> None:
        """Show nothing but a sentence."""
        self._views, self._marks = (), ()
        self._counts.show_views((), (), self._colours)
        for plot in self._edges.values():
            plot.show_views((), (), self._colours, None)
        self._table.show_views((), ())
        self._say("")
        self._bar.show_message(message)

    def copy_values(self) -> str:
        """Put the values of all views on the clipboard as a table, and return it."""
        text = values_tsv(self._views) if self._views else ""
        clipboard = QApplication.clipboard()
        if text and clipboard is not None:
            clipboard.setText(text)
        return text

    def save_spectra(self, path: str | Path) -> Path:
        """Write the spectra that are shown as comma-separated text, whole or not at all.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        target = Path(path) if Path(path).suffix else Path(path).with_suffix(".csv")
        with whole_file(target) as part:
            part.write_text(spectra_csv(self._views), encoding="utf-8")
        self.saved.emit(str(target))
        return target

    def _ask_where_to_save(self) -> None:
        """Let the user name a file and write it."""
        name, _ = QFileDialog.getSaveFileName(self, "Save the spectra that are shown", "spectra.csv", "CSV (*.csv)")
        if not name:
            return
        try:
            self.save_spectra(name)
        except OSError as error:
            words = f"The spectra were not saved: {error.strerror or error}. Choose another folder."
            self._bar.show_message(words)
            self.failed.emit(words)

    def _whole_axis(self) -> None:
        """Show all energies and heights."""
        self._counts.full_range()
        self._again()

    def _set_logarithmic(self, logarithmic: bool) -> None:
        """Draw counts on another scale."""
        self._counts.set_logarithmic(logarithmic)
        self._whole_axis()

    def _make_edges(self, names: Sequence[str]) -> None:
        """Make one small plot an edge."""
        self._right.clear()
        self._edges = {name: EdgePlot(self._right.addPlot(), name) for name in names}

    def _say(self, words: str) -> None:
        """Show remarks below the table, as many lines as there is room for; all of them in the tool tip."""
        if words != self._flags.toolTip():
            lines = words.splitlines()
            more = "" if len(lines) <= _FLAG_LINES else f"\n… and {len(lines) - _FLAG_LINES} more"
            self._flags.setText("\n".join(lines[:_FLAG_LINES]) + more)
            self._flags.setToolTip(words)
            self._flags.setVisible(bool(words))

    def _recolour(self, _event: Any = None) -> None:
        """Take the colours of the theme."""
        self._colours = spectrum_colours(get_theme("dark" if self._viewer is None else self._viewer.theme))
        for canvas in self._canvases:
            canvas.setBackground(self._colours.ground)
        self._counts.set_colours(self._colours)
        for plot in self._edges.values():
            plot.set_colours(self._colours)
        self._again()

    def _again(self) -> None:
        """Draw what is shown once more."""
        if self._views:
            self.show_views(self._views, self._marks)

    def nearest_said(self) -> str:
        """Say what each edge of the first view looks most like; empty without a view."""
        return "\n\n".join(nearest_words(edge) for edge in self._views[0].edges.values()) if self._views else ""
