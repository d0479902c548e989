"""Choice of training atoms, or of whole cells, by reduction of uncertainty; learning curves against random choice.

At every step the candidate is taken whose addition lowers the summed predictive variance of ridge regression over all
candidates most (Hirai et al., Phys. Rev. Materials 6, 115601 (2022)). With the posterior covariance K of the
candidates, in units of the noise, adding atom j lowers the sum by ``|K_j|^2 / (1 + K_jj)``, and adding the atoms S of a
cell, which one calculation yields together, by ``trace((1 + K_SS)^-1 K_S K_S')``. No spectrum is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap.library.ridge_regression import Regression, components_of
from eelsmap.library.surrogate import from_components
from eelsmap.library.surrogate_errors import Errors, Scale, cell_means

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from eelsmap.library.cells import Cell
    from eelsmap.library.surrogate import Surrogate


def choose_atoms(covariance: NDArray, count: int) -> list[int]:
    """Order in which atoms should be calculated.

    Parameters
    ----------
    covariance
        (n, n) covariance of the predictions of all candidates in units of the noise: their Gram matrix divided by the
        ridge, or what remains of it after earlier training.
    count
        How many to choose.

    Returns
    -------
    list of int
        Indices, best first.
    """
    rest, chosen = np.array(covariance, dtype=float), []
    free = np.ones(len(rest), dtype=bool)
    for _ in range(min(count, len(rest))):
        gain = np.where(free, np.einsum("ij,ij->j", rest, rest) / (1 + rest.diagonal()), -np.inf)
        best = int(gain.argmax())
        free[best] = False
        chosen.append(best)
        column = rest[:, best].copy()
        rest -= np.outer(column, column / (1 + column[best]))
    return chosen


def choose_groups(covariance: NDArray, groups: NDArray, count: int) -> list[int]:
    """Order in which whole cells should be calculated.

    Parameters
    ----------
    covariance
        As in `choose_atoms`.
    groups
        (n,) number of the cell of each candidate.
    count
        How many cells to choose.

    Returns
    -------
    list of int
        Cell numbers, best first.
    """
    rest = np.array(covariance, dtype=float)
    members = {int(number): np.nonzero(groups == number)[0] for number in np.unique(groups)}
    chosen: list[int] = []
    while members and len(chosen) < count:
        gains = {number: float(np.sum(rest[atoms] * _told(rest, atoms))) for number, atoms in members.items()}
        best = max(gains, key=lambda number: gains[number])
        atoms = members.pop(best)
        rest = rest - rest[atoms].T @ _told(rest, atoms)
        chosen.append(best)
    return chosen


def _told(covariance: NDArray, atoms: NDArray) -> NDArray:
    """(1 + K_SS)^-1 K_S: what knowing the atoms S tells of all others, (atoms, n)."""
    rows = covariance[atoms]
    return np.linalg.solve(np.eye(len(atoms)) + rows[:, atoms], rows)


def next_cells(surrogate: Surrogate, cells: Sequence[Cell], count: int) -> list[Cell]:
    """Choose, among relaxed cells without a spectrum, those whose calculation would teach the surrogate most.

    Parameters
    ----------
    surrogate
        The present one.
    cells
        Candidates; they are also what uncertainty is summed over. Memory grows with the square of their oxygen atoms
        (2000 atoms: 0.1 GB).
    count
        How many to choose.

    Returns
    -------
    list of Cell
        Best first.
    """
    rows = [surrogate.describe(cell) for cell in cells]
    described = np.concatenate(rows)
    latent = described @ surrogate.arrays["axes"]
    ridge, values = float(surrogate.header["ridge"]), surrogate.arrays["eigenvalues"]
    covariance = (described @ described.T - (latent * (values / (values + ridge))) @ latent.T) / ridge
    groups = np.repeat(np.arange(len(cells)), [len(row) for row in rows])
    return [cells[number] for number in choose_groups(covariance, groups, count)]


def learning_curves(
    gram: NDArray,
    candidates: NDArray,
    tested: NDArray,
    index: NDArray,
    spectra: NDArray,
    scale: Scale,
    *,
    ridge: float,
    method: str,
    count: int,
    seeds: int = 5,
) -> dict[str, Any]:
    """Error on the test side against the number of training atoms, chosen at random and actively.

    Parameters
    ----------
    gram
        (N, N) scalar products of the scaled descriptors of all atoms.
    candidates, tested
        Indices of the atoms of the training and of the test side.
    index
        (N,) number of the cell of each atom.
    spectra
        (N, p) calculated spectra.
    scale
        What pre-edge shares are measured by.
    ridge, method, count
        Of the surrogate; at most a third as many components as training atoms are used.
    seeds
        Random orders.

    Returns
    -------
    dict
        ``sizes`` (numbers of atoms) and, by way of choosing (``random atoms``, ``active atoms``, ``random cells``,
        ``active cells``), lists (orders, sizes) of the relative error of an atom and of the pre-edge share of a cell.
    """
    inner = gram[np.ix_(candidates, candidates)]
    inner = inner - inner.mean(axis=0) - inner.mean(axis=1)[:, None] + inner.mean()
    own = index[candidates]
    total = len(candidates)
    sizes = [size for size in (25, 50, 100, 200, 400, 800, 1600, 3200) if size < 0.9 * total] + [total]

    def atoms_of_cells(order: Sequence[int]) -> list[int]:
        return [int(atom) for number in order for atom in np.nonzero(own == number)[0]]

    random = [np.random.default_rng([115601, seed]) for seed in range(seeds)]
    cells = np.unique(own)
    ways = {
        "random atoms": [generator.permutation(total).tolist() for generator in random],
        "active atoms": [choose_atoms(inner / ridge, total)],
        "random cells": [atoms_of_cells(generator.permutation(cells).tolist()) for generator in random],
        "active cells": [atoms_of_cells(choose_groups(inner / ridge, own, len(cells)))],
    }

    def errors(chosen: NDArray) -> tuple[float, float]:
        targets, components, base = components_of(spectra[chosen], method, min(count, max(len(chosen) // 3, 1)))
        coefficients = Regression(gram, chosen, ridge).predict(targets, tested)
        arrays = {"components": components, "base": base, "floor": spectra[chosen].min(axis=0) / 2}
        predicted = from_components(coefficients, arrays, method)
        atoms = Errors.of(predicted, spectra[tested], scale)
        means = Errors.of(cell_means(predicted, index[tested]), cell_means(spectra[tested], index[tested]), scale)
        return round(atoms.relative, 5), round(means.share, 6)

    result: dict[str, Any] = {"sizes": sizes}
    for way, orders in ways.items():
        found = [[errors(candidates[order[:size]]) for size in sizes] for order in orders]
        result[way] = {"atom": [[e[0] for e in row] for row in found], "share": [[e[1] for e in row] for row in found]}
    return result
