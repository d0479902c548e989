"""A sum of 20 Gaussians fitted to each edge: centre, amplitude and width of each are the features.

As in Chen et al. (2024, 10.1021/acs.chemmater.3c02584) and Jia et al. (2026, 10.1021/acsnano.5c16942) every centre is
confined to a region of its own and every full width to 0-5 eV. All spectra are fitted side by side by damped
Gauss-Newton steps (Levenberg-Marquardt), a fixed number of them: the features are a fixed function of the spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eelsmap.features.transformer import EdgeTransformer

__all__ = ["GaussianFeatures", "gaussian_sum"]

_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
_BLOCK = 256  # spectra at a time: their Jacobians fit the cache of a small machine
_FAINTEST = 1e-3


def gaussian_sum(
    energy: NDArray[np.float64],
    centre: NDArray[np.float64],
    amplitude: NDArray[np.float64],
    fwhm: NDArray[np.float64],
    /,
) -> NDArray[np.float64]:
    """Sum of Gaussians.

    Parameters
    ----------
    energy
        Shape (channel,), eV.
    centre, amplitude, fwhm
        Shape (n, peak): eV, units of the intensity, eV.

    Returns
    -------
    numpy.ndarray
        Shape (n, channel).
    """
    return np.einsum("np,npc->nc", amplitude, _shapes(energy, centre, fwhm))


@dataclass(eq=False)
class GaussianFeatures(EdgeTransformer):
    """Centre (eV from the start of the window), amplitude and full width (eV) of each Gaussian of each edge.

    Parameters
    ----------
    peaks
        Gaussians an edge.
    largest_fwhm
        Upper limit of the full widths, eV.
    steps
        Damped Gauss-Newton steps.
    """

    peaks: int = 20
    largest_fwhm: float = 5.0
    steps: int = 6

    def _features(self, windows: NDArray[np.float64]) -> NDArray[np.float64]:
        n, edges, channels = windows.shape
        curves = windows.reshape(-1, channels)
        parts = [self._fit(curves[first : first + _BLOCK]) for first in range(0, curves.shape[0], _BLOCK)]
        return np.concatenate(parts).reshape(n, edges, -1) if parts else np.empty((0, edges, 3 * self.peaks))

    def _fit(self, curves: NDArray[np.float64]) -> NDArray[np.float64]:
        """Fit a block of curves; shape (n, 3 * peaks): centres, amplitudes, full widths."""
        n, channels = curves.shape
        energy = np.asarray(self.dispersion * np.arange(channels), dtype=np.float64)
        region = self.dispersion * channels / self.peaks
        middle = np.asarray(region * (np.arange(self.peaks) + 0.5), dtype=np.float64)
        # Bounds by substitution: centre = middle + region/2 tanh(u), width = largest * logistic(v).
        first_width = min(1.2 * region, 0.9 * self.largest_fwhm)
        u = np.zeros((n, self.peaks))
        v = np.full((n, self.peaks), np.log(first_width / (self.largest_fwhm - first_width)))
        basis = _shapes(energy, middle[None], np.full((1, self.peaks), first_width))[0]
        ridge = 1e-3 * np.trace(basis @ basis.T) / self.peaks * np.eye(self.peaks)
        amplitude = np.linalg.solve(basis @ basis.T + ridge, basis @ curves.T).T
        scale = np.maximum(np.abs(curves).mean(axis=1), 1e-12)
        amplitude, target = amplitude / scale[:, None], curves / scale[:, None]
        damping = np.full(n, 1e-2)
        values = np.concatenate([u, amplitude, v], axis=1)
        model, jacobian = self._model(values, energy, middle, region)
        error = ((target - model) ** 2).sum(axis=1)
        for _ in range(self.steps):
            normal = jacobian @ jacobian.transpose(0, 2, 1)
            gradient = (jacobian @ (target - model)[..., None])[..., 0]
            diagonal = np.einsum("npp->np", normal)
            damped = normal + (damping[:, None] * (diagonal + _FAINTEST))[:, :, None] * np.eye(values.shape[1])
            trial = values + np.clip(np.linalg.solve(damped, gradient[..., None])[..., 0], -2.0, 2.0)
            trial_model, trial_jacobian = self._model(trial, energy, middle, region)
            trial_error = ((target - trial_model) ** 2).sum(axis=1)
            better = trial_error < error
            damping = np.where(better, damping / 4.0, damping * 6.0)
            values, model = np.where(better[:, None], trial, values), np.where(better[:, None], trial_model, model)
            jacobian = np.where(better[:, None, None], trial_jacobian, jacobian)
            error = np.where(better, trial_error, error)
        centre, fwhm = self._bounded(values, middle, region)
        amplitude = values[:, self.peaks : 2 * self.peaks] * scale[:, None]
        return np.concatenate([centre, amplitude, fwhm], axis=1)

    def _bounded(
        self, values: NDArray[np.float64], middle: NDArray[np.float64], region: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Centres and full widths, eV, of the free parameters."""
        u, v = values[:, : self.peaks], values[:, 2 * self.peaks :]
        return middle + 0.5 * region * np.tanh(u), self.largest_fwhm / (1.0 + np.exp(-np.clip(v, -8.0, 8.0)))

    def _model(
        self, values: NDArray[np.float64], energy: NDArray[np.float64], middle: NDArray[np.float64], region: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Model (n, channel) and its derivatives by the free parameters (n, 3 * peaks, channel)."""
        centre, fwhm = self._bounded(values, middle, region)
        amplitude = values[:, self.peaks : 2 * self.peaks]
        shapes = _shapes(energy, centre, fwhm)
        sigma = (fwhm / _PER_SIGMA)[..., None]
        distance = (energy - centre[..., None]) / sigma
        scaled = amplitude[..., None] * shapes
        slope = 0.5 * region * (1.0 - np.tanh(values[:, : self.peaks]) ** 2)
        relative = (1.0 - fwhm / self.largest_fwhm)[..., None]
        by_centre = scaled * distance / sigma * slope[..., None]
        by_width = scaled * distance**2 * relative
        return scaled.sum(axis=1), np.concatenate([by_centre, shapes, by_width], axis=1)


def _shapes(energy: NDArray[np.float64], centre: NDArray[np.float64], fwhm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaussians of height 1, shape (n, peak, channel)."""
    return np.exp(-0.5 * ((energy - centre[..., None]) * (_PER_SIGMA / fwhm)[..., None]) ** 2)
