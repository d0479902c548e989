"""Model bundles: a folder or zip of JSON and XGBoost UBJSON whose hashes are checked before anything is parsed.

No part is a pickle and no part names another path, so loading runs nothing and writes nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from pathlib import Path
from typing import Any

from eelsmap.errors import BundleError, UnknownModelError

__all__ = ["FORMAT_VERSION", "MANIFEST", "read_bundle", "shipped_models", "write_bundle"]

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
_LARGEST_PART = 64 * 2**20
_SHIPPED = Path(__file__).resolve().parent.parent / "data" / "models"


def shipped_models() -> list[str]:
    """Names of the models that come with eelsmap."""
    if not _SHIPPED.is_dir():
        return []
    return sorted(path.name for path in _SHIPPED.iterdir() if (path / MANIFEST).is_file())


def write_bundle(folder: Path, manifest: dict[str, Any], parts: dict[str, bytes]) -> None:
    """Write a bundle folder.

    Parameters
    ----------
    folder
        Where to write; made if it does not exist. The manifest goes last, so a bundle that has one is complete.
    manifest
        Everything but ``format_version`` and ``sha256``, which are added.
    parts
        File name to content; plain names without folders.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    for name, content in parts.items():
        _check_name(name, folder)
        (folder / name).write_bytes(content)
    complete = {
        "format_version": FORMAT_VERSION,
        **manifest,
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(parts.items())},
    }
    (folder / MANIFEST).write_text(json.dumps(complete, indent=1, sort_keys=True) + "\n")


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
    path = _find(name_or_path)
    raw = _read_part(path, MANIFEST)
    try:
        manifest = json.loads(raw)
        version, hashes = manifest["format_version"], dict(manifest["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{path}: the manifest cannot be read ({error}); get a fresh copy of the bundle") from error
    if version != FORMAT_VERSION:
        raise BundleError(
            f"{path}: bundle format {version}, but this eelsmap reads format {FORMAT_VERSION}; "
            "update eelsmap or export the model again"
        )
    parts = {}
    for name, expected in hashes.items():
        _check_name(name, path)
        content = _read_part(path, name)
        if hashlib.sha256(content).hexdigest() != expected:
            raise BundleError(f"{path}: {name} does not match its hash; the bundle was changed or damaged")
        parts[name] = content
    return manifest, parts, hashlib.sha256(raw).hexdigest()


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


def _check_name(name: str, where: Path) -> None:
    """Refuse part names that could point anywhere else."""
    if not name or name != Path(name).name or name.startswith(".") or "\\" in name:
        raise BundleError(f"{where}: part name {name!r} is not a plain file name; the bundle cannot be trusted")


def _read_part(bundle: Path, name: str) -> bytes:
    """Bytes of one part of a folder or zip, refusing what is missing or absurdly large."""
    try:
        if bundle.is_dir():
            part = bundle / name
            if part.is_symlink():
                raise BundleError(f"{bundle}: {name} is a link; a bundle holds plain files only")
            if part.stat().st_size > _LARGEST_PART:
                raise BundleError(f"{bundle}: {name} is larger than {_LARGEST_PART >> 20} MiB")
            return part.read_bytes()
        with zipfile.ZipFile(bundle) as archive:
            if archive.getinfo(name).file_size > _LARGEST_PART:
                raise BundleError(f"{bundle}: {name} is larger than {_LARGEST_PART >> 20} MiB")
            return archive.read(name)
    except (OSError, KeyError, zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        raise BundleError(f"{bundle}: {name} cannot be read ({error}); this is no complete model bundle") from error
