"""Parts of a bundle as bytes, from a folder or a zip that nobody vouches for.

Nothing is written or unpacked to disk. Links, devices, absurd sizes, names that come twice and compression that could
swell without limit are refused before anything is read into memory.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import zipfile
import zlib
from pathlib import Path

from eelsmap.errors import BundleError

__all__ = ["BundleFiles", "check_part_name"]

MOST_PARTS = 256
LARGEST_PART = 64 * 2**20
LARGEST_BUNDLE = 256 * 2**20
_MEBIBYTE = 2**20
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_END = struct.Struct("<4sHHHHLLH")
_ZIP64 = 20


def check_part_name(name: object, where: str, /) -> None:
    """Refuse names that are not plain file names, on any system."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BundleError(f"{where}: part name {name!r:.120} is not a plain file name; the bundle cannot be trusted")


class BundleFiles:
    """The files of one bundle.

    Parameters
    ----------
    path
        Folder or zip; it may be a link to one, its parts may not.

    Raises
    ------
    BundleError
        It is neither, or a zip that cannot be read safely.
    """

    def __init__(self, path: Path):
        self.path = path
        self._taken = 0
        try:
            kind = os.stat(path).st_mode
        except (OSError, ValueError) as error:
            raise BundleError(f"{path}: cannot be read ({error})") from error
        self._folder = stat.S_ISDIR(kind)
        if not self._folder and not stat.S_ISREG(kind):
            raise BundleError(f"{path}: is neither a folder nor a file; this is no model bundle")
        self._entries = {} if self._folder else self._zip_entries()

    def names(self) -> list[str]:
        """Names of all files that are there, sorted."""
        if self._folder:
            return sorted(entry.name for entry in os.scandir(self.path))
        return sorted(self._entries)

    def read(self, name: str) -> bytes:
        """Bytes of one part.

        Raises
        ------
        BundleError
            The part is missing, a link or no file, too large, or damaged.
        """
        check_part_name(name, str(self.path))
        try:
            content = self._from_folder(name) if self._folder else self._from_zip(name)
        except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, ValueError) as error:
            raise BundleError(
                f"{self.path}: {name} cannot be read ({error}); this is no complete model bundle"
            ) from error
        self._taken += len(content)
        if self._taken > LARGEST_BUNDLE:
            raise BundleError(f"{self.path}: the parts are larger than {LARGEST_BUNDLE // _MEBIBYTE} MiB together")
        return content

    def _too_large(self, name: str) -> BundleError:
        return BundleError(f"{self.path}: {name} is larger than {LARGEST_PART // _MEBIBYTE} MiB")

    def _from_folder(self, name: str) -> bytes:
        """Read a plain file of a folder, never through a link and never from a device that has no end."""
        path = self.path / name
        if path.is_symlink():
            raise BundleError(f"{self.path}: {name} is a link; a bundle holds plain files only")
        # Not blocking: a pipe would wait for somebody to write.
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(number, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise BundleError(f"{self.path}: {name} is no plain file; a bundle holds plain files only")
            if status.st_size > LARGEST_PART:
                raise self._too_large(name)
            content = file.read(LARGEST_PART + 1)
        if len(content) > LARGEST_PART:
            raise self._too_large(name)
        return content

    def _from_zip(self, name: str) -> bytes:
        """Unpack one file of a zip in memory; its size was checked, and zipfile gives no more than the size stated."""
        if name not in self._entries:
            raise BundleError(f"{self.path}: {name} is missing; this is no complete model bundle")
        with zipfile.ZipFile(self.path) as archive:
            return archive.read(self._entries[name])

    def _zip_entries(self) -> dict[str, zipfile.ZipInfo]:
        """List a zip after a look at its end, so that a list of millions of files is never made."""
        self._check_end()
        try:
            with zipfile.ZipFile(self.path) as archive:
                listed = archive.infolist()
        except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile, struct.error) as error:
            raise BundleError(f"{self.path}: cannot be read ({error}); this is no complete model bundle") from error
        entries: dict[str, zipfile.ZipInfo] = {}
        for entry in listed:
            name = entry.filename
            if name in entries:
                raise BundleError(f"{self.path}: {name!r:.120} is in the zip twice; the bundle cannot be trusted")
            if stat.S_ISLNK(entry.external_attr >> 16):
                raise BundleError(f"{self.path}: {name!r:.120} is a link; a bundle holds plain files only")
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or entry.flag_bits & 1:
                raise BundleError(f"{self.path}: {name!r:.120} is encrypted or not packed by deflate; pack it again")
            if entry.file_size > LARGEST_PART:
                raise self._too_large(f"{name!r:.120}")
            entries[name] = entry
        if sum(entry.file_size for entry in listed) > LARGEST_BUNDLE:
            raise BundleError(f"{self.path}: the parts are larger than {LARGEST_BUNDLE // _MEBIBYTE} MiB together")
        return entries

    def _check_end(self) -> None:
        """Refuse zips of too many files, of the kind for more than 4 GiB, or with something after their end."""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _END.size - _ZIP64))
                tail = file.read(_END.size + _ZIP64)
        except OSError as error:
            raise BundleError(f"{self.path}: cannot be read ({error})") from error
        if size > LARGEST_BUNDLE:
            raise BundleError(f"{self.path}: larger than {LARGEST_BUNDLE // _MEBIBYTE} MiB; this is no model bundle")
        end = _END.unpack(tail[-_END.size :]) if len(tail) >= _END.size else (b"",) * 8
        if end[0] != b"PK\5\6" or end[7] != 0 or tail[:4] == b"PK\6\7":
            raise BundleError(
                f"{self.path}: neither a folder nor a plain zip that ends with its list of files; this is no complete "
                "model bundle"
            )
        if end[4] > MOST_PARTS + 1 or end[5] > _MEBIBYTE:
            raise BundleError(f"{self.path}: lists {end[4]} files; a bundle has at most {MOST_PARTS}")
