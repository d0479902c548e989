"""Headers of frames that were read before: a file is read again only if its size or time of change differs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from eelsmap.io.frames import Frame, read_frame
from eelsmap.whole_file import whole_file

__all__ = ["KnownFrames", "stamp_of"]


def stamp_of(path: Path, /) -> tuple[int, int]:
    """Size and time of change (ns) of a file, of the newest in a .zspy folder; (-1, -1) where it is not there."""
    try:
        if path.is_dir():
            stamps = [one.stat() for one in path.rglob("*") if one.is_file()]
            return sum(one.st_size for one in stamps), max((one.st_mtime_ns for one in stamps), default=-1)
        stamp = path.stat()
    except OSError:
        return -1, -1
    return stamp.st_size, stamp.st_mtime_ns


_WRITE_EVERY = 1.0


class KnownFrames:
    """Headers of frames by path, kept in a file that only saves time.

    Parameters
    ----------
    path
        Where they are kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = time.monotonic()
        try:
            self._known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._known = {}

    def get(self, path: Path, /) -> Frame:
        """Return the header of a frame; what cannot be read is tried again each time it is asked for."""
        stamp = list(stamp_of(path))
        known = self._known.get(str(path))
        if known is not None and known["stamp"] == stamp:
            return Frame.from_dict(known["frame"])
        frame = read_frame(path)
        if not frame.reason and list(stamp_of(path)) == stamp:
            self._known[str(path)] = {"stamp": stamp, "frame": frame.to_dict()}
            # Large files take a while to hash: what is read must not be lost with the process.
            if time.monotonic() - self._written > _WRITE_EVERY:
                self.write()
        return frame

    def write(self) -> None:
        """Keep what is known."""
        with whole_file(self._path) as part:
            part.write_text(json.dumps(self._known), encoding="utf-8")
        self._written = time.monotonic()
