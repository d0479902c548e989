"""Probes: with which weights the atoms around a place contribute to a spectrum.

A fast electron excites an inner shell from some distance away (delocalisation), and the probe has a width. Both are
described by one weight: a region of constant sensitivity, a sphere of radius R, blurred by a Gaussian of standard
deviation s = FWHM / 2.355. An atom at distance d then counts

    w(d) = 1/2 [erf((R - d) / s sqrt 2) + erf((R + d) / s sqrt 2)]
           - s / (d sqrt(2 pi)) [exp(-(R - d)^2 / 2 s^2) - exp(-(R + d)^2 / 2 s^2)],

the chance that a Gaussian displacement of it ends in the sphere. Narrow probes leave the sphere (a top-hat), wide ones
the average of the structure. With a beam direction the sphere becomes a disc across the beam and the distance is
measured across it; along the beam the weight is a Gaussian of the depth given: a column average.

Cells are periodic, so all images of an atom are added up: directly where the weight ends within a nanometre, as a
Fourier series over reciprocal vectors where it is wide. Delocalisation is that of the region only; channelling is not
described.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from eelsmap.errors import LibraryError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DEFAULT_RADIUS_NM", "Probe"]

DEFAULT_RADIUS_NM = 0.24
"""Between the longest bonds of the cells (Mn3+ along its axis, 2.3 angstrom) and the shortest O-O distance."""

NARROWEST_NM, SHALLOWEST_NM = 0.05, 1.0
_FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
_REACH = 6.0
"""Standard deviations after which a Gaussian ends."""
_DIRECT_BELOW = 0.8
"""Standard deviation, angstrom, below which images are added up directly."""


@dataclass(frozen=True)
class Probe:
    """Weights of atoms around an oxygen atom.

    ``Probe()`` is the fixed environment of Jia et al. (ACS Nano 2026, 10.1021/acsnano.5c16942): the metals bound to the
    oxygen, up to three lithium atoms bound to it, and for O K the oxygen with its two nearest ones, each counted once.
    Any other value weights atoms as the module describes; the counts are then scaled to three sites of the metal
    layers.

    Parameters
    ----------
    fwhm_nm
        Full width at half maximum of the Gaussian, nm: 0 for none, otherwise 0.05 or more; with `beam` not 0.
    radius_nm
        Radius of the region of constant sensitivity, nm; None for the fixed environment, or 0.24 nm where `fwhm_nm` is
        given (the atoms bound to the oxygen).
    beam
        Direction of the beam in the Cartesian frame of the cells, whose z axis is the c axis of the layered cells; None
        for a sphere.
    depth_nm
        Full width at half maximum of the depth that is averaged over along the beam, nm.

    Raises
    ------
    LibraryError
        A width, radius or direction that no probe has.
    """

    fwhm_nm: float = 0.0
    radius_nm: float | None = None
    beam: tuple[float, float, float] | None = None
    depth_nm: float = 3.0

    def __post_init__(self) -> None:
        """Check the values."""
        if not np.isfinite(self.fwhm_nm) or (self.fwhm_nm != 0 and self.fwhm_nm < NARROWEST_NM):
            raise LibraryError(f"probe: fwhm_nm {self.fwhm_nm}; give 0 or at least {NARROWEST_NM} nm")
        if self.beam is not None and self.fwhm_nm == 0:
            raise LibraryError(f"probe: a column average needs a width; give fwhm_nm of at least {NARROWEST_NM} nm")
        if self.radius_nm is not None and not 0.1 <= self.radius_nm <= 5:
            raise LibraryError(f"probe: radius_nm {self.radius_nm}; give 0.1 to 5 nm, or leave it out")
        if self.beam is not None and (len(self.beam) != 3 or not 0 < np.linalg.norm(self.beam) < np.inf):
            raise LibraryError(f"probe: beam {self.beam}; give three numbers that are not all zero")
        if not SHALLOWEST_NM <= self.depth_nm < np.inf:
            raise LibraryError(f"probe: depth_nm {self.depth_nm}; give at least {SHALLOWEST_NM} nm")

    @property
    def fixed(self) -> bool:
        """Whether this is the fixed environment of bound atoms."""
        return self.fwhm_nm == 0 and self.radius_nm is None

    def as_dict(self) -> dict[str, float | list[float] | str | None]:
        """Plain values for a header."""
        if self.fixed:
            return {"atoms": "bound to one oxygen; O K of it and its two nearest ones"}
        return {
            "fwhm_nm": self.fwhm_nm,
            "radius_nm": self.radius_nm or DEFAULT_RADIUS_NM,
            "beam": None if self.beam is None else list(self.beam),
            "depth_nm": None if self.beam is None else self.depth_nm,
        }

    def weights(self, lattice: NDArray, fractional: NDArray, centres: NDArray) -> NDArray[np.float64]:
        """Weights of all atoms of a periodic cell, all images added up.

        Parameters
        ----------
        lattice
            (3, 3) rows are lattice vectors, angstrom.
        fractional
            (n, 3) fractional coordinates.
        centres
            (m,) indices of the atoms that the probe stands on.

        Returns
        -------
        numpy.ndarray
            (m, n) number of images of each atom that count, each by its weight.

        Raises
        ------
        LibraryError
            This is the fixed environment, which is no function of distance.
        """
        if self.fixed:
            raise LibraryError("the fixed environment has no weights by distance; give the probe a width or a radius")
        lattice, fractional = np.asarray(lattice, dtype=float), np.asarray(fractional, dtype=float)
        sigma = 10 * self.fwhm_nm / _FWHM_PER_SIGMA
        narrow = self.beam is None and sigma < _DIRECT_BELOW
        return (self._direct if narrow else self._series)(lattice, fractional, np.asarray(centres), sigma)

    @property
    def _radius(self) -> float:
        """Radius of the region, angstrom."""
        return 10 * (self.radius_nm or DEFAULT_RADIUS_NM)

    @property
    def _depth_sigma(self) -> float:
        """Standard deviation of the depth, angstrom."""
        return 10 * self.depth_nm / _FWHM_PER_SIGMA

    @property
    def _along(self) -> NDArray[np.float64] | None:
        """Unit vector of the beam."""
        return None if self.beam is None else np.asarray(self.beam, dtype=float) / np.linalg.norm(self.beam)

    def _direct(self, lattice: NDArray, fractional: NDArray, centres: NDArray, sigma: float) -> NDArray:
        """Sum over images within reach, for a sphere."""
        reach = self._radius + _REACH * sigma
        heights = 1 / np.linalg.norm(np.linalg.inv(lattice), axis=0)
        images = np.array(list(product(*(range(-n, n + 1) for n in np.ceil(reach / heights + 0.5).astype(int)))))
        step = fractional[None] - fractional[centres][:, None]
        step -= np.round(step)
        total = np.zeros(step.shape[:2])
        for row, own in enumerate(step):  # one centre at a time keeps the memory of wide probes small
            distance = np.linalg.norm((own[:, None] + images) @ lattice, axis=-1)
            total[row] = _blurred_sphere(distance, self._radius, sigma).sum(axis=-1)
        return total

    def _series(self, lattice: NDArray, fractional: NDArray, centres: NDArray, sigma: float) -> NDArray:
        """Fourier series of the same sum (Poisson summation)."""
        along = self._along
        deep = 0.0 if along is None else _REACH / self._depth_sigma
        largest = np.hypot(_REACH / sigma, deep)
        counts = np.floor(largest * np.linalg.norm(lattice, axis=1) / (2 * np.pi)).astype(int)
        indices = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in counts), indexing="ij"), axis=-1).reshape(-1, 3)
        vectors = indices @ (2 * np.pi * np.linalg.inv(lattice).T)
        if along is None:
            length = np.linalg.norm(vectors, axis=1)
            kept = length <= largest
            factor = _sphere_transform(length[kept], self._radius)
            squared = length[kept] ** 2
        else:
            depth = vectors @ along
            length = np.sqrt(np.clip((vectors**2).sum(axis=1) - depth**2, 0, None))
            kept = (np.abs(depth) <= deep) & (length <= _REACH / sigma)
            factor = _disc_transform(length[kept], self._radius)
            factor *= np.sqrt(2 * np.pi) * self._depth_sigma * np.exp(-0.5 * (self._depth_sigma * depth[kept]) ** 2)
            squared = length[kept] ** 2
        factor *= np.exp(-0.5 * sigma**2 * squared) / abs(np.linalg.det(lattice))
        phase = 2 * np.pi * indices[kept] @ fractional.T
        cosine, sine = np.cos(phase), np.sin(phase)
        total = (factor[:, None] * cosine[:, centres]).T @ cosine + (factor[:, None] * sine[:, centres]).T @ sine
        return np.where(total > 1e-9 * total.max(), total, 0.0)


def _blurred_sphere(distance: NDArray, radius: float, sigma: float) -> NDArray:
    """Weight of an atom by distance (module docstring), angstrom."""
    if sigma == 0:
        return (distance <= radius).astype(float)
    from scipy.special import erf

    d = np.maximum(distance, 1e-6)
    root = sigma * np.sqrt(2.0)
    inside, outside = (radius - d) / root, (radius + d) / root
    tails = (np.exp(-(inside**2)) - np.exp(-(outside**2))) * sigma / (d * np.sqrt(2 * np.pi))
    return np.clip(0.5 * (erf(inside) + erf(outside)) - tails, 0.0, 1.0)


def _sphere_transform(length: NDArray, radius: float) -> NDArray:
    """Fourier transform of a sphere of height 1."""
    x = np.maximum(length * radius, 1e-2)
    shape = 3 * (np.sin(x) - x * np.cos(x)) / x**3
    return 4 / 3 * np.pi * radius**3 * np.where(length * radius < 1e-2, 1.0, shape)


def _disc_transform(length: NDArray, radius: float) -> NDArray:
    """Fourier transform of a disc of height 1."""
    from scipy.special import j1

    x = np.maximum(length * radius, 1e-3)
    return np.pi * radius**2 * np.where(length * radius < 1e-3, 1.0, 2 * j1(x) / x)
