"""``eelsmap evaluate``: a model measured on spectra whose values somebody knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

__all__ = ["evaluate"]

_PATH = click.Path(path_type=Path, readable=False)
AXIS_HELP = "Standard deviation of the error of the energies, eV; not known if left out."


@click.command()
@click.option("--spectra", type=_PATH, help="Folder of background-subtracted spectra (.csv, .msa).")
@click.option("--labels", type=_PATH, help="Label table: file,edge,property,value; labels.csv in the folder if absent.")
@click.option("--image", "images", multiple=True, metavar="FILE:PROPERTY=VALUE",
              help="A spectrum image of which a value is known; may be given several times.")  # fmt: skip
@click.option("--model", default="nmc", show_default=True, help="Shipped model by name, or path of a bundle.")
@click.option("--out", type=_PATH, help="Folder for predictions.csv, metrics.json and the figure.")
@click.option("--axis-uncertainty", type=click.FloatRange(0, 50), help=AXIS_HELP)
@click.option("--relative-intensity", is_flag=True, help="The edges of one specimen share one intensity scale.")
@click.option("--shift", "constant", multiple=True, type=float, default=(0.0,), show_default=True,
              help="Added to all energies, eV; give it several times for accuracy against axis error.")  # fmt: skip
@click.option("--random-shift", default=0.0, show_default=True, type=click.FloatRange(0, 20),
              help="Each specimen is moved at random by up to so many eV.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Seed of the random shifts.")
@click.option("--strict", is_flag=True, help="End with exit code 1 if any file or row could not be used.")
@click.pass_context
def evaluate(
    ctx: click.Context,
    spectra: Path | None,
    labels: Path | None,
    images: tuple[str, ...],
    model: str,
    out: Path | None,
    axis_uncertainty: float | None,
    relative_intensity: bool,
    constant: tuple[float, ...],
    random_shift: float,
    seed: int,
    strict: bool,
) -> None:
    """Measure a model on spectra of known valence, lithium content, composition or defects.

    A file or row that cannot be used is reported and counted, and the others go on. The exit code is 1 if nothing could
    be evaluated, or, with --strict, if anything could not.
    """
    from eelsmap.commands.counting_bar import counting_bar
    from eelsmap.commands.image_references import measured_set
    from eelsmap.commands.results import require_folder
    from eelsmap.models.evaluation_measured import Shifts, evaluate_spectra
    from eelsmap.models.evaluation_measured.report import shift_lines
    from eelsmap.models.model_loading import load_model

    if out is not None:
        require_folder(out)
    loaded = load_model(model)
    with counting_bar("reading", "spectrum") as progress:
        given = measured_set(spectra, labels, images, loaded.recipe, progress=progress)
    evaluations = []
    for shift in constant:
        with counting_bar("predicting", "spectrum") as progress:
            evaluations.append(
                evaluate_spectra(
                    given, None, loaded, axis_uncertainty=axis_uncertainty, relative_intensity=relative_intensity,
                    shifts=Shifts(shift, random_shift, seed), progress=progress,
                )
            )  # fmt: skip
    lines = evaluations[0].lines() if len(evaluations) == 1 else _several(evaluations, shift_lines(evaluations))
    for line in lines:
        click.echo(line)
    if out is not None:
        for name, path in _write(evaluations, out).items():
            click.echo(f"{name:11s} {path}")
    evaluated = min(item.counts["evaluated"] for item in evaluations)
    failed = max(item.counts["refused"] + item.counts["bad_rows"] for item in evaluations)
    if not evaluated:
        click.echo("nothing could be evaluated", err=True)
    if not evaluated or (strict and failed):
        ctx.exit(1)


def _several(evaluations: list[Any], table: list[str]) -> list[str]:
    """Report of several shifts: the whole report of the smallest one, then a line for each."""
    nearest = min(evaluations, key=lambda item: abs(item.provenance["settings"]["shift_eV"]))
    return [*nearest.lines(), *table]


def _write(evaluations: list[Any], out: Path) -> dict[str, Path]:
    """Write tables and figures; of several shifts each into a folder of its own, and one figure over all."""
    from eelsmap.commands.results import save_figure
    from eelsmap.plot.evaluation import plot_evaluation, plot_shifts

    written: dict[str, Path] = {}
    for item in evaluations:
        shift = item.provenance["settings"]["shift_eV"]
        folder = out if len(evaluations) == 1 else out / f"shift_{shift:+.2f}_eV"
        paths = item.save(folder)
        if item.metrics:
            paths["figure"] = folder / "evaluation.png"
            save_figure(plot_evaluation(item), paths["figure"])
        written.update(paths if len(evaluations) == 1 else {f"{shift:+.2f} eV": folder})
    if len(evaluations) > 1 and evaluations[0].metrics:
        written["figure"] = out / "against_shift.png"
        save_figure(plot_shifts(evaluations), written["figure"])
    return written
