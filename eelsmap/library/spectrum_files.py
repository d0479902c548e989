"""One spectrum from one file: CSV, EMSA/MAS (``.msa``) or a table of text with one column an atom.

An import is strict: what is odd in a file is named and the file left out. Spectra that are only to be judged may be
read leniently: everything that can be put right without a guess about the physics is put right, and said in a note.
"""

from __future__ import annotations

import csv
import logging
from typing import TYPE_CHECKING

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.library.resampling import Spectrum, checked
from eelsmap.library.text_table import read_text_table

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["read_spectrum_file"]

EV_PER_UNIT = {"ev": 1.0, "kev": 1000.0}
_LARGEST_BYTES = 64 << 20
_DELIMITERS = ",;\t"
_PLAUSIBLE_EV = (50.0, 5000.0)
_MOST_TURNING = 0.1
"""Share of energies out of order up to which they are sorted: more is no spectrum that was read off a figure."""


def read_spectrum_file(path: Path, /, *, lenient: bool = False) -> tuple[Spectrum, str]:
    """Read energies (eV) and intensities.

    Parameters
    ----------
    path
        ``.csv`` with energy and intensity (a header, if there is one, names the unit: ``energy_eV,intensity``),
        ``.msa``, or ``.txt`` and ``.dat`` tables, whose columns after the energy are averaged. Semicolons and tabs part
        the cells of a ``.csv`` as well as commas.
    lenient
        Take energies of a ``.csv`` without a unit for eV where that is plausible, leave out further columns, cut off
        NaN at both ends, and sort a few energies that are out of order.

    Returns
    -------
    spectrum, note
        Rising energies in eV and intensities, (points,) each; what was done to it, in words, or "".

    Raises
    ------
    LibraryError
        The file is missing, of another kind, has no unit of energy, or holds no usable spectrum; it names file, row and
        column.
    """
    if not path.is_file():
        raise LibraryError(f"{path}: no such file")
    if path.stat().st_size > _LARGEST_BYTES:
        raise LibraryError(f"{path}: more than {_LARGEST_BYTES >> 20} MB; not a single spectrum")
    readers = {".csv": _csv, ".msa": _msa, ".txt": _table, ".dat": _table}
    if path.suffix.lower() not in readers:
        raise LibraryError(f"{path}: {path.suffix or 'no ending'} is not read; read are {', '.join(readers)}")
    try:
        return readers[path.suffix.lower()](path, lenient)
    except LibraryError as error:
        raise LibraryError(str(error) if str(path) in str(error) else f"{path}: {error}") from error


def _csv(path: Path, lenient: bool) -> tuple[Spectrum, str]:
    """Two columns; the header is optional."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        delimiter = max(_DELIMITERS, key=text[:2000].count)
        reader = csv.reader(text.splitlines(), delimiter=delimiter)
        lines = [(number, row) for number, row in enumerate(reader, 1) if row and row[0].strip()]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LibraryError(f"{path}: cannot be read ({error})") from error
    lines = [(number, row) for number, row in lines if not row[0].lstrip().startswith("#")]
    factor: float | None = 1.0
    if lines and not _is_number(lines[0][1][0]):
        factor = _unit(lines[0][1][0], required=not lenient)
        lines = lines[1:]
    if not lines:
        raise LibraryError("empty; a spectrum is rows of energy and intensity")
    energy: list[float] = []
    intensity: list[float] = []
    further = 0
    for number, row in lines:
        filled = len(row) if row[-1].strip() or len(row) <= 2 else len(row) - 1
        further = max(further, filled - 2)
        if filled < 2 or (filled > 2 and not lenient):
            raise LibraryError(f"row {number}: {filled} columns instead of energy and intensity")
        for column, cell, values in (("energy", row[0], energy), ("intensity", row[1], intensity)):
            if not _is_number(cell):
                raise LibraryError(f"row {number}, column {column}: {cell.strip()!r} is no number")
            values.append(float(cell))
    notes = ["only the first two columns were read"] if further else []
    if factor is None:
        _refuse_unless_ev(energy)
        factor, notes = 1.0, [*notes, "energies without a unit were taken for eV"]
    x, y = np.asarray(energy) * factor, np.asarray(intensity)
    if lenient:
        x, y, said = _put_right(x, y)
        notes += said
    try:
        return checked(x, y), "; ".join(notes)
    except LibraryError as error:
        raise LibraryError(f"{error} (rows of numbers, the first in line {lines[0][0]})") from error


def _refuse_unless_ev(energy: list[float]) -> None:
    """Refuse energies that cannot be a core loss in eV."""
    low, high = min(energy), max(energy)
    if not _PLAUSIBLE_EV[0] <= low <= high <= _PLAUSIBLE_EV[1]:
        raise LibraryError(
            f"row 1: no unit of energy, and {low:g} to {high:g} is no core loss in eV; call it energy_eV"
        )


def _put_right(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray, NDArray, list[str]]:
    """Cut NaN off both ends, sort energies that are nearly in order, average those that repeat."""
    notes = []
    finite = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if finite.size and finite.size < x.size:
        kept = slice(int(finite[0]), int(finite[-1]) + 1)
        if kept != slice(0, x.size):
            notes.append("NaN at the ends was cut off")
        x, y = x[kept], y[kept]
    steps = np.diff(x)
    turning = min((steps <= 0).sum(), (steps >= 0).sum())
    if 0 < turning <= _MOST_TURNING * x.size and np.isfinite(x).all():
        x, place = np.unique(x, return_inverse=True)
        y = np.bincount(place, weights=y) / np.bincount(place)
        notes.append("energies out of order were sorted and equal ones averaged")
    return x, y, notes


def _unit(title: str, *, required: bool) -> float | None:
    """EV per unit of a column title such as ``energy_eV`` or ``Energy loss (keV)``; None where it names none."""
    words = "".join(character if character.isalpha() else " " for character in title).lower().split()
    for word in words:
        if word in EV_PER_UNIT:
            return EV_PER_UNIT[word]
    if not required:
        return None
    raise LibraryError(f"row 1, column {title.strip()!r}: no unit of energy; call it energy_eV or energy_keV")


def _is_number(text: str) -> bool:
    """Whether a cell is a number, NaN included."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _msa(path: Path, lenient: bool) -> tuple[Spectrum, str]:
    """EMSA/MAS spectral data, by RosettaSciIO."""
    del lenient  # its header says all that a .csv may leave open
    from rsciio.msa import file_reader

    # The reader logs missing dates and unknown words of the header, none of which matters here.
    log = logging.getLogger("rsciio")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        content = file_reader(str(path))[0]
        axis, intensity = content["axes"][-1], content["data"]
        offset, step, unit = float(axis["offset"]), float(axis["scale"]), str(axis["units"])
    except Exception as error:  # the reader has no error of its own: a damaged file ends it in many ways
        raise LibraryError(f"{path}: not an .msa spectrum that can be read ({error!r})") from error
    finally:
        log.setLevel(level)
    if unit.lower() not in EV_PER_UNIT:
        raise LibraryError(f"{path}: XUNITS is {unit!r}; eV or keV are needed")
    factor = EV_PER_UNIT[unit.lower()]
    return checked([factor * (offset + step * index) for index in range(len(intensity))], intensity), ""


def _table(path: Path, lenient: bool) -> tuple[Spectrum, str]:
    """Text table; several columns are one spectrum for each atom."""
    del lenient  # calculated spectra, in order
    table = read_text_table(path)
    count = table.columns.shape[1]
    note = f"mean of {count} columns" if count > 1 else ""
    return checked(table.energy, table.columns.mean(axis=1)), note
