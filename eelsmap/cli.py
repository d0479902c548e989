"""Command line: arguments in, function call, result out."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from eelsmap._version import __version__
from eelsmap.commands.treatment_options import treated_recipe, treatment_options
from eelsmap.errors import EelsmapError

__all__ = ["main"]

# Commands that live with what they command; imported only when they are asked for.
_ELSEWHERE = {
    "library": "eelsmap.library.commands:library",
    **{name: f"eelsmap.commands.{name}:{name}"
       for name in ("benchmark", "calibrate", "evaluate", "explain", "model", "report", "series", "transfer", "tune")},
}  # fmt: skip

# What is not readable is for our reader to say, file by file: click would end the whole batch.
_PATH = click.Path(path_type=Path, readable=False)


class _Group(click.Group):
    """Imports a command when it is used, and turns every error of ours into one clear line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_ELSEWHERE})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name in _ELSEWHERE:
            module, attribute = _ELSEWHERE[name].split(":")
            command: click.Command = getattr(import_module(module), attribute)
            return command
        return super().get_command(ctx, name)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EelsmapError as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            said = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            raise click.ClickException(said) from error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="eelsmap")
def main() -> None:
    """Map lithium, metals, oxidation states and defects from STEM-EELS spectrum images of battery cathodes."""
    # exspy 0.3 imports names that HyperSpy 2.5 has moved; nothing a user could act on.
    warnings.filterwarnings("ignore", message="Importing `Lazy")


@main.command()
@click.option("--out", default="eelsmap_demo", show_default=True, help="Folder for image, maps and figures.")
@click.option("--model", default="nmc", show_default=True, help="Shipped model by name, or path of a bundle.")
@click.option("--counts", default=4e5, show_default=True, help="Counts in the O K window of the thickest pixel.")
@click.option("--dual-eels", is_flag=True, help="Record the low loss at the same time.")
@click.option("--seed", default=0, show_default=True, help="Seed of specimen and noise.")
def demo(out: str, model: str, counts: float, dual_eels: bool, seed: int) -> None:
    """Map a phantom whose truth is known, and show truth beside prediction."""
    from eelsmap.commands.demo import run_demo

    result = run_demo(
        out, model=model, counts=counts, dual_eels=dual_eels, seed=seed, say=click.echo, computing=_progress
    )
    for name, path in result["files"].items():
        click.echo(f"{name:11s} {path}")


@main.command()
@click.argument("path", type=_PATH)
@click.option("--quality", type=_PATH, help="Draw one page on the quality of every pixel and edge to this file.")
@click.option("--low-loss", type=_PATH, help="Low loss of the same pixels.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier figure.")
@treatment_options
def info(path: Path, quality: Path | None, low_loss: Path | None, overwrite: bool, **treatment: Any) -> None:
    """Say what is in a file: edges, check of the energy axis, missing metadata."""
    from eelsmap.commands.information import draw_quality, information_lines, inspect_file
    from eelsmap.recipe import Recipe

    found = inspect_file(path, recipe=treated_recipe(Recipe(), **treatment), low_loss=low_loss)
    for line in information_lines(found.content):
        click.echo(line)
    if quality is not None:
        for line in draw_quality(found, quality, overwrite=overwrite, computing=_progress):
            click.echo(line)


@main.command(name="map")
@click.argument("paths", nargs=-1, required=True, type=_PATH, metavar="FILE...")
@click.option("--model", default="nmc", show_default=True, help="Shipped model by name, or path of a bundle.")
@click.option("--out", required=True, type=_PATH, help="Folder for the results.")
@click.option("--low-loss", type=_PATH, help="Low loss of a single spectrum image.")
@click.option("--also", multiple=True, type=click.Choice(["classical", "quality"]), help="Further maps; repeatable.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True,
              help="Where features and trees are computed: on the CPU or on an NVIDIA GPU.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace earlier results.")
@treatment_options
@click.pass_context
def map_command(
    ctx: click.Context,
    paths: tuple[Path, ...],
    model: str,
    out: Path,
    low_loss: Path | None,
    also: tuple[str, ...],
    device: str,
    overwrite: bool,
    **treatment: Any,
) -> None:
    """Map spectrum images: maps as .hspy, a figure, a summary table and the provenance of each FILE.

    "--also classical" adds white-line ratios, onsets and composition with their errors, "--also quality" how far each
    pixel can be trusted.
    """
    from eelsmap.commands.map_files import map_files
    from eelsmap.models import load_model

    failed = total = 0
    loaded = load_model(model)
    results = map_files(
        paths, loaded, out, recipe=treated_recipe(loaded.recipe, **treatment), low_loss=low_loss, also=also,
        overwrite=overwrite, device=device, computing=_progress,
    )  # fmt: skip
    for item in results:
        total += 1
        if item.error:
            failed += 1
            click.echo(f"{item.path}: {item.error}", err=True)
            continue
        assert item.maps is not None  # noqa: S101 - what has no error has maps
        click.echo(f"{item.path}: {item.maps.provenance['axis']['message']}")
        for reason, pixels in item.maps.flag_counts().items():
            click.echo(f"  {pixels} {'pixel' if pixels == 1 else 'pixels'}: {reason}")
        for path in item.written.values():
            click.echo(f"  {path}")
        if "figure" not in item.written:
            click.echo(f"  no figure: the maps have {len(item.maps.shape)} axes; draw a slice of them")
    if failed:
        click.echo(f"{failed} of {total} files could not be mapped", err=True)
        ctx.exit(1)


@main.command()
@click.option("--library", "library_name", default="nmc", show_default=True, help="Shipped library, or its path.")
@click.option("--out", required=True, type=_PATH, help="Folder of the new bundle.")
@click.option("--name", default="nmc", show_default=True, help="Name of the model.")
@click.option("--rows", default=30000, show_default=True, help="Number of training spectra.")
@click.option("--alone-rows", default=40000, show_default=True, help="The same of each edge that stands alone.")
@click.option("--seed", default=0, show_default=True, help="Seed of everything random.")
@click.option("--overwrite", is_flag=True, help="Replace a model that lies there.")
def train(library_name: str, out: Path, name: str, rows: int, alone_rows: int, seed: int, overwrite: bool) -> None:
    """Train a model from a spectral library; stopped at any moment, it goes on where it was."""
    from eelsmap.commands.counting_bar import counting_bar
    from eelsmap.commands.results import require_folder
    from eelsmap.library import load_library
    from eelsmap.models.train import train_model

    require_folder(out)
    with counting_bar("training", "fit") as advance:
        model = train_model(
            load_library(library_name), out, name=name, rows=rows, alone_rows=alone_rows, seed=seed,
            overwrite=overwrite, progress=advance,
        )  # fmt: skip
    click.echo(model.card)
    click.echo(f"bundle in {out}")


def _progress(path: Path) -> AbstractContextManager[Any]:
    """Progress bar over the blocks of one file."""
    from tqdm.dask import TqdmCallback

    bar: AbstractContextManager[Any] = TqdmCallback(desc=path.name)
    return bar
