"""``eelsmap benchmark``: the comparison of the papers, run, printed and drawn."""

from __future__ import annotations

from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from eelsmap.models.benchmark.results import Results

__all__ = ["benchmark"]

_FOLDER = click.Path(path_type=Path)


@click.command()
@click.option("--out", type=_FOLDER, required=True, help="Folder for finished items, result, page and figures.")
@click.option("--library", "library_name", default="nmc", show_default=True, help="Shipped library, or its path.")
@click.option("--seed", default=0, show_default=True, help="Seed of everything random.")
@click.option("--full", is_flag=True, help="Every combination of feature, reduction and model: hours.")
@click.option(
    "--from",
    "result",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Print and draw this benchmark.json instead of running anything.",
)
@click.option("--docs", type=_FOLDER, help="Also write page, result and images/ into this folder of documentation.")
def benchmark(out: Path, library_name: str, seed: int, full: bool, result: Path | None, docs: Path | None) -> None:
    """Compare features, reductions and models on the spectral library, as the papers did.

    About half an hour on one core; stopped at any moment, it goes on where it was.
    """
    from eelsmap.commands.results import require_folder
    from eelsmap.models.benchmark.report import benchmark_page
    from eelsmap.models.benchmark.results import Results
    from eelsmap.plot.benchmark import save_benchmark_figures

    for folder in (out, docs):
        if folder is not None:
            require_folder(folder)
    results = Results.read(result) if result is not None else _run(out, library_name, seed, full)
    click.echo(benchmark_page(results))
    figures = save_benchmark_figures(results, out)
    written = [*_write(results, out, ""), *figures]
    if docs is not None:
        (docs / "images").mkdir(parents=True, exist_ok=True)
        written += _write(results, docs, "images/")
        written += [copyfile(path, docs / "images" / path.name) for path in figures]
    for path in written:
        click.echo(path)


def _run(out: Path, library_name: str, seed: int, full: bool) -> Results:
    """Run what is not finished, under a progress bar."""
    from tqdm import tqdm

    from eelsmap.library import load_library
    from eelsmap.models.benchmark.results import Results
    from eelsmap.models.benchmark.run import run_benchmark

    with tqdm(unit="item", desc="benchmark") as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return Results(run_benchmark(load_library(library_name), out, seed=seed, full=full, progress=progress))


def _write(results: Results, folder: Path, prefix: str) -> list[Path]:
    """Write page and result; `prefix` leads from the page to its figures."""
    from eelsmap.models.benchmark.report import benchmark_page
    from eelsmap.models.benchmark.run import write_result
    from eelsmap.whole_file import whole_file

    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / "benchmark.md") as part:
        part.write_text(benchmark_page(results, figures=prefix))
    write_result(results.content, folder / "benchmark.json")
    return [folder / "benchmark.md", folder / "benchmark.json"]
