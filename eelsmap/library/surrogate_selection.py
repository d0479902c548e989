"""What the surrogate is made of: descriptors, ridge and components, compared by cross-validation over families.

Cells of one family never both train and judge. Two errors matter: the shape of an atom's spectrum, and the pre-edge
share of a cell, from which lithium is read; the score is their geometric mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap.library import split
from eelsmap.library.descriptors import NEED_MOMENTS
from eelsmap.library.ridge_regression import Regression, components_of, family_folds, scaling
from eelsmap.library.surrogate import from_components
from eelsmap.library.surrogate_errors import Errors, Scale, cell_means

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from eelsmap.library.cells import Cell

#: Sets of descriptors that are compared, the poor ones to show what each block adds.
SETS: tuple[tuple[str, ...], ...] = (
    ("moments",),
    ("acsf",),
    ("soap",),
    ("soap", "acsf"),
    ("soap", "acsf", "moments"),
    ("soap", "acsf", "moments", "cell"),
)
RIDGES = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
COMPONENTS = tuple((method, count) for method in ("NMF", "PCA") for count in (8, 16, 32))
FOLDS = 8
#: Site moments must be worth their price (CHGNet, or a calculation): they are used only if they lower the score by this
#: much.
WORTH = 0.05


@dataclass(frozen=True)
class Rows:
    """Oxygen atoms of some cells: descriptors by block, spectra (n, p), number (n,) of the cell of each row."""

    cells: list[Cell]
    blocks: dict[str, NDArray]
    spectra: NDArray
    index: NDArray

    def folds(self) -> NDArray[np.int64]:
        """Fold of each row for cross-validation over families."""
        names = [split.family(cell) for cell in self.cells]
        return family_folds([names[number] for number in self.index], FOLDS)


@dataclass(frozen=True)
class Selection:
    """What was chosen, and the tables (rows of JSON) from which."""

    blocks: tuple[str, ...]
    ridge: float
    method: str
    count: int
    held_out: NDArray[np.float64]
    descriptors_compared: list[dict[str, Any]]
    components_compared: list[dict[str, Any]]


def scaled_matrix(blocks: dict[str, NDArray], names: Sequence[str], train: NDArray) -> NDArray[np.float64]:
    """Blocks side by side, (N, F), scaled by the rows `train`."""
    scaled = scaling({name: blocks[name][train] for name in names}, names)
    return (np.concatenate([blocks[name] for name in names], axis=1) - scaled.mean) * scaled.scale


def held_out(
    gram: NDArray, rows: Rows, fold: NDArray, ridge: float, method: str | None = None, count: int = 0
) -> NDArray[np.float64]:
    """Spectra (n, p) of all rows, each predicted from the other folds.

    Parameters
    ----------
    gram
        (N, N) scalar products; the first n rows and columns are those of `rows`.
    rows, fold
        Training rows and their folds.
    ridge
        Strength.
    method, count
        Components, which are found anew in every fold; the spectra point by point by default.
    """
    predicted = np.zeros_like(rows.spectra)
    for number in range(FOLDS):
        train, judge = np.nonzero(fold != number)[0], np.nonzero(fold == number)[0]
        model, spectra = Regression(gram, train, ridge), rows.spectra[train]
        if method is None:
            predicted[judge] = model.predict(spectra, judge)
        else:
            coefficients, components, base = components_of(spectra, method, count)
            arrays = {"components": components, "base": base, "floor": spectra.min(axis=0) / 2}
            predicted[judge] = from_components(model.predict(coefficients, judge), arrays, method)
    return predicted


def select(rows: Rows, scale: Scale, report: Callable[[str], object]) -> Selection:
    """Choose descriptors and ridge, then components.

    Parameters
    ----------
    rows
        Training atoms.
    scale
        What pre-edge shares are measured by.
    report
        Told of every comparison.
    """
    fold, everyone = rows.folds(), np.arange(len(rows.index))
    true_means = cell_means(rows.spectra, rows.index)

    def judged(predicted: NDArray) -> dict[str, float]:
        atoms = Errors.of(predicted, rows.spectra, scale)
        row = Errors.of(cell_means(predicted, rows.index), true_means, scale).row(scale)
        return {
            "score": round(float(np.sqrt(atoms.relative * row["lithium"])), 5),
            "atom": round(atoms.relative, 4),
            "cell": row["relative"],
            "cumulative": row["cumulative"],
            "lithium": row["lithium"],
        }

    def score(entry: dict[str, Any]) -> float:
        return float(entry["score"])

    compared: list[dict[str, Any]] = []
    for names in SETS:
        matrix = scaled_matrix(rows.blocks, names, everyone)
        gram = matrix @ matrix.T
        entries = [{"blocks": list(names), "ridge": r, **judged(held_out(gram, rows, fold, r))} for r in RIDGES]
        compared.append(min(entries, key=score))
        report(f"  {compared[-1]}")
    cheap = min((entry for entry in compared if not set(entry["blocks"]) & set(NEED_MOMENTS)), key=score)
    best = min(compared, key=score)
    taken = best if score(best) < (1 - WORTH) * score(cheap) else cheap
    matrix = scaled_matrix(rows.blocks, taken["blocks"], everyone)
    gram = matrix @ matrix.T
    predictions = {pair: held_out(gram, rows, fold, taken["ridge"], *pair) for pair in COMPONENTS}
    tried: list[dict[str, Any]] = [
        {"method": pair[0], "count": pair[1], **judged(predicted)} for pair, predicted in predictions.items()
    ]
    for entry in tried:
        report(f"  {entry}")
    chosen = min(tried, key=score)
    pair = (str(chosen["method"]), int(chosen["count"]))
    return Selection(tuple(taken["blocks"]), float(taken["ridge"]), *pair, predictions[pair], compared, tried)
