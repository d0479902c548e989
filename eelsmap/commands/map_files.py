"""Map spectrum image files one after the other; a bad file is reported and the rest goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eelsmap.commands.results import refuse_existing, require_folder, result_paths, write_results
from eelsmap.errors import EelsmapError, FileReadError
from eelsmap.io import load, prepare
from eelsmap.io.files import expand
from eelsmap.mapping import map_classical, map_properties, map_quality, plan_signal
from eelsmap.mapping.memory import return_memory
from eelsmap.models import Model, load_model
from eelsmap.models.device_model import on_device
from eelsmap.recipe import Recipe

if TYPE_CHECKING:
    from eelsmap.mapping import PropertyMaps

__all__ = ["MappedFile", "map_files", "matching", "numbered_stems"]

_FURTHER = {"classical": map_classical, "quality": map_quality}


@dataclass(frozen=True)
class MappedFile:
    """What became of one file: the results written, or the error; and the maps, for whoever asks further."""

    path: Path
    written: dict[str, Path] = field(default_factory=dict)
    maps: PropertyMaps | None = None
    error: str = ""


def map_files(
    paths: Sequence[str | os.PathLike[str]],
    model: str | Path | Model,
    out: str | os.PathLike[str],
    /,
    *,
    recipe: Recipe | None = None,
    low_loss: str | os.PathLike[str] | None = None,
    also: Sequence[str] = (),
    overwrite: bool = False,
    device: str | None = None,
    computing: Callable[[Path], Any] | None = None,
) -> Iterator[MappedFile]:
    """Map files to a folder.

    Parameters
    ----------
    paths
        Spectrum image files, or patterns such as ``"run_*.dm4"``.
    model
        A model, its name, or the path of a bundle.
    out
        Folder for the results; files of the same name get a number.
    recipe
        Another road than the model's; see :func:`eelsmap.map_properties`.
    low_loss
        File of the low loss, for a single spectrum image.
    also
        Further maps: ``"classical"`` (:func:`eelsmap.map_classical`), ``"quality"`` (:func:`eelsmap.map_quality`).
    overwrite
        Replace earlier results.
    device
        Where features and trees are computed; see :func:`eelsmap.map_properties`.
    computing
        Called with the path before a file is computed; returns a context manager, for instance a progress bar.

    Yields
    ------
    MappedFile
        One a file, as soon as it is written.

    Raises
    ------
    EelsmapError
        The model cannot be loaded, the device cannot be used, the folder cannot be written to, or a low loss was given
        for several files.
    """
    files = [file for path in paths for file in matching(path)]
    if low_loss is not None and len(files) > 1:
        raise EelsmapError("one low loss cannot belong to several spectrum images; map them one by one")
    require_folder(Path(out))
    loaded = model if isinstance(model, Model) else load_model(model)
    loaded = loaded if device is None else on_device(loaded, device)
    road = loaded.recipe if recipe is None else loaded.recipe.with_treatment(recipe)
    for source, stem in zip(files, numbered_stems(files), strict=True):
        try:
            for suffix in ("", *(f"_{kind}" for kind in also)):
                refuse_existing(result_paths(Path(out), stem + suffix), overwrite)
            # One plan serves all maps of an image.
            image = plan_signal(prepare(load(source, lazy=True, low_loss=low_loss)), road)
            maps = _computed(map_properties(image, loaded), source, computing)
            written = write_results(maps, Path(out), stem, overwrite=overwrite)
            for kind in also:
                more = _computed(_FURTHER[kind](image), source, computing)
                paths_of_kind = write_results(more, Path(out), f"{stem}_{kind}", overwrite=overwrite)
                written |= {f"{kind}_{name}": path for name, path in paths_of_kind.items()}
            yield MappedFile(source, written, maps)
        except EelsmapError as error:
            yield MappedFile(source, error=_without_name(str(error), source))
        except OSError as error:
            yield MappedFile(source, error=_system_error(error, Path(out)))
        except Exception as error:
            # Whatever a file does to a reader, the files after it must be mapped.
            yield MappedFile(source, error=f"unforeseen {type(error).__name__}: {error}; please report it")
        return_memory(of_signals=True)


def _computed(maps: PropertyMaps, source: Path, computing: Callable[[Path], Any] | None) -> PropertyMaps:
    """Compute maps under a progress bar, if there is one."""
    with nullcontext() if computing is None else computing(source):
        return maps.compute(progress=False)


def matching(path: str | os.PathLike[str]) -> list[Path]:
    """Files that a pattern matches; whatever else as it is, for the reader to judge."""
    try:
        return expand(path) or [Path(path)]
    except FileReadError:
        return [Path(path)]


def _without_name(message: str, source: Path) -> str:
    """Message without the name of the file at its beginning, which stands beside it anyway."""
    return message.removeprefix(f"{source}: ").removeprefix(f"{source.name}: ")


def _system_error(error: OSError, out: Path) -> str:
    """One line on what the operating system refused; HDF5 wraps its reasons in lines of its own."""
    reason = os.strerror(error.errno) if error.errno else str(error).splitlines()[0]
    return f"{reason}: {error.filename or out}"


def numbered_stems(paths: Sequence[Path]) -> list[str]:
    """File names without extension, numbered where they repeat."""
    stems: list[str] = []
    for path in paths:
        numbered = (f"{path.stem}_{number}" for number in count(2))
        stems.append(path.stem if path.stem not in stems else next(name for name in numbered if name not in stems))
    return stems
