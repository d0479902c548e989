"""Command group ``eelsmap library``: calculate cells, assemble the library file, show what it holds."""

from __future__ import annotations

from pathlib import Path

import click

_PRE_EDGE_END_EV = 534.0


@click.group()
def library() -> None:
    """Calculate, assemble or show the simulated spectral library."""


@library.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder of the run.")
@click.option("--limit", type=click.IntRange(min=0), default=None, help="Stop after so many new cells.")
def build(out: Path, limit: int | None) -> None:
    """Calculate planned cells with CHGNet and GPAW; can be killed and started again at any time."""
    try:
        from eelsmap.library.build import run

        done = run(out, limit)
    except ImportError as error:
        raise click.ClickException(f"{error}: this needs the packages gpaw, gpaw-data and chgnet") from error
    click.echo(f"{done} cells calculated into {out}")


@library.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Library file to write.")
@click.option(
    "--run",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=None,
    help="Folder of a run whose finished cells are first added to the cells of the package.",
)
def assemble(out: Path, folder: Path | None) -> None:
    """Join cells and multiplets into a library file."""
    from eelsmap.library.assemble import DATA, assemble_shipped
    from eelsmap.library.cells import merge
    from eelsmap.library.store import save_library

    if folder is not None:
        click.echo(f"{merge(folder, DATA / 'oxygen_k_cells.npz')} cells in the package")
    content = assemble_shipped()
    save_library(content, out)
    click.echo(f"{len(content)} records of {len(content.parent_names)} cells written to {out}")


@library.command()
@click.argument("name", default="nmc")
def show(name: str) -> None:
    """Say what a library holds: cells, records, split, its main trend, and how well earlier cells are reproduced."""
    import numpy as np

    from eelsmap.library.store import load_library

    content = load_library(name)
    click.echo(f"{len(content)} records of {len(content.parent_names)} cells")
    for kind in ("structure", "environment"):
        for side in ("train", "test"):
            click.echo(f"  {kind} {side}: {int(((content.kind == kind) & (content.split == side)).sum())}")
    pristine = (content.kind == "structure") & (content.labels["vacancy"] == 0) & (content.labels["antisite"] == 0)
    oxygen = content.spectra["O_K"][pristine]
    share = oxygen[:, content.grids["O_K"] < _PRE_EDGE_END_EV].sum(axis=1) / oxygen.sum(axis=1)
    correlation = np.corrcoef(share, content.labels["li_content"][pristine])[0, 1]
    click.echo(f"  O K pre-edge share against lithium, {pristine.sum()} pristine structures: r = {correlation:.3f}")
    for entry in content.header["cells"]["reproduction"]:
        click.echo(f"  reproduced {entry['cell']}: largest CDF difference {entry['cumulative_difference']}")
