"""Memory that was freed, given back to the operating system."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress
from functools import cache
from typing import Any

__all__ = ["return_memory"]


def return_memory(*, of_signals: bool = False) -> None:
    """Give back what was freed.

    The C library of Linux keeps freed memory for itself: after a plan and after each image as much as the largest
    moment of it needed, on top of which the next step would grow. Other systems are left to themselves.

    Parameters
    ----------
    of_signals
        Whether signals that nobody holds any more are freed first. They hold themselves through their events and axes,
        with their file and what was read of it, until Python happens to look for such circles: among many files that
        is too late. Takes some tenths of a second.
    """
    if of_signals:
        gc.collect()
    library = _library()
    if library is not None:
        library.malloc_trim(0)


@cache
def _library() -> Any:
    """Load the C library, if it is one that can do it."""
    if sys.platform != "linux":
        return None
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        return library if library.malloc_trim else None
    return None
