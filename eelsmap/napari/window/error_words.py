"""Errors in words that a user can act on, instead of a traceback."""

from __future__ import annotations

import os

from eelsmap.errors import EelsmapError

__all__ = ["error_words"]


def error_words(error: BaseException) -> str:
    """Say in a sentence or two what went wrong and what to do.

    Parameters
    ----------
    error
        Any error; those of eelsmap say both themselves.

    Returns
    -------
    str
        Never empty and without a traceback.
    """
    if isinstance(error, EelsmapError):
        return str(error)
    if isinstance(error, MemoryError):
        return "there is not enough memory for this; close other images, or open the file lazily and run again"
    if isinstance(error, OSError):
        reason = os.strerror(error.errno) if error.errno else (str(error).splitlines() or [type(error).__name__])[0]
        return f"{error.filename}: {reason}" if error.filename else reason
    said = (str(error).splitlines() or [""])[0]
    return f"unforeseen {type(error).__name__}: {said}; maps that were computed are kept. Please report it"
