"""The validator of model bundles: every check in words, up to the first that is not passed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eelsmap.errors import EelsmapError
from eelsmap.models.bundle import FORMAT_VERSION, MANIFEST, open_bundle, read_manifest, read_parts
from eelsmap.models.bundle_content import (
    ALIGNED,
    ALONE,
    CALIBRATION,
    CARD,
    NOVELTY,
    TREES,
    checked_alone,
    checked_calibration,
    checked_card,
    checked_manifest,
    checked_novelty,
)
from eelsmap.models.model_loading import load_model
from eelsmap.models.trees import check_trees

__all__ = ["Check", "check_bundle"]


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a bundle.

    Parameters
    ----------
    name
        What is checked.
    passed
        Whether the bundle passed.
    said
        What was found, or why the bundle is refused.
    """

    name: str
    passed: bool
    said: str


def check_bundle(name_or_path: str | Path, /) -> Iterator[Check]:
    """Check a bundle step by step, and end with the first check that it does not pass.

    Parameters
    ----------
    name_or_path
        Name of a shipped model, or path of a bundle folder or zip.

    Yields
    ------
    Check
        Each with what was found. The bundle can be used when all are passed.

    Notes
    -----
    Nothing of the bundle is run and nothing is written. The trees are looked through before XGBoost loads them.
    """
    state: dict[str, Any] = {"source": name_or_path}
    steps: list[tuple[str, Callable[[dict[str, Any]], str]]] = [
        ("files", _files),
        ("format", _format),
        ("hashes", _hashes),
        ("recipe and properties", _manifest),
        ("calibration", _calibration),
        ("novelty", _novelty),
        ("trees", _trees),
        ("card", _card),
        ("prediction", _prediction),
    ]
    for name, step in steps:
        try:
            said = step(state)
        except EelsmapError as error:
            yield Check(name, False, str(error))
            return
        yield Check(name, True, said)


def _files(state: dict[str, Any]) -> str:
    """Find the bundle."""
    state["files"] = open_bundle(state["source"])
    return f"{len(state['files'].names())} files in {state['files'].path}; none was unpacked or run"


def _format(state: dict[str, Any]) -> str:
    """Read the manifest."""
    _, state["manifest"] = read_manifest(state["files"])
    made = state["manifest"].get("eelsmap_version", "of unknown version")
    return f"format {FORMAT_VERSION}, made by eelsmap {made!r:.40}"


def _hashes(state: dict[str, Any]) -> str:
    """Read all parts."""
    hashes = state["manifest"]["sha256"]
    state["parts"] = read_parts(state["files"], hashes)
    size = sum(len(content) for content in state["parts"].values())
    others = sorted(set(state["files"].names()) - set(hashes) - {MANIFEST})
    more = f"; not part of it and not read: {', '.join(others)!s:.200}" if others else ""
    return f"{len(hashes)} parts of {size / 2**20:.1f} MiB match their hashes{more}"


def _manifest(state: dict[str, Any]) -> str:
    """Check what the manifest says."""
    manifest = state["manifest"]
    recipe, targets = checked_manifest(manifest, str(state["files"].path))
    return f"{manifest['name']} {manifest['version']}: {', '.join(targets)} from {', '.join(recipe.used_edges)}"


def _calibration(state: dict[str, Any]) -> str:
    """Check the calibration."""
    content = _part(state, CALIBRATION)
    numbers, probabilities = checked_calibration(content, f"{state['files'].path}: {CALIBRATION}")
    return f"intervals of {len(numbers)} numbers and {len(probabilities)} probabilities"


def _novelty(state: dict[str, Any]) -> str:
    """Check what training spectra look like."""
    where = state["files"].path
    shape = checked_novelty(_part(state, NOVELTY), f"{where}: {NOVELTY}").mean.shape
    if ALIGNED in state["parts"]:
        checked_novelty(state["parts"][ALIGNED], f"{where}: {ALIGNED}")
    specialists = [name for name in state["parts"] if name.endswith(ALONE)]
    for name in specialists:
        checked_alone(state["parts"][name], f"{where}: {name}")
    return (
        f"{shape[0]} edges of {shape[1]} points, {len(specialists)} specialists of one edge; plain numbers, no pickle"
    )


def _trees(state: dict[str, Any]) -> str:
    """Look through the trees."""
    found = [
        check_trees(content, f"{state['files'].path}: {name}")
        for name, content in state["parts"].items()
        if name.endswith(TREES)
    ]
    trees, nodes = (sum(item[key] for item in found) for key in ("trees", "nodes"))
    depth = max((item["depth"] for item in found), default=0)
    return f"{trees} trees of {nodes} nodes in {len(found)} parts, at most {depth} deep; every node reached once"


def _card(state: dict[str, Any]) -> str:
    """Look at the card."""
    card = checked_card(_part(state, CARD), f"{state['files'].path}: {CARD}")
    return f"{len(card.split())} words"


def _prediction(state: dict[str, Any]) -> str:
    """Load the model and let it answer."""
    model = load_model(state["source"])
    edges = model.recipe.edge_set
    spectra: dict[str, Any] = {}
    for edge in edges:
        grid = edge.grid(edges.points)
        rise = 1.0 / (1.0 + np.exp(edge.lines[0].energy - grid))
        spectra[edge.name] = (grid, rise + np.exp(-0.5 * ((grid - edge.lines[0].energy) / 2.0) ** 2))
    table = model.predict(spectra)
    answers = int(table[model.columns].notna().to_numpy().sum())
    if answers == 0:
        raise EelsmapError("a made-up spectrum of all edges gets no answer")
    return f"a made-up spectrum of all edges gets {answers} numbers; model {model.sha256[:12]}"


def _part(state: dict[str, Any], name: str) -> bytes:
    """Bytes of a part that every bundle has."""
    if name not in state["parts"]:
        raise EelsmapError(f"{state['files'].path}: lacks {name}; this is no complete model bundle")
    return bytes(state["parts"][name])
