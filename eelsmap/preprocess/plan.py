"""What was decided once for a whole image, before its pixels are treated one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import Edge, EdgeSet
from eelsmap.preprocess.background_windows import BackgroundWindow
from eelsmap.preprocess.denoising import Components
from eelsmap.preprocess.detector import DetectorFaults
from eelsmap.preprocess.drift import Drift
from eelsmap.preprocess.edge_location import EdgeLocation
from eelsmap.preprocess.energy_axis import AxisCorrection

__all__ = ["Plan"]


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
    drift
        How the rows of the scan drift; None where nobody looked.
    faults
        Faults of the detector; None where there are none, or nobody looked.
    components
        What spectra are projected on against noise; None leaves them.
    windows
        Background windows; the usual ones of edges that are not named.
    exponents
        Of the fixed power laws, by edge; empty for other methods.
    low_loss_energy
        Energies of the low loss that removes plural scattering, shape (low-loss channel,), eV.
    navigation
        How many navigation axes the image has: over how many pixels an average in space runs.
    """

    energy: NDArray[np.float64]
    axis: AxisCorrection
    gain: float
    reference: NDArray[np.float64]
    minimum_counts: float
    located: dict[str, EdgeLocation]
    zero_loss: float = 0.0
    drift: Drift | None = None
    faults: DetectorFaults | None = None
    components: Components | None = None
    windows: tuple[BackgroundWindow, ...] = ()
    exponents: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    low_loss_energy: NDArray[np.float64] | None = None
    navigation: int = 2

    def first_edge(self, edges: EdgeSet) -> float:
        """Say at which recorded energy (eV) the first edge on the axis begins; its end if there is none."""
        starts = [
            float(self.axis.recorded(index, edge.near_edge[0])) + self.zero_loss for index, edge in enumerate(edges)
        ]
        return min((start for start in starts if start > self.energy[0]), default=float(self.energy[-1]))

    def window(self, edge: Edge) -> tuple[float, float]:
        """First and last energy of the background window of an edge, eV: the usual one unless it was moved."""
        for window in self.windows:
            if window.edge == edge.name:
                return window.start, window.stop
        return edge.background

    def to_dict(self) -> dict[str, Any]:
        """Plain values for provenance."""
        return {
            "axis": self.axis.to_dict(),
            "gain": self.gain,
            "minimum_counts": self.minimum_counts,
            "located": {name: edge.explained for name, edge in self.located.items()},
            "drift": {} if self.drift is None else self.drift.to_dict(),
            "detector": "not looked at" if self.faults is None else self.faults.message,
            "windows": {window.edge: list(window)[1:] for window in self.windows},
            "denoising": "none" if self.components is None else self.components.message,
        }
