"""From records of others to a library: one way for the published set, FDMNES runs and measured spectra.

A record that cannot be used is left out and the report says why; it never ends an import. The result is a `Library`
like the shipped one: `save_library`, `load_library`, training, phantoms and ``eelsmap library show`` take it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eelsmap._version import __version__
from eelsmap.errors import LibraryError
from eelsmap.library.cells import METALS, Cell
from eelsmap.library.charge_balance import RULES
from eelsmap.library.content import ELEMENT_OF_EDGE, Library, Record, library_from_records
from eelsmap.library.crystal import bond_lengths
from eelsmap.library.resampling import Spectrum, on_library_grid, placement, shipped_reference
from eelsmap.library.split import SALT, family, side_of_family

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

PLACEMENTS = ("library", "given")
DOUBTFUL_EV = 3.0
"""Distance from the usual energies from which on an import says so: more than chemical shifts and calibration."""


@dataclass
class ImportReport:
    """What an import read, used and left out.

    Parameters
    ----------
    source
        Name of the file or folder.
    read, used
        Number of records.
    skipped
        Name of a record and the reason why it was left out.
    notes
        What to know about records that were used.
    shifts
        Energy added to each edge, eV.
    """

    source: str
    read: int = 0
    used: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    shifts: dict[str, float] = field(default_factory=dict)

    def lines(self, most: int = 20) -> list[str]:
        """Return the report in words, with at most so many of the records left out."""
        result = [f"{self.source}: {self.read} records read, {self.used} used, {len(self.skipped)} left out"]
        result += [f"  {edge}: {shift:+.1f} eV" for edge, shift in self.shifts.items()]
        result += [f"  note, {count} times: {note}" for note, count in self.notes.items()]
        result += [f"  left out {name}: {reason}" for name, reason in self.skipped[:most]]
        if len(self.skipped) > most:
            result.append(f"  and {len(self.skipped) - most} more, all in the header of the library")
        return result

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the header."""
        return {
            "source": self.source,
            "read": self.read,
            "used": self.used,
            "skipped": [list(entry) for entry in self.skipped],
            "notes": dict(self.notes),
            "shifts_eV": dict(self.shifts),
        }


class Imported(NamedTuple):
    """A library and the report of how it came about."""

    library: Library
    report: ImportReport


@dataclass(frozen=True)
class RawRecord:
    """One specimen or structure as it was read.

    ``spectra`` by edge from `eelsmap.library.resampling.checked`; ``atoms`` by element for three sites of the metal
    layers; ``labels`` by name (unknown ones may be missing); ``family`` decides the side of the split; ``source`` says
    where each edge is from.
    """

    name: str
    spectra: Mapping[str, Spectrum]
    atoms: Mapping[str, float]
    labels: Mapping[str, float]
    family: str
    source: Mapping[str, str]
    phase: str = "layered"


def sha256_of(path: Path) -> str:
    """Hash of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def record_of_cell(
    cell: Cell, spectra: Mapping[str, Spectrum], source: Mapping[str, str], valences: str = "balance"
) -> RawRecord:
    """Record of a whole structure, labelled from its geometry and composition.

    Parameters
    ----------
    cell
        From `eelsmap.library.crystal.layered_cell`.
    spectra
        Site averages by edge; every element of the cell except lithium needs one, edges of absent ones are ignored.
    source
        Where each edge is from.
    valences
        ``"balance"``: where charge balance fixes the mean, else NaN; ``"redox"``: by the usual order of redox.

    Raises
    ------
    LibraryError
        An element of the cell has no spectrum.
    """
    counts = {element: cell.species.count(element) for element in METALS}
    scale = 3 / cell.layer_sites
    present = [edge for edge, element in ELEMENT_OF_EDGE.items() if element in cell.species]
    missing = [edge for edge in present if edge not in spectra]
    if missing:
        raise LibraryError(f"{cell.name}: holds {ELEMENT_OF_EDGE[missing[0]]} but has no {missing[0]} spectrum")
    lithium, oxygen = len(cell.lithium), len(cell.oxygen)
    atoms = {"Li": lithium * scale, "O": oxygen * scale} | {metal: n * scale for metal, n in counts.items()}
    total = 2 * oxygen - lithium
    means, fixed = RULES[valences](counts, total), RULES["balance"](counts, total)
    labels = {
        "li_content": lithium / cell.layer_sites,
        "vacancy": float(oxygen < 2 * cell.layer_sites),
        "antisite": float(any(index >= cell.layer_sites for index in cell.metals)),
        # An order of redox is an assumption, so what only it gives is flagged as well.
        "valence_ambiguous": float(any(np.isnan(fixed[metal]) for metal, count in counts.items() if count)),
    }
    lengths = bond_lengths(cell)
    for metal in METALS:
        labels[f"{metal.lower()}_valence"] = means[metal]
        labels[f"{metal.lower()}_bond_length"] = lengths[metal]
    own = {edge: spectra[edge] for edge in present}
    return RawRecord(cell.name, own, atoms, labels, family(cell), dict(source), str(cell.details["phase"]))


def sides(families: Sequence[str]) -> list[str]:
    """Side of each record: by the hash of its family, as in the shipped library.

    Where all of several families of a small import would train, the first by name is tested, and the reverse: nothing
    could be measured or trained otherwise.
    """
    by_family = {name: side_of_family(name) for name in set(families)}
    if len(by_family) > 1 and len(set(by_family.values())) == 1:
        other = "train" if "test" in by_family.values() else "test"
        by_family[min(by_family, key=lambda name: hashlib.sha256(name.encode()).hexdigest())] = other
    return [by_family[name] for name in families]


def build_library(
    records: Iterable[RawRecord],
    report: ImportReport,
    *,
    name: str,
    place: str,
    scale: str = "continuum",
    shifts: Mapping[str, float] | None = None,
    header: Mapping[str, Any] | None = None,
) -> Imported:
    """Place, scale and label records and make them a library.

    Parameters
    ----------
    records
        What was read.
    report
        Report to go on with.
    name
        Name of the library.
    place
        ``"library"``: one constant for each edge brings the mean onto the shipped library's; ``"given"``: energies are
        taken as they are.
    scale
        See `eelsmap.library.resampling.on_library_grid`.
    shifts
        Energies to add, eV, by edge; such an edge is placed by nothing else.
    header
        More to write into the header, for instance the hash of the source.

    Returns
    -------
    Imported

    Raises
    ------
    LibraryError
        No record can be used, or a setting is unknown.
    """
    if place not in PLACEMENTS:
        raise LibraryError(f"placement {place!r} is not known; there are {', '.join(PLACEMENTS)}")
    unknown = sorted(set(shifts or {}) - set(ELEMENT_OF_EDGE))
    if unknown:
        raise LibraryError(f"shift of an unknown edge {unknown[0]!r}; there are {', '.join(ELEMENT_OF_EDGE)}")
    raw = list(records)
    grids = shipped_reference().grids
    for edge in grids:
        spectra = [record.spectra[edge] for record in raw if edge in record.spectra]
        if shifts and edge in shifts:
            report.shifts[edge] = float(shifts[edge])
        elif spectra and place == "library":
            report.shifts[edge] = placement(spectra, edge)
        elif spectra:
            report.shifts[edge] = 0.0
            _note_doubtful_energies(spectra, edge, report)
    used: list[Record] = []
    for record, side in zip(raw, sides([record.family for record in raw]), strict=True):
        try:
            used.append(_fitted(record, side, report.shifts, scale))
        except LibraryError as error:
            report.skipped.append((record.name, str(error)))
    report.used = len(used)
    if not used:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in report.skipped[:3]) or "nothing was found"
        raise LibraryError(f"{report.source}: no record can be used ({reasons})")
    own_header = {
        "import": {
            **(header or {}),
            **report.to_dict(),
            "placement": place,
            "scale": scale,
            "reference": "mean structure of the shipped library",
            "eelsmap": __version__,
        },
        "split": {"rule": "sha256 of salt and family", "salt": SALT},
    }
    return Imported(library_from_records(used, grids, name=name, header=own_header), report)


def _note_doubtful_energies(spectra: Sequence[Spectrum], edge: str, report: ImportReport) -> None:
    """Say so where energies that are taken as given lie far from the shipped library's."""
    try:
        shift = placement(spectra, edge)
    except LibraryError:
        report.notes[f"{edge} taken as given, though it is not recognised"] += 1
        return
    if abs(shift) > DOUBTFUL_EV:
        report.notes[
            f"{edge} taken as given, though a shift of {shift:+.1f} eV would bring it to its usual energy"
        ] += 1


def _fitted(record: RawRecord, side: str, shifts: Mapping[str, float], scale: str) -> Record:
    """Place and scale the spectra of one record."""
    spectra, source = {}, dict(record.source)
    for edge, spectrum in record.spectra.items():
        fitted = on_library_grid(spectrum, edge, shift=shifts[edge], scale=scale)
        spectra[edge] = fitted.values
        source[edge] = f"{source.get(edge, 'imported')}, covers {fitted.start:.1f} to {fitted.end:.1f} eV"
    return Record("structure", record.name, spectra, record.atoms, record.labels, side, record.phase, source=source)
