"""What is decided once for a whole image, before its pixels are treated one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eelsmap.preprocess.edge_location import EdgeLocation, locate_edges
from eelsmap.preprocess.energy_axis import AxisCorrection, check_energy_axis, correct_energy_axis
from eelsmap.preprocess.noise import estimate_gain
from eelsmap.preprocess.refusals import (
    require_background,
    require_counts,
    require_located,
    require_reach,
    require_usable_edge,
)
from eelsmap.preprocess.spikes import bridge_hot_channels
from eelsmap.recipe import Recipe

__all__ = ["Plan", "make_plan"]


@dataclass(frozen=True)
class Plan:
    """Decisions for one image: its axis, its noise, its reference shape.

    Parameters
    ----------
    energy
        Recorded energies, shape (channel,), eV.
    axis
        The correction of the energy axis.
    gain
        Variance of the counts divided by their mean.
    reference
        Mean spectrum of the bright pixels, shape (channel,); spikes are told from white lines by it.
    minimum_counts
        Pixels with fewer counts in all are vacuum.
    located
        Edges that stand out in the mean spectrum.
    zero_loss
        Median position of the zero-loss peak, eV, by which pixels are shifted before `axis` applies; 0 without.
    """

    energy: NDArray[np.float64]
    axis: AxisCorrection
    gain: float
    reference: NDArray[np.float64]
    minimum_counts: float
    located: dict[str, EdgeLocation]
    zero_loss: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for provenance."""
        return {
            "axis": self.axis.to_dict(),
            "gain": self.gain,
            "minimum_counts": self.minimum_counts,
            "located": {name: edge.explained for name, edge in self.located.items()},
        }


def make_plan(sample: ArrayLike, energy: ArrayLike, recipe: Recipe, /, *, zero_loss: float | None = None) -> Plan:
    """Decide how an image is treated, from a sample of its pixels.

    Parameters
    ----------
    sample
        Counts of some or all pixels, shape (n, channel).
    energy
        Recorded energies, shape (channel,), eV.
    recipe
        The road.
    zero_loss
        Median position of the zero-loss peak, eV, when a simultaneous low loss shifts every pixel; None otherwise.

    Returns
    -------
    Plan
        The decisions.

    Raises
    ------
    EnergyAxisError
        The axis cannot be used.
    NotASpectrumImageError
        There is no pixel, or no pixel with finite counts above zero.
    NoEdgesError
        The axis covers none of the edges, or too little of each, or none stands out from its background.
    RecipeError
        The background was subtracted already.
    """
    axis_energy = check_energy_axis(energy)
    edges = recipe.edge_set
    counts = np.asarray(sample, dtype=np.float64)
    counts = counts.reshape(-1, axis_energy.size)
    usable = require_counts(counts, axis_energy)
    require_reach(axis_energy, recipe)
    totals = counts.sum(axis=1, where=usable[:, None])
    bright = float(np.percentile(totals[usable], 95))
    search = recipe.energy_axis.search
    lowest = np.searchsorted(axis_energy, edges.edges[0].background[0] - search)
    reference = bridge_hot_channels(counts[usable & (totals > 0.1 * bright)].mean(axis=0), int(lowest))
    located = locate_edges(reference, axis_energy, edges, search=search, expected=zero_loss or 0.0)
    require_located(located, axis_energy, recipe)
    axis = correct_energy_axis(located, edges, recipe.energy_axis, zero_loss=zero_loss)
    shifted = axis_energy - (zero_loss or 0.0)
    require_usable_edge(shifted, axis, recipe)
    require_background(reference, shifted, axis, edges)
    return Plan(
        energy=axis_energy,
        axis=axis,
        gain=estimate_gain(counts[usable & (totals > 0.1 * bright)]),
        reference=reference,
        minimum_counts=recipe.quality.minimum_relative_counts * bright,
        located=located,
        zero_loss=zero_loss or 0.0,
    )
