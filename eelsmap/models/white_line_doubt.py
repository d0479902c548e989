"""What nobody knows of simulated white lines, drawn at random: their distance, their ratio, their widths.

Multiplets of single ions are known to miss measured L2,3 edges in these (docs/library.md has the figures). A model that
was trained on one exact distance of L2 from L3 would take the error of the simulation for a valence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import Edge
from eelsmap.phantom.edge_shapes import continuum_step

__all__ = ["vary_white_lines"]

_RAMP = 0.35


def vary_white_lines(
    spectra: NDArray[np.float64],
    grid: NDArray[np.float64],
    edge: Edge,
    /,
    *,
    farther: NDArray[np.float64],
    ratio: NDArray[np.float64],
    width: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Move, scale and broaden the white lines of L2,3 spectra.

    Parameters
    ----------
    spectra
        Step-normalised spectra, shape (n, point); NaN rows stay NaN.
    grid
        Uniform energies, shape (point,), eV.
    edge
        The L2,3 edge.
    farther
        How much farther from L3 the L2 line goes, shape (n,), eV.
    ratio
        Factor on the L3/L2 ratio, shape (n,).
    width
        Lorentzian full width that is added to both lines, shape (n,), eV.

    Returns
    -------
    numpy.ndarray
        Shape (n, point).
    """
    l3, l2 = (line.energy for line in edge.lines)
    spacing = (grid[-1] - grid[0]) / (grid.size - 1)
    # From 0 on the L3 side of the valley to 1 on its L2 side.
    share = (grid - l3) / (l2 - l3)
    ramp = np.clip((share - _RAMP) / (1.0 - 2.0 * _RAMP), 0.0, 1.0)
    source = np.clip(np.arange(grid.size) - farther[:, None] * ramp / spacing, 0, grid.size - 1)
    index = np.minimum(source.astype(np.intp), grid.size - 2)
    rows = np.arange(len(spectra))[:, None]
    moved = spectra[rows, index] * (1 - (source - index)) + spectra[rows, index + 1] * (source - index)
    step = continuum_step(edge, grid)
    lines = (moved - step) * (1.0 + (1.0 / ratio[:, None] - 1.0) * ramp)
    # What exceeds the step vanishes at both ends, so that the transform's period does no harm.
    length = 2 * grid.size
    kernel = np.exp(-np.pi * width[:, None] * np.fft.rfftfreq(length, spacing))
    broad = np.fft.irfft(np.fft.rfft(lines, n=length, axis=1) * kernel, n=length, axis=1)[:, : grid.size]
    return np.asarray(np.where(np.isfinite(spectra), np.maximum(step + broad, 0.0), np.nan))
