"""Regions of a series by mask or threshold, and what the maps say of them."""

from __future__ import annotations

import hashlib
import operator
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eelsmap.errors import EelsmapError, FileReadError, RecipeError
from eelsmap.mapping.map_names import LOWER, UPPER

__all__ = ["EVERYTHING", "Condition", "Region", "make_regions", "region_statistics"]

EVERYTHING = "all"
"""Name of the region of all pixels that have an answer, where no other is asked for."""

_OPERATORS: dict[str, Callable[[Any, float], Any]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_NAME = re.compile(r"\w+")
_CONDITION = re.compile(r"\s*(\w+)\s*(<=|>=|<|>)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(%?)\s*")


class Condition(NamedTuple):
    """A limit on a map; with `share` a share of the map's 95th percentile."""

    name: str
    sign: str
    limit: float
    share: bool


@dataclass(frozen=True)
class Region:
    """Pixels that belong together: those of a mask, those that fulfil all conditions, or all.

    Parameters
    ----------
    name
        Of letters, digits and underscores.
    conditions
        Limits on maps.
    mask
        Shape of a frame; None without a mask.
    text
        How it was asked for.
    """

    name: str
    conditions: tuple[Condition, ...] = ()
    mask: NDArray[np.bool_] | None = None
    text: str = "every pixel that has an answer"

    def to_dict(self) -> dict[str, str]:
        """Plain text, the same for the same region."""
        if self.mask is None:
            return {"name": self.name, "region": self.text}
        content = repr(self.mask.shape).encode() + np.packbits(self.mask).tobytes()
        return {"name": self.name, "region": self.text, "mask_sha256": hashlib.sha256(content).hexdigest()}

    def check(self, names: Sequence[str], /) -> None:
        """Raise when a condition asks for a map that there is not."""
        for condition in self.conditions:
            if condition.name not in names:
                raise RecipeError(
                    f"region {self.name!r}: there is no map {condition.name!r}; there are {', '.join(names)}"
                )

    def pixels(self, maps: Mapping[str, NDArray[Any]], shape: tuple[int, ...], /) -> NDArray[np.bool_]:
        """Tell which pixels of a frame belong to the region.

        Parameters
        ----------
        maps
            Maps of the frame by name, shape `shape` each.
        shape
            Of a frame.

        Raises
        ------
        EelsmapError
            The mask has another shape.
        """
        if self.mask is not None:
            if self.mask.shape != shape:
                raise EelsmapError(
                    f"region {self.name!r}: its mask has {_size(self.mask.shape)} pixels, the frames {_size(shape)}"
                )
            return self.mask
        inside = np.ones(shape, dtype=bool)
        for name, sign, limit, share in self.conditions:
            values = np.asarray(maps[name], dtype=np.float64)
            known = np.isfinite(values)
            level = float(np.percentile(values[known], 95)) if share and known.any() else 1.0
            inside &= known & _OPERATORS[sign](np.where(known, values, np.nan), limit * level)
        return inside


def make_regions(given: Mapping[str, Any] | None, /) -> tuple[Region, ...]:
    """Make regions of what a user says.

    Parameters
    ----------
    given
        Name to a condition such as ``"li_content<0.5"`` (several joined by ``and``; ``"counts>20%"`` is a share of the
        map's 95th percentile, which for ``counts`` any limit up to 1 is too), to the path of a mask (.npy or an image,
        inside where it is not zero), or to an array.

    Returns
    -------
    tuple of Region
        All pixels that have an answer where nothing is given.

    Raises
    ------
    RecipeError
        A name or a condition cannot be understood.
    FileReadError
        A mask cannot be read.
    """
    if not given:
        return (Region(EVERYTHING),)
    return tuple(_region(name, asked) for name, asked in given.items())


def region_statistics(
    maps: Mapping[str, NDArray[Any]], properties: Sequence[str], inside: NDArray[np.bool_], /
) -> dict[str, float]:
    """Sum up properties over some pixels of a frame.

    Parameters
    ----------
    maps
        Maps of the frame by name.
    properties
        Which to sum up, each with its interval limits where they exist.
    inside
        The pixels.

    Returns
    -------
    dict
        ``pixels``, and for each property ``<property>_mean``, ``<property>_standard_error`` (by the scatter of pixels:
        what they err by in common is not in it), ``<property>_lower`` and ``<property>_upper`` (means of the interval's
        limits, as if all pixels erred alike) and ``<property>_pixels``, those that have an answer.
    """
    result: dict[str, float] = {"pixels": int(inside.sum())}
    for name in properties:
        values = np.asarray(maps[name])[inside].astype(np.float64)
        known = np.isfinite(values)
        number = int(known.sum())
        result[f"{name}_mean"] = float(values[known].mean()) if number else np.nan
        spread = float(values[known].std(ddof=1)) if number > 1 else np.nan
        result[f"{name}_standard_error"] = spread / np.sqrt(number) if number > 1 else np.nan
        for ending in (LOWER, UPPER):
            limits = np.asarray(maps[name + ending])[inside][known] if name + ending in maps else np.empty(0)
            finite = limits[np.isfinite(limits)].astype(np.float64)
            result[name + ending] = float(finite.mean()) if finite.size else np.nan
        result[f"{name}_pixels"] = number
    return result


def _region(name: str, asked: ArrayLike | str | os.PathLike[str]) -> Region:
    """Make one region."""
    if not _NAME.fullmatch(name):
        raise RecipeError(f"region {name!r}: a name is made of letters, digits and underscores")
    if isinstance(asked, str) and re.search("[<>]", asked):
        return Region(name, tuple(_condition(name, part) for part in re.split(r"\band\b", asked)), text=asked.strip())
    if isinstance(asked, str | os.PathLike):
        return Region(name, mask=_read_mask(Path(asked)), text=f"mask {Path(asked).name}")
    return Region(name, mask=np.asarray(asked) != 0, text="mask")


def _condition(name: str, text: str) -> Condition:
    """Make one condition."""
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise RecipeError(f"region {name!r}: {text.strip()!r} is no condition such as li_content<0.5 or counts>20%")
    limit, share = float(found[3]), bool(found[4])
    if share:
        return Condition(found[1], found[2], limit / 100, True)
    return Condition(found[1], found[2], limit, found[1] == "counts" and limit <= 1)


def _read_mask(path: Path) -> NDArray[np.bool_]:
    """Read a mask from an array file or an image."""
    try:
        if path.suffix.lower() == ".npy":
            return np.asarray(np.load(path, allow_pickle=False)) != 0
        from matplotlib.image import imread

        image = np.asarray(imread(path))
    except Exception as error:
        # Image readers raise whatever they like.
        raise FileReadError(f"{path}: cannot be read as a mask ({error}); give a .npy or .png file") from error
    # Of a colour image the fourth channel says how opaque it is.
    return np.asarray(image if image.ndim == 2 else image[..., :3].any(axis=-1)) != 0


def _size(shape: tuple[int, ...]) -> str:
    """Shape in words."""
    return " x ".join(map(str, shape)) or "no"
