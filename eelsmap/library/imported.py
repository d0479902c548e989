"""Import of a folder of spectra, measured or simulated, with a table of labels.

Spectra are single edges with their background subtracted. What nobody knows stays NaN. A measured spectrum holds the
resolution of its microscope, which is not taken out: the header of the library says so, and a model trained on it is
right for such an instrument or a worse one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.library.cells import METALS
from eelsmap.library.content import ELEMENT_OF_EDGE
from eelsmap.library.importing import Imported, ImportReport, RawRecord, build_library, sha256_of
from eelsmap.library.label_table import SpecimenRow, read_label_table
from eelsmap.library.resampling import Spectrum
from eelsmap.library.spectrum_files import read_spectrum_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["TABLE_NAME", "import_folder"]

TABLE_NAME = "labels.csv"
METAL_SITES, OXYGEN_ATOMS = 3.0, 6.0


def import_folder(
    folder: Path,
    /,
    table: Path | None = None,
    *,
    name: str | None = None,
    place: Literal["library", "given"] = "given",
    scale: Literal["continuum", "area"] = "continuum",
    shifts: Mapping[str, float] | None = None,
    strict: bool = False,
    progress: Callable[[int, str], None] | None = None,
) -> Imported:
    """Make a library of the spectra in a folder.

    Parameters
    ----------
    folder
        Folder of the spectra; see `eelsmap.library.spectrum_files.read_spectrum_file` for their kinds.
    table
        Label table, see `eelsmap.library.label_table`; ``labels.csv`` in the folder when None.
    name
        Name of the library; the folder's when None.
    place, scale, shifts
        See `eelsmap.library.importing.build_library`. Measured energies are taken as they are unless told otherwise.
    strict
        Raise at the first spectrum that cannot be used instead of leaving its specimen out.
    progress
        Called with the number of specimens read and the name of the last.

    Returns
    -------
    Imported

    Raises
    ------
    LibraryError
        The table is missing or wrong, no specimen can be used, or, with `strict`, one cannot.
    """
    if not folder.is_dir():
        raise LibraryError(f"{folder}: no such folder")
    table = folder / TABLE_NAME if table is None else table
    report = ImportReport(folder.resolve().name)
    records: list[RawRecord] = []
    hashes: dict[str, str] = {}
    for specimen in read_label_table(table):
        report.read += 1
        try:
            records.append(_record(folder, specimen, report, hashes))
        except LibraryError as error:
            if strict:
                raise
            report.skipped.append((specimen.name, str(error)))
        if progress is not None:
            progress(report.read, specimen.name)
    header = {
        "format": "folder of spectra with a label table",
        "table": table.name,
        "sha256": {table.name: sha256_of(table), **hashes},
        "resolution": "as measured, not taken out",
    }
    own_name = name or folder.resolve().name
    result = build_library(records, report, name=own_name, place=place, scale=scale, shifts=shifts, header=header)
    # Placing and scaling find faults as well.
    if strict and report.skipped:
        raise LibraryError(f"{report.skipped[0][0]}: {report.skipped[0][1]}")
    return result


def _record(folder: Path, specimen: SpecimenRow, report: ImportReport, hashes: dict[str, str]) -> RawRecord:
    """Read the files of one specimen."""
    spectra: dict[str, Spectrum] = {}
    source = {}
    for edge, file in specimen.files.items():
        path = folder / file
        if not path.resolve().is_relative_to(folder.resolve()):
            raise LibraryError(f"{file}: lies outside the folder {folder}")
        spectra[edge], note = read_spectrum_file(path)
        hashes[file] = sha256_of(path)
        source[edge] = f"{file}, {note}" if note else file
    return RawRecord(
        specimen.name,
        spectra,
        *_atoms_and_labels(specimen, set(spectra), report),
        f"imported|{specimen.name}",
        {edge: source.get(edge, "not measured") for edge in ELEMENT_OF_EDGE},
    )


def _atoms_and_labels(
    specimen: SpecimenRow, edges: set[str], report: ImportReport
) -> tuple[dict[str, float], dict[str, float]]:
    """Atoms that the spectra stand for, and labels.

    Without counts the metals that were measured share the three sites evenly, which scales their edges but is no label.
    The count of a metal that was not measured is no label either: nothing in the spectra could say it.
    """
    labels = dict(specimen.labels)
    if "li_content" in labels:
        labels.setdefault("li_count", labels["li_content"] * METAL_SITES)
    elif "li_count" in labels:
        labels["li_content"] = labels["li_count"] / METAL_SITES
    measured = [metal for metal in METALS if f"{metal}_L" in edges]
    for metal in measured:
        if labels.get(f"{metal.lower()}_count") == 0:
            raise LibraryError(f"{specimen.name}: {metal.lower()}_count is 0, but there is a {metal}_L spectrum")
    known = {metal: labels[f"{metal.lower()}_count"] for metal in measured if f"{metal.lower()}_count" in labels}
    rest = max(METAL_SITES - sum(known.values()), 0.0) / max(len(measured) - len(known), 1)
    if len(known) < len(measured) and rest == 0:
        raise LibraryError(f"{specimen.name}: the counts given fill all metal sites, but another metal was measured")
    atoms = {metal: known.get(metal, rest) for metal in measured}
    atoms["Li"] = labels.get("li_count", 0.0)
    atoms["O"] = OXYGEN_ATOMS if "O_K" in edges else 0.0
    if "O_K" not in edges:
        report.notes["specimen without O K: neither training nor phantoms can use it"] += 1
    for metal in METALS:
        count = f"{metal.lower()}_count"
        unseen = metal not in measured and labels.get(count, np.nan) != 0
        if unseen and count in labels:
            report.notes[f"{count} dropped: {metal} was not measured"] += 1
        if unseen or count not in labels:
            labels[count] = np.nan
        if metal not in measured and labels.pop(f"{metal.lower()}_valence", None) is not None:
            report.notes[f"{metal.lower()}_valence dropped: {metal} was not measured"] += 1
    labels.setdefault("li_count", np.nan)
    known_valences = [f"{metal.lower()}_valence" in labels for metal in measured]
    labels["valence_ambiguous"] = float(not all(known_valences))
    return atoms, labels
