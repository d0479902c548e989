"""``eelsmap tune``: search the parameters of the boosted trees."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["tune"]


@click.command()
@click.option("--library", "library_name", default="nmc", show_default=True, help="Shipped library, or its path.")
@click.option("--out", required=True, type=click.Path(path_type=Path, readable=False), help="Folder of the search.")
@click.option("--trials", default=30, show_default=True, help="Number of trials of each kind, earlier ones included.")
@click.option("--rows", default=6000, show_default=True, help="Number of training spectra.")
@click.option("--seed", default=0, show_default=True, help="Seed of everything random.")
def tune(library_name: str, out: Path, trials: int, rows: int, seed: int) -> None:
    """Search the parameters of the trees by TPE, on groups of structures held out; stopped, it goes on."""
    from eelsmap.commands.counting_bar import counting_bar
    from eelsmap.commands.results import require_folder
    from eelsmap.library import load_library
    from eelsmap.models.tuning import KINDS
    from eelsmap.models.tuning import tune as search

    require_folder(out)
    with counting_bar("tuning", "trial") as advance:
        found = search(load_library(library_name), out, trials=trials, rows=rows, seed=seed, progress=advance)
    click.echo(f"measured on {found['measured_on']}")
    for kind in KINDS:
        best = found[kind]
        click.echo(f"{kind}: {best['error']:.4f} after {best['trials']} trials, {best['first_error']:.4f} by hand")
        for name, value in best["parameters"].items():
            click.echo(f"  {name}: {value:g}")
    click.echo(f"found parameters in {out / 'tuned.json'}")
