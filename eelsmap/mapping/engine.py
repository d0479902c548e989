"""Blocks in, maps out, in one pass over the data. The only room that knows of dask.

Threads by default; an active ``distributed`` client is used where there is one, with the same results.
"""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eelsmap._version import __version__
from eelsmap.errors import EelsmapError
from eelsmap.io import prepare
from eelsmap.io.energy_axis import axis_name, axis_unit
from eelsmap.mapping.pixel_block import PixelBlock
from eelsmap.mapping.property_maps import PropertyMaps
from eelsmap.models.model import Model, load_model
from eelsmap.preprocess.plan import Plan, make_plan
from eelsmap.preprocess.zero_loss import zero_loss_positions
from eelsmap.recipe import Recipe

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["map_properties", "plan_signal"]

_SAMPLE = 4096
_BLOCK_PIXELS = 2048


def map_properties(
    signal: Any,
    model: Model | str | Path = "nmc",
    *,
    axis_mode: str | None = None,
    lazy: bool | None = None,
) -> PropertyMaps:
    """Map every property of a model over a spectrum image.

    Parameters
    ----------
    signal
        Core-loss HyperSpy signal with one energy axis, shape (navigation..., channel); any number of navigation
        axes, also none. Its ``low_loss``, when it was recorded at the same time, shifts each pixel's axis.
    model
        A model, the name of a shipped one, or the path of a bundle.
    axis_mode
        Another way to treat the energy axis than the model's recipe says; see
        :class:`eelsmap.recipe.EnergyAxisStep`.
    lazy
        Whether to leave the maps to be computed when they are asked for. None follows the signal.

    Returns
    -------
    PropertyMaps
        Name to HyperSpy signal on the navigation axes of the input.

    Raises
    ------
    UnknownModelError, BundleError
        The model cannot be loaded.
    NotASpectrumImageError, EnergyAxisError, NoEdgesError, RecipeError
        The signal cannot be mapped; the message says why.

    Notes
    -----
    A sample of at most 4096 pixels on a regular lattice is read at once, to find the edges and the noise; it is the
    same for eager and lazy signals. Everything else is done in one pass over blocks of pixels.
    """
    model = model if isinstance(model, Model) else load_model(model)
    core = prepare(signal)
    recipe = model.recipe if axis_mode is None else model.recipe.with_axis_mode(axis_mode)
    plan, low_loss = plan_signal(core, recipe)
    block = PixelBlock(plan, model)
    data: Any = _as_blocks(core.data)
    shifts = [] if low_loss is None else [_zero_loss(low_loss, data)]
    stack = data.map_blocks(
        _call, *shifts, block=block, dtype=np.float32, chunks=(*data.chunks[:-1], (len(block.names),)),
        meta=np.empty((0,) * data.ndim, dtype=np.float32),
    )  # fmt: skip
    maps = PropertyMaps(stack, block.names, _navigation_axes(core), _provenance(core, model, recipe, plan))
    stay_lazy = bool(core._lazy) if lazy is None else lazy
    return maps if stay_lazy else maps.compute(progress=False)


def plan_signal(core: Any, recipe: Recipe, /) -> tuple[Plan, Any]:
    """Decide how a signal is treated.

    Parameters
    ----------
    core
        A signal that went through :func:`eelsmap.io.prepare`.
    recipe
        The road.

    Returns
    -------
    plan : Plan
        The decisions.
    low_loss : signal or None
        The low loss that shifts each pixel; None when there is none, it was not simultaneous, or the recipe says no.
    """
    low_loss = _usable_low_loss(core, recipe)
    energy = core.axes_manager.signal_axes[0].axis
    position = None
    if low_loss is not None:
        low_energy = low_loss.axes_manager.signal_axes[0].axis
        positions = zero_loss_positions(_sample(low_loss.data), low_energy)
        if np.isfinite(positions).any():
            position = float(np.nanmedian(positions))
        else:
            low_loss = None
            core.metadata.set_item("EELSMap.low_loss_reason", "not used: no pixel of it holds a zero-loss peak")
    try:
        return make_plan(_sample(core.data), energy, recipe, zero_loss=position), low_loss
    except EelsmapError as error:
        raise type(error)(f"{core.metadata.get_item('EELSMap.source.file', 'signal')}: {error}") from error


def _call(
    counts: NDArray[np.generic], shift: NDArray[np.float64] | None = None, *, block: PixelBlock
) -> NDArray[np.float32]:
    """Run one block; dask hands arrays over in this order."""
    return block(counts, shift)


def _usable_low_loss(core: Any, recipe: Recipe) -> Any:
    """Return the low loss if its zero-loss peak belongs to the same moment as the core loss."""
    if recipe.energy_axis.mode not in ("auto", "zero_loss"):
        return None
    low_loss = getattr(core, "low_loss", None)
    simultaneous = core.metadata.get_item("EELSMap.low_loss_simultaneous", "unknown")
    return low_loss if low_loss is not None and simultaneous == "yes" else None


def _sample(data: Any) -> NDArray[np.generic]:
    """Pixels on a regular lattice, shape (n, channel), read into memory."""
    pixels = int(np.prod(data.shape[:-1]))
    stride = max(1, int(np.ceil((pixels / _SAMPLE) ** (1 / max(1, data.ndim - 1)))))
    lattice = data[tuple(slice(None, None, stride) for _ in data.shape[:-1])]
    return np.asarray(lattice).reshape(-1, data.shape[-1])


def _as_blocks(data: Any) -> da.Array:
    """Dask array in blocks of some thousand pixels, the energy axis in one piece."""
    import dask.array as da

    if not isinstance(data, da.Array):
        # Without a name dask would hash all of the data.
        data = da.from_array(data, chunks=_block_shape(data.shape), name=False)
        return data
    whole = data.rechunk({data.ndim - 1: -1})
    largest = int(np.prod([max(sizes) for sizes in whole.chunks[:-1]])) if whole.ndim > 1 else 1
    return whole if largest <= 4 * _BLOCK_PIXELS else whole.rechunk(_block_shape(whole.shape))


def _block_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Whole rows of the last navigation axes, as many as make a block."""
    sizes: list[int] = []
    room = _BLOCK_PIXELS
    for length in reversed(shape[:-1]):
        sizes.append(max(1, min(length, room)))
        room = max(1, room // max(1, length))
    return (*reversed(sizes), shape[-1])


def _zero_loss(low_loss: Any, data: da.Array) -> da.Array:
    """Zero-loss position of each pixel, in the blocks of the core loss, with a last axis of length 1."""
    import dask.array as da

    axis = low_loss.axes_manager.signal_axes[0].axis
    blocks = low_loss.data
    chunks = (*data.chunks[:-1], (blocks.shape[-1],))
    blocks = (
        blocks.rechunk(chunks) if isinstance(blocks, da.Array) else da.from_array(blocks, chunks=chunks, name=False)
    )
    return blocks.map_blocks(_zero_loss_block, energy=axis, dtype=np.float64, chunks=(*chunks[:-1], (1,)))


def _zero_loss_block(counts: NDArray[np.generic], *, energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Zero-loss positions of one block, shape (..., 1)."""
    position = zero_loss_positions(counts.reshape(-1, counts.shape[-1]), energy)
    return position.reshape(*counts.shape[:-1], 1)


def _navigation_axes(core: Any) -> list[dict[str, Any]]:
    """Name, size, scale, offset and unit of the navigation axes, in the order of the array."""
    return [
        {
            "name": axis_name(axis),
            "size": int(axis.size),
            "scale": float(axis.scale) if axis.is_uniform else 1.0,
            "offset": float(axis.offset) if axis.is_uniform else 0.0,
            "units": axis_unit(axis) if axis.is_uniform else "",
        }
        for axis in core.axes_manager._axes
        if axis.navigate
    ]


def _provenance(core: Any, model: Model, recipe: Recipe, plan: Plan) -> dict[str, Any]:
    """Where the maps come from, in plain strings and numbers."""
    packages = ("hyperspy", "exspy", "rosettasciio", "numpy", "scipy", "dask", "xgboost")
    source = core.metadata.get_item("EELSMap.source", None)
    return {
        "eelsmap_version": __version__,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in packages},
        "model": {
            "name": model.name,
            "version": model.version,
            "sha256": model.sha256,
            "trained_on": str(model.manifest.get("trained_on", "")),
            "limits": str(model.manifest.get("limits", "")),
            "measured": _measured(model),
        },
        "recipe": recipe.to_json(),
        "recipe_sha256": recipe.sha256,
        "axis": plan.axis.to_dict(),
        "gain": plan.gain,
        "minimum_counts": plan.minimum_counts,
        "source": source.as_dictionary() if hasattr(source, "as_dictionary") else (source or {}),
        "title": str(core.metadata.get_item("General.title", "")),
        "low_loss": str(core.metadata.get_item("EELSMap.low_loss_reason", "none")),
    }


def _measured(model: Model) -> dict[str, dict[str, float]]:
    """Take the main figure of each property from the model's own test, on simulated spectra of unseen structures."""
    overall = model.manifest.get("metrics", {}).get("overall", {})
    return {
        name: {key: float(overall[name][key]) for key in ("rmse", "auroc") if key in overall[name]}
        for name in model.targets
        if {"rmse", "auroc"} & set(overall.get(name, ()))
    }


def _version(package: str) -> str:
    """Version of an installed package; xgboost also goes by the name of its CPU-only build."""
    for name in (package, f"{package}-cpu"):
        try:
            return version(name)
        except ModuleNotFoundError:
            continue
    return "unknown"
