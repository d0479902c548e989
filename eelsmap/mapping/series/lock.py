"""One run a folder: a lock that the operating system takes back when its process dies."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from eelsmap.errors import EelsmapError

__all__ = ["locked"]

_LOCKED_BYTE = 1 << 20
"""Where Windows locks: beyond the words in the file, which others must be able to read."""


@contextmanager
def locked(path: Path, /) -> Iterator[None]:
    """Hold a folder for this process.

    Parameters
    ----------
    path
        The lock file; it stays, empty, when the work is over. While it is held it names process and host.

    Raises
    ------
    EelsmapError
        Another process holds it: one that runs here, or one on another host that did not give it back.

    Notes
    -----
    The system's own lock decides between processes of one host and falls with its process, so that the file of a dead
    one is taken over. File servers need not pass locks on between hosts, so that there the words in the file count.
    """
    with path.open("a+b") as stream:
        taken = _take(stream)
        owner = _owner(stream)
        if not taken:
            raise EelsmapError(
                f"{path.parent}: process {owner.get('pid', 'unknown')} on {owner.get('host', 'this host')} is mapping "
                "a series into this folder; wait for it, end it, or choose another folder"
            )
        if owner and owner.get("host") != socket.gethostname():
            raise EelsmapError(
                f"{path.parent}: process {owner.get('pid')} on {owner.get('host')} has not given this folder back; if "
                f"it is dead, remove {path}"
            )
        _write(stream, {"pid": os.getpid(), "host": socket.gethostname()})
        try:
            yield
        finally:
            with suppress(OSError):
                _write(stream, None)


def _take(stream: BinaryIO) -> bool:
    """Take the system's lock, if nobody has it; closing the file gives it back."""
    try:
        import fcntl
    except ModuleNotFoundError:
        import msvcrt

        windows: Any = msvcrt
        stream.seek(_LOCKED_BYTE)
        try:
            windows.locking(stream.fileno(), windows.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(stream: BinaryIO) -> dict[str, Any]:
    """Process and host that the file names; empty if it names none."""
    stream.seek(0)
    try:
        content = json.loads(stream.read())
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _write(stream: BinaryIO, content: dict[str, Any] | None) -> None:
    """Replace what the file says."""
    stream.seek(0)
    stream.truncate()
    if content is not None:
        stream.write(json.dumps(content).encode())
    stream.flush()
