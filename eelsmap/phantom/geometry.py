"""Outline and inner regions of the synthetic particle: plain maps, before any spectrum is chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import RecipeError

__all__ = ["Geometry", "particle_geometry"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Geometry:
    """Maps of shape (rows, columns) that say where what is.

    Parameters
    ----------
    thickness
        Relative to the thickest place, 0-1; 0 in vacuum and in the hole.
    hole
        True in the hole.
    grain
        0 or 1: which of the two grains.
    lithium
        Wanted lithium content, 0-1.
    surface
        Share of the surface layer, 0-1.
    vacancy
        Share of vacancy-rich material, 0-1.
    """

    thickness: FloatArray
    hole: NDArray[np.bool_]
    grain: NDArray[np.int8]
    lithium: FloatArray
    surface: FloatArray
    vacancy: FloatArray


def particle_geometry(
    shape: tuple[int, int],
    *,
    scale_nm: float = 1.0,
    lithium: tuple[float, float] = (0.05, 0.95),
    surface_nm: float = 3.0,
    vacancy_spots: int = 4,
    hole: bool = True,
    seed: int = 0,
) -> Geometry:
    """Draw a roundish particle that fills most of the image.

    The particle is thickest in the middle. Lithium rises from rim to core, as in a charged particle that has begun
    to take up lithium; a layer of ``surface_nm`` follows the rim; vacancy-rich spots of about a tenth of the radius
    lie around the core; a slightly curved boundary divides two grains.

    Parameters
    ----------
    shape
        (rows, columns).
    scale_nm
        Size of a pixel, nm.
    lithium
        Lithium content at the rim and in the core.
    surface_nm
        Thickness of the surface layer seen edge-on, nm; 0 leaves it out.
    vacancy_spots
        Number of vacancy-rich spots.
    hole
        Whether there is a hole.
    seed
        Seed of the outline and the places of spots and hole.

    Returns
    -------
    Geometry
        Maps of that shape.

    Raises
    ------
    RecipeError
        A size is not positive or a lithium content lies outside 0-1.
    """
    rows, columns = shape
    if rows < 1 or columns < 1 or not scale_nm > 0 or surface_nm < 0 or vacancy_spots < 0:
        raise RecipeError(f"specimen: shape {shape}, scale {scale_nm} nm, surface {surface_nm} nm cannot be drawn")
    if not all(0 <= value <= 1 for value in lithium):
        raise RecipeError(f"specimen: lithium = {lithium} cannot be used; both contents must lie in [0, 1]")
    rng = np.random.default_rng([seed, 2])
    y, x = np.mgrid[:rows, :columns].astype(np.float64)
    # Half axes of 45 % of the image leave a margin of vacuum; a single pixel or line lies inside altogether.
    v = (y - 0.5 * (rows - 1)) / max(0.45 * rows, 0.5)
    u = (x - 0.5 * (columns - 1)) / max(0.45 * columns, 0.5)
    angle = np.arctan2(v, u)
    outline = np.full(shape, 0.93)
    for order in (2, 3, 4, 5):
        outline += 0.04 / order * 2 * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
    rho = np.hypot(u, v) / outline
    inside = rho < 1.0

    # Somewhat flat in the middle, thin at the rim; faceting by a gentle ramp.
    thickness = np.where(inside, np.clip(1.0 - rho**2, 0.0, 1.0) ** 0.4, 0.0)
    thickness *= 1.0 - 0.15 * (u * np.cos(0.7) + v * np.sin(0.7) + 1.0) / 2.0

    direction = rng.uniform(0, 2 * np.pi)
    along, across = (u * np.cos(direction) + v * np.sin(direction), -u * np.sin(direction) + v * np.cos(direction))
    grain = (across > 0.12 * np.sin(3.0 * along) + 0.05).astype(np.int8)

    void = np.zeros(shape, dtype=bool)
    if hole:
        where = direction + rng.uniform(0.7, 1.2)
        void = np.hypot(u - 0.55 * np.cos(where), v - 0.55 * np.sin(where)) < 0.16
        thickness[void] = 0.0

    core = np.clip(1.0 - rho, 0.0, 1.0)
    content = lithium[0] + (lithium[1] - lithium[0]) * _smooth(core / 0.75)

    radius_nm = 0.45 * min(rows, columns) * scale_nm
    surface = np.zeros(shape)
    if surface_nm:
        surface = 0.9 * _smooth((surface_nm + 0.75 - (1.0 - rho) * radius_nm) / 1.5)

    vacancy = np.zeros(shape)
    for _ in range(vacancy_spots):
        where, distance, size = rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 0.65), rng.uniform(0.08, 0.14)
        away = np.hypot(u - distance * np.cos(where), v - distance * np.sin(where))
        vacancy = np.maximum(vacancy, 0.95 * np.exp(-0.5 * (away / size) ** 4))
    thickest = thickness.max()
    if thickest > 0:
        thickness = thickness / thickest
    return Geometry(thickness, void & inside, grain, content, surface, vacancy)


def _smooth(fraction: FloatArray) -> FloatArray:
    """Rise smoothly from 0 to 1 as the fraction does."""
    limited = np.clip(fraction, 0.0, 1.0)
    return limited**2 * (3.0 - 2.0 * limited)
