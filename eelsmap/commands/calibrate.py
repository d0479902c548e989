"""``eelsmap calibrate``: correct a model by measured references, the gain shown before anything is accepted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from eelsmap.models.calibration import Calibration
    from eelsmap.models.evaluation_measured import MeasuredSet
    from eelsmap.models.references import ReferenceSet

__all__ = ["calibrate", "gather_references", "report_and_accept", "require_out"]

_PATH = click.Path(path_type=Path, readable=False)
_MOST_REASONS = 5


@click.command()
@click.option("--model", default="nmc", show_default=True, help="Shipped model by name, or path of a bundle.")
@click.option("--spectra", type=_PATH, help="Folder of background-subtracted reference spectra (.csv, .msa).")
@click.option("--labels", type=_PATH, help="Label table: file,edge,property,value; labels.csv in the folder if absent.")
@click.option("--image", "images", multiple=True, metavar="FILE:PROPERTY=VALUE",
              help="A spectrum image of which a value is known; may be given several times.")  # fmt: skip
@click.option("--axis", "axis_mode", default=None, help="Energy axis of the images: auto, none, global or per_edge.")
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
def calibrate(
    model: str,
    spectra: Path | None,
    labels: Path | None,
    images: tuple[str, ...],
    axis_mode: str | None,
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
    """Correct a model by a few measured references with known values.

    Every way that so many references support is tried, and judged on references that were held out: energy shift,
    broadening, offset, line, ridge. Nothing is written without --accept.
    """
    from eelsmap.commands.counting_bar import counting_bar
    from eelsmap.models.calibration import WAYS, calibrate_model

    require_out(accept, out)
    references, table_sha256 = gather_references(
        model, spectra, labels, images, axis_mode, axis_uncertainty, relative_intensity
    )
    chosen = ways or tuple(name for name, way in WAYS.items() if "trees" not in way.steps)
    with counting_bar("calibrating", "fit") as progress:
        result = calibrate_model(references, ways=chosen, seed=seed, progress=progress)
    report_and_accept(result, model, table_sha256, accept, out, name, version, figure, program="calibrate")


def gather_references(
    model: str,
    spectra: Path | None,
    labels: Path | None,
    images: tuple[str, ...],
    axis_mode: str | None,
    axis_uncertainty: float | None,
    relative_intensity: bool,
) -> tuple[ReferenceSet, str]:
    """Gather references from a folder and images, and the hash of their values; print what cannot be used."""
    from eelsmap.commands.image_references import measured_set
    from eelsmap.models.model_loading import load_model
    from eelsmap.models.references import measured_references

    loaded = load_model(model)
    given = measured_set(spectra, labels, images, loaded.recipe, axis_mode=axis_mode)
    references = measured_references(
        given, loaded, axis_uncertainty=axis_uncertainty, relative_intensity=relative_intensity
    )
    _report_refused(given, references)
    return references, given.table_sha256


def report_and_accept(
    result: Calibration,
    model: str,
    references_sha256: str,
    accept: str | None,
    out: Path | None,
    name: str | None,
    version: str,
    figure: Path | None,
    *,
    program: str,
) -> None:
    """Print errors before and after by way; write the accepted one."""
    from eelsmap.models.calibration_report import calibration_lines
    from eelsmap.models.corrected_bundle import write_corrected_bundle

    for line in calibration_lines(result):
        click.echo(line)
    if figure is not None:
        from eelsmap.commands.results import save_figure
        from eelsmap.plot.calibration import plot_calibration

        save_figure(plot_calibration(result), figure)
        click.echo(f"figure in {figure}")
    if accept is None:
        click.echo(f"Nothing was written; eelsmap {program} ... --accept WAY --out DIR writes a corrected model.")
        return
    assert out is not None  # noqa: S101 - asked for before anything was computed
    attempt = result.chosen(accept)
    write_corrected_bundle(
        model, out, result, attempt, name=name or out.name, version=version, references_sha256=references_sha256,
        program=program,
    )  # fmt: skip
    click.echo(f"{attempt.way.name}: {attempt.way.words}; corrected model in {out}")


def require_out(accept: str | None, out: Path | None) -> None:
    """Refuse an acceptance that could not be written, before anything is computed."""
    from eelsmap.commands.results import require_folder

    if accept is None:
        return
    if out is None:
        raise click.UsageError("--accept needs --out DIR for the corrected model")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise click.UsageError(f"{out} exists and is not empty; choose another folder for the corrected model")
    require_folder(out)


def _report_refused(given: MeasuredSet, references: ReferenceSet) -> None:
    """Print which references could not be used."""
    said = [*(f"{name}: {reason}" for name, reason in references.refused.items()), *given.bad_rows]
    for line in said[:_MOST_REASONS]:
        click.echo(f"not used: {line}", err=True)
    if len(said) > _MOST_REASONS:
        click.echo(f"not used: {len(said) - _MOST_REASONS} more", err=True)
