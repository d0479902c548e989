"""A small series mapped by a small model: four frames that drift by whole pixels, and a truncated one."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from eelsmap.mapping.series import MapSeries, map_series
from eelsmap.models.model import Model
from tests.mapping.series_frames import SHAPE, write_rolled
from tests.models.small_model import small_model

__all__ = ["BAD", "BOX", "SHAPE", "STEPS", "copied", "frames_folder", "model", "small_series"]

_folder = TemporaryDirectory(prefix="eelsmap_series_")
STEPS = 5
"""Frames, with the truncated one."""
BAD = 2
"""Step of the truncated frame, whose time is not known: frames then go by name."""
BOX = np.zeros(SHAPE, dtype=bool)
BOX[4:8, 5:9] = True


@cache
def model() -> Model:
    """Make the model, once."""
    return small_model(Path(_folder.name) / "model")


@cache
def frames_folder() -> Path:
    """Write the frames, once."""
    frames = Path(_folder.name) / "frames"
    frames.mkdir()
    paths = write_rolled(frames)
    whole = paths[0].read_bytes()
    (frames / "roll_1b.dm4").write_bytes(whole[: len(whole) // 2])
    return frames


@cache
def small_series() -> MapSeries:
    """Map the frames, once, with a box and what is bright as regions; to be left as it is."""
    regions = {"box": BOX, "bright": "counts>20%"}
    return map_series(frames_folder(), model(), out=Path(_folder.name) / "out", regions=regions, order="name")


def copied(folder: Path) -> MapSeries:
    """Copy the results, to be changed."""
    shutil.copytree(small_series().folder, folder)
    return MapSeries.load(folder)
