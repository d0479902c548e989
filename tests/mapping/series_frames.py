"""A small phantom series as .dm4 files: a delithiation front that moves, drift in space and energy, bad files."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

import eelsmap
from eelsmap.library import load_library
from eelsmap.phantom import Microscope
from eelsmap.phantom.specimen import Specimen

SHAPE = (14, 18)
DRIFT = ((0.0, 0.0), (1.0, -0.5), (1.6, -1.0), (2.0, 0.7))
"""Where the specimen lies in each frame, pixels along y and x."""
ENERGY = (0.0, 1.0, -2.5, 3.0)
"""How much too high each axis reads, eV."""
LITHIUM = ((0.80, 0.95), (0.60, 0.90), (0.35, 0.80), (0.10, 0.60))
"""Lithium content of the front on either side."""
MINUTE, DWELL, CURRENT, SCALE = 60, 0.01, 0.05, 2.0


def write_frame(path: Path, data: np.ndarray, *, offset: float, step: float, minute: int = 0) -> None:
    """Write counts (y, x, channel) as .dm4 with the tags that tell time, current and dwell time."""
    from nion.data import Calibration, DataAndMetadata
    from nionswift_plugin.DM_IO import dm3_image_utils

    axes = [(0.0, SCALE, "nm"), (0.0, SCALE, "nm"), (offset, step, "eV")]
    image = DataAndMetadata.new_data_and_metadata(
        np.ascontiguousarray(data),
        data_descriptor=DataAndMetadata.DataDescriptor(False, 2, 1),
        dimensional_calibrations=[Calibration.Calibration(*axis) for axis in axes],
        intensity_calibration=Calibration.Calibration(0.0, 1.0, "Counts"),
        metadata={
            "Microscope Info": {"Voltage": 200e3, "Operation Mode": "SCANNING", "Probe Current (nA)": CURRENT},
            "EELS": {
                "Acquisition": {
                    "Exposure (s)": DWELL, "Number of frames": 1,
                    "Date": "11/21/2026", "Start time": f"10:{minute:02d}:00 AM",
                },
                "Experimental Conditions": {
                    "Collection semi-angle (mrad)": 50.0, "Convergence semi-angle (mrad)": 25.0,
                },
            },
            "DigiScan": {"Flip": 0},
            "Meta Data": {"Format": "Spectrum image", "Signal": "EELS"},
        },
    )  # fmt: skip
    with path.open("wb") as file:
        dm3_image_utils.save_image(image, file, 4)


@cache
def library() -> Any:
    """Return the shipped library, whose tables are read and hashed once for all frames."""
    return load_library("nmc")


def recorded(number: int, *, shape: tuple[int, int] = SHAPE, counts: float = 1e6) -> tuple[Any, Microscope]:
    """Record frame `number` of the series."""
    scope = Microscope(counts=counts, channels=512, offset=480.0, dispersion=1.0, drift_eV=0.0, row_jump_eV=0.0,
                       spike_rate=0.0, axis_offset_error=ENERGY[number], seed=number)  # fmt: skip
    specimen = Specimen.build(library(), shape, scale_nm=SCALE, lithium=LITHIUM[number], vacancy_spots=1 + number,
                              surface_nm=2.0, seed=0)  # fmt: skip
    moved = ndimage.shift(specimen.amounts, (0.0, *DRIFT[number]), order=1, mode="nearest")
    return eelsmap.make_phantom(specimen=replace(specimen, amounts=moved), microscope=scope, library=library()), scope


@cache
def still() -> np.ndarray:
    """Counts of the first frame, which :func:`write_rolled` moves about."""
    return np.asarray(recorded(0)[0].core_loss)


def write_rolled(folder: Path, frames: int = 4) -> list[Path]:
    """Write frames that differ by whole pixels, whole channels and noise: quick to make."""
    paths = []
    for number in range(frames):
        moved = np.roll(still(), (number % 3, -number, 0), axis=(0, 1, 2))
        data = np.random.default_rng(number).poisson(np.clip(moved, 0, None)).astype(np.float32)
        paths.append(folder / f"roll_{number}.dm4")
        write_frame(paths[-1], data, offset=480.0, step=1.0, minute=number)
    return paths


def results(folder: Path) -> dict[str, bytes]:
    """All files of the results but the log and what begins with a dot."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name[0] != "." and path.name != "run.log")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(files)}


def write_series(folder: Path) -> dict[str, Any]:
    """Write four good frames, a truncated one, one of another size and a duplicate; return the truth maps."""
    truth = {}
    # The names say another order than the times.
    for number, name in enumerate(("b", "a", "d", "c")):
        phantom, scope = recorded(number)
        truth[number] = phantom.truth
        write_frame(folder / f"run_{name}.dm4", phantom.core_loss, offset=scope.offset, step=1.0, minute=2 * number)
    write_frame(folder / "run_small.dm4", phantom.core_loss[:9, :11], offset=scope.offset, step=1.0, minute=5)
    whole = (folder / "run_a.dm4").read_bytes()
    (folder / "run_e_truncated.dm4").write_bytes(whole[: len(whole) // 2])
    shutil.copy(folder / "run_c.dm4", folder / "run_z_copy.dm4")
    return truth
