"""White lines of one L2,3 edge, read in a way that no shift of the energy axis changes.

The cumulative distribution tolerates small shifts; an axis that is wrong by electronvolts moves it as a change of
valence does. Here the spectrum is laid on its own L3 line first. What is left are ratio, distance, width and shape of
the white lines: what Rask et al. (Ultramicroscopy 1987, 21, 321) and Schmid and Mader (Micron 2006, 37, 426,
10.1016/j.micron.2005.12.004) read valences from by hand. The position of the L3 line on the axis is one feature of its
own, to be trusted as far as the axis.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import Edge
from eelsmap.features.alignment import aligned_bins, bin_centres, highest_point, known_mean, within_reason
from eelsmap.features.device_arrays import array_module, smoothed

__all__ = ["white_line_features", "white_line_names"]

_SMOOTHING = 1.0
_BIN = 0.5
_FIRST, _LAST = -7.0, 19.0
_BASELINE = (-7.0, -4.5)
_SEARCH = 7.0
_SPIN_ORBIT_SEARCH = 3.0
_HALF_LINE = 3.5
_CONTINUUM = (3.8, 6.8)
_STEP_WIDTH = 0.75
_SCALARS = (
    "l3_energy", "l2_distance", "height_ratio", "area_ratio", "l3_width", "l3_asymmetry", "l2_width", "continuum",
    "baseline", "valley",
)  # fmt: skip


def white_line_names(edge: Edge, /) -> list[str]:
    """Name of each feature of :func:`white_line_features`."""
    return [
        *(f"{name} {edge.name}" for name in _SCALARS),
        *(f"aligned {edge.name} {energy:+.2f}" for energy in _centres()),
    ]


def white_line_features(net: NDArray[np.floating], edge: Edge, /) -> NDArray[np.float32]:
    """Features of one L2,3 edge, aligned on its own L3 line.

    Parameters
    ----------
    net
        Net counts on the grid of the edge, shape (n, point); on a GPU as well.
    edge
        An L2,3 edge; its two lines say where L3 is looked for and how far away L2 is.

    Returns
    -------
    numpy.ndarray
        Shape (n, feature), in the order of :func:`white_line_names`; NaN where the grid does not hold an energy, and in
        rows without intensity.
    """
    xp = array_module(net)
    grid = edge.grid(net.shape[1])
    counts = xp.asarray(net, dtype=np.float64)
    smooth = smoothed(counts, float(_SMOOTHING / (grid[1] - grid[0])))
    l3 = highest_point(smooth, grid, xp.full(len(counts), edge.lines[0].energy), _SEARCH)
    bins = aligned_bins(counts, grid, l3, _FIRST, _LAST, _BIN)
    centres = xp.asarray(_centres())
    baseline = known_mean(bins, (centres > _BASELINE[0]) & (centres < _BASELINE[1]))
    bins = bins - xp.nan_to_num(baseline)[:, None]
    distance = edge.lines[1].energy - edge.lines[0].energy
    l2 = highest_point(smooth, grid, l3 + distance, _SPIN_ORBIT_SEARCH) - l3
    lines = (centres > -4) & (centres < distance + 4.5)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = xp.nansum(bins[:, lines], axis=1)
        total = xp.where(total > 0, total, np.nan)
        shape = bins / total[:, None]
        scalars = _scalars(shape, centres, l3, l2, baseline / total)
    return within_reason(xp.concatenate([scalars, shape], axis=1))


def _centres() -> NDArray[np.float64]:
    """Middles of the aligned bins, eV from L3."""
    return bin_centres(_FIRST, _LAST, _BIN)


def _scalars(
    shape: NDArray[np.float64],
    centres: NDArray[np.float64],
    l3: NDArray[np.float64],
    l2: NDArray[np.float64],
    baseline: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Read off what a microscopist reads off white lines, in the order of `_SCALARS`, shape (n, scalar)."""
    xp = array_module(shape)
    from_l2 = centres - l2[:, None]
    continuum = known_mean(shape, (from_l2 > _CONTINUUM[0]) & (from_l2 < _CONTINUUM[1]))
    # Two steps, 2/3 under L3 and 1/3 under L2 (Pearson, Ahn, Fultz, Phys. Rev. B 47, 8471 (1993)).
    steps = 2 / 3 * _step(xp.broadcast_to(centres, shape.shape)) + 1 / 3 * _step(from_l2)
    left = shape - xp.nan_to_num(continuum)[:, None] * steps
    near3 = xp.broadcast_to(xp.abs(centres) < _HALF_LINE, shape.shape)
    near2 = xp.abs(from_l2) < _HALF_LINE
    area3, area2 = (xp.where(near, xp.nan_to_num(left), 0.0).sum(axis=1) for near in (near3, near2))
    height3 = xp.where(near3, xp.nan_to_num(shape), 0.0).max(axis=1)
    height2 = xp.where(near2, xp.nan_to_num(shape), 0.0).max(axis=1)
    between = (centres > 2) & (from_l2 < -2)
    valley = known_mean(shape, between)
    mean3 = (xp.where(near3, xp.nan_to_num(left), 0.0) * centres).sum(axis=1) / area3
    scalars: NDArray[np.float64] = xp.stack(
        [l3, l2, height2 / height3, area2 / area3, area3 / height3, mean3, area2 / height2, continuum / height3,
         baseline, valley / height3], axis=1,
    )  # fmt: skip
    return scalars


def _step(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of a step at distances from its onset, eV."""
    xp = array_module(energy)
    share: NDArray[np.float64] = 0.5 + xp.arctan(energy / _STEP_WIDTH) / np.pi
    return share
