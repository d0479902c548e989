"""Maps of one frame, kept under a name that says from what they were made, so that nothing is ever made twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap._version import __version__
from eelsmap.io import load, prepare
from eelsmap.mapping.engine import maps_of
from eelsmap.mapping.pixel_block import PropertyWork
from eelsmap.mapping.planned_image import PlannedImage, plan_signal
from eelsmap.mapping.property_maps import PropertyMaps
from eelsmap.mapping.provenance import model_identity
from eelsmap.models.model import Model
from eelsmap.preprocess.energy_axis import AxisCorrection
from eelsmap.preprocess.plan import Plan
from eelsmap.recipe import Recipe
from eelsmap.whole_file import whole_file

__all__ = [
    "MappedFrame",
    "frame_key",
    "map_frame",
    "plan_of",
    "read_mapped_frame",
    "tracked_axis",
    "with_shared_plan",
    "write_mapped_frame",
]

_FORMAT = 1


@dataclass(frozen=True)
class MappedFrame(Mapping[str, NDArray[np.float32]]):
    """Maps of one frame as they lie on disk; each is read when it is asked for.

    Parameters
    ----------
    path
        The .npy file, shape (map, navigation...).
    names
        Of the maps.
    axes
        Navigation axes in array order: name, size, scale, offset, units.
    axis
        What was found and done about the energy axis; see :meth:`AxisCorrection.to_dict`. ``measured`` is what this
        frame says itself where another frame's correction was applied.
    """

    path: Path
    names: tuple[str, ...]
    axes: tuple[dict[str, Any], ...]
    axis: dict[str, Any]

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        """Read one map."""
        if name not in self.names:
            raise KeyError(name)
        # No file stays open: a series has more frames than a process may open files.
        return np.array(np.load(self.path, mmap_mode="r", allow_pickle=False)[self.names.index(name)])

    def __iter__(self) -> Iterator[str]:
        """Names of the maps."""
        return iter(self.names)

    def __len__(self) -> int:
        """Return the number of maps."""
        return len(self.names)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of every map."""
        return tuple(int(axis["size"]) for axis in self.axes)


def frame_key(content: str, model: Model, recipe: Recipe, leader: str, /) -> str:
    """Name for the maps of a frame: the same only if they would be the same.

    Parameters
    ----------
    content
        Sha256 of the frame's file.
    model, recipe
        What maps it.
    leader
        How and from which frame (by sha256) the axis correction and background are shared; empty where every frame
        has its own.
    """
    parts = [_FORMAT, __version__, model.sha256, recipe.sha256, leader, content]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def plan_of(path: Path, recipe: Recipe, /) -> Plan:
    """Plan a frame; raises as :func:`eelsmap.mapping.plan_signal`."""
    return plan_signal(prepare(load(path, lazy=True)), recipe).plan


def map_frame(
    path: Path,
    model: Model,
    recipe: Recipe,
    /,
    *,
    shared: Plan | None = None,
    track: bool = False,
    cancelled: Callable[[], bool] | None = None,
) -> tuple[PropertyMaps, dict[str, Any]]:
    """Map one frame.

    Parameters
    ----------
    path
        Its file, read block by block.
    model, recipe
        What maps it.
    shared
        Plan whose correction of the axis and background windows are applied; None takes the frame's own.
    track
        Whether the shared correction is moved by as much as the edges have moved since.
    cancelled
        Asked after each block of pixels; see :meth:`PropertyMaps.compute`.

    Returns
    -------
    maps : PropertyMaps
        Computed.
    axis : dict
        For :class:`MappedFrame`.

    Raises
    ------
    EelsmapError
        The frame cannot be mapped; the message says why.
    RunCancelledError
        When `cancelled` says so; nothing of the frame is kept.
    """
    image = plan_signal(prepare(load(path, lazy=True)), recipe)
    axis = image.plan.axis.to_dict()
    if shared is not None:
        image = with_shared_plan(image, shared, track=track)
        way = "tracked" if track else "shared"
        axis = {**image.plan.axis.to_dict(), "measured": axis["displacements_eV"], "way": way}
    work = PropertyWork(image.plan, recipe, model)
    maps = maps_of(image, work, {"model": model_identity(model)}, lazy=True)
    return maps.compute(progress=False, cancelled=cancelled), axis


def with_shared_plan(image: PlannedImage, shared: Plan, /, *, track: bool) -> PlannedImage:
    """Apply the axis, background windows and exponents of another frame's plan to a frame.

    Parameters
    ----------
    image
        The frame with a plan of its own.
    shared
        Plan of the other frame.
    track
        Whether the shared correction is moved by as much as the edges have moved since.
    """
    correction = tracked_axis(image.plan, shared) if track else shared.axis
    plan = replace(image.plan, axis=correction, windows=shared.windows, exponents=shared.exponents)
    return replace(image, plan=plan)


def tracked_axis(plan: Plan, shared: Plan, /) -> AxisCorrection:
    """Move the correction of one frame by as much as the edges lie elsewhere in another.

    Parameters
    ----------
    plan
        Of the other frame.
    shared
        Of the frame whose correction it is.

    Returns
    -------
    AxisCorrection
        The median of the edges that stand out in both frames tells the distance: chemistry moves some edges and not
        others. It is not moved where there are none.
    """
    common = [name for name in plan.axis.displacements if name in shared.axis.displacements]
    if not common:
        return shared.axis
    moved = np.array([plan.axis.displacements[name] - shared.axis.displacements[name] for name in common])
    change = float(np.median(moved))
    variance = np.array([one.located[name].uncertainty ** 2 for one in (plan, shared) for name in common])
    error = np.sqrt((variance.sum() / len(common) + np.square(moved - change).mean()) / len(common))
    return replace(
        shared.axis,
        offset=tuple(
            offset - scale * change for offset, scale in zip(shared.axis.offset, shared.axis.scale, strict=True)
        ),
        uncertainty=float(np.hypot(shared.axis.uncertainty, error)),
        message=f"{shared.axis.message}; moved by {change:+.2f} eV as the edges have since the first frame",
    )


def write_mapped_frame(folder: Path, key: str, maps: PropertyMaps, axis: dict[str, Any], /) -> None:
    """Write the maps of a frame, all or nothing: the words that belong to them come last."""
    with whole_file(folder / f"{key}.npy") as part:
        np.save(part, np.ascontiguousarray(maps.stack))
    content = {"names": list(maps), "axes": maps.axes, "axis": axis, "bytes": (folder / f"{key}.npy").stat().st_size}
    with whole_file(folder / f"{key}.json") as part:
        part.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def read_mapped_frame(folder: Path, key: str, /) -> MappedFrame | None:
    """Open the maps of a frame; None where they are not there, or not whole."""
    path = folder / f"{key}.npy"
    try:
        content = json.loads((folder / f"{key}.json").read_text(encoding="utf-8"))
        if path.stat().st_size != content["bytes"]:
            return None
        return MappedFrame(path, tuple(content["names"]), tuple(content["axes"]), content["axis"])
    except (OSError, ValueError, KeyError):
        return None
