"""What a series is made with: kept beside the results, and compared when the same folder is used again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from eelsmap._version import __version__
from eelsmap.errors import EelsmapError, RecipeError
from eelsmap.io.frames import ORDERS
from eelsmap.mapping.provenance import model_identity
from eelsmap.mapping.series.regions import Region
from eelsmap.models.model import Model
from eelsmap.recipe import Recipe
from eelsmap.whole_file import whole_file

__all__ = ["AXES", "FILE", "THRESHOLDS", "Settings", "read_settings"]

FILE = "series.json"
AXES = ("per_frame", "shared", "tracked")
"""Whether every frame has its own correction of the energy axis and background windows, or all have those of the first,
as they are or moved by as much as the edges have moved since."""
THRESHOLDS = ("first", "each")
"""Whether conditions of regions are evaluated on the first frame, or on each."""

_CONTENT, _FORMAT = "eelsmap series", 1


@dataclass(frozen=True)
class Settings:
    """What a series is made with.

    Parameters
    ----------
    model, recipe
        What maps each frame.
    axis
        One of :data:`AXES`.
    drift
        Whether drift in space is measured and taken out.
    regions
        The regions.
    thresholds
        One of :data:`THRESHOLDS`.
    order
        One of :data:`eelsmap.io.frames.ORDERS`.
    """

    model: Model
    recipe: Recipe
    axis: str
    drift: bool
    regions: tuple[Region, ...]
    thresholds: str
    order: str

    def __post_init__(self) -> None:
        """Refuse unknown ways, and regions by maps that the model does not make."""
        known = {"axis": AXES, "thresholds": THRESHOLDS, "order": ORDERS}
        for name, ways in known.items():
            if getattr(self, name) not in ways:
                raise RecipeError(
                    f"series: {name} = {getattr(self, name)!r} cannot be used; it must be one of {', '.join(ways)}"
                )
        maps = [*self.model.outputs, "counts", *(f"snr_{edge}" for edge in self.recipe.edge_set.names), "flags"]
        for region in self.regions:
            region.check(maps)

    @property
    def of_maps(self) -> dict[str, str]:
        """What the maps of a frame depend on, in words for a message: changed, every frame is mapped afresh."""
        return {
            "version of eelsmap": __version__,
            "model": self.model.sha256,
            "recipe": self.recipe.sha256,
            "way of the energy axis": self.axis,
        }

    @property
    def sha256(self) -> str:
        """Hash of all that rows and maps depend on."""
        rest = [self.drift, [region.to_dict() for region in self.regions], self.thresholds, self.order]
        return hashlib.sha256(json.dumps([_FORMAT, self.of_maps, rest], sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the file beside the results."""
        return {
            "content": _CONTENT,
            "format": _FORMAT,
            "made_with": self.of_maps,
            "model": model_identity(self.model),
            "recipe": self.recipe.to_dict(),
            "axis": self.axis,
            "drift": self.drift,
            "regions": [region.to_dict() for region in self.regions],
            "thresholds": self.thresholds,
            "order": self.order,
            "versions": {name: version(name) for name in ("hyperspy", "exspy", "rosettasciio", "numpy", "scipy")},
        }

    def write(self, folder: Path, /) -> None:
        """Write the file."""
        with whole_file(folder / FILE) as part:
            part.write_text(json.dumps(self.to_dict(), indent=2, sort_keys=True) + "\n", encoding="utf-8")

    def changes(self, earlier: Mapping[str, Any], /) -> list[str]:
        """Name what the maps depend on and was different in an earlier run."""
        before = earlier.get("made_with", {})
        return [name for name, value in self.of_maps.items() if before.get(name) != value]


def read_settings(folder: Path, ours: Sequence[str], /) -> dict[str, Any] | None:
    """Read what an earlier run in a folder was made with.

    Parameters
    ----------
    folder
        The folder of the results.
    ours
        Names of files that a series writes there.

    Returns
    -------
    dict or None
        None where there was none.

    Raises
    ------
    EelsmapError
        The folder holds something else under names that a series needs, or a series in an unknown format.
    """
    path = folder / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        taken = [name for name in ours if (folder / name).exists()]
        if taken:
            raise EelsmapError(
                f"{folder / taken[0]} exists and is not of a series; choose another folder for the results"
            ) from None
        return None
    except ValueError:
        content = None
    if not isinstance(content, dict) or content.get("content") != _CONTENT:
        raise EelsmapError(f"{path}: is not of a series; choose another folder for the results")
    if content.get("format") != _FORMAT:
        raise EelsmapError(f"{path}: is of another version of eelsmap; choose another folder, or remove this one")
    return content
