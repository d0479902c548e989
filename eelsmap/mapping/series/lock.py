"""One run a folder: a lock that the operating system takes back when its process dies."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from eelsmap.errors import EelsmapError

__all__ = ["locked"]

_HELD = (errno.EACCES, errno.EDEADLK)
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
        give_back = _take(stream)
        owner = _owner(stream)
        if give_back is None:
            raise EelsmapError(
                f"{path.parent}: process {owner.get('pid', 'unknown')} on {owner.get('host', 'this host')} is mapping "
                "a series into this folder; wait for it, end it, or choose another folder"
            )
        if owner and owner.get("host") != socket.gethostname():
            give_back()
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
            give_back()


def _take(stream: BinaryIO) -> Callable[[], None] | None:
    """Take the system's lock; how to give it back, or None if somebody has it. It falls with the process, too."""
    try:
        import fcntl
    except ModuleNotFoundError:
        import msvcrt

        return _take_on_windows(stream, msvcrt)
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    return lambda: fcntl.flock(stream, fcntl.LOCK_UN)


def _take_on_windows(stream: BinaryIO, msvcrt: Any) -> Callable[[], None] | None:
    """Take one byte of the file by the runtime of Windows.

    Parameters
    ----------
    stream
        The lock file.
    msvcrt
        The module of that name, which only Windows has.

    Notes
    -----
    After the documentation of ``locking``: it works at the position of the file, also beyond its end; ``LK_NBLCK``
    refuses what another has with EACCES, at once; a file that is closed with a lock on it loses it, but not
    necessarily at once, so that it is given back before. Tried with a stand-in that behaves so, never under Windows.
    """

    def locking(mode: int) -> None:
        stream.seek(_LOCKED_BYTE)
        msvcrt.locking(stream.fileno(), mode, 1)

    try:
        locking(msvcrt.LK_NBLCK)
    except OSError as error:
        if error.errno not in _HELD:
            raise
        return None
    return lambda: locking(msvcrt.LK_UNLCK)


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
