"""``eelsmap transfer``: take a model to a neighbouring system by few labelled spectra of it."""

from __future__ import annotations

from pathlib import Path

import click

from eelsmap.commands.calibrate import gather_references, report_and_accept, require_out

__all__ = ["transfer"]

_PATH = click.Path(path_type=Path, readable=False)


@click.command()
@click.option("--model", default="nmc", show_default=True, help="Shipped model by name, or path of a bundle.")
@click.option("--spectra", required=True, type=_PATH, help="Folder of labelled spectra of the new system.")
@click.option("--labels", type=_PATH, help="Label table: file,edge,property,value; labels.csv in the folder if absent.")
@click.option("--library", "library_name", default="nmc", show_default=True,
              help="Library that the model learned from, or its path; fine-tuning must not forget it.")  # fmt: skip
@click.option("--axis-uncertainty", type=click.FloatRange(0, 50),
              help="Standard deviation of the error of the energies, eV; not known if left out.")  # fmt: skip
@click.option("--relative-intensity", is_flag=True, help="The edges of one specimen share one intensity scale.")
@click.option("--way", "ways", multiple=True, help="Try only this way; may be given several times.")
@click.option("--accept", help="Write a new bundle with this way, or with 'best'; without it nothing is written.")
@click.option("--out", type=_PATH, help="Folder of the new bundle.")
@click.option("--name", default=None, help="Name of the new model; that of the folder if left out.")
@click.option("--version", "version", default="1.0.0", show_default=True, help="Version of the new model.")
@click.option("--figure", type=_PATH, help="Draw errors before and after to this file.")
@click.option("--seed", default=0, show_default=True, help="Seed of everything random.")
def transfer(
    model: str,
    spectra: Path,
    labels: Path | None,
    library_name: str,
    axis_uncertainty: float | None,
    relative_intensity: bool,
    ways: tuple[str, ...],
    accept: str | None,
    out: Path | None,
    name: str | None,
    version: str,
    figure: Path | None,
    seed: int,
) -> None:
    """Take a model to a neighbouring system by few labelled spectra.

    Offset, line, ridge and further boosting are tried and judged by cross-validation over specimens; intervals and the
    threshold of novelty are set anew. Nothing is written without --accept.
    """
    from eelsmap.commands.counting_bar import counting_bar
    from eelsmap.library import load_library
    from eelsmap.models.transfer import transfer_model

    require_out(accept, out)
    references, digest = gather_references(model, spectra, labels, (), None, axis_uncertainty, relative_intensity)
    with counting_bar("transferring", "fit") as progress:
        library = load_library(library_name)
        result = transfer_model(references, library, ways=ways or None, seed=seed, progress=progress)
    report_and_accept(result, model, digest, accept, out, name, version, figure, program="transfer")
