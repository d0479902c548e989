"""Maps of a series as napari layer data: arrays (time, y, x) of which a frame is read when it is looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from eelsmap.errors import NO_ANSWER
from eelsmap.mapping.series import MapSeries
from eelsmap.napari.image.layers import LayerData
from eelsmap.napari.maps.flag_pattern import hatched_pixels
from eelsmap.napari.maps.layer_plans import LayerPlan, plan_layers
from eelsmap.napari.series.frames import SeriesFrames

__all__ = ["FrameStack", "series_layers", "series_of", "series_plans", "stack_of", "time_axis"]

_SAME_STEP = 0.01
_LENGTHS = ("m", "mm", "µm", "um", "nm", "pm")
_FLAG_COLOURS = ((0, 0, 0, 0), (0.5, 0.5, 0.5, 0.85), (0.95, 0.55, 0.1, 0.45))
"""Of pixels without flags, without any answer, and with one that is in doubt."""


class FrameStack:
    """Frames along the first axis, each made when it is asked for; what napari and NumPy need of an array.

    Parameters
    ----------
    frame
        Gives a frame by its number.
    shape
        Frames, then the shape of one.
    dtype
        Of the values.
    """

    def __init__(self, frame: Callable[[int], NDArray[Any]], shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self._frame = frame
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.ndim = len(shape)
        self.size = int(np.prod(shape))

    def __len__(self) -> int:
        """Return the number of frames."""
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        """Return part of the frames; only those that are asked for are made."""
        given = key if isinstance(key, tuple) else (key,)
        if Ellipsis in given:
            place = given.index(Ellipsis)
            filled = (slice(None),) * (self.ndim - len(given) + 1)
            given = (*given[:place], *filled, *given[place + 1 :])
        first, rest = (given[0], given[1:]) if given else (slice(None), ())
        chosen = np.arange(len(self))[first]
        if chosen.ndim == 0:
            return self._made(int(chosen))[rest]
        if not chosen.size:
            return np.empty((0, *self.shape[1:]), dtype=self.dtype)[(slice(None), *rest)]
        return np.stack([self._made(int(step))[rest] for step in chosen])

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all frames: for programs that cannot do with less."""
        return cast("NDArray[Any]", self[:].astype(self.dtype if dtype is None else dtype, copy=False))

    def _made(self, step: int) -> NDArray[Any]:
        """One frame."""
        return np.asarray(self._frame(step), dtype=self.dtype)


def series_layers(frames: SeriesFrames, names: Sequence[str] | None = None, /) -> list[LayerData]:
    """Make layers of a series, the lowest first.

    Parameters
    ----------
    frames
        The series.
    names
        Which of :func:`series_plans`, by key; properties and flags by default.

    Returns
    -------
    list of tuple
        Layer data. Only the first property and the flags are visible. Each says in ``metadata["eelsmap"]`` ``kind``
        "series", the ``name`` of its map, and the ``series``. Nothing while no frame is mapped.
    """
    wanted = [*frames.properties, "flags"] if names is None else names
    visible = (*frames.properties[:1], "flags") if names is None else wanted
    return [
        _layer(frames, plan, visible=plan.key in visible)
        for plan in reversed(series_plans(frames))
        if plan.key in wanted
    ]


def series_plans(frames: SeriesFrames, /) -> list[LayerPlan]:
    """All layers that a series can show, in the order of those of a single image, from the top down."""
    return plan_layers(frames.names)


def stack_of(frames: SeriesFrames, name: str, /) -> FrameStack:
    """Array (time, y, x) of one map; of the flags 1 where they end the answer and 2 where it is in doubt."""
    shape = (len(frames), *frames.image_shape)
    if name == "flags":
        return FrameStack(lambda step: _judged(frames.map("flags", step)), shape, np.uint8)
    return FrameStack(lambda step: frames.map(name, step), shape, np.float32)


def series_of(layer: Any, /) -> MapSeries | None:
    """Series of which a layer shows a map; None for any other layer."""
    said = getattr(layer, "metadata", {}).get("eelsmap", {})
    return said.get("series") if said.get("kind") == "series" else None


def time_axis(rows: Sequence[dict[str, Any]], /) -> tuple[float, float, str]:
    """Scale, offset and unit of the time: seconds where frames follow in equal steps, else the number of the frame."""
    seconds = np.array([row["seconds"] for row in rows], dtype=np.float64)
    steps = np.diff(seconds)
    if steps.size and np.isfinite(steps).all() and steps.min() > 0 and np.ptp(steps) <= _SAME_STEP * steps.mean():
        return float(steps.mean()), float(seconds[0]), "s"
    return 1.0, 1.0, "pixel"


def _layer(frames: SeriesFrames, plan: LayerPlan, *, visible: bool) -> LayerData:
    """Make one layer."""
    from napari.utils import Colormap

    lengths = [_length(axis) for axis in frames.axes]
    # A line is an image of one row that is as high as its pixels are wide.
    row = (lengths[0][0], 0.0, lengths[0][2]) if lengths else (1.0, 0.0, "pixel")
    missing = len(frames.image_shape) - len(lengths)
    scale, offset, units = zip(time_axis(frames.rows), *([row] * missing), *lengths, strict=True)
    keywords: dict[str, Any] = {
        "name": plan.title,
        "scale": list(scale),
        "translate": list(offset),
        "units": list(units),
        "visible": visible,
        "metadata": {"eelsmap": {"kind": "series", "name": plan.key, "series": frames.series}},
    }
    # napari takes anything that can be sliced; its type of layer data knows NumPy only.
    data: Any = stack_of(frames, plan.key)
    if plan.kind == "flags":
        # An image and not labels: for labels with colours of their own napari compiles for seconds.
        keywords |= {"colormap": Colormap(_FLAG_COLOURS, name="flags"), "contrast_limits": [0, 2]}
        return data, keywords | {"interpolation2d": "nearest", "rgb": False}, "image"
    # The same range for every frame. Between pixels there is nothing: those without an answer must not bleed.
    limits = plan.limits(_first_answers(frames, plan.key))
    keywords |= {"colormap": plan.colormap, "contrast_limits": list(limits), "interpolation2d": "nearest", "rgb": False}
    return data, keywords, "image"


def _first_answers(frames: SeriesFrames, name: str) -> NDArray[np.float32]:
    """Values of the first frame that has any; those of the others are like them."""
    maps = (frames.map(name, step) for step in range(len(frames)))
    return next((values for values in maps if np.isfinite(values).any()), np.empty(0, dtype=np.float32))


def _length(axis: dict[str, Any]) -> tuple[float, float, str]:
    """Scale, offset and unit of an axis in space."""
    unit = axis["units"] if axis["units"] in _LENGTHS else "pixel"
    return abs(float(axis["scale"])) or 1.0, float(axis["offset"]), unit


def _judged(flags: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Judge flags: 1 no answer at all, 2 an answer that is in doubt, as single images hatch it."""
    bits = np.nan_to_num(flags).astype(np.uint32)
    return np.where(bits & np.uint32(NO_ANSWER), 1, np.where(hatched_pixels(bits), 2, 0)).astype(np.uint8)
