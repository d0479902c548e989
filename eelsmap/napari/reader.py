"""Let napari open spectrum images, as an image of the counts with the lazy signal behind it, saved maps, and series."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eelsmap.napari.image.layers import LayerData, PathOrPaths, counts_layer

__all__ = ["get_reader"]

_FILES, _FOLDERS = (".dm3", ".dm4", ".hspy", ".emd"), (".zspy",)
_AT_ONCE = 64 * 2**20
"""Bytes of a spectrum image whose counts are summed before the viewer shows it; of a larger one they come after."""


def get_reader(path: PathOrPaths) -> Callable[[PathOrPaths], list[Any]] | None:
    """Offer a reader for spectrum images, saved maps, and folders of series.

    Parameters
    ----------
    path
        One path, or several that napari wants to open together.

    Returns
    -------
    callable or None
        A function of the path that returns an image layer for each spectrum image, and all layers of saved maps. None
        for files without an EELS spectrum and for other extensions, so that other plugins get their turn. A damaged
        spectrum image is accepted here, so that reading it says why.
    """
    from eelsmap.errors import EelsmapError, NotASpectrumImageError
    from eelsmap.io import load
    from eelsmap.napari.series.reader import get_series_reader

    series = get_series_reader(path)
    if series is not None:
        return series
    opened: dict[str, Any] = {}
    for one in _paths(path):
        if not _may_be_ours(Path(one)):
            return None
        try:
            # Only headers are read here; the signal is kept for the reader.
            opened[one] = load(one, lazy=True)
        except NotASpectrumImageError:
            opened[one] = _saved_maps(one)
            if opened[one] is None:
                return None
        except EelsmapError:
            continue

    def read(wanted: PathOrPaths) -> list[Any]:
        """Read one or several files."""
        try:
            return [layer for one in _paths(wanted) for layer in _layers(opened.get(one) or load(one, lazy=True), one)]
        except EelsmapError as error:
            if not _say(str(error)):
                raise
            # What npe2 takes for a file that was read and holds no layer: no other plugin need try.
            return [(None,)]

    return read


def _layers(found: Any, path: str) -> list[LayerData]:
    """Layers of an opened file."""
    from eelsmap.mapping import PropertyMaps

    name = Path(path).stem
    if isinstance(found, PropertyMaps):
        from eelsmap.napari.maps.saved_maps import saved_map_layers

        return saved_map_layers(found, name)
    if found.data.nbytes > _AT_ONCE and _viewer() is not None:
        from eelsmap.napari.image.counts_filling import fill_counts

        return [counts_layer(found, name, counts=fill_counts(found))]
    return [counts_layer(found, name)]


def _saved_maps(path: str) -> Any:
    """Open maps that eelsmap saved; None in any other file."""
    from eelsmap.errors import FileReadError
    from eelsmap.mapping import PropertyMaps

    try:
        return PropertyMaps.load(path) if Path(path).suffix.lower() == ".hspy" else None
    except FileReadError:
        return None


def _may_be_ours(path: Path) -> bool:
    """Whether the name, and what lies there, can be a spectrum image."""
    ending = path.suffix.lower()
    return (ending in _FILES and path.is_file()) or (ending in _FOLDERS and path.is_dir())


def _viewer() -> Any:
    """Return the napari viewer that is open; None in a plain Python session."""
    return sys.modules["napari"].current_viewer() if "napari" in sys.modules else None


def _say(words: str) -> bool:
    """Tell the user of the viewer why a file was not opened; False where there is no viewer."""
    if _viewer() is None:
        return False
    from napari.utils.notifications import show_error

    show_error(words)
    return True


def _paths(path: PathOrPaths) -> list[str]:
    """Return one or several paths as a list."""
    return [path] if isinstance(path, str) else list(path)
