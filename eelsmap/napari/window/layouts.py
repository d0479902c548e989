"""Small helps with Qt's layouts: a part that unfolds, and a layout emptied."""

from __future__ import annotations

from qtpy.QtWidgets import QLayout, QWidget
from superqt import QCollapsible

__all__ = ["emptied", "unfolding"]


def unfolding(title: str, inner: QWidget, words: str = "") -> QCollapsible:
    """Return a part that shows a widget when its title is pressed, without margins of its own."""
    part = QCollapsible(title)
    part.setToolTip(words)
    for layout in (part.layout(), part.content().layout()):
        if layout is not None:
            layout.setContentsMargins(0, 0, 0, 0)
    part.addWidget(inner)
    return part


def emptied(layout: QLayout) -> None:
    """Take all widgets out of a layout and delete them."""
    while layout.count():
        item = layout.takeAt(0)
        widget = None if item is None else item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
