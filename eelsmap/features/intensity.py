"""The two simplest features of an edge window: its intensities, and their cumulative distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eelsmap.features.cdf import cumulative_distribution
from eelsmap.features.transformer import EdgeTransformer

__all__ = ["DistributionFeatures", "IntensityFeatures"]


@dataclass(eq=False)
class IntensityFeatures(EdgeTransformer):
    """Intensities as they are: best where every axis is right, worst where edges shift (Jia et al. 2026)."""

    def _features(self, windows: NDArray[np.float64]) -> NDArray[np.float64]:
        return windows


@dataclass(eq=False)
class DistributionFeatures(EdgeTransformer):
    """Cumulative distribution of each edge (Chen et al. 2024, 10.1021/acs.chemmater.3c02584).

    Parameters
    ----------
    stride
        Every how many-th channel is kept, counted from the last.
    """

    stride: int = 1

    def _features(self, windows: NDArray[np.float64]) -> NDArray[np.float64]:
        return cumulative_distribution(windows, stride=self.stride)
