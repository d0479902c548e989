"""Training of the specialists: the valence of a metal from its own L2,3 edge alone, in any of its oxides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.library.assemble import DATA
from eelsmap.library.varied_ions import load_varied_ions
from eelsmap.library.white_lines import WhiteLines
from eelsmap.models.alone import AloneSpace, alone_features, edge_log_snr, fit_alone_space, stands_alone
from eelsmap.models.edge_spectra import PARTS, IonMixtures, make_edge_spectra
from eelsmap.models.evaluation_measured.scores import class_metrics
from eelsmap.models.fitting import ALONE, ALONE_SPREAD, FittedNumber, fit_number
from eelsmap.models.metrics import number_metrics
from eelsmap.models.training_spectra import TrainingSpectra, join_spectra
from eelsmap.preprocess.given_edges import stack_of_given_edges
from eelsmap.properties import PROPERTIES
from eelsmap.recipe import Recipe

__all__ = ["FITS", "SPECIALISTS", "Specialist", "fit_specialist", "ion_mixtures", "make_alone_spectra"]

SPECIALISTS = tuple(name for name, item in PROPERTIES.items() if item.edge is not None and not item.probability)
"""Properties that have one: those that rest on a single edge."""

FITS = 2 * (PARTS + 1)
"""Fits of one specialist."""


class Specialist(NamedTuple):
    """Trees and calibration, what the training spectra look like, and what held-out spectra say of it."""

    fitted: FittedNumber
    space: AloneSpace
    metrics: dict[str, Any]


def ion_mixtures(name: str, recipe: Recipe, /) -> IonMixtures:
    """Ions of the element of a property, from the shipped data."""
    edge = recipe.edge_set[str(PROPERTIES[name].edge)]
    return IonMixtures(edge, load_varied_ions(DATA / "varied_ions.npz"), WhiteLines.from_file(DATA / "multiplets.npz"))


def make_alone_spectra(
    name: str, mixtures: IonMixtures, recipe: Recipe, rows: int, rng: np.random.Generator, /
) -> TrainingSpectra:
    """Training spectra of a specialist.

    Parameters
    ----------
    name
        The property, for instance ``"mn_valence"``.
    mixtures
        Ions of its element.
    recipe
        The road.
    rows
        Number of spectra that are made; those that are lost in noise are left out.
    rng
        Source of randomness.

    Returns
    -------
    TrainingSpectra
        The groups are parts of the crystal fields.
    """
    edge = PROPERTIES[name].edge
    if edge is None:
        raise ValueError(f"{name} rests on no single edge")
    index = recipe.edge_set.index(edge)
    pieces = []
    for chunk in make_edge_spectra(mixtures, rows, rng):
        stack = stack_of_given_edges({edge: (chunk.energy, chunk.intensity)}, recipe)
        seen = stands_alone(stack, index)
        pieces.append(
            TrainingSpectra(
                alone_features(stack, edge, recipe, axis_uncertainty=chunk.axis_uncertainty)[seen],
                {name: chunk.valence[seen]},
                edge_log_snr(stack, index)[seen],
                chunk.part[seen],
                {"axis_uncertainty_eV": np.full(int(seen.sum()), chunk.axis_uncertainty)},
            )
        )
    return join_spectra(pieces)


def fit_specialist(
    name: str, recipe: Recipe, folder: Path, /, *, rows: int, seed: int, confidence: float, advance: Callable[[], None]
) -> Specialist:
    """Fit and calibrate the specialist of one property.

    Parameters
    ----------
    name
        The property.
    recipe
        The road.
    folder
        Folder for finished fits.
    rows
        Number of training spectra.
    seed
        Seed of everything random.
    confidence
        Share of the intervals that should hold the truth.
    advance
        Called after each fit.

    Returns
    -------
    Specialist
        All figures in it are measured on simulated spectra whose crystal fields the trees had not seen.
    """
    data = make_alone_spectra(name, ion_mixtures(name, recipe), recipe, rows, np.random.default_rng(seed))
    edge = recipe.edge_set[str(PROPERTIES[name].edge)]
    space = fit_alone_space(data.features, data.log_snr, data.group, edge)
    features = space.with_scores(data.features, edge)
    renamed = data._replace(features=features, labels={f"{name}_alone": data.labels[name]})
    fitted = fit_number(
        f"{name}_alone", renamed, folder, confidence=confidence, advance=advance, point=ALONE, spread=ALONE_SPREAD
    )
    return Specialist(fitted, space, _metrics(data.labels[name], fitted, data))


def _metrics(truth: NDArray[np.float64], fitted: FittedNumber, data: TrainingSpectra) -> dict[str, Any]:
    """Errors of held-out predictions: of all spectra, and of pure valences as classes."""
    limits = float(truth.min()), float(truth.max())
    value = np.clip(fitted.held_out, *limits)
    half = fitted.interval.half_width(fitted.held_out_spread, data.log_snr)
    pure = np.isclose(truth, np.round(truth))
    clear = data.log_snr >= 1.5
    stated = np.isfinite(data.conditions["axis_uncertainty_eV"])
    with np.errstate(invalid="ignore"):
        certain = stated & (data.conditions["axis_uncertainty_eV"] < 0.7)
    result: dict[str, Any] = {
        "measured_on": f"{truth.size} simulated spectra, crystal fields held out",
        "numbers": number_metrics(truth, value, value - half, value + half),
    }
    for label, rows in {
        "pure": pure,
        "pure, signal to noise above 32": pure & clear,
        "pure, signal to noise above 32, axis known to 0.7 eV": pure & clear & certain,
        "pure, signal to noise above 32, axis not known": pure & clear & ~stated,
    }.items():
        result[label] = class_metrics(truth[rows], value[rows], np.unique(np.round(truth)))
    return result
