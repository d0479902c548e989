"""Model bundles: a folder or zip of JSON, XGBoost UBJSON and npz whose hashes are checked before anything is parsed.

No part is a pickle and no part names another path, so loading runs nothing and writes nothing. What the parts say is
checked by :mod:`eelsmap.models.bundle_content`. Format and versions are described in ``docs/bundles.md``.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eelsmap.errors import BundleError, UnknownModelError
from eelsmap.models.bundle_files import MOST_PARTS, BundleFiles, check_part_name
from eelsmap.models.strict_json import read_json
from eelsmap.whole_file import whole_file

__all__ = [
    "FORMAT_VERSION",
    "MANIFEST",
    "export_bundle",
    "open_bundle",
    "read_bundle",
    "refuse_existing_bundle",
    "shipped_models",
    "write_bundle",
]

FORMAT_VERSION = 1
"""Raised whenever a bundle of before would be read wrongly: other parts, another meaning of a part, or features that
the same recipe makes otherwise. Such bundles are refused and have to be trained again."""
MANIFEST = "manifest.json"
_HASH = re.compile(r"[0-9a-f]{64}")
_ENDINGS = (".json", ".md", ".npz", ".ubj")
_SHIPPED = Path(__file__).resolve().parent.parent / "data" / "models"


def shipped_models() -> list[str]:
    """Names of the models that come with eelsmap."""
    if not _SHIPPED.is_dir():
        return []
    return sorted(path.name for path in _SHIPPED.iterdir() if (path / MANIFEST).is_file())


def refuse_existing_bundle(folder: Path, /, *, overwrite: bool = False) -> None:
    """Raise before a training whose result could not be written, or would replace a model unasked.

    Parameters
    ----------
    folder
        Where a bundle is going to be written.
    overwrite
        Whether a bundle that lies there may be replaced. Anything else than a bundle is never replaced.

    Raises
    ------
    BundleError
        It names the folder and says what to do.
    """
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise BundleError(f"{folder}: is not a folder; choose another one for the model")
    if (folder / MANIFEST).exists():
        if not overwrite:
            raise BundleError(f"{folder}: holds a model already; pass --overwrite (overwrite=True) or another folder")
    elif any(folder.iterdir()):
        raise BundleError(f"{folder}: holds files that are no model; choose an empty folder or a new one")


def write_bundle(folder: Path, manifest: dict[str, Any], parts: Mapping[str, bytes]) -> None:
    """Write a bundle folder.

    Parameters
    ----------
    folder
        Where to write; made if it does not exist. The manifest goes last, so a bundle that has one is complete.
    manifest
        Everything but ``format_version`` and ``sha256``, which are added. Numbers that are not finite become null.
    parts
        File name to content; plain names without folders.

    Raises
    ------
    BundleError
        A part has no plain name.
    """
    for name in parts:
        _check_part(name, str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    for name, content in parts.items():
        (folder / name).write_bytes(content)
    complete = {
        "format_version": FORMAT_VERSION,
        **_finite(manifest),
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(parts.items())},
    }
    (folder / MANIFEST).write_text(json.dumps(complete, indent=1, sort_keys=True, allow_nan=False) + "\n")


def export_bundle(name_or_path: str | Path, out: Path, /, *, overwrite: bool = False) -> str:
    """Pack a bundle into one zip; the same bundle always gives the same bytes.

    Parameters
    ----------
    name_or_path
        As for :func:`read_bundle`.
    out
        The zip to write.
    overwrite
        Whether to replace a file of that name.

    Returns
    -------
    str
        Hash of the manifest: the identity of the model, the same as that of the folder.

    Raises
    ------
    UnknownModelError, BundleError
        The bundle cannot be read, or `out` exists.
    """
    if os.path.lexists(out) and not overwrite:
        raise BundleError(f"{out}: exists; pass --overwrite (overwrite=True) or choose another name")
    raw, _, parts = _checked(open_bundle(name_or_path))
    with whole_file(out) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted({**parts, MANIFEST: raw}.items()):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return hashlib.sha256(raw).hexdigest()


def open_bundle(name_or_path: str | Path, /) -> BundleFiles:
    """Find a bundle without reading any part.

    Parameters
    ----------
    name_or_path
        Name of a shipped model, or path of a bundle folder or zip.

    Returns
    -------
    BundleFiles
        Its files.

    Raises
    ------
    UnknownModelError
        There is no such shipped model and nothing at such a path.
    BundleError
        What lies there is neither a folder nor a zip.
    """
    return BundleFiles(_find(name_or_path))


def read_bundle(name_or_path: str | Path) -> tuple[dict[str, Any], dict[str, bytes], str]:
    """Read and check a bundle.

    Parameters
    ----------
    name_or_path
        Name of a shipped model, or path of a bundle folder or zip.

    Returns
    -------
    manifest : dict
        As written, parsed.
    parts : dict
        File name to content; every hash matches.
    sha256 : str
        Hash of the manifest, and through it of every part: the identity of the model.

    Raises
    ------
    UnknownModelError
        There is no such shipped model and nothing at such a path.
    BundleError
        The bundle is incomplete, damaged or of another format version.
    """
    raw, manifest, parts = _checked(open_bundle(name_or_path))
    return manifest, parts, hashlib.sha256(raw).hexdigest()


def read_manifest(files: BundleFiles, /) -> tuple[bytes, dict[str, Any]]:
    """Manifest of a bundle, as bytes and parsed: of a format that this eelsmap reads, with a hash for every part.

    Raises
    ------
    BundleError
        It cannot be read, or is of another format.
    """
    where = str(files.path)
    raw = files.read(MANIFEST)
    manifest = read_json(raw, f"{where}: the manifest")
    version = manifest.get("format_version")
    if type(version) is not int:
        raise BundleError(f"{where}: the manifest states no format_version; this is no complete model bundle")
    if version != FORMAT_VERSION:
        made = manifest.get("eelsmap_version")
        by = f", made by eelsmap {made!r:.40}" if isinstance(made, str) else ""
        todo = (
            "update eelsmap" if version > FORMAT_VERSION else "train the model again, or use the eelsmap that made it"
        )
        raise BundleError(
            f"{where}: bundle format {version!s:.20}{by}, but this eelsmap reads format {FORMAT_VERSION}; {todo}"
        )
    hashes = manifest.get("sha256")
    if not isinstance(hashes, dict) or not 0 < len(hashes) <= MOST_PARTS:
        raise BundleError(f"{where}: the manifest does not list 1 to {MOST_PARTS} parts with their hashes")
    for name, expected in hashes.items():
        _check_part(name, where)
        if not isinstance(expected, str) or not _HASH.fullmatch(expected):
            raise BundleError(f"{where}: the manifest gives no sha256 of {name}")
    return raw, manifest


def read_parts(files: BundleFiles, hashes: Mapping[str, str], /) -> dict[str, bytes]:
    """Parts of a bundle.

    Raises
    ------
    BundleError
        One is missing or does not match its hash.
    """
    parts = {}
    for name, expected in hashes.items():
        content = files.read(name)
        if hashlib.sha256(content).hexdigest() != expected:
            raise BundleError(f"{files.path}: {name} does not match its hash; the bundle was changed or damaged")
        parts[name] = content
    return parts


def _checked(files: BundleFiles) -> tuple[bytes, dict[str, Any], dict[str, bytes]]:
    """Raw and parsed manifest, and parts."""
    raw, manifest = read_manifest(files)
    return raw, manifest, read_parts(files, manifest["sha256"])


def _check_part(name: str, where: str) -> None:
    """Refuse names that could point anywhere else, and kinds of files that no bundle has."""
    check_part_name(name, where)
    if name == MANIFEST or not name.endswith(_ENDINGS):
        raise BundleError(f"{where}: {name} is no part of a bundle; parts end in {', '.join(_ENDINGS)}")


def _finite(value: Any) -> Any:
    """Copy of plain values in which numbers that are not finite are None: JSON has no NaN."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _find(name_or_path: str | Path) -> Path:
    """Shipped model by name, else a path."""
    if isinstance(name_or_path, str) and name_or_path in shipped_models():
        return _SHIPPED / name_or_path
    path = Path(name_or_path)
    if not os.path.exists(path):  # unlike Path.exists, it takes any text
        known = ", ".join(shipped_models()) or "none"
        raise UnknownModelError(
            f"no model named {str(name_or_path)!r} is shipped (there is: {known}) and nothing lies at that path"
        )
    return path
