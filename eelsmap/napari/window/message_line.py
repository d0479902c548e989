"""One place in the panel for what went wrong and what to do, or what was done."""

from __future__ import annotations

import re

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

__all__ = ["MessageLine"]

_LONG_WORD = re.compile(r"\S{36,}")


class MessageLine(QFrame):
    """A sentence that stays until it is closed or replaced; hidden while there is nothing to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._said = ""
        self._mark, self._text = QLabel(), QLabel()
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._text.setAccessibleName("Message")
        self._mark.setAlignment(Qt.AlignmentFlag.AlignTop)
        close = QToolButton()
        close.setText("✕")
        close.setAccessibleName("Close the message")
        close.setToolTip("Close the message")
        close.clicked.connect(self.clear)
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 4, 4, 4)
        row.addWidget(self._mark)
        row.addWidget(self._text, stretch=1)
        row.addWidget(close, alignment=Qt.AlignmentFlag.AlignTop)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setVisible(False)

    def say(self, text: str) -> None:
        """Say that something was done."""
        self._show("✓", text)

    def complain(self, text: str) -> None:
        """Say what went wrong and what to do."""
        self._show("✗", text)

    def clear(self) -> None:
        """Say nothing."""
        self._said = ""
        self._text.clear()
        self._text.setToolTip("")
        self.setVisible(False)

    @property
    def text(self) -> str:
        """What is said, in full."""
        return self._said

    def _show(self, mark: str, text: str) -> None:
        """Show a mark and a sentence, which begins with a capital."""
        self._mark.setText(mark)
        self._said = text[:1].upper() + text[1:]
        # A long path has no space at which a label could break it, and would make the panel wider.
        shorter = _LONG_WORD.sub(lambda found: f"{found[0][:8]}…{found[0][-24:]}", self._said)
        self._text.setText(shorter)
        self._text.setToolTip(self._said if shorter != self._said else "")
        self.setVisible(True)
