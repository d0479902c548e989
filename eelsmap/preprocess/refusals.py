"""Spectrum images that no step can treat, refused before anything is computed, each with what to do about it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import EdgeSet
from eelsmap.errors import EnergyAxisError, NoEdgesError, NotASpectrumImageError, RecipeError
from eelsmap.preprocess.coverage import OUTSIDE, why_not_covered
from eelsmap.preprocess.energy_axis import AxisCorrection
from eelsmap.recipe import Recipe

__all__ = ["require_background", "require_counts", "require_located", "require_reach", "require_usable_edge"]

_LARGEST_KEV = 20.0
_LEAST_BEFORE = 0.05
_LEAST_SIGNAL = 0.2


def require_counts(
    counts: NDArray[np.generic], energy: NDArray[np.float64], totals: NDArray[np.float64], /
) -> NDArray[np.bool_]:
    """Find the pixels with finite counts above zero.

    Parameters
    ----------
    counts
        Shape (n, channel).
    energy
        Shape (channel,), eV.
    totals
        Sum of each pixel, shape (n,).

    Returns
    -------
    numpy.ndarray
        Shape (n,), true for usable pixels; at least one is.

    Raises
    ------
    NotASpectrumImageError
        There is no such pixel.
    """
    usable: NDArray[np.bool_] = np.isfinite(totals) & (totals > 0)
    if usable.any():
        return usable
    finite = np.isfinite(counts)
    bad = energy[~finite.any(axis=0)]
    if not counts.size:
        reason = "there is no pixel"
    elif 0 < bad.size < energy.size:
        reason = (
            f"{bad.size} of {energy.size} channels ({_range(bad)}) are NaN or infinite in every pixel; "
            "cut them off with signal.isig[start:end], or replace them"
        )
    elif not finite.all(axis=1).any():
        reason = "every pixel holds NaN or infinite counts"
    elif counts.any():
        reason = "the counts of every pixel sum to less than zero; map the spectra as recorded, nothing subtracted"
    else:
        reason = "all counts are zero"
    raise NotASpectrumImageError(f"no pixel has finite counts above zero, so there is nothing to map: {reason}")


def require_reach(energy: NDArray[np.float64], recipe: Recipe, /) -> None:
    """Refuse an axis on which no edge could be, however wrong it is, and one too coarse to show any structure.

    Parameters
    ----------
    energy
        Recorded energies, shape (channel,), eV.
    recipe
        The road.

    Raises
    ------
    NoEdgesError
        No edge is within reach.
    EnergyAxisError
        The channels are too wide.
    """
    if not _within_reach(energy, recipe):
        listed = ", ".join(f"{edge.name} {edge.near_edge[0]:.0f}-{edge.near_edge[1]:.0f}" for edge in recipe.edge_set)
        raise NoEdgesError(
            f"the axis covers {_range(energy)} and none of the edges ({listed} eV); "
            f"{_miscalibrated(energy, recipe) or 'load the core loss that holds them'}"
        )
    step = (energy[-1] - energy[0]) / (energy.size - 1)
    # Half the width of an edge's widest line: with wider channels not even that is resolved.
    widest = 0.5 * min(max(line.width for line in edge.lines) for edge in recipe.edge_set)
    if step > widest:
        raise EnergyAxisError(
            f"the energy axis has {step:g} eV per channel; near-edge structure shows only in channels of "
            f"{widest:g} eV or less: record with a finer dispersion, or correct the calibration"
        )


def require_located(found: Collection[str], energy: NDArray[np.float64], recipe: Recipe, /) -> None:
    """Refuse an image in whose mean spectrum no edge stands out.

    Parameters
    ----------
    found
        Names of the edges that stand out.
    energy
        Recorded energies, shape (channel,), eV.
    recipe
        The road.

    Raises
    ------
    NoEdgesError
        There are none.
    """
    if not found:
        otherwise = "check its calibration, and that this is the core loss of such a material"
        reasons = {edge.name: why_not_covered(edge, energy, recipe) for edge in recipe.edge_set}
        lacking = _lacking(reasons) if all(reasons.values()) else ""
        raise NoEdgesError(
            f"the axis covers {_range(energy)}, but none of {', '.join(recipe.edge_set.names)} stands out from the "
            f"background within {recipe.energy_axis.search:g} eV of its place; "
            f"{_miscalibrated(energy, recipe) or otherwise}{f' ({lacking})' if lacking else ''}"
        )


def require_usable_edge(energy: NDArray[np.float64], axis: AxisCorrection, recipe: Recipe, /) -> None:
    """Refuse an axis that holds too little of every edge.

    Parameters
    ----------
    energy
        Recorded energies, shape (channel,), eV.
    axis
        The correction of the energy axis.
    recipe
        The road.

    Raises
    ------
    NoEdgesError
        No edge can be used; says what is lacking of each one that the axis touches.
    """
    reasons = {
        edge.name: why_not_covered(edge, axis.usual(index, energy), recipe)
        for index, edge in enumerate(recipe.edge_set)
    }
    if all(reasons.values()):
        raise NoEdgesError(
            f"the axis covers {_range(energy)}, too little of every edge: {_lacking(reasons) or 'all lie outside'}"
        )


def require_background(
    reference: NDArray[np.float64], energy: NDArray[np.float64], axis: AxisCorrection, edges: EdgeSet, /
) -> None:
    """Refuse spectra whose background was subtracted: the power law before an edge is what its shape rests on.

    Parameters
    ----------
    reference
        Mean spectrum of the bright pixels, shape (channel,).
    energy
        Recorded energies, shape (channel,), eV.
    axis
        The correction of the energy axis.
    edges
        The edge set.

    Raises
    ------
    RecipeError
        There are next to no counts before an edge that stands out.
    """
    for index, edge in enumerate(edges):
        usual = axis.usual(index, energy)
        before = reference[(usual >= edge.background[0]) & (usual <= edge.background[1])]
        signal = reference[(usual >= edge.signal[0]) & (usual <= edge.signal[1])]
        if not before.size or not signal.size or signal.mean() < _LEAST_SIGNAL * reference.mean():
            continue
        if before.mean() < _LEAST_BEFORE * signal.mean():
            raise RecipeError(
                f"there are next to no counts before {edge.name} ({edge.background[0]:.0f}-{edge.background[1]:.0f} "
                "eV): the background seems to be subtracted already. Map the spectra as recorded, or hand the "
                "extracted edges to model.predict"
            )


def _lacking(reasons: Mapping[str, str]) -> str:
    """Say what the axis lacks of the edges that it touches."""
    return "; ".join(f"{name}: {reason}" for name, reason in reasons.items() if reason not in ("", OUTSIDE))


def _range(energy: NDArray[np.float64]) -> str:
    """Range of an axis in words."""
    return f"{energy[0]:.1f} to {energy[-1]:.1f} eV"


def _within_reach(energy: NDArray[np.float64], recipe: Recipe, factor: float = 1.0) -> bool:
    """Whether an edge could be inside the axis, times a factor, if it is off by the largest error looked for."""
    search = recipe.energy_axis.search
    low, high = factor * energy[0], factor * energy[-1]
    return any(low < edge.near_edge[0] + search and high > edge.minimum_end - search for edge in recipe.edge_set)


def _miscalibrated(energy: NDArray[np.float64], recipe: Recipe) -> str:
    """Say how an axis seems to be miscalibrated; empty when it does not."""
    if energy[-1] < _LARGEST_KEV and energy[-1] > energy[0] >= 0 and _within_reach(energy, recipe, 1e3):
        return "its numbers look like keV: set signal.axes_manager.signal_axes[0].units = 'keV'"
    if energy[0] == 0 and energy[1] == 1:
        return "it looks uncalibrated (0 eV, 1 eV per channel): set its offset and scale"
    return ""
