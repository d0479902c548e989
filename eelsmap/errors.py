"""The ways in which eelsmap refuses, and the reasons why a pixel has no answer.

Every error names the file, the axis or the value that is at fault and says what to do. A single bad pixel is
never an error: it carries a :class:`PixelFlag`.
"""

from __future__ import annotations

from enum import IntFlag

__all__ = [
    "NO_ANSWER",
    "BundleError",
    "DeviceError",
    "EelsmapError",
    "EnergyAxisError",
    "FileReadError",
    "LibraryError",
    "NoEdgesError",
    "NotASpectrumImageError",
    "PixelFlag",
    "RecipeError",
    "RunCancelledError",
    "UnknownModelError",
    "describe_flags",
]


class EelsmapError(Exception):
    """Base of every error that eelsmap raises on purpose."""


class FileReadError(EelsmapError):
    """A file cannot be opened or decoded: missing, a directory, truncated, unreadable or of an unknown format."""


class NotASpectrumImageError(EelsmapError):
    """A file or signal holds no EELS spectrum along an energy axis."""


class EnergyAxisError(EelsmapError):
    """The energy axis cannot be used: wrong unit, descending, not uniform, or not finite."""


class NoEdgesError(EelsmapError):
    """None of the edges of the edge set is inside the axis, or none rises above its background."""


class RecipeError(EelsmapError, ValueError):
    """A recipe holds a value that no step can use, or cannot serve this spectrum."""


class UnknownModelError(EelsmapError, LookupError):
    """No shipped model has this name and no bundle lies at this path."""


class BundleError(EelsmapError):
    """A model bundle is incomplete, does not match its hashes, or was written by an unknown version."""


class LibraryError(EelsmapError):
    """A spectral library is missing, damaged, or does not follow the schema."""


class DeviceError(EelsmapError):
    """A GPU was asked for and cannot be used: none is there, or something that it needs is not installed."""


class RunCancelledError(EelsmapError):
    """A run was stopped by its user; what was finished before is kept."""


class PixelFlag(IntFlag):
    """Why a pixel has no answer, or what to know about the one it has.

    The low byte ends the answer (every property of that pixel is NaN); higher bits inform or take away only the
    properties that rest on the named edge. Values fit in 24 bits, so that a float32 holds them exactly.
    """

    LOW_COUNTS = 1 << 0
    NOT_FINITE = 1 << 1
    NEGATIVE_COUNTS = 1 << 2
    BACKGROUND_FAILED = 1 << 3
    NO_EDGE = 1 << 4

    SPIKE_REPAIRED = 1 << 8
    PARTIAL_EDGE = 1 << 9
    ABSOLUTE_SCALE_LOST = 1 << 10
    NOVEL = 1 << 11
    O_K_WEAK = 1 << 12
    MN_L_WEAK = 1 << 13
    CO_L_WEAK = 1 << 14
    NI_L_WEAK = 1 << 15
    O_K_MISSING = 1 << 16
    MN_L_MISSING = 1 << 17
    CO_L_MISSING = 1 << 18
    NI_L_MISSING = 1 << 19
    SATURATED = 1 << 20
    OVER_SUBTRACTED = 1 << 21
    AXIS_UNCERTAIN = 1 << 22
    EDGE_BACKGROUND_FAILED = 1 << 23

    @classmethod
    def weak(cls, edge: str) -> PixelFlag:
        """Return the flag of an edge that lies in the axis but does not rise above noise."""
        return cls._of_edge(edge, "WEAK")

    @classmethod
    def missing(cls, edge: str) -> PixelFlag:
        """Return the flag of an edge that the energy axis does not cover."""
        return cls._of_edge(edge, "MISSING")

    @classmethod
    def _of_edge(cls, edge: str, what: str) -> PixelFlag:
        """Return a flag of an edge, or refuse an edge that has none."""
        try:
            return cls[f"{edge.upper()}_{what}"]
        except KeyError:
            raise RecipeError(f"edge {edge!r} has no flag: maps know O_K, Mn_L, Co_L and Ni_L only") from None


NO_ANSWER = 0xFF
"""Mask of the flags that leave a pixel without any answer."""

_REASONS = {
    PixelFlag.LOW_COUNTS: "too few counts (vacuum or a hole)",
    PixelFlag.NOT_FINITE: "NaN or infinite counts, or no zero-loss peak in its low loss",
    PixelFlag.NEGATIVE_COUNTS: "negative counts in more than a quarter of the channels",
    PixelFlag.BACKGROUND_FAILED: "no power law fits the background",
    PixelFlag.NO_EDGE: "no edge rises above the noise",
    PixelFlag.SPIKE_REPAIRED: "an X-ray spike, or a dead or hot channel, was replaced",
    PixelFlag.PARTIAL_EDGE: "an edge is cut off by the end of the axis",
    PixelFlag.ABSOLUTE_SCALE_LOST: "edges were aligned one by one; energies are relative",
    PixelFlag.NOVEL: "unlike every spectrum that the model has seen",
    PixelFlag.O_K_WEAK: "O K is lost in noise or absent",
    PixelFlag.MN_L_WEAK: "Mn L is lost in noise or absent",
    PixelFlag.CO_L_WEAK: "Co L is lost in noise or absent",
    PixelFlag.NI_L_WEAK: "Ni L is lost in noise or absent",
    PixelFlag.O_K_MISSING: "O K lies outside the energy axis, or too much of it does",
    PixelFlag.MN_L_MISSING: "Mn L lies outside the energy axis, or too much of it does",
    PixelFlag.CO_L_MISSING: "Co L lies outside the energy axis, or too much of it does",
    PixelFlag.NI_L_MISSING: "Ni L lies outside the energy axis, or too much of it does",
    PixelFlag.SATURATED: "the detector is saturated; edges that it reaches are left out",
    PixelFlag.OVER_SUBTRACTED: "the background of an edge lies above the counts behind it",
    PixelFlag.AXIS_UNCERTAIN: "the energies are less certain than any that the model learned from",
    PixelFlag.EDGE_BACKGROUND_FAILED: "no background could be fitted before an edge, which is left out",
}


def describe_flags(value: int) -> list[str]:
    """Say in words what a flag value means.

    Parameters
    ----------
    value
        A pixel of the ``flags`` map.

    Returns
    -------
    list of str
        One sentence for each bit that is set, the gravest first; empty for a clean pixel.
    """
    return [_REASONS[flag] for flag in PixelFlag if int(value) & flag]
