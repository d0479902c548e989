"""Tell whether a spectrum is like anything that the model has seen.

For each edge the cumulative distributions of the training spectra span a small linear space. A spectrum's score is its
distance from the middle of that cloud: in the directions of the space in units of their spread, and at right angles
to it in units of what the training spectra leave there. Noise raises the score, so the threshold is set separately in
ranges of the edge's signal-to-noise ratio, on structures that were held out.

An edge that stands alone, though the axis covers the others, is novel when it is clearer than such an edge ever was in
training: an oxide without any of the metals, for instance.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from eelsmap.preprocess.fused_numba import AVAILABLE

__all__ = ["Novelty", "fit_novelty"]

_COMPONENTS = 10
_RANGES = 6
_ROWS = 8000
_ENOUGH = 50


@dataclass(frozen=True)
class Novelty:
    """Clouds of training spectra, one an edge.

    Parameters
    ----------
    mean
        Shape (edge, point).
    components
        Shape (edge, component, point): orthonormal directions.
    spread
        Shape (edge, component): standard deviation along each.
    residual
        Shape (edge,): root mean square distance from the space.
    boundaries
        Shape (edge, range - 1): limits of the ranges of log10 signal-to-noise ratio.
    threshold
        Shape (edge, range): scores above it are novel.
    alone
        Shape (edge,): largest usual log10 signal-to-noise ratio of an edge that is seen while no other is.
    """

    mean: NDArray[np.float64]
    components: NDArray[np.float64]
    spread: NDArray[np.float64]
    residual: NDArray[np.float64]
    boundaries: NDArray[np.float64]
    threshold: NDArray[np.float64]
    alone: NDArray[np.float64]

    def relative_score(
        self, distribution: NDArray[np.floating], log_snr: NDArray[np.floating], seen: NDArray[np.bool_], /
    ) -> NDArray[np.float64]:
        """Largest score of any edge, divided by its threshold.

        Parameters
        ----------
        distribution
            Cumulative distributions, shape (n, edge, point).
        log_snr
            log10 of the signal-to-noise ratio of each edge, shape (n, edge).
        seen
            Which edges are there and rise above noise, shape (n, edge); the others do not count.

        Returns
        -------
        numpy.ndarray
            Shape (n,): above 1 the spectrum is unlike those that the model learned from; NaN where no edge is seen.
        """
        score = np.full(seen.shape, np.nan)
        for edge in range(seen.shape[1]):
            rows = seen[:, edge]
            if rows.any():
                score[rows, edge] = self._score(distribution[rows, edge], edge)
        return self._highest(score, np.isfinite(distribution[..., 0]), log_snr, seen)

    def relative_score_of_columns(
        self,
        features: NDArray[np.float32],
        columns: NDArray[np.intp],
        covered: NDArray[np.bool_],
        log_snr: NDArray[np.floating],
        seen: NDArray[np.bool_],
        /,
        *,
        summed: bool = False,
    ) -> NDArray[np.float64]:
        """As :meth:`relative_score`, straight from the columns of a feature matrix.

        Parameters
        ----------
        features
            Shape (n, feature).
        columns, summed
            Where the curve of each edge lies, shape (edge, 2), and whether it is still to be summed up along energy;
            see :func:`eelsmap.models.novelty_kernels.distances`.
        covered
            Which edges the axis covers, shape (n, edge).
        log_snr, seen
            As for :meth:`relative_score`.

        Returns
        -------
        numpy.ndarray
            Shape (n,).
        """
        from eelsmap.models.novelty_kernels import distances, highest

        by_point = self._by_point
        if by_point is None:
            raise ValueError("too many directions for the compiled distances")
        cloud = self.mean, by_point, self.spread, self.residual
        score = distances(features, columns, seen, cloud, summed=summed)
        return highest(score, covered, log_snr, seen, (self.boundaries, self.threshold, self.alone))

    @property
    def compiled(self) -> bool:
        """Whether :meth:`relative_score_of_columns` can be asked."""
        return self._by_point is not None

    @cached_property
    def _by_point(self) -> NDArray[np.float64] | None:
        """Directions as the kernel wants them."""
        if not AVAILABLE:
            return None
        from eelsmap.models.novelty_kernels import directions_by_point

        return directions_by_point(self.components)

    def _highest(
        self,
        score: NDArray[np.float64],
        covered: NDArray[np.bool_],
        log_snr: NDArray[np.floating],
        seen: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        """Largest of the scores (n, edge) over their thresholds, or of how clearly an edge stands alone."""
        relative = np.full(seen.shape, -np.inf)
        for edge in range(seen.shape[1]):
            rows = seen[:, edge]
            if rows.any():
                position = np.searchsorted(self.boundaries[edge], log_snr[rows, edge])
                relative[rows, edge] = score[rows, edge] / self.threshold[edge, position]
        lone = _stands_alone(covered, seen)
        if lone.any():
            by_clarity = np.where(seen & lone[:, None], 10.0 ** (log_snr.astype(np.float64) - self.alone), -np.inf)
            relative = np.maximum(relative, by_clarity)
        return np.where(seen.any(axis=1), relative.max(axis=1), np.nan)

    def _score(self, distribution: NDArray[np.floating], edge: int) -> NDArray[np.float64]:
        """Distance of distributions (n, point) of one edge, shape (n,)."""
        centred = distribution - self.mean[edge]
        # einsum, unlike BLAS, sums every row alike however many rows there are.
        along = np.einsum("np,kp->nk", centred, self.components[edge])
        across = np.maximum(np.square(centred).sum(axis=1) - np.square(along).sum(axis=1), 0.0)
        inside = np.square(along / self.spread[edge]).mean(axis=1)
        return np.sqrt(inside + across / self.residual[edge] ** 2)

    def to_bytes(self) -> bytes:
        """Numpy archive of all arrays."""
        buffer = io.BytesIO()
        np.savez(buffer, **self.arrays())  # type: ignore[arg-type]
        return buffer.getvalue()

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """All arrays by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @classmethod
    def from_bytes(cls, content: bytes) -> Novelty:
        """Rebuild from :meth:`to_bytes`; never unpickles. Raises ValueError or KeyError for anything else."""
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return cls(**{item.name: archive[item.name] for item in fields(cls)})


def fit_novelty(
    distribution: NDArray[np.floating],
    log_snr: NDArray[np.floating],
    seen: NDArray[np.bool_],
    group: NDArray[np.intp],
    /,
    *,
    accepted: float = 0.995,
) -> Novelty:
    """Learn what the training spectra look like.

    Parameters
    ----------
    distribution, log_snr, seen
        As for :meth:`Novelty.relative_score`.
    group
        Group of structures of each spectrum, shape (n,); thresholds come from groups left out.
    accepted
        Share of held-out spectra of each edge that is not called novel.

    Returns
    -------
    Novelty
        Clouds of all groups, thresholds from held-out ones.
    """
    parts = []
    for edge in range(seen.shape[1]):
        rows = seen[:, edge]
        curves, noise, groups = distribution[rows, edge].astype(np.float64), log_snr[rows, edge], group[rows]
        score = np.empty(len(curves))
        for index in np.unique(groups):
            inside = groups == index
            score[inside] = _cloud(curves[~inside])._score(curves[inside], 0)
        boundaries = np.quantile(noise, np.linspace(0, 1, _RANGES + 1)[1:-1])
        position = np.searchsorted(boundaries, noise)
        threshold = np.array([np.quantile(score[position == index], accepted) for index in range(_RANGES)])
        cloud = _cloud(curves)
        parts.append((cloud.mean[0], cloud.components[0], cloud.spread[0], cloud.residual[0], boundaries, threshold))
    lone = _stands_alone(np.isfinite(distribution[..., 0]), seen)
    alone = np.array([_usual_limit(log_snr[lone & seen[:, edge], edge], accepted) for edge in range(seen.shape[1])])
    mean, components, spread, residual, limits, thresholds = (np.array(column) for column in zip(*parts, strict=True))
    return Novelty(mean, components, spread, residual, limits, thresholds, alone)


def _stands_alone(covered: NDArray[np.bool_], seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Spectra of which the axis covers every one of several edges, but only one is seen; shape (n,)."""
    return np.asarray(covered.all(axis=1) & (seen.sum(axis=1) == 1) & (seen.shape[1] > 1))


def _usual_limit(log_snr: NDArray[np.floating], accepted: float) -> float:
    """Quantile of what was seen in training; no limit where too little was."""
    return float(np.quantile(log_snr, accepted)) if log_snr.size >= _ENOUGH else np.inf


def _cloud(curves: NDArray[np.float64]) -> Novelty:
    """Cloud of one edge from curves (n, point), without thresholds."""
    curves = curves[:: max(1, len(curves) // _ROWS)]
    mean = curves.mean(axis=0)
    _, singular, directions = np.linalg.svd(curves - mean, full_matrices=False)
    spread = singular[:_COMPONENTS] / np.sqrt(len(curves))
    residual = np.sqrt(np.square(singular[_COMPONENTS:]).sum() / len(curves))
    empty = np.empty((1, 0))
    return Novelty(
        mean[None], directions[None, :_COMPONENTS], np.maximum(spread, 1e-9)[None], np.array([max(residual, 1e-9)]),
        empty, empty, np.empty(0),
    )  # fmt: skip
