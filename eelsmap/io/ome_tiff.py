"""Property maps to and from OME-TIFF, which Fiji, QuPath, OMERO and Python open with names, sizes and units."""

from __future__ import annotations

import json
import os
import struct
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import EelsmapError, FileReadError
from eelsmap.whole_file import whole_file

if TYPE_CHECKING:
    from eelsmap.mapping.property_maps import PropertyMaps

__all__ = ["NAMESPACE", "is_ome_tiff", "read_ome_tiff", "write_ome_tiff"]

NAMESPACE = "eelsmap/property-maps"
"""Namespace of the annotation that holds names, axes and provenance."""

_ENDINGS = (".ome.tif", ".ome.tiff")
_MOST_AXES = 3
_LENGTHS = {"m", "mm", "µm", "nm", "pm"}
_TIMES = {"s", "ms", "min", "h"}
_IN_CENTIMETRES = {"m": 1e2, "mm": 1e-1, "µm": 1e-4, "nm": 1e-7, "pm": 1e-10}
_EXACT = 1 << 24
"""Whole numbers up to here are held exactly by float32."""


def is_ome_tiff(path: str | os.PathLike[str], /) -> bool:
    """Whether a name ends in .ome.tif or .ome.tiff."""
    return os.fspath(path).lower().endswith(_ENDINGS)


def write_ome_tiff(
    maps: PropertyMaps, path: str | os.PathLike[str], /, *, overwrite: bool = False
) -> Path:  # fmt: skip
    """Write maps to one OME-TIFF file, all or nothing.

    Every map is a channel, float32, NaN where there is no answer; ``flags``, whose values fit in 24 bits, is one of
    them and stays exact. A channel is called by the name of its map with the unit in brackets. A third axis is time
    where its unit is one of time, depth otherwise. A line becomes an image of one row, a single spectrum one of one
    pixel. Provenance stands in an annotation, as readable pairs and as JSON.

    Parameters
    ----------
    maps
        The maps; lazy ones are computed.
    path
        A file whose name ends in .ome.tif or .ome.tiff.
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
        If the maps have more than three axes, flags beyond 24 bits, or tifffile is not installed.
    OSError
        If the system refuses to write: no permission, no space.
    ValueError
        If the name ends otherwise.
    """
    target = Path(path)
    if not is_ome_tiff(target):
        raise ValueError(f"{target}: an OME-TIFF file is called .ome.tif or .ome.tiff")
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists; choose another name or pass overwrite=True")
    if len(maps.shape) > _MOST_AXES:
        raise EelsmapError(f"{target}: the maps have {len(maps.shape)} axes, OME-TIFF holds three; save them as .hspy")
    tifffile = _tifffile("written")
    names = list(maps)
    stack = np.stack([_exact(maps.array(name), name) for name in names])
    axes = _three_axes(maps.axes)
    # Channels come before rows and columns, and time or depth before both.
    pages = np.moveaxis(stack.reshape(len(names), *(axis["size"] for axis in axes)), 0, 1)
    first = "T" if _time(axes[0]["units"]) else "Z"
    with whole_file(target) as part:
        tifffile.imwrite(
            part, np.ascontiguousarray(pages), ome=True, photometric="minisblack", software="eelsmap",
            metadata={"axes": f"{first}CYX", **_ome_words(maps, names, axes, first)}, **_resolution(axes),
        )  # fmt: skip
    return target


def read_ome_tiff(
    path: str | os.PathLike[str], /
) -> tuple[NDArray[np.float32], list[str], list[dict[str, Any]], dict[str, Any]]:
    """Read what :func:`write_ome_tiff` has written.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    stack : numpy.ndarray
        Shape (navigation..., map), float32.
    names : list of str
        Name of each map.
    axes : list of dict
        Navigation axes in array order.
    provenance : dict
        As written.

    Raises
    ------
    FileReadError
        If the file cannot be read or holds no property maps.
    """
    tifffile = _tifffile("read")
    source = Path(path)
    try:
        with tifffile.TiffFile(source) as tiff:
            words = json.loads(_annotation(tiff.ome_metadata or "")["json"])
            values = tiff.asarray()
    except FileNotFoundError as error:
        raise FileReadError(f"{source}: no such file; check the spelling and the folder") from error
    except (KeyError, ET.ParseError) as error:
        raise FileReadError(f"{source}: holds no property maps that eelsmap wrote") from error
    except (OSError, ValueError, struct.error, tifffile.TiffFileError) as error:
        raise FileReadError(f"{source}: cannot be read as OME-TIFF ({error}); the file may be incomplete") from error
    names, axes = [str(name) for name in words["names"]], list(words["axes"])
    sizes = [int(axis["size"]) for axis in _three_axes(axes)]
    if values.size != len(names) * int(np.prod(sizes)):
        raise FileReadError(f"{source}: its maps were cut since eelsmap wrote it; open it with another program")
    stack = np.moveaxis(values.reshape(sizes[0], len(names), *sizes[1:]), 1, -1)
    shape = tuple(int(axis["size"]) for axis in axes)
    return np.ascontiguousarray(stack, dtype=np.float32).reshape(*shape, len(names)), names, axes, words["provenance"]


def _tifffile(done: str) -> Any:
    """Import tifffile."""
    try:
        import tifffile
    except ImportError as error:
        raise EelsmapError(
            f"OME-TIFF is {done} with tifffile, which is not installed: pip install tifffile, or use .hspy"
        ) from error
    return tifffile


def _exact(values: NDArray[Any], name: str) -> NDArray[np.float32]:
    """Values as float32; flags only where none of their bits is lost."""
    if values.dtype.kind in "iu" and values.size and int(values.max()) >= _EXACT:
        raise EelsmapError(f"{name} holds values beyond 24 bits, which OME-TIFF would round; save the maps as .hspy")
    return values.astype(np.float32)


def _three_axes(axes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Axes with a time or depth, rows and columns: what is missing has one pixel and no unit."""
    missing = {"name": "", "size": 1, "scale": 1.0, "offset": 0.0, "units": ""}
    return [dict(missing) for _ in range(_MOST_AXES - len(axes))] + [dict(axis) for axis in axes]


def _unit(unit: str) -> str:
    """Return a unit as OME writes it."""
    return {"um": "µm", "\N{GREEK SMALL LETTER MU}m": "µm"}.get(unit, unit)


def _time(unit: str) -> bool:
    """Whether a unit is one of time."""
    return unit in _TIMES


def _ome_words(
    maps: PropertyMaps, names: Sequence[str], axes: Sequence[Mapping[str, Any]], first: str
) -> dict[str, Any]:  # fmt: skip
    """Metadata of the image: names of the channels, sizes of the pixels, provenance."""
    provenance = maps.provenance
    title = str(provenance.get("title", "")) or str((provenance.get("source") or {}).get("file", ""))
    units = {name: maps.unit(name) for name in names}
    words: dict[str, Any] = {
        "Name": title or "eelsmap property maps",
        "Channel": {"Name": [f"{name} [{unit}]" if unit else name for name, unit in units.items()]},
        "MapAnnotation": {
            "Namespace": NAMESPACE,
            **_readable(provenance),
            "json": json.dumps({"names": list(names), "axes": maps.axes, "provenance": provenance}),
        },
    }
    for axis, letter in zip(axes, (first, "Y", "X"), strict=True):
        unit = _unit(axis["units"])
        if letter == "T":
            words |= {"TimeIncrement": abs(float(axis["scale"])), "TimeIncrementUnit": unit}
        elif unit in _LENGTHS and axis["scale"]:
            words |= {f"PhysicalSize{letter}": abs(float(axis["scale"])), f"PhysicalSize{letter}Unit": unit}
    return words


def _resolution(axes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sizes once more, as plain TIFF readers know them: pixels in a centimetre."""
    y, x = axes[1:]
    known = [axis for axis in (x, y) if _unit(axis["units"]) in _IN_CENTIMETRES and axis["scale"]]
    if not known:
        return {}
    # The one row of a line has no height of its own.
    sizes = [abs(axis["scale"]) * _IN_CENTIMETRES[_unit(axis["units"])] for axis in known]
    return {"resolution": (1 / sizes[0], 1 / sizes[-1]), "resolutionunit": "CENTIMETER"}


def _readable(provenance: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """Provenance as pairs of text, nested names joined by points."""
    pairs: dict[str, str] = {}
    for name, value in provenance.items():
        if isinstance(value, Mapping):
            pairs |= _readable(value, f"{before}{name}.")
        else:
            pairs[f"{before}{name}"] = value if isinstance(value, str) else json.dumps(value)
    return pairs


def _annotation(xml: str) -> dict[str, str]:
    """Pairs of our annotation in OME-XML."""
    for found in ET.fromstring(xml).iter():  # noqa: S314 - Python's expat expands no external entities
        if found.tag.endswith("}MapAnnotation") and found.get("Namespace") == NAMESPACE:
            return {str(pair.get("K")): pair.text or "" for pair in found.iter() if pair.tag.endswith("}M")}
    raise KeyError(NAMESPACE)
