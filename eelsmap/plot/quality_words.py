"""What the page on quality says in words and numbers, and how it sorts the pixels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import NO_ANSWER as NO_ANSWER_MASK
from eelsmap.errors import PixelFlag
from eelsmap.io import describe
from eelsmap.mapping.map_statistics import count_flags
from eelsmap.plot.style import NO_ANSWER, ROWS

if TYPE_CHECKING:
    from eelsmap.edges import EdgeSet
    from eelsmap.mapping.planned_image import PlannedImage
    from eelsmap.mapping.property_maps import PropertyMaps

__all__ = [
    "COLOURS",
    "Kind",
    "Reason",
    "answered",
    "kinds_of",
    "quality_words",
    "reasons_of",
    "sorted_pixels",
]

_TAKES_AN_EDGE = (
    sum(PixelFlag.weak(edge) | PixelFlag.missing(edge) for edge in ("O_K", "Mn_L", "Co_L", "Ni_L"))
    | PixelFlag.EDGE_BACKGROUND_FAILED
    | PixelFlag.SATURATED
)  # fmt: skip
_MINUS = re.compile(r"(?<!\w)-(?=\d)")


class Kind(NamedTuple):
    """A kind of pixel: how many there are, what it is called, its colour."""

    pixels: int
    label: str
    colour: str


COLOURS = ("#a6cbe8", ROWS[0], "#e69f00", NO_ANSWER)
"""Colours of the kinds of pixels from the best to the gravest; they differ in lightness too."""

_LABELS = ("nothing to remark", "answer with a remark", "answer without an edge", "no answer")


class Reason(NamedTuple):
    """Why pixels have no answer or a doubtful one: how many, in words, and a colour of :data:`COLOURS`.

    The colour is empty for what holds for every answer.
    """

    pixels: int
    words: str
    colour: str


def answered(maps: PropertyMaps, /) -> NDArray[np.bool_]:
    """Which pixels have an answer, shape of the image."""
    return np.asarray((maps.array("flags") & NO_ANSWER_MASK) == 0)


def sorted_pixels(maps: PropertyMaps, /) -> NDArray[np.intp]:
    """Sort the pixels by what holds for them and not for every pixel of the image.

    Parameters
    ----------
    maps
        Computed maps.

    Returns
    -------
    numpy.ndarray
        Place in :data:`COLOURS`, shape of the image.
    """
    flags = maps.array("flags").astype(np.uint32)
    own = flags & ~np.uint32(_of_all(flags))
    kinds = np.where(own != 0, 1, 0)
    kinds = np.where(own & np.uint32(_TAKES_AN_EDGE), 2, kinds)
    return np.where(flags & np.uint32(NO_ANSWER_MASK), 3, kinds)


def kinds_of(maps: PropertyMaps, /) -> list[Kind]:
    """Count the pixels of each kind; kinds without pixels are left out.

    Parameters
    ----------
    maps
        Computed maps.

    Returns
    -------
    list of Kind
        From the best to the gravest.
    """
    kinds = sorted_pixels(maps)
    labels = list(_LABELS)
    if _of_all(maps.array("flags").astype(np.uint32)):
        labels[0] = "only what holds for all"
    counted = [int((kinds == place).sum()) for place in range(len(labels))]
    return [Kind(*item) for item in zip(counted, labels, COLOURS, strict=True) if item[0]]


def reasons_of(maps: PropertyMaps, /) -> list[Reason]:
    """List what the flags say: why pixels have no answer, and what is to be known of the others.

    Parameters
    ----------
    maps
        Computed maps.

    Returns
    -------
    list of Reason
        Empty where every pixel is clean. What is said of answers does not count the pixels that have none.
    """
    flags = maps.array("flags").astype(np.uint32)
    ended = (flags & np.uint32(NO_ANSWER_MASK)) != 0
    common = _of_all(flags)
    result = []
    for flag in PixelFlag:
        gravest = bool(flag & NO_ANSWER_MASK)
        colour = COLOURS[3 if gravest else 2 if flag & _TAKES_AN_EDGE else 1] if not flag & common else ""
        counted = count_flags(flags[ended == gravest] & np.uint32(flag))
        result += [Reason(pixels, words, colour) for words, pixels in counted.items()]
    return result


def quality_words(image: PlannedImage, maps: PropertyMaps, /) -> list[tuple[str, str]]:
    """Say what was found and done.

    Parameters
    ----------
    image
        The planned image.
    maps
        Its computed quality maps.

    Returns
    -------
    list of tuple of str
        Subject and sentence.
    """
    plan, recipe, content = image.plan, image.recipe, describe(image.core, image.recipe.edge_set)
    decided = plan.to_dict()
    lines = [("Energy axis", f"{plan.axis.message}; good to about {plan.axis.uncertainty:.1f} eV afterwards")]
    if image.shifting is not None:
        low, high = np.nanpercentile(maps.array("energy_shift"), [1, 99])
        lines.append(("Drift", f"zero-loss peaks lie from {low:.1f} to {high:.1f} eV; each pixel is moved by its own"))
    else:
        lines.append(("Drift", "not looked for" if plan.drift is None else plan.drift.message))
    lines.append(("Detector", decided["detector"]))
    method = f"{recipe.background.method.replace('_', ' ')} power law"
    moved = [
        f"{window.reason.partition(';')[0]}: fitted in {window.start:.0f}-{window.stop:.0f} eV"
        for window in plan.windows
        if window.reason
    ]
    windows = f", moved windows: {'; '.join(moved)}" if moved else " in the usual windows"
    lines.append(("Background", method + windows))
    noise = f"variance of the counts is {plan.gain:.2f} times their mean"
    if decided["denoising"] != "none":
        noise += f"; {decided['denoising']}"
    if recipe.noise.average > 0:
        noise += f"; averaged over neighbours (Gaussian, standard deviation {recipe.noise.average:g} pixels)"
    lines.append(("Noise", noise))
    low_loss = content["low_loss"]
    lines.append(("Low loss", "none: no thickness" if low_loss is None else
                  f"{low_loss['first']:.0f} to {low_loss['last']:.0f} eV; simultaneous: {low_loss['simultaneous']} "
                  f"({low_loss['reason']})"))  # fmt: skip
    missing = ", ".join(content["missing"]).replace("_", " ")
    lines.append(("Metadata", f"{missing}: not in the file" if missing else "complete"))
    return [(subject, _sentence(words, recipe.edge_set)) for subject, words in lines]


def _of_all(flags: NDArray[np.uint32]) -> int:
    """Find the flags that every pixel with an answer carries; none of a single one, which has no other beside it."""
    good = flags[(flags & NO_ANSWER_MASK) == 0]
    return int(np.bitwise_and.reduce(good)) if good.size > 1 else 0


def _sentence(words: str, edges: EdgeSet) -> str:
    """Names of edges as one writes them, and a capital at the beginning."""
    for name in edges.names:
        words = words.replace(name, name.replace("_", "\N{NO-BREAK SPACE}"))
    return _MINUS.sub("\N{MINUS SIGN}", words[:1].upper() + words[1:])
