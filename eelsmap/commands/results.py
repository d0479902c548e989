"""Write the maps of one spectrum image: .hspy, figure, summary table, provenance."""

from __future__ import annotations

import json
import os
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from eelsmap.errors import EelsmapError
from eelsmap.whole_file import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from eelsmap.mapping import PropertyMaps

__all__ = ["refuse_existing", "require_figure", "require_folder", "result_paths", "save_figure", "write_results"]

_DRAWN_AXES = 2


def result_paths(folder: Path, stem: str) -> dict[str, Path]:
    """Where the results of one spectrum image go: maps, figure, summary, provenance."""
    return {
        "maps": folder / f"{stem}_maps.hspy",
        "figure": folder / f"{stem}_maps.png",
        "summary": folder / f"{stem}_summary.csv",
        "provenance": folder / f"{stem}_provenance.json",
    }


def write_results(maps: PropertyMaps, folder: Path, stem: str, *, overwrite: bool = False) -> dict[str, Path]:
    """Write computed maps, each file all or nothing; the .hspy file first, so that a later failure loses nothing.

    Parameters
    ----------
    maps
        Computed maps.
    folder
        Made if it does not exist.
    stem
        Beginning of the file names.
    overwrite
        Replace earlier results.

    Returns
    -------
    dict
        ``maps``, ``figure``, ``summary`` and ``provenance`` to the file written; no figure of maps with more than two
        axes.

    Raises
    ------
    EelsmapError
        A result exists and `overwrite` is False.
    """
    from eelsmap.plot import plot_maps

    paths = result_paths(folder, stem)
    refuse_existing(paths, overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    maps.save(paths["maps"], overwrite=overwrite)
    provenance = {**maps.provenance, "flagged_pixels": maps.flag_counts()}
    with whole_file(paths["provenance"]) as part:
        part.write_text(json.dumps(provenance, indent=2, sort_keys=True, default=str) + "\n")
    with whole_file(paths["summary"]) as part:
        maps.summary().to_csv(part)
    if len(maps.shape) > _DRAWN_AXES:
        del paths["figure"]
    else:
        save_figure(plot_maps(maps), paths["figure"])
    return paths


def refuse_existing(paths: dict[str, Path], overwrite: bool) -> None:
    """Raise before anything is computed that could not be written."""
    existing = [path for path in paths.values() if path.exists()]
    if existing and not overwrite:
        raise EelsmapError(f"{existing[0]} exists; pass --overwrite (overwrite=True) or choose another folder")


def require_folder(folder: Path) -> None:
    """Raise before anything is computed when results could not be written to a folder; it need not exist yet."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(path))
    if not existing.is_dir():
        raise EelsmapError(f"{existing}: is not a folder, so no results can be written to it; choose another folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise EelsmapError(f"{existing}: cannot be written to; choose another folder for the results")


def require_figure(path: Path) -> None:
    """Refuse a name whose ending is no picture's before anything is computed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    if path.suffix.lower().removeprefix(".") not in FigureCanvasAgg.get_supported_filetypes():
        raise EelsmapError(f"{path}: a figure needs an ending such as .png, .pdf or .svg")


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure at a resolution fit for a slide."""
    # Drawn in memory first: matplotlib hides the reason when the disk is full in the middle of a PDF.
    drawn = BytesIO()
    figure.savefig(drawn, format=path.suffix[1:].lower() or "png", dpi=160)
    with whole_file(path) as part:
        part.write_bytes(drawn.getbuffer())
