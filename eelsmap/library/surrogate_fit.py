"""Fit the surrogate of the O K calculation on calculated cells, and measure its errors.

Usage: ``eelsmap library surrogate --cells FILE_OR_FOLDER --out eelsmap/data/oxygen_k_surrogate.npz --figures FOLDER``

Descriptors, ridge, components and the scale of the uncertainty are decided on the training side alone, by
cross-validation over families (`eelsmap.library.surrogate_selection`). Only then the cells of the test side are
predicted, once, for the table of errors. Deterministic; a few minutes for 250 cells. Needs ``dscribe`` and
``scikit-learn``.
"""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import gaussian_filter1d

from eelsmap.errors import LibraryError
from eelsmap.library import split
from eelsmap.library.active_choice import learning_curves
from eelsmap.library.assemble import GRIDS, oxygen_spectra
from eelsmap.library.cells import gather
from eelsmap.library.descriptors import Describer, DescriptorSettings
from eelsmap.library.ridge_regression import components_of, scaling
from eelsmap.library.surrogate import Surrogate, cells_sha256, save_surrogate
from eelsmap.library.surrogate_calibration import calibrate, reliability
from eelsmap.library.surrogate_errors import Errors, Scale, cell_means, nearest_in_composition, table
from eelsmap.library.surrogate_selection import Rows, Selection, scaled_matrix, select

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from eelsmap.library.cells import Cell

#: Axes whose eigenvalue is below this part of the ridge change no prediction and are left out of the file.
NEGLIGIBLE = 0.02
#: Full width of a Gaussian instrument, eV, through which errors are given a second time.
INSTRUMENT_EV = 1.0
TOOLS = ("dscribe", "numpy", "scikit-learn", "scipy")


def fit(cells: list[Cell], bin_edges: NDArray, report: Callable[[str], object] = print) -> Surrogate:
    """Fit and measure.

    Parameters
    ----------
    cells
        Calculated cells of all sides; those of the training side are fitted, those of the others only predicted.
    bin_edges
        Edges of their histograms, eV above E_F.
    report
        Told of the progress.

    Returns
    -------
    Surrogate

    Raises
    ------
    LibraryError
        Too few families, or none on the test side.
    """
    settings, energy = DescriptorSettings(), GRIDS["O_K"]
    spectra, factor = oxygen_spectra(cells, bin_edges)
    sides = [split.side(cell) for cell in cells]
    if "test" not in sides:
        raise LibraryError("none of the cells is on the test side: no error can be measured; calculate more cells")
    order = sorted(range(len(cells)), key=lambda i: (sides[i] != "train", cells[i].name))
    ordered, last = [cells[i] for i in order], sides.count("train")
    index = np.repeat(np.arange(len(cells)), [len(cell.oxygen) for cell in ordered])
    every = Rows(ordered, Describer(settings).many(ordered), np.concatenate([spectra[i] for i in order]), index)
    train, others = np.nonzero(index < last)[0], np.nonzero(index >= last)[0]
    blocks = {name: block[train] for name, block in every.blocks.items()}
    rows = Rows(ordered[:last], blocks, every.spectra[train], index[train])
    report(f"{last} cells with {len(train)} oxygen atoms train, {len(cells) - last} other cells test")
    scale = Scale.of(ordered, cell_means(every.spectra, index), energy)
    chosen = select(rows, scale, report)

    matrix = scaled_matrix(every.blocks, chosen.blocks, train)
    gram = matrix @ matrix.T
    noise, calibration = calibrate(gram, rows.index, rows.spectra, chosen.held_out, rows.folds(), chosen.ridge)
    header: dict[str, Any] = {
        "blocks": list(chosen.blocks),
        "descriptors": settings.as_dict(),
        "ridge": chosen.ridge,
        "method": chosen.method,
        "calibration": calibration,
        "factor": factor,
        "pre_edge": {"end_eV": scale.end, "share_per_lithium": scale.per_lithium, "correlation": scale.correlation},
        "cells_sha256": cells_sha256(cells),
        "training_cells": [cell.name for cell in rows.cells],
        "calculation_settings": sorted({cell.settings for cell in cells}),
        "versions": {name: importlib.metadata.version(name) for name in TOOLS},
        "compared_descriptors": chosen.descriptors_compared,
        "compared_components": chosen.components_compared,
    }
    surrogate = Surrogate(fitted_arrays(rows, chosen) | noise | {"energy": energy}, header)
    metrics, evidence = measured(surrogate, every, last, chosen.held_out, scale)
    tested = others[np.isin(index[others], [i for i, cell in enumerate(ordered) if split.side(cell) == "test"])]
    options: dict[str, Any] = {"ridge": chosen.ridge, "method": chosen.method, "count": chosen.count}
    curves = learning_curves(gram, train, tested, index, every.spectra, scale, **options)
    return Surrogate(surrogate.arrays | evidence, header | {"metrics": metrics, "learning_curves": curves})


def fitted_arrays(rows: Rows, chosen: Selection) -> dict[str, NDArray]:
    """Arrays of a `Surrogate`, fitted on all of some rows."""
    scaled = scaling(rows.blocks, chosen.blocks)
    matrix = (np.concatenate([rows.blocks[name] for name in chosen.blocks], axis=1) - scaled.mean) * scaled.scale
    # Principal axes through the small side of the matrix: atoms are fewer than descriptor columns.
    values, left = np.linalg.eigh(matrix @ matrix.T)
    kept = values > NEGLIGIBLE * chosen.ridge
    values, left = values[kept][::-1], left[:, kept][:, ::-1]
    coefficients, components, base = components_of(rows.spectra, chosen.method, chosen.count)
    offset = coefficients.mean(axis=0)
    return {
        "mean": scaled.mean,
        "scale": scaled.scale,
        "axes": (matrix.T @ left / np.sqrt(values)).astype(np.float32),
        "eigenvalues": values,
        "weights": (np.sqrt(values) / (values + chosen.ridge))[:, None] * (left.T @ (coefficients - offset)),
        "offset": offset,
        "components": components,
        "base": base,
        "floor": rows.spectra.min(axis=0) / 2,
    }


def measured(
    surrogate: Surrogate, every: Rows, last: int, cross_validated: NDArray, scale: Scale
) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Errors on the other sides beside two baselines, on held-out families, and how true the uncertainty is.

    Parameters
    ----------
    surrogate
        Fitted.
    every, last
        All rows, those of the first `last` cells being the training side.
    cross_validated
        (n, p) held-out spectra of the training side.
    scale
        What pre-edge shares are measured by.

    Returns
    -------
    metrics, arrays
        Tables for the header; mean spectrum and errors per energy on the test side.
    """
    other = every.index >= last
    index, true = every.index[other] - last, every.spectra[other]
    known, own = every.spectra[~other], every.index[~other]
    cells = every.cells[last:]
    found = [surrogate.evaluate(cell) for cell in cells]
    nearest = cell_means(known, own)[nearest_in_composition(cells, every.cells[:last])]
    ways = {
        "surrogate": np.concatenate([one.spectra for one in found]),
        "nearest composition": nearest[index],
        "mean spectrum": np.repeat(known.mean(axis=0)[None], len(true), axis=0),
    }
    # What uncertainty promises is judged on the test side; references are unlike anything that trained.
    judged = np.array([split.side(cell) == "test" for cell in cells])
    rows = judged[index]
    error = ways["surrogate"] - true
    promised = np.concatenate([one.uncertainty for one in found])
    average = np.array([one.average_uncertainty for one in found])
    far = np.concatenate([one.extrapolated for one in found])
    metrics: dict[str, Any] = {
        "test": {way: table(cells, index, values, true, scale) for way, values in ways.items()},
        "broadened": {"width_eV": INSTRUMENT_EV, **_through_instrument(ways["surrogate"], true, index, rows, scale)},
        "held_out_families": table(every.cells[:last], own, cross_validated, known, scale),
        "uncertainty": {
            "atom": reliability(error[rows], promised[rows]),
            "cell": reliability(cell_means(error, index)[judged], average[judged]),
        },
        "extrapolated": {
            "test": round(float(far[rows].mean()), 4),
            "others": round(float(far[~rows].mean()), 4) if (~rows).any() else None,
        },
    }
    arrays = {"mean_spectrum": known.mean(axis=0)}
    for way, values in ways.items():
        atoms = Errors.of(values[rows], true[rows], scale)
        means = Errors.of(cell_means(values[rows], index[rows]), cell_means(true[rows], index[rows]), scale)
        kind = way.split()[0]
        arrays |= {f"error_atom_{kind}": atoms.per_energy, f"error_cell_{kind}": means.per_energy}
    return metrics, arrays


def _through_instrument(
    predicted: NDArray, true: NDArray, index: NDArray, rows: NDArray, scale: Scale
) -> dict[str, dict[str, float]]:
    """Errors of atoms and of averages on the test side after broadening by an instrument."""
    width = INSTRUMENT_EV / np.sqrt(8 * np.log(2)) / (scale.energy[1] - scale.energy[0])
    seen, meant = (gaussian_filter1d(values[rows], width, axis=1) for values in (predicted, true))
    atoms = Errors.of(seen, meant, scale)
    means = Errors.of(cell_means(seen, index[rows]), cell_means(meant, index[rows]), scale)
    return {"atom": atoms.row(scale), "cell": means.row(scale)}


def fit_file(path: Path, out: Path, report: Callable[[str], object] = print) -> Surrogate:
    """Fit on calculated cells and write the surrogate.

    Parameters
    ----------
    path
        Compact file of cells, or folder of a run, as for `eelsmap.library.cells.gather`.
    out
        File to write.
    report
        Told of the progress.

    Raises
    ------
    LibraryError
        There are no such cells, or too few for a fit and a test.
    """
    cells, _, edges = gather([path])
    surrogate = fit(cells, edges, report)
    save_surrogate(surrogate, out)
    return surrogate
