"""Command ``eelsmap report``: one page on a run, from a file of maps or from a spectrum image that is mapped first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from eelsmap.mapping import PropertyMaps
    from eelsmap.mapping.planned_image import PlannedImage

__all__ = ["report"]

_PATH = click.Path(path_type=Path, readable=False)
_DRAWN_AXES = 2


@click.command()
@click.argument("paths", nargs=-1, required=True, type=_PATH, metavar="FILE...")
@click.option("--out", required=True, type=_PATH, help="Page to write (.pdf, .png, .svg); a folder for several FILEs.")
@click.option("--model", default="nmc", show_default=True, help="Model for spectrum images, by name or path.")
@click.option("--low-loss", type=_PATH, help="Low loss of a single spectrum image.")
@click.option("--title", default="", help="Title of the page; by default that of the spectrum image.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier page.")
@click.pass_context
def report(
    ctx: click.Context,
    paths: tuple[Path, ...],
    out: Path,
    model: str,
    low_loss: Path | None,
    title: str,
    overwrite: bool,
) -> None:
    """Draw one page on each FILE: maps, means and intervals, flags, what was found, where the maps come from.

    A FILE of maps (.hspy or .ome.tif that eelsmap wrote) is drawn as it is; a spectrum image is mapped first.
    """
    from eelsmap.commands.map_files import matching
    from eelsmap.commands.results import refuse_existing, require_figure, require_folder, save_figure
    from eelsmap.errors import EelsmapError
    from eelsmap.plot.report import plot_report

    files = [file for path in paths for file in matching(path)]
    if low_loss is not None and len(files) > 1:
        raise EelsmapError("one low loss cannot belong to several spectrum images; report them one by one")
    targets = _targets(files, out)
    for target in targets:
        require_figure(target)
        require_folder(target.parent)
    refuse_existing({str(target): target for target in targets}, overwrite)
    failed = 0
    for source, target in zip(files, targets, strict=True):
        try:
            maps, image = _maps_of(source, model, low_loss)
            if len(maps.shape) > _DRAWN_AXES:
                raise EelsmapError(
                    f"{source}: the maps have {len(maps.shape)} axes, and a page shows one or two; save a slice"
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            save_figure(plot_report(maps, image=image, title=title), target)
            click.echo(str(target))
        except (EelsmapError, OSError) as error:
            if len(files) == 1:
                raise
            failed += 1
            said = f"{error.strerror}: {error.filename}" if isinstance(error, OSError) and error.filename else error
            click.echo(f"{source}: {str(said).removeprefix(f'{source}: ')}", err=True)
    if failed:
        click.echo(f"{failed} of {len(files)} files could not be reported", err=True)
        ctx.exit(1)


def _targets(files: list[Path], out: Path) -> list[Path]:
    """Where each page goes: the file named, or one a file in the folder named."""
    from eelsmap.commands.map_files import numbered_stems

    if len(files) == 1 and not out.is_dir() and out.suffix:
        return [out]
    # The two endings of an OME-TIFF file both go.
    names = [file.with_suffix("") if file.stem.lower().endswith(".ome") else file for file in files]
    return [out / f"{stem}_report.pdf" for stem in numbered_stems(names)]


def _maps_of(path: Path, model: str, low_loss: Path | None) -> tuple[PropertyMaps, PlannedImage | None]:
    """Return the maps that a file holds, or those of the spectrum image that it holds."""
    from tqdm.dask import TqdmCallback

    from eelsmap.errors import EelsmapError
    from eelsmap.io import load
    from eelsmap.io.maps import holds_maps
    from eelsmap.mapping import PropertyMaps, plan_signal
    from eelsmap.mapping.engine import maps_of
    from eelsmap.mapping.pixel_block import PropertyWork
    from eelsmap.mapping.provenance import model_identity
    from eelsmap.models import load_model

    if holds_maps(path):
        if low_loss is not None:
            raise EelsmapError(f"{path}: holds maps, which no low loss can change; leave --low-loss out")
        return PropertyMaps.load(path), None
    loaded = load_model(model)
    signal = load([path], lazy=True)[0] if low_loss is None else load(path, lazy=True, low_loss=low_loss)
    if signal.data.ndim - 1 > _DRAWN_AXES:
        raise EelsmapError(
            f"{path}: the image has {signal.data.ndim - 1} navigation axes, and a page shows one or two; save a slice"
        )
    image = plan_signal(signal, loaded.recipe)
    work = PropertyWork(image.plan, loaded.recipe, loaded)
    maps = maps_of(image, work, {"model": model_identity(loaded)}, lazy=True)
    with TqdmCallback(desc=path.name):
        return maps.compute(progress=False), image
