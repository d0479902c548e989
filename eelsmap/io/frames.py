"""The frames of a time series: which files they are, what their headers say, and in which order they were recorded."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import numpy as np

from eelsmap.errors import EelsmapError, FileReadError, RecipeError
from eelsmap.io.energy_axis import axis_unit
from eelsmap.io.files import EXTENSIONS, expand, natural_key
from eelsmap.io.load import load
from eelsmap.io.metadata import acquisition

__all__ = ["ORDERS", "Frame", "find_frames", "order_frames", "read_frame"]

ORDERS = ("auto", "time", "name")
"""How frames are ordered: by acquisition time where every readable frame has one, by time always, by name always."""

Sources = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@dataclass(frozen=True, slots=True)
class Frame:
    """A file and what its header says.

    Parameters
    ----------
    path
        Resolved.
    sha256
        Of the whole content; empty where the file cannot be read at all.
    time
        Start of the acquisition as the file says it, ISO 8601; empty where it does not.
    shape
        Shape of the image, array order.
    pixel_nm2
        Area of a pixel, nm²; NaN where the axes do not say.
    dwell_s
        Dwell time, s; NaN where unknown.
    current_nA
        Beam current, nA; NaN where unknown.
    reason
        Why the file cannot be read; empty where it can.
    """

    path: Path
    sha256: str = ""
    time: str = ""
    shape: tuple[int, ...] = ()
    pixel_nm2: float = math.nan
    dwell_s: float = math.nan
    current_nA: float = math.nan  # noqa: N815 - units keep their capitals
    reason: str = ""

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return math.prod(self.shape)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; :meth:`from_dict` takes them back."""
        return {**asdict(self), "path": str(self.path), "shape": list(self.shape)}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """Rebuild a frame from :meth:`to_dict`."""
        return cls(**{**content, "path": Path(content["path"]), "shape": tuple(content["shape"])})


def find_frames(sources: Sources, /) -> list[Path]:
    """Files of a series.

    Parameters
    ----------
    sources
        A pattern such as ``"run_*.dm4"``, a folder, a file, or several of these.

    Returns
    -------
    list of Path
        Resolved, each file once, in the order of the sources and within one in natural order. A pattern or folder
        without files gives none; a file that is named is there even if it does not exist.
    """
    several: Iterable[str | os.PathLike[str]] = [sources] if isinstance(sources, str | os.PathLike) else sources
    found: dict[Path, None] = {}
    for source in several:
        path = Path(source)
        if path.is_dir() and path.suffix.lower() not in EXTENSIONS:
            inside = (one for one in path.iterdir() if one.suffix.lower() in EXTENSIONS and one.name[0] != ".")
            files = sorted(inside, key=natural_key)
        else:
            try:
                matching = expand(source)
            except FileReadError:
                matching = []
            files = [path] if matching is None else matching
        found.update((file.resolve(), None) for file in files)
    return list(found)


def read_frame(path: Path, /) -> Frame:
    """Read the header of a frame, and all of its bytes once, for their hash.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Frame
        With a reason where the file cannot be read; nothing is raised.
    """
    try:
        signal = load(path, lazy=True)
        digest = str(signal.metadata.get_item("EELSMap.source.sha256") or _digest(path))
        known = acquisition(signal)
        return Frame(
            path, digest, _time(signal), tuple(int(size) for size in signal.data.shape[:-1]), _pixel_area(signal),
            known.get("dwell_time", math.nan), _current(signal),
        )  # fmt: skip
    except (EelsmapError, OSError) as error:
        reason = str(error).removeprefix(f"{path}: ").removeprefix(f"{path.name}: ")
    except Exception as error:
        # Whatever a file does to a reader, the frames after it must be mapped.
        reason = f"unforeseen {type(error).__name__}: {error}; please report it"
    try:
        return Frame(path, _digest(path) if path.exists() else "", reason=reason)
    except OSError:
        return Frame(path, reason=reason)


def order_frames(frames: Sequence[Frame], order: str = "auto", /) -> tuple[list[Frame], str]:
    """Put frames into the order of their acquisition.

    Parameters
    ----------
    frames
        The frames.
    order
        One of :data:`ORDERS`.

    Returns
    -------
    ordered : list of Frame
        A frame that cannot be read follows the one before it by name; equal times are ordered by name.
    used : str
        ``"time"`` or ``"name"``.

    Raises
    ------
    RecipeError
        The order is unknown, or by time though a readable frame has none.
    """
    if order not in ORDERS:
        raise RecipeError(f"series: order = {order!r} cannot be used; it must be one of {', '.join(ORDERS)}")
    named = sorted(frames, key=lambda frame: (natural_key(frame.path), str(frame.path)))
    without = [frame for frame in named if not frame.reason and not frame.time]
    if order == "time" and without:
        raise RecipeError(f"{without[0].path}: holds no acquisition time; order the series by name")
    if order == "name" or without:
        return named, "name"
    keys, latest = [], ""
    for frame in named:
        latest = latest if frame.reason else frame.time
        keys.append(latest)
    places = sorted(range(len(named)), key=lambda place: (keys[place], place))
    return [named[place] for place in places], "time"


def _digest(path: Path) -> str:
    """Sha256 of a file, or of all files of a .zspy folder with their names."""
    if not path.is_dir():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    whole = hashlib.sha256()
    for file in sorted(one for one in path.rglob("*") if one.is_file()):
        whole.update(f"{file.relative_to(path).as_posix()} {_digest(file)}\n".encode())
    return whole.hexdigest()


def _time(signal: Any) -> str:
    """Date and time of a signal, ISO 8601; empty without both."""
    date, time = (signal.metadata.get_item(f"General.{name}") for name in ("date", "time"))
    try:
        return datetime.fromisoformat(f"{date}T{time}").isoformat()
    except ValueError:
        return ""


def _pixel_area(signal: Any) -> float:
    """Area of a pixel of an image in nm²; NaN where an axis has no length."""
    axes = signal.axes_manager.navigation_axes
    if len(axes) != 2 or not all(axis.is_uniform and axis_unit(axis) == "nm" for axis in axes):
        return math.nan
    area = float(abs(np.prod([axis.scale for axis in axes])))
    return area if math.isfinite(area) and area > 0 else math.nan


def _current(signal: Any) -> float:
    """Beam current in nA; NaN where missing, zero counting as missing."""
    try:
        value = float(signal.metadata.get_item("Acquisition_instrument.TEM.beam_current"))
    except (TypeError, ValueError):
        return math.nan
    return value if math.isfinite(value) and value > 0 else math.nan
