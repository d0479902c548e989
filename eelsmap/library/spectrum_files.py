"""One spectrum from one file: CSV, EMSA/MAS (``.msa``) or a table of text with one column an atom."""

from __future__ import annotations

import csv
import logging
from typing import TYPE_CHECKING

from eelsmap.errors import LibraryError
from eelsmap.library.resampling import Spectrum, checked
from eelsmap.library.text_table import read_text_table

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_spectrum_file"]

EV_PER_UNIT = {"ev": 1.0, "kev": 1000.0}
_LARGEST_BYTES = 64 << 20


def read_spectrum_file(path: Path, /) -> tuple[Spectrum, str]:
    """Read energies (eV) and intensities.

    Parameters
    ----------
    path
        ``.csv`` with energy and intensity (a header, if there is one, names the unit: ``energy_eV,intensity``),
        ``.msa``, or ``.txt`` and ``.dat`` tables, whose columns after the energy are averaged.

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
        return readers[path.suffix.lower()](path)
    except LibraryError as error:
        raise LibraryError(str(error) if str(path) in str(error) else f"{path}: {error}") from error


def _csv(path: Path) -> tuple[Spectrum, str]:
    """Two columns; the header is optional."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            lines = [(number, row) for number, row in enumerate(csv.reader(stream), 1) if row and row[0].strip()]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LibraryError(f"{path}: cannot be read ({error})") from error
    lines = [(number, row) for number, row in lines if not row[0].lstrip().startswith("#")]
    factor = 1.0
    if lines and not _is_number(lines[0][1][0]):
        factor = _unit(lines[0][1][0])
        lines = lines[1:]
    if not lines:
        raise LibraryError("empty; a spectrum is rows of energy and intensity")
    energy: list[float] = []
    intensity: list[float] = []
    for number, row in lines:
        if len(row) != 2:
            raise LibraryError(f"row {number}: {len(row)} columns instead of energy and intensity")
        for column, text, values in (("energy", row[0], energy), ("intensity", row[1], intensity)):
            if not _is_number(text):
                raise LibraryError(f"row {number}, column {column}: {text.strip()!r} is no number")
            values.append(float(text))
    try:
        return checked([value * factor for value in energy], intensity), ""
    except LibraryError as error:
        raise LibraryError(f"{error} (rows of numbers, the first in line {lines[0][0]})") from error


def _unit(title: str) -> float:
    """EV per unit of a column title such as ``energy_eV`` or ``Energy loss (keV)``."""
    words = "".join(character if character.isalpha() else " " for character in title).lower().split()
    for word in words:
        if word in EV_PER_UNIT:
            return EV_PER_UNIT[word]
    raise LibraryError(f"row 1, column {title.strip()!r}: no unit of energy; call it energy_eV or energy_keV")


def _is_number(text: str) -> bool:
    """Whether a cell is a number, NaN included."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _msa(path: Path) -> tuple[Spectrum, str]:
    """EMSA/MAS spectral data, by RosettaSciIO."""
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


def _table(path: Path) -> tuple[Spectrum, str]:
    """Text table; several columns are one spectrum for each atom."""
    table = read_text_table(path)
    count = table.columns.shape[1]
    note = f"mean of {count} columns" if count > 1 else ""
    return checked(table.energy, table.columns.mean(axis=1)), note
