"""A series of phantoms: a particle that loses its lithium from the rim, drifting a little between frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from eelsmap.errors import RecipeError
from eelsmap.phantom.image import Phantom, make_phantom
from eelsmap.phantom.microscope import Microscope
from eelsmap.phantom.specimen import Specimen

if TYPE_CHECKING:
    from eelsmap.library import Library

__all__ = ["PhantomFrame", "make_series", "record_frame", "series_signal", "write_series"]

_START = datetime(2026, 1, 1, 10)
_FRAME_S = 120.0
_FULL, _EMPTY = (0.80, 0.95), (0.10, 0.60)
"""Lithium content at the rim and in the core, of the first frame and of the last."""


@dataclass(frozen=True)
class PhantomFrame:
    """One frame.

    Parameters
    ----------
    phantom
        The spectrum image with its truth, which has moved along with the specimen.
    seconds
        When it was recorded, after the first.
    drift
        How far the specimen lies from where it was in the first frame, pixels along y and x.
    """

    phantom: Phantom
    seconds: float
    drift: tuple[float, float]


def make_series(
    frames: int = 6,
    shape: tuple[int, int] = (24, 32),
    *,
    microscope: Microscope | None = None,
    scale_nm: float = 2.0,
    drift_px: float = 0.5,
    seed: int = 0,
) -> list[PhantomFrame]:
    """Record a particle again and again while lithium leaves it and oxygen vacancies grow.

    Parameters
    ----------
    frames
        How many, at least two.
    shape
        (rows, columns).
    microscope
        Settings; by default 512 channels of 1 eV. Noise and energy drift differ from frame to frame.
    scale_nm
        Size of a pixel, nm.
    drift_px
        How far the specimen moves between frames, pixels.
    seed
        Seed of specimen and noise; the same gives the same bytes.

    Returns
    -------
    list of PhantomFrame
        In the order of recording.

    Raises
    ------
    RecipeError
        There are fewer than two frames.
    """
    from eelsmap.library import load_library

    if frames < 2:
        raise RecipeError(f"frames is {frames}: a series has at least two")
    library = load_library("nmc")
    scope = microscope or Microscope(counts=1e6, channels=512, offset=480.0, dispersion=1.0)
    recorded = []
    for number in range(frames):
        part = number / (frames - 1)
        lithium = [full + part * (empty - full) for full, empty in zip(_FULL, _EMPTY, strict=True)]
        specimen = Specimen.build(
            library, shape, scale_nm=scale_nm, lithium=(lithium[0], lithium[1]), vacancy_spots=1 + round(3 * part),
            surface_nm=2.0, seed=seed,
        )  # fmt: skip
        drift = (number * drift_px * 0.6, -number * drift_px * 0.8)
        recorded.append(record_frame(number, specimen, drift, scope, library, seed=seed))
    return recorded


def record_frame(
    number: int,
    specimen: Specimen,
    drift: tuple[float, float],
    microscope: Microscope,
    library: Library,
    /,
    *,
    seed: int,
) -> PhantomFrame:
    """Record one frame of a series.

    Parameters
    ----------
    number
        Which frame; it tells the time, and noise of its own.
    specimen
        What there is to see, where it was in the first frame.
    drift
        How far it has moved since, pixels along y and x.
    microscope
        Its settings; each frame adds its number to their seed.
    library
        Where spectra come from.
    seed
        Of the phantom.
    """
    moved = ndimage.shift(specimen.amounts, (0.0, *drift), order=1, mode="nearest")
    phantom = make_phantom(
        specimen=replace(specimen, amounts=moved), microscope=replace(microscope, seed=microscope.seed + number),
        library=library, seed=seed,
    )  # fmt: skip
    return PhantomFrame(phantom, number * _FRAME_S, drift)


def series_signal(frames: Sequence[PhantomFrame], /) -> Any:
    """All frames as one exspy ``EELSSpectrum`` with navigation axes x, y (nm) and time (s)."""
    first = frames[0].phantom.signal()
    axes = [axis.get_axis_dictionary() for axis in first.axes_manager._axes]
    time = {
        "name": "time", "size": len(frames), "scale": frames[1].seconds - frames[0].seconds, "offset": 0.0,
        "units": "s", "navigate": True,
    }  # fmt: skip
    data = np.stack([frame.phantom.core_loss for frame in frames])
    signal = type(first)(data, axes=[time, *axes], metadata=first.metadata.as_dictionary())
    signal.metadata.General.title = "phantom series, core loss"
    return signal


def write_series(frames: Sequence[PhantomFrame], folder: str | Path, /, *, suffix: str = ".hspy") -> list[Path]:
    """Write each frame as a file of its own, as a microscope would, for :func:`eelsmap.map_series`.

    Parameters
    ----------
    frames
        The frames.
    folder
        Where they go; made if it is missing. Files of the same names are replaced.
    suffix
        ``.hspy``; with ``nionswift-io`` also ``.dm4``.

    Returns
    -------
    list of pathlib.Path
        ``frame_00.hspy`` and so on (as many digits as the last number has), each with the date and time of its
        recording.
    """
    from eelsmap.phantom.files import write_dm4

    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, frame in enumerate(frames):
        signal = frame.phantom.signal()
        time = _START + timedelta(seconds=frame.seconds)
        signal.metadata.set_item("General.date", time.date().isoformat())
        signal.metadata.set_item("General.time", time.time().isoformat())
        paths.append(place / f"frame_{number:0{len(str(len(frames) - 1))}d}{suffix}")
        if suffix == ".dm4":
            write_dm4(signal, paths[-1])
        else:
            signal.save(paths[-1], overwrite=True)
    return paths
