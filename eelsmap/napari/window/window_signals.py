"""Signals sent from a thread to a window that may have gone."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject

__all__ = ["reached"]


def reached(owner: QObject, signal: str, *content: Any) -> bool:
    """Emit a signal of an object; whether it was still there, since closing its window deletes it."""
    try:
        getattr(owner, signal).emit(*content)
    except RuntimeError:
        return False
    return True
