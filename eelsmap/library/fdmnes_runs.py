"""Import of a folder of FDMNES runs: inputs with their structures, outputs with their spectra.

With the keyword ``Energpho`` FDMNES writes photon energies; without it, energies about the Fermi level, to which the
edge energy of the unconvolved output is added, or else the usual onset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.library.crystal import layered_cell
from eelsmap.library.fdmnes import EDGE_OF_ELEMENT, LARGEST_RELATIVE_EV, absolute_energies, check_rule
from eelsmap.library.fdmnes_input import FdmnesInput, read_fdmnes_input
from eelsmap.library.importing import Imported, ImportReport, RawRecord, build_library, record_of_cell, sha256_of
from eelsmap.library.resampling import Spectrum, checked
from eelsmap.library.text_table import TextTable, read_text_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["import_fdmnes_runs", "spectrum_of_table"]

_INPUT_HEAD = 4096


def import_fdmnes_runs(
    folder: Path,
    /,
    *,
    name: str | None = None,
    place: Literal["library", "given"] = "library",
    scale: str = "continuum",
    valences: Literal["balance", "redox"] = "balance",
    shifts: Mapping[str, float] | None = None,
    progress: Callable[[int, str], None] | None = None,
) -> Imported:
    """Make a library of FDMNES runs: one for each structure and edge, inputs and outputs side by side.

    Every text file below `folder` with the keyword ``Filout`` is an input. Its structure and edge are read from it, its
    spectrum from ``FILOUT_conv.txt`` or, where there is none, the mean of ``FILOUT_1_conv.txt``, ``FILOUT_2_conv.txt``
    and so on. Runs of the same atoms are one record.

    Parameters
    ----------
    folder
        Folder that holds the runs, at any depth.
    name
        Name of the library; the folder's when None.
    place, scale, valences, shifts, progress
        See `import_published_json`.

    Returns
    -------
    Imported

    Raises
    ------
    LibraryError
        No folder, no run that can be used, or a setting is unknown.
    """
    check_rule(valences)
    if not folder.is_dir():
        raise LibraryError(f"{folder}: no such folder")
    report = ImportReport(folder.name)
    groups: dict[tuple, list[tuple[Path, FdmnesInput]]] = {}
    for path in sorted(folder.rglob("*.txt")):
        if _is_input(path):
            try:
                content = read_fdmnes_input(path)
            except LibraryError as error:
                report.skipped.append((str(path.relative_to(folder)), str(error)))
                continue
            crystal = content.crystal
            key = (crystal.species, np.round(crystal.lattice, 4).tobytes(), np.round(crystal.fractional, 4).tobytes())
            groups.setdefault(key, []).append((path, content))
    records: list[RawRecord] = []
    hashes: dict[str, str] = {}
    for runs in groups.values():
        report.read += 1
        path, first = runs[0]
        label = (path.parent.relative_to(folder) / first.output.removesuffix(f"_{first.absorber}")).as_posix()
        try:
            cell = layered_cell(first.crystal, label)
            spectra, source = {}, {}
            for own, content in runs:
                edge = EDGE_OF_ELEMENT.get(content.absorber, "")
                if not edge:
                    raise LibraryError(f"{own.name}: {content.absorber} has no edge in an NMC library")
                if edge in spectra:
                    raise LibraryError(f"{own.name}: {edge} of these atoms is there twice")
                spectra[edge], files = _output(own, content, edge, report)
                hashes |= {file.relative_to(folder).as_posix(): sha256_of(file) for file in files}
                source[edge] = f"FDMNES, {', '.join(file.relative_to(folder).as_posix() for file in files[:3])}"
            records.append(record_of_cell(cell, spectra, source, valences))
        except LibraryError as error:
            report.skipped.append((label, str(error)))
        if progress is not None:
            progress(report.read, label)
    header = {"format": "FDMNES runs", "sha256": hashes, "valences": valences}
    own_name = name or folder.resolve().name
    return build_library(records, report, name=own_name, place=place, scale=scale, shifts=shifts, header=header)


def _is_input(path: Path) -> bool:
    """Whether a text file is an input of FDMNES."""
    try:
        with path.open("rb") as stream:
            return b"filout" in stream.read(_INPUT_HEAD).lower()
    except OSError:
        return False


def _output(path: Path, content: FdmnesInput, edge: str, report: ImportReport) -> tuple[Spectrum, list[Path]]:
    """Spectrum of one run, averaged over its atoms, and the files that it is from."""
    base = path.parent / content.output.replace("\\", "/").rsplit("/", 1)[-1]
    whole = base.with_name(f"{base.name}_conv.txt")
    parts = sorted(base.parent.glob(f"{base.name}_[0-9]*_conv.txt"))
    files = [whole] if whole.is_file() else parts
    if not files:
        raise LibraryError(f"{path.name}: no output {whole.name} beside it; only convolved spectra are taken")
    if files is parts and len(parts) > 1:
        report.notes["atoms of a run without a common spectrum, averaged with equal weights"] += 1
    atoms = content.crystal.species.count(content.absorber)
    spectra = [spectrum_of_table(read_text_table(file), atoms, file.name) for file in files]
    # The constants, with the energy of the edge, are in the spectrum before convolution.
    plain = base.with_name(f"{base.name}.txt")
    constants = read_text_table(plain).constants if spectra[0][0][-1] < LARGEST_RELATIVE_EV and plain.is_file() else {}
    energy = spectra[0][0]
    mean = np.mean([np.interp(energy, *spectrum) for spectrum in spectra], axis=0)
    return (absolute_energies(energy, edge, constants, report), mean), files


def spectrum_of_table(table: TextTable, atoms: int, label: str) -> Spectrum:
    """Site average of a table: its only column, the column ``<xanes>``, or the mean of one column for each atom.

    Parameters
    ----------
    table
        From `eelsmap.library.text_table.read_text_table`.
    atoms
        Number of absorbing atoms in the structure.
    label
        Name for messages.

    Raises
    ------
    LibraryError
        Another number of columns, or no spectrum in it.
    """
    count = table.columns.shape[1]
    named = [i for i, column in enumerate(table.names) if column.lower() in ("<xanes>", "xanes")]
    try:
        if count == 1 or named:
            return checked(table.energy, table.columns[:, named[0] if named else 0])
        if count == atoms:
            return checked(table.energy, table.columns.mean(axis=1))
    except LibraryError as error:
        raise LibraryError(f"{label}: {error}") from error
    raise LibraryError(f"{label}: {count} columns for {atoms} absorbing atoms, none of them named <xanes>")
