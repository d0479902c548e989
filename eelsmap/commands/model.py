"""Command group ``eelsmap model``: list, show, check and pack models, and measure what they refuse."""

from __future__ import annotations

from pathlib import Path

import click

from eelsmap.errors import BundleError

__all__ = ["model"]


@click.group()
def model() -> None:
    """List, show, check and pack models, and measure what they call novel."""


@model.command(name="list")
def list_models() -> None:
    """List the models that come with eelsmap."""
    from eelsmap.models import load_model, shipped_models

    for name in shipped_models():
        found = load_model(name)
        click.echo(f"{name}  {found.version}  {found.sha256[:12]}  {found.manifest.get('trained_on', '')}")
        click.echo(f"    {', '.join(found.targets)}")


@model.command()
@click.argument("name_or_path")
def card(name_or_path: str) -> None:
    """Print the card of NAME_OR_PATH: what a model is for, what it learned from, its limits and its errors."""
    from eelsmap.models import load_model

    click.echo(load_model(name_or_path).card)


@model.command()
@click.argument("name_or_path")
def check(name_or_path: str) -> None:
    """Check NAME_OR_PATH, a model folder or zip, step by step; ends with code 1 when it is refused."""
    from eelsmap.models.bundle_check import check_bundle

    for item in check_bundle(name_or_path):
        click.echo(f"{'passed ' if item.passed else 'REFUSED'}  {item.name:22s} {item.said}")
        if not item.passed:
            raise BundleError(f"{name_or_path} cannot be used as a model")
    click.echo("The bundle is whole and safe to load. Whether its numbers are right no check of a file can say.")


@model.command()
@click.argument("name_or_path")
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace a file of that name.")
def export(name_or_path: str, out: Path, overwrite: bool) -> None:
    """Pack NAME_OR_PATH into the zip OUT, which loads like the folder."""
    from eelsmap.models.bundle import export_bundle

    identity = export_bundle(name_or_path, out, overwrite=overwrite)
    click.echo(f"{out}  {out.stat().st_size / 2**20:.1f} MiB  model {identity[:12]}")


@model.command()
@click.argument("name_or_path", default="nmc")
@click.option("--rows", default=400, show_default=True, help="Simulated spectra of each kind.")
@click.option("--seed", default=11, show_default=True, help="Seed of the spectra.")
def novelty(name_or_path: str, rows: int, seed: int) -> None:
    """Measure how well NAME_OR_PATH tells other materials, wrong axes and faults from its own kind (simulated)."""
    from eelsmap.commands.counting_bar import counting_bar
    from eelsmap.library import load_library
    from eelsmap.models import load_model
    from eelsmap.models.novelty_measurement import measure_novelty, novelty_lines

    with counting_bar("measuring", "kind") as advance:
        found = measure_novelty(load_model(name_or_path), load_library("nmc"), rows=rows, seed=seed, progress=advance)
    for line in novelty_lines(found):
        click.echo(line)
