"""The edge stack: background-subtracted near-edge structures of pixels on the model's grids, with quality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.preprocess.background_fit import BackgroundFit

__all__ = ["ABSENT_LEVEL", "EdgeDetails", "EdgeStack", "normalise"]

ABSENT_LEVEL = 0.1
"""The constant that stands for an absent element's edge (Jia et al. 2026, 10.1021/acsnano.5c16942)."""

_BY_PIXEL = ("net", "net_counts", "snr", "weak", "counts", "flags")


class EdgeDetails(NamedTuple):
    """How the background of one edge was modelled in n pixels.

    ``grid`` (point,): energies, eV, of the covered points. ``gross`` and ``background`` (n, point): counts in each
    interval. ``shot`` (n, point): the counts whose shot noise `gross` carries, which are other ones after plural
    scattering was removed. ``boundaries`` (bin + 1,): of the background window, eV. ``before`` (n, bin): counts in it.
    ``fit``: the background's model. ``gain``: variance of the counts over their mean, for each pixel (n,) or for all;
    ``fitted_gain``: the same as the fit was told.
    """

    grid: NDArray[np.float64]
    gross: NDArray[np.float64]
    shot: NDArray[np.float64]
    background: NDArray[np.float64]
    boundaries: NDArray[np.float64]
    before: NDArray[np.float64]
    fit: BackgroundFit
    gain: NDArray[np.float64] | float
    fitted_gain: float

    def net_sums(self, windows: list[NDArray[np.bool_]], /) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Net counts in windows (masks of points) and their variance, each of shape (n, window)."""
        step = np.full(self.grid.size, self.grid[1] - self.grid[0])
        gross = np.stack([self.gross[:, window].sum(axis=1) for window in windows], axis=1)
        below = np.stack([self.background[:, window].sum(axis=1) for window in windows], axis=1)
        model = np.maximum(self.fit.variance(self.background, self.grid, step, windows), 0.0)
        gain = np.reshape(self.gain, (-1, 1))
        shot = gross
        if self.shot is not self.gross:
            shot = np.stack([self.shot[:, window].sum(axis=1) for window in windows], axis=1)
        # One electron at least, which is `gain` counts.
        return gross - below, gain * np.maximum(shot, gain) + model * (gain / self.fitted_gain)


class EdgeStack(NamedTuple):
    """Edges of n pixels.

    ``net`` (n, edge, point): net counts in each grid interval, NaN for a missing edge. ``net_counts`` (n, edge):
    their sum over the covered part of the near-edge window. ``snr`` (n, edge): net counts in the signal window in
    standard deviations. ``weak`` (n, edge): the edge does not rise above noise, or is spoilt. ``coverage`` (edge,):
    covered share of the near-edge window. ``counts`` (n,): all counts of the pixel. ``flags`` (n,) uint32:
    :class:`eelsmap.errors.PixelFlag`. ``axis_uncertainty`` (n,): what may remain wrong of the energies, eV; NaN where
    nobody knows. ``details``: by name of the covered edges, if asked for.
    """

    net: NDArray[np.float64]
    net_counts: NDArray[np.float64]
    snr: NDArray[np.float64]
    weak: NDArray[np.bool_]
    coverage: NDArray[np.float64]
    counts: NDArray[np.float64]
    flags: NDArray[np.uint32]
    axis_uncertainty: NDArray[np.float64] | float = np.nan
    details: dict[str, EdgeDetails] | None = None

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which edges are inside the axis and rise above noise, shape (n, edge)."""
        return np.asarray(np.isfinite(self.snr) & ~self.weak)

    def rows(self, chosen: NDArray[np.intp] | slice) -> EdgeStack:
        """Take some of the pixels; details are left behind."""
        parts: dict[str, Any] = {name: getattr(self, name)[chosen] for name in _BY_PIXEL}
        return EdgeStack(
            **parts, coverage=self.coverage, axis_uncertainty=_each(self.axis_uncertainty, len(self.flags))[chosen]
        )

    @staticmethod
    def joined(stacks: Sequence[EdgeStack]) -> EdgeStack:
        """Put the pixels of several stacks into one, which covers what all of them cover; details are left behind."""
        parts: dict[str, Any] = {name: np.concatenate([getattr(stack, name) for stack in stacks]) for name in _BY_PIXEL}
        return EdgeStack(
            **parts,
            coverage=np.min([stack.coverage for stack in stacks], axis=0),
            axis_uncertainty=np.concatenate([_each(stack.axis_uncertainty, len(stack.flags)) for stack in stacks]),
        )


def normalise(stack: EdgeStack, /) -> NDArray[np.float64]:
    """Bring every edge to unit sum; weak edges become the constant of an absent element.

    Parameters
    ----------
    stack
        Result of :func:`eelsmap.preprocess.extract_edges`.

    Returns
    -------
    numpy.ndarray
        Shape (n, edge, point); NaN for edges that the axis does not cover.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        shape = stack.net / stack.net.sum(axis=-1, keepdims=True)
    shape[stack.weak] = ABSENT_LEVEL
    return shape


def _each(value: NDArray[np.float64] | float, pixels: int) -> NDArray[np.float64]:
    """One value for each pixel, shape (n,)."""
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (pixels,))
