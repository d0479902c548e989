"""Map a series of spectrum images, restartable at any instant."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from eelsmap.errors import EelsmapError, FileReadError, RunCancelledError
from eelsmap.io.frames import find_frames
from eelsmap.mapping.series.frame_by_frame import FRAMES, FrameByFrame
from eelsmap.mapping.series.known_frames import stamp_of
from eelsmap.mapping.series.lock import locked
from eelsmap.mapping.series.regions import make_regions
from eelsmap.mapping.series.result import MapSeries
from eelsmap.mapping.series.settings import Settings, read_settings
from eelsmap.mapping.series.store import STORE, write_store
from eelsmap.mapping.series.table import LINES, TABLE
from eelsmap.models.device_model import on_device
from eelsmap.models.model import Model
from eelsmap.models.model_loading import load_model
from eelsmap.recipe import Recipe
from eelsmap.whole_file import whole_file

__all__ = ["map_series"]

_LOCK, _FINISHED = ".lock", ".finished.json"
_LEFT_BEHIND = re.compile(r"\.[0-9a-f]{32}(\.\w+)?")
_NAP = 0.2
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def map_series(
    frames: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    model: Model | str | Path = "nmc",
    *,
    out: str | os.PathLike[str],
    recipe: Recipe | None = None,
    axis: str = "per_frame",
    drift: bool = True,
    regions: Mapping[str, Any] | None = None,
    thresholds: str = "first",
    order: str = "auto",
    watch: float | None = None,
    watch_for: float | None = None,
    device: str | None = None,
    say: Callable[[str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> MapSeries:
    """Map every frame of a time series; stopped at any instant, the same call goes on where it was.

    Parameters
    ----------
    frames
        A pattern such as ``"run_*.dm4"``, a folder, or a list of files.
    model
        A model, the name of a shipped one, or the path of a bundle.
    out
        Folder of the results. A frame that lies there already, made of the same bytes by the same model and recipe, is
        kept.
    recipe
        Another road than the model's; see :func:`eelsmap.map_properties`.
    axis
        ``"per_frame"``: every frame has its own correction of the energy axis and its own background windows;
        ``"shared"``: all have those of the first frame; ``"tracked"``: those of the first frame, moved by as much
        as the edges have moved since. What each frame itself shows is in the table in any case.
    drift
        Whether drift in space is measured, and taken out of the stacked maps.
    regions
        Name to condition, mask file or array; see :func:`eelsmap.mapping.series.regions.make_regions`. All pixels that
        have an answer if left out.
    thresholds
        ``"first"``: conditions are evaluated on the first frame, and the region follows the specimen; ``"each"``: on
        each frame.
    order
        ``"auto"``, ``"time"`` or ``"name"``; see :data:`eelsmap.io.frames.ORDERS`.
    watch
        Look for new frames every so many seconds, until Ctrl-C. A file is taken once it has stopped changing for that
        long.
    watch_for
        Stop watching after so many seconds without a new frame.
    device
        Where features and trees are computed; see :func:`eelsmap.map_properties`.
    say
        Called with a sentence on each frame.
    cancelled
        Asked before each frame and, while one is mapped, after each block of its pixels; the run ends when it says
        True. Watching ends as by Ctrl-C.

    Returns
    -------
    MapSeries
        The table, and the maps, lazily.

    Raises
    ------
    FileReadError
        There is no frame.
    EelsmapError
        The folder is used by another run or holds something else; the model or a region cannot be used; the disk is
        full. What was done until then is kept.
    RunCancelledError
        When `cancelled` says so. Every finished frame is kept with its row, and the same call goes on.

    Notes
    -----
    A frame that cannot be read, or has another size than most, is a row of the table with the reason, and the others
    go on. No more than one frame is in memory.
    """
    folder = Path(out)
    loaded = model if isinstance(model, Model) else load_model(model)
    loaded = loaded if device is None else on_device(loaded, device)
    road = loaded.recipe if recipe is None else loaded.recipe.with_treatment(recipe)
    settings = Settings(loaded, road, axis, drift, make_regions(regions), thresholds, order)
    if watch is None and not find_frames(frames):
        raise FileReadError(f"{frames}: there is no frame of a series; check the folder and the extension")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        earlier = read_settings(folder, (LINES, TABLE, STORE, FRAMES))
        with locked(folder / _LOCK):
            work = _begun(folder, settings, earlier, say or (lambda _sentence: None), cancelled)
            if watch is None:
                _once(work, frames)
                _finish(work)
            elif _watch(work, frames, watch, watch_for, cancelled):
                _finish(work)
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise EelsmapError(
                f"{folder}: no space left on the disk. What is done is kept: make room and run the same command again"
            ) from error
        raise
    return MapSeries.load(folder)


def _begun(
    folder: Path,
    settings: Settings,
    earlier: dict[str, Any] | None,
    say: Callable[[str], None],
    cancelled: Callable[[], bool] | None,
) -> FrameByFrame:
    """Tidy up after an earlier run, and start afresh where its maps were made otherwise."""
    (folder / FRAMES).mkdir(exist_ok=True)
    for place in (folder, folder / FRAMES):
        for path in place.iterdir():
            if _LEFT_BEHIND.fullmatch(path.name):
                path.unlink(missing_ok=True)
    changed = settings.changes(earlier) if earlier is not None else []
    if changed:
        for path in (folder / FRAMES).iterdir():
            path.unlink(missing_ok=True)
    work = FrameByFrame(folder, settings, say, cancelled)
    if changed:
        work.say(f"another {' and '.join(changed)} than in the run before: every frame is mapped afresh")
    settings.write(folder)
    return work


def _once(work: FrameByFrame, frames: Any) -> None:
    """Take the frames that there are."""
    try:
        work.run(find_frames(frames))
    except RunCancelledError:
        work.write_rest()
        raise RunCancelledError(
            "stopped; the frames that are done are kept, and the same run again makes the others"
        ) from None


def _watch(
    work: FrameByFrame, frames: Any, every: float, patience: float | None, cancelled: Callable[[], bool] | None
) -> bool:
    """Take frames as they appear, until the user or the patience ends it; tell whether to sum up what there is."""
    stamps: dict[Path, tuple[int, int]] = {}
    taken: set[tuple[Path, tuple[int, int]]] = set()
    latest = time.monotonic()
    try:
        while patience is None or time.monotonic() - latest <= patience:
            now = {path: stamp_of(path) for path in find_frames(frames)}
            settled = {(path, stamp) for path, stamp in now.items() if stamps.get(path) == stamp}
            stamps = now
            if settled != taken:
                work.run(sorted(path for path, _stamp in settled))
                taken, latest = settled, time.monotonic()
            _wait(every, cancelled)
    except (KeyboardInterrupt, RunCancelledError):
        work.say("stopped watching")
        if work.falls_short:
            work.write_rest()
            return False
    return True


def _wait(seconds: float, cancelled: Callable[[], bool] | None) -> None:
    """Sleep; in short naps where somebody may end the run meanwhile."""
    naps = 1 if cancelled is None else max(1, math.ceil(seconds / _NAP))
    for _ in range(naps):
        if cancelled is not None and cancelled():
            raise RunCancelledError("watching was cancelled")
        time.sleep(seconds / naps)


def _finish(work: FrameByFrame) -> None:
    """Write what is made of all frames together, unless it is there."""
    work.write()
    state = {"settings": work.settings.sha256, "rows": [row["_chain"] for row in work.rows]}
    try:
        done = json.loads((work.folder / _FINISHED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        done = None
    store = work.folder / STORE
    mapped = work.mapped()
    if done == state and store.exists() == bool(mapped):
        return
    if mapped:
        write_store(store, mapped, work.settings.to_dict())
    else:
        store.unlink(missing_ok=True)
    with whole_file(work.folder / _FINISHED) as part:
        part.write_text(json.dumps(state) + "\n", encoding="utf-8")
