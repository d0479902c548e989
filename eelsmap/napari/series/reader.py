"""Let napari open the folder of a series, finished or still running."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from eelsmap.napari.image.layers import LayerData, PathOrPaths

__all__ = ["get_series_reader"]


def get_series_reader(path: PathOrPaths) -> Callable[[PathOrPaths], list[LayerData]] | None:
    """Offer a reader for folders that :func:`eelsmap.map_series` wrote.

    Parameters
    ----------
    path
        A folder.

    Returns
    -------
    callable or None
        A function of the path that returns the layers of the series. None for any other folder, for files, and for
        several paths, so that other plugins get their turn.
    """
    from eelsmap.errors import EelsmapError
    from eelsmap.mapping.series.settings import FILE

    if not isinstance(path, str) or not (Path(path) / FILE).is_file():
        return None
    from eelsmap.mapping.series import MapSeries

    try:
        MapSeries.load(path)
    except EelsmapError:
        return None
    return read_series


def read_series(path: PathOrPaths) -> list[LayerData]:
    """Read the layers of a series; raises FileReadError while no frame is mapped."""
    from eelsmap.errors import FileReadError
    from eelsmap.mapping.series import MapSeries
    from eelsmap.napari.series.frames import SeriesFrames
    from eelsmap.napari.series.layers import series_layers

    layers = series_layers(SeriesFrames(MapSeries.load(str(path))))
    if not layers:
        raise FileReadError(f"{path}: no frame of the series is mapped yet; frames.csv says why, or wait for the first")
    return layers
