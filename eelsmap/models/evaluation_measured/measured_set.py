"""Spectra with known values, from a folder and a label table; what cannot be used is kept with its reason.

One specimen is what one row of predictions stands for: a spectrum of each edge that was measured. Where a table names
several spectra of one edge for one specimen, they are repetitions: each becomes a row of its own, and the specimen's
name becomes their group, so that repetitions are never on both sides of a validation.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from eelsmap.errors import EelsmapError, LibraryError
from eelsmap.library.label_table import LabelRow, label_rows
from eelsmap.library.resampling import Spectrum, resampled
from eelsmap.library.spectrum_files import read_spectrum_file

__all__ = ["MeasuredSet", "Specimen", "read_measured_set", "uniform_spectrum"]

_ROUNDING_EV = 0.02
_ROUNDING_STEPS = 0.06
_COARSER = 1.001
"""The new step over the median of the old: `resampled` averages over intervals only where points are finer."""


@dataclass
class Specimen:
    """One row of predictions: spectra by edge on uniform axes, known values by label, and what became of it."""

    name: str
    group: str
    files: dict[str, str] = field(default_factory=dict)
    labels: dict[str, float] = field(default_factory=dict)
    spectra: dict[str, Spectrum] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    refusal: str = ""


@dataclass
class MeasuredSet:
    """All specimens of a table, refused ones included, and the rows of the table that say nothing usable."""

    specimens: list[Specimen]
    bad_rows: list[str]
    ignored_columns: list[str]
    table_sha256: str
    files: int

    @property
    def usable(self) -> list[Specimen]:
        """Specimens with at least one spectrum."""
        return [specimen for specimen in self.specimens if not specimen.refusal]

    def note_counts(self) -> dict[str, int]:
        """How many specimens each note was made on, the most frequent first."""
        return dict(Counter(note for specimen in self.specimens for note in set(specimen.notes)).most_common())


def read_measured_set(
    spectra: Path, labels: Path | None = None, /, *, progress: Callable[[int, int], None] | None = None
) -> MeasuredSet:
    """Read a folder of spectra by a label table.

    Parameters
    ----------
    spectra
        Folder of the files that the table names; see :func:`eelsmap.library.spectrum_files.read_spectrum_file`.
    labels
        Label table, see :mod:`eelsmap.library.label_table`; ``labels.csv`` in the folder when None.
    progress
        Called with the number of specimens read and of all.

    Returns
    -------
    MeasuredSet
        In the order of the table.

    Raises
    ------
    LibraryError
        The folder is missing, or the table cannot be read at all. A bad row or file is no error.
    """
    if not spectra.is_dir():
        raise LibraryError(f"{spectra}: no such folder of spectra")
    table = labels or spectra / "labels.csv"
    rows, ignored = label_rows(table)
    bad = [f"row {number}, {row}" for number, row in rows if isinstance(row, LibraryError)]
    good = [(number, row) for number, row in rows if isinstance(row, LabelRow)]
    specimens, contradictions = _gather(good)
    find = _Finder(spectra)
    for number, specimen in enumerate(specimens, 1):
        _read(specimen, find)
        if progress is not None:
            progress(number, len(specimens))
    digest = hashlib.sha256(table.read_bytes()).hexdigest()
    files = len({file for specimen in specimens for file in specimen.files.values()})
    return MeasuredSet(specimens, bad + contradictions, ignored, digest, files)


def uniform_spectrum(spectrum: Spectrum, /) -> tuple[Spectrum, str]:
    """Bring a spectrum to equal steps.

    Parameters
    ----------
    spectrum
        Rising energies (channel,), eV, and intensities per eV (channel,).

    Returns
    -------
    spectrum, note
        As given where the steps are equal; with the energies on a straight line where only rounding bends them;
        else averaged over equal intervals, which keeps the area. The note says which, or "".
    """
    energy, intensity = spectrum
    line = np.linspace(energy[0], energy[-1], energy.size)
    off = float(np.abs(energy - line).max())
    step = float(line[1] - line[0])
    if off <= 1e-6 * step:
        return (line, intensity), ""
    if off <= max(_ROUNDING_EV, _ROUNDING_STEPS * step) and off < 0.5 * step:
        return (line, intensity), "" if off < 1e-3 else "rounded energies were put on a straight line"
    median = _COARSER * float(np.median(np.diff(energy)))
    grid = np.linspace(energy[0], energy[-1], max(2, int((energy[-1] - energy[0]) / median) + 1))
    return (grid, resampled(energy, intensity, grid)), "uneven steps were made even; the area was kept"


class _Finder:
    """Finds the files that a table names, whatever the case and with or without ending and folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._known: dict[str, Path | None] | None = None

    def __call__(self, name: str) -> Path:
        """Path of a file, or a LibraryError."""
        plain = name.replace("\\", "/")
        path = self.folder / plain
        if path.is_file():
            return path
        if self._known is None:
            self._known = self._index()
        wanted = plain.lower().removeprefix("./")
        found = self._known.get(wanted) or self._known.get(wanted.rsplit("/", 1)[-1])
        if found is None:
            raise LibraryError(f"{name}: no such file in {self.folder}")
        return found

    def _index(self) -> dict[str, Path | None]:
        """Every file below the folder under its path, its name, and both without ending; None where ambiguous."""
        known: dict[str, Path | None] = {}
        for root, _, names in os.walk(self.folder):
            for name in names:
                path = Path(root, name)
                inside = path.relative_to(self.folder).as_posix().lower()
                for key in {inside, inside.rsplit(".", 1)[0], name.lower(), name.lower().rsplit(".", 1)[0]}:
                    known[key] = None if key in known else path
        return known


def _gather(rows: list[tuple[int, LabelRow]]) -> tuple[list[Specimen], list[str]]:
    """Put rows together to specimens; the n-th spectrum of an edge is the n-th repetition of its specimen."""
    places: dict[tuple[str, str], list[str]] = {}
    specimens: dict[tuple[str, int], Specimen] = {}
    shared: dict[str, dict[str, float]] = {}
    wrong = []
    for number, row in rows:
        files = places.setdefault((row.specimen, row.edge), [])
        if row.file not in files:
            files.append(row.file)
        turn = files.index(row.file)
        name = row.specimen if turn == 0 else f"{row.specimen} ({turn + 1})"
        specimen = specimens.setdefault((row.specimen, turn), Specimen(name, row.specimen))
        specimen.files[row.edge] = row.file
        for label, value in row.labels.items():
            known = specimen.labels.setdefault(label, value)
            shared.setdefault(row.specimen, {}).setdefault(label, value)
            if known != value:
                wrong.append(f"row {number}, {label} of specimen {name} is {value:g} here and {known:g} before")
    for (group, turn), specimen in specimens.items():
        # What is said once of a specimen holds for its repetitions, unless they say otherwise.
        if turn:
            specimen.labels = {**shared.get(group, {}), **specimen.labels}
    return list(specimens.values()), wrong


def _read(specimen: Specimen, find: _Finder) -> None:
    """Read the spectra of a specimen, in place; an edge that cannot be read is left out and noted."""
    reasons = []
    for edge, file in specimen.files.items():
        try:
            spectrum, said = read_spectrum_file(find(file), lenient=True)
            specimen.spectra[edge], evened = uniform_spectrum(spectrum)
            specimen.notes += [note for note in (said, evened) if note]
        except EelsmapError as error:
            reasons.append(str(error))
        except Exception as error:
            # Whatever a file does to a reader, the files after it must be read.
            reasons.append(f"{file}: unforeseen {type(error).__name__}: {error}; please report it")
    if not specimen.spectra:
        specimen.refusal = "; ".join(reasons)
    elif reasons:
        specimen.notes += reasons
