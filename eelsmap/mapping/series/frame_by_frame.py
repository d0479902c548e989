"""A pass over the frames of a series: what is there is kept, what is missing is made."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eelsmap.errors import EelsmapError, RunCancelledError
from eelsmap.io.frames import Frame, order_frames
from eelsmap.mapping.memory import return_memory
from eelsmap.mapping.series.known_frames import KnownFrames, stamp_of
from eelsmap.mapping.series.mapped_frame import (
    MappedFrame,
    frame_key,
    map_frame,
    plan_of,
    read_mapped_frame,
    write_mapped_frame,
)
from eelsmap.mapping.series.rows import MAPPED, Before, frame_row, mapped_columns
from eelsmap.mapping.series.settings import Settings
from eelsmap.mapping.series.table import read_rows, write_rows
from eelsmap.preprocess.plan import Plan

__all__ = ["FRAMES", "KNOWN", "LOG", "FrameByFrame"]

FRAMES, KNOWN, LOG = "frames", ".known_frames.json", "run.log"

_WRITE_AT_ONCE, _WRITE_EVERY = 200, 10.0


class FrameByFrame:
    """The frames of one folder of results.

    Parameters
    ----------
    folder
        Where everything goes; locked by the caller.
    settings
        What the series is made with.
    say
        Called with each sentence of the report.
    cancelled
        Asked before each frame and, while one is mapped, after each block of pixels.
    """

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        say: Callable[[str], None],
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        self.folder, self.settings = folder, settings
        self._cancelled = cancelled
        self.rows: list[dict[str, Any]] = []
        self._say = say
        self._known = KnownFrames(folder / KNOWN)
        self._earlier = {row["_chain"]: row for row in read_rows(folder) if "_chain" in row}
        self._said: set[str] = set()
        self._shared: tuple[str, Plan] | None = None
        self._written, self._unwritten = 0.0, False
        self._whole = False

    @property
    def falls_short(self) -> bool:
        """Whether the pass was ended before it came to all frames that an earlier one has written rows of."""
        return not self._whole and len(self.rows) < len(read_rows(self.folder))

    def say(self, sentence: str) -> None:
        """Report a sentence, and keep it in the log with the time."""
        with suppress(OSError), (self.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {sentence}\n")
        self._say(sentence)

    def run(self, paths: Sequence[Path], /) -> None:
        """Bring the rows and maps up to date with the files that there are.

        Parameters
        ----------
        paths
            The frames, in any order.

        Raises
        ------
        OSError
            The results cannot be written.
        RunCancelledError
            When `cancelled` says so; what was done is in the rows and on disk.
        """
        frames, used = order_frames(self._headers(paths), self.settings.order)
        shape = _usual_shape(frames)
        self._say_once(f"{len(frames)} {'frame' if len(frames) == 1 else 'frames'}, ordered by {used}")
        before, leader, originals = Before(), "", dict[str, str]()
        self.rows, self._whole = before.rows, False
        for frame in frames:
            self._stop_if_cancelled()
            status, reason = _judged(frame, shape, originals)
            maps, key = None, ""
            if status == MAPPED:
                first = leader or frame.sha256
                shared = first if self.settings.axis != "per_frame" else ""
                way = f"{self.settings.axis} {shared}" if shared else ""
                key = frame_key(frame.sha256, self.settings.model, self.settings.recipe, way)
                maps, reason = self._maps(frame, key, frames, shared)
                if maps is None:
                    status = "failed"
                else:
                    leader = first
                    originals[frame.sha256] = frame.path.name
            chain = self._chain(before, frame, status, reason, key)
            row = self._earlier.get(chain)
            fresh = row is None
            if row is None:
                row = {**frame_row(frame, status, reason, before), "_chain": chain, "_key": key}
                if maps is not None:
                    row |= mapped_columns(
                        maps, self.settings.regions, before, drift=self.settings.drift,
                        thresholds=self.settings.thresholds,
                    )  # fmt: skip
                self._earlier[chain] = row
            before.rows.append(row)
            if maps is not None:
                before.first = before.first or maps
                before.latest, before.latest_row = maps, row
            if fresh:
                # Whoever is told of a frame finds it in the table.
                self._write_soon()
                self._say_once(_sentence(row, len(frames)))
        self._whole = True

    def write(self) -> None:
        """Write the table, and remove maps of frames that are no longer part of the series."""
        write_rows(self.folder, self.rows)
        keys = {row["_key"] for row in self.rows}
        # Of a pass that was interrupted, maps of the frames that it did not come to are still wanted.
        for path in [] if not self._whole else sorted((self.folder / FRAMES).iterdir()):
            if path.stem not in keys:
                path.unlink(missing_ok=True)

    def write_rest(self) -> None:
        """Write the table as far as it goes, if it has rows that were not written yet."""
        if self._unwritten:
            write_rows(self.folder, self.rows)
            self._unwritten = False

    def mapped(self) -> list[tuple[MappedFrame, dict[str, Any]]]:
        """Return maps and row of each frame that has maps."""
        pairs = ((read_mapped_frame(self.folder / FRAMES, row["_key"]), row) for row in self.rows if row["_key"])
        return [(maps, row) for maps, row in pairs if maps is not None]

    def _headers(self, paths: Sequence[Path]) -> list[Frame]:
        """Read the headers of all frames; those that were read are remembered, whatever ends it."""
        found = []
        try:
            for path in paths:
                self._stop_if_cancelled()
                found.append(self._known.get(path))
        finally:
            self._known.write()
        return found

    def _stop_if_cancelled(self) -> None:
        """End the pass if the user wants that."""
        if self._cancelled is not None and self._cancelled():
            raise RunCancelledError("the series was cancelled between two frames")

    def _maps(self, frame: Frame, key: str, frames: Sequence[Frame], leader: str) -> tuple[MappedFrame | None, str]:
        """Open the maps of a frame, made if they are not there; or tell why not."""
        folder = self.folder / FRAMES
        found = read_mapped_frame(folder, key)
        if found is not None:
            return found, ""
        stamp = stamp_of(frame.path)
        try:
            shared = self._plan_of(leader, frames) if leader and leader != frame.sha256 else None
            maps, axis = map_frame(
                frame.path, self.settings.model, self.settings.recipe, shared=shared,
                track=self.settings.axis == "tracked", cancelled=self._cancelled,
            )  # fmt: skip
        except RunCancelledError:
            raise
        except (EelsmapError, OSError) as error:
            return None, str(error).removeprefix(f"{frame.path}: ").removeprefix(f"{frame.path.name}: ")
        except MemoryError:
            return None, "does not fit into memory"
        except Exception as error:
            # Whatever a frame does to a reader, the frames after it must be mapped.
            return None, f"unforeseen {type(error).__name__}: {error}; please report it"
        if stamp_of(frame.path) != stamp:
            return None, "the file changed while it was read; run the same command again"
        write_mapped_frame(folder, key, maps, axis)
        del maps
        return_memory(of_signals=True)
        return read_mapped_frame(folder, key), ""

    def _plan_of(self, leader: str, frames: Sequence[Frame]) -> Plan:
        """Plan of the frame whose correction is shared."""
        if self._shared is None or self._shared[0] != leader:
            path = next(frame.path for frame in frames if frame.sha256 == leader)
            self._shared = (leader, plan_of(path, self.settings.recipe))
        return self._shared[1]

    def _chain(self, before: Before, frame: Frame, status: str, reason: str, key: str) -> str:
        """Hash of all that a row depends on: the rows before it, its frame, what became of it."""
        parts = [
            before.rows[-1]["_chain"] if before.rows else self.settings.sha256,
            frame.to_dict(),
            status,
            reason,
            key,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]

    def _say_once(self, sentence: str) -> None:
        """Say what was not said yet: a watched folder is looked at again and again."""
        if sentence not in self._said:
            self._said.add(sentence)
            self.say(sentence)

    def _write_soon(self) -> None:
        """Write the table at once; a very long one not more often than every few seconds."""
        self._unwritten = True
        if len(self.rows) <= _WRITE_AT_ONCE or time.monotonic() - self._written > _WRITE_EVERY:
            self.write_rest()
            self._written = time.monotonic()


def _usual_shape(frames: Sequence[Frame]) -> tuple[int, ...]:
    """Shape that most frames have, of equally many the one that comes first."""
    shapes = Counter(frame.shape for frame in frames if not frame.reason)
    return max(shapes, key=lambda shape: shapes[shape], default=())


def _judged(frame: Frame, shape: tuple[int, ...], originals: dict[str, str]) -> tuple[str, str]:
    """Tell what is to become of a frame, and why."""
    if frame.reason:
        return "failed", frame.reason
    if frame.sha256 in originals:
        return "duplicate", f"the same bytes as {originals[frame.sha256]}"
    if frame.shape != shape:
        sizes = (" x ".join(map(str, one)) or "1" for one in (frame.shape, shape))
        return "other size", "{} pixels; most frames of the series have {}".format(*sizes)
    return MAPPED, ""


def _sentence(row: dict[str, Any], total: int) -> str:
    """Say what became of a frame."""
    words = f"{row['number']}/{total} {row['file']}: {row['status']}"
    if row["status"] != MAPPED:
        return f"{words}: {row['reason']}"
    if row["drift_from"] not in ("reference", "not measured"):
        words += f", drift {row['drift_y_px']:+.2f} {row['drift_x_px']:+.2f} px"
    return f"{words}, energies {row['axis_offset_eV']:+.1f} eV, {100 * row['answered_fraction']:.0f} % answered"
