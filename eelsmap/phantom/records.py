"""Which library records, in which shares, stand for a wanted composition and lithium content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from eelsmap.errors import LibraryError

__all__ = ["METALS", "blend_records", "composition"]

METALS = ("Ni", "Mn", "Co")

_LEVELS = 61
"""Lithium contents at which shares are found; between them they are interpolated, which keeps the lithium exact."""

# How much a deviation costs: the shares must sum to one, then the lithium counts, then the metals. A record far from
# what is wanted costs a little by itself, so that near ones are taken where there is a choice.
_SUM, _LITHIUM, _METALS, _STRAY = 1e3, 1e2, 3.0, 0.1


def composition(atoms: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """Shares of Ni, Mn and Co among the metals, shape (n, 3)."""
    counts = np.stack([np.asarray(atoms[metal], dtype=np.float64) for metal in METALS], axis=-1)
    return counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1e-12)


def blend_records(
    content: NDArray[np.float64],
    shares: NDArray[np.float64],
    wanted_content: NDArray[np.float64],
    wanted_shares: tuple[float, float, float],
) -> NDArray[np.float64]:
    """Find shares of records whose mean has the lithium content and, as far as possible, the metals wanted.

    Non-negative least squares at evenly spaced lithium contents, interpolated to the pixels: neighbouring pixels then
    hold similar records, and a gradient of lithium is no staircase of compositions.

    Parameters
    ----------
    content
        Shape (m,): lithium content of the records that may be used.
    shares
        Shape (m, 3): their shares of Ni, Mn and Co.
    wanted_content
        Shape (n,): lithium content wanted in each pixel; cut to the range that the records have.
    wanted_shares
        Shares of Ni, Mn and Co wanted.

    Returns
    -------
    numpy.ndarray
        Shape (n, m), not negative, rows summing to 1.

    Raises
    ------
    LibraryError
        There are no records.
    """
    if not len(content):
        raise LibraryError("no library record to choose from")
    metals = np.asarray(wanted_shares, dtype=np.float64)
    wanted = np.clip(wanted_content, content.min(), content.max())
    levels = np.linspace(content.min(), content.max(), _LEVELS)
    away = np.abs(shares - metals).sum(axis=1)
    table = np.empty((_LEVELS, len(content)))
    for row, level in enumerate(levels):
        stray = _STRAY * (0.1 + away + np.abs(content - level))
        matrix = np.vstack([np.full(len(content), _SUM), _LITHIUM * content, _METALS * shares.T, np.diag(stray)])
        target = np.concatenate([[_SUM, _LITHIUM * level], _METALS * metals, np.zeros(len(content))])
        table[row] = nnls(matrix, target)[0]
    # Shares below a thousandth would only slow the mixing down.
    table[table < 1e-3] = 0.0
    table /= table.sum(axis=1, keepdims=True)
    spacing = levels[1] - levels[0]
    position = (wanted - levels[0]) / spacing if spacing > 0 else np.zeros(len(wanted))
    lower = np.clip(position.astype(np.intp), 0, _LEVELS - 2)
    above = np.clip(position - lower, 0.0, 1.0)[:, None]
    return (1.0 - above) * table[lower] + above * table[lower + 1]
