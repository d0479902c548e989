"""Fewer dimensions: truncated SVD and PCA by explained variance, Isomap, and an autoencoder.

Jia et al. (2026, 10.1021/acsnano.5c16942) keep as many dimensions as explain 90 % of the variance; Chen et al. (2024,
10.1021/acs.chemmater.3c02584) keep three. Isomap needs scikit-learn and the autoencoder torch; the linear ones need
neither.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eelsmap.errors import RecipeError
from eelsmap.features.transformer import Transformer

__all__ = ["AutoencoderReduction", "IsomapReduction", "LinearReduction"]


@dataclass(eq=False)
class LinearReduction(Transformer):
    """Projection onto the leading singular vectors.

    Parameters
    ----------
    centred
        Subtract the mean first: principal component analysis; without it, truncated singular value decomposition.
    explained
        Share of the variance that is kept; that of the coordinates, also where nothing was subtracted.
    dimensions
        Number of dimensions instead, when given.
    """

    centred: bool = True
    explained: float = 0.9
    dimensions: int | None = None
    mean_: NDArray[np.float64] = field(init=False, repr=False)
    components_: NDArray[np.float64] = field(init=False, repr=False)

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Find the components of X, shape (n, feature).

        Raises
        ------
        RecipeError
            The share is not in (0, 1].
        """
        if not 0 < self.explained <= 1:
            raise RecipeError(f"reduction: explained = {self.explained!r} cannot be used; it must be in (0, 1]")
        rows = np.asarray(X, dtype=np.float64)
        self.mean_ = rows.mean(axis=0) if self.centred else np.zeros(rows.shape[1])
        left, size, right = np.linalg.svd(rows - self.mean_, full_matrices=False)
        variance = (left * size).var(axis=0)
        share = np.cumsum(variance) / max(float(variance.sum()), np.finfo(float).tiny)
        count = self.dimensions or int(np.searchsorted(share, self.explained - 1e-12)) + 1
        self.components_ = right[:count]
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Coordinates, shape (n, dimension)."""
        rows: NDArray[np.float64] = (np.asarray(X, dtype=np.float64) - self.mean_) @ self.components_.T
        return rows


@dataclass(eq=False)
class IsomapReduction(Transformer):
    """Isomap: distances along the cloud of spectra instead of through it.

    Parameters
    ----------
    dimensions
        Number of dimensions; as many as PCA needs for `explained` when None.
    explained
        Share of the variance that counts them.
    neighbours
        Neighbours of a point of the graph.
    landmarks
        At most so many rows, evenly taken, span the graph: its cost grows with their cube.
    """

    dimensions: int | None = None
    explained: float = 0.9
    neighbours: int = 10
    landmarks: int = 1000
    isomap_: Any = field(init=False, repr=False, default=None)

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Span the graph over X, shape (n, feature)."""
        from sklearn.manifold import Isomap

        rows = np.asarray(X, dtype=np.float64)
        kept = rows[np.unique(np.linspace(0, len(rows) - 1, min(self.landmarks, len(rows))).astype(int))]
        count = self.dimensions or LinearReduction(explained=self.explained).fit(kept).components_.shape[0]
        with warnings.catch_warnings():
            # Spectra without an element are islands; scikit-learn builds bridges to them and says so many times.
            warnings.simplefilter("ignore")
            self.isomap_ = Isomap(n_components=count, n_neighbors=min(self.neighbours, len(kept) - 1)).fit(kept)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Coordinates, shape (n, dimension)."""
        rows: NDArray[np.float64] = self.isomap_.transform(np.asarray(X, dtype=np.float64))
        return rows


@dataclass(eq=False)
class AutoencoderReduction(Transformer):
    """The narrow layer of a small neural network that learns to give back its input.

    Parameters
    ----------
    dimensions
        Width of the narrow layer; as many as PCA needs for `explained` when None.
    explained
        Share of the variance that counts them.
    hidden
        Width of the layer on each side of it.
    epochs
        Passes over the rows.
    seed
        Seed of the weights and of the order.
    """

    dimensions: int | None = None
    explained: float = 0.9
    hidden: int = 128
    epochs: int = 40
    seed: int = 0
    encoder_: Any = field(init=False, repr=False, default=None)
    mean_: NDArray[np.float64] = field(init=False, repr=False)
    scale_: float = field(init=False, repr=False, default=1.0)

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn to give back X, shape (n, feature)."""
        import torch

        rows = np.asarray(X, dtype=np.float64)
        count = self.dimensions or LinearReduction(explained=self.explained).fit(rows).components_.shape[0]
        # One scale for all columns: a column that hardly varies must not count as much as one that does.
        self.mean_, self.scale_ = rows.mean(axis=0), float(max(rows.std(axis=0).max(), 1e-12))
        data = torch.tensor((rows - self.mean_) / self.scale_, dtype=torch.float32)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            width = data.shape[1]
            encoder = torch.nn.Sequential(
                torch.nn.Linear(width, self.hidden), torch.nn.SiLU(), torch.nn.Linear(self.hidden, count)
            )
            decoder = torch.nn.Sequential(
                torch.nn.Linear(count, self.hidden), torch.nn.SiLU(), torch.nn.Linear(self.hidden, width)
            )
            optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=2e-3)
            for _ in range(self.epochs):
                for batch in torch.randperm(len(data)).split(128):
                    optimizer.zero_grad()
                    loss = ((decoder(encoder(data[batch])) - data[batch]) ** 2).mean()
                    loss.backward()
                    optimizer.step()
        self.encoder_ = encoder
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Coordinates, shape (n, dimension)."""
        import torch

        rows = (np.asarray(X, dtype=np.float64) - self.mean_) / self.scale_
        with torch.no_grad():
            coordinates: NDArray[np.float64] = self.encoder_(torch.tensor(rows, dtype=torch.float32)).double().numpy()
        return coordinates
