"""Let napari open spectrum images: an image of the counts, with the lazy signal behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from eelsmap.napari.layers import LayerData, counts_layer

__all__ = ["get_reader"]

_EXTENSIONS = (".dm3", ".dm4", ".hspy", ".emd")

PathOrPaths = str | Sequence[str]


def get_reader(path: PathOrPaths) -> Callable[[PathOrPaths], list[LayerData]] | None:
    """Offer a reader for spectrum images.

    Parameters
    ----------
    path
        One path, or several that napari wants to open together.

    Returns
    -------
    callable or None
        A function of the path that returns one image layer a file. None for files without an EELS spectrum and for
        other extensions, so that other plugins get their turn. A damaged spectrum image is accepted here, so that
        reading it shows the reason.
    """
    from eelsmap.errors import EelsmapError, NotASpectrumImageError
    from eelsmap.io import load

    opened: dict[str, Any] = {}
    for one in _paths(path):
        if Path(one).suffix.lower() not in _EXTENSIONS or not Path(one).is_file():
            return None
        try:
            # Only headers are read here; the signal is kept for the reader.
            opened[one] = load(one, lazy=True)
        except NotASpectrumImageError:
            return None
        except EelsmapError:
            continue

    def read(wanted: PathOrPaths) -> list[LayerData]:
        """Read one or several spectrum images."""
        return [counts_layer(opened.get(one) or load(one, lazy=True), Path(one).stem) for one in _paths(wanted)]

    return read


def _paths(path: PathOrPaths) -> list[str]:
    """Return one or several paths as a list."""
    return [path] if isinstance(path, str) else list(path)
