"""Import of the published NMC set of FDMNES spectra, one JSON file.

The set (Jia et al., ACS Nano 2026, 10.1021/acsnano.5c16942; ``NMC_fdmnes.json``) is a list of records with
``composition``, ``structure_id``, ``structure`` (dictionary of a pymatgen structure) and, under ``O``, ``Ni``, ``Mn``,
``Co``, ``[energies, intensities]`` averaged over the sites of a structure. Labels come from the structure alone: its
layers by geometry, its valences by charge balance. Whether an element is there, the structure decides: the set fills in
a constant of 0.1 with 2 % noise for an element that is not, and such a row is never taken for a spectrum.

Energies: the published inputs hold the keyword ``Energpho``, by which FDMNES writes photon energies. They rest on
tabulated edges and are good to a few eV, so by default one constant for each edge brings the mean of all spectra onto
the shipped library's. Energies about the Fermi level are taken as well; the usual onset is added to them first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from eelsmap.edges import NMC_EDGES
from eelsmap.errors import LibraryError
from eelsmap.library.charge_balance import RULES
from eelsmap.library.content import ELEMENT_OF_EDGE
from eelsmap.library.crystal import crystal_from_dict, layered_cell
from eelsmap.library.importing import Imported, ImportReport, RawRecord, build_library, record_of_cell, sha256_of
from eelsmap.library.json_records import json_records
from eelsmap.library.resampling import Spectrum, checked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from eelsmap.library.cells import Cell

__all__ = ["absolute_energies", "check_rule", "import_published_json"]

EDGE_OF_ELEMENT = {element: edge for edge, element in ELEMENT_OF_EDGE.items()}
LARGEST_RELATIVE_EV = 200.0
"""Energies that end below this are about the Fermi level; the lowest edge lies at 532 eV."""
PLACEHOLDER_SPREAD = 0.1
"""Standard deviation over mean below which a spectrum is a constant with noise: no edge is that flat."""


def import_published_json(
    path: Path,
    /,
    *,
    name: str = "nmc-fdmnes",
    place: Literal["library", "given"] = "library",
    scale: str = "continuum",
    valences: Literal["balance", "redox"] = "balance",
    shifts: Mapping[str, float] | None = None,
    progress: Callable[[int, str], None] | None = None,
) -> Imported:
    """Make a library of the published set of FDMNES spectra.

    The file is read record by record; memory holds one record and the spectra read so far, not the file.

    Parameters
    ----------
    path
        The JSON file, plain or ``.json.gz``.
    name
        Name of the library.
    place, scale, shifts
        See `eelsmap.library.importing.build_library`.
    valences
        ``"balance"``: mean valences where charge balance fixes them, else NaN and flagged; ``"redox"``: by charge
        balance and the usual order of redox (Ni first), flagged as an assumption.
    progress
        Called with the number of records read and the name of the last.

    Returns
    -------
    Imported
        The library and the report of what was left out, and why.

    Raises
    ------
    LibraryError
        The file is no such list or is cut off, no record can be used, or a setting is unknown.
    """
    check_rule(valences)
    report = ImportReport(path.name)
    records = list(_published(path, report, valences, progress))
    header = {"format": "published FDMNES set", "sha256": sha256_of(path), "valences": valences}
    return build_library(records, report, name=name, place=place, scale=scale, shifts=shifts, header=header)


def _published(
    path: Path, report: ImportReport, valences: str, progress: Callable[[int, str], None] | None
) -> Iterator[RawRecord]:
    """Read the records of the published set that can be used."""
    taken: dict[str, int] = {}
    for content in json_records(path):
        report.read += 1
        label = f"record {report.read}"
        try:
            if isinstance(content, str):
                raise LibraryError(content)
            if "structure" not in content:
                raise LibraryError("has no structure")
            label = f"{content.get('composition', 'NMC')}/{content.get('structure_id', report.read)}"
            # One name for one structure: the set may hold several of one composition and number.
            taken[label] = taken.get(label, 0) + 1
            unique = label if taken[label] == 1 else f"{label} ({taken[label]})"
            structure = content["structure"]
            if isinstance(structure, str):
                structure = _parsed(structure)
            cell = layered_cell(crystal_from_dict(structure), unique)
            spectra = _spectra(content, cell, report)
            yield record_of_cell(cell, spectra, dict.fromkeys(spectra, "FDMNES, published set"), valences)
        except LibraryError as error:
            report.skipped.append((label, str(error)))
        if progress is not None:
            progress(report.read, label)


def _parsed(text: str) -> Any:
    """Structure that was written as a string of JSON."""
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LibraryError(f"structure: not valid JSON ({error})") from error


def _spectra(content: Mapping[str, Any], cell: Cell, report: ImportReport) -> dict[str, Spectrum]:
    """Spectra of the elements that a structure holds."""
    result = {}
    for element, edge in EDGE_OF_ELEMENT.items():
        if element not in cell.species:
            if element in content:
                report.notes[f"{element} spectrum ignored: not in the structure"] += 1
            continue
        if content.get(element) is None:
            raise LibraryError(f"holds {element} but has no spectrum of it")
        pair = content[element]
        if not isinstance(pair, list) or len(pair) != 2:
            raise LibraryError(f"{element}: not [energies, intensities]")
        try:
            energy, intensity = checked(pair[0], pair[1])
        except LibraryError as error:
            raise LibraryError(f"{element}: {error}") from error
        if np.std(intensity) <= PLACEHOLDER_SPREAD * abs(np.mean(intensity)):
            raise LibraryError(f"{element}: a constant stands in for the spectrum, but the structure holds {element}")
        result[edge] = absolute_energies(energy, edge, {}, report), intensity
    return result


def absolute_energies(energy: Any, edge: str, constants: Mapping[str, float], report: ImportReport) -> Any:
    """Energies on the photon scale.

    Parameters
    ----------
    energy
        (points,) eV, as FDMNES wrote them.
    edge
        Name of the edge.
    constants
        Of the header of the output; ``E_edge`` is used.
    report
        Takes a note where energies were about the Fermi level.
    """
    if energy[-1] >= LARGEST_RELATIVE_EV:
        return energy
    report.notes[f"{edge} energies were about the Fermi level; the edge energy was added"] += 1
    return energy + constants.get("E_edge", NMC_EDGES[edge].onset)


def check_rule(valences: str) -> None:
    """Refuse an unknown way to find valences."""
    if valences not in RULES:
        raise LibraryError(f"valences by {valences!r} are not known; there are {', '.join(RULES)}")
