"""Command group ``eelsmap library``: make the library step by step, show it, and import the spectra of others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_NEW_FILE = click.Path(dir_okay=False, path_type=Path)
_NEW_FOLDER = click.Path(file_okay=False, path_type=Path)
_ANY = click.Path(exists=True, path_type=Path)


@contextmanager
def _simulation_tools() -> Iterator[None]:
    """Say which packages are missing where a tool of the simulation cannot be imported."""
    try:
        yield
    except ImportError as error:
        raise click.ClickException(
            f'{error}. This needs the simulation tools: pip install "eelsmap[simulate]"'
        ) from error


@click.group()
def library() -> None:
    """Make the simulated spectral library, show it, or import the spectra of others."""


@library.command()
@click.option("--out", type=_NEW_FOLDER, required=True, help="Folder of the run.")
@click.option("--limit", type=click.IntRange(min=0), default=None, help="Stop each stage after so many new cells.")
@click.option(
    "--stage",
    "stages",
    type=click.Choice(["relax", "oxygen-k"]),
    multiple=True,
    help="Only this stage; both if not given.",
)
@click.option("--name", "names", multiple=True, help="Only the cell of this name; may be given several times.")
@click.option("--again", is_flag=True, help="Make what the package holds already again too.")
def build(out: Path, limit: int | None, stages: tuple[str, ...], names: tuple[str, ...], again: bool) -> None:
    """Relax planned structures (CHGNet) and calculate their O K edges (GPAW).

    Goes on with what the package does not hold yet: first the structures, then their edges, best first. Can be killed
    and started again at any time, also several times side by side on one folder.
    """
    with _simulation_tools():
        from eelsmap.library.build import STAGES, run

        done = run(out, limit, stages=stages or STAGES, names=names or None, again=again)
    for stage, count in done.items():
        click.echo(f"{stage}: {count} cells made in {out}")


@library.command()
@click.argument("sources", nargs=-1, required=True, type=_ANY)
@click.option("--out", type=_NEW_FILE, required=True, help="Compact file to write.")
@click.option("--relaxed", is_flag=True, help="Collect relaxed structures instead of calculated cells.")
@click.option(
    "--settings", default=None, help="Name of the O K settings to take, or 'any'; the standard ones if not given."
)
def collect(sources: tuple[Path, ...], out: Path, relaxed: bool, settings: str | None) -> None:
    """Collect finished cells of SOURCES (runs, folders, compact files; the last one counts) into one compact file."""
    from eelsmap.library import cells
    from eelsmap.library.assembly_inputs import gather_relaxed
    from eelsmap.library.gpaw_oxygen_k import STANDARD
    from eelsmap.library.relaxed import save_relaxed

    if relaxed:
        structures = gather_relaxed(sources)
        save_relaxed(structures, out)
        click.echo(f"{len(structures)} relaxed structures written to {out}")
        return
    wanted = None if settings == "any" else settings or STANDARD.name
    found, header, edges = cells.gather(sources, wanted)
    evidence = {key: header[key] for key in cells.EVIDENCE if key in header}
    cells.save_cells(found, out, header["settings"], evidence, edges)
    click.echo(f"{len(found)} calculated cells written to {out}")


@library.command()
@click.option("--out", type=_NEW_FILE, required=True, help="Grid to write; finished ions in it are kept.")
def multiplets(out: Path) -> None:
    """Calculate the grid of L2,3 multiplets of all ions (EDRIXS)."""
    with _simulation_tools():
        from eelsmap.library.multiplet_grid import make_grid

        make_grid(out, report=click.echo)
    click.echo(f"grid written to {out}")


@library.command()
@click.option(
    "--cells", type=_ANY, default=None, help="Calculated cells: compact file or folder; the package's if not given."
)
@click.option("--out", type=_NEW_FILE, required=True, help="Surrogate to write.")
@click.option("--figures", type=_NEW_FOLDER, default=None, help="Folder for figures of its errors and learning curves.")
def surrogate(cells: Path | None, out: Path, figures: Path | None) -> None:
    """Fit the surrogate of the O K calculation on calculated cells and print its errors."""
    with _simulation_tools():
        from eelsmap.library.assemble import DATA
        from eelsmap.library.surrogate_fit import fit_file
        from eelsmap.library.surrogate_summary import described

        fitted = fit_file(cells or DATA / "oxygen_k_cells.npz", out, click.echo)
        click.echo(described(fitted))
        if figures is not None:
            from eelsmap.plot.surrogate import save_surrogate_figures

            for path in save_surrogate_figures(fitted, figures):
                click.echo(path)


@library.command()
@click.option("--out", type=_NEW_FILE, required=True, help="Library file to write.")
@click.option("--run", "folder", type=_FOLDER, default=None, help="Run whose finished cells and structures are added.")
@click.option("--cells", type=_FILE, default=None, help="Calculated cells; the package's if not given.")
@click.option("--relaxed", type=_FILE, default=None, help="Relaxed structures; the package's if not given.")
@click.option("--multiplets", type=_FILE, default=None, help="Grid of L2,3 multiplets; the package's if not given.")
@click.option("--surrogate", type=_FILE, default=None, help="Surrogate; the package's if not given.")
@click.option("--calculated-only", is_flag=True, help="Leave structures without a calculated O K edge out.")
def assemble(
    out: Path,
    folder: Path | None,
    cells: Path | None,
    relaxed: Path | None,
    multiplets: Path | None,
    surrogate: Path | None,
    calculated_only: bool,
) -> None:
    """Join cells, relaxed structures, multiplets and surrogate to a library; the same inputs give the same file."""
    with _simulation_tools():
        from eelsmap.library.assembly_inputs import AssemblyInputs, assemble_files
        from eelsmap.library.store import save_library

        inputs = AssemblyInputs().replaced(cells=cells, relaxed=relaxed, multiplets=multiplets, surrogate=surrogate)
        content = assemble_files(inputs, folder, calculated_only=calculated_only, report=click.echo)
    save_library(content, out)
    click.echo(f"{len(content)} records of {len(content.parent_names)} structures written to {out}")
    click.echo(f"{out.stat().st_size / 1e6:.2f} MB, identity {content.sha256}")


@library.command()
@click.argument("name", default="nmc")
@click.option("--figure", type=_NEW_FILE, default=None, help="Draw one page into this file (png, pdf, svg).")
@click.option("--checks", type=_NEW_FILE, default=None, help="Draw the checks of its physics into this file.")
def show(name: str, figure: Path | None, checks: Path | None) -> None:
    """Say what a library holds: structures, records, split, trends, and how good its parts are.

    NAME is a shipped library or the path of a file.
    """
    from eelsmap.library.checks import described_checks
    from eelsmap.library.store import load_library
    from eelsmap.library.summary import described

    content = load_library(name)
    click.echo("\n".join([*described(content), *described_checks(content)]))
    if figure is not None:
        from eelsmap.plot.library import plot_library

        plot_library(content).savefig(figure, dpi=150)
        click.echo(f"figure written to {figure}")
    if checks is not None:
        from eelsmap.plot.library_checks import plot_library_checks

        plot_library_checks(content).savefig(checks, dpi=150)
        click.echo(f"checks drawn into {checks}")


@library.command(name="import")
@click.argument("source", type=_ANY)
@click.option("--out", type=_NEW_FILE, required=True, help="Library file to write.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["published", "fdmnes", "table"]),
    required=True,
    help="published: NMC_fdmnes.json; fdmnes: folder of FDMNES runs; table: folder of spectra with a label table.",
)
@click.option(
    "--table", type=_FILE, default=None, help="Label table (table only); labels.csv in the folder if not given."
)
@click.option("--name", default=None, help="Name of the library.")
@click.option(
    "--place",
    type=click.Choice(["library", "given"]),
    default=None,
    help="Energies: moved edge by edge onto those of the shipped library, or taken as given; by format if not given.",
)
@click.option(
    "--valences",
    type=click.Choice(["balance", "redox"]),
    default="balance",
    show_default=True,
    help="Only where charge balance fixes them, or by the usual order of redox too (not for table).",
)
@click.option(
    "--scale",
    type=click.Choice(["continuum", "area"]),
    default="continuum",
    show_default=True,
    help="Unit of the edge step by the continuum past the lines, or by the area where that is lost in noise.",
)
@click.option("--shift", "shifts", multiple=True, help="EDGE=eV, for instance Ni_L=19.5: added to its energies.")
@click.option("--strict", is_flag=True, help="Stop at the first spectrum that cannot be used (table only).")
def import_(
    source: Path,
    out: Path,
    kind: str,
    table: Path | None,
    name: str | None,
    place: str | None,
    valences: str,
    scale: str,
    shifts: tuple[str, ...],
    strict: bool,
) -> None:
    """Make a library of other people's spectra in SOURCE. What cannot be used is left out and listed."""
    from tqdm import tqdm

    from eelsmap.library.fdmnes import import_published_json
    from eelsmap.library.fdmnes_runs import import_fdmnes_runs
    from eelsmap.library.imported import import_folder
    from eelsmap.library.store import save_library

    options: dict[str, Any] = {"name": name, "place": place, "scale": scale, "shifts": _shifts(shifts)}
    options = {key: value for key, value in options.items() if value}
    with tqdm(unit="record", desc="reading") as bar:
        options["progress"] = lambda count, _: bar.update(count - bar.n)
        if kind == "table":
            result = import_folder(source, table, **options, strict=strict)
        else:
            read = import_published_json if kind == "published" else import_fdmnes_runs
            result = read(source, **options, valences=valences)  # type: ignore[arg-type]  # click checked the word
    save_library(result.library, out)
    click.echo("\n".join(result.report.lines()))
    click.echo(f"{len(result.library)} records written to {out}")


def _shifts(given: tuple[str, ...]) -> dict[str, float]:
    """Shifts by edge from words such as ``Ni_L=19.5``."""
    result = {}
    for word in given:
        edge, _, value = word.partition("=")
        try:
            result[edge.strip()] = float(value)
        except ValueError:
            raise click.BadParameter(f"{word!r} is not EDGE=eV, for instance Ni_L=19.5", param_hint="--shift") from None
    return result


@library.command(name="fdmnes-inputs")
@click.option("--out", type=_NEW_FOLDER, required=True, help="Folder to write into.")
@click.option(
    "--cells", type=_FILE, default=None, help="Cells or relaxed structures; the package's cells if not given."
)
@click.option("--name", "names", multiple=True, help="Only the structure of this name; may be given several times.")
def fdmnes_inputs(out: Path, cells: Path | None, names: tuple[str, ...]) -> None:
    """Write inputs of FDMNES for structures, with the settings of the published set."""
    from eelsmap.library.assemble import DATA
    from eelsmap.library.cells import load_cells
    from eelsmap.library.fdmnes_input import write_fdmnes_inputs

    path = cells or DATA / "oxygen_k_cells.npz"
    known = {cell.name: cell for cell in load_cells(path)[0]}
    if strange := [name for name in names if name not in known]:
        raise click.ClickException(
            f"{path}: no structure {strange[0]!r} in it; it has {', '.join(sorted(known)[:5])}, ..."
        )
    written = write_fdmnes_inputs({name: known[name] for name in names or sorted(known)}, out)
    click.echo(f"{len(written)} inputs written to {out}")
