"""Write the bundle of a corrected model: the parts of its parent, the corrections, and where they come from."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from eelsmap._version import __version__
from eelsmap.errors import BundleError
from eelsmap.models.bundle import read_bundle, write_bundle
from eelsmap.models.bundle_content import checked_manifest
from eelsmap.models.calibration import Attempt, Calibration
from eelsmap.models.corrections import CORRECTIONS
from eelsmap.properties import PROPERTIES

__all__ = ["write_corrected_bundle"]


def write_corrected_bundle(
    parent: str | Path,
    out: Path,
    calibration: Calibration,
    attempt: Attempt,
    /,
    *,
    name: str,
    version: str = "1.0.0",
    references_sha256: str,
    program: str = "calibrate",
) -> dict[str, Any]:
    """Write a corrected model.

    Parameters
    ----------
    parent
        The model that was corrected: name of a shipped one or path of a bundle.
    out
        Folder of the new bundle; must not exist or be empty.
    calibration, attempt
        What was tried, and what is accepted.
    name, version
        Of the new model.
    references_sha256
        Hash of the label table of the references.
    program
        ``"calibrate"`` or ``"transfer"``, for the record.

    Returns
    -------
    dict
        The record, as ``corrected`` in the manifest.

    Raises
    ------
    BundleError
        The folder holds something already, the parent cannot be read, or name or version cannot be used.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BundleError(f"{out}: exists and is not empty; choose another folder for the corrected model")
    manifest, parts, sha256 = read_bundle(parent)
    corrections, boosters = attempt.fitted
    references = calibration.references
    corrections.check_parts(references.model.recipe, boosters)
    parts = {
        **parts,
        CORRECTIONS: corrections.to_json().encode(),
        **{f"{key}.ubj": bytes(booster.save_raw("ubj")) for key, booster in boosters.items()},
    }
    record = {
        "parent": {"name": manifest["name"], "version": manifest["version"], "sha256": sha256},
        "by": program,
        "eelsmap_version": __version__,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "references_sha256": references_sha256,
        "specimens": len(references.group_names),
        "spectra": len(references.group),
        "way": attempt.way.name,
        "in_words": attempt.way.words,
        "measured_on": "references that you gave, each held out when it was judged",
        "metrics": _plain(dict(attempt.metrics or {})),
    }
    new = {key: value for key, value in manifest.items() if key not in ("sha256", "format_version")}
    new |= {"name": name, "version": version, "corrected": record}
    parts["card.md"] = (_card(record, name, version) + "\n" + parts["card.md"].decode()).encode()
    # What a reader would refuse must not be written.
    checked_manifest(new, str(out))
    write_bundle(out, new, parts)
    return record


def _card(record: dict[str, Any], name: str, version: str) -> str:
    """Say at the head of the card what was corrected; the parent's card follows."""
    parent = record["parent"]
    lines = [
        f"# Model `{name}` {version}: `{parent['name']}` {parent['version']} corrected by references",
        "",
        f"**Changed**: {record['in_words']} (`{record['way']}`), learned from {record['spectra']} spectra of "
        f"{record['specimens']} specimens by `eelsmap {record['by']}`. Everything below the line is the card of the "
        "parent, measured before the correction.",
        "",
        f"**Measured on** {record['measured_on']}. The way was chosen by the same references, so that its figures are "
        "a little too good.",
        "",
        "| property | specimens | error before | error after | gain | share in interval before | after |",
        "|---|---|---|---|---|---|---|",
    ]
    for target, item in record["metrics"].items():
        key = "brier" if PROPERTIES[target].probability else "rmse"
        shares = [item[when].get("coverage") for when in ("before", "after")]
        said = [f"{100 * share:.0f} %" if share is not None else "" for share in shares]
        before, after = (item[when].get(key) for when in ("before", "after"))
        if before is not None and after is not None:
            lines.append(
                f"| {target} | {item['specimens']} | {before:.3f} | {after:.3f} | {item['gain']:+.3f} ± "
                f"{item['gain_error']:.3f} | {said[0]} | {said[1]} |"
            )
    return "\n".join([*lines, "", "---", ""])


def _plain(value: Any) -> Any:
    """Plain values; what is no number becomes None, which JSON can say."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return json.loads(json.dumps(value))
