"""From a path to the signals that the file holds, with an error that names the file and says what to do."""

from __future__ import annotations

import hashlib
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob, has_magic
from pathlib import Path
from typing import Any

from eelsmap.errors import FileReadError

__all__ = ["EXTENSIONS", "expand", "file_hash", "natural_key", "read_signals"]

EXTENSIONS = (".dm3", ".dm4", ".hspy", ".zspy", ".emd", ".msa")
"""File name extensions that :func:`eelsmap.load` opens."""

_EAGER_ONLY = (".msa",)

_HASH_LIMIT = 200 * 2**20
"""Larger files are not hashed: reading them twice would double the waiting time."""


def natural_key(path: Path) -> list[Any]:
    """Sort key by which ``frame_2`` comes before ``frame_10``."""
    parts: list[Any] = []
    for character in path.name:
        if character.isdigit() and parts and isinstance(parts[-1], int):
            parts[-1] = 10 * parts[-1] + int(character)
        else:
            parts.append(int(character) if character.isdecimal() else character)
    return [(0, part, "") if isinstance(part, int) else (1, 0, part) for part in parts]


def expand(path: str | os.PathLike[str]) -> list[Path] | None:
    """Files that a glob pattern matches, in natural order.

    Parameters
    ----------
    path
        A path or a pattern such as ``"run_*.dm4"``.

    Returns
    -------
    list of Path or None
        None when `path` is no pattern, or when a file of exactly that name exists.

    Raises
    ------
    FileReadError
        If nothing matches the pattern.
    """
    text = os.fspath(path)
    if not has_magic(text) or os.path.lexists(text):
        return None
    found = sorted((Path(name) for name in glob(text, recursive=True)), key=natural_key)
    if not found:
        raise FileReadError(f"{text}: no file matches this pattern; check the folder and the extension")
    return found


def read_signals(path: Path, *, lazy: bool) -> tuple[list[Any], list[str]]:
    """Read every signal of a file with the reader that HyperSpy has for it.

    Parameters
    ----------
    path
        One file (or one .zspy folder).
    lazy
        Leave the data on disk.

    Returns
    -------
    signals : list of hyperspy.signal.BaseSignal
        At least one.
    notes : list of str
        What the reader could not do as asked.

    Raises
    ------
    FileReadError
        If the file is missing, empty, truncated, unreadable, a folder, or of an unknown format.
    """
    _check_path(path)
    notes: list[str] = []
    eager = path.suffix.lower() in _EAGER_ONLY
    signals = _read(path, lazy and not eager)
    if not signals or any(0 in signal.data.shape for signal in signals):
        raise FileReadError(f"{path}: holds no data; it seems to be truncated. Export or copy it again")
    _check_points(path, signals)
    if lazy and eager:
        signals = [signal.as_lazy() for signal in signals]
        notes.append(f"the reader of {path.suffix} files cannot read lazily: the data are in memory")
    elif lazy and any(_in_memory(signal) for signal in signals):
        notes.append(f"the reader of this {path.suffix} file has read it into memory although lazy was asked for")
    return signals, notes


def file_hash(path: Path) -> str | None:
    """Sha256 of a file; None for folders, for files above 200 MiB and for files that cannot be read."""
    try:
        if not path.is_file() or path.stat().st_size > _HASH_LIMIT:
            return None
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None


def _check_path(path: Path) -> None:
    """Raise for whatever can be told without decoding the file."""
    try:
        exists = path.exists()
    except OSError as error:
        raise FileReadError(f"{path}: cannot be reached ({error.strerror}); check permissions and name") from error
    if not exists:
        raise FileReadError(f"{path}: no such file; check the spelling and the folder")
    suffix = path.suffix.lower()
    if path.is_dir() and suffix != ".zspy":
        raise FileReadError(f"{path}: is a folder; name a file in it, or a pattern such as {path / '*.dm4'}")
    if suffix not in EXTENSIONS:
        raise FileReadError(
            f"{path}: extension {path.suffix!r} is not known; eelsmap opens {', '.join(EXTENSIONS)}. "
            "Open other formats with hyperspy.api.load and pass the signal to eelsmap.io.prepare"
        )
    if path.is_dir():
        return
    if not path.is_file():
        # Opening a pipe would wait for ever.
        raise FileReadError(f"{path}: is no regular file (a pipe or a device); name the file of a spectrum image")
    try:
        with path.open("rb") as stream:
            first = stream.read(1)
    except OSError as error:
        raise FileReadError(f"{path}: cannot be opened ({error.strerror}); check its permissions") from error
    if not first:
        raise FileReadError(f"{path}: is empty (0 bytes); export or copy it again")


def _read(path: Path, lazy: bool) -> list[Any]:
    """Call HyperSpy, and turn whatever its readers raise into a FileReadError."""
    import hyperspy.api as hs

    try:
        with _quiet_reader():
            # A Path, not a string: HyperSpy would take brackets in a string for a pattern.
            found = hs.load(path, lazy=lazy)
    except ModuleNotFoundError as error:
        raise FileReadError(f"{path}: its reader needs the package {error.name or error}; install it") from error
    except MemoryError as error:
        raise FileReadError(f"{path}: does not fit into memory; load it with lazy=True") from error
    except Exception as error:
        raise FileReadError(
            f"{path}: cannot be decoded as {path.suffix} ({type(error).__name__}: {error}). "
            "It is truncated, damaged, or not what its extension says; copy or export it again"
        ) from error
    return list(found) if isinstance(found, list | tuple) else [found]


def _check_points(path: Path, signals: list[Any]) -> None:
    """Refuse an .msa file that holds fewer points than its header promises; the reader accepts it."""
    for signal in signals:
        promised = signal.original_metadata.get_item("NPOINTS")
        try:
            wanted = int(float(promised))
        except (TypeError, ValueError):
            continue
        if path.suffix.lower() == ".msa" and wanted != signal.data.shape[-1]:
            raise FileReadError(
                f"{path}: header promises {wanted} points, the file holds {signal.data.shape[-1]}; "
                "it is truncated. Export or copy it again"
            )


def _in_memory(signal: Any) -> bool:
    """Whether a lazy signal merely wraps an array that is already in memory."""
    import numpy as np

    if not hasattr(signal.data, "dask"):
        return True
    # Memory maps are arrays too, but their pages stay on disk until they are used.
    held = sum(
        value.nbytes
        for value in dict(signal.data.dask).values()
        if isinstance(value, np.ndarray) and not isinstance(value, np.memmap)
    )
    return held >= signal.data.nbytes / 2


@contextmanager
def _quiet_reader() -> Iterator[None]:
    """Silence HyperSpy's request to report every unreadable file; eelsmap raises its own error."""
    logger = logging.getLogger("hyperspy.io")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", category=UserWarning)
            yield
    finally:
        logger.setLevel(before)
