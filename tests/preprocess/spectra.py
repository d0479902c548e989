"""Plain shapes with known parameters, for kernels only: power laws, lines, steps. No model ever learns from them."""

import numpy as np
from scipy.special import erf

from eelsmap.edges import NMC_EDGES


def power_law(energy, amplitude=2000.0, exponent=3.0):
    return amplitude * (np.asarray(energy) / 500.0) ** -exponent


def edge_shape(energy, edge, height=100.0, displacement=0.0):
    """Lines on a decaying step at their usual places, shifted by ``displacement``."""
    shape = np.zeros_like(energy)
    usual = energy - displacement
    for line, factor in zip(edge.lines, (3.0, 1.5), strict=True):
        shape += factor * np.exp(-4 * np.log(2) * ((usual - line.energy) / line.width) ** 2)
        shape += 0.5 * (1 + erf((usual - line.energy) / line.width)) * (usual / line.energy) ** -3.0
    return height * shape


def spectrum(energy, heights=(100.0, 80.0, 60.0, 60.0), displacements=(0.0, 0.0, 0.0, 0.0), scale=1.0):
    total = power_law(energy)
    for edge, height, displacement in zip(NMC_EDGES, heights, displacements, strict=True):
        total = total + edge_shape(energy, edge, height, displacement)
    return scale * total
