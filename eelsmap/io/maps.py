"""Property maps to and from one file: .hspy, which plain HyperSpy opens as well, or OME-TIFF for everything else."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import FileReadError
from eelsmap.io.energy_axis import axis_unit
from eelsmap.io.files import read_signals
from eelsmap.io.ome_tiff import is_ome_tiff, read_ome_tiff, write_ome_tiff
from eelsmap.whole_file import whole_file

if TYPE_CHECKING:
    from eelsmap.mapping.property_maps import PropertyMaps

__all__ = ["CONTENT", "holds_maps", "read_maps", "save_maps", "write_maps"]

CONTENT = "property maps"
"""What ``metadata.EELSMap.content`` says in a file of maps."""

_FORMAT = 1
_FIRST_AXIS = "property"


def save_maps(maps: PropertyMaps, path: str | os.PathLike[str], /, *, overwrite: bool = False) -> Path:
    """Write maps to a file of the kind that its ending says, all or nothing.

    Parameters
    ----------
    maps
        The maps; lazy ones are computed.
    path
        A .hspy, .ome.tif or .ome.tiff file; .hspy is added where there is no ending.
    overwrite
        Replace an existing file.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is False.
    EelsmapError
        If OME-TIFF cannot hold the maps.
    OSError
        If the system refuses to write: no permission, no space.
    ValueError
        If the ending is another one.
    """
    if is_ome_tiff(path):
        return write_ome_tiff(maps, path, overwrite=overwrite)
    return write_maps(path, np.moveaxis(maps.stack, 0, -1), maps.names, maps.axes, maps.provenance, overwrite=overwrite)


def write_maps(
    path: str | os.PathLike[str],
    stack: NDArray[np.float32],
    names: Sequence[str],
    axes: Sequence[dict[str, Any]],
    provenance: dict[str, Any],
    /,
    *,
    overwrite: bool = False,
) -> Path:
    """Write maps to one .hspy file, all or nothing.

    HyperSpy opens it as one signal: an image a map for two navigation axes, with the maps along the navigation axis
    ``property``, their names in ``metadata.EELSMap.names`` and the provenance beside them.

    Parameters
    ----------
    path
        A .hspy file; the extension is added where there is none.
    stack
        Shape (navigation..., map).
    names
        Name of each map.
    axes
        Navigation axes in array order: dicts with name, size, scale, offset, units.
    provenance
        Plain strings, numbers, lists and dicts.
    overwrite
        Replace an existing file.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is False.
    OSError
        If the system refuses to write: no permission, no space.
    ValueError
        If the extension is another one.
    """
    from hyperspy.signals import BaseSignal

    target = Path(path)
    target = target if target.suffix else target.with_suffix(".hspy")
    if target.suffix.lower() != ".hspy":
        raise ValueError(f"{target}: property maps are saved as .hspy or .ome.tif, not as {target.suffix}")
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists; choose another name or pass overwrite=True")
    first = {"name": _FIRST_AXIS, "size": len(names), "scale": 1.0, "offset": 0.0, "units": "", "navigate": True}
    signal = BaseSignal(
        np.ascontiguousarray(np.moveaxis(stack, -1, 0)),
        axes=[first, *({**axis, "navigate": False} for axis in axes)],
        metadata={
            "General": {"title": "eelsmap property maps"},
            "EELSMap": {
                **provenance,
                "content": CONTENT,
                "format": _FORMAT,
                "names": list(names),
                # The tree above is for reading; this string comes back exactly as it went in.
                "provenance": json.dumps(provenance, default=_plain),
            },
        },
    )
    with whole_file(target) as part:
        signal.save(part, overwrite=True)
    return target


def read_maps(
    path: str | os.PathLike[str], /
) -> tuple[NDArray[np.float32], list[str], list[dict[str, Any]], dict[str, Any]]:
    """Read what :func:`save_maps` has written.

    Parameters
    ----------
    path
        The .hspy or OME-TIFF file.

    Returns
    -------
    stack, names, axes, provenance
        As :func:`write_maps` takes them.

    Raises
    ------
    FileReadError
        If the file cannot be read or holds no property maps.
    """
    if is_ome_tiff(path):
        return read_ome_tiff(path)
    signals, _notes = read_signals(Path(path), lazy=False)
    metadata = signals[0].metadata
    if metadata.get_item("Signal.signal_type") == "PropertyMap":
        raise FileReadError(f"{path}: holds a map that was saved on its own; open it with hyperspy.api.load")
    if len(signals) != 1 or metadata.get_item("EELSMap.content") != CONTENT:
        raise FileReadError(f"{path}: holds no property maps; open spectrum images with eelsmap.load")
    if metadata.EELSMap.format != _FORMAT:
        raise FileReadError(
            f"{path}: is written in format {metadata.EELSMap.format}, this version of eelsmap reads {_FORMAT}; "
            "update eelsmap"
        )
    first, *others = signals[0].axes_manager._axes
    if first.name != _FIRST_AXIS or first.size != len(metadata.EELSMap.names):
        raise FileReadError(
            f"{path}: its maps were cut or reordered since eelsmap wrote it; open it with hyperspy.api.load"
        )
    axes = [
        {
            "name": str(axis.name),
            "size": int(axis.size),
            "scale": float(axis.scale),
            "offset": float(axis.offset),
            "units": axis_unit(axis),
        }
        for axis in others
    ]
    stack = np.moveaxis(np.asarray(signals[0].data, dtype=np.float32), 0, -1)
    names = [str(name) for name in metadata.EELSMap.names]
    return stack, names, axes, json.loads(metadata.EELSMap.provenance)


def holds_maps(path: str | os.PathLike[str], /) -> bool:
    """Whether a file holds maps, and not spectra, by its content; nothing but headers is read.

    Parameters
    ----------
    path
        Any file.

    Raises
    ------
    eelsmap.errors.FileReadError
        If the file cannot be read.
    """
    if is_ome_tiff(path):
        return True
    if Path(path).suffix.lower() != ".hspy":
        return False
    signals, _notes = read_signals(Path(path), lazy=True)
    return signals[0].metadata.get_item("EELSMap.content") == CONTENT


def _plain(value: Any) -> Any:
    """NumPy numbers as Python numbers."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"provenance holds a {type(value).__name__}; only strings, numbers, lists and dicts can be kept")
