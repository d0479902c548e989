"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["whole_file"]


@contextmanager
def whole_file(path: Path, /) -> Iterator[Path]:
    """Write a file under a name of its own and give it its place when it is complete; else leave all as it was.

    Parameters
    ----------
    path
        The file; replaced if it exists.

    Yields
    ------
    pathlib.Path
        Where to write, beside `path` and with the same ending.

    Raises
    ------
    OSError
        The system refused; it names `path` and the reason in one line, also where HDF5 wraps it in several.
    """
    part = path.with_name(f".{uuid.uuid4().hex}{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    except (OSError, RuntimeError) as error:
        number = error.errno if isinstance(error, OSError) else None
        if number is None:
            # A disk that is full when HDF5 flushes a file comes as a RuntimeError.
            named = re.search(r"errno = (\d+)", str(error))
            number = int(named[1]) if named else None
        if number is None:
            raise
        raise OSError(number, os.strerror(number), str(path)) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
