"""All maps of a series in one file that opens lazily: map, time, y, x."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from eelsmap.errors import FileReadError
from eelsmap.mapping.series.mapped_frame import MappedFrame
from eelsmap.mapping.series.shifting import on_first_frame
from eelsmap.whole_file import whole_file

__all__ = ["CONTENT", "STORE", "open_store", "write_store"]

CONTENT = "map series"
"""What ``metadata.EELSMap.content`` says in the file."""
STORE = "series.hspy"

_SAME_STEP = 0.01


def write_store(path: Path, frames: Sequence[tuple[MappedFrame, dict[str, Any]]], settings: dict[str, Any], /) -> None:
    """Write the maps of all frames on the pixels of the first one, frame by frame, all or nothing.

    Parameters
    ----------
    path
        The .hspy file; replaced if it exists.
    frames
        Maps and row of each frame.
    settings
        What the series was made with.

    Notes
    -----
    HyperSpy opens the file as one signal with the navigation axes ``map`` and ``time`` and an image (or a line) for
    each; one map of one frame is one chunk. The file holds no time of writing, so that the same series makes the same
    bytes.
    """
    import dask.array as da
    import h5py
    from hyperspy.signals import BaseSignal
    from rsciio.hspy import file_writer

    maps, _row = frames[0]
    shape = (len(maps), len(frames), *maps.shape)
    chunks = (1, 1, *maps.shape)
    axes = [
        {"name": "map", "size": shape[0], "scale": 1.0, "offset": 0.0, "units": "", "navigate": True},
        {**_time_axis([row["seconds"] for _maps, row in frames]), "navigate": True},
        *({**axis, "navigate": False} for axis in maps.axes),
    ]
    said = {
        "content": CONTENT,
        "names": list(maps.names),
        "frames": [str(row["file"]) for _maps, row in frames],
        "seconds": [float(row["seconds"]) for _maps, row in frames],
        "settings": json.dumps(settings, sort_keys=True),
        "model": settings["model"],
    }
    signal = BaseSignal(
        da.zeros(shape, dtype=np.float32, chunks=chunks), axes=axes,
        metadata={"General": {"title": "eelsmap series"}, "EELSMap": said},
    ).as_lazy()  # fmt: skip
    with whole_file(path) as part:
        # HyperSpy's own save would add the time of writing; and here a small array holds the place of the maps, which
        # come frame by frame.
        content = signal._to_dictionary(add_models=True) | {
            "package_info": {"package": "hyperspy", "package_version": version("hyperspy")},
            "data": np.zeros((1,) * len(shape), dtype=np.float32),
        }
        file_writer(str(part), content, compression=None, show_progressbar=False)
        with h5py.File(part, "a") as file:
            group = next(iter(file["Experiments"].values()))
            del group["data"]
            data = group.create_dataset("data", shape, dtype=np.float32, chunks=chunks, fillvalue=np.nan)
            for place, (one, row) in enumerate(frames):
                for number, name in enumerate(one.names):
                    data[number, place] = on_first_frame(one[name], name, (row["drift_y_px"], row["drift_x_px"]))


def open_store(path: Path, /) -> Any:
    """Open the file lazily.

    Raises
    ------
    FileReadError
        It is not there, or is no store of a series.
    """
    import hyperspy.api as hs

    if not path.is_file():
        raise FileReadError(f"{path}: there are no maps yet; finish the series with the same command")
    signal = hs.load(path, lazy=True)
    if isinstance(signal, list) or signal.metadata.get_item("EELSMap.content") != CONTENT:
        raise FileReadError(f"{path}: holds no maps of a series")
    return signal


def _time_axis(seconds: Sequence[float]) -> dict[str, Any]:
    """Axis in seconds where frames follow each other in equal steps, else in frames."""
    steps = np.diff(seconds)
    axis = {"name": "time", "size": len(seconds), "scale": 1.0, "offset": 0.0, "units": "frame"}
    if steps.size and np.isfinite(steps).all() and steps.min() > 0 and np.ptp(steps) <= _SAME_STEP * steps.mean():
        axis |= {"scale": float(steps.mean()), "offset": float(seconds[0]), "units": "s"}
    return axis
