"""Errors are told in words."""

import errno

from eelsmap.errors import EelsmapError
from eelsmap.napari.window.error_words import error_words


def test_errors_of_ours_say_it_themselves():
    assert error_words(EelsmapError("a.dm4: truncated; copy it again")) == "a.dm4: truncated; copy it again"


def test_the_operating_system_is_translated():
    assert error_words(OSError(errno.ENOSPC, "x", "/maps.hspy")) == "/maps.hspy: No space left on device"
    assert error_words(OSError("unable to lock file\nmore")) == "unable to lock file"


def test_memory_and_the_unforeseen():
    assert "memory" in error_words(MemoryError())
    said = error_words(ValueError("line one\nline two"))
    assert "ValueError: line one" in said
    assert "line two" not in said
    assert error_words(KeyError()).startswith("unforeseen KeyError")
