"""From an intrinsic edge on the library's grid to electrons in the channels of a detector.

The shape is integrated over each channel (through its cumulative integral), so that a wide channel loses nothing of a
narrow line and a shift conserves the counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import NMC_EDGES, Edge
from eelsmap.errors import LibraryError

__all__ = ["EdgeShape", "continuum_step"]

FloatArray = NDArray[np.float64]

_FOOT = 12.0  # eV below the library's grid over which its first value (a Lorentzian foot) decays
_JOIN = 12.0  # eV above the grid over which the last value goes over into the bare continuum


def continuum_step(edge: Edge, energy: FloatArray) -> FloatArray:
    """Continuum of an edge without its near-edge structure, height 1.

    Two thirds of an L2,3 edge rise at L3 and one third at L2 (the 2:1 of the 2p sublevels); the O K continuum rises
    between the pre-edge and the main peak. Only what differs from this is scaled by ``white_line_scale``.

    Parameters
    ----------
    edge
        The edge.
    energy
        Shape (E,), eV.

    Returns
    -------
    numpy.ndarray
        Shape (E,).
    """
    first, second = (line.energy for line in edge.lines[:2])
    if edge.subshell.startswith("L"):
        return (2.0 * _rise(energy, first, 1.5) + _rise(energy, second, 1.5)) / 3.0
    return _rise(energy, 0.5 * (first + second) + 1.0, 4.0)


def _rise(energy: FloatArray, centre: float, width: float) -> FloatArray:
    return 0.5 * (1.0 + np.tanh((energy - centre) / width))


@dataclass(frozen=True, slots=True)
class EdgeShape:
    """Step-normalised spectra of one edge, ready to be read off at any channel.

    Parameters
    ----------
    energy
        Shape (P,): the library's grid lengthened at both ends, eV.
    cumulative
        Shape (n, P): integral of the shape from the first point on, eV.
    end
        Last energy of the library's own grid, eV.
    exponent
        Exponent of the continuum beyond it.
    """

    energy: FloatArray
    cumulative: FloatArray
    end: float
    exponent: float

    @classmethod
    def from_library(
        cls,
        edge: str,
        grid: FloatArray,
        spectra: FloatArray,
        exponent: float,
        white_line_scale: FloatArray | None = None,
    ) -> EdgeShape:
        """Lengthen the library's spectra and integrate them.

        Parameters
        ----------
        edge
            Name of the edge.
        grid
            Shape (P,): uniform grid, eV.
        spectra
            Shape (n, P): step-normalised; NaN rows (element absent) count as zero.
        exponent
            Exponent of the continuum beyond the grid.
        white_line_scale
            Shape (n,): factor on everything that is not continuum step; what would fall below zero is cut.

        Returns
        -------
        EdgeShape
            For n spectra.

        Raises
        ------
        LibraryError
            Grid and spectra do not fit together.
        """
        grid = np.asarray(grid, dtype=np.float64)
        shape = np.nan_to_num(np.asarray(spectra, dtype=np.float64), nan=0.0)
        if shape.ndim != 2 or grid.shape != shape.shape[1:] or grid.size < 2:
            raise LibraryError(f"edge {edge}: grid of shape {grid.shape} and spectra of shape {shape.shape} do not fit")
        if white_line_scale is not None:
            present = np.any(shape, axis=1, keepdims=True)
            step = continuum_step(NMC_EDGES[edge], grid)
            shape = np.where(present, np.maximum(step + white_line_scale[:, None] * (shape - step), 0.0), 0.0)
        spacing = (grid[-1] - grid[0]) / (grid.size - 1)
        below = np.arange(-np.ceil(_FOOT / spacing), 0) * spacing
        above = np.arange(1, np.ceil(_JOIN / spacing) + 1) * spacing
        foot = shape[:, :1] * np.exp(below / 3.0) * _fade(-below / _FOOT)
        # An absent element has no continuum either.
        level = np.any(shape, axis=1, keepdims=True).astype(np.float64)
        decay = ((grid[-1] + above) / grid[-1]) ** -exponent
        join = (level + (shape[:, -1:] - level) * _fade(above / _JOIN)) * decay
        whole = np.concatenate([foot, shape, join], axis=1)
        cumulative = np.zeros_like(whole)
        np.cumsum(0.5 * spacing * (whole[:, 1:] + whole[:, :-1]), axis=1, out=cumulative[:, 1:])
        energy = np.concatenate([grid[0] + below, grid, grid[-1] + above])
        return cls(energy, cumulative, float(grid[-1]), exponent)

    def add_counts(
        self, counts: FloatArray, start: float, dispersion: float, shift: FloatArray, amount: FloatArray
    ) -> None:
        """Add the edge to the channels of a detector.

        Parameters
        ----------
        counts
            Shape (n, E), changed in place.
        start, dispersion
            Centre of the first channel and width of a channel, eV.
        shift
            Shape (n,): by how much the edge lies above its library energy, eV.
        amount
            Shape (n,): counts per eV at the continuum step.
        """
        channels = counts.shape[1]
        spacing = self.energy[1] - self.energy[0]
        low, high = self.energy[0] + shift.min(), self.energy[-1] + shift.max()
        lowest = start - 0.5 * dispersion
        first = int(np.clip(np.floor((low - lowest) / dispersion), 0, channels))
        last = int(np.clip(np.ceil((high - lowest) / dispersion), 0, channels))
        if last > first:
            boundary = lowest + dispersion * np.arange(first, last + 1)
            position = (boundary - self.energy[0] - shift[:, None]) / spacing
            top = self.energy.size - 1
            beyond = np.maximum(position - top, 0.0) * spacing
            position = np.clip(position, 0.0, top)
            index = np.minimum(position.astype(np.intp), top - 1)
            rows = np.arange(len(counts))[:, None]
            lower = self.cumulative[rows, index]
            integral = lower + (position - index) * (self.cumulative[rows, index + 1] - lower)
            # Rows that are shifted less reach their continuum earlier.
            continuum = self._level() * (self.energy[-1] / self.end) ** -self.exponent
            integral += continuum[:, None] * beyond * (1.0 - 0.5 * self.exponent * beyond / self.energy[-1])
            counts[:, first:last] += amount[:, None] * np.diff(integral, axis=1)
        if last < channels:
            centre = start + dispersion * np.arange(last, channels)
            shape = dispersion * (centre / self.end) ** -self.exponent
            height = (amount * self._level())[:, None]
            # First order in the shift: exact to 1e-5 for shifts of an eV.
            counts[:, last:] += height * shape * (1.0 + self.exponent * shift[:, None] / centre)

    def _level(self) -> FloatArray:
        """Return 1 for rows that hold the element and 0 for the others, shape (n,)."""
        return (self.cumulative[:, -1] > 0.0).astype(np.float64)


def _fade(fraction: FloatArray) -> FloatArray:
    """Go smoothly from 1 at fraction 0 to 0 at fraction 1."""
    return 0.5 * (1.0 + np.cos(np.pi * np.clip(fraction, 0.0, 1.0)))
