"""The O K pre-edge of spectra on the scale of energy loss: where it ends, and its share of the area.

Histograms about E_F have their own (`eelsmap.library.oxygen_k`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["pre_edge_end", "pre_edge_share"]

GAP_EV = (531.0, 536.0)
"""Where the gap between pre-edge and main peak is looked for."""


def pre_edge_end(mean: NDArray, energy: NDArray) -> float:
    """Energy of the gap between pre-edge and main peak in a mean spectrum (p,), eV: one for all spectra."""
    inside = np.flatnonzero((energy >= GAP_EV[0]) & (energy <= GAP_EV[1]))
    return float(energy[inside[mean[inside].argmin()]])


def pre_edge_share(spectra: NDArray, energy: NDArray, end: float, total_end: float = np.inf) -> NDArray[np.float64]:
    """Area of spectra (n, p) below `end` divided by that below `total_end`, (n,)."""
    return spectra[:, energy < end].sum(axis=1) / spectra[:, energy < total_end].sum(axis=1)
