"""Edge windows of library records as the papers feed them to their models, with the noise and shift that is asked for.

Each edge stands alone on its own axis: no background, no plural scattering, no neighbouring edge. These are the easy
conditions of Jia et al. (ACS Nano 2026, 10.1021/acsnano.5c16942) and Chen et al. (Chem. Mater. 2024,
10.1021/acs.chemmater.3c02584); what a model does with whole spectra is measured by its model card.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eelsmap.cross_sections import cross_section
from eelsmap.edges import NMC_EDGES
from eelsmap.phantom.edge_shapes import EdgeShape
from eelsmap.phantom.scattering import scatter
from eelsmap.preprocess.edge_stack import ABSENT_LEVEL

if TYPE_CHECKING:
    from eelsmap.library import Library

__all__ = ["CHANNELS", "DISPERSION_EV", "Condition", "add_relative_noise", "edge_windows"]

DISPERSION_EV = 0.25
CHANNELS = 128
"""Channels of an edge window: 32 eV, the windows of :data:`eelsmap.edges.NMC_EDGES`."""

_MARGIN = 32  # channels around the window, so that the resolution finds something beyond its ends
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Condition:
    """How the spectra of a comparison were taken.

    Parameters
    ----------
    counts
        Expected counts in each edge window; None for no noise at all.
    shift
        Every edge of every spectrum is shifted by its own uniform draw from this range on both sides, eV.
    offset
        Shift of all edges together, eV.
    fwhm
        Gaussian resolution, eV.
    """

    counts: float | None = 1e4
    shift: float = 1.0
    offset: float = 0.0
    fwhm: float = 1.0

    def to_dict(self) -> dict[str, float | None]:
        """Plain numbers, for the identity of a result."""
        return asdict(self)


def edge_windows(
    library: Library, records: NDArray[np.intp], condition: Condition, rng: np.random.Generator, /
) -> NDArray[np.float32]:
    """Simulate the edge windows of some records.

    Parameters
    ----------
    library
        The spectral library.
    records
        Shape (n,): indices of records; one may occur several times, each with a noise and a shift of its own.
    condition
        Noise, shift and resolution.
    rng
        Source of randomness.

    Returns
    -------
    numpy.ndarray
        Shape (n, edge, channel), each edge divided by its mean. An absent element is the constant 0.1 with 2 % Poisson
        noise (no noise where there are no counts), as in Jia et al.
    """
    edges = NMC_EDGES.edges
    result = np.empty((records.size, len(edges), CHANNELS), dtype=np.float32)
    for first in range(0, records.size, _BLOCK):
        rows = records[first : first + _BLOCK]
        for number, edge in enumerate(edges):
            spectra = library.spectra[edge.name][rows].astype(np.float64)
            shift = condition.offset + rng.uniform(-condition.shift, condition.shift, rows.size)
            shape = EdgeShape.from_library(
                edge.name, library.grids[edge.name], spectra, cross_section(edge.name).exponent
            )
            counts = np.zeros((rows.size, CHANNELS + 2 * _MARGIN))
            start = edge.near_edge[0] + (0.5 - _MARGIN) * DISPERSION_EV
            shape.add_counts(counts, start, DISPERSION_EV, shift, np.ones(rows.size))
            none = np.zeros(rows.size)
            counts = scatter(
                counts, DISPERSION_EV, t_over_lambda=none, fwhm_eV=none + condition.fwhm, tail_fraction=none,
                tail_eV=1.0,
            )  # fmt: skip
            window = np.maximum(counts[:, _MARGIN : _MARGIN + CHANNELS], 0.0)
            absent = np.isnan(spectra[:, 0])
            result[first : first + rows.size, number] = _recorded(window, absent, condition.counts, rng)
    return result


def add_relative_noise(
    windows: NDArray[np.float32], edge: int, relative: float, rng: np.random.Generator, /
) -> NDArray[np.float32]:
    """Add Poisson noise to one edge: its mean channel gets that relative standard deviation.

    Parameters
    ----------
    windows
        Shape (n, edge, channel), of mean 1 (0.1 where the element is absent).
    edge
        Which edge.
    relative
        Standard deviation of the mean channel over its value; 0.02 is the "2 % Poisson noise" of Jia et al.
    rng
        Source of randomness.

    Returns
    -------
    numpy.ndarray
        A copy with noise on that edge.
    """
    noisy = windows.copy()
    noisy[:, edge] = _poisson(windows[:, edge].astype(np.float64), relative, rng)
    return noisy


def _recorded(
    window: NDArray[np.float64], absent: NDArray[np.bool_], counts: float | None, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Record the counts of one edge, divided by their mean; absent elements as the constant."""
    window[absent] = ABSENT_LEVEL
    if counts is not None:
        present = ~absent
        expected = window[present] * (counts / window[present].sum(axis=1, keepdims=True))
        window[present] = rng.poisson(expected)
        window[absent] = _poisson(window[absent], 0.02, rng)
    scale = np.where(absent, 1.0, np.maximum(window.mean(axis=1), 1e-9))
    return window / scale[:, None]


def _poisson(values: NDArray[np.float64], relative: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw counts whose mean channel has a relative standard deviation, and scale them back."""
    if values.size == 0:
        return values
    per_unit = 1.0 / (relative**2 * values.mean(axis=1, keepdims=True))
    return rng.poisson(values * per_unit) / per_unit
