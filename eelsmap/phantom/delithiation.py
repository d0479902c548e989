"""An in-situ session to try a series on: a front that takes the lithium, vacancies that grow, drift, files gone wrong.

Simulated: structures that no shipped model was trained on, seen by the synthetic microscope.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import RecipeError
from eelsmap.phantom.geometry import particle_geometry
from eelsmap.phantom.microscope import Microscope
from eelsmap.phantom.series import PhantomFrame, record_frame, write_series
from eelsmap.phantom.specimen import Specimen

__all__ = ["Mishaps", "delithiation_front", "make_delithiation", "specimen_depth", "write_session"]

_FULL, _EMPTY = 0.92, 0.30
"""Lithium content before the front and behind it."""
_FRONT = 0.35
"""Width of the front, share of the way from the rim to the core."""
_SPOT_NM = (2.5, 11.0)
"""Radius of the vacancy region in the first frame and in the last, nm."""


@dataclass(frozen=True)
class Mishaps:
    """Numbers of the frames that something happens to; None leaves it out.

    ``truncated``: its file was cut while it was written. ``cropped``: recorded over fewer pixels. ``copied``: not
    recorded, but a copy of the frame before under a name of its own.
    """

    truncated: int | None = 6
    cropped: int | None = 11
    copied: int | None = 15

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of all frames that give no maps of their own."""
        return tuple(number for number in (self.truncated, self.cropped, self.copied) if number is not None)


def specimen_depth(shape: tuple[int, int], /, *, seed: int = 0) -> NDArray[np.float64]:
    """Tell how deep in the particle each pixel of the first frame lies: 0 at the rim, 1 in the core; same shape."""
    return particle_geometry(shape, lithium=(0.0, 1.0), surface_nm=0.0, seed=seed).lithium


def delithiation_front(depth: NDArray[np.float64], part: float, /) -> NDArray[np.float64]:
    """Lithium content when a front has come some way from the rim to the core.

    Parameters
    ----------
    depth
        Of each pixel, 0 to 1; any shape.
    part
        How far the front has come, 0 (it begins at the rim) to 1 (the core is as empty as the rim).
    """
    left = np.clip((depth - part * (1.0 + _FRONT)) / _FRONT + 1.0, 0.0, 1.0)
    return _EMPTY + (_FULL - _EMPTY) * left**2 * (3.0 - 2.0 * left)


def make_delithiation(
    frames: int = 20,
    shape: tuple[int, int] = (24, 30),
    *,
    microscope: Microscope | None = None,
    scale_nm: float = 2.0,
    drift_px: float = 4.0,
    drift_eV: float = 3.5,
    seed: int = 0,
) -> list[PhantomFrame]:
    """Record a particle while a front takes its lithium and a region of oxygen vacancies grows.

    Parameters
    ----------
    frames
        How many, at least two.
    shape
        (rows, columns).
    microscope
        Settings; by default 1024 channels of 0.5 eV from 480 eV and 1e6 counts in the O K window. Noise differs from
        frame to frame.
    scale_nm
        Size of a pixel, nm.
    drift_px
        How far the specimen moves in all, pixels; back and forth on the way.
    drift_eV
        Largest error of the energy axis of a frame, eV; it comes and goes over the series.
    seed
        Seed of specimen and noise; the same gives the same bytes.

    Returns
    -------
    list of PhantomFrame
        In the order of recording. ``phantom.truth`` is what is true on the pixels as they were recorded.

    Raises
    ------
    RecipeError
        There are fewer than two frames.
    """
    from eelsmap.library import load_library

    if frames < 2:
        raise RecipeError(f"frames is {frames}: a series has at least two")
    library = load_library("nmc")
    scope = microscope or Microscope(counts=1e6, channels=1024, offset=480.0, dispersion=0.5)
    depth = specimen_depth(shape, seed=seed)
    particle = particle_geometry(shape, scale_nm=scale_nm, vacancy_spots=0, surface_nm=2.0, seed=seed)
    away_nm = scale_nm * _from_spot(depth, particle.thickness)
    recorded = []
    for number in range(frames):
        part = number / (frames - 1)
        radius = _SPOT_NM[0] + part * (_SPOT_NM[1] - _SPOT_NM[0])
        geometry = replace(
            particle,
            lithium=delithiation_front(depth, part),
            vacancy=0.95 * np.exp(-0.5 * (away_nm / radius) ** 4),
        )
        specimen = Specimen.fill(geometry, library, scale_nm=scale_nm)
        drift = (float(drift_px * part * np.cos(2.0 * part)), float(drift_px * part * np.sin(5.0 * part)))
        moved_axis = replace(scope, axis_offset_error=float(drift_eV * np.sin(2.2 * np.pi * part)))
        recorded.append(record_frame(number, specimen, drift, moved_axis, library, seed=seed))
    return recorded


def write_session(
    frames: Sequence[PhantomFrame], folder: str | Path, /, *, mishaps: Mishaps | None = None, suffix: str = ".dm4"
) -> list[Path]:
    """Write frames as files of a session in which not everything went well.

    Parameters
    ----------
    frames
        The frames.
    folder
        Where they go; see :func:`eelsmap.phantom.series.write_series`.
    mishaps
        What happens to which frame; by default :class:`Mishaps`, for at least 16 frames.
    suffix
        ``.dm4``, which needs ``nionswift-io``, or ``.hspy``.

    Returns
    -------
    list of pathlib.Path
        One a frame.
    """
    happens = mishaps or Mishaps()
    numbers = happens.numbers
    if len(set(numbers)) < len(numbers) or not all(0 < number < len(frames) for number in numbers):
        raise RecipeError(f"{happens}: these frames cannot be spoilt in a series of {len(frames)}")
    given = list(frames)
    if happens.cropped is not None:
        given[happens.cropped] = _cropped(given[happens.cropped])
    paths = write_series(given, folder, suffix=suffix)
    if happens.truncated is not None:
        whole = paths[happens.truncated].read_bytes()
        paths[happens.truncated].write_bytes(whole[: len(whole) // 2])
    if happens.copied is not None:
        shutil.copyfile(paths[happens.copied - 1], paths[happens.copied])
    return paths


def _from_spot(depth: NDArray[np.float64], thickness: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each pixel from the middle of the vacancy region, halfway into thick material, pixels."""
    rows, columns = np.indices(depth.shape)
    # Right of the middle, so that the region lies in one place of the particle and not around it.
    unfit = np.abs(depth - 0.8) + (columns < 0.5 * depth.shape[1]) + (thickness < 0.5)
    row, column = np.unravel_index(int(np.argmin(unfit)), depth.shape)
    return np.hypot(rows - row, columns - column)


def _cropped(frame: PhantomFrame) -> PhantomFrame:
    """Take the first two thirds of the rows and columns only."""
    rows, columns = (max(1, 2 * size // 3) for size in frame.phantom.core_loss.shape[:2])
    specimen = frame.phantom.specimen
    part = replace(
        frame.phantom,
        core_loss=frame.phantom.core_loss[:rows, :columns],
        truth={name: values[:rows, :columns] for name, values in frame.phantom.truth.items()},
        specimen=replace(specimen, amounts=specimen.amounts[:, :rows, :columns], hole=specimen.hole[:rows, :columns]),
    )
    return replace(frame, phantom=part)
