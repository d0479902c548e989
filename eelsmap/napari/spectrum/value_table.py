"""The table of predicted values beside the plots, one column a spectrum."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from eelsmap.mapping.map_names import map_info
from eelsmap.mapping.pixel_view import PixelView
from eelsmap.napari.spectrum.text import shown_properties, value_words

__all__ = ["ValueTable"]

_ROOM = 4


class ValueTable(QTableWidget):
    """Property, value with interval of each view, and unit; reached with Tab and read with the arrow keys.

    Parameters
    ----------
    parent
        Owner.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 0, parent)
        self.setAccessibleName("Predicted values")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        columns, rows = self.horizontalHeader(), self.verticalHeader()
        if columns is not None and rows is not None:
            columns.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
            columns.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
            height = self.fontMetrics().height() + _ROOM
            rows.setVisible(False)
            rows.setMinimumSectionSize(height)
            rows.setDefaultSectionSize(height)
        self._shape: tuple[tuple[str, ...], int] | None = None

    def show_views(self, views: Sequence[PixelView], colours: Sequence[str]) -> None:
        """Show the values of views, whose names stand in their colours."""
        names = shown_properties(views)
        shape = (tuple(names), len(views))
        fresh = shape != self._shape
        if fresh:
            self._lay_out(names, len(views))
            self._shape = shape
        for column, (view, colour) in enumerate(zip(views, colours, strict=True), 1):
            head = self.horizontalHeaderItem(column)
            if head is not None:
                head.setText("value" if len(views) == 1 else view.label)
                head.setForeground(QColor(colour))
            for row, name in enumerate(names):
                cell = self.item(row, column)
                if cell is not None:
                    cell.setText(value_words(view.values.get(name)))
        if fresh:
            self.resizeColumnsToContents()

    def _lay_out(self, names: Sequence[str], views: int) -> None:
        """Make the cells."""
        self.clear()
        self.setRowCount(len(names))
        self.setColumnCount(views + 2 if names else 0)
        if not names:
            return
        self.setHorizontalHeaderLabels(["property", *[""] * views, "unit"])
        for row, name in enumerate(names):
            info = map_info(name)
            texts = [info.label, *[""] * views, info.unit]
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
                item.setToolTip(info.title)
                self.setItem(row, column, item)
