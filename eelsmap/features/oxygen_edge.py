"""Pre-edge and main peak of the O K edge, read in a way that no shift of the energy axis changes.

The spectrum is laid on its own main peak, as :mod:`eelsmap.features.white_lines` lays L2,3 edges on their L3 line. What
is left is what lithium content and covalency are read from by hand: the pre-edge (O 2p hybridised with metal 3d), its
strength against the main peak, and the distance between the two.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import Edge
from eelsmap.features.alignment import aligned_bins, bin_centres, highest_point, known_mean, within_reason
from eelsmap.features.device_arrays import array_module, smoothed

__all__ = ["oxygen_edge_features", "oxygen_edge_names"]

_SMOOTHING = 1.5
_FIRST, _LAST, _BIN = -16.0, 15.0, 0.5
_BASELINE = (-16.0, -14.0)
_SEARCH = 5.0
_PRE_EDGE_SEARCH = 4.0
_HALF_PRE_EDGE = 2.5
_GAP = (-8.0, -4.5)
_TAIL = (10.0, 15.0)
_SCALARS = (
    "main_energy", "pre_edge_distance", "pre_edge_height", "pre_edge_area", "pre_edge_width", "gap", "tail", "baseline",
)  # fmt: skip


def oxygen_edge_names(edge: Edge, /) -> list[str]:
    """Name of each feature of :func:`oxygen_edge_features`."""
    return [
        *(f"{name} {edge.name}" for name in _SCALARS),
        *(f"aligned {edge.name} {energy:+.2f}" for energy in bin_centres(_FIRST, _LAST, _BIN)),
    ]


def oxygen_edge_features(net: NDArray[np.floating], edge: Edge, /) -> NDArray[np.float32]:
    """Features of the O K edge, aligned on its own main peak.

    Parameters
    ----------
    net
        Net counts on the grid of the edge, shape (n, point); on a GPU as well.
    edge
        The O K edge; its two lines are pre-edge and main peak.

    Returns
    -------
    numpy.ndarray
        Shape (n, feature), in the order of :func:`oxygen_edge_names`; NaN where the grid does not hold an energy, and
        in rows without intensity.
    """
    xp = array_module(net)
    grid = edge.grid(net.shape[1])
    counts = xp.asarray(net, dtype=np.float64)
    smooth = smoothed(counts, float(_SMOOTHING / (grid[1] - grid[0])))
    pre_edge, peak = (line.energy for line in edge.lines)
    main = highest_point(smooth, grid, xp.full(len(counts), peak), _SEARCH)
    centres = xp.asarray(bin_centres(_FIRST, _LAST, _BIN))
    bins = aligned_bins(counts, grid, main, _FIRST, _LAST, _BIN)
    baseline = known_mean(bins, (centres > _BASELINE[0]) & (centres < _BASELINE[1]))
    before = highest_point(smooth, grid, main + pre_edge - peak, _PRE_EDGE_SEARCH) - main
    with np.errstate(invalid="ignore", divide="ignore"):
        total = xp.nansum(bins, axis=1)
        shape = bins / xp.where(total > 0, total, np.nan)[:, None]
        near = xp.abs(centres - before[:, None]) < _HALF_PRE_EDGE
        area = xp.where(near, xp.nan_to_num(shape), 0.0).sum(axis=1)
        height = xp.where(near, xp.nan_to_num(shape), 0.0).max(axis=1)
        top = xp.where(xp.abs(centres) < 2.0, xp.nan_to_num(shape), 0.0).max(axis=1)
        scalars = xp.stack(
            [
                main, before, height / top, area, area / height,
                known_mean(shape, (centres > _GAP[0]) & (centres < _GAP[1])) / top,
                known_mean(shape, (centres > _TAIL[0]) & (centres < _TAIL[1])) / top,
                baseline / xp.where(total > 0, total, np.nan),
            ], axis=1,
        )  # fmt: skip
    return within_reason(xp.concatenate([scalars, shape], axis=1))
