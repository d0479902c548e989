"""How wrong predicted O K spectra are: per energy, as cumulative distributions, in pre-edge share and in lithium.

The pre-edge share is the quantity that lithium is read from; an error of it divided by the change of the share per
lithium (fitted over calculated pristine cells) is an error in lithium equivalents: what a model that knew only the
share would get wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.library.placed_pre_edge import pre_edge_end, pre_edge_share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eelsmap.library.cells import Cell

GROUPS = ("pristine", "vacancy", "antisite", "lithium-rich", "ten metals", "rock salt", "reference")
TEN = 10
#: Groups that no layered cell resembles; they are not counted in "all".
UNLIKE = ("rock salt", "reference")


def group_of(cell: Cell) -> str:
    """Group in which errors are reported: phase where it is not layered, else kind of defect.

    Cells of ten metals are a group of their own: whether the small ones predict them tells whether small ones suffice.
    """
    if cell.phase != "layered":
        return cell.phase
    return "ten metals" if cell.layer_sites >= TEN else cell.kind


@dataclass(frozen=True)
class Scale:
    """What pre-edge shares are measured by.

    Parameters
    ----------
    energy
        (p,) energies of the spectra, eV.
    end
        End of the pre-edge, eV.
    per_lithium, correlation
        Change of the share per lithium over calculated pristine layered cells, and its correlation with lithium.
    """

    energy: NDArray[np.float64]
    end: float
    per_lithium: float
    correlation: float

    @classmethod
    def of(cls, cells: list[Cell], averages: NDArray, energy: NDArray) -> Scale:
        """Measure the scale on calculated averages (n, p) of cells.

        Raises
        ------
        LibraryError
            No pristine layered cells of at least two lithium contents are among them.
        """
        end = pre_edge_end(averages.mean(axis=0), energy)
        rows = [i for i, cell in enumerate(cells) if group_of(cell) == "pristine"]
        lithium = np.array([cells[i].li_content for i in rows])
        if np.unique(lithium).size < 2:
            raise LibraryError(
                f"{lithium.size} pristine layered cells of {np.unique(lithium).size} lithium contents: the change of "
                "the pre-edge with lithium cannot be measured; calculate more of them"
            )
        share = pre_edge_share(averages[rows], energy, end)
        slope = float(np.polyfit(lithium, share, 1)[0])
        return cls(energy, end, slope, float(np.corrcoef(lithium, share)[0, 1]))

    def share(self, spectra: NDArray) -> NDArray[np.float64]:
        """Pre-edge share of spectra (n, p), (n,)."""
        return pre_edge_share(spectra, self.energy, self.end)


@dataclass(frozen=True)
class Errors:
    """Errors of predicted spectra.

    Parameters
    ----------
    per_energy
        (p,) root mean square difference divided by the mean true spectrum.
    relative
        Root mean square difference over all energies divided by the mean intensity.
    cumulative
        Mean over spectra of the largest difference of the cumulative distributions.
    share
        Root mean square difference of the pre-edge share.
    share_bias
        Mean difference of the pre-edge share.
    """

    per_energy: NDArray[np.float64]
    relative: float
    cumulative: float
    share: float
    share_bias: float

    @classmethod
    def of(cls, predicted: NDArray, true: NDArray, scale: Scale) -> Errors:
        """Compare spectra (n, p)."""
        squares = (predicted - true) ** 2
        share = scale.share(predicted) - scale.share(true)
        one, other = (np.cumsum(s, axis=1) / s.sum(axis=1, keepdims=True) for s in (predicted, true))
        return cls(
            per_energy=np.sqrt(squares.mean(axis=0)) / true.mean(axis=0),
            relative=float(np.sqrt(squares.mean()) / true.mean()),
            cumulative=float(np.abs(one - other).max(axis=1).mean()),
            share=float(np.sqrt((share**2).mean())),
            share_bias=float(share.mean()),
        )

    def row(self, scale: Scale) -> dict[str, float]:
        """Numbers for a table, rounded; the lithium equivalent is the error of the share over its change per Li."""
        return {
            "relative": round(self.relative, 4),
            "cumulative": round(self.cumulative, 4),
            "share": round(self.share, 5),
            "share_bias": round(self.share_bias, 5),
            "lithium": round(self.share / abs(scale.per_lithium), 4),
        }


def cell_means(spectra: NDArray, index: NDArray) -> NDArray[np.float64]:
    """Mean of the rows (n, p) of each cell, in the order of their numbers in `index` (n,)."""
    return np.array([spectra[index == number].mean(axis=0) for number in np.unique(index)])


def nearest_in_composition(cells: list[Cell], candidates: list[Cell]) -> NDArray[np.int64]:
    """For each cell the candidate nearest in lithium and metals per oxygen: a baseline that knows no structure."""

    def fractions(cell: Cell) -> list[float]:
        return [cell.species.count(element) / len(cell.oxygen) for element in ("Li", "Ni", "Mn", "Co")]

    known = np.array([fractions(cell) for cell in candidates])
    return np.array([int(((known - fractions(cell)) ** 2).sum(axis=1).argmin()) for cell in cells])


def table(
    cells: list[Cell], index: NDArray, predicted: NDArray, true: NDArray, scale: Scale
) -> dict[str, dict[str, Any]]:
    """Errors by group of cells and over all but references: of oxygen atoms, of cell averages, and how many of each.

    Parameters
    ----------
    cells
        Cells that the rows belong to.
    index
        (n,) number of the cell of each row.
    predicted, true
        (n, p) spectra.
    scale
        What shares are measured by.
    """
    groups = np.array([group_of(cell) for cell in cells])
    result = {}
    for name in ("all", *GROUPS):
        members = ~np.isin(groups, UNLIKE) if name == "all" else groups == name
        rows = np.isin(index, np.nonzero(members)[0])
        if not rows.any():
            continue
        atoms = Errors.of(predicted[rows], true[rows], scale)
        means = Errors.of(cell_means(predicted[rows], index[rows]), cell_means(true[rows], index[rows]), scale)
        result[name] = {
            "cells": int(np.unique(index[rows]).size),
            "atoms": int(rows.sum()),
            "atom": atoms.row(scale),
            "cell": means.row(scale),
        }
    return result
