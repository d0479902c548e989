"""Checks shared by the kernels: one number a row, and an energy axis that a detector can have."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eelsmap.errors import EnergyAxisError, RecipeError

__all__ = ["per_row", "uniform_axis"]


def per_row(
    value: ArrayLike, rows: int, name: str, *, lowest: float = -np.inf, columns: int = 0
) -> NDArray[np.float64]:
    """Spread a setting over the rows of a block.

    Parameters
    ----------
    value
        A number for all rows, or one for each: shape (rows,), or (rows, columns).
    rows, columns
        Shape wanted; with ``columns`` 0 the result has one axis.
    name
        Name of the setting, for the error.
    lowest
        Least value allowed.

    Returns
    -------
    numpy.ndarray
        Shape (rows,) or (rows, columns).

    Raises
    ------
    RecipeError
        The shape does not fit, a value is not finite, or a value is below ``lowest``.
    """
    array = np.asarray(value, dtype=np.float64)
    shape = (rows, columns) if columns else (rows,)
    if columns and array.ndim == 1 and array.shape == (rows,):
        array = array[:, None]
    try:
        spread = np.broadcast_to(array, shape)
    except ValueError as error:
        raise RecipeError(f"{name} has shape {array.shape}; {shape} or a single number is wanted") from error
    if not np.isfinite(array).all() or (array < lowest).any():
        limit = "" if lowest == -np.inf else f" and at least {lowest:g}"
        raise RecipeError(f"{name} holds values that cannot be used; they must be finite{limit}")
    return spread


def uniform_axis(energy: ArrayLike, *, name: str = "energy") -> tuple[NDArray[np.float64], float]:
    """Check that an energy axis rises in equal steps.

    Parameters
    ----------
    energy
        Shape (E,), eV.
    name
        Name of the axis, for the error.

    Returns
    -------
    energy : numpy.ndarray
        Shape (E,).
    dispersion : float
        Width of a channel, eV.

    Raises
    ------
    EnergyAxisError
        Fewer than two channels, values that are not finite, or steps that are not positive and equal.
    """
    axis = np.asarray(energy, dtype=np.float64)
    if axis.ndim != 1 or axis.size < 2:
        raise EnergyAxisError(f"{name} axis of shape {axis.shape}: one dimension and at least two channels are wanted")
    steps = np.diff(axis)
    dispersion = float(axis[-1] - axis[0]) / (axis.size - 1)
    if not np.isfinite(axis).all() or dispersion <= 0 or np.abs(steps - dispersion).max() > 1e-3 * dispersion:
        raise EnergyAxisError(f"{name} axis from {axis[0]} to {axis[-1]} eV: it must rise in equal steps")
    return axis, dispersion
