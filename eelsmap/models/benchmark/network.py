"""A one-dimensional convolutional network on raw edge windows (needs torch)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eelsmap.models.benchmark.spectra import CHANNELS

__all__ = ["ConvolutionalNetwork"]


class ConvolutionalNetwork:
    """Three convolutions and two dense layers; the edges are the channels of the image.

    Parameters
    ----------
    fewest_steps
        Batches that few rows are learned from; many rows are passed eight times.
    seed
        Seed of weights, order and dropout.
    """

    def __init__(self, *, fewest_steps: int = 600, seed: int = 0):
        self.fewest_steps, self.seed = fewest_steps, seed

    def fit(self, rows: NDArray[np.float32], labels: NDArray[np.float64], presence: bool) -> None:
        """Learn labels (n, label) of rows (n, edge * channel); labels that are NaN do not count."""
        import torch

        from eelsmap.models.benchmark.estimators import balanced_weights

        known = np.isfinite(labels)
        self.centre, self.width = np.nanmean(labels, axis=0), np.nanstd(labels, axis=0) + 1e-9
        target = torch.tensor(np.nan_to_num((labels - self.centre) / self.width), dtype=torch.float32)
        weights = np.stack([balanced_weights(np.nan_to_num(label), presence) for label in labels.T], axis=1)
        weight = torch.tensor(known * weights, dtype=torch.float32)
        curves = self._curves(rows)
        self.scale = float(curves.std())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.network = _layers(curves.shape[1], labels.shape[1])
            steps = max(_EPOCHS * len(curves) // _BATCH, self.fewest_steps)
            optimizer = torch.optim.AdamW(self.network.parameters(), lr=2e-3, weight_decay=1e-3)
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
            order = torch.empty(0, dtype=torch.long)
            for _ in range(steps):
                if len(order) < min(_BATCH, len(curves)):
                    order = torch.randperm(len(curves))
                batch, order = order[:_BATCH], order[_BATCH:]
                optimizer.zero_grad()
                error = (self.network(curves[batch] / self.scale) - target[batch]) ** 2
                (error * weight[batch]).mean().backward()
                optimizer.step()
                schedule.step()

    def predict(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Labels (n, label)."""
        import torch

        self.network.eval()
        with torch.no_grad():
            values = self.network(self._curves(rows) / self.scale).double().numpy()
        answer: NDArray[np.float64] = values * self.width + self.centre
        return answer

    @staticmethod
    def _curves(rows: NDArray[np.float32]):  # type: ignore[no-untyped-def]
        """Rows as a tensor (n, edge, channel)."""
        import torch

        return torch.tensor(np.asarray(rows, dtype=np.float32).reshape(len(rows), -1, CHANNELS))


_BATCH = 64
_EPOCHS = 8


def _layers(edges: int, outputs: int):  # type: ignore[no-untyped-def]
    """Build the network."""
    from torch import nn

    return nn.Sequential(
        nn.Conv1d(edges, 24, 9, padding=4), nn.BatchNorm1d(24), nn.SiLU(), nn.MaxPool1d(2),
        nn.Conv1d(24, 32, 7, padding=3), nn.BatchNorm1d(32), nn.SiLU(), nn.MaxPool1d(2),
        nn.Conv1d(32, 32, 5, padding=2), nn.BatchNorm1d(32), nn.SiLU(), nn.MaxPool1d(2),
        nn.Flatten(), nn.Dropout(0.2), nn.Linear(32 * (CHANNELS // 8), 64), nn.SiLU(), nn.Linear(64, outputs),
    )  # fmt: skip
