"""``eelsmap series``: the frames of a time series, mapped one by one and followed over time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eelsmap.commands.treatment_options import treated_recipe, treatment_options
from eelsmap.errors import EelsmapError

if TYPE_CHECKING:
    from eelsmap.mapping.series import MapSeries

__all__ = ["AXES", "ORDERS", "series"]

_PATH = click.Path(path_type=Path, readable=False)
# Named here once more, since what knows them brings NumPy along, and help must come at once.
ORDERS = ("auto", "time", "name")
AXES = ("per_frame", "shared", "tracked")
_REGION_HELP = 'NAME=CONDITION or NAME=MASKFILE, as core="li_content<0.5" or edge=mask.npy; repeatable.'


@click.command()
@click.argument("frames", nargs=-1, required=True, metavar="FRAME...")
@click.option("--model", default="nmc", show_default=True, help="Shipped model by name, or path of a bundle.")
@click.option("--out", required=True, type=_PATH, help="Folder for the results.")
@click.option("--region", "regions", multiple=True, metavar="NAME=...", help=_REGION_HELP)
@click.option("--each-frame", is_flag=True, help="Evaluate conditions on each frame instead of on the first.")
@click.option(
    "--axis-from",
    type=click.Choice(AXES),
    default="per_frame",
    show_default=True,
    help="Whose correction of the axis and background windows: each frame's own, or the first one's.",
)
@click.option("--no-drift", is_flag=True, help="Leave drift in space as it is.")
@click.option("--order", type=click.Choice(ORDERS), default="auto", show_default=True, help="What frames go by.")
@click.option("--watch", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
              help="Look for new frames every so many seconds, until Ctrl-C.")  # fmt: skip
@click.option("--for", "watch_for", type=click.FloatRange(min=0), metavar="SECONDS",
              help="Stop watching after so many seconds without a new frame.")  # fmt: skip
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True,
              help="Where features and trees are computed: on the CPU or on an NVIDIA GPU.")  # fmt: skip
@click.option("--movie", "movie", multiple=True, metavar="MAP", help="Map shown in the movie; repeatable.")
@click.option("--strict", is_flag=True, help="End with exit code 1 if any frame could not be mapped.")
@treatment_options
@click.pass_context
def series(
    ctx: click.Context,
    frames: tuple[str, ...],
    model: str,
    out: Path,
    regions: tuple[str, ...],
    each_frame: bool,
    axis_from: str,
    no_drift: bool,
    order: str,
    watch: float | None,
    watch_for: float | None,
    device: str,
    movie: tuple[str, ...],
    strict: bool,
    **treatment: Any,
) -> None:
    """Map a time series: a table of its frames, maps on each other, trends of regions, a movie.

    Each FRAME is a file, a folder, or a pattern such as "run_*.dm4". Stopped at any instant, the same command goes on
    where it was. A frame that cannot be mapped is a row of the table with its reason, and the others go on. The exit
    code is 1 if no frame could be mapped, or, with --strict, if any could not.
    """
    from eelsmap.commands.results import require_folder
    from eelsmap.mapping.series import map_series
    from eelsmap.models import load_model
    from eelsmap.models.device_model import on_device

    if watch_for is not None and watch is None:
        raise click.UsageError("--for goes with --watch")
    require_folder(out)
    loaded = on_device(load_model(model), device)
    result = map_series(
        frames, loaded, out=out, recipe=treated_recipe(loaded.recipe, **treatment),
        axis=axis_from, drift=not no_drift, regions=_regions(regions),
        thresholds="each" if each_frame else "first", order=order, watch=watch, watch_for=watch_for, say=click.echo,
    )  # fmt: skip
    for path in _draw(result, movie):
        click.echo(path)
    status = result.frames["status"] if len(result.frames) else []
    mapped = sum(one == "mapped" for one in status)
    bad = [one for one in status if one not in ("mapped", "duplicate")]
    if bad:
        click.echo(f"{len(bad)} of {len(status)} frames could not be mapped; {out / 'frames.csv'} says why", err=True)
    if not mapped or (strict and bad):
        ctx.exit(1)


def _regions(given: tuple[str, ...]) -> dict[str, str]:
    """Take NAME=... apart."""
    found: dict[str, str] = {}
    for text in given:
        name, sign, region = text.partition("=")
        if not sign or not region or name.rstrip() != name or "<" in name or ">" in name:
            raise EelsmapError(f"--region {text}: is not of the form NAME=CONDITION or NAME=MASKFILE")
        if name in found:
            raise EelsmapError(f"--region {text}: the name {name!r} is given twice")
        found[name] = region
    return found


def _draw(result: MapSeries, movie: tuple[str, ...]) -> list[Path]:
    """Write figure and movie of what is mapped; return all files of the results."""
    from eelsmap.commands.results import save_figure

    folder = result.folder
    written = [folder / "frames.csv"]
    if not result.properties:
        return written
    unknown = [name for name in movie if name not in result]
    if unknown:
        raise EelsmapError(f"--movie {unknown[0]}: there is no such map; there are {', '.join(result)}")
    save_figure(result.plot(), folder / "trends.png")
    written += [folder / "series.hspy", folder / "trends.png"]
    if result[result.properties[0]].data.ndim == 3:
        written.append(result.movie(folder / "movie.gif", movie or None))
    return written
