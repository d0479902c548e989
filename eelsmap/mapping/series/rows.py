"""One row a frame: what is known of it, and what its maps say of every region."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import NO_ANSWER
from eelsmap.io.frames import Frame
from eelsmap.mapping.map_names import base_name, is_quality
from eelsmap.mapping.series.mapped_frame import MappedFrame
from eelsmap.mapping.series.regions import Region, region_statistics
from eelsmap.mapping.series.registration import measure_displacement
from eelsmap.mapping.series.shifting import source_pixels

__all__ = ["MAPPED", "Before", "frame_row", "mapped_columns", "properties_of"]

MAPPED = "mapped"
"""Status of a frame that has maps; others are ``duplicate``, ``other size`` and ``failed``."""

_ELEMENTARY_CHARGE = 1.602176634e-19
_SQUARE_ANGSTROM_PER_NM2 = 100.0
# Two ways to measure one drift agree within this many pixels, or this many standard deviations.
_ALIKE_PIXELS, _ALIKE_SIGMAS = 0.5, 4.0


@dataclass
class Before:
    """What a row needs to know of the frames before it.

    ``rows``: of all frames before. ``first``, ``latest``: the first and the latest frame that have maps, and the row
    of the latest. ``regions``: pixels of each region on the first frame, once that is known.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    first: MappedFrame | None = None
    latest: MappedFrame | None = None
    latest_row: dict[str, Any] | None = None
    regions: dict[str, NDArray[np.bool_]] = field(default_factory=dict)


def properties_of(names: Sequence[str], /) -> list[str]:
    """Names of the properties among those of maps."""
    return [name for name in names if not is_quality(name) and base_name(name) == name]


def frame_row(frame: Frame, status: str, reason: str, before: Before, /) -> dict[str, Any]:
    """Tell what is known of any frame, mapped or not.

    Parameters
    ----------
    frame
        The frame.
    status, reason
        What became of it, and why.
    before
        The frames before it.

    Returns
    -------
    dict
        ``number``, ``file``, ``path``, ``sha256``, ``status``, ``reason``, ``time``, ``seconds``; ``electrons`` that
        went into the frame, ``dose_e_per_A2``, both with what all frames before it add up to, and
        ``dose_unknown_frames``, how many of those are left out of the sums since their dose is not known.
    """
    current = frame.current_nA * 1e-9 / _ELEMENTARY_CHARGE
    electrons = current * frame.dwell_s * frame.pixels
    dose = current * frame.dwell_s / (frame.pixel_nm2 * _SQUARE_ANGSTROM_PER_NM2)
    if status == "duplicate":
        # A copy of a file is no second exposure.
        electrons = dose = math.nan
    earlier = before.rows[-1] if before.rows else {}
    left_out = status != "duplicate" and not math.isfinite(electrons)
    unknown = int(earlier.get("dose_unknown_frames", 0)) + left_out
    started = next((row["time"] for row in before.rows if row["time"]), frame.time)
    return {
        "number": len(before.rows) + 1,
        "file": frame.path.name,
        "path": str(frame.path),
        "sha256": frame.sha256,
        "status": status,
        "reason": reason,
        "time": frame.time,
        "seconds": _seconds(started, frame.time),
        "electrons": electrons,
        "electrons_accumulated": _sum(earlier.get("electrons_accumulated"), electrons),
        "dose_e_per_A2": dose,
        "dose_accumulated_e_per_A2": _sum(earlier.get("dose_accumulated_e_per_A2"), dose),
        "dose_unknown_frames": unknown,
    }


def mapped_columns(
    maps: MappedFrame, regions: Sequence[Region], before: Before, /, *, drift: bool, thresholds: str
) -> dict[str, Any]:
    """Tell what the maps of a frame say.

    Parameters
    ----------
    maps
        Of the frame.
    regions
        The regions; those not yet known in `before` are found on these maps.
    before
        The frames before it.
    drift
        Whether drift in space is measured.
    thresholds
        ``"first"``: conditions are evaluated on the first frame and follow the specimen; ``"each"``: on each frame.

    Returns
    -------
    dict
        ``drift_y_px``, ``drift_x_px``, their uncertainty, from which frame they come and how far the two ways lie
        apart; ``axis_mode``, ``axis_offset_eV`` (recorded minus usual, median of the edges, as this frame itself shows
        it), ``axis_offset_change_eV`` (against the first frame), ``axis_uncertainty_eV``; ``counts``,
        ``flagged_fraction``, ``answered_fraction``; then :func:`region_statistics` with the region's name before each.
    """
    result = _drift(maps, before) if drift else _NOT_MEASURED
    moved = tuple(value if math.isfinite(value) else 0.0 for value in (result["drift_y_px"], result["drift_x_px"]))
    flags = maps["flags"].astype(np.int64)
    counts = maps["counts"].astype(np.float64)
    content: dict[str, Any] = {
        **result,
        **_axis(maps.axis, before.first),
        "counts": float(counts[np.isfinite(counts)].sum()),
        "flagged_fraction": float((flags != 0).mean()),
        "answered_fraction": float(((flags & NO_ANSWER) == 0).mean()),
    }
    properties = properties_of(maps.names)
    for region in regions:
        if region.name not in before.regions:
            before.regions[region.name] = region.pixels(before.first or maps, maps.shape)
        fixed = before.regions[region.name]
        if region.conditions and thresholds == "each":
            inside = region.pixels(maps, maps.shape)
        elif len(maps.shape) == 2 and any(moved):
            place = source_pixels(maps.shape, moved)
            inside = fixed[place] & (place[0] >= 0)
        else:
            inside = fixed
        sums = region_statistics(maps, properties, inside)
        content |= {f"{region.name}_{name}": value for name, value in sums.items()}
    return content


_NOT_MEASURED: dict[str, Any] = {
    "drift_y_px": math.nan, "drift_x_px": math.nan, "drift_uncertainty_px": math.nan, "drift_check_px": math.nan,
    "drift_from": "not measured",
}  # fmt: skip


def _drift(maps: MappedFrame, before: Before) -> dict[str, Any]:
    """Drift against the first frame, measured on it and, step by step, over the frames between."""
    if len(maps.shape) != 2:
        return _NOT_MEASURED
    if before.first is None or before.latest is None or before.latest_row is None:
        return {**_NOT_MEASURED, "drift_y_px": 0.0, "drift_x_px": 0.0, "drift_uncertainty_px": 0.0,
                "drift_from": "reference"}  # fmt: skip
    image = maps["counts"]
    direct = measure_displacement(before.first["counts"], image)
    step = direct if before.latest == before.first else measure_displacement(before.latest["counts"], image)
    there = [before.latest_row[f"drift_{axis}_px"] for axis in "yx"]
    summed = (there[0] + step.y, there[1] + step.x)
    sigma = math.hypot(before.latest_row["drift_uncertainty_px"], step.uncertainty)
    apart = math.hypot(direct.y - summed[0], direct.x - summed[1])
    both = math.hypot(sigma, direct.uncertainty)
    if direct.found and not (step.found and apart > max(_ALIKE_PIXELS, _ALIKE_SIGMAS * both)):
        # The first frame does not add up errors.
        found, uncertainty, way = (direct.y, direct.x), direct.uncertainty, "first frame"
    elif step.found:
        found, uncertainty, way = summed, sigma, "frame before"
    else:
        found, uncertainty, way = (there[0], there[1]), math.nan, "not found; as the frame before"
    return {"drift_y_px": found[0], "drift_x_px": found[1], "drift_uncertainty_px": uncertainty,
            "drift_check_px": apart, "drift_from": way}  # fmt: skip


def _axis(axis: Mapping[str, Any], first: MappedFrame | None) -> dict[str, Any]:
    """Energy axis of a frame, also against the first one."""
    found = axis.get("measured", axis["displacements_eV"])
    start = found if first is None else first.axis.get("measured", first.axis["displacements_eV"])
    change = [found[name] - start[name] for name in found if name in start]
    return {
        "axis_mode": axis["mode"] + (f" ({axis['way']})" if "way" in axis else ""),
        "axis_offset_eV": float(np.median(list(found.values()))) if found else math.nan,
        "axis_offset_change_eV": float(np.median(change)) if change else math.nan,
        "axis_uncertainty_eV": float(axis["uncertainty_eV"]),
    }


def _seconds(started: str, time: str) -> float:
    """Seconds from one time to another; NaN where one is not known."""
    if not started or not time:
        return math.nan
    try:
        return (datetime.fromisoformat(time) - datetime.fromisoformat(started)).total_seconds()
    except TypeError:
        return math.nan


def _sum(earlier: float | None, more: float) -> float:
    """Sum of what is known; NaN where nothing is."""
    known = [value for value in (earlier, more) if value is not None and math.isfinite(value)]
    return sum(known) if known else math.nan
