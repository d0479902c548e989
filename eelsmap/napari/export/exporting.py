"""What the panel saves and how it says so: names that are proposed, files that are written, words. No Qt here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from eelsmap.commands.results import require_figure, save_figure
from eelsmap.errors import EelsmapError
from eelsmap.io.maps import save_maps
from eelsmap.mapping.known_pixels import as_known, known_pixels
from eelsmap.mapping.script import script_of
from eelsmap.whole_file import whole_file

if TYPE_CHECKING:
    from eelsmap.mapping import PropertyMaps
    from eelsmap.mapping.planned_image import PlannedImage

__all__ = [
    "KINDS",
    "load_lines",
    "proposed_path",
    "state_words",
    "there_is_something",
    "write_export",
]

KINDS = {
    "maps": "HyperSpy file (*.hspy);;OME-TIFF (*.ome.tif)",
    "figure": "PNG picture (*.png);;PDF (*.pdf);;SVG drawing (*.svg)",
    "report": "PDF page (*.pdf);;PNG picture (*.png)",
    "script": "Python script (*.py)",
}
"""What can be saved, and the kinds of files, as file dialogs want them; the first is proposed."""

_ENDINGS = {"maps": "_maps.hspy", "figure": "_maps.png", "report": "_report.pdf", "script": "_maps.py"}
_DRAWN_AXES = 2


def proposed_path(maps: PropertyMaps, kind: str, /) -> Path:
    """Propose a file beside the spectrum image, or in the present folder where that one cannot be written to.

    Parameters
    ----------
    maps
        What is saved.
    kind
        Key of :data:`KINDS`.
    """
    source = maps.provenance.get("source") or {}
    origin = Path(str(source.get("path") or source.get("file") or "spectrum_image"))
    folder = origin.parent if source.get("path") and os.access(origin.parent, os.W_OK) else Path.cwd()
    stem = "".join(sign if sign.isalnum() or sign in "-_." else "_" for sign in origin.stem)
    return folder / f"{stem}{_ENDINGS[kind]}"


def write_export(
    kind: str,
    maps: PropertyMaps,
    image: PlannedImage | None,
    path: Path,
    /,
) -> str:
    """Write a file, replacing one that exists, all or nothing.

    Parameters
    ----------
    kind
        Key of :data:`KINDS`.
    maps
        The maps; of a run that was stopped, what is known of them.
    image
        The planned image, for the report.
    path
        The file.

    Returns
    -------
    str
        What was done, in words.

    Raises
    ------
    EelsmapError, OSError, ValueError
        It cannot be written; nothing was changed.
    """
    if kind == "script":
        with whole_file(path) as part:
            part.write_text(script_of(maps.provenance), encoding="utf-8")
        return f"saved {path.name} in {path.parent}"
    known = as_known(maps)
    if kind == "maps":
        save_maps(known, path, overwrite=True)
    else:
        require_figure(path)
        if len(known.shape) > _DRAWN_AXES:
            raise EelsmapError(
                f"the maps have {len(known.shape)} axes, and a page shows one or two; save the maps themselves"
            )
        from eelsmap.plot import plot_maps
        from eelsmap.plot.report import plot_report

        save_figure(plot_maps(known) if kind == "figure" else plot_report(known, image=image), path)
    partial = known.provenance.get("partial")
    return f"saved {path.name} in {path.parent}" + (f": {partial}" if partial else "")


def there_is_something(maps: PropertyMaps | None, /) -> bool:
    """Whether any pixel is known."""
    if maps is None:
        return False
    return not maps.is_lazy or bool(known_pixels({name: maps.partial(name) for name in maps}).any())


def state_words(maps: PropertyMaps | None, /) -> str:
    """Say what there is to save."""
    if maps is None or not there_is_something(maps):
        return "Nothing to save yet: press Run."
    partial = as_known(maps).provenance.get("partial", "")
    return f"{partial[:1].upper()}{partial[1:]}. Run goes on with them." if partial else ""


def load_lines(path: Path, /) -> str:
    """Lines that open saved maps in another Python session."""
    return f"import eelsmap; maps = eelsmap.PropertyMaps.load({str(path)!r})"
