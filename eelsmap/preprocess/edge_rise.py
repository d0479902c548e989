"""Where an edge rises from its background, whatever its shape: a coarse answer near a place that is known already."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from eelsmap.edges import Edge

__all__ = ["Rise", "find_rise"]

_REACH = 6.0
_BEFORE = 20.0
_SMOOTH = 1.0
# Where the first line of an edge stands at this share of the edge's height, its usual rise is.
_SHARE = 0.25
_LEAST_CONTRAST = 0.03
_LEAST_SIGNIFICANCE = 10.0
# Shapes differ by about this much in where they pass that share.
_UNCERTAINTY = 1.0


class Rise(NamedTuple):
    """Displacement of a rise (eV), its height over the background, the same in standard deviations, and its error."""

    displacement: float
    contrast: float
    significance: float
    uncertainty: float


def find_rise(edge: Edge, energy: NDArray[np.float64], spectrum: NDArray[np.float64], /) -> Rise | None:
    """Find where a spectrum rises above the power law before an edge.

    Parameters
    ----------
    edge
        The edge.
    energy
        Energies on the usual scale, as far as they are known, ascending and uniform, shape (channel,), eV.
    spectrum
        Mean counts, shape (channel,).

    Returns
    -------
    Rise or None
        None when the axis does not hold the edge, or nothing rises there.
    """
    usual = edge.lines[0].energy - 0.5 * edge.lines[0].width
    before = (energy >= usual - _REACH - _BEFORE) & (energy <= usual - _REACH)
    after = (energy > usual - _REACH) & (energy <= min(edge.lines[-1].energy, usual + 3 * _REACH))
    if before.sum() < 8 or after.sum() < 8 or not (spectrum[before] > 0).all() or energy[-1] < edge.lines[-1].energy:
        return None
    slope, level = np.polyfit(np.log(energy[before]), np.log(spectrum[before]), 1)
    ratio = spectrum / np.exp(level + slope * np.log(energy)) - 1.0
    step = (energy[-1] - energy[0]) / (energy.size - 1)
    width = max(1, round(_SMOOTH / step))
    net = uniform_filter1d(ratio, width)
    noise = float(ratio[before].std()) / np.sqrt(width)
    height = float(net[after].max())
    if height < _LEAST_CONTRAST or height < _LEAST_SIGNIFICANCE * noise:
        return None
    # The last channel below the share before the maximum: a wiggle earlier on is no rise.
    places = np.flatnonzero(after)
    below = places[: int(net[after].argmax()) + 1][net[places[: int(net[after].argmax()) + 1]] < _SHARE * height]
    if below.size == 0:
        return None
    last = below[-1]
    part = (_SHARE * height - net[last]) / max(net[last + 1] - net[last], 1e-300)
    return Rise(float(energy[last] + min(part, 1.0) * step - usual), height, height / max(noise, 1e-300), _UNCERTAINTY)
